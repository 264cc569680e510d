"""Which photos are meant, and where each one's answer goes."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from plantain.cli import STDIN
from plantain.errors import OutputError, UsageError
from plantain.files import sweep

ENDINGS = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif", ".heic")
)
OURS = re.compile(  # an answer of ours that lies among the photos is no photo
    r"\.(metric-depth|relative-depth|normals|semantic|instances|refer|detect|keypoints|edges|matte|panoptic|edit)"
    r"(\.overlay|\.kitti|\.mm|\.panoptic)?\.png$"
)


@dataclass(frozen=True)
class Job:
    """A photo and the folder of its answer."""

    photo: Path
    folder: Path
    stem: str


def find(words: Iterable[str], out: Path) -> list[Job]:
    """Files, folders (all photos below, subfolders kept in `out`), patterns, and `-` for a list on stdin.

    A file that is named but missing is kept: it gets its own error line while the others go on. UsageError where a
    folder or pattern holds no photo, or two photos would write the same files."""
    jobs: dict[Path, Job] = {}
    for word in words:
        for photo, below in _photos(word):
            jobs.setdefault(photo, Job(photo, out / below, photo.stem))
    _no_two_alike(jobs.values())
    return list(jobs.values())


def _photos(word: str) -> Iterator[tuple[Path, Path]]:
    """Photos that a word means, each with the subfolder it keeps."""
    path = Path(word)
    if word == STDIN:
        listed = [line.strip() for line in sys.stdin]
        yield from ((Path(line), Path()) for line in listed if line)
    elif path.is_dir():
        yield from _below(path, sorted(path.rglob("*")), f"the folder {word}")
    elif has_magic(word) and not path.exists():
        parts = path.parts
        fixed = Path(*parts[: next(i for i, part in enumerate(parts) if has_magic(part))])
        yield from _below(fixed, [Path(found) for found in sorted(glob(word, recursive=True))], f"the pattern {word!r}")
    else:
        yield path, Path()


def _below(base: Path, found: Sequence[Path], what: str) -> Iterator[tuple[Path, Path]]:
    photos = [path for path in found if is_photo(path)]
    if not photos:
        raise UsageError(f"no photo in {what}; looked for files ending in {' '.join(sorted(ENDINGS))}")
    yield from ((photo, photo.relative_to(base).parent) for photo in photos)


def is_photo(path: Path) -> bool:
    """By its name: a picture's ending, not hidden, not an answer of ours."""
    hidden = path.name.startswith(".")
    return path.suffix.lower() in ENDINGS and not hidden and not OURS.search(path.name) and path.is_file()


def _no_two_alike(jobs: Iterable[Job]) -> None:
    places: dict[tuple[Path, str], Path] = {}
    for job in jobs:
        other = places.setdefault((job.folder, job.stem), job.photo)
        if other != job.photo:
            raise UsageError(
                f"{other} and {job.photo} would both be written as {job.folder / job.stem}.*; give the folder above "
                "them (its subfolders are kept), rename one, or use two commands with different -o"
            )


def prepare(folders: Iterable[Path]) -> None:
    """Proves that the folders can be written (none is made yet) and clears what killed runs left. Else OutputError."""
    for folder in sorted(set(folders)):
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        try:
            with tempfile.TemporaryFile(dir=there):
                pass
        except OSError as error:
            raise OutputError(f"cannot write in {folder}: {error.strerror or error}; choose another with -o") from error
        sweep(folder)


def newer(answer: Path, photo: Path) -> bool:
    """Whether the answer was written after the photo."""
    try:
        return os.stat(answer).st_mtime_ns >= os.stat(photo).st_mtime_ns
    except OSError:
        return False

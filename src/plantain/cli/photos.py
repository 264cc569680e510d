"""Which photos are meant, and how their answers are called."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from pathlib import Path

from plantain.cli.terminal import STDIN
from plantain.errors import OutputError, UsageError
from plantain.files import sweep

ENDINGS = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".jp2", ".avif", ".heic")
)
CLIPS = frozenset((".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"))
JPEG = b"\xff\xd8"


@dataclass(frozen=True)
class PhotoFile:
    """A photo (a path, or the bytes of a picture), and how its answer is called below the folder of answers."""

    photo: Path | bytes
    below: Path
    name: str

    @property
    def id(self) -> str:
        return (self.below / self.name).as_posix()


def find(words: Iterable[str]) -> list[PhotoFile]:
    """Files, folders (all photos below, subfolders kept), patterns, and `-`: a picture or a list of files on stdin.

    A file that is named but missing is kept: it gets its own error line while the others go on. Photos whose answers
    would be called alike keep their endings, and where these are alike too, the name of their folder. UsageError where
    a folder, a pattern or stdin holds no photo."""
    found: dict[Path | bytes, PhotoFile] = {}
    for word in words:
        for one in _photos(word):
            found.setdefault(one.photo, one)
    return _told_apart(_told_apart(list(found.values()), _ending), _folder)


def _photos(word: str) -> Iterator[PhotoFile]:
    """Photos that a word means, each with the subfolder it keeps."""
    path = Path(word)
    if word == STDIN:
        yield from _from_stdin()
    elif not word.strip():
        raise UsageError("the name of a photo is empty; give a file, a folder, a pattern, or - for standard input")
    elif is_there(path) and path.is_dir():
        yield from _below(path, sorted(path.rglob("*")), f"the folder {word}")
    elif has_magic(word) and not is_there(path):
        parts = path.parts
        fixed = Path(*parts[: next(i for i, part in enumerate(parts) if has_magic(part))])
        yield from _below(fixed, [Path(one) for one in sorted(glob(word, recursive=True))], f"the pattern {word!r}")
    elif path.suffix.lower() in CLIPS and is_there(path):
        raise UsageError(f'{word} is a clip; ask about its frames, as in: plantain video {word} "metric depth"')
    else:
        yield PhotoFile(path, Path(), path.stem)


def is_there(path: Path) -> bool:
    """Whether a file or folder exists; words that are no file's name (too long, a null character) are none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _from_stdin() -> Iterator[PhotoFile]:
    """A picture itself, or a list of files, one a line."""
    content = _read_stdin().removeprefix(BOM_UTF8)
    if b"\0" in content or content.startswith(JPEG):
        yield PhotoFile(content, Path(), "stdin")
        return
    listed = [line.strip() for line in os.fsdecode(content).splitlines()]
    if not any(listed):
        raise UsageError("standard input is empty; send a picture, or a list of files, one a line")
    yield from (PhotoFile(Path(line), Path(), Path(line).stem) for line in listed if line)


def _read_stdin() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed; send a picture, or a list of files, one a line")
    binary = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read().encode() if binary is None else binary.read()


def _below(base: Path, found: Sequence[Path], what: str) -> Iterator[PhotoFile]:
    photos = [path for path in found if is_photo(path)]
    if not photos:
        raise UsageError(f"no photo in {what}; looked for files ending in {' '.join(sorted(ENDINGS))}")
    yield from (PhotoFile(photo, photo.relative_to(base).parent, photo.stem) for photo in photos)


def is_photo(path: Path) -> bool:
    """A picture by its ending, not hidden, and not a file of an answer of ours."""
    hidden = path.name.startswith(".")
    if hidden or path.suffix.lower() not in ENDINGS or not path.is_file():
        return False
    if path.suffix.lower() != ".png":
        return True
    from plantain.pipeline.store import is_answer

    return not is_answer(path)


def _told_apart(found: Sequence[PhotoFile], more: Callable[[PhotoFile], str]) -> list[PhotoFile]:
    """Those that are called alike get `more` in their names."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.id] = counts.get(one.id, 0) + 1
    return [replace(one, name=f"{one.name}{more(one)}") if counts[one.id] > 1 else one for one in found]


def _ending(one: PhotoFile) -> str:
    return one.photo.suffix if isinstance(one.photo, Path) else ""


def _folder(one: PhotoFile) -> str:
    """The name of the folder, and what tells it from others of that name."""
    if not isinstance(one.photo, Path):
        return ""
    folder = one.photo.resolve().parent
    return f".{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:6]}"


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

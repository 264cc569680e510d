"""Examples that are dropped on the page: photos and their answers, told apart by their names, or one archive of them,
brought into the form of a folder of examples and read as such."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from plantain.data.readers.examples import read_examples
from plantain.errors import PlantainError, UsageError
from plantain.serve.errors import ApiError
from plantain.serve.examples import PLACE
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_size, check_unpacked, size_of
from plantain.tasks import Task

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
FOLDERS = ("images", "labels", "masks", "depth", "answers")  # of an archive that has the form already
LOOSE = ("classes.txt", "annotations.json")
TAIL = re.compile(r"(?i)[._ -](?:mask|masks|label|labels|gt|answer|depth|matte|alpha)$")  # of an answer's name
MOST = 200  # files
HOW = (
    "drop each photo with its answer under the same name: one.jpg with one.png (white where the thing is, or class "
    "numbers), or one.jpg with one.semantic.npz as Plantain saves it; or a .zip of a folder of examples"
)


@dataclass(frozen=True)
class Dropped:
    """A file that was dropped: its name as its owner calls it, and where it lies."""

    name: str
    path: Path

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()


def read_dropped(files: Sequence[Dropped], task: Task, folder: Path, limits: Limits) -> list[tuple[Path, Any]]:
    """Photos with true answers, from what was dropped; `folder` is empty, and holds them afterwards.

    UsageError for what cannot be told apart or read, ApiError for too much."""
    if not files:
        raise UsageError(f"no examples were dropped; {HOW}")
    if len(files) > MOST:
        raise UsageError(f"{len(files)} files are more than {MOST}; drop fewer, or use plantain learn")
    try:
        if [one.suffix for one in files] == [".zip"]:
            _unpack(files[0].path, folder, limits)
        else:
            _arrange(files, task, folder)
        for answer in sorted((folder / "answers").glob("*")):
            check_unpacked(answer.read_bytes(), limits)
        for photo in sorted((folder / "images").glob("*")):
            check_size(*size_of(photo.read_bytes()), limits)
        return read_examples(folder, task)
    except PlantainError as error:  # nobody knows the folder by its name
        error.args = (str(error).replace(f"{folder}/", ""),)
        raise


def _arrange(files: Sequence[Dropped], task: Task, folder: Path) -> None:
    """Each photo into images/, its answer to where answers of its sort lie, under the photo's name."""
    for one in files:
        if one.name in LOOSE:
            _copy(one, folder / one.name)
    rest = [one for one in files if one.name not in LOOSE]
    photos, answers = _sorted(rest)
    for one in answers:
        owner = _owner(one, photos)
        at = PLACE.get(task.name, "masks")
        named = f"answers/{owner.stem}.{task.name}.npz" if one.suffix == ".npz" else f"{at}/{owner.stem}{one.suffix}"
        _copy(one, folder / named)
    for one in photos:
        _copy(one, folder / "images" / one.name)
    if (folder / "labels").is_dir() and not (folder / "classes.txt").exists():  # numbers in the order of the question
        (folder / "classes.txt").write_text("\n".join(task.queries) + "\n", encoding="utf-8")


def _sorted(files: Iterable[Dropped]) -> tuple[list[Dropped], list[Dropped]]:
    """Photos and answers. Of two pictures of one name the PNG is the answer."""
    photos, answers = list[Dropped](), list[Dropped]()
    pictures = {one.stem for one in files if one.suffix in PHOTOS and one.suffix != ".png"}
    for one in files:
        whose = TAIL.sub("", one.stem)
        answer = one.suffix in (".npz", ".npy") or (one.suffix == ".png" and (whose != one.stem or whose in pictures))
        if not answer and one.suffix not in PHOTOS:
            raise UsageError(f"{one.name} is neither a photo nor an answer; {HOW}")
        (answers if answer else photos).append(one)
    if not photos or not answers:
        raise UsageError(f"there is no {'photo' if not photos else 'answer'} among the files; {HOW}")
    return photos, answers


def _owner(answer: Dropped, photos: Sequence[Dropped]) -> Dropped:
    """The photo that an answer is about: of the same name, or of the longest beginning of it."""
    stem = TAIL.sub("", answer.stem)
    fits = [one for one in photos if stem == one.stem or stem.startswith(f"{one.stem}.")]
    if not fits:
        raise UsageError(f"{answer.name} has no photo of its name; {HOW}")
    return max(fits, key=lambda one: len(one.stem))


def _copy(one: Dropped, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.exists():
        raise UsageError(f"two files are called {to.name}; give every file a name of its own")
    shutil.copyfile(one.path, to)


def _unpack(archive: Path, folder: Path, limits: Limits) -> None:
    """A folder of examples from a .zip, whether it holds the folder or what is in it. What it would take unpacked is
    looked at before anything is, and names that lead elsewhere are refused."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [one for one in opened.infolist() if not one.is_dir() and "__MACOSX" not in one.filename]
            if sum(one.file_size for one in entries) > limits.job_bytes or len(entries) > 2 * MOST:
                most = limits.job_bytes / 2**20
                raise ApiError(413, "too_large", f"the archive unpacks to more than {most:g} MiB, or too many files")
            for one in entries:
                if (to := _place_in(one.filename)) is not None:
                    (folder / to).parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(one) as source, (folder / to).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise UsageError(f"the archive cannot be read ({error}); {HOW}") from error


def _place_in(name: str) -> PurePosixPath | None:
    """Where a member belongs: from the first folder of examples on; None for what is none of them.

    >>> str(_place_in("plates/images/one.jpg")), _place_in("../images/../../etc/passwd")
    ('images/one.jpg', None)
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    start = next((i for i, part in enumerate(parts) if part in FOLDERS), None)
    if start is None:
        return PurePosixPath(parts[-1]) if parts and parts[-1] in LOOSE else None
    inside = parts[start:]
    return None if ".." in parts or len(inside) < 2 else PurePosixPath(*inside)

"""A folder of photos and labels in a format: written as it grows, the same bytes for the same labels.

A file that people changed by hand since it was written is never overwritten."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from plantain.errors import OutputError, UsageError
from plantain.files import read_text, writing
from plantain.imaging.photo import read_photo
from plantain.label import cvat
from plantain.label.formats import Format, Fragment, Picture

PLAIN = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")  # pictures that all tools read
CHANGED = "{} was changed since it was written; give it as --corrections, and another folder with -o"
SPOOL = "labels.part"


def name_of(id: str, photo: Path) -> str:
    """What a photo is called in a set: formats that tools do not read become PNG."""
    ending = photo.suffix.lower() if photo.suffix.lower() in PLAIN else ".png"
    return f"{id}{photo.suffix if ending != '.png' or photo.suffix.lower() == '.png' else ending}"


def lay(photo: Path, target: Path) -> None:
    """Puts a photo into a set: a link to the same file where the system can, else a copy. PhotoError, OutputError."""
    try:
        state = photo.stat()
        if target.exists() and (os.path.samefile(photo, target) or target.stat().st_mtime_ns == state.st_mtime_ns):
            return
        with writing(target) as beside:
            if photo.suffix.lower() not in PLAIN:
                Image.fromarray(read_photo(photo)).save(beside, format="PNG", compress_level=3)
                os.utime(beside, ns=(state.st_atime_ns, state.st_mtime_ns))
                return
            try:
                os.link(photo, beside)
            except OSError:
                shutil.copy2(photo, beside)
    except OSError as error:
        raise OutputError(f"cannot put {photo} into {target.parent}: {error.strerror or error}") from error


class LabelSet:
    """A set that is being written. `before`: hashes of what an earlier run wrote, by the place of the file, photos with
    no hash. After `close`, `written` is the same of this run; `changed` are files left as people made them."""

    def __init__(self, folder: Path, format: Format, classes: Sequence[str], before: Mapping[str, str | None]) -> None:
        self.folder, self.format, self.classes, self.before = folder, format, classes, before
        self.written: dict[str, str | None] = {}
        self.changed: list[str] = []
        self.count = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._spool = (folder / SPOOL).open("w", encoding="utf-8")

    def add(self, picture: Picture, photo: Path, fragment: Fragment) -> None:
        """The labels of one photo, and the photo. Raises OutputError, PhotoError."""
        place = f"{self.format.pictures}/{picture.name}"
        lay(photo, self.folder / place)
        self.written[place] = None
        self.count += 1
        if self.format.one_file:
            self._spool.write(json.dumps([picture.name, fragment]) + "\n")
            return
        text = fragment if isinstance(fragment, str) else json.dumps(fragment, indent=1) + "\n"
        self._put(self.format.place(picture), text)

    def _put(self, place: str, text: str) -> None:
        """A file, unless somebody changed it by hand."""
        new, path = _hash(text.encode()), self.folder / place
        there = _hash(path.read_bytes()) if path.exists() else None
        if there is not None and there not in (new, self.before.get(place)):
            self.changed.append(place)
            return
        if there != new:
            with writing(path) as beside:
                beside.write_text(text, encoding="utf-8")
        self.written[place] = new

    def close(self) -> None:
        """Writes what is about all photos; takes away labels of earlier runs that hold no more."""
        self._spool.close()
        if self.format.one_file:
            self._join()
        (self.folder / SPOOL).unlink()
        if self.format.name == "yolo":
            self._put("data.yaml", _yaml(self.classes))
        for place, known in self.before.items():
            path = self.folder / place
            if place in self.written or place in self.changed or not path.exists():
                continue
            if known is None or _file_hash(path) == known:
                path.unlink()
            else:
                self.changed.append(place)

    def _join(self) -> None:
        """The one file of all labels. UsageError where somebody changed it by hand."""
        place, path = self.format.labels, self.folder / self.format.labels
        with writing(path) as beside:
            with beside.open("w", encoding="utf-8") as out:
                out.writelines((_cvat if self.format.name == "cvat" else _coco)(self))
            new = _file_hash(beside)
            if path.exists() and _file_hash(path) not in (new, self.before.get(place)):
                raise UsageError(CHANGED.format(path))
        self.written[place] = new

    def fragments(self) -> Iterator[tuple[int, str, Any]]:
        """Number, from 1, name and labels of every photo so far."""
        with (self.folder / SPOOL).open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                name, fragment = json.loads(line)
                yield number, name, fragment


def require_unchanged(folder: Path, format: Format, before: Mapping[str, str | None]) -> None:
    """UsageError where the one file of all labels was changed by hand: nothing is asked for what cannot be written."""
    path, known = folder / format.labels, before.get(format.labels)
    if format.one_file and known is not None and path.exists() and _file_hash(path) != known:
        raise UsageError(CHANGED.format(path))


def _cvat(made: LabelSet) -> Iterator[str]:
    yield cvat.head(made.classes, made.count)
    for number, name, fragment in made.fragments():
        yield cvat.numbered(fragment, number - 1, name)
    yield cvat.TAIL


def _coco(made: LabelSet) -> Iterator[str]:
    """COCO's file, a row a line, of which none is kept in memory."""
    names = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(made.classes, 1)]
    yield f'{{"info": {{"description": "labeled by plantain"}},\n"categories": {json.dumps(names, ensure_ascii=False)}'
    yield ',\n"images": ['
    for number, name, fragment in made.fragments():
        row = {"id": number} | fragment["image"] | {"file_name": name}
        yield f"{',' if number > 1 else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield '\n],\n"annotations": ['
    count = 0
    for number, _, fragment in made.fragments():
        for own in fragment["annotations"]:
            count += 1
            row = {"id": count, "image_id": number} | own
            yield f"{',' if count > 1 else ''}\n{json.dumps(row, ensure_ascii=False)}"
    yield "\n]}\n"


def _yaml(classes: Sequence[str]) -> str:
    """data.yaml as Ultralytics and supervision read it; the split is for people to make."""
    import yaml

    about = {"train": "images", "val": "images", "nc": len(classes), "names": list(classes)}
    text: str = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    return text


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


# ---- a line a photo


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    with writing(path) as beside:
        beside.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read_record(path: Path) -> dict[str, Any]:
    """What a run says of itself; {} where there was none."""
    return dict(json.loads(read_text(path))) if path.exists() else {}

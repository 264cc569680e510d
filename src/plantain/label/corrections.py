"""What people corrected: labels of some photos, in any of the formats, or masks as pictures. They stand as they are,
and the rest is learned from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.readers.base import full_confidence
from plantain.data.readers.folder import read_labels, read_masks
from plantain.errors import TruthError, UsageError
from plantain.imaging.photo import photo_size
from plantain.label.areas import Area, areas_of, detections
from plantain.label.formats import DAMAGED, EXACT, FORMATS, Format, Fragment, heard
from plantain.predictions.types import Instances, Labels
from plantain.tasks.asked import as_labels

WANTED = "wanted are labels of COCO, YOLO, Pascal VOC, LabelMe or CVAT, or masks/CLASS/NAME.png, or labels/NAME.png"


@dataclass(frozen=True, eq=False)
class Corrected:
    """A photo's true labels: `areas`, supervision.Detections with masks; `fragment`: the same as their tool wrote it,
    where it is in the format that is wanted."""

    size: tuple[int, int]
    areas: Any
    fragment: Fragment | None = None

    def truth(self, classes: Sequence[str]) -> Labels:
        """As a class a pixel, for learning; of areas that overlap the smaller one counts."""
        width, height = self.size
        masks = np.zeros((0, height, width), bool) if not len(self.areas) else np.array(list(self.areas.mask))
        things = Instances(
            boxes=self.areas.xyxy.astype(np.float32),
            labels=np.asarray(self.areas.class_id, np.int64),
            classes=tuple(classes),
            scores=np.ones(len(masks), np.float32),
            masks=masks,
            confidence=full_confidence(height, width),
        )
        return as_labels(things, tuple(classes), True)


def read_all(
    folders: Sequence[Path], photos: Mapping[str, Path], classes: Sequence[str], format: Format, *, apart: bool
) -> dict[str, Corrected]:
    """What several folders hold, by the ids of the photos; later ones count. `apart`: of masks as pictures every piece
    is a thing. UsageError for a folder without labels, photos that are not there, and classes that are not asked for;
    TruthError for damaged labels."""
    found: dict[str, Corrected] = {}
    for folder in folders:
        own = dict(_read(folder, photos, classes, format, apart))
        if not own:
            raise UsageError(f"no corrected labels in {folder}; {WANTED}")
        found |= own
    return found


def _read(
    folder: Path, photos: Mapping[str, Path], classes: Sequence[str], wanted: Format, apart: bool
) -> Iterator[tuple[str, Corrected]]:
    if not folder.is_dir():
        raise UsageError(f"no such folder of corrections: {folder}")
    ids = _Ids(photos, folder)
    for format in (wanted, *(one for one in FORMATS.values() if one.hear is not wanted.hear)):
        try:
            fragments = list(format.read(folder, classes))
        except DAMAGED as error:
            raise TruthError(f"{folder} cannot be read as {format.name}: {error}") from error
        for key, fragment in fragments:
            name = ids.of(key)
            size = photo_size(photos[name])
            try:
                areas = heard(format, fragment, size, classes, masks=True)
            except (TruthError, UsageError) as error:
                raise type(error)(f"{folder}, {key}: {error}") from error
            yield name, Corrected(size, areas, fragment if format.hear is wanted.hear else None)
        if fragments:
            return
    yield from _masks(folder, ids, classes, apart)


class _Ids:
    """Which photo a label is of: by its place, else by its name, where one photo alone is called so."""

    def __init__(self, photos: Mapping[str, Path], folder: Path) -> None:
        self.photos, self.folder = photos, folder
        self.by_name: dict[str, list[str]] = {}
        for id in photos:
            self.by_name.setdefault(id.rsplit("/", 1)[-1], []).append(id)

    def of(self, key: str) -> str:
        """UsageError where none is, or several are."""
        if key in self.photos:
            return key
        same = self.by_name.get(key.rsplit("/", 1)[-1], [])
        if len(same) != 1:
            said = "no photo is called so" if not same else f"several are: {', '.join(same)}"
            raise UsageError(f"{self.folder} has labels of {key}, and {said} in the folder of photos")
        return same[0]


# ---- masks as pictures


def _masks(folder: Path, ids: _Ids, classes: Sequence[str], apart: bool) -> Iterator[tuple[str, Corrected]]:
    """masks/CLASS/NAME.png, masks/NAME.png of the one class, labels/NAME.png with classes.txt."""
    for path in sorted((folder / "labels").glob("*.png")):
        answer = read_labels(path, folder / "classes.txt")
        yield ids.of(path.stem), _of_answer(answer, path, classes, apart)
    planes: dict[str, dict[str, Path]] = {}
    for path in sorted([*(folder / "masks").glob("*/*.png"), *(folder / "masks").glob("*.png")]):
        name = path.parent.name if path.parent != folder / "masks" else classes[0]
        planes.setdefault(path.stem, {})[name] = path
    for stem, paths in planes.items():
        alpha = read_masks(paths)
        ids_of = as_labels(alpha, alpha.names, True)
        yield ids.of(stem), _of_answer(ids_of, next(iter(paths.values())), classes, apart)


def _of_answer(answer: Labels, path: Path, classes: Sequence[str], apart: bool) -> Corrected:
    if strange := [name for name in answer.classes if name not in classes and name != "background"]:
        raise UsageError(f"{path} is of {strange[0]!r}, which is not among the classes: {', '.join(classes)}")
    ground = answer.classes.index("background") if "background" in answer.classes else None
    ids = answer.ids if ground is None else np.where(answer.ids == ground, np.int16(-1), answer.ids)
    known = Labels(ids=ids, classes=answer.classes, confidence=answer.confidence)
    areas: list[Area] = list(areas_of(known, classes, apart, speck=0.0))
    made = detections(areas, [True] * len(areas))
    made.data[EXACT] = np.ones(len(areas), bool)
    return Corrected(answer.size, made)

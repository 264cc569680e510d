"""ADE20K scene parsing, 150 classes, as published: ADEChallengeData2016.zip.

read_ade20k(root, "validation")     # 2,000 photos of any size
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from plantain.data.base import Example
from plantain.data.excerpts import labels
from plantain.data.readers.base import Layout, in_order, need, read_lines, step_in
from plantain.errors import PhotoError

LAYOUT = Layout(
    "ADE20K",
    """\
ADEChallengeData2016/
  images/{training,validation}/ADE_val_00000001.jpg
  annotations/{training,validation}/ADE_val_00000001.png     0 = unlabelled, 1..150 = the classes
  objectInfo150.txt                                          a class a line, tabs between: number ... names
""",
    needed=("images/{split}/*.jpg", "annotations/{split}/*.png", "objectInfo150.txt"),
    splits=("training", "validation"),
)
MINUS_ONE = np.arange(-1, 255, dtype=np.int16)  # stored value -> index of the class; 0, unlabelled, -> -1


def read_ade20k(root: Path, split: str) -> list[Example]:
    """Photos with "labels" (150 classes by their first names, -1 = unlabelled). Fact: `synonyms`, names by class."""
    root = step_in(root, "ADEChallengeData2016")
    LAYOUT.check(root, split)
    synonyms = read_names(root / "objectInfo150.txt")
    examples = []
    for photo in (root / "images" / split).glob("*.jpg"):
        path = need(root / "annotations" / split / f"{photo.stem}.png", LAYOUT)
        truth = partial(labels, path, tuple(synonyms), None, MINUS_ONE)
        examples.append(Example("ade20k", photo.stem, photo, split, {"labels": truth}, {"synonyms": synonyms}))
    return in_order(examples, LAYOUT)


def read_names(path: Path) -> dict[str, tuple[str, ...]]:
    """The classes in order: first name -> all names."""
    rows = [line.split("\t") for line in read_lines(path)[1:]]
    names = [tuple(name.strip() for name in row[-1].split(",")) for row in rows]
    numbers = [row[0].strip() for row in rows]
    if numbers != [str(place) for place in range(1, len(rows) + 1)] or len({n[0] for n in names}) < len(names):
        raise PhotoError(f"{path} should number the classes from 1, tabs between; take the file of the zip")
    return {every[0]: every for every in names}

"""Cityscapes as published: leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, unpacked side by side.

read_cityscapes(root, "val")     # 500 photos of 1024 x 2048
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.excerpts import labels, png
from plantain.data.readers.base import Layout, in_order, instances_of, stacked
from plantain.predictions.types import Instances

LAYOUT = Layout(
    "Cityscapes",
    """\
cityscapes/
  leftImg8bit/{train,val,test}/frankfurt/frankfurt_000000_000294_leftImg8bit.png
  gtFine/{train,val}/frankfurt/frankfurt_000000_000294_gtFine_labelIds.png
  gtFine/{train,val}/frankfurt/frankfurt_000000_000294_gtFine_instanceIds.png
""",
    needed=("leftImg8bit/{split}/*/*_leftImg8bit.png",),
    splits=("train", "val", "test"),
)
# The 19 evaluated labels by their id. Source: mcordts/cityscapesScripts, cityscapesscripts/helpers/labels.py
EVALUATED = {7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole", 19: "traffic light",
             20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky", 24: "person", 25: "rider", 26: "car",
             27: "truck", 28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle"}  # fmt: skip
CLASSES = tuple(EVALUATED.values())
THINGS = {i: name for i, name in EVALUATED.items() if i >= 24}
TRAIN_IDS = np.array([list(EVALUATED).index(i) if i in EVALUATED else -1 for i in range(256)], np.int16)


def read_cityscapes(root: Path, split: str) -> list[Example]:
    """Photos with "labels" (19 classes; void and ignored labels -1), "instances" (8 classes of things) and "crowds"
    (groups that nobody counted). The annotations of "test" are not public.

    Facts: `label_ids` and `instance_ids`, the paths of the two PNGs that the official scorer reads, and `city`."""
    LAYOUT.check(root, split)
    photos = root.glob(f"leftImg8bit/{split}/*/*_leftImg8bit.png")
    return in_order((_example(root, split, photo) for photo in photos), LAYOUT)


def _example(root: Path, split: str, photo: Path) -> Example:
    stem, city = photo.name.removesuffix("_leftImg8bit.png"), photo.parent.name
    if split == "test":
        return Example("cityscapes", stem, photo, split, {}, {"city": city})
    base = root / "gtFine" / split / city / f"{stem}_gtFine"
    label_ids, instance_ids = (base.with_name(f"{base.name}_{name}.png") for name in ("labelIds", "instanceIds"))
    LAYOUT.require(root, (label_ids, instance_ids))
    truths: Mapping[str, Callable[[], Any]] = {
        "labels": partial(labels, label_ids, CLASSES, None, TRAIN_IDS),
        "instances": partial(cityscapes_things, instance_ids),
        "crowds": partial(cityscapes_things, instance_ids, crowds=True),
    }
    facts = {"label_ids": label_ids, "instance_ids": instance_ids, "city": city}
    return Example("cityscapes", stem, photo, split, truths, facts)


def cityscapes_things(path: Path, crowds: bool = False) -> Instances:
    """Things of an instanceIds PNG: label x 1000 + number for one thing, the label alone for a group (a crowd)."""
    stored = png(path).astype(np.int32)
    ids = [int(i) for i in np.unique(stored) if (i < 1000) == crowds and (i if crowds else i // 1000) in THINGS]
    masks = stacked((stored == i for i in ids), *stored.shape)
    labels = [list(THINGS).index(i if crowds else i // 1000) for i in ids]
    return instances_of(masks, labels, THINGS.values(), stored.shape[::-1])

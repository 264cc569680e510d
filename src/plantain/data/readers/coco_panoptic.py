"""COCO 2017's panoptic segments as published, and PNGs of the same form.

read_coco_panoptic(root, "val")      # 5,000 photos
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Int
from plantain.data.base import Example
from plantain.data.excerpts import png
from plantain.data.readers.base import field, full_confidence, in_order, instances_of, read_json, stacked
from plantain.data.readers.coco import Id, Record, coco_layout, identified, identifier, photo_of
from plantain.errors import TruthError
from plantain.predictions.types import Instances, Panoptic

LAYOUT = coco_layout("COCO panoptic", "panoptic_{split}2017.json")


def read_coco_panoptic(root: Path, split: str) -> list[Example]:
    """Photos with "panoptic" (also as "labels"; 133 classes, -1 = void), "instances" and, where some are, "crowds".

    Facts: `segments`, the rows (id, category_id, area, bbox, iscrowd) of segments 1, 2, ... of "panoptic"; `path` of
    the PNG whose colors are the ids, R + 256 G + 65536 B; `things`, the classes that are things."""
    LAYOUT.check(root, split)
    file = root / "annotations" / f"panoptic_{split}2017.json"
    content = read_json(file, "images", "annotations", "categories")
    images = identified(file, "image", content["images"], "file_name")
    categories = sorted(identified(file, "category", content["categories"], "name"), key=lambda row: row["id"])
    pages = {identifier(row.get("image_id")): row for row in content["annotations"]}
    examples = []
    for image in images:
        page = field(pages, image["id"], f"{file}: the list of annotations")
        path = file.with_suffix("") / field(page, "file_name", f"{file}: the annotation of image {image['id']}")
        LAYOUT.require(root, (photo_of(root, split, image), path))
        segments = Segments(file, path, page.get("segments_info") or [], {row["id"]: row for row in categories})
        facts = {"segments": segments.rows, "path": path, "things": segments.things}
        photo = photo_of(root, split, image)
        examples.append(Example("coco-panoptic", str(image["id"]), photo, split, segments.truths(), facts))
    return in_order(examples, LAYOUT)


@dataclass(frozen=True)
class Segments:
    """The segments of one photo: the JSON file, the PNG, the photo's rows, the categories by id."""

    file: Path
    path: Path
    rows: Sequence[Record]
    categories: Mapping[Id, Record]

    @property
    def names(self) -> dict[Id, str]:
        return {number: plain_name(row["name"]) for number, row in self.categories.items()}

    @property
    def things(self) -> tuple[str, ...]:
        """The classes that can be counted."""
        return tuple(plain_name(row["name"]) for row in self.categories.values() if row.get("isthing"))

    def truths(self) -> dict[str, Any]:
        truths: dict[str, Any] = {"panoptic": self.panoptic, "labels": self.panoptic, "instances": self.instances}
        if any(row.get("iscrowd") for row in self.rows):
            truths["crowds"] = partial(self.instances, crowds=True)
        return truths

    def panoptic(self) -> Panoptic:
        """All segments, crowds too: segment i + 1 is row i."""
        return replace(panoptic_of(self.path, self.rows, self.names, self.file), things=self.things)

    def instances(self, crowds: bool = False) -> Instances:
        """The segments of things, or those that nobody counted."""
        stored = segment_ids(self.path)
        labels = places(self.rows, self.names, self.file)
        check_segments(self.path, stored, self.rows)
        kept = [
            (row["id"], label)
            for row, label in zip(self.rows, labels, strict=True)
            if self.categories[identifier(row["category_id"])].get("isthing") and bool(row.get("iscrowd")) == crowds
        ]
        masks = stacked((stored == number for number, _ in kept), *stored.shape)
        return instances_of(masks, [label for _, label in kept], self.names.values(), stored.shape[::-1])


def plain_name(name: str) -> str:
    """A panoptic class by the word that people use.

    >>> plain_name("floor-other-merged"), plain_name("wall-brick"), plain_name("mirror-stuff")
    ('floor', 'wall-brick', 'mirror')
    """
    for tail in ("-merged", "-other", "-stuff"):
        name = name.removesuffix(tail)
    return name


def segment_ids(path: Path) -> Int[np.ndarray, "h w"]:
    """The ids in a panoptic PNG. Source: cocodataset/panopticapi, utils.py, rgb2id."""
    stored = png(path)
    if stored.ndim != 3:
        raise TruthError(f"{path} has one channel; a panoptic PNG holds the ids in its colors, R + 256 G + 65536 B")
    return np.asarray(stored[..., :3].astype(np.int32) @ np.array([1, 256, 65536], np.int32))


def places(rows: Sequence[Record], names: Mapping[Id, str], file: Path) -> list[int]:
    """Each row's class as its place in the order of category ids. TruthError for a class that is not listed."""
    order = {category: index for index, category in enumerate(names)}
    for row in rows:
        if identifier(row.get("category_id")) not in order:
            raise TruthError(f"{file}: segment {row.get('id')} has the category_id {row.get('category_id')!r}, which "
                             "`categories` does not list; mend or remove the row")  # fmt: skip
    return [order[identifier(row["category_id"])] for row in rows]


def check_segments(path: Path, stored: Int[np.ndarray, "h w"], rows: Sequence[Record]) -> None:
    """TruthError where the PNG and the rows do not name the same segments, as panopticapi's evaluation refuses them."""
    listed, drawn = {row.get("id") for row in rows}, set(np.unique(stored).tolist()) - {0}
    if drawn != listed:
        only = [f"no pixel of segment {number}" for number in sorted(listed - drawn, key=str)]
        only += [f"segment {number}, which segments_info does not list" for number in sorted(drawn - listed)]
        raise TruthError(f"{path} has {only[0]}; take a PNG and a JSON file that belong together")


def panoptic_of(path: Path, rows: Sequence[Record], names: Mapping[Id, str], file: Path) -> Panoptic:
    """All segments of a PNG, crowds too: segment i + 1 is row i. `file`: where the rows come from."""
    stored, labels = segment_ids(path), np.array(places(rows, names, file), np.int32)
    check_segments(path, stored, rows)
    numbers = np.zeros(stored.shape, np.int32)
    for number, row in enumerate(rows, 1):
        numbers[stored == row["id"]] = number
    return Panoptic(
        ids=np.concatenate([[-1], labels]).astype(np.int16)[numbers],
        classes=tuple(names.values()),
        segments=numbers,
        segment_labels=labels,
        segment_scores=np.ones(len(rows), np.float32),
        confidence=full_confidence(*stored.shape),
    )

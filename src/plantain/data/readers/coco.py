"""COCO 2017 as published: instances, keypoints of people, panoptic segments, captions.

read_coco(root, "val")      # 5,000 photos; also read_coco_keypoints, read_coco_panoptic, read_coco_captions

Annotation rows stay as they are in `facts`, for whoever scores: bbox is x, y, width, height in pixels, area is of the
mask, iscrowd says that nobody counted the things in it. LVIS, RefCOCO and people's own COCO files are read by the same
functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.data.base import Example
from plantain.data.excerpts import keypoints, png, rle_mask
from plantain.data.readers.base import Layout, certain, fill_polygons, in_order, instances_of, read_json, stacked
from plantain.errors import TruthError
from plantain.predictions.types import Instances, Panoptic

Record = dict[str, Any]  # an image, annotation or category as the JSON file has it
TREE = """\
coco/
  {train,val}2017/000000000139.jpg
  annotations/instances_{train,val}2017.json
  annotations/person_keypoints_{train,val}2017.json
  annotations/captions_{train,val}2017.json
  annotations/panoptic_{train,val}2017.json
  annotations/panoptic_{train,val}2017/000000000139.png
"""


def _layout(name: str, *needed: str) -> Layout:
    return Layout(name, TREE, ("{split}2017", *(f"annotations/{one}" for one in needed)), ("train", "val"))


INSTANCES = _layout("COCO", "instances_{split}2017.json")
KEYPOINTS = _layout("COCO keypoints", "person_keypoints_{split}2017.json")
CAPTIONS = _layout("COCO captions", "captions_{split}2017.json")
PANOPTIC = _layout("COCO panoptic", "panoptic_{split}2017.json")


@dataclass(frozen=True)
class Book:
    """A COCO annotation file: images, each image's annotations in the order of the file, categories by their ids."""

    images: Sequence[Record]
    rows: Mapping[int, Sequence[Record]]
    categories: Sequence[Record]

    @property
    def names(self) -> dict[int, str]:
        """Class names by category id, in the order of ids."""
        return {row["id"]: row["name"] for row in self.categories}

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints ("left eye") of the first category that has some."""
        named = next((row["keypoints"] for row in self.categories if row.get("keypoints")), ())
        return tuple(name.replace("_", " ") for name in named)

    def apart(self, image: Record) -> tuple[list[Record], list[Record]]:
        """The image's counted things, and its crowds."""
        rows = self.rows.get(image["id"], ())
        return [row for row in rows if not row.get("iscrowd")], [row for row in rows if row.get("iscrowd")]


def read_book(path: Path) -> Book:
    """Reads an annotation file; PhotoError where it is none."""
    content = read_json(path, "images", "annotations")
    rows: dict[int, list[Record]] = {}
    for row in content["annotations"]:
        rows.setdefault(row["image_id"], []).append(row)
    return Book(content["images"], rows, sorted(content.get("categories", []), key=lambda row: row["id"]))


def mask_of(segmentation: Any, width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """A mask from polygons, run lengths (compressed or not) or a list of run lengths, whose areas are joined."""
    if isinstance(segmentation, Mapping):
        mask = rle_mask(dict(segmentation))
        if mask.shape != (height, width):
            raise TruthError(f"run lengths of {mask.shape[1]} x {mask.shape[0]} pixels, a photo of {width} x {height}")
        return mask
    if segmentation and isinstance(segmentation[0], Mapping):
        return np.any([mask_of(one, width, height) for one in segmentation], axis=0)
    return fill_polygons(segmentation, width, height)


def xyxy(boxes: Sequence[Sequence[float]]) -> Float[np.ndarray, "n 4"]:
    """COCO's x, y, width, height as x0, y0, x1, y1."""
    table = np.array(boxes, np.float64).reshape(-1, 4)
    return np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], axis=1)


def things(rows: Sequence[Record], names: Mapping[int, str], width: int, height: int) -> Instances:
    """Annotation rows as things: the annotated boxes, labels in the order of category ids, masks if all have some."""
    masks = None
    if all("segmentation" in row for row in rows):
        masks = stacked((mask_of(row["segmentation"], width, height) for row in rows), height, width)
    boxes = xyxy([row["bbox"] for row in rows])
    return instances_of(masks, places(rows, names), names.values(), (width, height), boxes)


def places(rows: Sequence[Record], names: Mapping[int, str]) -> list[int]:
    """Each row's class as its place in the order of category ids."""
    place = {category: index for index, category in enumerate(names)}
    return [place[row["category_id"]] for row in rows]


def things_of(book: Book, image: Record, names: Mapping[int, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Truths "instances" and, where some are, "crowds"; facts `annotations` and `crowds`, their rows in that order."""
    counted, crowds = book.apart(image)
    size = (image["width"], image["height"])
    truths = {"instances": partial(things, counted, names, *size)}
    if crowds:
        truths["crowds"] = partial(things, crowds, names, *size)
    return truths, {"annotations": counted, "crowds": crowds}


def read_coco(root: Path, split: str) -> list[Example]:
    """Photos with "instances" and "crowds" of 80 classes. Facts: `annotations`, `crowds`, `names` by category id."""
    book = _book(root, split, INSTANCES, "instances")
    names, examples = book.names, []
    for image in book.images:
        truths, facts = things_of(book, image, names)
        examples.append(_example("coco", root, split, image, truths, facts | {"names": names}))
    return in_order(examples, INSTANCES)


def _book(root: Path, split: str, layout: Layout, kind: str) -> Book:
    layout.check(root, split)
    book = read_book(root / "annotations" / f"{kind}_{split}2017.json")
    layout.require(root, (_photo(root, split, image) for image in book.images))
    return book


def _photo(root: Path, split: str, image: Record) -> Path:
    return root / f"{split}2017" / image["file_name"]


def _example(
    source: str, root: Path, split: str, image: Record, truths: Mapping[str, Any], facts: Mapping[str, Any]
) -> Example:
    return Example(source, str(image["id"]), _photo(root, split, image), split, truths, facts)


def read_coco_keypoints(root: Path, split: str) -> list[Example]:
    """Every photo of the split, with the people in it as "instances" and "crowds", and "keypoints" where exactly one
    person has labelled joints and nobody is in a crowd.

    Facts: `annotations` (rows with `keypoints`: x, y, v of 17 joints, v = 0 not labelled, 1 hidden, 2 seen), `crowds`,
    and `joints`, their names."""
    book = _book(root, split, KEYPOINTS, "person_keypoints")
    names, joints, examples = book.names, book.joints, []
    for image in book.images:
        truths, facts = things_of(book, image, names)
        truths |= keypoints_of(facts["annotations"], facts["crowds"], joints, image)
        examples.append(_example("coco-keypoints", root, split, image, truths, facts | {"joints": joints}))
    return in_order(examples, KEYPOINTS)


def keypoints_of(
    counted: Sequence[Record], crowds: Sequence[Record], joints: tuple[str, ...], image: Record
) -> dict[str, Any]:
    """Truth "keypoints", of one thing as the kind is, where it is clear whose they are."""
    posed = [row for row in counted if any(row.get("keypoints", [])[2::3])]
    if len(posed) != 1 or crowds:
        return {}
    points = np.array(posed[0]["keypoints"], float).reshape(-1, 3) + np.array([0.5, 0.5, 0])  # from numbers of pixels
    return {"keypoints": partial(keypoints, points.tolist(), joints, (image["width"], image["height"]))}


def read_coco_captions(root: Path, split: str) -> list[Example]:
    """Photos with the fact `captions`, five texts or more, by annotation id."""
    book = _book(root, split, CAPTIONS, "captions")
    examples = []
    for image in book.images:
        rows = sorted(book.rows.get(image["id"], ()), key=lambda row: row["id"])
        facts = {"captions": [row["caption"].strip() for row in rows]}
        examples.append(_example("coco-captions", root, split, image, {}, facts))
    return in_order(examples, CAPTIONS)


def read_coco_panoptic(root: Path, split: str) -> list[Example]:
    """Photos with "panoptic" (also as "labels"; 133 classes, -1 = void), "instances" and, where some are, "crowds".

    Facts: `segments`, the rows (id, category_id, area, bbox, iscrowd) of segments 1, 2, ... of "panoptic"; `path` of
    the PNG whose colours are the ids, R + 256 G + 65536 B; `things`, the classes that are things."""
    PANOPTIC.check(root, split)
    content = read_json(root / "annotations" / f"panoptic_{split}2017.json", "images", "annotations", "categories")
    categories = {row["id"]: row for row in sorted(content["categories"], key=lambda row: row["id"])}
    rows = {row["image_id"]: row for row in content["annotations"]}
    examples = []
    for image in content["images"]:
        row = rows[image["id"]]
        path = root / "annotations" / f"panoptic_{split}2017" / row["file_name"]
        PANOPTIC.require(root, (_photo(root, split, image), path))
        truths, facts = _segments(path, row["segments_info"], categories)
        examples.append(_example("coco-panoptic", root, split, image, truths, facts))
    return in_order(examples, PANOPTIC)


def _segments(path: Path, rows: Sequence[Record], categories: Mapping[int, Record]) -> tuple[Record, Record]:
    names = {category: plain_name(row["name"]) for category, row in categories.items()}
    countable = [row for row in rows if categories[row["category_id"]]["isthing"]]
    counted, crowds = ([row for row in countable if bool(row["iscrowd"]) == crowd] for crowd in (False, True))
    whole = partial(panoptic_of, path, rows, names)
    truths: Record = {"panoptic": whole, "labels": whole, "instances": partial(_segment_things, path, counted, names)}
    if crowds:
        truths["crowds"] = partial(_segment_things, path, crowds, names)
    things = tuple(names[category] for category, row in categories.items() if row["isthing"])
    return truths, {"segments": rows, "path": path, "things": things}


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
    return np.asarray(png(path)[..., :3].astype(np.int32) @ np.array([1, 256, 65536], np.int32))


def panoptic_of(path: Path, rows: Sequence[Record], names: Mapping[int, str]) -> Panoptic:
    """All segments, crowds too: segment i + 1 is row i."""
    stored = segment_ids(path)
    numbers = np.zeros(stored.shape, np.int32)
    for number, row in enumerate(rows, 1):
        numbers[stored == row["id"]] = number
    labels = np.array(places(rows, names), np.int32)
    return Panoptic(
        ids=np.concatenate([[-1], labels]).astype(np.int16)[numbers],
        classes=tuple(names.values()),
        segments=numbers,
        segment_labels=labels,
        segment_scores=np.ones(len(rows), np.float32),
        confidence=certain(*stored.shape),
    )


def _segment_things(path: Path, rows: Sequence[Record], names: Mapping[int, str]) -> Instances:
    stored = segment_ids(path)
    masks = stacked((stored == row["id"] for row in rows), *stored.shape)
    return instances_of(masks, places(rows, names), names.values(), stored.shape[::-1])

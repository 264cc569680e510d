"""COCO 2017 as published, and its form as annotation tools write it: instances, keypoints of people, captions.

read_coco(root, "val")      # 5,000 photos; also read_coco_keypoints, read_coco_captions; segments: coco_panoptic.py

Annotation rows stay as they are in `facts`, for whoever scores: bbox is x, y, width, height in pixels, area is of the
mask, iscrowd says that nobody counted the things in it. LVIS, RefCOCO and people's own COCO files are read by the same
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float
from plantain.data.base import Example
from plantain.data.coco_masks import read_segmentation
from plantain.data.excerpts import keypoints
from plantain.data.readers.base import (
    Layout,
    field,
    in_order,
    instances_of,
    natural,
    read_json,
    stacked,
)
from plantain.errors import PhotoError, TruthError
from plantain.imaging.photo import photo_size
from plantain.predictions.boxes import box_around
from plantain.predictions.types import Instances, Keypoints

Record = dict[str, Any]  # an image, annotation or category as the JSON file has it
Id = int | str
TREE = """\
coco/
  {train,val}2017/000000000139.jpg
  annotations/instances_{train,val}2017.json
  annotations/person_keypoints_{train,val}2017.json
  annotations/captions_{train,val}2017.json
  annotations/panoptic_{train,val}2017.json
  annotations/panoptic_{train,val}2017/000000000139.png
"""


def coco_layout(name: str, *needed: str) -> Layout:
    return Layout(name, TREE, ("{split}2017", *(f"annotations/{one}" for one in needed)), ("train", "val"))


INSTANCES = coco_layout("COCO", "instances_{split}2017.json")
KEYPOINTS = coco_layout("COCO keypoints", "person_keypoints_{split}2017.json")
CAPTIONS = coco_layout("COCO captions", "captions_{split}2017.json")


@dataclass(frozen=True)
class Annotations:
    """A COCO annotation file: images, each image's rows in the order of the file, categories by their ids."""

    path: Path
    images: Sequence[Record]
    rows: Mapping[Id, Sequence[Record]]
    categories: Sequence[Record]

    @cached_property
    def names(self) -> dict[Id, str]:
        """Class names by category id, in the order of ids."""
        return {row["id"]: row["name"] for row in self.categories}

    @property
    def joints(self) -> tuple[str, ...]:
        """The joints ("left eye") of the first category that has some."""
        named = next((row["keypoints"] for row in self.categories if row.get("keypoints")), ())
        return tuple(str(name).replace("_", " ") for name in named)

    def rows_of(self, image: Record) -> Sequence[Record]:
        return self.rows.get(image["id"], ())

    def apart(self, image: Record) -> tuple[list[Record], list[Record]]:
        """The image's counted things, and its crowds."""
        counted: list[Record] = []
        crowds: list[Record] = []
        for row in self.rows_of(image):
            (crowds if str(row.get("iscrowd") or 0) != "0" else counted).append(row)
        return counted, crowds

    def class_of(self, image: Record, row: Record) -> str:
        """The row's class; TruthError where `categories` does not list it."""
        names, number = self.names, row.get("category_id")
        if identifier(number) not in names:
            known = ", ".join(map(str, names)) if len(names) <= 12 else f"{len(names)} others"
            why = f"its category_id is {number!r}, `categories` lists {known or 'none'}"
            raise self.refusal(image, row, why)
        return names[identifier(number)]

    def mask_of(self, image: Record, row: Record, size: tuple[int, int]) -> Bool[np.ndarray, "h w"] | None:
        """The row's mask, None where it has none (see `read_segmentation`)."""
        try:
            return read_segmentation(row.get("segmentation"), *size)
        except TruthError as error:
            raise self.refusal(image, row, error) from error

    def box_of(self, image: Record, row: Record, mask: Bool[np.ndarray, "h w"] | None) -> Float[np.ndarray, "4"]:
        """x0, y0, x1, y1 of the row's bbox, else of its mask."""
        bbox = row.get("bbox")
        if bbox is None or bbox == []:
            if mask is None:
                raise self.refusal(image, row, "it has neither a bbox nor a mask")
            return np.array(box_around(mask), np.float64)
        numbers = isinstance(bbox, Sequence) and len(bbox) == 4 and all(isinstance(value, Real) for value in bbox)
        if not numbers or not np.isfinite(bbox).all() or min(bbox[2:]) < 0:
            raise self.refusal(image, row, f"its bbox is {bbox!r}; wanted x, y, width and height in pixels")
        return xyxy([bbox])[0]

    def refusal(self, image: Record, row: Record, why: object) -> TruthError:
        """The error about one row: the file, the row by its id or else its place, the photo."""
        place = next((i for i, other in enumerate(self.rows_of(image)) if other is row), 0)
        name = f"id {row['id']}" if "id" in row else f"number {place + 1}"
        photo = image.get("file_name") or f"image {image['id']}"
        return TruthError(f"{self.path}: annotation {name} of {photo}: {why}; mend or remove the row")


def read_annotations(path: Path, name: str = "file_name") -> Annotations:
    """Reads an annotation file: ids written as texts are as good as numbers, rows of images not listed are left out.
    `name`: the key under which an image tells its photo.

    PhotoError where it is none, where an image or category has no id or name, or two have one id. What is wrong with a
    row is a TruthError when its photo's truth is read: the other photos are not touched by it."""
    content = read_json(path, "images", "annotations")
    images = identified(path, "image", content["images"], name)
    categories = identified(path, "category", content.get("categories") or [], "name")
    rows: dict[Id, list[Record]] = {image["id"]: [] for image in images}
    left_out = 0
    for place, row in enumerate(_records(path, "annotation", content["annotations"])):
        image = identifier(field(row, "image_id", f"{path}: annotation number {place + 1}"))
        if image in rows:
            rows[image].append(row)
        left_out += image not in rows
    if left_out and not any(rows.values()):
        raise PhotoError(f"{path}: no annotation has the image_id of a listed image; take files that belong together")
    return Annotations(path, images, rows, sorted(categories, key=lambda row: natural(str(row["id"]))))


def _records(path: Path, what: str, values: Any) -> list[Record]:
    if not isinstance(values, list):
        raise PhotoError(f"{path}: the {what} rows are no list; it is not an annotation file of COCO's form")
    for place, row in enumerate(values):
        if not isinstance(row, dict):
            raise PhotoError(f"{path}: {what} number {place + 1} is {row!r}; wanted an object with an id")
    return values


def identified(path: Path, what: str, values: Any, name: str) -> list[Record]:
    """Rows with their ids as `identifier` gives them, each once, and a name."""
    out: dict[Id, Record] = {}
    for place, row in enumerate(_records(path, what, values)):
        where = f"{path}: {what} number {place + 1}"
        number = identifier(field(row, "id", where))
        if not isinstance(field(row, name, where), str):
            raise PhotoError(f"{where} has the {name} {row[name]!r}; wanted a text")
        if number in out:
            raise PhotoError(f"{path} has two {what} rows of the id {number!r}: {out[number][name]} and {row[name]}")
        out[number] = row | {"id": number}
    return list(out.values())


def identifier(value: Any) -> Id:
    """Numbers in texts, and whole floats, as numbers: tools write 7, "7" and 7.0."""
    text = str(value)
    return int(float(text)) if text.removesuffix(".0").isdecimal() else text


def unlike(annotations: Annotations, name: Callable[[Record], str]) -> dict[str, Record]:
    """Images by a name of their files; PhotoError where two have the same."""
    out: dict[str, Record] = {}
    for image in annotations.images:
        other = out.setdefault(name(image), image)
        if other is not image:
            raise PhotoError(f"{annotations.path}: the images {other['id']} and {image['id']} are both the photo "
                             f"{name(image)}; give each photo one row")  # fmt: skip
    return out


def xyxy(boxes: Sequence[Sequence[float]]) -> Float[np.ndarray, "n 4"]:
    """COCO's x, y, width, height as x0, y0, x1, y1."""
    table = np.array(boxes, np.float64).reshape(-1, 4)
    return np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], axis=1)


def size_of(image: Record, photo: Path | None) -> tuple[int, int]:
    """Width and height as the row says, else as the photo has."""
    sides = [str(image.get(side)) for side in ("width", "height")]
    if all(side.isdecimal() and int(side) for side in sides):
        return int(sides[0]), int(sides[1])
    if photo is None:
        raise TruthError(f"image {image['id']} has no width and height")
    return photo_size(photo)


def read_instances(annotations: Annotations, image: Record, rows: Sequence[Record], photo: Path | None) -> Instances:
    """An image's rows as objects: the annotated boxes (else those of the masks), labels in the order of category ids.

    Masks are there where every row has one of a pixel or more: never an empty mask beside a real box. TruthError names
    the file and the first row that is wrong."""
    size, classes = size_of(image, photo), tuple(dict.fromkeys(annotations.names.values()))
    labels = [classes.index(annotations.class_of(image, row)) for row in rows]
    masks = [annotations.mask_of(image, row, size) for row in rows]
    boxes = [annotations.box_of(image, row, mask) for row, mask in zip(rows, masks, strict=True)]
    drawn = [mask for mask in masks if mask is not None]
    whole = stacked(drawn, *size[::-1]) if len(drawn) == len(masks) else None
    return instances_of(whole, labels, classes, size, np.array(boxes, np.float64).reshape(-1, 4))


def truths_of(annotations: Annotations, image: Record, photo: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Truths "instances" and, where some are, "crowds"; facts `annotations` and `crowds`, their rows in that order."""
    counted, crowds = annotations.apart(image)
    truths = {"instances": partial(read_instances, annotations, image, counted, photo)}
    if crowds:
        truths["crowds"] = partial(read_instances, annotations, image, crowds, photo)
    return truths, {"annotations": counted, "crowds": crowds}


def read_coco(root: Path, split: str) -> list[Example]:
    """Photos with "instances" and "crowds" of 80 classes. Facts: `annotations`, `crowds`, `names` by category id."""
    annotations = _read(root, split, INSTANCES, "instances")
    names, examples = annotations.names, []
    for image in annotations.images:
        photo = photo_of(root, split, image)
        truths, facts = truths_of(annotations, image, photo)
        examples.append(Example("coco", str(image["id"]), photo, split, truths, facts | {"names": names}))
    return in_order(examples, INSTANCES)


def _read(root: Path, split: str, layout: Layout, kind: str) -> Annotations:
    layout.check(root, split)
    annotations = read_annotations(root / "annotations" / f"{kind}_{split}2017.json")
    unlike(annotations, lambda image: image["file_name"])
    layout.require(root, (photo_of(root, split, image) for image in annotations.images))
    return annotations


def photo_of(root: Path, split: str, image: Record) -> Path:
    return root / f"{split}2017" / image["file_name"]


def read_coco_keypoints(root: Path, split: str) -> list[Example]:
    """Every photo of the split, with the people in it as "instances" and "crowds", and "keypoints" where exactly one
    person has labelled joints and nobody is in a crowd.

    Facts: `annotations` (rows with `keypoints`: x, y, v of 17 joints, v = 0 not labelled, 1 hidden, 2 seen), `crowds`,
    and `joints`, their names."""
    annotations = _read(root, split, KEYPOINTS, "person_keypoints")
    joints, examples = annotations.joints, []
    for image in annotations.images:
        photo = photo_of(root, split, image)
        truths, facts = truths_of(annotations, image, photo)
        truths |= keypoints_of(annotations, image, photo)
        examples.append(Example("coco-keypoints", str(image["id"]), photo, split, truths, facts | {"joints": joints}))
    return in_order(examples, KEYPOINTS)


def keypoints_of(annotations: Annotations, image: Record, photo: Path) -> dict[str, Any]:
    """Truth "keypoints", of one thing as the kind is, where it is clear whose they are."""
    counted, crowds = annotations.apart(image)
    posed = [row for row in counted if _is_posed(row.get("keypoints"))]
    if len(posed) != 1 or crowds:
        return {}
    return {"keypoints": partial(_read_keypoints, annotations, image, posed[0], photo)}


def _is_posed(points: Any) -> bool:
    return any(points[2::3]) if isinstance(points, list) else points is not None


def _read_keypoints(annotations: Annotations, image: Record, row: Record, photo: Path) -> Keypoints:
    points, joints = row["keypoints"], annotations.joints
    if not (isinstance(points, list) and all(isinstance(value, Real) for value in points)):
        raise annotations.refusal(image, row, "its keypoints are no list of numbers")
    if len(points) != 3 * len(joints):
        why = f"it has {len(points)} numbers as keypoints, the categories name {len(joints)} joints (x, y, v each)"
        raise annotations.refusal(image, row, why)
    table = np.array(points, float).reshape(-1, 3) + np.array([0.5, 0.5, 0])  # from numbers of pixels
    return keypoints(table.tolist(), joints, size_of(image, photo))


def read_coco_captions(root: Path, split: str) -> list[Example]:
    """Photos with the fact `captions`, five texts or more, by annotation id."""
    annotations = _read(root, split, CAPTIONS, "captions")
    examples = []
    for image in annotations.images:
        rows = sorted(annotations.rows_of(image), key=lambda row: natural(str(row.get("id", ""))))
        facts = {"captions": [str(row["caption"]).strip() for row in rows if row.get("caption")]}
        examples.append(Example("coco-captions", str(image["id"]), photo_of(root, split, image), split, {}, facts))
    return in_order(examples, CAPTIONS)

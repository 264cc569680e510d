"""RefCOCO, RefCOCO+ and RefCOCOg as published by lichengunc/refer: expressions that refer to one annotated object.

read_refcoco(root, "testA")      # also read_refcoco_plus, read_refcocog; the splits are those of UNC and, of g, UMD
"""

from __future__ import annotations

import builtins
import pickle
from functools import partial
from pathlib import Path
from typing import Any

from plantain.data.base import Example
from plantain.data.readers.base import Layout, field, in_order, mask_alpha
from plantain.data.readers.coco import Annotations, Record, read_annotations, size_of, xyxy
from plantain.errors import PhotoError
from plantain.predictions.types import Alpha

PHOTOS = "images/mscoco/images/train2014"
TREE = """\
data/
  refcoco/refs(unc).p        refcoco/instances.json
  refcoco+/refs(unc).p       refcoco+/instances.json
  refcocog/refs(umd).p       refcocog/instances.json
  images/mscoco/images/train2014/COCO_train2014_000000581857.jpg
"""


def _layout(name: str, folder: str, by: str, splits: tuple[str, ...]) -> Layout:
    return Layout(name, TREE, (f"{folder}/refs({by}).p", f"{folder}/instances.json", PHOTOS), splits)


UNC_SPLITS, UMD_SPLITS = ("train", "val", "testA", "testB"), ("train", "val", "test")
REFCOCO = _layout("RefCOCO", "refcoco", "unc", UNC_SPLITS)
REFCOCO_PLUS = _layout("RefCOCO+", "refcoco+", "unc", UNC_SPLITS)
REFCOCOG = _layout("RefCOCOg", "refcocog", "umd", UMD_SPLITS)
HARMLESS = ("bytearray", "complex", "frozenset", "range", "set")  # builtins that a pickle of plain data may ask for


class PlainUnpickler(pickle.Unpickler):
    """Reads pickles of numbers, texts, lists, tuples, dicts and sets. A pickle can name any function and have it
    called; here whatever is not in HARMLESS is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("builtins", "__builtin__") and name in HARMLESS:
            return getattr(builtins, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and plain data never does")


def read_pickle(path: Path) -> Any:
    """The plain data in a pickle, of Python 2 too; PhotoError where it is broken or asks for code."""
    try:
        with path.open("rb") as file:
            return PlainUnpickler(file, encoding="utf-8", errors="replace").load()
    except (pickle.UnpicklingError, OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise PhotoError(f"{path} is not the published file ({error}); download it again") from error


def read_refcoco(root: Path, split: str) -> list[Example]:
    """An Example an expression: see `read_refer`."""
    return read_refer(root, split, REFCOCO)


def read_refcoco_plus(root: Path, split: str) -> list[Example]:
    """An Example an expression without words of place: see `read_refer`."""
    return read_refer(root, split, REFCOCO_PLUS)


def read_refcocog(root: Path, split: str) -> list[Example]:
    """An Example a long expression: see `read_refer`."""
    return read_refer(root, split, REFCOCOG)


def read_refer(root: Path, split: str, layout: Layout) -> list[Example]:
    """Every expression of the split with its "mask", which is named by the expression.

    One id (`sent_id`) an expression, since each is scored alone; several share a photo. Facts: `expression`, `ref_id`,
    `ann_id`, `image_id`, `category`, `box` (x0 y0 x1 y1 in pixels), `area` (of the mask)."""
    layout.check(root, split)
    refs_path, instances_path = (root / name for name in layout.needed[:2])
    refs = [ref for ref in read_pickle(refs_path) if ref["split"] == split]
    annotations = read_annotations(instances_path)
    images = {image["id"]: image for image in annotations.images}
    rows = {row.get("id"): row for rows in annotations.rows.values() for row in rows}
    examples = []
    for ref in refs:
        row = field(rows, ref["ann_id"], f"{instances_path}: the list of annotations")
        image = field(images, ref["image_id"], f"{instances_path}: the list of images")
        photo = root / PHOTOS / image["file_name"]
        facts = {key: ref[key] for key in ("ref_id", "ann_id", "image_id")} | _facts(annotations, image, row)
        for sentence in ref["sentences"]:
            text = sentence["sent"].strip().lower()
            truths = {"mask": partial(_referred, annotations, image, row, text, photo)}
            told = facts | {"expression": text}
            examples.append(Example(layout.name.lower(), str(sentence["sent_id"]), photo, split, truths, told))
    layout.require(root, {example.photo: None for example in examples})
    return in_order(examples, layout)


def _facts(annotations: Annotations, image: Record, row: Record) -> Record:
    bbox = row.get("bbox")
    box = tuple(xyxy([bbox])[0].tolist()) if bbox else None
    return {"category": annotations.class_of(image, row), "box": box, "area": row.get("area")}


def _referred(annotations: Annotations, image: Record, row: Record, text: str, photo: Path) -> Alpha:
    """The annotated object's mask under the name that the expression gives it."""
    mask = annotations.mask_of(image, row, size_of(image, photo))
    if mask is None:
        raise annotations.refusal(image, row, "it has no mask, which its expression refers to")
    return mask_alpha(mask, text)

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
from plantain.data.readers.base import Layout, in_order, mask_alpha, read_json
from plantain.data.readers.coco import Record, mask_of, xyxy
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
    content = read_json(instances_path, "images", "annotations", "categories")
    images, rows, names = ({row["id"]: row for row in content[key]} for key in ("images", "annotations", "categories"))
    photos = {ref["image_id"]: root / PHOTOS / images[ref["image_id"]]["file_name"] for ref in refs}
    layout.require(root, photos.values())
    source = layout.name.lower()
    examples = []
    for ref in refs:
        row, image = rows[ref["ann_id"]], images[ref["image_id"]]
        facts = {key: ref[key] for key in ("ref_id", "ann_id", "image_id")} | _facts(row, names)
        for sentence in ref["sentences"]:
            text = sentence["sent"].strip().lower()
            truths = {"mask": partial(referred, row, text, image["width"], image["height"])}
            told = facts | {"expression": text}
            examples.append(Example(source, str(sentence["sent_id"]), photos[ref["image_id"]], split, truths, told))
    return in_order(examples, layout)


def _facts(row: Record, names: dict[int, Record]) -> Record:
    box = tuple(xyxy([row["bbox"]])[0].tolist())
    return {"category": names[row["category_id"]]["name"], "box": box, "area": row["area"]}


def referred(row: Record, text: str, width: int, height: int) -> Alpha:
    """The annotated object's mask under the name that the expression gives it."""
    return mask_alpha(mask_of(row["segmentation"], width, height), text)

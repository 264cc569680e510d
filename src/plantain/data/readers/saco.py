"""SA-Co as published: noun phrases and everything in the photo that each names, or nothing.

read_saco_gold(root, "metaclip")       # seven subsets, three annotators each
read_saco_silver(root, "bdd100k")      # ten subsets, one annotator

A subset takes the place of a split: its figure is its own, and the table's average is the plain mean of subsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from plantain.data.base import Example
from plantain.data.readers.base import Layout, in_order, instances_of, stacked, step_in
from plantain.data.readers.coco import Annotations, Record, read_annotations, size_of
from plantain.errors import PhotoError
from plantain.predictions.types import Instances

# Subset -> folder of its photos. Sources: facebookresearch/sam3, scripts/eval/gold/README.md and eval_sam3.py
# (file names), configs/silver_image_evals (folders of photos)
GOLD = {"metaclip": "metaclip-images", "sa1b": "sa1b-images", "crowded": "metaclip-images",
        "fg_food": "metaclip-images", "fg_sports_equipment": "metaclip-images", "attributes": "metaclip-images",
        "wiki_common": "metaclip-images"}  # fmt: skip
SILVER = {"bdd100k": "bdd100k", "droid": "droid", "ego4d": "ego4d", "food_rec": "food_rec", "geode": "geode",
          "inaturalist": "inaturalist", "nga_art": "nga", "sav": "sav", "yt1b": "yt1b",
          "fathomnet": "fathomnet"}  # fmt: skip
GOLD_LAYOUT = Layout(
    "SA-Co/Gold",
    f"""\
saco-gold/
  gt-annotations/gold_<subset>_merged_a_release_test.json      and _b_, _c_: three annotators
  metaclip-images/1/1001/metaclip_1_1001_c122868928880ae52b33fae1.jpeg
  sa1b-images/...                                              for the subset sa1b
subsets: {", ".join(GOLD)}
""",
    splits=tuple(GOLD),
)
SILVER_LAYOUT = Layout(
    "SA-Co/Silver",
    f"""\
saco-silver/
  gt-annotations/silver_<subset>_merged_test.json              but silver_fathomnet_test.json
  bdd100k/...  droid/...  nga/...                              each subset's photos
subsets: {", ".join(SILVER)}
""",
    splits=tuple(SILVER),
)


def read_saco_gold(root: Path, split: str) -> list[Example]:
    """Every pair of photo and phrase of one subset, with three annotators: see `read_saco`."""
    GOLD_LAYOUT.check(root, split)
    names = [f"gold_{split}_merged_{annotator}_release_test.json" for annotator in "abc"]
    return read_saco(root, split, GOLD_LAYOUT, names, root / GOLD[split])


def read_saco_silver(root: Path, split: str) -> list[Example]:
    """Every pair of photo and phrase of one subset, with one annotator: see `read_saco`."""
    SILVER_LAYOUT.check(root, split)
    name = "silver_fathomnet_test.json" if split == "fathomnet" else f"silver_{split}_merged_test.json"
    return read_saco(root, split, SILVER_LAYOUT, [name], root / SILVER[split])


def read_saco(root: Path, split: str, layout: Layout, names: Sequence[str], photos: Path) -> list[Example]:
    """An Example a pair of photo and phrase. Truths: "instances" is what the first annotator marked, "instances-b" and
    "instances-c" the others; crowds are left out, as the official scorer does.

    Facts: `phrase`; `annotators`, the names of their truths; `exhaustive` and `pixel_exhaustive`, a bool an annotator:
    a pair counts when it is exhaustive to each; `present`, whether each marked anything; `pair`, the official id, which
    is unique in the subset alone; `crowds`, how many segments each marked as a crowd."""
    folder = step_in(root, "gt-annotations")
    layout.require(folder, names)
    books = [read_annotations(folder / name) for name in names]
    images = [{image["id"]: image for image in book.images} for book in books]
    for name, one in zip(names, images, strict=True):
        if one.keys() != images[0].keys():
            raise PhotoError(f"{name} has other pairs of photo and phrase than {names[0]}; download them together")
    layout.require(photos, dict.fromkeys(photos / image["file_name"] for image in books[0].images))
    source = layout.name.lower().replace("sa-co/", "saco-")
    examples = [_example(source, split, photos, pair, [one[pair] for one in images], books) for pair in images[0]]
    return in_order(examples, layout)


def _example(
    source: str, split: str, photos: Path, pair: int, images: Sequence[Record], books: Sequence[Annotations]
) -> Example:
    phrase = images[0]["text_input"]
    apart = [book.apart(image) for book, image in zip(books, images, strict=True)]
    keys = ("instances", "instances-b", "instances-c")[: len(books)]
    truths = {
        key: partial(marked, book, image, rows)
        for key, book, image, (rows, _) in zip(keys, books, images, apart, strict=True)
    }
    facts = {
        "phrase": phrase,
        "pair": pair,
        "annotators": keys,
        "exhaustive": tuple(bool(image["is_instance_exhaustive"]) for image in images),
        "pixel_exhaustive": tuple(bool(image["is_pixel_exhaustive"]) for image in images),
        "present": tuple(bool(rows or crowds) for rows, crowds in apart),
        "crowds": tuple(len(crowds) for _, crowds in apart),
    }
    return Example(source, f"{split}-{pair}", photos / images[0]["file_name"], split, truths, facts)


def marked(annotations: Annotations, image: Record, rows: Sequence[Record]) -> Instances:
    """What one annotator marked; boxes are stored as shares of the photo's sides."""
    width, height = size = size_of(image, None)
    masks, boxes = [], []
    for row in rows:
        mask = annotations.mask_of(image, row, size)
        if mask is None:
            raise annotations.refusal(image, row, "it has no mask")
        masks.append(mask)
        boxes.append(annotations.box_of(image, row, None) * (*size, *size))
    boxed = np.array(boxes, np.float64).reshape(-1, 4)
    phrase = (image["text_input"],)
    return instances_of(stacked(masks, height, width), [0] * len(rows), phrase, size, boxed)

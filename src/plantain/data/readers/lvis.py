"""LVIS v1 as published: instances of 1,203 classes on COCO's photos, annotated by federation.

read_lvis(root, "val")      # 19,809 photos, of COCO's train2017 and val2017
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from plantain.data.base import Example
from plantain.data.readers.base import Layout, in_order
from plantain.data.readers.coco import Record, read_book, things

LAYOUT = Layout(
    "LVIS v1",
    """\
lvis/
  lvis_v1_{train,val}.json                 or annotations/lvis_v1_{train,val}.json
  train2017/000000000030.jpg               COCO's photos
  val2017/000000000139.jpg
""",
    splits=("train", "val"),
)


def read_lvis(root: Path, split: str) -> list[Example]:
    """Photos with "instances" of 1,203 classes ("alarm clock").

    Facts, as the federated score needs them: `annotations`, the rows of the instances; `absent`, classes that were
    looked for and are not there; `not_exhaustive`, classes of which not every instance is annotated; `frequency` by
    class (r, c, f: in up to 10, up to 100, more training photos). Answers of any other class do not count."""
    LAYOUT.check(root, split)
    book = read_book(LAYOUT.either(root, f"lvis_v1_{split}.json", f"annotations/lvis_v1_{split}.json"))
    names = {category: name.replace("_", " ") for category, name in book.names.items()}
    frequency = {names[row["id"]]: row["frequency"] for row in book.categories}
    LAYOUT.require(root, (_photo(root, image) for image in book.images))
    examples = []
    for image in book.images:
        rows = book.rows.get(image["id"], [])
        truth = partial(things, rows, names, image["width"], image["height"])
        facts = {"annotations": rows, "names": names, "frequency": frequency,
                 "absent": tuple(names[i] for i in image["neg_category_ids"]),
                 "not_exhaustive": tuple(names[i] for i in image["not_exhaustive_category_ids"])}  # fmt: skip
        examples.append(Example("lvis", str(image["id"]), _photo(root, image), split, {"instances": truth}, facts))
    return in_order(examples, LAYOUT)


def _photo(root: Path, image: Record) -> Path:
    """COCO's folder and name are the end of the photo's address."""
    folder, name = image["coco_url"].split("/")[-2:]
    return root / folder / name

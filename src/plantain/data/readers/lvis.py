"""LVIS v1 as published: instances of 1,203 classes on COCO's photos, annotated by federation.

read_lvis(root, "val")      # 19,809 photos, of COCO's train2017 and val2017
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from plantain.data.base import Example
from plantain.data.readers.base import Layout, field, in_order
from plantain.data.readers.coco import Id, Record, read_annotations, read_instances, unlike
from plantain.errors import PhotoError

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
    path = LAYOUT.either(root, f"lvis_v1_{split}.json", f"annotations/lvis_v1_{split}.json")
    annotations = read_annotations(path, name="coco_url")
    spaced = [row | {"name": row["name"].replace("_", " ")} for row in annotations.categories]
    annotations = replace(annotations, categories=spaced)
    names = annotations.names
    frequency = {names[row["id"]]: row.get("frequency") for row in annotations.categories}
    unlike(annotations, lambda image: str(image["coco_url"]))
    LAYOUT.require(root, (_photo(root, image) for image in annotations.images))
    examples = []
    for image in annotations.images:
        rows, photo = annotations.rows_of(image), _photo(root, image)
        where = f"{path}: image {image['id']}"
        facts = {"annotations": rows, "names": names, "frequency": frequency,
                 "absent": _classes(image, "neg_category_ids", names, where),
                 "not_exhaustive": _classes(image, "not_exhaustive_category_ids", names, where)}  # fmt: skip
        truth = partial(read_instances, annotations, image, rows, photo)
        examples.append(Example("lvis", str(image["id"]), photo, split, {"instances": truth}, facts))
    return in_order(examples, LAYOUT)


def _classes(image: Record, key: str, names: Mapping[Id, str], where: str) -> tuple[str, ...]:
    numbers = field(image, key, where)
    if unknown := [number for number in numbers if number not in names]:
        raise PhotoError(f"{where}: {key} has the class {unknown[0]!r}, which `categories` does not list")
    return tuple(names[number] for number in numbers)


def _photo(root: Path, image: Record) -> Path:
    """COCO's folder and name are the end of the photo's address."""
    return root.joinpath(*image["coco_url"].split("/")[-2:])

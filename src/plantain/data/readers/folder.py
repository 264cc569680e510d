"""People's own sets: a folder of photos and, beside it, answers in one or more of the forms below.

read_folder(root, "all")      # or the name of a subfolder that holds such a tree: "train", "val"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from plantain._shapes import Bool
from plantain.data.base import Example
from plantain.data.excerpts import depth, png
from plantain.data.readers.base import Layout, full_confidence, in_order, read_json, read_lines
from plantain.data.readers.coco import (
    Annotations,
    Record,
    keypoints_of,
    read_annotations,
    read_instances,
    truths_of,
    unlike,
)
from plantain.data.readers.coco_panoptic import panoptic_of
from plantain.errors import PhotoError, TruthError
from plantain.imaging.photo import HALF, opacity, open_picture, photo_size
from plantain.predictions.npz import from_npz
from plantain.predictions.types import Alpha, Depth, Instances, Labels, Panoptic, Prediction

LAYOUT = Layout(
    "photos with answers",
    """\
my-set/                             or my-set/<split>/
  images/kitchen.jpg                photos; the answers to one bear its name
  depth/kitchen.png                 16 bits, millimetres, 0 = unknown; kitchen.kitti.png: metres x 256
  depth/kitchen.npy                 metres
  masks/kitchen.png                 above 0, or opaque in a cut-out = the main object; or masks/<thing>/kitchen.png
  labels/kitchen.png                class numbers, 255 = none of them
  classes.txt                       for labels/: a class a line, the first is 0
  annotations.json                  COCO: instances, keypoints
  answers/kitchen.<task>.npz        as Plantain saves them, also .kitti.png, .mm.png, .coco.json, .panoptic.png
""",
    needed=("images",),
)
PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
NONE = 255  # of a label PNG, by custom: none of the classes
MAIN = "main object"
TRUTHS: dict[str, tuple[str, ...]] = {  # what a task's answer is called as a truth; later ones replace earlier ones
    "relative-depth": ("depth",), "metric-depth": ("depth",), "semantic": ("labels",),
    "panoptic": ("panoptic", "labels"), "detect": ("instances",), "instances": ("instances",), "refer": ("mask",),
    "matte": ("alpha",),
}  # fmt: skip
Read = Callable[[], Any]


def read_folder(root: Path, split: str = "all") -> list[Example]:
    """Every photo with its answers as truths: "depth", "mask", "labels", "instances", "keypoints", and what Plantain's
    own answers hold. Fact, with COCO annotations: `annotations` and `crowds`, their rows.

    PhotoError where a photo has no answer at all. An answer of another size than its photo is a TruthError, raised when
    it is read."""
    home = root if split == "all" and (root / "images").is_dir() else root / split
    LAYOUT.require(home, LAYOUT.needed)
    annotations, pages = _annotations(home / "annotations.json")
    LAYOUT.require(home, (home / "images" / name for name in pages))
    answers = saved_answers(home / "answers")
    examples = []
    for photo in (home / "images").iterdir():
        if photo.suffix.lower() in PHOTOS:
            truths, facts = _annotated(annotations, pages.get(photo.name), photo)
            truths |= _plain(home, photo.stem) | answers.get(photo.stem, {})
            if not truths:
                raise PhotoError(f"{photo} has no answer beside it; wanted\n{LAYOUT.tree.rstrip()}")
            checked = {name: partial(of_size, read, photo) for name, read in truths.items()}
            examples.append(Example(root.resolve().name, photo.stem, photo, split, checked, facts))
    return in_order(examples, LAYOUT)


def of_size(read: Read, photo: Path) -> Any:
    """Reads a truth, which must have its photo's size (as people see the photo: turned as its EXIF says)."""
    truth = read()
    size = photo_size(photo)
    if truth.size != size:
        raise TruthError(
            f"an answer to {photo} has {truth.size} pixels, the photo {size}; bring it to the photo's size"
        )
    return truth


# ---- plain files


def _plain(home: Path, stem: str) -> dict[str, Read]:
    truths: dict[str, Read] = {}
    for ending, read in DEPTHS.items():
        if (path := home / "depth" / f"{stem}{ending}").exists():
            truths["depth"] = partial(read, path)
    masks = {folder.name: folder / f"{stem}.png" for folder in sorted((home / "masks").glob("*/"))}
    masks |= {MAIN: home / "masks" / f"{stem}.png"}
    there = {name: path for name, path in masks.items() if path.exists()}
    if there:
        truths["mask"] = partial(read_masks, there)
    if (path := home / "labels" / f"{stem}.png").exists():
        truths["labels"] = partial(read_labels, path, home / "classes.txt")
    return truths


def read_npy_depth(path: Path) -> Depth:
    """An array h w of metres; what is not a number above 0 is unknown."""
    metres = np.load(path, allow_pickle=False).astype(np.float32)
    if metres.ndim != 2:
        raise TruthError(f"{path} has the shape {metres.shape}; depth has two sides, height and width")
    valid = np.isfinite(metres) & (metres > 0)
    return Depth(values=np.where(valid, metres, 0), valid=valid, confidence=full_confidence(*metres.shape))


DEPTHS: dict[str, Callable[[Path], Depth]] = {  # later ones replace earlier ones
    ".kitti.png": partial(depth, unit=256.0),
    ".mm.png": partial(depth, unit=1000.0),
    ".png": partial(depth, unit=1000.0),
    ".npy": read_npy_depth,
}


def read_masks(paths: Mapping[str, Path]) -> Alpha:
    """Masks by name: a pixel is on where any of its colors is above 0; in a picture with an alpha channel that is not
    opaque everywhere (a cut-out), where it is more opaque than not."""
    planes = [_read_mask(path) for path in paths.values()]
    if len({plane.shape for plane in planes}) > 1:
        raise TruthError(
            f"the masks {', '.join(map(str, paths.values()))} have unlike sizes; give all the photo's size"
        )
    return Alpha(alpha=np.array(planes, np.float32), names=tuple(paths), confidence=full_confidence(*planes[0].shape))


def _read_mask(path: Path) -> Bool[np.ndarray, "h w"]:
    with open_picture(path) as image:
        alpha = opacity(image)
        raw = np.asarray(image.convert("RGB") if image.mode in ("LA", "PA") else image)
    if alpha is not None:
        return alpha > HALF
    return raw > 0 if raw.ndim == 2 else np.asarray((raw[..., :3] > 0).any(-1))


def read_labels(path: Path, legend: Path) -> Labels:
    """Class numbers of a PNG with one channel, by the names of classes.txt."""
    if not legend.exists():
        raise LAYOUT.refusal(legend)
    classes = tuple(read_lines(legend))
    raw = png(path)
    if raw.ndim != 2:
        raise TruthError(f"{path} is a color picture; a label PNG has one channel, the class numbers")
    ids = np.where(raw == NONE, -1, raw.astype(np.int32))
    if ids.max(initial=-1) >= len(classes):
        raise TruthError(
            f"{path} has the class {ids.max()}, but {legend} names {len(classes)} only, 0 to {len(classes) - 1}"
        )
    return Labels(ids=ids.astype(np.int16), classes=classes, confidence=full_confidence(*ids.shape))


def _annotations(path: Path) -> tuple[Annotations, dict[str, Record]]:
    """A COCO file, if there is one, and its images by the names of their photos without folders."""
    if not path.exists():
        return Annotations(path, [], {}, []), {}
    annotations = read_annotations(path)
    return annotations, unlike(annotations, lambda image: PurePath(image["file_name"].replace("\\", "/")).name)


def _annotated(annotations: Annotations, image: Record | None, photo: Path) -> tuple[dict[str, Read], dict[str, Any]]:
    if image is None:
        return {}, {}
    truths, facts = truths_of(annotations, image, photo)
    return truths | keypoints_of(annotations, image, photo), facts


# ---- Plantain's own answers


def saved_answers(folder: Path) -> dict[str, dict[str, Read]]:
    """Photo's name -> truths, of the files that `Prediction.save` writes. Paintings and overlays are left alone."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        for rank, (ending, read) in enumerate(SAVED.items()):
            if path.name.endswith(ending):
                stem, _, task = path.name.removesuffix(ending).rpartition(".")
                found.append((list(TRUTHS).index(task) if task in TRUTHS else 0, rank, stem, task, partial(read, path)))
    answers: dict[str, dict[str, Read]] = {}
    for _, _, stem, task, read_it in sorted(found, key=lambda one: one[:4]):
        answers.setdefault(stem, {}).update(dict.fromkeys(TRUTHS.get(task, (task,)), read_it))
    return answers


def read_saved_coco(path: Path) -> Instances:
    """Things from `write_coco`'s file about one picture."""
    annotations = read_annotations(path)
    if len(annotations.images) != 1:
        raise TruthError(f"{path} is about {len(annotations.images)} pictures; an answer is about one")
    image = annotations.images[0]
    return read_instances(annotations, image, annotations.rows_of(image), None)


def read_saved_panoptic(path: Path) -> Panoptic:
    """Segments from `write_panoptic`'s PNG and the JSON beside it."""
    record = read_json(path.with_suffix(".json"), "segments_info")
    rows = record["segments_info"]
    seen = [{"id": row["category_id"], "name": row["category"], "isthing": row["isthing"]} for row in rows]
    categories = sorted(record.get("categories", seen), key=lambda row: row["id"])
    names = {row["id"]: row["name"] for row in categories}
    things = tuple(dict.fromkeys(row["name"] for row in categories if row["isthing"]))
    return replace(panoptic_of(path, rows, names, path.with_suffix(".json")), things=things)


SAVED: dict[str, Callable[[Path], Prediction]] = {  # later ones, which lose less, replace earlier ones
    ".kitti.png": DEPTHS[".kitti.png"],
    ".mm.png": DEPTHS[".mm.png"],
    ".panoptic.png": read_saved_panoptic,
    ".coco.json": read_saved_coco,
    ".npz": from_npz,
}

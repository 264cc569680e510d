"""NYU Depth v2, the labelled part: 1,449 indoor photographs, 654 of them for testing. Needs h5py and scipy.

read_nyuv2(root, "test")    # root holds nyu_depth_v2_labeled.mat and splits.mat
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Int, Shaped
from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of, extra, keep, kept, mat, reading
from plantain.data.readers.base import Layout, full_confidence, in_order
from plantain.predictions.types import Depth, Labels

LAYOUT = Layout(
    "NYU Depth v2",
    """\
nyu_depth_v2_labeled.mat     2.8 GB, cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html
splits.mat                   trainNdxs (795) and testNdxs (654), same page
classMapping40.mat           optional, for truth "labels": mapClass (894), className (40)
class13Mapping.mat           optional, for truth "labels13"
""",
    needed=("nyu_depth_v2_labeled.mat", "splits.mat"),
    splits=("train", "test"),
)
SPLITS = {"train": "trainNdxs", "test": "testNdxs"}
Table = tuple[np.ndarray, tuple[str, ...]]  # stored number -> index of classes, -1 for none; and the classes
FOCAL_PX = 518.8579  # of the color camera, Silberman's toolbox, camera_params.m


def read_nyuv2(root: Path, split: str = "test", *, filled: bool = False, cache: Path | None = None) -> list[Example]:
    """Photographs with depth in metres and, where the class mappings lie beside, "labels" (40) and "labels13".

    `filled` = False: what the Kinect measured (`rawDepths`), which the usual 654-picture figures are scored on; True:
    holes filled by colorization (`depths`). The photos lie inside the .mat file; they are written once, as PNG, into a
    folder in `cache` or else in the system's temporary folder, never into `root`. Ids are the 1-based numbers of the
    .mat file ("0001"). Raises PhotoError where a file is missing, MissingExtra without h5py or scipy.
    """
    LAYOUT.check(root, split)
    labelled = root / "nyu_depth_v2_labeled.mat"
    with reading(root / "splits.mat"):
        numbers = np.ravel(mat(root / "splits.mat")[SPLITS[split]]).astype(int).tolist()
    photos = _photos(labelled, numbers, kept(cache, "nyuv2", labelled))
    depth, maps, facts = "depths" if filled else "rawDepths", _maps(root), {"focal_px": FOCAL_PX}
    truths = [_truths(labelled, number - 1, depth, maps) for number in numbers]
    return in_order((Example("nyuv2", p.stem, p, split, t, facts) for p, t in zip(photos, truths, strict=True)), LAYOUT)


def _photos(labelled: Path, numbers: list[int], folder: Path) -> list[Path]:
    paths = [folder / f"{number:04d}.png" for number in numbers]
    h5py = extra("h5py")
    with reading(labelled), h5py.File(labelled) as file:
        for number, path in zip(numbers, paths, strict=True):
            if not path.exists():
                keep(_upright(file["images"][number - 1]), path)
    return paths


def _upright(stored: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """MATLAB stores columns first: (3) w h is h w (3)."""
    return np.ascontiguousarray(stored.T)


def _truths(labelled: Path, place: int, depth: str, tables: dict[str, Table]) -> dict[str, Any]:
    labels = {name: partial(_labels, labelled, place, *found) for name, found in tables.items()}
    return {"depth": partial(_depth, labelled, place, depth), **labels}


def _layer(labelled: Path, name: str, place: int) -> Shaped[np.ndarray, "h w"]:
    h5py = extra("h5py")
    with reading(labelled), h5py.File(labelled) as file:
        return _upright(file[name][place])


def _depth(labelled: Path, place: int, name: str) -> Depth:
    return depth_of(_layer(labelled, name, place))


def _labels(labelled: Path, place: int, table: Int[np.ndarray, "n"], classes: tuple[str, ...]) -> Labels:
    ids = table[_layer(labelled, "labels", place)]
    return Labels(ids=ids.astype(np.int16), classes=classes, confidence=full_confidence(*ids.shape))


def _maps(root: Path) -> dict[str, Table]:
    """Truth name -> table from the 894 stored labels to indices of classes (-1: unlabelled), and those classes.

    Mappings: Gupta et al. 2013 (40) and Couprie et al. 2013 (13), as github.com/ankurhanda/nyuv2-meta-data has them."""
    forty, thirteen = root / "classMapping40.mat", root / "class13Mapping.mat"
    if not forty.exists():
        return {}
    with reading(forty):
        ids, names = (mat(forty)[key] for key in ("mapClass", "className"))
    to40 = np.concatenate([[0], ids]).astype(np.int64)
    maps = {"labels": (to40 - 1, tuple(str(name) for name in names))}
    if thirteen.exists():
        with reading(thirteen):
            ids, names = list(mat(thirteen)["classMapping13"].values())[:2]
        to13 = np.concatenate([[0], ids]).astype(np.int64)
        maps["labels13"] = (to13[to40] - 1, tuple(str(name) for name in names))
    return maps

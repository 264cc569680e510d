"""DIODE, validation: 325 indoor and 446 outdoor photographs with laser-scanned depth and normals.

read_diode(root, "val", place="indoors")
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of, normals_of, reading, towards_viewer
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import UnknownName
from plantain.predictions.types import Depth, Normals

LAYOUT = Layout(
    "DIODE",
    """\
val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010.png               val.tar.gz, diode-dataset.org
val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010_depth.npy
val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010_depth_mask.npy
val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010_normal.npy        optional: val_normals.tar.gz
val/outdoor/...
""",
    splits=("train", "val"),
)
CAMERA = (886.81, 927.06, 512.0, 384.0)  # fx fy cx cy, diode-devkit, intrinsics.txt
PLACES = ("indoors", "outdoor")


def read_diode(root: Path, split: str = "val", *, place: str = "all") -> list[Example]:
    """Photographs ("indoors", "outdoor" or "all") with depth in metres where the set's own mask allows it.

    Normals are there too where they were unpacked beside. Raises PhotoError where a file is missing.
    """
    LAYOUT.check(root, split)
    if place not in (*PLACES, "all"):
        raise UnknownName("place", place, [*PLACES, "all"])
    folders = [need(root / split / name, LAYOUT) for name in PLACES if place in (name, "all")]
    photos = (photo for folder in folders for photo in folder.glob("scene_*/scan_*/*.png"))
    facts = {"focal_px": CAMERA[0]}
    return in_order((Example("diode", photo.stem, photo, split, _truths(photo), facts) for photo in photos), LAYOUT)


def _truths(photo: Path) -> dict[str, Any]:
    depth, mask = (need(photo.with_name(f"{photo.stem}_{kind}.npy"), LAYOUT) for kind in ("depth", "depth_mask"))
    truths: dict[str, Any] = {"depth": partial(diode_depth, depth, mask)}
    normal = photo.with_name(f"{photo.stem}_normal.npy")
    return truths | ({"normals": partial(diode_normals, normal)} if normal.exists() else {})


def diode_depth(path: Path, mask: Path) -> Depth:
    """Stored as h w 1 float32 in metres; the mask says 1 where the scanner had a return."""
    with reading(path):
        return depth_of(np.load(path).squeeze(), np.load(mask).squeeze() > 0)


def diode_normals(path: Path) -> Normals:
    """Stored as h w 3 in camera space, 0 0 0 where unknown.

    The frame is Plantain's own, +x right, +y up, +z to the viewer, but some surfaces are seen from behind and are
    turned round. Sources: diode-devkit's README (zeros); YvanYin/Metric3D, diode_dataset.py (frame, turning round).
    """
    with reading(path):
        return normals_of(towards_viewer(np.load(path), *CAMERA))

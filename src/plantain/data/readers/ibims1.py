"""iBims-1: 100 indoor photographs with dense laser-scanned depth. Needs scipy.

read_ibims1(root, "test")    # root holds the folder ibims1_core_mat
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of, keep, kept, mat, reading
from plantain.data.readers.base import Layout, in_order
from plantain.predictions.types import Depth

LAYOUT = Layout(
    "iBims-1",
    """\
ibims1_core_mat/corridor_01.mat    ibims1_core_mat.zip: struct `data` with rgb, depth, calib, edges, mask_...
ibims1_core_mat/corridor_02.mat    100 scenes
""",
    needed=("ibims1_core_mat/*.mat",),
    splits=("test",),
)


def read_ibims1(root: Path, split: str = "test", *, cache: Path | None = None) -> list[Example]:
    """Photographs with depth in metres, which neither invalid nor transparent pixels have.

    The photos lie inside the .mat files; they are written once, as PNG, into a folder in `cache` or else in the
    system's temporary folder, never into `root`. Raises PhotoError where nothing is found, MissingExtra without scipy.
    """
    LAYOUT.check(root, split)
    folder = root / "ibims1_core_mat"
    photos = kept(cache, "ibims1", folder)
    return in_order((_example(scene, photos / f"{scene.stem}.png", split) for scene in folder.glob("*.mat")), LAYOUT)


def _example(scene: Path, photo: Path, split: str) -> Example:
    data = _data(scene)
    if not photo.exists():
        keep(data["rgb"], photo)
    facts = {"focal_px": float(np.ravel(data["calib"])[0])}  # of a 3 x 3 camera matrix, however it is stored
    return Example("ibims1", scene.stem, photo, split, {"depth": partial(ibims1_depth, scene)}, facts)


def _data(path: Path) -> dict[str, Any]:
    with reading(path):
        return dict(mat(path)["data"])


def ibims1_depth(path: Path) -> Depth:
    """Metres, 0 where missing; the masks are 1 where a pixel may be used.

    Source: the set's evaluate_ibims_error_metrics.py, which scores depth x mask_invalid x mask_transp."""
    data = _data(path)
    return depth_of(data["depth"], (data["mask_invalid"] > 0) & (data["mask_transp"] > 0))

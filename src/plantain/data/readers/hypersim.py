"""Hypersim: rendered indoor pictures with exact depth and normals. Needs h5py.

read_hypersim(root, "test")    # 7,690 pictures; "val" 7,386
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of, extra, normals_of, reading, towards_viewer
from plantain.data.readers.base import Layout, in_order, need
from plantain.predictions.types import Depth, Normals

LAYOUT = Layout(
    "Hypersim",
    """\
metadata_images_split_scene_v1.csv                                   github.com/apple/ml-hypersim
ai_001_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg
ai_001_010/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5
ai_001_010/images/scene_cam_00_geometry_hdf5/frame.0000.normal_cam.hdf5    optional
""",
    splits=("train", "val", "test"),
)
FOCAL_PX = 886.81  # at 1024 x 768: a horizontal field of view of 60 degrees
WIDTH = 1024


def read_hypersim(root: Path, split: str = "test", *, listing: Path | None = None) -> list[Example]:
    """The publicly released pictures of a split ("train", "val", "test") with depth in metres and normals.

    `listing` is metadata_images_split_scene_v1.csv, by default in `root`. The photos are the tone-mapped previews
    (JPEG). No cap: it belongs to the metric. Raises PhotoError where a file is missing; MissingExtra without h5py,
    when a truth is read.
    """
    LAYOUT.check(root, split)
    path = need(listing or root / "metadata_images_split_scene_v1.csv", LAYOUT)
    with reading(path), path.open(newline="", encoding="utf-8-sig") as file:
        released = [row for row in csv.DictReader(file) if row["included_in_public_release"] == "True"]
        rows = [row for row in released if row["split_partition_name"] == split]
    return in_order((_example(root, row, split) for row in rows), LAYOUT)


def _example(root: Path, row: dict[str, str], split: str) -> Example:
    scene, camera, frame = row["scene_name"], row["camera_name"], int(row["frame_id"])
    images = root / scene / "images"
    photo = need(images / f"scene_{camera}_final_preview" / f"frame.{frame:04d}.tonemap.jpg", LAYOUT)
    geometry = images / f"scene_{camera}_geometry_hdf5"
    depth = need(geometry / f"frame.{frame:04d}.depth_meters.hdf5", LAYOUT)
    normal = geometry / f"frame.{frame:04d}.normal_cam.hdf5"
    truths: dict[str, Any] = {"depth": partial(hypersim_depth, depth)}
    if normal.exists():
        truths["normals"] = partial(hypersim_normals, normal)
    facts = {"focal_px": FOCAL_PX, "scene": scene}
    return Example("hypersim", f"{scene}_{camera}_fr{frame:04d}", photo, split, truths, facts)


def planar(distance: Float[np.ndarray, "h w"], focal_px: float) -> Float[np.ndarray, "h w"]:
    """Depth (z) of points whose distance from the camera's center is known, seen by a camera without distortion.

    A pixel x, y away from the middle of the picture sees along (x, y, f): z = distance * f / sqrt(x^2 + y^2 + f^2).
    Source: github.com/apple/ml-hypersim, issue 9; used by Marigold and Depth Anything V2.

    >>> planar(np.full((1, 3), 5.0), 0.75).round(2).tolist()
    [[3.0, 5.0, 3.0]]
    """
    height, width = distance.shape
    x = np.arange(width) - (width - 1) / 2
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    return distance * focal_px / np.sqrt(x**2 + y**2 + focal_px**2)


def _stored(path: Path) -> np.ndarray:
    h5py = extra("h5py")
    with reading(path), h5py.File(path) as file:
        return np.asarray(file["dataset"][()], np.float32)


def hypersim_depth(path: Path) -> Depth:
    """Planar depth of a depth_meters file, which holds distances; NaN (no surface) is unknown."""
    distance = _stored(path)
    return depth_of(planar(distance, FOCAL_PX * distance.shape[1] / WIDTH))


def hypersim_normals(path: Path) -> Normals:
    """The file's frame is Plantain's (ml-hypersim's README: +x right, +y up, +z away from where the camera looks).

    Some surfaces have normals of zero or not of unit length, and some point away from the viewer; those are turned
    round (ml-hypersim, issue 26; Marigold does the same).
    """
    xyz = _stored(path)
    height, width = xyz.shape[:2]
    focal = FOCAL_PX * width / WIDTH
    return normals_of(towards_viewer(xyz, focal, focal, (width - 1) / 2, (height - 1) / 2))

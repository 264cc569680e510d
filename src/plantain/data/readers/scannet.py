"""ScanNet frames: indoor video with depth of a structured-light sensor.

read_scannet(root, "val", listing=Path("scannet_val_sampled_list_800_1.txt"))    # Marigold's 800 frames
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.base import Example
from plantain.data.excerpts import sixteen_bits
from plantain.data.readers._surfaces import depth_of, words
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import PhotoError
from plantain.predictions.types import Depth

LAYOUT = Layout(
    "ScanNet",
    """\
scannetv2_val.txt                                the scenes of a split; not needed with a list of frames
scans/scene0011_00/color/0.jpg                   exported from the .sens file by ScanNet's SensReader
scans/scene0011_00/depth/0.png
scans/scene0011_00/intrinsic/intrinsic_color.txt
""",
)


def read_scannet(root: Path, split: str = "val", *, listing: Path | None = None) -> list[Example]:
    """Photographs with depth in metres and the fact `focal_px`; all frames of the split's scenes, or those listed.

    `listing`: a line a frame, photo and depth below `scans` ("scene0406_02/color/000300.jpg scene0406_02/depth/..."),
    as Marigold has it (github.com/prs-eth/Marigold, data_split); leading zeros of frame numbers do not matter. Depth
    (640 x 480) is looked up, nearest pixel, at the photo's size (1296 x 968): both show the same view. Published
    figures shrink the photo instead. Raises PhotoError where a file is missing.
    """
    frames = _listed(root, listing) if listing else _all(root, split)
    return in_order((_example(root, *frame, split) for frame in frames), LAYOUT)


def _example(root: Path, scene: str, photo: Path, truth: Path, split: str) -> Example:
    camera = words(need(root / "scans" / scene / "intrinsic" / "intrinsic_color.txt", LAYOUT))  # 4 x 4
    facts = {"focal_px": float(camera[0][0]), "scene": scene}
    truths = {"depth": partial(scannet_depth, truth, photo)}
    return Example("scannet", f"{scene}_{int(photo.stem):06d}", photo, split, truths, facts)


def _all(root: Path, split: str) -> Iterator[tuple[str, Path, Path]]:
    for scene, *_ in words(need(root / f"scannetv2_{split}.txt", LAYOUT)):
        folder = root / "scans" / scene
        for photo in need(folder / "color", LAYOUT).glob("*.jpg"):
            yield scene, photo, need(folder / "depth" / f"{photo.stem}.png", LAYOUT)


def _listed(root: Path, listing: Path) -> Iterator[tuple[str, Path, Path]]:
    for row in words(need(listing, LAYOUT)):
        if len(row) < 2:
            raise PhotoError(f"{listing} has the line {' '.join(row)!r}; wanted: photo and depth below scans")
        photo, truth = (_frame(root / "scans" / name) for name in row[:2])
        yield Path(row[0]).parts[0], photo, truth


def _frame(path: Path) -> Path:
    plain = path.with_name(f"{int(path.stem)}{path.suffix}")
    return need(path if path.exists() else plain, LAYOUT)


def scannet_depth(path: Path, photo: Path) -> Depth:
    """Millimetres in a 16-bit PNG, 0 = unknown. Source: ScanNet's README, "Data Organization"."""
    metres = sixteen_bits(path, 1000).astype(np.float32) / 1000
    with Image.open(photo) as image:
        width, height = image.size
    rows, columns = _nearest(height, metres.shape[0]), _nearest(width, metres.shape[1])
    return depth_of(metres[rows[:, None], columns])


def _nearest(wanted: int, stored: int) -> np.ndarray:
    """For each of `wanted` pixels along a side, the stored pixel in which its middle lies."""
    return (2 * np.arange(wanted) + 1) * stored // (2 * wanted)

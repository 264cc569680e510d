"""Virtual KITTI 2: rendered drives through five scenes in ten variations, seen by two cameras.

read_vkitti2(root, "val")
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from plantain.data.base import Example
from plantain.data.excerpts import sixteen_bits
from plantain.data.readers._surfaces import depth_of
from plantain.data.readers.base import Layout, in_order, need
from plantain.predictions.types import Depth

LAYOUT = Layout(
    "Virtual KITTI 2",
    """\
Scene01/clone/frames/rgb/Camera_0/rgb_00000.jpg        vkitti_2.0.3_rgb.tar, unpacked here
Scene01/clone/frames/depth/Camera_0/depth_00000.png    vkitti_2.0.3_depth.tar, unpacked into the same folder
Scene02/...
""",
    splits=("train", "val"),
)
SCENES = {"val": ("Scene01",), "train": ("Scene02", "Scene06", "Scene18", "Scene20")}
VARIATIONS = ("15-deg-left", "15-deg-right", "clone", "morning", "overcast", "sunset")  # those without fog or rain
FOCAL_PX = 725.0087  # of all scenes and cameras, at 1242 x 375; Naver Labs Europe's page of the set
CAP_M = 80.0  # the usual far end of training and scoring; the files reach to 655.34 m
SKY = 65535


def read_vkitti2(
    root: Path, split: str = "val", *, variations: Sequence[str] = VARIATIONS,
    cameras: Sequence[str] = ("Camera_0", "Camera_1"),
) -> list[Example]:  # fmt: skip
    """Pictures with depth in metres; the facts give `focal_px` and the usual cap, `cap_m`, which is not applied.

    The set has no official split: as in Marigold, Scene01 is "val" (5,364 pictures) and the others are "train"
    (20,148), without fog and rain, which hide what the depth shows. Raises PhotoError where a file is missing.
    """
    LAYOUT.check(root, split)
    drives = [(scene, way, camera) for scene in SCENES[split] for way in variations for camera in cameras]
    return in_order((example for drive in drives for example in _drive(root, *drive, split)), LAYOUT)


def _drive(root: Path, scene: str, variation: str, camera: str, split: str) -> list[Example]:
    frames = root / scene / variation / "frames"
    facts = {"focal_px": FOCAL_PX, "cap_m": CAP_M, "scene": scene}
    out = []
    for photo in need(frames / "rgb" / camera, LAYOUT).glob("rgb_*.jpg"):
        number = photo.stem.removeprefix("rgb_")
        truth = need(frames / "depth" / camera / f"depth_{number}.png", LAYOUT)
        name = f"{scene}_{variation}_{camera}_{number}"
        out.append(Example("vkitti2", name, photo, split, {"depth": partial(vkitti2_depth, truth)}, facts))
    return out


def vkitti2_depth(path: Path) -> Depth:
    """Centimetres from the camera plane in a 16-bit PNG; 65535 is the sky, whose depth is unknown.

    Source: Naver Labs Europe's page of the set, "depth"."""
    raw = sixteen_bits(path, 100).astype(np.int32)
    return depth_of(raw.astype(np.float32) / 100, raw != SKY)

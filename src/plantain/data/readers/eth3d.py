"""ETH3D's high-resolution multi-view training set: 454 photographs of 13 scenes, 6048 x 4032, with laser-scanned depth.

read_eth3d(root, "train")
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import TruthError
from plantain.predictions.types import Depth

LAYOUT = Layout(
    "ETH3D",
    """\
courtyard/images/dslr_images/DSC_0286.JPG                multi_view_training_dslr_jpg.7z
courtyard/ground_truth_depth/dslr_images/DSC_0286.JPG    courtyard_dslr_depth.7z: float32, no header
delivery_area/...
""",
    splits=("train",),
)
SCENES = ("courtyard", "delivery_area", "electro", "facade", "kicker", "meadow", "office", "pipes", "playground",
          "relief", "relief_2", "terrace", "terrains")  # fmt: skip


def read_eth3d(root: Path, split: str = "train", *, scenes: Sequence[str] = SCENES) -> list[Example]:
    """Photographs as taken (not undistorted) with depth in metres; no cap.

    ETH3D gives depth for its training scenes alone, on which everybody tests. Raises PhotoError where a photo or truth
    of a scene is missing.
    """
    LAYOUT.check(root, split)
    return in_order((example for scene in scenes for example in _scene(root, scene, split)), LAYOUT)


def _scene(root: Path, scene: str, split: str) -> list[Example]:
    photos = need(root / scene / "images" / "dslr_images", LAYOUT)
    truths = need(root / scene / "ground_truth_depth" / "dslr_images", LAYOUT)
    out = []
    for photo in photos.glob("*.JPG"):
        truth = partial(eth3d_depth, need(truths / photo.name, LAYOUT), photo)
        out.append(Example("eth3d", f"{scene}_{photo.stem}", photo, split, {"depth": truth}, {"scene": scene}))
    return out


def eth3d_depth(path: Path, photo: Path) -> Depth:
    """Little-endian float32, row by row, of the photo's size; infinite where unknown.

    Source: eth3d.net/documentation, "Format of multi-view data image formats". TruthError for another length."""
    values = np.fromfile(path, "<f4")
    with Image.open(photo) as image:
        width, height = image.size
    if values.size != width * height:
        raise TruthError(f"{path} holds {values.size} numbers and its photo {width} x {height} = {width * height} "
                         "pixels; unpack the depth of the photos as taken (dslr_images)")  # fmt: skip
    return depth_of(values.reshape(height, width))

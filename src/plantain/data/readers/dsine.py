"""DSINE's pack of normals (dsine_eval.zip): the pictures on which surface normals are usually compared.

read_dsine(root, "test", part="nyuv2")    # root is the folder dsine_eval
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.data.base import Example
from plantain.data.readers._exr import read_exr
from plantain.data.readers._surfaces import normals_of
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import PhotoError, UnknownName
from plantain.predictions.types import Normals

LAYOUT = Layout(
    "DSINE's pack of normals",
    """\
nyuv2/test/000000_img.png          and 000000_normal.png (8 bit), 000000_intrins.npy     654 pictures
scannet/scene0001_01/000000_img.png    _normal.png (8 bit)     300
ibims/ibims/corridor_01_img.png        _normal.exr             100
sintel/alley_1/frame_0001_img.png      _normal.exr           1,064
vkitti/Scene01/000000_img.jpg          _normal.png (16 bit)  1,000
Source: dsine_eval.zip, see github.com/baegwangbin/DSINE, step 2
""",
)
SUFFIX = {"nyuv2": "png", "scannet": "png", "ibims": "exr", "sintel": "exr", "vkitti": "png"}


def read_dsine(root: Path, split: str = "test", *, part: str = "nyuv2") -> list[Example]:
    """Photographs of one part ("nyuv2", "scannet", "ibims", "sintel", "vkitti") with normals and the fact `focal_px`.

    "nyuv2" alone has a "train" split too. Raises PhotoError where a file is missing.
    """
    if part not in SUFFIX:
        raise UnknownName("part", part, SUFFIX)
    splits = ("test", "train") if part == "nyuv2" else ("test",)
    if split not in splits:
        raise UnknownName("split", split, splits)
    photos = need(root / part, LAYOUT).glob(f"{split if part == 'nyuv2' else '*'}/*_img.*")
    return in_order((_example(photo, part, split) for photo in photos), LAYOUT)


def _example(photo: Path, part: str, split: str) -> Example:
    scene, name = photo.parent.name, photo.stem.removesuffix("_img")
    normal = need(photo.with_name(f"{name}_normal.{SUFFIX[part]}"), LAYOUT)
    camera = np.load(need(photo.with_name(f"{name}_intrins.npy"), LAYOUT))
    facts = {"focal_px": float(camera[0, 0]), "scene": scene}
    return Example(f"dsine-{part}", f"{scene}_{name}", photo, split, {"normals": partial(dsine_normals, normal)}, facts)


def dsine_normals(path: Path) -> Normals:
    """Normals of a file of the pack, in Plantain's frame.

    The pack has (x, y, z) = (right, down, front) and normals that point INTO the surface: (0, 0, 1) for a wall that
    faces the camera. Turned to the outside that is (-x, -y, -z), and with y up and z to the viewer (-x, y, z). In PNG,
    0 to 255 or to 65535 is -1 to 1 and black is unknown; in EXR, vectors no longer than 1/2 are unknown.
    Source: baegwangbin/DSINE, data/datasets/*/__init__.py (files), issue 8 (frame).
    """
    if path.suffix == ".exr":
        stored, known = read_exr(path), None
    else:
        levels, most = _levels(path)
        stored, known = levels.astype(np.float32) / most * 2 - 1, np.asarray(levels.any(axis=-1))
    return normals_of(stored * np.array([-1, 1, 1], np.float32), known)


def _levels(path: Path) -> tuple[np.ndarray, int]:
    """The numbers in an RGB PNG, h w 3, and the greatest that they can be: 255 or 65535."""
    with Image.open(path) as image:
        if image.mode != "RGB":
            raise PhotoError(f"{path} is a picture in mode {image.mode}; wanted: normals as RGB")
        deep = image.tile[0].args == "RGB;16B"
    high = _bytes(path, None)
    return (high.astype(np.int32) * 256 + _bytes(path, "RGB;16L"), 65535) if deep else (high, 255)


def _bytes(path: Path, order: str | None) -> UInt8[np.ndarray, "h w 3"]:
    """The first byte of each number; with `order`="RGB;16L" the second.

    Pillow knows RGB in 16 bits only as its high bytes; told that the low byte comes first, it gives the low ones."""
    with Image.open(path) as image:
        if order:
            image.tile = [tile._replace(args=order) for tile in image.tile]
        return np.asarray(image)

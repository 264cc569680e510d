"""Unit vectors as colors, in the two usual conventions.

`vb` (id normals-vb/1): R = (1 - x) / 2, G = (1 + y) / 2, B = (1 + z) / 2, as Vision Banana paints (arXiv 2604.20329
v3); `gl` (id normals-gl/1): R = (1 + x) / 2, the OpenGL habit of most others. In both +x is right, +y up, +z to the
viewer.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.codecs.cells import CHUNK
from plantain.codecs.polyline import levels_of
from plantain.errors import UnknownName

CONVENTIONS = {"vb": "normals-vb/1", "gl": "normals-gl/1"}


def _signs(convention: str) -> np.ndarray:
    if convention not in CONVENTIONS:
        raise UnknownName("normals convention", convention, CONVENTIONS)
    return np.array([-1 if convention == "vb" else 1, 1, 1], np.float32)


def encode_float(xyz: Shaped[np.ndarray, "h w 3"], convention: str = "vb") -> Float[np.ndarray, "h w 3"]:
    """The colors of unit normals, 0..1."""
    return np.asarray((np.asarray(xyz, np.float32) * _signs(convention) + 1) / 2, np.float32)


def encode(xyz: Shaped[np.ndarray, "h w 3"], convention: str = "vb") -> UInt8[np.ndarray, "h w 3"]:
    """The colors of unit normals, 0..255.

    >>> encode(np.array([[[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]]))  # to the viewer: light blue; facing left: pinkish red
    array([[[128, 128, 255],
            [255, 128, 128]]], dtype=uint8)
    """
    return np.asarray(np.round(encode_float(xyz, convention) * 255).clip(0, 255), np.uint8)


def decode(
    rgb: Shaped[np.ndarray, "h w 3"], convention: str = "vb"
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
    """Unit normals, and the length that was painted (about 1 where the painter meant a surface)."""
    picture = np.asarray(rgb)
    flat = np.ascontiguousarray(picture if picture.dtype == np.uint8 else levels_of(picture)).reshape(-1)
    xyz, length = np.empty(flat.size, np.float32), np.empty(flat.size // 3, np.float32)
    signs = np.tile(_signs(convention), CHUNK)  # as long as a chunk: broadcasting over a last axis of 3 is slow
    for start in range(0, len(length), CHUNK):
        size = min(CHUNK, len(length) - start)
        here, lengths = xyz[3 * start : 3 * (start + size)], length[start : start + size]
        np.multiply(flat[3 * start : 3 * (start + size)], signs[: 3 * size] / np.float32(127.5), out=here)
        here -= signs[: 3 * size]
        square = here * here
        np.sqrt(square[0::3] + square[1::3] + square[2::3], out=lengths)
        scale = 1 / np.maximum(lengths, np.float32(1e-6))
        for axis in range(3):
            here[axis::3] *= scale
    return xyz.reshape(picture.shape), length.reshape(picture.shape[:2])

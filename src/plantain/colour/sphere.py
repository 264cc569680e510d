"""Unit vectors as colours, in the two usual conventions.

`vb` (id normals-vb/1): R = (1 - x) / 2, G = (1 + y) / 2, B = (1 + z) / 2, as Vision Banana paints (arXiv 2604.20329, v3);
`gl` (id normals-gl/1): R = (1 + x) / 2, the OpenGL habit of most others. +x right, +y up, +z to the viewer in both.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.colour.curve import as_levels
from plantain.errors import UnknownName

CONVENTIONS = {"vb": "normals-vb/1", "gl": "normals-gl/1"}


def _signs(convention: str) -> np.ndarray:
    if convention not in CONVENTIONS:
        raise UnknownName("normals convention", convention, CONVENTIONS)
    return np.array([-1 if convention == "vb" else 1, 1, 1], np.float32)


def encode_float(xyz: Shaped[np.ndarray, "h w 3"], convention: str = "vb") -> Float[np.ndarray, "h w 3"]:
    """The colours of unit normals, 0..1."""
    return np.asarray((np.asarray(xyz, np.float32) * _signs(convention) + 1) / 2, np.float32)


def encode(xyz: Shaped[np.ndarray, "h w 3"], convention: str = "vb") -> UInt8[np.ndarray, "h w 3"]:
    """The colours of unit normals, 0..255.

    >>> encode(np.array([[[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]]]))  # to the viewer: light blue; facing left: pinkish red
    array([[[128, 128, 255],
            [255, 128, 128]]], dtype=uint8)
    """
    return np.asarray(np.round(encode_float(xyz, convention) * 255).clip(0, 255), np.uint8)


def decode(
    rgb: Shaped[np.ndarray, "h w 3"], convention: str = "vb"
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
    """Unit normals, and the length that was painted (about 1 where the painter meant a surface)."""
    xyz = as_levels(rgb)
    xyz *= _signs(convention) / 127.5
    xyz -= _signs(convention)
    length = np.sqrt(np.einsum("hwc,hwc->hw", xyz, xyz))
    xyz /= np.maximum(length, 1e-6)[..., None]
    return xyz, length

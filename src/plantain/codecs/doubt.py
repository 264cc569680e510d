"""A gray code that says where it is wrong: red = green = the gray level, blue = the error that the painter expects.

A gray scale needs one channel; the third carries the painter's own uncertainty. An exact painting has blue 0. A painter
that is trained learns blue from its own error (`plantain.train.loop`, where no gradient flows through that error).
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.codecs.polyline import levels_of


def encode_float(gray: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """A painting in a gray code (0..1), with no expected error. White, which answers nothing, stays white."""
    rgb = gray.copy()
    rgb[..., 2] = gray.min(-1) >= 1
    return rgb


def encode(gray: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """`encode_float` in levels 0..255."""
    return np.asarray(encode_float(gray / np.float32(255)) * 255 + 0.5, np.uint8)


def decode(rgb: Shaped[np.ndarray, "h w 3"]) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
    """The gray painting (0..1), and the confidence that its blue says."""
    picture = levels_of(rgb) / np.float32(255)
    gray = picture[..., :2].mean(-1, keepdims=True)
    return np.repeat(gray, 3, -1), np.asarray(1 - picture[..., 2])

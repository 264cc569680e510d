"""Boxes as heat: red = how likely a thing's center is here, green and blue = red times the logarithm of its size.

Code heat/1. Every thing is a soft spot h: 1 at the center of its box, a normal curve whose standard deviations are SPOT
of the box's sides. The painting is (h, h u(width), h u(height)), where u(s) = 1 + log(s) / log(RANGE) of the side's
share s of the picture's. The code is linear in probability: a painter of the mean paints the probability that a center
is here in red, and green / red and blue / red stay the expected sizes, however faint the spot. Centers with the sizes
at them are CenterNet's idea (arXiv 1904.07850), there as regression heads, here as colors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plantain._shapes import Float, Int, Shaped, UInt8
from plantain.codecs.polyline import levels_of

SPOT = 0.14  # of the box's side: standard deviation of its spot
SMALLEST_SPOT = 0.006  # of the picture's longer side
RANGE = 128.0  # from the whole side of the picture down to 1/128 of it
FAINT = 0.04  # heat below which nothing is read
MOST = 300


class Boxes(NamedTuple):
    """Boxes (left, top, right, bottom in pixels), the highest score first, and their scores 0..1."""

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, "n"]


def encode(
    boxes: Float[np.ndarray, "n 4"], height: int, width: int, scores: Float[np.ndarray, " n"] | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """Paints boxes on black, each spot as high as its score (1 without); where spots meet, the stronger one wins."""
    each = np.ones(len(boxes)) if scores is None else scores
    heat = np.zeros((height, width), np.float32)
    sizes = np.zeros((height, width, 2), np.float32)
    ys, xs = np.arange(height, dtype=np.float32) + 0.5, np.arange(width, dtype=np.float32) + 0.5
    least = SMALLEST_SPOT * max(height, width)
    for (left, top, right, bottom), score in zip(np.asarray(boxes, float).tolist(), each, strict=True):
        w, h = right - left, bottom - top
        across = np.exp(-np.square((xs - (left + right) / 2) / max(SPOT * w, least)) / 2)
        down = np.exp(-np.square((ys - (top + bottom) / 2) / max(SPOT * h, least)) / 2)
        spot = float(score) * down[:, None] * across
        wins = spot > heat
        heat[wins] = spot[wins]
        sizes[wins] = _shade(w / width), _shade(h / height)
    return np.round(255 * np.concatenate([heat[..., None], heat[..., None] * sizes], -1)).astype(np.uint8)


def decode(rgb: Shaped[np.ndarray, "h w 3"]) -> Boxes:
    """The peaks of the heat, strongest first, with the sizes painted around each; one box a spot."""
    picture = levels_of(rgb) / np.float32(255)
    height, width = picture.shape[:2]
    reach = max(1, round(SMALLEST_SPOT * max(height, width)))
    smooth = mean_over(picture, reach)
    heat = smooth[..., 0]
    ys, xs = np.nonzero((heat >= _highest(heat, 2 * reach)) & (heat > FAINT))
    order = np.argsort(-heat[ys, xs], kind="stable")[: 4 * MOST]
    ys, xs = ys[order], xs[order]
    found = np.array([_box(smooth, y, x, reach) for y, x in zip(ys.tolist(), xs.tolist(), strict=True)], np.float32)
    kept = _apart(found.reshape(-1, 4))[:MOST]
    boxes = found.reshape(-1, 4)[kept].clip(0, [width, height, width, height])
    return Boxes(boxes, picture[ys[kept], xs[kept], 0])


def _apart(boxes: Float[np.ndarray, "n 4"]) -> Int[np.ndarray, "k"]:
    """The boxes, strongest first, without those whose center lies on the spot of a stronger one."""
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rest, kept = np.arange(len(boxes)), []
    while len(rest):
        first, rest = rest[0], rest[1:]
        kept.append(first)
        away = np.abs(centers[rest] - centers[first]) / np.maximum(SPOT * sides[first], 1)
        rest = rest[(away > 1).any(1)]
    return np.array(kept, int)


def _box(smooth: Float[np.ndarray, "h w 3"], y: int, x: int, reach: int) -> tuple[float, float, float, float]:
    """The box whose center is at this peak."""
    height, width = smooth.shape[:2]
    red, green, blue = smooth[y, x]
    w, h = _side(float(green / red)) * width, _side(float(blue / red)) * height
    cx, cy = _center(smooth[..., 0], y, x, max(reach, SPOT * w), max(reach, SPOT * h))
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def _shade(share: float) -> float:
    return float(np.clip(1 + np.log(max(share, 1e-9)) / np.log(RANGE), 0, 1))


def _side(shade: float) -> float:
    return float(RANGE ** (min(max(shade, 0.0), 1.0) - 1))


def _center(heat: Float[np.ndarray, "h w"], y: int, x: int, dx: float, dy: float) -> tuple[float, float]:
    """The centroid of the heat within one standard deviation of the peak."""
    top, left = max(0, int(y - dy)), max(0, int(x - dx))
    part = np.square(heat[top : int(y + dy) + 2, left : int(x + dx) + 2])
    total = float(part.sum())
    across, down = part.sum(0), part.sum(1)
    cx = left + 0.5 + float(across @ np.arange(len(across))) / total
    return cx, top + 0.5 + float(down @ np.arange(len(down))) / total


def mean_over(picture: Float[np.ndarray, "h w c"], reach: int) -> Float[np.ndarray, "h w c"]:
    """Mean over (2 reach + 1)^2 pixels, borders repeated."""
    for axis in (0, 1):
        pad = [(0, 0)] * picture.ndim
        pad[axis] = (reach + 1, reach)
        total = np.pad(picture, pad, mode="edge").cumsum(axis, dtype=np.float64)
        ahead, behind = [slice(None)] * picture.ndim, [slice(None)] * picture.ndim
        ahead[axis], behind[axis] = slice(2 * reach + 1, None), slice(None, -2 * reach - 1)
        picture = ((total[tuple(ahead)] - total[tuple(behind)]) / (2 * reach + 1)).astype(np.float32)
    return picture


def _highest(heat: Float[np.ndarray, "h w"], reach: int) -> Float[np.ndarray, "h w"]:
    """The largest value within `reach` pixels."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(heat, pad), 2 * reach + 1, axis=axis)
        heat = windows.max(-1)
    return heat

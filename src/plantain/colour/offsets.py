"""Things told apart by where each pixel says its own thing's center lies.

Code offsets/1. Blue = how likely a thing is here; red and green = blue times where the center of that thing lies from
here, to the right and below, 0.5 = right here. Distances are shares of the picture, drawn out by a signed square root
so that small things are told apart as well: 0.5 + 0.5 sign(d) sqrt(|d| / 0.5). A painter of the mean paints the
probability of a thing in blue, and red / blue and green / blue stay the mean of its votes. (Votes for centers as in
Panoptic-DeepLab, arXiv 1911.10194; there two heads, here one painting.)
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.colour.heat import mean_over
from plantain.colour.polyline import levels_of
from plantain.colour.things import Found, encode, least_area, surest

REACH = 0.5  # of the picture: votes go no farther
SMOOTH = 0.006  # of the longer side: what votes are averaged over; they are blue times a place, so borders do no harm
CELLS = 96  # votes are counted on a grid of this many cells along the longer side
ALONE = 0.15  # of a thing's extent: peaks of votes nearer to each other are one thing's


def encode_offsets(masks: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Each mask's pixels vote for the middle of its box; later masks lie on top."""
    height, width = masks.shape[1:]
    owner = encode(masks, _numbers(len(masks)))
    number = owner[..., 0].astype(np.int32) * 256 + owner[..., 1]
    rgb = np.zeros((height, width, 3), np.uint8)
    for k, mask in enumerate(masks, 1):
        xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(xs):
            here = number == k
            y, x = np.nonzero(here)
            rgb[here, 0] = np.round(255 * _shade(((xs[0] + xs[-1]) / 2 - x) / width))
            rgb[here, 1] = np.round(255 * _shade(((ys[0] + ys[-1]) / 2 - y) / height))
            rgb[here, 2] = 255
    return rgb


def decode_offsets(rgb: Shaped[np.ndarray, "h w 3"]) -> Found:
    """Things, surest first: pixels of blue above one half go to the peak of votes that theirs is nearest to, measured
    by the peak's extent. score = mean blue x the share of its votes that agree."""
    picture = levels_of(rgb) / np.float32(255)
    height, width = picture.shape[:2]
    picture = mean_over(picture, max(1, round(SMOOTH * max(height, width))))
    on = picture[..., 2] > 0.5
    owner = np.full((height, width), -1, np.int32)
    y, x = np.nonzero(on)
    if len(y) < least_area((height, width)):
        return surest(owner, np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    blue = picture[y, x, 2]
    vx = x + _way(picture[y, x, 0] / blue) * width
    vy = y + _way(picture[y, x, 1] / blue) * height
    px, py, extent = _peaks(x, y, vx, vy, blue, (height, width))
    away = np.hypot((vx[:, None] - px) / extent, (vy[:, None] - py) / extent)
    # a vote may lie off; a pixel far outside what its peak's votes span does not belong to it
    mine = away.argmin(1)
    count = np.bincount(mine, minlength=len(px))
    agree = np.bincount(mine, np.exp(-np.square(away[np.arange(len(mine)), mine] / 0.25)), len(px))
    score = np.bincount(mine, blue, len(px)) / np.maximum(count, 1) * agree / np.maximum(count, 1)
    keep = count >= least_area((height, width))
    table = np.where(keep, np.cumsum(keep) - 1, -1)
    owner[y, x] = table[mine]
    colors = np.stack([np.bincount(mine, picture[y, x, c], len(px)) for c in range(3)], -1) / np.maximum(count, 1)[:, None]
    return surest(owner, 255 * colors[keep].astype(np.float32), score[keep].astype(np.float32))


def _peaks(
    x: np.ndarray, y: np.ndarray, vx: np.ndarray, vy: np.ndarray, weight: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places that many votes are for, and the extent (pixels) of those who vote for each."""
    cell = max(size) / CELLS
    rows, columns = int(size[0] / cell) + 3, int(size[1] / cell) + 3
    row = (vy / cell + 1).astype(int).clip(1, rows - 2)
    column = (vx / cell + 1).astype(int).clip(1, columns - 2)
    grid = np.bincount(row * columns + column, weight, rows * columns).reshape(rows, columns)
    sums = grid.copy()
    for axis in (0, 1):
        sums = sums + np.roll(sums, 1, axis) + np.roll(sums, -1, axis)
    tops = []
    left = sums.copy()
    least = least_area(size)
    while len(tops) < 128 and left.max() > max(least, 0.02 * sums.max()):
        r, c = np.unravel_index(int(left.argmax()), left.shape)
        near = (abs(row - r) <= 1) & (abs(column - c) <= 1)
        w = weight[near]
        place = float((vx[near] * w).sum() / w.sum()), float((vy[near] * w).sum() / w.sum())
        extent = 2 * float(np.sqrt(np.average(np.square(x[near] - place[0]) + np.square(y[near] - place[1]), weights=w)))
        extent = max(extent, 2 * cell)
        if all(np.hypot(place[0] - a, place[1] - b) > ALONE * max(extent, e) for a, b, e in tops):
            tops.append((*place, extent))
        reach = max(1, int(ALONE * extent / cell))
        left[max(0, r - reach) : r + reach + 1, max(0, c - reach) : c + reach + 1] = 0
    return tuple(np.array(v) for v in zip(*tops, strict=True)) if tops else (np.array([vx.mean()]), np.array([vy.mean()]), np.array([1.0 * max(size)]))  # type: ignore[return-value]


def _numbers(count: int) -> UInt8[np.ndarray, "n 3"]:
    """1, 2, ... as colors, to be painted over one another."""
    k = np.arange(1, count + 1)
    return np.stack([k // 256, k % 256, np.zeros_like(k)], -1).astype(np.uint8)


def _shade(share: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    return 0.5 + 0.5 * np.sign(share) * np.sqrt(np.minimum(np.abs(share), REACH) / REACH)


def _way(shade: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    drawn = 2 * shade.clip(0, 1) - 1
    return REACH * np.sign(drawn) * np.square(drawn)

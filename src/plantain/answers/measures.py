"""What is read off masks, depth and scores: lengths, orders, counts, and pictures made of them. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from plantain._shapes import Bool, Float
from plantain.codecs.regions import regions
from plantain.predictions.boxes import box_around
from plantain.predictions.headline import COUNTS
from plantain.predictions.types import Depth, Keypoints

RIM = 0.05  # of a thing's size (the root of its area): as much of its rim is left out, where depth runs into others'
LEFT = 0.25  # of a thing's pixels that must stay without its rim; of a thin thing less rim is taken
SPECK = 0.005  # of a mask's pixels on each of its sides that its size does not hang on
NEAR = 0.1  # of a body's size: as near its mask a point may lie and still be on it
MOST = 20_000  # pixels of a mask that points are held against
LARGE = 0.2  # of the largest piece of a mask: a piece as large may be another body
WITHIN = 0.25  # of the truth: depth that is right, as `bench calibrate` has it
LOW, MIDDLE, HIGH = 16.0, 50.0, 84.0  # percentiles: one sigma below and above the median of a normal distribution


def eroded(mask: Bool[np.ndarray, "h w"], radius: int) -> Bool[np.ndarray, "h w"]:
    """The pixels whose whole square of 2 radius + 1 pixels lies in the mask; the photo's border takes nothing away.

    >>> eroded(np.array([[True, True, True, True, False]]), 1).tolist()
    [[True, True, True, False, False]]
    """
    side, inner = 2 * radius + 1, mask
    for axis in (0, 1):
        wide = [(radius + 1 if axis == 0 else 0, radius if axis == 0 else 0)]
        wide.append((radius + 1 if axis == 1 else 0, radius if axis == 1 else 0))
        total = np.cumsum(np.pad(inner, wide, mode="edge"), axis=axis, dtype=np.int32)
        length = mask.shape[axis]
        last, first = (np.take(total, np.arange(length) + start, axis=axis) for start in (side, 0))
        inner = last - first == side
    return np.asarray(inner)


def inside(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The mask without its rim: `RIM` of its size, or less where less than `LEFT` of it would stay."""
    area = int(mask.sum())
    x0, y0, x1, y1 = box_around(mask)
    radius, out = max(1, round(RIM * area**0.5)), np.zeros_like(mask)
    around = slice(max(0, y0 - radius), y1 + radius), slice(max(0, x0 - radius), x1 + radius)
    while radius > 0:
        inner = eroded(mask[around], radius)
        if inner.sum() >= LEFT * area:
            out[around] = inner
            return out
        radius //= 2
    return mask


def known(depth: Depth, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Where a thing's depth can be read: inside its rim, if any is known there, else anywhere in its mask."""
    valid = depth.valid & np.isfinite(depth.metres)
    within = inside(mask) & valid
    return within if within.any() else mask & valid


def spread(values: Float[np.ndarray, "n"]) -> tuple[float, float, float]:
    """The 16 %, 50 % and 84 % percentiles."""
    low, middle, high = np.percentile(values, (LOW, MIDDLE, HIGH))
    return float(low), float(middle), float(high)


def widened(low: float, middle: float, high: float, right: float) -> tuple[float, float, float]:
    """A range of lengths, wider by the error of the depth that it is read off, which moves all of it together.

    `right`: the probability that this depth is within `WITHIN` of the truth (calibrated confidence), from which its
    error's deviation follows, as if normal in the logarithm. Both errors are independent.

    >>> low, _, high = widened(2.0, 2.0, 2.0, right=0.6827)  # one sigma is 25 %
    >>> round(low, 2), round(high, 2)
    (1.6, 2.5)
    """
    right = min(max(right, 1 / 3), 1.0)  # less says that it is wrong, but not how far
    sigma = np.log(1 + WITHIN) / NormalDist().inv_cdf((1 + right) / 2) if right < 1 else 0.0
    below, above = (float(np.hypot(np.log(one / other), sigma)) for one, other in ((middle, low), (high, middle)))
    return middle * float(np.exp(-below)), middle, middle * float(np.exp(above))


def gap(a: Float[np.ndarray, "n 3"], b: Float[np.ndarray, "m 3"]) -> tuple[float, float, float]:
    """The distance between the middles (medians) of two sets of camera-space points, in their unit: low, middle, high.

    Low and high are the least and the greatest of it when each set is moved along its ray to the 16 % and the 84 %
    percentile of its depth."""
    ends = []
    for points in (a, b):
        low, median, high = spread(-points[:, 2])
        middle = np.median(points, axis=0)
        ends.append([middle * (z / median) for z in (low, median, high)])
    lengths = [float(np.linalg.norm(one - other)) for one in ends[0] for other in ends[1]]
    return min(lengths), lengths[4], max(lengths)


def nearer(a: Float[np.ndarray, "n"], b: Float[np.ndarray, "m"]) -> float:
    """Of all pairs of a value of `a` and one of `b`, the share in which that of `a` is less; ties count half.

    Source: Mann and Whitney 1947, their U over n m.

    >>> nearer(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    ordered = np.sort(b)
    above = len(b) - np.searchsorted(ordered, a, side="right")
    equal = np.searchsorted(ordered, a, side="right") - np.searchsorted(ordered, a, side="left")
    return float((above + 0.5 * equal).mean() / len(b))


def count(scores: Float[np.ndarray, "n"]) -> tuple[int, tuple[int, int], float]:
    """How many things have a score of at least `COUNTS`, the 16 to 84 % range of their number, and the probability that
    exactly these are real: each is with the probability of its score, whatever the others are (Poisson binomial).

    >>> count(np.array([0.9, 0.8, 0.1]))[0], round(count(np.array([0.9, 0.8, 0.1]))[2], 3)
    (2, 0.648)
    """
    real = np.clip(np.asarray(scores, np.float64), 0, 1)
    chances = np.ones(1)
    for score in real:
        chances = np.convolve(chances, (1 - score, score))
    counts = int((real >= COUNTS).sum())
    low, high = (int(np.searchsorted(np.cumsum(chances), p / 100)) for p in (LOW, HIGH))
    exactly = float(np.where(real >= COUNTS, real, 1 - real).prod())
    return counts, (min(low, counts), max(high, counts)), exactly


def extent(mask: Bool[np.ndarray, "h w"]) -> tuple[float, float]:
    """Width and height of a mask in pixels, but for the outermost `SPECK` of its pixels on each side, which a speck
    elsewhere in the picture would be.

    >>> [round(side, 2) for side in extent(np.ones((40, 200), bool))]
    [200.0, 40.0]
    """
    sides = []
    for counts in (mask.sum(0), mask.sum(1)):
        below = np.append(0, counts.cumsum()) / counts.sum()  # the share of pixels before each border between pixels
        sides.append(np.diff(np.interp((SPECK, 1 - SPECK), below, np.arange(len(below)))).item() / (1 - 2 * SPECK))
    return sides[0], sides[1]


def on_one(points: Keypoints, mask: Bool[np.ndarray, "h w"]) -> float:
    """The share of the points seen that lie on a mask (within a tenth of the root of its area), those on other large
    pieces of it than the one with the most points left out: they are another body's."""
    seen = points.visible & np.isfinite(points.xy).all(axis=1)
    rows, columns = np.nonzero(mask)
    if not seen.any() or not len(rows):
        return float(len(rows) > 0)
    step = max(1, len(rows) // MOST)
    rows, columns = rows[::step], columns[::step]
    which = regions(mask.astype(np.int8))[0][rows, columns]
    sizes = np.bincount(which)
    large = np.flatnonzero(sizes >= LARGE * sizes.max())
    away = np.hypot(*(points.xy[seen][:, None] - np.stack([columns, rows], axis=1) - 0.5).transpose(2, 0, 1))
    on = which[away.argmin(axis=1)][away.min(axis=1) <= NEAR * float(mask.sum()) ** 0.5]
    counts = [int((on == piece).sum()) for piece in large]
    return (int((~np.isin(on, large)).sum()) + max(counts)) / int(seen.sum())


def boxes_of(boxes: Float[np.ndarray, "n 4"]) -> tuple[tuple[float, ...], ...]:
    """Boxes as numbers of Python."""
    rows: Sequence[Sequence[float]] = np.round(boxes.astype(np.float64), 2).tolist()
    return tuple(tuple(row) for row in rows)

"""Bringing a depth that is known up to a scale, or a scale and a shift, to the truth before it is scored.

Each way has a name, since figures under unlike alignments are never compared. A way takes valid values and true ones
(n each) and gives a function for all values of the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plantain._shapes import Shaped

Change = Callable[[np.ndarray], np.ndarray]
SMALLEST = 1e-3  # disparity is clipped here before it is inverted (Marigold)


def none(pred: np.ndarray, truth: np.ndarray) -> Change:
    """As it is: metric depth."""
    return lambda x: x


def median(pred: np.ndarray, truth: np.ndarray) -> Change:
    """Times the ratio of medians; of an even number of values the lower middle one, as torch.median (UniDepth)."""
    middle = (len(pred) - 1) // 2
    factor = np.partition(truth, middle)[middle] / np.partition(pred, middle)[middle]
    return lambda x: x * factor


def scale(pred: np.ndarray, truth: np.ndarray) -> Change:
    """Times the factor of least squares."""
    factor = (pred * truth).sum() / max(float((pred * pred).sum()), 1e-12)
    return lambda x: x * factor


def scale_shift(pred: np.ndarray, truth: np.ndarray) -> Change:
    """Least squares in depth (Marigold's `affine`, UniDepth's `ssi`)."""
    s, t = _line(pred, truth)
    return lambda x: s * x + t


def disparity(pred: np.ndarray, truth: np.ndarray) -> Change:
    """`pred` is disparity: least squares to 1 / truth, clipped at 1e-3, inverted (Marigold)."""
    s, t = _line(pred, 1 / truth)
    return lambda x: 1 / np.maximum(s * x + t, SMALLEST)


def disparity_to_far(pred: np.ndarray, truth: np.ndarray) -> Change:
    """`pred` is disparity: least squares to 1 / truth, no farther than the farthest truth (MoGe)."""
    s, t = _line(pred, 1 / truth)
    least = 1 / truth.max()
    return lambda x: 1 / np.maximum(s * x + t, least)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """y = s x + t by least squares."""
    center_x, center_y = x.mean(), y.mean()
    s = ((x - center_x) * (y - center_y)).sum() / max(float(((x - center_x) ** 2).sum()), 1e-12)
    return float(s), float(center_y - s * center_x)


def l1_scale(pred: np.ndarray, truth: np.ndarray) -> Change:
    """Times the factor that makes the sum of |s p - g| / g least, exactly (MoGe)."""
    factor = weighted_median(truth / pred, np.abs(pred) / truth)
    return lambda x: x * factor


def l1_scale_shift(pred: np.ndarray, truth: np.ndarray) -> Change:
    """The line that makes the sum of |s p + t - g| / g least, exactly (MoGe): it passes through one of the points, so
    every point is tried, the slope through it being a weighted median."""
    best = (np.inf, 1.0, 0.0)
    for i in range(len(pred)):
        dx, dy = pred - pred[i], truth - truth[i]
        there = dx != 0
        if not there.any():
            continue
        s = weighted_median(dy[there] / dx[there], np.abs(dx[there]) / truth[there])
        loss = float((np.abs(s * dx - dy) / truth).sum())
        if loss < best[0]:
            best = (loss, s, float(truth[i] - s * pred[i]))
    _, s, t = best
    return lambda x: s * x + t


def weighted_median(values: Shaped[np.ndarray, "n"], weights: Shaped[np.ndarray, "n"]) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = weights[order].cumsum()
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])


ALIGNMENTS: dict[str, Callable[[np.ndarray, np.ndarray], Change]] = {
    "none": none,
    "median": median,
    "scale": scale,
    "scale-shift": scale_shift,
    "disparity": disparity,
    "disparity-to-far": disparity_to_far,
    "l1-scale": l1_scale,
    "l1-scale-shift": l1_scale_shift,
}

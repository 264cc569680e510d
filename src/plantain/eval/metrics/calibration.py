"""Is confidence worth anything? ECE of probabilities, AUSE of uncertainties."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from plantain._shapes import Float, Shaped
from plantain.errors import UsageError
from plantain.eval.metrics.base import Row, Scores, mean_of_pictures, total
from plantain.eval.metrics.labels import quotient

CUTS = 50
SHARES = np.linspace(0, 1, CUTS + 1)


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error with `bins` bins of equal width.

    Source: torchmetrics 1.9, binary_calibration_error: norms l1 (the usual ECE), l2 and max."""

    bins: int = 15
    norm: Literal["l1", "l2", "max"] = "l1"

    def measure(self, pred: Shaped[np.ndarray, "n"], truth: Shaped[np.ndarray, "n"]) -> Row:
        """`pred`: probabilities 0..1; `truth`: whether it was so (bool or 0/1). Counts and sums by bin."""
        place = np.clip((pred * self.bins).astype(int), 0, self.bins - 1)
        parts = {"count": None, "sure": pred, "right": truth.astype(float)}  # "sure": as kept runs have it
        return {name: np.bincount(place, weights, self.bins) for name, weights in parts.items()}

    def curve(self, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For a reliability diagram: mean confidence, share that was right, and share of all, by bin."""
        count, confidence, right = (total(rows, name) for name in ("count", "sure", "right"))
        return quotient(confidence, count), quotient(right, count), count / max(count.sum(), 1)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ece."""
        confidence, right, share = self.curve(rows)
        if share.sum() == 0:
            return {"ece": float("nan")}
        gap = np.nan_to_num(np.abs(confidence - right))
        ways = {"l1": (gap * share).sum(), "l2": np.sqrt((gap**2 * share).sum()), "max": gap.max()}
        return {"ece": float(ways[self.norm])}


@dataclass(frozen=True)
class Sparsification:
    """AUSE: the area between the error that is left when the pixels of the largest uncertainty go first, and when those
    of the largest error go; AURG: what is gained over taking them in any order.

    Source: mattpoggi/mono-uncertainty, evaluate.py `compute_aucs`: 50 cuts at percentiles, the curve ends at 0,
    trapezoids. `error`: "abs_rel", "rmse" or "a1" (1 - delta1) of positive values, or "mean" of given errors."""

    error: Literal["abs_rel", "rmse", "a1", "mean"] = "mean"

    def measure(self, pred: tuple[Any, Any], truth: Shaped[np.ndarray, "n"] | None = None) -> Row:
        """`pred`: (values or errors n, uncertainty n); `truth`: true values n, or None where errors are given."""
        values, uncertainty = pred
        if truth is not None and len(values) != len(truth):
            raise UsageError(f"{len(values)} values for {len(truth)} true ones; give as many")
        each, sum_up = _errors(self.error, values, truth)
        if len(each) < 2:
            return {"ause": np.array(np.nan), "aurg": np.array(np.nan), "left": np.full((2, CUTS + 1), np.nan)}
        left = np.array([_left(uncertainty, each, sum_up), _left(each, each, sum_up)])
        own, best = np.trapezoid(left, SHARES)
        return {"ause": np.array(own - best), "aurg": np.array(sum_up(each) - own), "left": left.round(5)}

    def curves(self, rows: Sequence[Row]) -> Float[np.ndarray, "3 cuts"]:
        """For a plot, means of pictures: the share that has gone, the error that is left when the least confident go
        first, and when the worst do."""
        left = np.array([row["left"] for row in rows], float)
        return np.array([SHARES, *np.nanmean(left, axis=0)])

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ause and aurg: means of pictures."""
        return {name: mean_of_pictures(rows, name) for name in ("ause", "aurg")}


def _errors(
    kind: str, values: np.ndarray, truth: np.ndarray | None
) -> tuple[np.ndarray, Callable[[np.ndarray], float]]:
    """An error a pixel, and how those of a set are summed up."""
    if truth is None:
        return values, lambda e: float(e.mean())
    if kind == "rmse":
        return (values - truth) ** 2, lambda e: float(np.sqrt(e.mean()))
    if kind == "abs_rel":
        return np.abs(values - truth) / truth, lambda e: float(e.mean())
    ratio = np.maximum(values / truth, truth / values)
    return ratio, lambda e: 1 - float((e < 1.25).mean())


def _left(order: np.ndarray, errors: np.ndarray, sum_up: Callable[[np.ndarray], float]) -> list[float]:
    """What is left of the error as the pixels of the largest `order` go, a fiftieth at a time."""
    cuts = [np.percentile(order, 100 * (1 - k / CUTS)) for k in range(CUTS)]
    return [*(sum_up(errors[order <= cut]) for cut in cuts), 0.0]

"""Surface normals: angular errors, pooled over all pixels (DSINE) or by picture (Marigold)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plantain._shapes import Bool, Float
from plantain.bench.metrics.base import Row, Scores, check_size, total
from plantain.errors import UsageError

LIMITS = (5.0, 7.5, 11.25, 22.5, 30.0)
BIN = 0.01  # degrees: the pooled median is exact to half of it


@dataclass(frozen=True)
class Normals:
    """Mean, median and root mean square of the angle, and the shares below 5, 7.5, 11.25, 22.5 and 30 degrees.

    `over`: "pixels" = pooled (baegwangbin/DSINE), "pictures" = means of pictures' figures (prs-eth/Marigold)."""

    over: Literal["pixels", "pictures"] = "pixels"

    def measure(
        self, pred: Float[np.ndarray, "h w 3"], truth: tuple[Float[np.ndarray, "y x 3"], Bool[np.ndarray, "y x"]]
    ) -> Row:
        """`pred` need not be unit; `truth`: unit vectors and where they are known."""
        xyz, valid = truth
        check_size(pred.shape, xyz.shape)
        if not valid.any():
            raise UsageError("no normal of this truth is valid; leave the picture out")
        a, b = pred[valid].astype(np.float64), xyz[valid].astype(np.float64)
        length = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-8)
        angle = np.degrees(np.arccos(((a * b).sum(1) / length).clip(-1, 1)))
        below = [(angle < limit).sum(dtype=float) for limit in LIMITS]
        sums = np.array([len(angle), angle.sum(), (angle**2).sum(), *below])
        index, count = np.unique((angle / BIN).astype(int), return_counts=True)
        return {"sums": sums, "median": np.median(angle), "bins": index, "counts": count}

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """mean, median, rmse (degrees), under_5, under_7.5, under_11.25, under_22.5, under_30 (shares)."""
        if self.over == "pictures":
            sums = np.array([row["sums"] for row in rows])
            return _figures(sums, np.array([float(row["median"]) for row in rows]))
        return _figures(total(rows, "sums")[None], np.array([pooled_median(rows)]))


def pooled_median(rows: Sequence[Row]) -> float:
    """The median over all pixels of all pictures, from their histograms."""
    bins = np.concatenate([np.asarray(row["bins"], int) for row in rows])
    counts = np.concatenate([np.asarray(row["counts"], float) for row in rows])
    reached = np.bincount(bins, counts).cumsum()
    return float((np.searchsorted(reached, reached[-1] / 2) + 0.5) * BIN)


def _figures(sums: Float[np.ndarray, "r k"], median: Float[np.ndarray, "r"]) -> Scores:
    n = sums[:, 0]
    each = {"mean": sums[:, 1] / n, "median": median, "rmse": np.sqrt(sums[:, 2] / n)}
    each |= {f"under_{limit:g}": sums[:, 3 + i] / n for i, limit in enumerate(LIMITS)}
    return {name: float(values.mean()) for name, values in each.items()}

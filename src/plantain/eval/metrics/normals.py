"""Surface normals: angular errors, pooled over all pixels (DSINE) or by picture (Marigold). The two differ by much.

NormalsMetric()                                # DSINE, and the tables of most papers
NormalsMetric(over="pictures", digits=4)       # Marigold, which rounds each picture's figures
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plantain._shapes import Bool, Float
from plantain.errors import UsageError
from plantain.eval.metrics.base import Judged, Row, Scores, check_size, total

LIMITS = (5.0, 7.5, 11.25, 22.5, 30.0)
BIN = 0.01  # degrees: a pooled median is found within one bin, and exact where errors are spread evenly in it
FIGURES = ("mean", "median", "rmse", *(f"under_{limit:g}" for limit in LIMITS))
Truth = tuple[Float[np.ndarray, "y x 3"], Bool[np.ndarray, "y x"]]  # vectors, and where they are known


@dataclass(frozen=True)
class NormalsMetric:
    """Mean, median and root mean square of the angle, and the shares below 5, 7.5, 11.25, 22.5 and 30 degrees.

    `over`: "pixels" = pooled over all valid pixels of all pictures, "pictures" = means of pictures' figures. `digits`:
    each picture's figures are rounded so first, shares as per cent (with "pictures" only).
    Sources: baegwangbin/DSINE, utils/utils.py and projects/dsine/test.py; prs-eth/Marigold, src/util/metric.py."""

    over: Literal["pixels", "pictures"] = "pixels"
    digits: int | None = None

    def measure(self, pred: Float[np.ndarray, "h w 3"], truth: Truth) -> Row:
        """Exact sums, the median, and a histogram of angles in bins of 0.01 degrees (only those that are not empty).

        `pred` need not be unit: the cosine is of directions; a vector of length 0 is 90 degrees off. `truth`: vectors,
        and where they are known. UsageError: unlike sizes, nothing known, or a prediction not finite there."""
        xyz, valid = truth
        check_size(pred.shape, xyz.shape)
        if not valid.any():
            raise UsageError("no normal of this truth is valid; leave the picture out")
        angle = angles(pred[valid], xyz[valid])
        if not np.isfinite(angle).all():
            raise UsageError("a predicted normal is not finite where the truth is valid; fill it before it is scored")
        below = [(angle < limit).sum(dtype=float) for limit in LIMITS]
        index, count = np.unique((angle / BIN).astype(int), return_counts=True)
        sums = np.array([len(angle), angle.sum(), (angle**2).sum(), *below])
        return {"sums": sums, "median": np.median(angle), "bins": index, "counts": count}

    def worst(self, truth: Truth) -> Row:
        """The opposite directions."""
        return self.measure(-truth[0], truth)

    def judge(self, pred: Float[np.ndarray, "h w 3"], truth: Truth) -> Judged:
        """Right: within 11.25 degrees; error: the angle between unit normals."""
        xyz, valid = truth
        angle = np.degrees(np.arccos((pred * xyz).sum(-1)[valid].clip(-1, 1)))
        return Judged(valid, angle < 11.25, angle)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """mean, median, rmse (degrees), under_5, under_7.5, under_11.25, under_22.5, under_30 (shares)."""
        if not len(rows):
            return dict.fromkeys(FIGURES, float("nan"))
        if self.over == "pixels":
            return _means(_figures(total(rows, "sums")[None], np.array([pooled_median(rows)])))
        each = _figures(np.array([row["sums"] for row in rows]), np.array([float(row["median"]) for row in rows]))
        return _means(each if self.digits is None else _rounded(each, self.digits))


def angles(a: Float[np.ndarray, "n 3"], b: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n"]:
    """Degrees between directions."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    length = np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-8)
    return np.asarray(np.degrees(np.arccos(((a * b).sum(1) / length).clip(-1, 1))))


def pooled_median(rows: Sequence[Row]) -> float:
    """The median over all pixels of all pictures, from their histograms; errors count as evenly spread in a bin."""
    bins = np.concatenate([np.asarray(row["bins"], int) for row in rows])
    counts = np.bincount(bins, np.concatenate([np.asarray(row["counts"], float) for row in rows]))
    reached = counts.cumsum()
    half = reached[-1] / 2
    at = int(np.searchsorted(reached, half))
    return float((at + 1 - (reached[at] - half) / counts[at]) * BIN)


def _figures(sums: Float[np.ndarray, "r k"], median: Float[np.ndarray, "r"]) -> Float[np.ndarray, "r k"]:
    """Every figure (in the order of FIGURES) of each row."""
    n = sums[:, :1]
    return np.concatenate([sums[:, 1:2] / n, median[:, None], np.sqrt(sums[:, 2:3] / n), sums[:, 3:] / n], axis=1)


def _rounded(figures: Float[np.ndarray, "r k"], digits: int) -> Float[np.ndarray, "r k"]:
    percent = np.array([1.0] * 3 + [100.0] * len(LIMITS))
    return np.asarray((figures * percent).round(digits) / percent)


def _means(figures: Float[np.ndarray, "r k"]) -> Scores:
    return dict(zip(FIGURES, figures.mean(0).tolist(), strict=True))

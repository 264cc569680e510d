"""Masks of what a phrase refers to: cIoU and gIoU as ReasonSeg and RefCOCO are scored, precision at an overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Shaped
from plantain.eval.metrics.base import Judged, Row, Scores, check_size

IGNORED = 255  # pixels of a true mask that nobody decided
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Referring:
    """One mask a picture and phrase.

    giou: mean over masks of I / (U + 1e-5), 1 where both are empty, divided by n + 1e-5. ciou (RefCOCO's overall IoU):
    sum of I / (sum of U + 1e-10). Source: dvlab-research/LISA, train_ds.py `validate`. iou: the plain mean of I / U.
    precision@t: the share of masks with I / U above t."""

    def measure(self, pred: Bool[np.ndarray, "h w"], truth: Shaped[np.ndarray, "y x"]) -> Row:
        """`truth`: 0 and 1 (or bool), 255 where it does not count."""
        check_size(pred.shape, truth.shape)
        counts = truth != IGNORED
        on, true = pred & counts, (truth != 0) & counts
        return {"overlap": np.array((on & true).sum()), "union": np.array((on | true).sum())}

    def worst(self, truth: Shaped[np.ndarray, "y x"]) -> Row:
        """Everything but the thing."""
        return self.measure(np.asarray(truth == 0), truth)

    def judge(self, pred: Bool[np.ndarray, "h w"], truth: Shaped[np.ndarray, "y x"]) -> Judged:
        """Right: on the right side of the mask."""
        counts = np.asarray(truth != IGNORED)
        right = (pred == (truth > 0))[counts]
        return Judged(counts, right, 1.0 - right)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """giou, ciou, iou, precision@0.5 ... precision@0.9."""
        overlap, union = (np.array([float(row[name]) for row in rows]) for name in ("overlap", "union"))
        each = np.where(union == 0, 1.0, overlap / (union + 1e-5))
        plain = np.where(union == 0, 1.0, overlap / np.maximum(union, 1))
        scores = {"giou": float(each.sum() / (len(rows) + 1e-5)), "ciou": float(overlap.sum() / (union.sum() + 1e-10)),
                  "iou": float(plain.mean())}  # fmt: skip
        return scores | {f"precision@{level}": float((plain > level).mean()) for level in LEVELS}

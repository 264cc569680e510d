"""One box for a phrase, or none: Acc@0.5 as referring expression comprehension is scored (RefCOCO, gRefCOCO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Float
from plantain.eval.metrics.base import Judged, Row, Scores, check_size
from plantain.eval.metrics.labels import mean
from plantain.predictions.boxes import box_iou


@dataclass(frozen=True)
class Grounding:
    """A phrase that fits nothing is right when nothing is answered (gRefCOCO's N-acc). Source: Mao et al. 2016 for the
    overlap above one half, arXiv 2306.00968 for phrases without a target."""

    least: float = 0.5

    def measure(self, pred: Float[np.ndarray, "n 4"], truth: Float[np.ndarray, "n 4"]) -> Row:
        """Boxes xyxy in pixels, NaN for none."""
        check_size(pred.shape, truth.shape)
        return {"overlap": overlaps(pred, truth), "target": np.isfinite(truth[:, 0])}

    def worst(self, truth: Float[np.ndarray, "n 4"]) -> Row:
        """No box where there is a target; a box where there is none."""
        return self.measure(np.where(np.isnan(truth), np.array([-2.0, -2, -1, -1]), np.nan), truth)

    def judge(self, pred: Float[np.ndarray, "n 4"], truth: Float[np.ndarray, "n 4"]) -> Judged:
        """Right: overlaps the true box by more than half, or both have none."""
        overlap = overlaps(pred, truth)
        return Judged(np.ones(len(overlap), bool), overlap > 0.5, 1 - overlap)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """accuracy (of phrases with a target), miou (of the same), no_target_accuracy."""
        overlap = np.concatenate([np.asarray(row["overlap"], float) for row in rows])
        target = np.concatenate([np.asarray(row["target"], bool) for row in rows])
        right = overlap > self.least
        return {"accuracy": mean(right[target].astype(float)), "miou": mean(overlap[target]),
                "no_target_accuracy": mean(right[~target].astype(float))}  # fmt: skip


def overlaps(pred: Float[np.ndarray, "n 4"], truth: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """IoU row by row; 1 where both have no box, 0 where only one has."""
    nothing = np.isnan(pred[:, 0]) & np.isnan(truth[:, 0])
    return np.where(nothing, 1.0, np.nan_to_num(np.diagonal(box_iou(pred, truth))))

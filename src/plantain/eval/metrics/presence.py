"""Is it there at all: Matthews' correlation and the ROC curve over pairs of picture and name.

mcc at a threshold is what SA-Co calls IL_MCC. Source: Matthews 1975; the area under the ROC curve is the share of pairs
of a present and an absent thing that are ranked right, ties half (Hanley and McNeil 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Float
from plantain.eval.metrics.base import Judged, Row, Scores, check_size


@dataclass(frozen=True)
class Existence:
    """`threshold`: the probability above which a thing counts as said to be there."""

    threshold: float = 0.5

    def measure(self, pred: Float[np.ndarray, "n"], truth: Bool[np.ndarray, "n"]) -> Row:
        """Probabilities 0..1 of the n names asked about a picture, and whether each is there."""
        check_size(pred.shape, truth.shape)
        return {"said": np.asarray(pred, float), "there": np.asarray(truth, bool)}

    def worst(self, truth: Bool[np.ndarray, "n"]) -> Row:
        """Certain of the opposite."""
        return self.measure(1.0 - truth, truth)

    def judge(self, pred: Float[np.ndarray, "n"], truth: Bool[np.ndarray, "n"]) -> Judged:
        """The probability itself against what is there."""
        return Judged(np.ones(len(truth), bool), truth, np.abs(truth - pred))

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """mcc, auc, accuracy, true_positive_rate, false_positive_rate. mcc is 0 where one side never occurs."""
        said = np.concatenate([np.asarray(row["said"], float) for row in rows])
        there = np.concatenate([np.asarray(row["there"], bool) for row in rows])
        yes = said > self.threshold
        tp, fp, fn, tn = ((yes & there).sum(), (yes & ~there).sum(), (~yes & there).sum(), (~yes & ~there).sum())
        below = float((tp + fp) * (tp + fn)) ** 0.5 * float((tn + fp) * (tn + fn)) ** 0.5
        with np.errstate(invalid="ignore"):
            return {
                "mcc": (float(tp) * float(tn) - float(fp) * float(fn)) / below if below else 0.0,
                "auc": ranked(said[there], said[~there]),
                "accuracy": float((yes == there).mean()),
                "true_positive_rate": float(np.divide(tp, tp + fn)),
                "false_positive_rate": float(np.divide(fp, fp + tn)),
            }


def ranked(present: Float[np.ndarray, "n"], absent: Float[np.ndarray, "m"]) -> float:
    """The share of pairs in which the present thing has the higher probability; ties count half, NaN without pairs."""
    if not len(present) or not len(absent):
        return float("nan")
    order = np.sort(absent)
    below, upto = np.searchsorted(order, present, "left"), np.searchsorted(order, present, "right")
    return float((below + (upto - below) / 2).mean() / len(absent))

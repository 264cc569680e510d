"""Every instance of a noun phrase: pmF1, IL_MCC and cgF1 as SA-Co is scored, with one annotator or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from plantain._shapes import Bool, Float
from plantain.eval.metrics.assignment import assign
from plantain.eval.metrics.base import Judged, Row, Scores, total
from plantain.eval.metrics.matching import LEVELS
from plantain.predictions.boxes import box_iou
from plantain.predictions.masks import mask_iou

KEPT = 0.5  # answers below this score do not count
EPS, EPS_PRESENCE = 1e-4, 1e-6  # in denominators of the official figures


class Predicted(NamedTuple):
    """The answer about one picture and phrase: n masks (or boxes x0 y0 x1 y1) with scores."""

    shapes: Bool[np.ndarray, "n h w"] | Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, "n"]


class Annotated(NamedTuple):
    """What one annotator marked; `exhaustive`: everything that the phrase names. A pair that is not exhaustive to each
    annotator does not count."""

    shapes: Bool[np.ndarray, "n h w"] | Float[np.ndarray, "n 4"]
    exhaustive: bool = True


@dataclass(frozen=True)
class Concepts:
    """One row is a picture and a phrase. One assignment of the largest total IoU, without a threshold; at each of ten
    levels a matched pair counts when its IoU reaches it. Of several annotators, the one who agrees best with the answer
    (mean F1 over levels) counts. Source: facebookresearch/sam3, sam3/eval/cgf1_eval.py, from its description."""

    def measure(self, pred: Predicted, truth: Sequence[Annotated]) -> Row:
        """Counts by level, and whether the thing is there and was claimed."""
        shapes = pred.shapes[pred.scores >= KEPT]
        counted = all(one.exhaustive for one in truth)
        best = max((self._against(shapes, one) for one in truth), key=lambda row: float(row["f1"].mean()))
        return {**best, "counted": np.array(counted)}

    def _against(self, shapes: np.ndarray, one: Annotated) -> dict[str, np.ndarray]:
        claimed, there = len(shapes), len(one.shapes)
        tp = np.zeros(len(LEVELS))
        if claimed and there:
            overlap = (mask_iou if shapes.ndim == 3 else box_iou)(shapes, one.shapes)
            tp = (overlap[assign(overlap)][:, None] >= LEVELS).sum(0).astype(float)
        fp, fn = claimed - tp, there - tp
        f1 = _f1(tp, fp, fn) if claimed or there else np.ones(len(LEVELS))
        return {"tp": tp, "fp": fp, "fn": fn, "f1": f1, "there": np.array(there > 0), "claimed": np.array(claimed > 0)}

    def worst(self, truth: Sequence[Annotated]) -> Row:
        """Nothing where something is; one wrong thing where there is nothing."""
        shape = truth[0].shapes.shape[1:]
        count = 0 if any(len(one.shapes) for one in truth) else 1
        return self.measure(Predicted(np.ones((count, *shape), bool), np.ones(count)), truth)

    def judge(self, pred: Predicted, truth: Sequence[Annotated]) -> Judged:
        """Right: a mask that overlaps one of the first annotator's by more than half."""
        true = truth[0].shapes
        near = mask_iou(pred.shapes, true).max(1, initial=0.0)
        return Judged(np.ones(len(near), bool), near > 0.5, 1 - near)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """cgf1, pmf1, il_mcc, macro_f1 (of positives with an answer), precision, recall, f1, il_precision, il_recall,
        il_f1, il_fpr; and cgf1@0.5, pmf1@0.5, ... of two levels."""
        rows = [row for row in rows if row["counted"]]
        if not rows:
            return {name: float("nan") for name in ("cgf1", "pmf1", "il_mcc")}
        there, claimed = (np.array([bool(row[name]) for row in rows]) for name in ("there", "claimed"))
        tp, fp, fn = (total(rows, name) for name in ("tp", "fp", "fn"))
        positive_fp = np.sum([np.asarray(row["fp"]) for row in rows if row["there"]] or [np.zeros(len(LEVELS))], axis=0)
        presence = _presence(there, claimed)
        both = [np.asarray(row["f1"]) for row in rows if row["there"] and row["claimed"]]
        macro = np.mean(both, axis=0) if both else np.zeros(len(LEVELS))
        pmf1 = _f1(tp, positive_fp, fn)
        curves = {"cgf1": pmf1 * presence["il_mcc"], "pmf1": pmf1, "macro_f1": macro, "f1": _f1(tp, fp, fn),
                  "precision": tp / (tp + fp + EPS), "recall": tp / (tp + fn + EPS)}  # fmt: skip
        scores = {name: float(curve.mean()) for name, curve in curves.items()} | presence
        return scores | {f"{n}@{t}": float(curve[i]) for n, curve in curves.items() for t, i in ((0.5, 0), (0.75, 5))}


def _f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    precision, recall = tp / (tp + fp + EPS), tp / (tp + fn + EPS)
    return 2 * precision * recall / (precision + recall + EPS)


def _presence(there: np.ndarray, claimed: np.ndarray) -> Scores:
    """Is the thing said to be there where it is? (the image level)"""
    tp, fp = int((there & claimed).sum()), int((~there & claimed).sum())
    fn, tn = int((there & ~claimed).sum()), int((~there & ~claimed).sum())
    precision, recall = tp / (tp + fp + EPS_PRESENCE), tp / (tp + fn + EPS_PRESENCE)
    product = float((tp + fp) * (tp + fn)) * float((tn + fp) * (tn + fn))
    return {
        "il_mcc": (tp * tn - fp * fn) / (product**0.5 + EPS_PRESENCE),
        "il_precision": precision,
        "il_recall": recall,
        "il_f1": 2 * precision * recall / (precision + recall + EPS_PRESENCE),
        "il_fpr": fp / (fp + tn + EPS_PRESENCE),
    }

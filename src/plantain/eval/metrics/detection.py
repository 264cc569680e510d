"""COCO AP and AR of boxes and of masks: the twelve standard figures, by class or regardless of class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.errors import UsageError
from plantain.eval.metrics.base import Judged, Row, Scores
from plantain.eval.metrics.matching import Curves, Pairs, by_score
from plantain.predictions.boxes import box_area, box_iou
from plantain.predictions.masks import mask_area, mask_iou


class Detections(NamedTuple):
    """A picture's answers: boxes x0 y0 x1 y1 in pixels, class indices, scores, and masks for mask AP."""

    boxes: Float[np.ndarray, "n 4"]
    labels: Int[np.ndarray, "n"]
    scores: Float[np.ndarray, "n"]
    masks: Bool[np.ndarray, "n h w"] | None = None


class Truths(NamedTuple):
    """A picture's truths. `areas`: square pixels of the masks, as annotated; `crowds`: groups that nobody counted."""

    boxes: Float[np.ndarray, "n 4"]
    labels: Int[np.ndarray, "n"]
    areas: Float[np.ndarray, "n"]
    crowds: Bool[np.ndarray, "n"]
    masks: Bool[np.ndarray, "n h w"] | None = None


@dataclass(frozen=True)
class Detection:
    """AP and AR as pycocotools gives them. `of`: "boxes" or "masks". `agnostic`: classes do not matter (useCats=0; ties
    then keep the order of classes). At most 100 answers a class and picture count."""

    classes: tuple[str, ...]
    of: Literal["boxes", "masks"] = "boxes"
    agnostic: bool = False

    def measure(self, pred: Detections, truth: Truths) -> Row:
        """The matches of one picture; rows go into `reduce` in the order of the pictures."""
        if self.agnostic:
            pred, truth = _one_class(pred), _one_class(truth)
        labels = np.union1d(pred.labels, truth.labels).astype(int).tolist()
        return self._curves.row(labels, [self._pairs(pred, truth, label) for label in labels])

    @property
    def _curves(self) -> Curves:
        return Curves(("thing",) if self.agnostic else self.classes, by_class=not self.agnostic)

    def _pairs(self, pred: Detections, truth: Truths, label: int) -> tuple[np.ndarray, Pairs]:
        mine, theirs = np.flatnonzero(pred.labels == label), np.flatnonzero(truth.labels == label)
        mine = mine[by_score(pred.scores[mine], 100)]
        crowds = truth.crowds[theirs]
        if self.of == "boxes":
            overlap = box_iou(pred.boxes[mine], truth.boxes[theirs], crowds)
            area = box_area(pred.boxes[mine])
        else:
            if pred.masks is None or truth.masks is None:
                raise UsageError("mask AP needs masks, in the answer and in the truth; score boxes instead")
            overlap = mask_iou(pred.masks[mine], truth.masks[theirs], crowds)
            area = mask_area(pred.masks[mine]).astype(float)
        return pred.scores[mine], Pairs(overlap, area, truth.areas[theirs], crowds, crowds)

    def worst(self, truth: Truths) -> Row:
        """Nothing found."""
        none = None if truth.masks is None else truth.masks[:0]
        return self.measure(Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), none), truth)

    def judge(self, pred: Detections, truth: Truths) -> Judged:
        """Right: a box that overlaps a true one by more than half."""
        near = box_iou(pred.boxes, truth.boxes, truth.crowds).max(1, initial=0.0)
        return Judged(np.ones(len(near), bool), near > 0.5, 1 - near)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ap, ap50, ap75, ap_small, ap_medium, ap_large, ar1, ar10, ar100, ar_small, ...; ap:<class>."""
        return self._curves.reduce(rows)


def _one_class(things: Any) -> Any:
    """All of one class, in the order of their classes."""
    order = np.argsort(things.labels, kind="stable")
    parts = {name: None if value is None else value[order] for name, value in things._asdict().items()}
    return things._replace(**parts | {"labels": np.zeros(len(order), int)})

"""Panoptic quality: every pixel in one segment, things told apart. Source: cocodataset/panopticapi, evaluation.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from plantain._shapes import Int
from plantain.eval.metrics.base import Judged, Row, Scores, check_size, total
from plantain.eval.metrics.labels import mean, quotient

VOID = 0


class Segments(NamedTuple):
    """A map of segment numbers (0 = void), each number's class, and the numbers of crowds (in the order listed)."""

    ids: Int[np.ndarray, "h w"]
    classes: Mapping[int, int]  # segment -> index of its class
    crowds: tuple[int, ...] = ()


@dataclass(frozen=True)
class PanopticQuality:
    """PQ = SQ x RQ by class, and their means over all classes, things and stuff.

    A pair matches when class agrees and IoU > 0.5; the union leaves out what was painted on void. A segment that
    matches nothing is no false positive when more than half of it lies on void and on a crowd of its class (of several
    crowds of a class the last one listed); a crowd that is not found is no miss."""

    classes: tuple[str, ...]
    things: frozenset[int]  # indices of classes

    def measure(self, pred: Segments, truth: Segments) -> Row:
        """`tp`, `fp`, `fn` and the `iou` of the matches, by class."""
        check_size(pred.ids.shape, truth.ids.shape)
        overlap = _overlaps(pred.ids, truth.ids)
        area_p, area_t = _areas(pred.ids), _areas(truth.ids)
        n = len(self.classes)
        tp, fp, fn, iou = (np.zeros(n) for _ in range(4))
        found: set[int] = set()
        right: set[int] = set()
        for (t, p), shared in overlap.items():
            if t not in truth.classes or t in truth.crowds or truth.classes[t] != pred.classes.get(p, -1):
                continue
            union = area_p[p] + area_t[t] - shared - overlap.get((VOID, p), 0)
            if shared / union > 0.5:
                tp[truth.classes[t]] += 1
                iou[truth.classes[t]] += shared / union
                found.add(t)
                right.add(p)
        for t, kind in truth.classes.items():
            fn[kind] += t not in found and t not in truth.crowds
        crowd_of = {truth.classes[t]: t for t in truth.crowds}
        for p, kind in pred.classes.items():
            excused = overlap.get((VOID, p), 0) + overlap.get((crowd_of.get(kind, -1), p), 0)
            fp[kind] += p not in right and p in area_p and excused / area_p[p] <= 0.5
        return {"tp": tp, "fp": fp, "fn": fn, "iou": iou}

    def worst(self, truth: Segments) -> Row:
        """Void alone."""
        return self.measure(Segments(np.zeros_like(truth.ids), {}), truth)

    def judge(self, pred: Segments, truth: Segments) -> Judged:
        """Right: the pixel's class."""
        kind, true = _class_map(pred), _class_map(truth)
        right = (kind == true)[true >= 0]
        return Judged(true >= 0, right, 1.0 - right)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """pq, sq, rq; pq_things, ..., pq_stuff, ...; pq:<class>, sq:<class>, rq:<class>."""
        tp, fp, fn, iou = (total(rows, name) for name in ("tp", "fp", "fn", "iou"))
        seen = tp + fp + fn > 0
        figures = {
            "pq": np.where(seen, iou / np.maximum(tp + fp / 2 + fn / 2, 0.5), np.nan),
            "sq": np.where(seen, np.nan_to_num(quotient(iou, tp)), np.nan),
            "rq": np.where(seen, tp / np.maximum(tp + fp / 2 + fn / 2, 0.5), np.nan),
        }
        thing = np.isin(np.arange(len(self.classes)), list(self.things))
        parts = {"": thing | True, "_things": thing, "_stuff": ~thing}
        means = {f"{f}{part}": mean(v[which]) for part, which in parts.items() for f, v in figures.items()}
        return means | {f"{f}:{c}": float(v[i]) for f, v in figures.items() for i, c in enumerate(self.classes)}


def _class_map(segments: Segments) -> np.ndarray:
    """The class of every pixel, -1 for none."""
    kind = np.full(segments.ids.shape, -1)
    for number, index in segments.classes.items():
        kind[segments.ids == number] = index
    return kind


def _overlaps(pred: np.ndarray, truth: np.ndarray) -> dict[tuple[int, int], int]:
    """Pixels that a true and a painted segment share: (true, painted) -> count."""
    names_t, t = np.unique(truth, return_inverse=True)
    names_p, p = np.unique(pred, return_inverse=True)
    counts = np.bincount(t.ravel() * len(names_p) + p.ravel(), minlength=len(names_t) * len(names_p))
    table = counts.reshape(len(names_t), len(names_p))
    return {(int(names_t[i]), int(names_p[j])): int(table[i, j]) for i, j in zip(*np.nonzero(table), strict=True)}


def _areas(ids: np.ndarray) -> dict[int, int]:
    names, counts = np.unique(ids, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))

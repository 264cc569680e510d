"""The engine of COCO's AP and AR: answers matched with truths at ten overlaps, and curves over their scores.

Source: pycocotools 2.0.11, cocoeval.py (`evaluateImg`, `accumulate`, `summarize`). Boxes, masks and keypoints differ
only in what they call overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.eval.metrics.base import Row, Scores

LEVELS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
BITS = 1 << np.arange(len(LEVELS))
RANGES = {"": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}


class Pairs(NamedTuple):
    """One class in one picture: d answers by falling score, g truths."""

    overlap: Float[np.ndarray, "d g"]
    area: Float[np.ndarray, "d"]  # of the answers, square pixels
    true_area: Float[np.ndarray, "g"]
    ignored: Bool[np.ndarray, "g"]  # truths that count neither way (crowds, people without visible joints)
    crowd: Bool[np.ndarray, "g"]  # truths that may take many answers


def match(pairs: Pairs, ranges: Float[np.ndarray, "a 2"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Who matches at each level and range of areas.

    Gives `hit` (a d) and `skip` (a d), bit t set where the answer matches at level t, or counts neither way there; and
    the truths to be found (a). Answers take, best first, the free truth of the largest overlap (of equals the last);
    an ignored truth only where no other will do."""
    low, high = ranges[:, :1], ranges[:, 1:]
    ignored = pairs.ignored | (pairs.true_area < low) | (pairs.true_area > high)  # a g
    outside = (pairs.area < low) | (pairs.area > high)  # a d
    hit = np.zeros(outside.shape, np.int64)
    skip = np.where(outside, int(BITS.sum()), 0)
    if pairs.overlap.size:
        _walk(pairs, ignored, outside, hit, skip)
    return hit, skip, (~ignored).sum(1)


def _walk(pairs: Pairs, ignored: np.ndarray, outside: np.ndarray, hit: np.ndarray, skip: np.ndarray) -> None:
    """Fills `hit` and `skip`, answer by answer; those that overlap with nothing are passed over."""
    a, g = ignored.shape
    limit = np.minimum(LEVELS, 1 - 1e-10)[None, :, None]
    free = np.ones((a, len(LEVELS), g), bool)
    for d in np.flatnonzero(pairs.overlap.max(1) >= LEVELS[0]):
        near = pairs.overlap[d]
        may = (free | pairs.crowd) & (near >= limit)
        first = may & ~ignored[:, None]
        chosen = np.where(first.any(2, keepdims=True), first, may)  # a t g
        some = chosen.any(2)
        best = g - 1 - np.where(chosen, near, -1.0)[:, :, ::-1].argmax(2)  # the last of the largest
        row, level = np.nonzero(some)
        free[row, level, best[row, level]] = False
        waste = np.take_along_axis(ignored, best, 1) & some
        hit[:, d] = ((some & ~waste) * BITS).sum(1)
        skip[:, d] = ((waste | (~some & outside[:, d, None])) * BITS).sum(1)


@dataclass(frozen=True)
class Curves:
    """AP and AR from matched rows. `limits`: answers a class and picture that count, for AR; AP takes the largest.

    A row (one picture) has, over its answers of all classes: `label`, `score`, `rank` (within class and picture), `hit`
    and `skip` (a n, bits by level); and `wanted` (a, classes)."""

    classes: tuple[str, ...]
    ranges: tuple[str, ...] = ("", "small", "medium", "large")
    limits: tuple[int, ...] = (1, 10, 100)
    by_class: bool = True
    bounds: Float[np.ndarray, "a 2"] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", np.array([RANGES[name] for name in self.ranges]))

    def row(self, labels: Sequence[int], found: Sequence[tuple[np.ndarray, Pairs]]) -> Row:
        """A picture's row from its classes: for each label its answers' scores (falling) and pairs."""
        a = len(self.ranges)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ("label", "score", "rank", "hit", "skip")}
        wanted = np.zeros((a, len(self.classes)), int)
        for label, (scores, pairs) in zip(labels, found, strict=True):
            hit, skip, wanted[:, label] = match(pairs, self.bounds)
            n = len(scores)
            for name, value in zip(parts, (np.full(n, label), scores, np.arange(n), hit, skip), strict=True):
                parts[name].append(value)
        flat = {name: np.concatenate([np.zeros(0), *parts[name]]) for name in ("label", "score", "rank")}
        bits = {name: np.concatenate([np.zeros((a, 0), int), *parts[name]], 1) for name in ("hit", "skip")}
        return {**flat, **bits, "wanted": wanted}

    def tables(self, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
        """AP (a, t, class) and recall (limit, a, t, class); NaN where nothing was to be found."""
        a, t, k = len(self.ranges), len(LEVELS), len(self.classes)
        label, score, rank = (
            np.concatenate([np.asarray(r[n], float) for r in rows]) for n in ("label", "score", "rank")
        )
        hit, skip = (np.concatenate([np.reshape(r[n], (a, -1)) for r in rows], 1).astype(int) for n in ("hit", "skip"))
        wanted = np.sum([np.reshape(r["wanted"], (a, k)) for r in rows], axis=0)
        ap, recall = np.full((a, t, k), np.nan), np.full((len(self.limits), a, t, k), np.nan)
        order = np.argsort(-score, kind="mergesort")
        for c in range(k):
            mine = order[label[order] == c]
            for i in np.flatnonzero(wanted[:, c] > 0):
                right, void = ((bits[i, mine, None] & BITS > 0).T for bits in (hit, skip))  # t n
                ap[i, :, c] = _average(right, void, rank[mine] < max(self.limits), int(wanted[i, c]))
                for m, limit in enumerate(self.limits):
                    recall[m, i, :, c] = (right & (rank[mine] < limit)).sum(1) / wanted[i, c]
        return ap, recall

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ap, ap50, ap75, ap_small, ...; ar<limit> (ar with one limit), ar_small, ...; ap:<class>."""
        ap, recall = self.tables(rows)
        scores = {"ap": _mean(ap[0]), "ap50": _mean(ap[0, 0]), "ap75": _mean(ap[0, 5])}
        scores |= {f"ap_{name}": _mean(ap[i]) for i, name in enumerate(self.ranges) if name}
        scores |= {f"ar{limit}": _mean(recall[m, 0]) for m, limit in enumerate(self.limits)}
        scores |= {"ar50": _mean(recall[-1, 0, 0]), "ar75": _mean(recall[-1, 0, 5])}
        scores |= {f"ar_{name}": _mean(recall[-1, i]) for i, name in enumerate(self.ranges) if name}
        each = {f"ap:{name}": _mean(ap[0, :, c]) for c, name in enumerate(self.classes)} if self.by_class else {}
        return scores | each


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _average(
    right: Bool[np.ndarray, "t n"], void: Bool[np.ndarray, "t n"], counts: Bool[np.ndarray, "n"], wanted: int
) -> Float[np.ndarray, "t"]:
    """Mean precision at 101 recalls, precision made to fall from the right."""
    right, void = right[:, counts], void[:, counts]
    hits, misses = (right & ~void).cumsum(1), (~right & ~void).cumsum(1)
    precision = hits / (hits + misses + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    out = np.zeros(len(right))
    for t, recall in enumerate(hits / wanted):
        place = np.searchsorted(recall, RECALLS, "left")
        there = place < recall.size
        out[t] = precision[t, place[there]].sum() / len(RECALLS)
    return out


def by_score(scores: Float[np.ndarray, "n"], limit: int) -> Int[np.ndarray, "m"]:
    """Indices by falling score, equals in their order, the first `limit`."""
    return np.argsort(-scores, kind="mergesort")[:limit]

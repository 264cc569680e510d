"""Which things of several answers are the same thing, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plantain._shapes import Bool
from plantain.errors import UsageError
from plantain.predictions.types import Instances

SAME_THING = 0.5  # IoU from which two answers mean the same thing


def matched(answers: Sequence[Instances]) -> Instances:
    """Things that at least half of the answers show: mean masks and boxes; the score is the mean over all answers."""
    clusters = _clusters(answers)
    kept = [c for c in clusters if 2 * len(c) >= len(answers)]
    first = answers[0]
    with_masks = all(a.masks is not None for a in answers)
    masks = np.zeros((len(kept), *first.confidence.shape), bool)
    boxes, scores = np.zeros((len(kept), 4), np.float32), np.zeros(len(kept), np.float32)
    for row, cluster in enumerate(kept):
        own = np.array([answers[i].scores[j] for i, j in cluster], np.float32)
        weights = np.maximum(own, 1e-3) / np.maximum(own, 1e-3).sum()
        boxes[row] = weights @ np.stack([answers[i].boxes[j] for i, j in cluster])
        scores[row] = own.sum() / len(answers)
        if with_masks:
            masks[row] = sum(w * _mask(answers[i], j) for w, (i, j) in zip(weights, cluster, strict=True)) >= 0.5
    order = np.argsort(-scores, kind="stable")
    found = np.array([answers[i].labels[j] for (i, j), *_ in kept], np.int64)
    return replace(
        first,
        masks=masks[order] if with_masks else None,
        boxes=boxes[order],
        labels=found[order],
        scores=scores[order],
    )


def _clusters(answers: Sequence[Instances]) -> list[list[tuple[int, int]]]:
    """Groups of (answer, thing) that overlap, surest first, each answer at most once in a group."""
    every = [(float(s), i, j) for i, a in enumerate(answers) for j, s in enumerate(a.scores)]
    clusters: list[list[tuple[int, int]]] = []
    for _, i, j in sorted(every, key=lambda row: -row[0]):
        open_ones = [c for c in clusters if all(i != other for other, _ in c)]
        ious = [overlap(answers[c[0][0]], c[0][1], answers[i], j) for c in open_ones]
        best = int(np.argmax(ious)) if ious else -1
        if best >= 0 and ious[best] >= SAME_THING:
            open_ones[best].append((i, j))
        else:
            clusters.append([(i, j)])
    return clusters


def _mask(answer: Instances, row: int) -> Bool[np.ndarray, "h w"]:
    if answer.masks is None:
        raise UsageError("these instances have no masks")
    return np.asarray(answer.masks[row])


def overlap(a: Instances, i: int, b: Instances, j: int) -> float:
    """IoU of two things: of their masks where both have them, else of their boxes; 0 for other classes."""
    if a.labels[i] != b.labels[j]:
        return 0.0
    (l1, t1, r1, b1), (l2, t2, r2, b2) = a.boxes[i].tolist(), b.boxes[j].tolist()
    shared = max(0.0, min(r1, r2) - max(l1, l2)) * max(0.0, min(b1, b2) - max(t1, t2))
    if shared <= 0 or a.masks is None or b.masks is None:
        either = (r1 - l1) * (b1 - t1) + (r2 - l2) * (b2 - t2) - shared
        return float(shared / either) if either > 0 else 0.0
    one, other = a.masks[i], b.masks[j]
    both = int(np.count_nonzero(one & other))
    return both / max(int(np.count_nonzero(one)) + int(np.count_nonzero(other)) - both, 1)

"""Which things of several answers are the same thing, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plantain._shapes import Float
from plantain.predictions.boxes import box_iou
from plantain.predictions.masks import mask_iou
from plantain.predictions.types import Instances

SAME_THING = 0.5  # IoU from which two answers mean the same thing


def matched(answers: Sequence[Instances]) -> Instances:
    """Things that at least half of the answers show: mean masks and boxes; the score is the mean over all answers."""
    clusters = [cluster for cluster in _clusters(answers) if 2 * len(cluster) >= len(answers)]
    first, shape = answers[0], (len(clusters), *answers[0].confidence.shape)
    masks = None if any(answer.masks is None for answer in answers) else np.zeros(shape, bool)
    boxes, scores = np.zeros((len(clusters), 4), np.float32), np.zeros(len(clusters), np.float32)
    for row, cluster in enumerate(clusters):
        own = np.array([answers[i].scores[j] for i, j in cluster], np.float32)
        weights = np.maximum(own, 1e-3) / np.maximum(own, 1e-3).sum()
        boxes[row] = weights @ np.stack([answers[i].boxes[j] for i, j in cluster])
        scores[row] = own.sum() / len(answers)
        if masks is not None:
            votes = (w * _planes(answers[i])[j] for w, (i, j) in zip(weights, cluster, strict=True))
            masks[row] = sum(votes, np.zeros(shape[1:], np.float32)) >= 0.5
    labels = np.array([answers[i].labels[j] for (i, j), *_ in clusters], np.int64)
    found = replace(first, masks=masks, boxes=boxes, labels=labels, scores=scores)
    return found[np.argsort(-scores, kind="stable")]


def _planes(answer: Instances) -> np.ndarray:
    assert answer.masks is not None
    return answer.masks


def _clusters(answers: Sequence[Instances]) -> list[list[tuple[int, int]]]:
    """Groups of (answer, thing) that overlap, highest score first, each answer at most once in a group."""
    every = [(float(s), i, j) for i, a in enumerate(answers) for j, s in enumerate(a.scores)]
    ious = {(i, k): thing_iou(a, b) for i, a in enumerate(answers) for k, b in enumerate(answers) if i != k}
    clusters: list[list[tuple[int, int]]] = []
    for _, i, j in sorted(every, key=lambda row: -row[0]):
        open_ones = [c for c in clusters if all(i != other for other, _ in c)]
        near = [ious[c[0][0], i][c[0][1], j] for c in open_ones]
        best = int(np.argmax(near)) if near else -1
        if best >= 0 and near[best] >= SAME_THING:
            open_ones[best].append((i, j))
        else:
            clusters.append([(i, j)])
    return clusters


def thing_iou(a: Instances, b: Instances) -> Float[np.ndarray, "n m"]:
    """IoU of each thing of `a` with each of `b`: of their masks where both have some, else of their boxes; 0 where
    their classes differ."""
    near = box_iou(a.boxes, b.boxes)
    if a.masks is not None and b.masks is not None and near.any():
        rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
        touching = np.ix_(rows, columns)
        near[touching] = np.where(near[touching] > 0, mask_iou(a.masks[rows], b.masks[columns]), 0)
    return np.where(a.labels[:, None] == b.labels[None], near, 0)

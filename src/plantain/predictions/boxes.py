"""Boxes (left, top, right, bottom) in pixels: around masks, their areas and overlaps, and one box a thing.

The right and bottom sides lie beyond the last pixel, so that a box of one pixel is one pixel wide.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped


def box_around(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """The box around a mask; zeros for an empty one.

    >>> box_around(np.array([[False, False, False], [False, True, True]]))
    (1, 1, 3, 2)
    """
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    return (int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1) if len(xs) else (0, 0, 0, 0)


def boxes_around(masks: Bool[np.ndarray, "n h w"]) -> Float[np.ndarray, "n 4"]:
    """The box around each mask; zeros for an empty one."""
    return np.array([box_around(mask) for mask in masks], np.float32).reshape(-1, 4)


def xywh(boxes: Shaped[np.ndarray, "n 4"]) -> Shaped[np.ndarray, "n 4"]:
    """Boxes as COCO writes them: left, top, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def box_area(boxes: Shaped[np.ndarray, "n 4"]) -> Shaped[np.ndarray, "n"]:
    """Square pixels of each box."""
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def shared_area(a: Shaped[np.ndarray, "n 4"], b: Shaped[np.ndarray, "m 4"]) -> Shaped[np.ndarray, "n m"]:
    """Square pixels that each box of `a` has in common with each of `b`."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray((high - low).clip(0).prod(2))


def iou(
    shared: Shaped[np.ndarray, "n m"],
    area: Shaped[np.ndarray, "n"],
    other: Shaped[np.ndarray, "m"],
    crowds: Bool[np.ndarray, "m"] | None = None,
) -> Float[np.ndarray, "n m"]:
    """Intersection over union from the common areas; 0 where both are empty.

    Of what overlaps a crowd it is the share of `area` that lies inside. Source: pycocotools, maskApi.c `bbIou`."""
    union = area[:, None] + other[None] - shared
    if crowds is not None:
        union = np.where(crowds[None], area[:, None], union)
    return np.asarray(shared / np.where(union > 0, union, 1))


def box_iou(
    a: Shaped[np.ndarray, "n 4"], b: Shaped[np.ndarray, "m 4"], crowds: Bool[np.ndarray, "m"] | None = None
) -> Float[np.ndarray, "n m"]:
    """Intersection over union (0..1) of each box of `a` with each of `b`. See `iou` for crowds.

    >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [2, 2, 3, 3]])).round(3).tolist()
    [[0.333, 0.0]]
    """
    return iou(shared_area(a, b), box_area(a), box_area(b), crowds)


def nms(
    boxes: Float[np.ndarray, "n 4"],
    scores: Float[np.ndarray, "n"],
    labels: Int[np.ndarray, "n"] | None = None,
    max_iou: float = 0.6,
) -> Int[np.ndarray, "k"]:
    """Places of the boxes that stay, highest score first: greedy non-maximum suppression.

    A box is dropped that overlaps one with a higher score, of the same label, by more than `max_iou`."""
    rest = np.argsort(-scores, kind="stable")
    labels = np.zeros(len(boxes), int) if labels is None else labels
    kept = []
    while len(rest):
        first, rest = rest[0], rest[1:]
        kept.append(first)
        near = box_iou(boxes[[first]], boxes[rest])[0]
        rest = rest[(near <= max_iou) | (labels[rest] != labels[first])]
    return np.array(kept, int)

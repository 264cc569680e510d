"""Masks of things: their areas and overlaps, counted on packed bits."""

from __future__ import annotations

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.predictions.boxes import iou


def mask_area(masks: Bool[np.ndarray, "n h w"]) -> Int[np.ndarray, "n"]:
    """Pixels of each mask."""
    return np.bitwise_count(_packed(masks)).sum(1, dtype=np.int64)


def shared_pixels(a: Bool[np.ndarray, "n h w"], b: Bool[np.ndarray, "m h w"]) -> Int[np.ndarray, "n m"]:
    """Pixels that each mask of `a` has in common with each of `b`."""
    others = _packed(b)
    rows = [[np.bitwise_count(one & other).sum(dtype=np.int64) for other in others] for one in _packed(a)]
    return np.array(rows, np.int64).reshape(len(a), len(b))


def mask_iou(
    a: Bool[np.ndarray, "n h w"], b: Bool[np.ndarray, "m h w"], crowds: Bool[np.ndarray, "m"] | None = None
) -> Float[np.ndarray, "n m"]:
    """Intersection over union (0..1) of each mask of `a` with each of `b`. See `boxes.iou` for crowds.

    >>> on = np.array([[[True, True, False]], [[False, True, True]]])
    >>> mask_iou(on[:1], on).round(3).tolist()
    [[1.0, 0.333]]
    """
    return iou(shared_pixels(a, b), mask_area(a), mask_area(b), crowds)


def _packed(masks: Bool[np.ndarray, "n h w"]) -> Shaped[np.ndarray, "n words"]:
    """Masks as rows of 64-bit words."""
    bits = np.packbits(masks.reshape(len(masks), int(np.prod(masks.shape[1:]))), axis=1)
    return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)

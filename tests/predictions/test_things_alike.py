"""Whether two answers show the same things, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.predictions.matching import thing_iou
from plantain.predictions.types import Instances


def things(*masks: np.ndarray, label: int = 0) -> Instances:
    stack = np.stack(masks)
    boxes = [[np.flatnonzero(m.any(0))[0], np.flatnonzero(m.any(1))[0], np.flatnonzero(m.any(0))[-1] + 1,
              np.flatnonzero(m.any(1))[-1] + 1] for m in masks]  # fmt: skip
    return Instances(
        boxes=np.array(boxes, np.float32), labels=np.full(len(masks), label), classes=("cup", "plate"),
        scores=np.ones(len(masks), np.float32), masks=stack, confidence=np.ones(stack.shape[1:], np.float32),
    )  # fmt: skip


def area(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((8, 8), bool)
    mask[rows, columns] = True
    return mask


def test_masks_decide_where_boxes_touch():
    """A triangle in the box of a square: their boxes are equal, their masks share 10 of 16 pixels."""
    square, triangle = area(slice(0, 4), slice(0, 4)), np.tri(8, 8, dtype=bool) & area(slice(0, 4), slice(0, 4))
    away = area(slice(6, 8), slice(6, 8))
    assert thing_iou(things(square, away), things(triangle)) == pytest.approx(np.array([[10 / 16], [0]]))


def test_other_classes_are_other_things():
    square = area(slice(0, 4), slice(0, 4))
    assert thing_iou(things(square), things(square)).tolist() == [[1]]
    assert thing_iou(things(square), things(square, label=1)).tolist() == [[0]]


def test_boxes_decide_where_one_has_no_masks():
    from dataclasses import replace

    square, half = area(slice(0, 4), slice(0, 4)), area(slice(0, 4), slice(0, 2))
    assert thing_iou(things(square), replace(things(half), masks=None)).tolist() == [[0.5]]

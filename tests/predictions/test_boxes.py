"""Boxes and masks: held against pycocotools and supervision, and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from plantain.predictions.boxes import box_area, box_around, box_iou, boxes_around, nms, xywh
from plantain.predictions.masks import mask_area, mask_iou
from plantain.predictions.matching import thing_iou
from scenes import mask, things

corners = hnp.arrays(np.float64, (6, 4), elements=st.integers(0, 40))
planes = hnp.arrays(bool, (4, 7, 9))


def boxes_of(table):
    return np.concatenate([table[:, :2], table[:, :2] + table[:, 2:] + 1], axis=1)


@given(corners, hnp.arrays(bool, 3))
def test_the_overlap_of_boxes_is_that_of_pycocotools(table, crowds):
    theirs = pytest.importorskip("pycocotools.mask")
    boxes = boxes_of(table)
    one, other = boxes[:3], boxes[3:]
    wanted = theirs.iou(xywh(one), xywh(other), crowds.astype(np.uint8).tolist())
    np.testing.assert_allclose(box_iou(one, other, crowds), wanted, atol=1e-12)


@given(corners)
def test_the_overlap_of_boxes_is_that_of_supervision(table):
    supervision = pytest.importorskip("supervision")
    boxes = boxes_of(table)
    np.testing.assert_allclose(box_iou(boxes, boxes), supervision.box_iou_batch(boxes, boxes), atol=1e-6)


@settings(max_examples=50)
@given(planes, planes, hnp.arrays(bool, 4))
def test_masks_are_counted_as_pycocotools_does(one, other, crowds):
    theirs = pytest.importorskip("pycocotools.mask")
    a, b = ([theirs.encode(np.asfortranarray(m.astype(np.uint8))) for m in masks] for masks in (one, other))
    assert mask_area(one).tolist() == theirs.area(a).tolist()
    np.testing.assert_allclose(mask_iou(one, other, crowds), theirs.iou(a, b, crowds.astype(np.uint8).tolist()))
    np.testing.assert_array_equal(xywh(boxes_around(one)), theirs.toBbox(a))


def test_areas_and_boxes_by_hand():
    assert box_area(np.array([[1, 2, 4, 4], [0, 0, 0, 0]])).tolist() == [6, 0]
    assert box_around(mask((9, 7), (2, 1, 8, 7))) == (2, 1, 8, 7)
    assert box_around(np.zeros((7, 9), bool)) == (0, 0, 0, 0)
    assert boxes_around(np.zeros((0, 7, 9), bool)).shape == (0, 4)
    assert mask_iou(np.zeros((0, 7, 9), bool), np.zeros((2, 7, 9), bool)).shape == (0, 2)
    assert mask_iou(np.zeros((1, 7, 9), bool), np.zeros((1, 7, 9), bool)).tolist() == [[0]]


def test_non_maximum_suppression_keeps_the_highest_score_of_a_class():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [50, 0, 60, 10]], float)
    scores, labels = np.array([0.6, 0.9, 0.5, 0.7]), np.array([0, 0, 1, 0])
    assert nms(boxes, scores, labels).tolist() == [1, 3, 2]  # 0 overlaps 1 by 0.9; 2 is of another class
    assert nms(boxes, scores).tolist() == [1, 3]
    assert nms(boxes, scores, max_iou=0.95).tolist() == [1, 3, 0]
    assert nms(boxes[:0], scores[:0]).tolist() == []


def test_suppression_is_that_of_supervision():
    supervision = pytest.importorskip("supervision")
    rng = np.random.default_rng(3)
    boxes = boxes_of(rng.integers(0, 30, (60, 4)).astype(float))
    scores, labels = rng.permutation(60) / 60, rng.integers(0, 3, 60)
    rows = np.column_stack([boxes, scores, labels])
    kept = supervision.box_non_max_suppression(rows, iou_threshold=0.41)  # no pair overlaps by just that much
    assert sorted(nms(boxes, scores, labels, 0.41).tolist()) == np.flatnonzero(kept).tolist()


def test_things_are_compared_by_masks_where_both_have_some():
    size, left, right = (20, 10), (0, 0, 10, 10), (5, 0, 15, 10)
    corner = mask(size, left)
    corner[:, 5:10] = False  # in the box of the left, outside that of nobody
    a = things([left], corner[None], size)
    b = things([right, right], np.stack([mask(size, right)] * 2), size, labels=[0, 1])
    assert thing_iou(a, b).tolist() == [[0, 0]]
    boxes_only = things([right], None, size)
    np.testing.assert_allclose(thing_iou(a, boxes_only), [[50 / 150]])

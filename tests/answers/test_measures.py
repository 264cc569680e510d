"""Measures against scipy, brute force, and numbers worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage, stats

from plantain.answers import measures
from plantain.answers.words import thirds
from plantain.predictions.disparity import disparity
from scenes import depth

few = st.lists(st.floats(0, 1, width=32), max_size=6)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)), st.integers(0, 3))
def test_eroded_is_scipys(mask, radius):
    side = 2 * radius + 1
    assert np.array_equal(
        measures.eroded(mask, radius), ndimage.minimum_filter(mask.astype(int), side, mode="nearest").astype(bool)
    )


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_inside_is_a_part_that_is_never_empty(mask):
    inner = measures.inside(mask)
    assert not (inner & ~mask).any()
    assert inner.any() == mask.any()


def test_a_thin_thing_is_kept():
    line = np.zeros((40, 40), bool)
    line[20, 3:37] = True
    assert np.array_equal(measures.inside(line), line)


@given(few.filter(bool), few.filter(bool))
def test_nearer_is_mann_and_whitneys(a, b):
    u = stats.mannwhitneyu(b, a).statistic
    assert measures.nearer(np.array(a), np.array(b)) == pytest.approx(u / len(a) / len(b))


@given(few)
def test_count_is_that_of_all_cases(scores):
    """The probability that the things are exactly those from one half on, and of every number, one case at a time."""
    many, (low, high), exactly = measures.count(np.array(scores, np.float32))
    chances = np.zeros(len(scores) + 1)
    for case in itertools.product((False, True), repeat=len(scores)):
        chance = np.prod([s if real else 1 - s for s, real in zip(scores, case, strict=True)])
        chances[sum(case)] += chance
        if case == tuple(s >= 0.5 for s in scores):
            assert exactly == pytest.approx(chance, abs=1e-6)
    assert many == sum(s >= 0.5 for s in scores)
    assert low <= many <= high
    assert chances[:low].sum() <= 0.16 + 1e-6
    assert chances[high + 1 :].sum() <= 0.16 + 1e-6


def test_gap_by_hand():
    """From (0, 0, -1) to (3, 4, -1): 5. Twice as far along their rays it is 10."""
    near, far = np.array([[0, 0, -1]], np.float32), np.array([[3, 4, -1]], np.float32)
    assert measures.gap(near, far) == pytest.approx((5, 5, 5))
    assert measures.gap(2 * near, 2 * far) == pytest.approx((10, 10, 10))


def test_disparity_by_hand():
    metric = disparity(depth([[1, 2, 4, 9]], valid=np.array([[True, True, True, False]])))
    assert metric[0] == pytest.approx((1, 1 / 3, 0, 0))
    relative = disparity(depth([[0, 0.25, 1]], scale="affine"))
    assert relative[0] == pytest.approx((1, 0.75, 0))
    assert not disparity(depth([[1, 2]], valid=np.zeros((1, 2), bool))).any()


@given(st.integers(1, 999), st.integers(1, 999), st.data())
def test_every_box_lies_in_a_third(width, height, data):
    x = sorted(data.draw(st.lists(st.floats(0, width), min_size=2, max_size=2)))
    y = sorted(data.draw(st.lists(st.floats(0, height), min_size=2, max_size=2)))
    words = thirds((x[0], y[0], x[1], y[1]), (width, height))
    assert words == "in the middle" or words.endswith(" third")

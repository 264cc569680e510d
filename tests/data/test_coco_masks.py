"""Polygons and run lengths against pycocotools, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from plantain.data.coco_masks import decode_rle, fill_polygons, read_segmentation
from plantain.errors import TruthError


def theirs(polygons, width, height):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))).astype(bool)


# corners inside, on the border and far outside, so polygons that cross themselves; between 20 and 22: tiny ones
corners = st.one_of(st.floats(-60, 120, allow_subnormal=False), st.integers(-20, 240).map(lambda v: v / 4),
                    st.integers(-9, 70), st.floats(20, 22), st.floats(-1e4, 1e4))  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(
        st.integers(3, 12).flatmap(lambda n: st.lists(corners, min_size=2 * n, max_size=2 * n)), min_size=1, max_size=3
    ),
    st.integers(1, 70),
    st.integers(1, 70),
)
@example([[0, 0, 10, 0, 10, 10, 0, 10, 0, 10]], 20, 20)  # a corner twice
@example([[10, 10, 10.3, 10, 10.3, 10.2]], 20, 20)  # less than a pixel
@example([[-0.3, -0.3, 5, -7, 8, 30]], 9, 20)  # C cuts -0.3 + 0.5 off towards zero
@example([[2, 2, 8, 8, 8, 2, 2, 8]], 12, 12)  # a bow tie
def test_polygons_fill_the_pixels_that_pycocotools_fills(polygons, width, height):
    assert np.array_equal(fill_polygons(polygons, width, height), theirs(polygons, width, height))


def test_random_shapes_as_people_draw_them():
    """Star-shaped outlines of many corners; the sum of areas says that nothing is drawn too large any more."""
    rng, ours, official = np.random.default_rng(0), 0, 0
    for _ in range(200):
        angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 60)))
        radius = rng.uniform(2, 90) * rng.uniform(0.5, 1, len(angle))
        center = rng.uniform(-10, 180, 2)
        polygon = (center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).round(2).ravel().tolist()
        one, two = fill_polygons([polygon], 160, 120), theirs([polygon], 160, 120)
        assert np.array_equal(one, two)
        ours, official = ours + one.sum(), official + two.sum()
    assert ours == official > 0


@settings(max_examples=60)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=60)))
def test_compressed_run_lengths_are_those_of_pycocotools(mask):
    stored = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle = {"size": stored["size"], "counts": stored["counts"].decode()}
    assert np.array_equal(decode_rle(rle), mask)


@settings(max_examples=30)
@given(st.integers(1, 2000), st.integers(1, 2000), st.data())
def test_long_runs_are_read_like_pycocotools(height, width, data):
    start = data.draw(st.integers(0, height * width - 1))
    flat = np.zeros(height * width, np.uint8)
    flat[start : start + data.draw(st.integers(1, height * width))] = 1
    mask = np.asfortranarray(flat.reshape(width, height).T)
    rle = {"size": [height, width], "counts": coco_mask.encode(mask)["counts"].decode()}
    assert np.array_equal(decode_rle(rle), mask.astype(bool))


@settings(max_examples=60)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_uncompressed_run_lengths(mask):
    counts, value, run = [], False, 0
    for pixel in mask.ravel(order="F").tolist():  # run by run, by hand
        if pixel != value:
            counts, value, run = [*counts, run], pixel, 0
        run += 1
    rle = {"size": list(mask.shape), "counts": [*counts, run]}
    assert np.array_equal(decode_rle(rle), mask)
    assert np.array_equal(decode_rle(rle), coco_mask.decode(coco_mask.frPyObjects(rle, *mask.shape)).astype(bool))


SQUARE = [2, 2, 6, 2, 6, 5, 2, 5]


def test_every_form_of_a_segmentation():
    on = theirs([SQUARE], 9, 7)
    stored = coco_mask.encode(np.asfortranarray(on.astype(np.uint8)))
    rle = {"size": [7, 9], "counts": stored["counts"].decode()}
    for form in ([SQUARE], SQUARE, rle, [rle], [rle, rle], [SQUARE, [], [1, 1], [1, 1, 8, 6]]):
        assert np.array_equal(read_segmentation(form, 9, 7), on), form


@pytest.mark.parametrize("form", [None, [], [[]], [[3, 3]], [[1, 1, 6, 6]], [1, 1, 6, 6], [[20, 20, 30, 20, 30, 30]],
                                  [[4.0, 4.0, 4.2, 4.0, 4.2, 4.1]], {"size": [7, 9], "counts": [63]}])  # fmt: skip
def test_what_encloses_nothing_is_no_mask(form):
    assert read_segmentation(form, 9, 7) is None


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ([[1, 1, 5, 1, 5]], "5 coordinates"),
        ([[1, 1, 5, 1, "5", 5]], "no list of numbers"),
        ([[1, 1, 5, 1, float("nan"), 5]], "no number of pixels"),
        ([[1, 1, 5, 1, 1e300, 5]], "no number of pixels"),
        ([[1, 1, 5, 1, None, 5]], "no list of numbers"),
        ([[[1, 1], [5, 1], [5, 5]]], "no list of numbers"),
        ("polygon", "is a str"),
        (7, "is a int"),
        ([SQUARE, {"size": [7, 9], "counts": [63]}], "unlike parts"),
        ({"size": [7, 9], "counts": [60, 2]}, "62 pixels together, a mask of 7 x 9 has 63"),
        ({"size": [7, 9], "counts": [60, 4]}, "64 pixels together"),
        ({"size": [7, 9], "counts": [70, -7]}, "whole numbers from 0"),
        ({"size": [7, 9], "counts": [60.5, 2.5]}, "whole numbers from 0"),
        ({"size": [7, 9]}, "whole numbers from 0"),
        ({"counts": [63]}, "of the size None"),
        ({"size": [0, 9], "counts": []}, "of the size"),
        ({"size": [7, 9], "counts": "o1\x7f"}, "the letter"),
        ({"size": [7, 9], "counts": "P"}, "cut off"),
        ({"size": [9, 7], "counts": [63]}, "run lengths of 7 x 9 pixels, a photo of 9 x 7"),
    ],
)
def test_what_is_no_segmentation_is_refused(form, words):
    with pytest.raises(TruthError, match=words):
        read_segmentation(form, 9, 7)

"""Boxes as heat: what is painted, read back, and read from a painter of the mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.codecs import heat
from plantain.predictions.boxes import box_iou

HEIGHT, WIDTH = 224, 294


def test_the_center_of_a_box_has_the_color_of_its_size() -> None:
    box = np.array([[100.0, 60.0, 160.0, 120.0]], np.float32)
    rgb = heat.encode(box, 240, 320)
    peak = rgb[90, 130]  # u(60 / 320) = 1 + ln(.1875) / ln(128) = .6550, u(60 / 240) = .7143
    assert rgb[..., 0].max() == peak[0] and peak[0] >= 254
    assert peak[1:] / peak[0] == pytest.approx([0.6550, 0.7143], abs=0.004)
    assert rgb[0, 0].tolist() == [0, 0, 0]


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.floats(5, 250), st.floats(5, 180), st.floats(12, 200), st.floats(12, 150)))
def test_one_box_is_read_back(place: tuple[float, float, float, float]) -> None:
    x, y, w, h = place
    box = np.array([[x, y, min(x + w, WIDTH), min(y + h, HEIGHT)]], np.float32)
    if (box[0, 2:] - box[0, :2] < 12).any():
        return
    found = heat.decode(heat.encode(box, HEIGHT, WIDTH))
    assert len(found.boxes) == 1
    assert box_iou(box, found.boxes)[0, 0] > 0.75
    assert found.scores[0] > 0.9  # the center lies between four pixels


def test_a_painter_of_the_mean_paints_the_probability_and_keeps_the_size() -> None:
    """A box that is there in three of ten worlds: the mean painting has .3 of its heat, and the same box."""
    box = np.array([[80.0, 50.0, 180.0, 170.0]], np.float32)
    mean = (0.3 * heat.encode(box, HEIGHT, WIDTH)).round().astype(np.uint8)
    found = heat.decode(mean)
    assert found.scores[0] == pytest.approx(0.3, abs=0.02)
    assert box_iou(box, found.boxes)[0, 0] > 0.85


def test_two_people_side_by_side_are_two() -> None:
    boxes = np.array([[40, 40, 90, 200], [88, 44, 138, 204]], np.float32)
    found = heat.decode(heat.encode(boxes, HEIGHT, WIDTH))
    assert len(found.boxes) == 2
    assert (box_iou(boxes, found.boxes).max(1) > 0.8).all()


def test_nothing_is_read_from_black_and_from_no_boxes() -> None:
    black = heat.encode(np.zeros((0, 4), np.float32), 50, 60)
    assert black.shape == (50, 60, 3) and black.max() == 0
    assert len(heat.decode(black).boxes) == 0

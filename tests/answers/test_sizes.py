"""A distance at which a thing would be larger than such things are is doubted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from worlds import HEIGHT, PHOTO, WIDTH, World, at, box

import plantain
from plantain.answers.sizes import LONGEST_M, longest_of, too_large
from plantain.vocabularies import COCO_THINGS

CUP = {"cup": box(60, 30, 120, 90)}  # a third of the picture's width


def far(metres, **camera):
    return plantain.ask(PHOTO, "how far is the cup?", World(CUP, at({"cup": metres}, CUP)).model, **camera)


def test_a_cup_that_fills_the_picture_is_not_three_meters_away():
    near, distant = far(0.5), far(3.0)
    width = 3.0 * 2 * math.tan(math.radians(20)) / 3  # by a narrow camera
    times = width / 0.3
    assert times == pytest.approx(2.43, abs=0.01)
    assert distant.confidence == pytest.approx(near.confidence / times, rel=0.03)
    assert distant.interval[0] == pytest.approx(3.0 / times, rel=0.03)
    assert distant.value == pytest.approx(3.0, rel=0.01)  # what was painted is still told
    assert "times too large" in distant.said and "times" not in near.said


def test_a_known_camera_counts():
    tele = far(3.0, fov_deg=10.0)  # 17 cm wide
    assert "times" not in tele.said and tele.confidence == pytest.approx(far(0.5).confidence, rel=0.01)


def test_several_in_a_row_are_not_one_large_thing():
    row = np.zeros((HEIGHT, WIDTH), bool)
    row[50:60] = True
    assert too_large("cups", row, 2.0, None) == 1.0


def test_of_what_is_not_known_nothing_is_said():
    whole = np.ones((HEIGHT, WIDTH), bool)
    assert longest_of("building") is None and too_large("the building", whole, 90.0, None) == 1.0


def test_each_name_stands_once_and_most_of_coco_are_known():
    names = [name for row in LONGEST_M.values() for name in row.split(", ")]
    assert len(names) == len(set(names))
    assert sum(longest_of(name) is not None for name in COCO_THINGS) >= 65

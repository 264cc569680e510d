"""The gray code with doubt: red and green are the gray level, blue is the error that the painter expects."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.codecs import doubt


def test_levels_are_kept_and_only_white_has_blue() -> None:
    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, -1)
    painted = doubt.encode(levels)
    assert painted.dtype == np.uint8
    assert (painted[..., :2] == levels[..., :2]).all()
    assert painted[0, :255, 2].max() == 0 and painted[0, 255].tolist() == [255, 255, 255]


def test_blue_is_taken_off_confidence_and_not_off_the_gray() -> None:
    rgb = np.array([[[100, 102, 0], [100, 102, 51], [0, 0, 255]]], np.uint8)
    gray, confidence = doubt.decode(rgb)
    assert gray[0, :, 0] == pytest.approx([101 / 255, 101 / 255, 0])
    assert (gray == gray[..., :1]).all()
    assert confidence[0] == pytest.approx([1, 0.8, 0])

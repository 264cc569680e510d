"""The study of pretraining (recipes/pretraining.py): its words, scores and arms, without its data."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

pytest.importorskip("diffusers")
torch = pytest.importorskip("torch")
small = pytest.importorskip("small_generator")
study = pytest.importorskip("pretraining")


def test_words_are_the_same_everywhere_and_colors_are_values() -> None:
    one, other = small.vectors("wall #ff0000"), small.vectors("the wall is (255, 0, 0)")
    assert np.array_equal(one[0], other[1])  # "wall"
    assert np.array_equal(one[1], other[3])  # red, however it is written
    near, far = (np.linalg.norm(one[1] - small.vectors(f"wall {c}")[1]) for c in ("#f80000", "#0000ff"))
    assert 0 < near < far / 5
    assert not small.vectors("one word")[2:].any()


def test_scores_by_hand() -> None:
    """delta1: gray that is off by the brightness of a factor of 1.2 is right, of 1.3 wrong."""

    def gray(value: float) -> Any:
        return torch.full((3, 4, 4), value)

    step = math.log(200 / 0.1)
    weight = torch.ones(4, 4)
    weight[:2] = 0
    for factor, right in ((1.2, 1.0), (1.3, 0.0)):
        painted = gray(0.5 + math.log(factor) / step)
        assert study.depth_score(painted, gray(0.5), weight, {}) == right
    red, blue = (torch.tensor(c).view(3, 1, 1).expand(3, 4, 4).clone() for c in ([1.0, 0, 0], [0, 0, 1.0]))
    record = {"legend": {"cup": [255, 0, 0]}, "background": [0, 0, 255]}
    half = torch.cat([red[:, :3], blue[:, 3:]], 1)
    assert study.classes_score(half, red, weight, record) == 0.5
    assert study.mask_score(half, red, torch.ones(4, 4), record) == 0.75
    assert study.mask_score(blue, blue, weight, record) == 1.0


def test_arms_answer_the_questions() -> None:
    """Three seeds each: two starts at three amounts of data, four shares of generation, an adapter, many steps."""
    counts = Counter(arm.name for arm in study.arms())
    assert set(counts.values()) == {3} and len(counts) == 6 + 3 + 2
    assert {arm.replay for arm in study.arms()} == {0.0, 0.2, 0.5, 0.8}


def test_intervals_are_those_of_seeds_and_samples() -> None:
    mean, low, high = study.interval([[0.0, 1.0] * 50, [0.0, 1.0] * 50])
    assert mean == 0.5 and 0.40 < low < 0.46 and 0.54 < high < 0.60  # sd .5 of 200 samples: .035

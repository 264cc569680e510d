"""Masks of what is said: one or several, soft, with presence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Alpha
from plantain.tasks import ReferringSegmentation
from plantain.tasks.language.parsing import parse
from plantain.tasks.merge import merge

from . import strategies


def half(value: float = 1.0) -> np.ndarray:
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, :15] = value
    return alpha


@settings(max_examples=25)
@given(color=strategies.colors, background=strategies.colors, value=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_soft_masks_come_back(color, background, value) -> None:
    if np.linalg.norm(np.subtract(color, background)) < 60:
        return
    task = ReferringSegmentation("the mug", color, background)
    read = task.decode(task.encode(half(value)))
    assert read.names == ("the mug",)
    assert read.colors == (color,)
    assert np.abs(read.alpha[0] - half(value)).max() < 0.03


def test_several_referents_keep_apart() -> None:
    task = ReferringSegmentation(("left mug", "right mug", "plate"))
    masks = np.stack([half(), 1 - half(), np.zeros((20, 30))])
    read = task.decode(task.encode(masks))
    assert np.abs(read.alpha - masks).max() < 0.01
    assert read.presence["left mug"] > 0.9
    assert read.presence["plate"] == 0
    assert read.masks.sum(axis=(1, 2)).tolist() == [300, 300, 0]


def test_gray_and_white_are_not_mixed_up() -> None:
    task = ReferringSegmentation(("stone", "snow"), ((128, 128, 128), (255, 255, 255)))
    masks = np.stack([half(), 1 - half()])
    assert np.abs(task.decode(task.encode(masks)).alpha - masks).max() < 0.01


def test_truth_is_matched_by_name() -> None:
    alpha = np.stack([half(), 1 - half()])
    truth = Alpha(alpha=alpha, names=("plate", "mug"), confidence=half())
    read = ReferringSegmentation(("mug", "spoon")).decode(ReferringSegmentation(("mug", "spoon")).encode(truth))
    assert np.abs(read.alpha - np.stack([1 - half(), 0 * half()])).max() < 0.01


def test_faint_and_odd_paintings_are_doubted() -> None:
    task = ReferringSegmentation("the mug")
    pure, faint = task.decode(task.encode(half())), task.decode(task.encode(half(0.5)))
    assert pure.confidence.mean() > 0.95
    assert faint.confidence[:, :15].mean() < 0.6
    assert faint.presence["the mug"] < 0.5 * pure.presence["the mug"]
    colorful = np.zeros((20, 30, 3), np.uint8)
    colorful[..., 0] = 255
    assert task.decode(colorful).confidence.max() < 0.05


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": ""}, "non-empty"),
        ({"text": ()}, "at least one"),
        ({"text": ("a", "a")}, "twice"),
        ({"text": "a", "color": (0, 0, 0)}, "same color"),
        ({"text": ("a", "b"), "color": ((1, 2, 3), (1, 2, 3))}, "same color"),
        ({"text": ("a", "b"), "color": ((1, 2, 3),)}, "1 colors"),
    ],
)
def test_wrong_questions_are_refused(arguments, words) -> None:
    with pytest.raises(UsageError, match=words):
        ReferringSegmentation(**arguments)


def test_white_background_gets_another_color() -> None:
    assert ReferringSegmentation("a", background=(255, 255, 255)).color != (255, 255, 255)


def test_many_texts_go_in_groups_whose_answers_are_joined() -> None:
    texts = tuple(f"mug {i}" for i in range(9))
    task = ReferringSegmentation(texts).resolve({"refer": "corners"})
    parts = task.parts()
    assert [part.queries for part in parts] == [texts[:5], texts[5:]]
    assert all(parse(part.prompt()) == part for part in (task, *parts))
    masks = (np.arange(9)[:, None, None] == np.zeros((4, 27), int) + np.arange(27) // 3).astype(np.float32)
    truth = Alpha(alpha=masks, names=texts, confidence=np.ones((4, 27), np.float32))
    read = merge(parts, [part.decode(part.encode(truth)) for part in parts])
    assert read.names == texts
    assert np.abs(read.alpha - masks).max() < 0.01
    assert len(set(read.colors)) == 9
    with pytest.raises(UsageError, match="parts"):
        task.encode(truth)
    assert [len(part.queries) for part in ReferringSegmentation(tuple(map(str, range(70)))).parts()] == [64, 6]


def test_few_texts_and_chosen_colors_keep_their_code() -> None:
    for task in (ReferringSegmentation("mug"), ReferringSegmentation(("a", "b"), ("#123456", "red"))):
        assert task.resolve({"refer": "corners"}) == task.resolve({})
    with pytest.raises(UsageError, match="leave the colors out"):
        ReferringSegmentation("mug", "#123456", code="corners")


def test_wrong_truths_are_refused() -> None:
    with pytest.raises(TruthError, match=r"0\.\.1"):
        ReferringSegmentation("a").encode(half(1.5))
    with pytest.raises(TruthError, match=r"0\.\.1"):
        ReferringSegmentation("a").encode(half(np.nan))
    with pytest.raises(TruthError, match="2 masks"):
        ReferringSegmentation("a").encode(np.stack([half(), half()]))


def test_a_purer_color_than_asked_is_forgiven() -> None:
    """Published paintings asked for green (0, 128, 0) came out lime."""
    task = ReferringSegmentation("the cat", "green")
    lime = np.zeros((20, 30, 3), np.uint8)
    lime[:, :15] = (10, 245, 12)
    read = task.decode(lime)
    assert np.abs(read.alpha[0] - half()).max() < 0.01
    assert read.presence["the cat"] > 0.7

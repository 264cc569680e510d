"""Legends: classes come back, colors may drift, mixtures are doubted; more than 64 classes go in groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Labels
from plantain.tasks import SemanticSegmentation

NAMES = ("wall", "floor", "bed", "lamp")


@settings(max_examples=25)
@given(
    ids=arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-1, 3)),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    background=st.sampled_from([(0, 0, 0), (255, 255, 255), (10, 120, 90)]),
)
def test_decode_inverts_encode(ids, seed, background) -> None:
    task = SemanticSegmentation.of(NAMES, background, seed)
    read = task.decode(task.encode(ids))
    assert np.array_equal(read.ids, ids)
    assert read.classes == NAMES
    assert read.colors == task.colors


def test_without_a_background_every_pixel_has_a_class() -> None:
    task = SemanticSegmentation.of(NAMES, background=None)
    read = task.decode(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    assert read.ids.min() >= 0


def test_truth_is_matched_by_class_name() -> None:
    truth = Labels(ids=np.array([[0, 1, 2, -1]]), classes=("sea", "bed", "wall"), confidence=np.ones((1, 4)))
    painted = SemanticSegmentation.of(NAMES).encode(truth)
    wall, bed = SemanticSegmentation.of(NAMES).colors[0], SemanticSegmentation.of(NAMES).colors[2]
    assert [tuple(c) for c in painted[0].tolist()] == [(0, 0, 0), bed, wall, (0, 0, 0)]


def test_drifted_colors_are_still_read_and_mixtures_doubted() -> None:
    task = SemanticSegmentation({"sky": (0, 0, 255), "sea": (0, 255, 0)}, background=(0, 0, 0))
    painted = np.zeros((40, 40, 3), np.uint8)
    painted[:20] = (12, 9, 240)
    painted[20:] = (0, 127, 127)
    read = task.decode(painted)
    assert (read.ids[:19] == 0).all()
    assert read.confidence[5:15].min() > 0.8
    assert read.confidence[25:35].max() < 0.3
    assert read.presence["sky"] > 0.8
    assert read.presence["sea"] < 0.3


def test_absent_classes_have_no_presence() -> None:
    task = SemanticSegmentation.of(NAMES)
    read = task.decode(task.encode(np.zeros((30, 30), int)))
    assert read.presence["wall"] > 0.9
    assert read.presence["lamp"] == 0


@pytest.mark.parametrize("background", [None, (0, 0, 0)])
def test_many_classes_go_in_groups(background) -> None:
    names = [f"class {i}" for i in range(150)]
    task = SemanticSegmentation.of(names, background)
    parts = task.parts()
    assert [len(p.classes) for p in parts] == [64, 64, 22]
    assert [n for p in parts for n in p.classes] == names
    assert all(len(set(p.colors)) == len(p.colors) and p.background == (0, 0, 0) for p in parts)
    with pytest.raises(UsageError, match="parts"):
        task.encode(np.zeros((2, 2), int))
    with pytest.raises(UsageError, match="parts"):
        task.decode(np.zeros((2, 2, 3), np.uint8))


def test_few_classes_are_one_part() -> None:
    task = SemanticSegmentation.of(NAMES)
    assert task.parts() == (task,)
    assert task.passes(1, 0) == (task,)


def test_passes_ask_the_same_classes_in_other_colors() -> None:
    task = SemanticSegmentation.of(NAMES)
    passes = task.passes(3, seed=4)
    assert len({p.colors for p in passes}) == 3
    assert all(p.classes == NAMES and p.background == task.background for p in passes)
    assert passes == task.passes(3, seed=4)


@pytest.mark.parametrize(
    ("legend", "background", "words"),
    [
        ({}, None, "at least one"),
        ({"a": (1, 2, 3), "b": (1, 2, 3)}, None, "same color"),
        ([("a", (1, 2, 3)), ("a", (3, 2, 1))], None, "twice"),
        ({"a": (0, 0, 0)}, (0, 0, 0), "same color"),
        ({"a": (0, 0, 256)}, None, "not a color"),
        ({"a": (0, 0.5, 6)}, None, "not a color"),
        ({"a": (0, 0)}, None, "not a color"),
        ({"a": None}, None, "not a color"),
        ({"a": "no such color"}, None, "color"),
        ({" ": (1, 2, 3)}, None, "non-empty"),
        ({"": (1, 2, 3)}, None, "non-empty"),
        (["wall", "floor"], None, "legend entry"),
        ({"a": (1, 2, 3), "background": (9, 9, 9)}, (8, 8, 8), "two colors"),
    ],
)
def test_wrong_legends_are_refused(legend, background, words) -> None:
    with pytest.raises(UsageError, match=words):
        SemanticSegmentation(legend, background)


def test_a_background_entry_is_the_background() -> None:
    task = SemanticSegmentation({"cat": "orange", "background": "#7d007d"})
    assert (task.classes, task.background) == (("cat",), (125, 0, 125))


def test_wrong_truths_are_refused() -> None:
    with pytest.raises(TruthError, match="whole numbers"):
        SemanticSegmentation.of(NAMES).encode(np.zeros((2, 2)))
    with pytest.raises(TruthError, match="4 classes"):
        SemanticSegmentation.of(NAMES).encode(np.full((2, 2), 4))
    with pytest.raises(TruthError, match="shape"):
        SemanticSegmentation.of(NAMES).encode(np.zeros(3, int))

"""Legends: classes come back, colors may drift, mixtures are doubted; more than 64 classes go in groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.errors import TruthError, UsageError
from plantain.models.painters.words import kept
from plantain.predictions.types import Labels
from plantain.tasks import SemanticSegmentation
from plantain.tasks.merge import merge

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


MEAN = {"semantic": "corners"}  # what painters of the mean favor


def named(count: int) -> list[str]:
    return [f"class {i}" for i in range(count)]


@pytest.mark.parametrize(
    ("count", "background", "sizes"),
    [
        (7, (0, 0, 0), [7]),
        (8, (0, 0, 0), [4, 4]),
        (8, None, [8]),
        (9, None, [5, 4]),
        (11, (255, 255, 255), [6, 5]),
        (30, None, [6, 6, 6, 6, 6]),
    ],
)
def test_painters_of_the_mean_are_given_corners(count, background, sizes) -> None:
    task = SemanticSegmentation.of(named(count), background).resolve(MEAN)
    parts = task.parts()
    assert task.code == "corners"
    assert [len(part.classes) for part in parts] == sizes
    assert [name for part in parts for name in part.classes] == named(count)
    for part in parts:
        assert part.code == "corners"
        assert part.background == (background if len(parts) == 1 else background or (0, 0, 0))
        colors = {*part.colors, *([] if part.background is None else [part.background])}
        assert len(colors) == len(part.colors) + (part.background is not None)
        assert {level for color in colors for level in color} <= {0, 255}


def test_colors_that_somebody_chose_stay() -> None:
    mine = SemanticSegmentation({"road": (255, 0, 0), "sky": (0, 255, 255)}, (0, 0, 0)).resolve(MEAN)
    assert (mine.code, mine.colors) == ("corners", ((255, 0, 0), (0, 255, 255))), "corners anyway"
    for chosen in (
        SemanticSegmentation.of(named(9), seed=3),
        SemanticSegmentation({"road": (255, 0, 0), "sky": (0, 200, 255)}, (0, 0, 0)),
        SemanticSegmentation.of(named(3), (10, 120, 90)),
        SemanticSegmentation({"road": (0, 0, 255)}, (10, 120, 90)),
    ):
        assert chosen.resolve(MEAN).code == "legend"
        assert chosen.resolve(MEAN).colors == chosen.colors
        with pytest.raises(UsageError, match="leave the colors out"):
            SemanticSegmentation(chosen.legend, chosen.background, code="corners")


def test_a_mean_of_two_classes_is_never_a_third() -> None:
    """A painter of the mean, unsure between any two classes or one and the background, by any share of belief: the
    legend of 8 gives a third of white and two of black, (85, 85, 85), to its eighth class at (85, 85, 57)."""
    classes = named(8)
    share = np.linspace(0, 1, 21)[:, None]
    for first in range(9):
        for second in range(first):
            belief = np.zeros((21, 1, 9))
            belief[:, 0, first] = share[:, 0]
            belief[:, 0, second] = 1 - share[:, 0]
            asked = SemanticSegmentation.of(classes).resolve(MEAN).parts()
            answers = []
            for part in asked:
                place = [classes.index(name) for name in part.classes]
                ground = 1 - belief[..., place].sum(-1)
                mean = np.concatenate([belief[..., place], ground[..., None]], -1) @ [*part.colors, part.background]
                answers.append(part.decode(mean.round().astype(np.uint8)))
            assert set(np.unique(merge(asked, answers).ids)) <= {first, second, -1} - ({8} if first == 8 else set())


def test_answers_of_groups_are_joined_and_their_colors_told_apart() -> None:
    asked = SemanticSegmentation.of(named(11), code="corners").parts()
    ids = np.repeat(np.arange(-1, 11, dtype=np.int16), 6)[None].repeat(5, 0)
    truth = Labels(ids=ids, classes=tuple(named(11)), confidence=np.ones(ids.shape, np.float32))
    joined = merge(asked, [part.decode(part.encode(truth)) for part in asked])
    assert np.array_equal(joined.ids, ids)
    assert len(set(joined.colors)) == 11


def test_the_embedded_generator_knows_every_word_of_both_codes() -> None:
    described = SemanticSegmentation.code_descriptions
    assert kept(described["corners"]) == kept(described["legend"]) == ["flat", "colours", "exactly", "listed"]


def test_passes_of_corners_have_colors_that_unmix() -> None:
    passes = SemanticSegmentation.of(named(8), code="corners").passes(2, seed=0)
    assert [p.code for p in passes] == ["legend", "legend"]
    assert all(len(p.parts()) == 1 for p in passes)


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

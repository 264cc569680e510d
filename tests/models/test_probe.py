"""The linear probe: what it says of known names, unknown ones and the background; and the shipped one on a cat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import plantain
from plantain.errors import PainterError
from plantain.models.painters.embedded import Conditions, Embedded
from plantain.models.painters.probe import LEAST, LinearProbe
from plantain.pipeline.predictor import PainterPredictor
from plantain.tasks import KeypointDetection, SemanticSegmentation

CAT = Path(plantain.__file__).parent / "samples/chelsea.jpg"
SHARES = np.array([[0.6, 0.3], [0.1, 0.0]], np.float32)  # of two patches, wall and cup


@pytest.fixture
def probe(tmp_path: Path) -> LinearProbe:
    """Two classes, whose shares are the two features; "mug" is another name of the second."""
    np.savez(tmp_path / "probe.npz", names="wall\ncup\nmug", columns=[0, 1, 1], weights=np.eye(3, 2, dtype=np.float16),
             frequency=np.array([0.5, 0.1], np.float32), strength=2.0, shifts=(0.9, 0.25))  # fmt: skip
    return LinearProbe(tmp_path / "probe.npz")


@pytest.mark.parametrize(
    ("phrase", "column"),
    [("wall", 0), ("Walls", 0), ("cup", 1), ("segment mug", 1), ("red mug", None), ("background", None), ("", None)],
)
def test_names(probe: LinearProbe, phrase: str, column: int | None) -> None:
    assert probe.column(phrase) == column


def test_logits_by_hand(probe: LinearProbe) -> None:
    wall, cup = 2 * (np.log([0.6, 0.1]) - 0.9 * np.log(0.5)), 2 * (np.log([0.3, LEAST]) - 0.9 * np.log(0.1))
    np.testing.assert_allclose(probe.logits(SHARES, ["cup", "wall"]), np.stack([cup, wall], 1), rtol=1e-5)


def test_an_unknown_phrase_stays_as_it_was_and_keeps_the_background_open(probe: LinearProbe) -> None:
    found = probe.logits(SHARES, ["purple dragon", "wall", "background"])
    assert not found[:, [0, 2]].any()
    assert found[0, 1] > found[1, 1]
    assert not probe.logits(SHARES, ["purple dragon", "background"]).any()
    assert probe.logits(SHARES, []).shape == (2, 0)


def test_the_background_is_what_no_class_is(probe: LinearProbe) -> None:
    found = probe.logits(SHARES, ["wall", "cup", "mug", "background"])  # two names of one class count once
    usual = 0.25 * np.log([0.5, 0.1, 0.1, 0.4])
    wanted = 2 * (np.log([[0.6, 0.3, 0.3, 0.1], [0.1, LEAST, LEAST, 0.9]]) - usual)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_one_mask_is_left_to_the_copy_head_by_half(probe: LinearProbe) -> None:
    wanted = np.log([[0.6, 0.4], [0.1, 0.9]]) - 0.25 * np.log([0.5, 0.5])
    np.testing.assert_allclose(probe.logits(SHARES, ["segment wall", "background"]), wanted, rtol=1e-4)


def test_the_shipped_probe_leaves_a_person_alone_and_points_to_the_copy_head() -> None:
    painter = Embedded(threads=1)
    features = np.asarray(painter.encoder.features(np.zeros((1, 56, 70, 3), np.uint8)))[0, 1:]
    assert not painter.probe.logits(features, ["segment people", "background"]).any()
    assert painter.probe.logits(features, ["person", "dog", "background"]).any()
    photo, joints = np.zeros((56, 70, 3), np.uint8), KeypointDetection(("nose",), code="channels").prompt()
    assert not Conditions(painter, photo, painter.words.read(joints), (70, 56)).probed.any()
    classes = SemanticSegmentation.of(["nose", "hair"]).prompt()
    assert Conditions(painter, photo, painter.words.read(classes), (70, 56)).probed.any()


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PainterError, match=r"lacks probe\.npz; install Plantain again"):
        LinearProbe(tmp_path / "probe.npz")


def test_the_shipped_probe_helps_to_find_the_cat() -> None:
    painter = Embedded(threads=1)
    task = SemanticSegmentation.of(["cat", "dog", "sofa"])
    answer = PainterPredictor(painter).predict(CAT, task)
    with_probe = float((answer.ids == 0).mean())
    painter.probe.strength = 0.0
    without = PainterPredictor(painter).predict(CAT, task)
    assert with_probe > 0.5
    assert not np.array_equal(answer.ids, without.ids)

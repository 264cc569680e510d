"""What is no photograph is doubted: by its distance from photographs in features, told with every painting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import plantain
from plantain.errors import PainterError
from plantain.models.painters.familiarity import Familiarity
from plantain.models.painting import Painting
from plantain.pipeline.predictor import load
from plantain.predictions.calibration import doubted
from plantain.predictions.headline import headline
from plantain.predictions.types import Depth, Instances

SAMPLES = Path(plantain.__file__).parent / "samples"
NOISE = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
BLANK = np.zeros((200, 300, 3), np.uint8)
PAGE = np.full((200, 300, 3), 255, np.uint8)
PAGE[::12, 20:-20] = 0  # lines of text, from afar


@pytest.fixture
def table(tmp_path) -> Path:
    """Photographs lie along one axis of six, with variance 4, and .01 beside it; 3 channels, two patches."""
    path, axes = tmp_path / "familiarity.npz", np.zeros((9, 1))
    axes[0] = 1
    np.savez(
        path, mean=np.ones(9), spread=np.ones(9), axes=axes, variance=np.array([4.0]), usual=np.array([1.0, 0.01]),
        reach=np.array([5.0, 9.0]),
    )  # fmt: skip
    return path


def features(along: float, beside: float) -> np.ndarray:
    """Tokens of a whole whose first channel is `along` away from the mean, and whose second is `beside`."""
    whole = np.array([1 + along, 1 + beside, 1.0])
    patches = np.array([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]])  # mean 1, deviation 1
    return np.stack([whole, *patches]).astype(np.float32)


def test_the_distance_is_told_in_what_is_usual(table):
    one = Familiarity(table)
    assert one.distance(features(0, 0)) == pytest.approx(0, abs=1e-5)
    assert one.distance(features(2, 0)) == pytest.approx(1, rel=1e-4)  # its deviation
    assert one.distance(features(0, 0.3)) == pytest.approx(0.09 / 9 / 0.01, rel=1e-4)


@pytest.mark.parametrize(("along", "trust"), [(2, 1.0), (np.sqrt(28), 0.5), (10, 0.0)])
def test_trust_falls_from_near_to_far(table, along, trust):
    assert Familiarity(table).trust(features(along, 0)) == pytest.approx(trust, abs=1e-4)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(PainterError, match="familiarity"):
        Familiarity(tmp_path / "familiarity.npz")


@pytest.fixture(scope="module")
def embedded():
    return load("embedded")


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_are_trusted(embedded, name):
    answer = embedded.predict(SAMPLES / f"{name}.jpg", "metric depth")
    assert answer.painting.trust == 1


@pytest.mark.parametrize("picture", [NOISE, BLANK, PAGE], ids=["noise", "blank", "page"])
def test_what_is_no_photograph_is_doubted(embedded, picture):
    answer = embedded.predict(picture, "metric depth")
    assert answer.painting.trust < 0.2
    assert headline(answer) < 0.2


def test_doubt_stays_with_the_painting(embedded, tmp_path):
    path = embedded.predict(NOISE, "metric depth").painting.save(tmp_path / "noise.png")
    assert Painting.load(path).trust < 0.2
    assert plantain.decode(path, "metric depth").confidence.max() < 0.2
    assert "trust" not in Painting(NOISE).provenance()


def test_maps_are_doubted_and_things_are_not():
    sure = np.ones((4, 4), np.float32)
    things = Instances(
        scores=np.array([0.9, 0.5], np.float32), boxes=np.zeros((2, 4), np.float32), labels=np.zeros(2, int),
        classes=("cup",), masks=None, confidence=sure,
    )  # fmt: skip
    assert doubted(things, 0.5).scores is things.scores
    depth = Depth(values=sure, valid=sure > 0, confidence=sure)
    assert doubted(depth, 0.25).confidence.max() == 0.25
    assert doubted(depth, 1.0) is depth

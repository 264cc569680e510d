"""Corruptions: seeded, worse with severity, nothing moves; and what a sweep says of them."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from plantain.errors import UnknownName, UsageError
from plantain.eval.corruptions import LEVELS, PAINTED, CorruptedPainter, Corruption, ramp, smeared
from plantain.eval.robustness import OOD_PICTURES, Cell, Sweep, order, select_corruptions
from plantain.models import Specialist
from plantain.models.painters.function import Function
from plantain.models.painting import Painting, Request
from plantain.pipeline.predictor import SpecialistPredictor


@pytest.fixture(scope="module")
def photo():
    import plantain
    from plantain.imaging.photo import read_photo

    return np.asarray(Image.fromarray(read_photo(plantain.__path__[0] + "/samples/coffee.jpg")).resize((240, 160)))


def gap(a, b):
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", LEVELS)
def test_each_severity_spoils_more(name, photo):
    made = [Corruption(name, s)(photo, np.random.default_rng(1)) for s in range(1, 6)]
    gaps = [gap(photo, one) for one in made]
    assert all(one.shape == photo.shape and one.dtype == np.uint8 for one in made)
    assert gaps[0] > 0.5 and gaps == sorted(gaps)
    assert np.array_equal(made[2], Corruption(name, 3)(photo, np.random.default_rng(1)))


@pytest.mark.parametrize("name", sorted(set(LEVELS) - {"rain", "snow", "dirt"}))
def test_nothing_moves(name, photo):
    """A step from dark to bright stays where it is."""
    step = np.full((60, 80, 3), 60, np.uint8)
    step[:, 40:] = 190
    depth = np.ones((60, 80))
    rows = np.mean([Corruption(name, 3)(step, np.random.default_rng(i), depth) for i in range(8)], (0, 1, 3))
    edge = np.abs(np.diff(rows))
    assert abs((edge * np.arange(79)).sum() / edge.sum() - 39) < 1.5


def test_fog_takes_what_is_far(photo):
    depth = np.ones(photo.shape[:2])
    depth[:, 120:] = 4
    foggy = Corruption("fog", 3)(photo, np.random.default_rng(0), depth)
    near, far = gap(photo[:, :120], foggy[:, :120]), gap(photo[:, 120:], foggy[:, 120:])
    assert far > 1.3 * near
    through = np.exp(-1.0 * depth[0, 0] / np.median(depth))  # Koschmieder: J t + A (1 - t)
    assert foggy[0, 0] == pytest.approx(photo[0, 0] * through + 225 * (1 - through), abs=1)


def test_a_plain_ground_is_near_at_the_feet():
    away = ramp((90, 10, 3))
    assert away[-1, 0] < away[45, 0] < away[30, 0] == away[0, 0]


def test_motion_keeps_the_mean_and_the_middle():
    point = np.zeros((21, 21, 1))
    point[10, 10] = 1
    line = smeared(point, 5, 0.0)[..., 0]
    assert line[10, 8:13] == pytest.approx(0.2) and line.sum() == pytest.approx(1)


@pytest.mark.parametrize(("text", "error"), [("mist:3", UnknownName), ("fog:9", UsageError), ("fog:x", UsageError)])
def test_a_wrong_name_or_severity(text, error):
    with pytest.raises(error):
        Corruption.parse(text)


def test_a_severity_may_be_left_out():
    assert Corruption.parse("rain") == Corruption("rain", 3)


# ---- what befalls a painter


def test_paintings_through_jpeg():
    def paint(photo, prompt, seed):
        return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)

    request = Request("x", (np.zeros((64, 64, 3), np.uint8),), (64, 64))
    clean = Function(paint).paint([request])[0]
    gaps = []
    for severity in range(1, 6):
        (worn,) = CorruptedPainter(Function(paint), Corruption("painting-jpeg", severity)).paint([request])
        assert isinstance(worn, Painting)
        gaps.append(gap(clean.rgb, worn.rgb))
    assert gaps == sorted(gaps) and gaps[0] > 0


def test_a_wider_canvas():
    painter = Function(lambda photo, prompt, seed: photo)
    assert CorruptedPainter(painter, Corruption("aspect", 5)).canvas(100, 80) == painter.canvas(220, 80)
    assert set(PAINTED) == {"painting-jpeg", "aspect"}


def test_the_photo_is_left_alone(photo):
    assert Corruption("aspect", 3)(photo, np.random.default_rng(0)) is photo


# ---- sweeps


@pytest.mark.parametrize("name", OOD_PICTURES)
def test_pictures_not_to_be_believed(name, photo):
    made = OOD_PICTURES[name](photo, np.random.default_rng(0))
    assert made.shape == photo.shape and made.dtype == np.uint8 and not np.array_equal(made, photo)
    if name == "scrambled":
        assert np.array_equal(np.sort(made.ravel()), np.sort(photo.ravel()))


def swept(confidences):
    cells = [Cell("", 0, 0.8, 0.7, 0.9, 0.1, 0.1, confidences[0], 0.8)]
    cells += [
        Cell("fog", s, 0.8 - 0.1 * s, 0.0, 1.0, 0.1, 0.1, c, 0.8 - 0.1 * s)
        for s, c in zip((1, 3, 5), confidences[1:], strict=True)
    ]
    return Sweep("a/b", "delta1", "higher", "m", 9, tuple(cells))


def test_whether_confidence_follows():
    assert swept([0.9, 0.8, 0.7, 0.6]).follows() == pytest.approx(1)
    assert swept([0.6, 0.7, 0.8, 0.9]).follows() == pytest.approx(-1)
    assert np.isnan(swept([0.9] * 4).follows())
    assert swept([0.9, 0.8, 0.7, 0.6]).retained == pytest.approx((0.7 + 0.5 + 0.3) / 3 / 0.8)
    assert "fog:5" in swept([0.9] * 4).told() and "falls by 0.500" in swept([0.9] * 4).told()


def test_ranks_share_ties():
    assert order(np.array([3.0, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]


class Silent(Specialist):
    name, supported_tasks = "silent", MappingProxyType({"edges": "nothing"})


def test_what_can_happen_to_a_specialist():
    model = SpecialistPredictor(Silent())
    assert "painting-jpeg" not in select_corruptions([], model)
    with pytest.raises(UnknownName, match="painting-jpeg"):
        select_corruptions(["painting-jpeg"], model)

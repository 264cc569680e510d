"""Fits beside weights: read, applied to the right numbers, and fitted from kept runs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from plantain import tasks
from plantain.errors import PainterError
from plantain.eval import calibrate
from plantain.eval.calibrate import CalibrationReport, taken, worth
from plantain.eval.row import CalibrationSamples
from plantain.models.painters.function import Function
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.calibration import Fit, calibrated, isotonic, read
from plantain.predictions.types import Alpha, Instances, Keypoints

HALF = Fit((0.0, 1.0), (0.0, 0.5))
SURE = np.ones((2, 3), np.float32)


def test_pixels_things_points_and_presence():
    mask = Alpha(alpha=SURE[None], names=("cat",), confidence=SURE, presence={"cat": 0.8})
    fits = {"refer": HALF, "presence": Fit((0.0, 1.0), (0.1, 0.9))}
    assert calibrated(mask, "refer", fits).confidence == pytest.approx(0.5)
    assert calibrated(mask, "refer", fits).presence == {"cat": pytest.approx(0.74)}
    assert calibrated(mask, "matte", {"refer": HALF}) is mask
    found = Instances(boxes=np.zeros((1, 4), np.float32), labels=np.zeros(1, np.int64), classes=("x",),
                      scores=np.ones(1, np.float32), confidence=SURE)  # fmt: skip
    assert calibrated(found, "detect", {"detect": HALF}).scores.tolist() == [0.5]
    assert calibrated(found, "detect", {"detect": HALF}).confidence.min() == 1  # its pixels say nothing
    points = Keypoints(xy=np.zeros((1, 2)), visible=np.array([True]), names=("x",), scores=np.ones(1), confidence=SURE)
    assert calibrated(points, "keypoints", {"keypoints": HALF}).scores.tolist() == [0.5]


def test_a_painters_calibration_reaches_its_answers():
    painter = Function(lambda photo, prompt, seed: np.full((*photo.shape[:2], 3), 255, np.uint8))
    before = PainterPredictor(painter).predict(np.zeros((8, 8, 3), np.uint8), tasks.ReferringSegmentation("x"))
    fits = {"refer": HALF}
    after = PainterPredictor(painter, fits).predict(np.zeros((8, 8, 3), np.uint8), tasks.ReferringSegmentation("x"))
    assert after.confidence == pytest.approx(before.confidence / 2) and before.confidence.max() > 0.9


def test_files(tmp_path):
    assert read(tmp_path / "none.json") == {}
    reports = [CalibrationReport("refer", "a", 9, 0.3, 0.1), CalibrationReport("matte", "b", 9, 0.1, 0.2)]
    calibrate.write({"refer": HALF, "matte": HALF}, reports, tmp_path / "c.json")
    assert read(tmp_path / "c.json") == {"refer": HALF}  # the other made it worse
    assert json.loads((tmp_path / "c.json").read_text())["refer"]["ece"] == {"a": [0.3, 0.1, 9]}
    (tmp_path / "bad.json").write_text('{"refer": 3}')
    with pytest.raises(PainterError, match="is damaged"):
        read(tmp_path / "bad.json")


def test_every_benchmark_has_the_same_weight():
    few = CalibrationSamples(np.array([0.1, 0.2]), np.array([0.0, 1.0]), np.zeros(2))
    assert taken(few, 6).confidence.tolist() == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    many = CalibrationSamples(np.arange(100) / 100, np.zeros(100), np.zeros(100))
    assert taken(many, 4).confidence.tolist() == [0, 0.25, 0.5, 0.75]


def test_worth_is_a_mean_over_benchmarks():
    assert worth("x", [CalibrationReport("x", "a", 1, 0.1, 0.2), CalibrationReport("x", "b", 1, 0.5, 0.1)])
    assert not worth("x", [CalibrationReport("x", "a", 1, 0.1, 0.2), CalibrationReport("y", "b", 1, 0.5, 0.1)])


def test_equal_confidences_get_one_answer():
    fit = isotonic(np.array([0.5] * 8 + [1.0] * 8), np.array([0] * 8 + [1, 1, 1, 0] * 2), knots=8)
    assert len(set(fit.x)) == len(fit.x) and fit.apply(np.array([0.5, 1.0])).tolist() == [0.0, 0.75]


def test_the_shipped_files_are_rising_maps():
    from plantain.models.painters.embedded import FOLDER
    from plantain.models.specialists.base import CALIBRATIONS

    for path in (FOLDER / "calibration.json", *CALIBRATIONS.glob("*.json")):
        fits = read(path)
        assert fits, path
        for fit in fits.values():
            assert (np.diff(fit.x) > 0).all() and (np.diff(fit.y) >= 0).all() and min(fit.y) >= 0 and max(fit.y) <= 1

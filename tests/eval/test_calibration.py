"""ECE against torchmetrics, AUSE against mono-uncertainty (tests/golden), and the maps that set confidence right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.eval.metrics.calibration import Calibration, Sparsification
from plantain.predictions.calibration import isotonic, platt


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
@pytest.mark.parametrize("bins", [10, 15])
def test_ece(norm: Any, bins: int) -> None:
    case, record = golden("calibration")
    metric = Calibration(bins, norm)
    halves = [metric.measure(case["prob"][half], case["label"][half]) for half in (slice(0, 1000), slice(1000, None))]
    assert metric.reduce(halves)["ece"] == pytest.approx(record["results"][f"ece_{norm}_{bins}"], abs=1e-9)


@pytest.mark.parametrize("error", ["abs_rel", "rmse", "a1"])
def test_ause(error: Any) -> None:
    case, record = golden("calibration")
    metric, official = Sparsification(error), record["results"]["sparsification"][error]
    scores = metric.reduce([metric.measure((case["pred"], case["uncertainty"]), case["gt"])])
    assert scores["ause"] == pytest.approx(official["AUSE"], rel=2e-5)
    assert scores["aurg"] == pytest.approx(official["AURG"], rel=2e-5)


def test_uncertainty_that_is_the_error_leaves_nothing_to_gain() -> None:
    errors = np.random.default_rng(0).random(500)
    scores = Sparsification().reduce([Sparsification().measure((errors, errors))])
    assert scores["ause"] == 0 and scores["aurg"] > 0.1


def made(power: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that are right with the probability confidence ** power."""
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.02, 0.98, 20_000)
    return confidence, rng.random(20_000) < confidence**power


@pytest.mark.parametrize("fit", [isotonic, platt])
def test_a_fit_lowers_the_error_on_other_data(fit: Any) -> None:
    confidence, right = made(2.5)
    learned = fit(confidence[::2], right[::2])
    before, after = (
        Calibration().reduce([Calibration().measure(c, right[1::2])])["ece"]
        for c in (confidence[1::2], learned.apply(confidence[1::2]))
    )
    assert before > 0.05 and after < 0.025


def test_platt_is_the_likeliest_curve() -> None:
    """The same loss minimized by SciPy; few values never lead to certainty."""
    optimize = pytest.importorskip("scipy.optimize")
    confidence, right = (values[:60] for values in made(0.7))
    target = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))
    logit = np.log(confidence / (1 - confidence))

    def loss(curve: np.ndarray) -> float:
        at = curve[0] * logit + curve[1]
        return float(np.mean(np.logaddexp(0, at) - target * at))

    slope, shift = optimize.minimize(loss, [1.0, 0.0]).x
    at = np.array([0.1, 0.5, 0.9])
    best = 1 / (1 + np.exp(-(slope * np.log(at / (1 - at)) + shift)))
    assert platt(confidence, right).apply(at) == pytest.approx(best, abs=0.01)
    assert max(platt(np.array([0.2, 0.8, 0.9]), np.array([False, True, True])).y) < 1
    assert platt(np.array([0.2, 0.8, 0.9]), np.array([True, False, False])).y == pytest.approx(
        [7 / 18] * 65
    )  # a map never falls


def test_isotonic_pools_what_falls() -> None:
    fit = isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1]), knots=4)
    assert fit.y == (0.0, 0.5, 0.5, 1.0)

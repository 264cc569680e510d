"""Mattes against GCA-Matting's scorer (tests/golden), SciPy's filters and hand computation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from skimage.measure import label

from golden import golden
from plantain.errors import UsageError
from plantain.eval.metrics.mattes import SIGMA, Mattes, steepness

OFFICIAL = 1e-6  # relative: upstream counts in float32 (design 3 allows 1e-4)


def cases() -> tuple[list[Any], list[dict[str, float]]]:
    case, record = golden("matting")
    parts = zip(case["pred"] / 255, case["gt"] / 255, case["trimap"] == 128, strict=True)
    return [(p, (g, u)) for p, g, u in parts], record["results"]["per_image"]


def test_gca_matting() -> None:
    metric = Mattes()
    rows = [metric.measure(*one) for one in cases()[0]]
    for row, official in zip(rows, cases()[1], strict=True):
        scores = metric.reduce([row])
        for name in ("sad", "mse", "grad", "conn"):
            assert scores[name] == pytest.approx(official[f"{name}_unknown"], rel=OFFICIAL)
        assert row["n"] / 1000 == official["unknown_px_over_1000"]
        assert scores["mad"] == pytest.approx(official["sad_unknown"] / official["unknown_px_over_1000"], rel=OFFICIAL)
    mean = metric.reduce(rows)["conn"]
    assert mean == pytest.approx(np.mean([one["conn_unknown"] for one in cases()[1]]), rel=OFFICIAL)


def test_float32_mattes_give_the_same_numbers() -> None:
    metric = Mattes()
    for p, (g, u) in cases()[0]:
        single = metric.measure(p.astype(np.float32), (g.astype(np.float32), u))
        assert metric.reduce([single]) == metric.reduce([metric.measure(p, (g, u))])


def test_the_whole_picture_has_more_error_than_its_unknown_region() -> None:
    p, (g, u) = cases()[0][0]
    far = np.argwhere(~u)[0]
    p = p.copy()
    p[tuple(far)] = 1 - g[tuple(far)]
    part, whole = (m.reduce([m.measure(p, (g, u))]) for m in (Mattes(), Mattes("whole")))
    assert whole["sad"] == pytest.approx(part["sad"] + abs(p - g)[~u].sum() / 1000, rel=1e-12)
    assert whole["sad"] > part["sad"] and whole["grad"] > part["grad"]
    assert Mattes("whole").measure(p, (g, None))["n"] == g.size


def test_steepness_is_that_of_scipys_filters() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = np.arange(-4, 5)
    bell = np.exp(-(x**2) / (2 * SIGMA**2))
    kernel = np.outer(bell, -x * bell)
    kernel /= np.sqrt((kernel**2).sum())
    picture = np.random.default_rng(0).uniform(size=(19, 23))
    parts = [ndimage.convolve(picture, k, mode="nearest") for k in (kernel, kernel.T)]
    assert steepness(picture) == pytest.approx(np.hypot(*parts), abs=1e-12)


def slow_levels(p: np.ndarray, g: np.ndarray, background: bool) -> np.ndarray:
    """Each pixel's connected level, by scikit-image's labels."""
    level, staying = np.ones(p.shape), np.ones(p.shape, bool)
    for i in range(1, 11):
        numbers = label((p >= i / 10) & (g >= i / 10), connectivity=1)
        area = np.bincount(numbers.ravel())
        area[0] *= background
        part = (numbers == area.argmax()) if area.any() else np.zeros_like(staying)
        level[staying & ~part] = (i - 1) / 10
        staying &= part
    return level


@pytest.mark.parametrize("largest", ["any", "foreground"])
def test_connected_parts_are_those_of_scikit_image(largest: Any) -> None:
    rng = np.random.default_rng(1)
    p, g = rng.uniform(0.3, 1, (2, 30, 40))
    level = slow_levels(p, g, largest == "any")
    out = [np.where(a - level >= 0.15, a - level, 0) for a in (p, g)]
    row = Mattes("whole", levels=0, largest=largest).measure(p, (g, None))
    assert row["sums"][3] == pytest.approx(np.abs(out[0] - out[1]).sum(), rel=1e-9)
    assert row["sums"][3] > 0


def test_a_speck_apart_is_unconnected() -> None:
    truth = np.zeros((9, 9))
    truth[1:7, 1:8] = 1.0  # 42 of 81 pixels: more than the background
    pred = truth.copy()
    pred[8, 8] = 0.5
    row = Mattes("whole", levels=0, largest="foreground").measure(pred, (truth, None))
    assert row["sums"].tolist()[:2] == [0.5, 0.25]
    assert row["sums"][3] == pytest.approx(0.5)  # its level is 0, so all of it stands out


def test_an_equal_matte_has_no_error_and_rows_survive_json() -> None:
    metric = Mattes()
    rows = [metric.measure(g, (g, u)) for _, (g, u) in cases()[0]]
    assert set(metric.reduce(rows).values()) == {0.0}
    rows = [metric.measure(*one) for one in cases()[0]]
    kept = [json.loads(json.dumps({k: v.tolist() for k, v in row.items()})) for row in rows]
    assert metric.reduce(kept) == metric.reduce(rows)
    assert all(np.isnan(v) for v in metric.reduce([]).values())


def test_what_cannot_be_scored_is_refused() -> None:
    p, (g, u) = cases()[0][0]
    with pytest.raises(UsageError, match="bring the answer to the truth's size"):
        Mattes().measure(p[1:], (g, u))
    with pytest.raises(UsageError, match="no trimap came with this truth"):
        Mattes().measure(p, (g, None))
    with pytest.raises(UsageError, match="no undecided pixel"):
        Mattes().measure(p, (g, np.zeros_like(u)))
    with pytest.raises(UsageError, match=r"values outside 0\.\.1"):
        Mattes().measure(p * 255, (g, u))
    with pytest.raises(UsageError, match=r"values outside 0\.\.1"):
        Mattes().measure(p * np.nan, (g, u))

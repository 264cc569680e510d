"""Angular errors against the scorers of DSINE and Marigold (tests/golden), and by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.errors import UsageError
from plantain.eval.metrics.normals import BIN, FIGURES, NormalsMetric, pooled_median

FLOAT32 = 2e-5  # relative: upstream counts in float32
SHARE = 1e-9  # per cent: counts of pixels
LAST = 1.1e-4  # degrees: Marigold rounds to four digits what it counted in float32

SHARES = ("under_5", "under_7.5", "under_11.25", "under_22.5", "under_30")
DSINE = {"mean": "mean", "median": "median", "rmse": "rmse"} | {f: f"a{i + 1}" for i, f in enumerate(SHARES)}
MARIGOLD = {f: f"{f}_angular_error" for f in ("mean", "median", "rmse")} | {
    f: f"{f.replace('under_', 'sub').replace('.', '_')}_error" for f in SHARES
}


def rows_of(metric: NormalsMetric, case: Any, valid: np.ndarray) -> list[Any]:
    last = [np.ascontiguousarray(np.moveaxis(case[k], 1, -1)) for k in ("pred", "gt")]
    return [metric.measure(p, (g, v)) for p, g, v in zip(*last, valid, strict=True)]


def agree(scores: dict[str, float], official: dict[str, float], names: dict[str, str], **degrees: float) -> None:
    assert set(scores) == set(names) and len(official) == len(names)
    for ours, theirs in names.items():
        if ours in SHARES:
            assert 100 * scores[ours] == pytest.approx(official[theirs], abs=SHARE)
        else:
            absolute = degrees.get(ours, 0)
            assert scores[ours] == pytest.approx(official[theirs], rel=0 if absolute else FLOAT32, abs=absolute)


def test_dsine() -> None:
    case, record = golden("normals_dsine")
    official, metric = record["results"], NormalsMetric()
    rows = rows_of(metric, case, case["mask"])
    agree(metric.reduce(rows), official["pooled"], DSINE, median=BIN)
    agree(NormalsMetric("pictures").reduce(rows), official["mean_of_per_image"], DSINE)
    for row, one in zip(rows, official["per_image"], strict=True):
        agree(NormalsMetric("pictures").reduce([row]), one, DSINE)


def test_marigold_rounds_each_picture() -> None:
    case, record = golden("normals_marigold")
    official, metric = record["results"], NormalsMetric("pictures", digits=4)
    rows = rows_of(metric, case, np.abs(case["gt"]).sum(1) > 0)
    agree(metric.reduce(rows), official["mean"], MARIGOLD, median=LAST, mean=LAST, rmse=LAST)
    for row, one in zip(rows, official["per_image"], strict=True):
        agree(metric.reduce([row]), one, MARIGOLD, median=LAST, mean=LAST, rmse=LAST)


def test_rows_are_small_and_survive_json() -> None:
    case, _ = golden("normals_dsine")
    metric = NormalsMetric()
    rows = rows_of(metric, case, case["mask"])
    kept = [json.loads(json.dumps({k: np.asarray(v).tolist() for k, v in row.items()})) for row in rows]
    assert metric.reduce(kept) == metric.reduce(rows)
    assert sum(len(row["bins"]) for row in rows) < sum(row["sums"][0] for row in rows)


def test_pooled_median_is_within_a_bin() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.uniform(0, 20, 501), rng.uniform(5, 90, 300), np.array([7.0])]
    rows = []
    for part in parts:
        index, count = np.unique((part / BIN).astype(int), return_counts=True)
        rows.append({"bins": index, "counts": count})
    assert pooled_median(rows) == pytest.approx(np.median(np.concatenate(parts)), abs=BIN)


def test_known_angles() -> None:
    truth = np.zeros((1, 4, 3))
    truth[..., 2] = 1
    pred = np.array([[[0, 0, 5.0], [0, 1, 1.0], [0, 0, -0.5], [0, 0, 0.0]]])  # 0, 45, 180 and, of no length, 90 degrees
    known = np.array([[True, True, True, False]])
    scores = NormalsMetric().reduce([NormalsMetric().measure(pred, (truth, known))])
    assert scores["mean"] == pytest.approx(75) and scores["rmse"] == pytest.approx(((45**2 + 180**2) / 3) ** 0.5)
    assert scores["median"] == pytest.approx(45, abs=BIN) and scores["under_30"] == pytest.approx(1 / 3)
    assert NormalsMetric().reduce([NormalsMetric().measure(pred, (truth, ~known))])["mean"] == pytest.approx(90)


def test_what_cannot_be_scored_is_refused() -> None:
    normals, known = np.ones((4, 4, 3)), np.ones((4, 4), bool)
    with pytest.raises(UsageError, match=r"the answer is \(4, 4, 3\), its truth \(2, 4, 3\)"):
        NormalsMetric().measure(normals, (normals[:2], known[:2]))
    with pytest.raises(UsageError, match="no normal of this truth is valid"):
        NormalsMetric().measure(normals, (normals, ~known))
    with pytest.raises(UsageError, match="not finite"):
        NormalsMetric().measure(normals * np.nan, (normals, known))


def test_no_pictures_are_no_figures() -> None:
    scores = NormalsMetric().reduce([])
    assert tuple(scores) == FIGURES and all(np.isnan(v) for v in scores.values())

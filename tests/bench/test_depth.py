"""Depth and normals against the scorers of Marigold, Depth Anything V2, UniDepth, MoGe and DSINE (tests/golden)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.bench.metrics.depth import Boundaries, Depth, cropped
from plantain.bench.metrics.normals import Normals
from plantain.errors import UnknownName, UsageError

FLOAT32 = 2e-5  # relative: upstream counts in float32
ARGMIN = 5e-4  # relative: an exact L1 line in float32 takes another of many nearly equal corners
SOLVED = 2e-4  # relative: UniDepth inverts its normal equations in float32

MARIGOLD = {
    "abs_relative_difference": "abs_rel", "squared_relative_difference": "sq_rel", "rmse_linear": "rmse",
    "rmse_log": "rmse_log", "log10": "log10", "delta1_acc": "delta1", "delta2_acc": "delta2", "delta3_acc": "delta3",
    "i_rmse": "i_rmse", "silog_rmse": "silog",
}  # fmt: skip


def pictures(kind: str) -> tuple[list[tuple[np.ndarray, np.ndarray]], Any]:
    """Pairs of prediction and truth (0 where unknown), of the case that all depth files share."""
    case, _ = golden("depth_marigold")
    truth = np.where(case["mask"], case["gt"], 0).astype(np.float32)
    return list(zip(case[kind], truth, strict=True)), case


@pytest.mark.parametrize(("name", "kind", "alignment"), [
    ("metric_no_alignment", "metric", "none"), ("affine_least_square", "affine", "scale-shift"),
    ("disparity_least_square", "disparity", "disparity"),
])  # fmt: skip
def test_marigold(name: str, kind: str, alignment: str) -> None:
    official = golden("depth_marigold")[1]["results"][name]
    metric = Depth(near=1e-3, far=10.0, alignment=alignment, clip=(1e-3, 10.0))
    rows = [metric.measure(p, g) for p, g in pictures(kind)[0]]
    for theirs, ours in MARIGOLD.items():
        assert metric.reduce(rows)[ours] == pytest.approx(official["mean"][theirs], rel=FLOAT32)
        for row, one in zip(rows, official["per_image"], strict=True):
            assert metric.reduce([row])[ours] == pytest.approx(one[theirs], rel=FLOAT32)


def test_depth_anything_v2() -> None:
    official = golden("depth_anything_v2")[1]["results"]
    metric = Depth(near=0.0, fewest=10)
    rows = [metric.measure(p, g) for p, g in pictures("metric")[0]]
    names = {"d1": "delta1", "d2": "delta2", "d3": "delta3", "silog": "silog_half"}
    for theirs, value in official["mean"].items():
        assert metric.reduce(rows)[names.get(theirs, theirs)] == pytest.approx(value, rel=FLOAT32)
    for row, one in zip(rows, official["per_image"], strict=True):
        for theirs, value in one.items():
            assert metric.reduce([row])[names.get(theirs, theirs)] == pytest.approx(value, rel=FLOAT32)


UNIDEPTH = {"d1": "delta1", "d2": "delta2", "d3": "delta3", "arel": "abs_rel", "sqrel": "sq_rel", "rmse": "rmse",
            "rmselog": "rmse_log", "log10": "log10", "silog": "silog_unbiased", "tau": "tau"}  # fmt: skip


@pytest.mark.parametrize(("suffix", "alignment"), [("", "none"), ("_si", "median"), ("_ssi", "scale-shift")])
def test_unidepth(suffix: str, alignment: str) -> None:
    official = golden("depth_unidepth")[1]["results"]
    metric = Depth(near=0.0, far=10.0, alignment=alignment)
    rows = [metric.measure(p, g) for p, g in pictures("metric")[0]]
    shared = [name for name in UNIDEPTH if name + suffix in official["mean"]]
    assert len(shared) == (10 if not suffix else 3)
    for theirs in shared:
        value = official["mean"][theirs + suffix]
        assert metric.reduce(rows)[UNIDEPTH[theirs]] == pytest.approx(
            value, rel=SOLVED if suffix == "_ssi" else FLOAT32
        )


def test_unidepths_area_and_median() -> None:
    official = golden("depth_unidepth")[1]["results"]["per_image"]
    rows = [Depth(near=0.0, far=10.0).measure(p, g) for p, g in pictures("metric")[0]]
    assert [float(r["auc"]) for r in rows] == pytest.approx(official["d_auc"], rel=FLOAT32)
    assert [100 * float(r["median_log"]) for r in rows] == pytest.approx(official["medianlog"], rel=FLOAT32)


MOGE = [
    ("metric", "depth_metric", "none", 1, FLOAT32),
    ("metric", "depth_scale_invariant", "l1-scale", 1, FLOAT32),
    ("metric", "depth_affine_invariant", "l1-scale-shift", 1, ARGMIN),
    ("metric", "disparity_affine_invariant", "disparity-to-far", -1, FLOAT32),
    ("affine", "depth_affine_invariant", "l1-scale-shift", 1, ARGMIN),
    ("disparity", "disparity_affine_invariant", "disparity-to-far", 1, FLOAT32),
]


@pytest.mark.parametrize(("kind", "name", "alignment", "power", "tolerance"), MOGE)
def test_moge(kind: str, name: str, alignment: str, power: int, tolerance: float) -> None:
    official = golden("depth_moge")[1]["results"][kind]
    metric = Depth(near=0.0, alignment=alignment)
    rows = [metric.measure(p**power, g) for p, g in pictures(kind)[0]]
    for theirs, ours in (("rel", "abs_rel"), ("delta1", "delta1")):
        assert metric.reduce(rows)[ours] == pytest.approx(official["mean"][f"{name}/{theirs}"], rel=tolerance)
        for row, one in zip(rows, official["per_image"], strict=True):
            assert metric.reduce([row])[ours] == pytest.approx(one[name][theirs], rel=tolerance)


@pytest.mark.parametrize("radius", [1, 2, 3])
@pytest.mark.parametrize(("kind", "alignment", "tolerance"), [
    ("metric", "none", FLOAT32), ("affine", "l1-scale-shift", ARGMIN), ("disparity", "disparity", FLOAT32),
])  # fmt: skip
def test_moges_boundaries(kind: str, alignment: str, tolerance: float, radius: int) -> None:
    official, metric = golden("depth_moge")[1]["results"][kind], Boundaries(radius, alignment)
    rows = [metric.measure(p, g) for p, g in pictures(kind)[0]]
    value = official["mean"][f"boundary/radius{radius}_f1"]
    assert metric.reduce(rows)["boundary_f1"] == pytest.approx(value, rel=tolerance)


def test_pooled_and_by_picture_differ_as_they_should() -> None:
    few, many = np.full((1, 2), 2.0, np.float32), np.full((1, 8), 2.0, np.float32)
    by_picture, pooled = Depth(), Depth(over="pixels")
    rows = [by_picture.measure(few * 2, few), by_picture.measure(many, many)]
    assert (by_picture.reduce(rows)["delta1"], pooled.reduce(rows)["delta1"]) == (0.5, 0.8)


def test_crops_are_the_official_ones() -> None:
    assert cropped("nyu-eigen", (480, 640)) == (slice(45, 471), slice(41, 601))
    assert cropped("kitti-eigen", (352, 1216)) == (slice(117, 321), slice(43, 1172))
    assert cropped("kitti-garg", (375, 1242)) == (slice(153, 371), slice(44, 1197))
    with pytest.raises(UnknownName, match="unknown crop 'eigen'"):
        cropped("eigen", (480, 640))


def test_what_cannot_be_scored_is_refused() -> None:
    ones = np.ones((4, 4), np.float32)
    with pytest.raises(UsageError, match="no pixel of this truth is valid"):
        Depth(far=0.5).measure(ones, ones)
    with pytest.raises(UnknownName, match="unknown alignment 'magic'"):
        Depth(alignment="magic").measure(ones, ones)


def last(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(planes, 0, -1))


SHARES = {"under_5": 0, "under_7.5": 1, "under_11.25": 2, "under_22.5": 3, "under_30": 4}


@pytest.mark.parametrize(("over", "part"), [("pixels", "pooled"), ("pictures", "mean_of_per_image")])
def test_dsine(over: Any, part: str) -> None:
    case, record = golden("normals_dsine")
    official, metric = record["results"][part], Normals(over)
    rows = [
        metric.measure(last(p), (last(g), m)) for p, g, m in zip(case["pred"], case["gt"], case["mask"], strict=True)
    ]
    scores = metric.reduce(rows)
    assert scores["mean"] == pytest.approx(official["mean"], rel=FLOAT32)
    assert scores["rmse"] == pytest.approx(official["rmse"], rel=FLOAT32)
    assert scores["median"] == pytest.approx(official["median"], abs=0.005)  # half a bin of the histogram
    for name, i in SHARES.items():
        assert 100 * scores[name] == pytest.approx(official[f"a{i + 1}"], abs=1e-9)


def test_marigolds_normals() -> None:
    case, record = golden("normals_marigold")
    official, metric = record["results"]["mean"], Normals("pictures")
    valid = np.abs(case["gt"]).sum(1) > 0
    rows = [metric.measure(last(p), (last(g), v)) for p, g, v in zip(case["pred"], case["gt"], valid, strict=True)]
    scores = metric.reduce(rows)
    for ours, theirs in (("mean", "mean"), ("median", "median"), ("rmse", "rmse")):
        assert scores[ours] == pytest.approx(official[f"{theirs}_angular_error"], abs=1e-4)  # rounded to 4 decimals
    for name, theirs in zip(SHARES, ("sub5", "sub7_5", "sub11_25", "sub22_5", "sub30"), strict=True):
        assert 100 * scores[name] == pytest.approx(official[f"{theirs}_error"], abs=1e-4)

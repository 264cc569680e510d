"""Depth against the scorers of Marigold, Depth Anything V2, UniDepth and MoGe (tests/golden), and by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.errors import UnknownName, UsageError
from plantain.eval.metrics.alignment import ALIGNMENTS
from plantain.eval.metrics.depth import CROPS, Boundaries, DepthMetric, cropped, sample

FLOAT32 = 2e-5  # relative: upstream counts in float32
SOLVED = 5e-4  # relative: UniDepth inverts its normal equations in float32 (in float64 it gives what we give)

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
    metric = DepthMetric(near=1e-3, far=10.0, alignment=alignment, clip=(1e-3, 10.0))
    rows = [metric.measure(p, g) for p, g in pictures(kind)[0]]
    assert set(official["mean"]) == set(MARIGOLD)
    for theirs, ours in MARIGOLD.items():
        assert metric.reduce(rows)[ours] == pytest.approx(official["mean"][theirs], rel=FLOAT32)
        for row, one in zip(rows, official["per_image"], strict=True):
            assert metric.reduce([row])[ours] == pytest.approx(one[theirs], rel=FLOAT32)


@pytest.mark.parametrize(("kind", "name", "alignment"), [
    ("affine", "affine_least_square", "scale-shift"), ("disparity", "disparity_least_square", "disparity"),
])  # fmt: skip
def test_marigolds_lines(kind: str, name: str, alignment: str) -> None:
    official = golden("depth_marigold")[1]["results"][name]["scale_shift"]
    for (p, g), (scale, shift) in zip(pictures(kind)[0], official, strict=True):
        where = (g > 1e-3) & (g < 10)
        ends = ALIGNMENTS[alignment](p[where].astype(float), g[where].astype(float))(np.array([1.0, 2.0]))
        ends = 1 / ends if kind == "disparity" else ends
        assert ends == pytest.approx([scale + shift, 2 * scale + shift], rel=FLOAT32)


def test_depth_anything_v2() -> None:
    official = golden("depth_anything_v2")[1]["results"]
    metric = DepthMetric(near=1e-3, far=20.0, inclusive=True, fewest=10)
    rows = [metric.measure(p, g) for p, g in pictures("metric")[0]]
    names = {"d1": "delta1", "d2": "delta2", "d3": "delta3", "silog": "silog_half"}
    for theirs, value in official["mean"].items():
        assert metric.reduce(rows)[names.get(theirs, theirs)] == pytest.approx(value, rel=FLOAT32)
    for row, one in zip(rows, official["per_image"], strict=True):
        for theirs, value in one.items():
            assert metric.reduce([row])[names.get(theirs, theirs)] == pytest.approx(value, rel=FLOAT32)


UNIDEPTH = {"d1": "delta1", "d2": "delta2", "d3": "delta3", "arel": "abs_rel", "sqrel": "sq_rel", "rmse": "rmse",
            "rmselog": "rmse_log", "log10": "log10", "silog": "silog_unbiased", "tau": "tau", "d_auc": "d_auc",
            "medianlog": "median_log"}  # fmt: skip


@pytest.mark.parametrize(("suffix", "alignment", "figures", "tolerance"), [
    ("", "none", 12, FLOAT32), ("_si", "median", 3, FLOAT32), ("_ssi", "scale-shift", 3, SOLVED),
])  # fmt: skip
def test_unidepth(suffix: str, alignment: str, figures: int, tolerance: float) -> None:
    official = golden("depth_unidepth")[1]["results"]
    metric = DepthMetric(near=0.0, far=10.0, alignment=alignment)
    rows = [metric.measure(p, g) for p, g in pictures("metric")[0]]
    shared = [name for name in UNIDEPTH if name + suffix in official["mean"]]
    assert len(shared) == figures and len(official["mean"]) == 18
    for theirs in shared:
        ours = UNIDEPTH[theirs]
        assert metric.reduce(rows)[ours] == pytest.approx(official["mean"][theirs + suffix], rel=tolerance)
        each = [metric.reduce([row])[ours] for row in rows]
        may_cross = tolerance == SOLVED and theirs in ("d1", "tau")  # one pixel, the limit that is counted
        pixel = 1 / min(row["n"] for row in rows) if may_cross else 0
        assert each == pytest.approx(official["per_image"][theirs + suffix], rel=tolerance, abs=pixel)


MOGE = [
    ("metric", "depth_metric", "none", 1),
    ("metric", "depth_scale_invariant", "l1-scale", 1),
    ("metric", "depth_affine_invariant", "l1-scale-shift", 1),
    ("metric", "disparity_affine_invariant", "disparity-to-far", -1),
    ("affine", "depth_affine_invariant", "l1-scale-shift", 1),
    ("disparity", "disparity_affine_invariant", "disparity-to-far", 1),
]


@pytest.mark.parametrize(("kind", "name", "alignment", "power"), MOGE)
def test_moge(kind: str, name: str, alignment: str, power: int) -> None:
    official = golden("depth_moge")[1]["results"][kind]
    metric = DepthMetric(near=0.0, alignment=alignment)
    rows = [metric.measure(p**power, g) for p, g in pictures(kind)[0]]
    for theirs, ours in (("rel", "abs_rel"), ("delta1", "delta1")):
        assert metric.reduce(rows)[ours] == pytest.approx(official["mean"][f"{name}/{theirs}"], rel=FLOAT32)
        for row, one in zip(rows, official["per_image"], strict=True):
            assert metric.reduce([row])[ours] == pytest.approx(one[name][theirs], rel=FLOAT32)


def test_all_of_moges_figures_are_compared() -> None:
    official = golden("depth_moge")[1]["results"]
    compared = {(kind, f"{name}/{figure}") for kind, name, *_ in MOGE for figure in ("rel", "delta1")}
    compared |= {(kind, f"boundary/radius{radius}_f1") for kind in official for radius in (1, 2, 3)}
    assert compared == {(kind, figure) for kind, one in official.items() for figure in one["mean"]}


@pytest.mark.parametrize(("kind", "alignment"), [
    ("metric", "none"), ("affine", "l1-scale-shift"), ("disparity", "disparity"),
])  # fmt: skip
def test_moges_boundaries(kind: str, alignment: str) -> None:
    official = golden("depth_moge")[1]["results"][kind]
    for radius in (1, 2, 3):
        metric, name = Boundaries(radius, alignment), f"radius{radius}_f1"
        rows = [metric.measure(p, g) for p, g in pictures(kind)[0]]
        mean = metric.reduce(rows)["boundary_f1"]
        assert mean == pytest.approx(official["mean"][f"boundary/{name}"], rel=FLOAT32)
        each = [metric.reduce([row])["boundary_f1"] for row in rows]
        assert each == pytest.approx([one["boundary"][name] for one in official["per_image"]], rel=FLOAT32)


def slow_sample(valid: np.ndarray, side: int) -> list[int]:
    """Cell by cell."""
    h, w = valid.shape
    chosen = []
    for i in range(side):
        for j in range(side):
            inside = [
                ((y + 0.5 - (i + 0.5) * h / side) ** 2 + (x + 0.5 - (j + 0.5) * w / side) ** 2, y * w + x)
                for y, x in np.argwhere(valid)
                if i * h < (y + 0.5) * side <= (i + 1) * h and j * w < (x + 0.5) * side <= (j + 1) * w
            ]
            chosen += [min(inside)[1]] if inside else []
    return chosen


@pytest.mark.parametrize("size", [(8, 8), (4, 12), (19, 7), (16, 24)])
def test_samples_lie_nearest_to_the_middle_of_each_cell(size: tuple[int, int]) -> None:
    valid = np.random.default_rng(0).uniform(size=size) < 0.7
    assert sample(valid, 8).tolist() == slow_sample(valid, 8)


def test_pooled_and_by_picture_differ_as_they_should() -> None:
    few, many = np.full((1, 2), 2.0, np.float32), np.full((1, 8), 2.0, np.float32)
    by_picture, pooled = DepthMetric(), DepthMetric(over="pixels")
    rows = [by_picture.measure(few * 2, few), by_picture.measure(many, many)]
    assert (by_picture.reduce(rows)["delta1"], pooled.reduce(rows)["delta1"]) == (0.5, 0.8)
    assert by_picture.reduce(rows)["rmse"] == pytest.approx(1.0)
    assert pooled.reduce(rows)["rmse"] == pytest.approx((2 * 4 / 10) ** 0.5)
    assert pooled.reduce(rows).keys() == by_picture.reduce(rows).keys()
    assert np.isnan(pooled.reduce(rows)["d_auc"]) and np.isnan(pooled.reduce(rows)["median_log"])


def test_silog_by_name() -> None:
    """ln pred - ln truth is 0 and .2: mean .1, mean of squares .02."""
    truth = np.array([[1.0, 1.0]])
    metric = DepthMetric()
    scores = metric.reduce([metric.measure(np.exp([[0.0, 0.2]]), truth)])
    assert scores["silog_eigen"] == pytest.approx(0.1)
    assert scores["silog"] == pytest.approx(10.0)
    assert scores["silog_unbiased"] == pytest.approx(10.0 * 2**0.5)
    assert scores["silog_half"] == pytest.approx((0.02 - 0.5 * 0.01) ** 0.5)


def test_crops_are_the_official_ones() -> None:
    assert cropped("none", (3, 5)) == (slice(0, 3), slice(0, 5))
    assert cropped("nyu-eigen", (480, 640)) == (slice(45, 471), slice(41, 601))
    assert cropped("nyu-eigen", (240, 320)) == (slice(22, 236), slice(20, 300))
    assert cropped("kitti-eigen", (352, 1216)) == (slice(117, 321), slice(43, 1172))
    with pytest.raises(UnknownName, match="unknown crop 'eigen'"):
        cropped("eigen", (480, 640))


def test_kittis_crop_comes_before_its_mask() -> None:
    """375 x 1242: the benchmark crop is rows 23:375, columns 13:1229; the mask's shares are shares of it."""
    size = (375, 1242)
    assert cropped("kitti-benchmark", size) == (slice(23, 375), slice(13, 1229))
    assert cropped("kitti-eigen", size) == (slice(23 + 117, 23 + 321), slice(13 + 43, 13 + 1172))
    assert cropped("kitti-garg", size) == (slice(23 + 143, 23 + 349), slice(13 + 43, 13 + 1172))
    assert cropped("kitti-garg-whole", size) == (slice(153, 371), slice(44, 1197))
    assert cropped("kitti-eigen-whole", size) == (slice(124, 342), slice(44, 1197))
    assert cropped("kitti-garg-whole", (194, 640)) == (slice(79, 192), slice(23, 616))
    with pytest.raises(UsageError, match="begins with 352 x 1216 pixels and this truth has 194 x 640"):
        cropped("kitti-garg", (194, 640))


@pytest.mark.parametrize("crop", CROPS)
def test_only_the_crop_counts(crop: str) -> None:
    truth = np.full((375, 1242), 5.0, np.float32)
    pred = np.full_like(truth, 50.0)
    pred[cropped(crop, truth.shape)] = 5.0
    metric = DepthMetric(crop=crop)
    rows = [metric.measure(pred, truth)]
    where = cropped(crop, truth.shape)
    assert metric.reduce(rows)["delta1"] == 1 and metric.reduce(rows)["rmse"] == 0
    assert rows[0]["n"] == truth[where].size


def test_ends_of_the_range() -> None:
    truth = np.array([[1.0, 2.0, 10.0, np.nan, 0.0, np.inf]])
    assert DepthMetric(near=1.0, far=10.0).measure(truth, truth)["n"] == 1
    assert DepthMetric(near=1.0, far=10.0, inclusive=True).measure(truth, truth)["n"] == 3
    assert DepthMetric(near=0.0, inclusive=True).measure(truth, truth)["n"] == 3  # 0 is no depth


def test_clip_comes_after_alignment() -> None:
    truth, pred = np.array([[1.0, 2.0, 4.0]]), np.array([[10.0, 20.0, 80.0]])
    metric = DepthMetric(alignment="median", clip=(1.5, 5.0))  # times .1: 1, 2, 8, then 1.5, 2, 5
    scores = metric.reduce([metric.measure(pred, truth)])
    assert scores["abs_rel"] == pytest.approx((0.5 + 0 + 0.25) / 3)


@pytest.mark.parametrize("alignment", [a for a in ALIGNMENTS if a != "none"])
def test_alignments_undo_what_they_may(alignment: str) -> None:
    truth = 1 + 4 * np.random.default_rng(0).uniform(size=(40, 50))
    given = 1 / truth if alignment.startswith("disparity") else truth
    pred = given * 0.3 + (0.7 if "shift" in alignment or alignment.startswith("disparity") else 0)
    metric = DepthMetric(alignment=alignment)
    assert metric.reduce([metric.measure(pred, truth)])["abs_rel"] < 1e-9


def test_rows_survive_json() -> None:
    metric = DepthMetric(near=0.0, far=10.0)
    rows = [metric.measure(p, g) for p, g in pictures("metric")[0]]
    kept = [json.loads(json.dumps({k: np.asarray(v).tolist() for k, v in row.items()})) for row in rows]
    assert metric.reduce(kept) == metric.reduce(rows)


def test_pictures_with_too_few_pixels_are_left_out_by_name_only() -> None:
    good, sparse = np.ones((4, 4)), np.zeros((4, 4))
    sparse[0, :3] = 1
    metric = DepthMetric(fewest=10)
    rows = [metric.measure(good, good), metric.measure(good * 9, sparse)]
    assert metric.reduce(rows)["abs_rel"] == 0
    assert DepthMetric().reduce([DepthMetric().measure(good * 9, sparse)])["abs_rel"] == 8
    assert all(np.isnan(v) for v in metric.reduce(rows[1:]).values())
    assert metric.reduce([]).keys() == metric.reduce(rows).keys() and np.isnan(metric.reduce([])["delta1"])


def test_what_cannot_be_scored_is_refused() -> None:
    ones = np.ones((4, 4), np.float32)
    with pytest.raises(UsageError, match="no pixel of this truth is valid"):
        DepthMetric(far=0.5).measure(ones, ones)
    with pytest.raises(UsageError, match="no pixel of this truth is valid"):
        Boundaries().measure(ones, ones * 0)
    with pytest.raises(UsageError, match="bring the answer to the truth's size"):
        DepthMetric().measure(ones, ones[1:])
    with pytest.raises(UsageError, match="bring the answer to the truth's size"):
        Boundaries().measure(ones, ones[1:])
    with pytest.raises(UsageError, match="not finite at 16 of 16 valid pixels"):
        DepthMetric().measure(ones * np.nan, ones)
    with pytest.raises(UnknownName, match="unknown alignment 'magic'"):
        DepthMetric(alignment="magic").measure(ones, ones)


def test_boundaries_by_hand() -> None:
    """One column is 10 % farther than the next: an edge at the levels up to .1, of ten from .05 to .25."""
    truth = np.where(np.arange(6) < 3, 1.1, 1.0) * np.ones((5, 1))
    flat = np.ones((5, 6))
    metric = Boundaries()
    assert metric.reduce([metric.measure(truth * 7, truth)])["boundary_f1"] == pytest.approx(
        np.linspace(0.05, 0.25, 10)[:3].sum() / np.linspace(0.05, 0.25, 10).sum()
    )
    assert metric.reduce([metric.measure(flat, truth)])["boundary_f1"] == 0

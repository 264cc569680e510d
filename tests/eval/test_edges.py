"""Edges against the BSDS500 scorer (tests/golden), scikit-image's thinning, and matchings counted another way."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import thin as reference_thin

from golden import golden
from plantain.errors import UsageError
from plantain.eval.metrics.edges import FIGURES, EdgeMetric, PrecisionRecall, matching, partners, suppressed, thin

RECALL, PRECISION = 0.002, 0.01  # relative, of counts: the official matcher is random (design 3)
EXACT = 1e-12
PARTS = ("count_r", "sum_r", "count_p", "sum_p")
PROTOCOLS = pytest.mark.parametrize("max_dist", [0.0075, 0.02])


@cache
def official() -> tuple[Any, dict[str, Any]]:
    case, record = golden("edges_bsds")
    return case, record["results"]


def official_counts(max_dist: float) -> np.ndarray:
    images = official()[1][f"thresholds_33_maxdist_{max_dist}"]["per_image_counts"]
    return np.array([[one[part] for part in PARTS] for one in images], float)


@cache
def our_counts(max_dist: float) -> np.ndarray:
    case, metric = official()[0], EdgeMetric(thresholds=33, max_dist=max_dist, thinning="hasty")
    return np.array([metric.measure(p / 255, g)["counts"] for p, g in zip(case["pred"], case["gt"], strict=True)])


@PROTOCOLS
def test_counts_of_pixels(max_dist: float) -> None:
    ours, theirs = our_counts(max_dist), official_counts(max_dist)
    assert (ours[:, [1, 3]] == theirs[:, [1, 3]]).all()
    found = ours[:, 0] - theirs[:, 0]
    assert found.min() >= 0  # ours is the largest matching there is
    assert found.max() <= 3  # one more for each of three annotators
    found, right = (ours[:, i].sum(0) / theirs[:, i].sum(0) - 1 for i in (0, 2))  # at each threshold, of all pictures
    assert np.abs(found).max() <= RECALL
    assert np.abs(right).max() <= PRECISION
    assert np.abs(ours[:, 2] - theirs[:, 2]).max() <= 10  # which pixel is matched is a free choice


def check_scores(scores: dict[str, float], one: dict[str, Any], tolerance: float) -> None:
    names = {f"ods_{k}": ("ODS", k) for k in ("threshold", "recall", "precision")} | {"ods": ("ODS", "f1")}
    names |= {"ois": ("OIS", "f1"), "ois_recall": ("OIS", "recall"), "ois_precision": ("OIS", "precision")}
    for ours, (part, theirs) in names.items():
        assert scores[ours] == pytest.approx(one[part][theirs], rel=tolerance)
    assert scores["ods_on_grid"] == pytest.approx(one["ODS_f1_without_interpolation"], rel=tolerance)
    assert scores["area_pr"] == pytest.approx(one["area_pr"], rel=tolerance)
    assert scores["ap_monotone"] == pytest.approx(one["AP_101_step"], rel=tolerance)


@PROTOCOLS
def test_scores_of_the_official_counts(max_dist: float) -> None:
    metric, one = EdgeMetric(thresholds=33), official()[1][f"thresholds_33_maxdist_{max_dist}"]
    counts = official_counts(max_dist)
    check_scores(metric.reduce([{"counts": c} for c in counts]), one, EXACT)
    curve = PrecisionRecall.of(counts.sum(0))
    assert curve.recall == pytest.approx(one["recall"], rel=EXACT)
    assert curve.precision == pytest.approx(one["precision"], rel=EXACT)


@PROTOCOLS
def test_scores_of_our_counts(max_dist: float) -> None:
    one = official()[1][f"thresholds_33_maxdist_{max_dist}"]
    check_scores(EdgeMetric(thresholds=33).reduce([{"counts": c} for c in our_counts(max_dist)]), one, 0.003)


def test_probes() -> None:
    case, results = official()
    assert np.hypot(*case["gt"].shape[2:]) == pytest.approx(results["diagonal"], rel=EXACT)
    more, probes = 0, results["match_probes_pred_ge_128_thinned"]
    for one in probes:
        thinned = thin(case["pred"][one["image"]][None] >= 128)
        truth = case["gt"][one["image"], one["annotator"]]
        assert (thinned.sum(), truth.sum()) == (one["n_pred"], one["n_gt"])
        pairs = partners(thinned, truth, one["max_dist"] * results["diagonal"])[0].sum()
        assert one["matched_pred"] == one["matched_gt"]
        assert 0 <= pairs - one["matched_pred"] <= 1
        more += int(pairs > one["matched_pred"])
    assert (more, len(probes)) == (2, 36)  # the official matching is not the largest in two


def test_repeats_of_the_official_matcher() -> None:
    case, results = official()
    maps = {level: thin(case["pred"] >= level) for level in (60, 100, 128)}
    sums = [[int(maps[level][i].sum()) for level in maps] for i in range(3)]
    assert sums == results["thinned_pixels_pred_ge_60_100_128"]
    found, right = 0, 0
    for one, annotators in zip(maps[60], case["gt"], strict=True):
        hits = [partners(one[None], truth, 0.0075 * results["diagonal"])[0] for truth in annotators]
        found, right = found + int(np.sum(hits)), right + int(np.any(hits, axis=0).sum())
    repeats = np.array(results["repeat_5x_recall_and_precision_counts_pred_ge_60"])
    assert found == repeats[:, 0].max()
    assert right == pytest.approx(repeats[:, 1].mean(), rel=PRECISION)


def blobs(density: float, cell: int, seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(size=(-(-47 // cell), -(-53 // cell))) < density
    return np.kron(coarse, np.ones((cell, cell), bool))[:47, :53]


@pytest.mark.parametrize("cell", [1, 3, 7])
def test_thinning_equals_scikit_image(cell: int) -> None:
    maps = np.array([blobs(d, cell) for d in (0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 0.99, 1.0)])
    assert (thin(maps) == np.array([reference_thin(m) for m in maps])).all()


@given(st.integers(1, 9), st.integers(1, 9), st.data())
@settings(max_examples=60)
def test_thinning_of_small_maps(h: int, w: int, data: st.DataObject) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=h * w, max_size=h * w))
    one = np.array(bits).reshape(h, w)
    assert (thin(one[None])[0] == reference_thin(one)).all()


def test_hasty_thinning_stops_at_the_first_pause() -> None:
    corner = np.zeros((5, 5), bool)
    corner[1, 2] = corner[2, 2] = corner[2, 3] = True  # only the second half step takes (2, 2) away
    assert not thin(corner[None])[0, 2, 2] and thin(corner[None], hasty=True)[0, 2, 2]
    both = np.array([corner, np.ones((5, 5), bool)])  # what the others do does not matter
    assert (thin(both, hasty=True)[0] == corner).all() and (thin(both)[1] == reference_thin(both[1])).all()


def largest(arcs: set[tuple[int, int]], left: int) -> int:
    """Kuhn's algorithm: one node after the other looks for a partner."""
    heads = [[b for a, b in sorted(arcs) if a == node] for node in range(left)]
    owner: dict[int, int] = {}

    def place(node: int, tried: set[int]) -> bool:
        for head in heads[node]:
            if head not in tried:
                tried.add(head)
                if head not in owner or place(owner[head], tried):
                    owner[head] = node
                    return True
        return False

    return sum(place(node, set()) for node in range(left))


@given(st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=50))
def test_matchings_are_the_largest(arcs: set[tuple[int, int]]) -> None:
    groups = [(np.array([a]), np.array([b])) for a, b in arcs]
    to = matching(groups, 12, 12)
    pairs = [(a, int(b)) for a, b in enumerate(to) if b >= 0]
    assert len(pairs) == largest(arcs, 12)
    assert set(pairs) <= arcs and len({b for _, b in pairs}) == len(pairs)


def test_a_long_chain_is_shifted() -> None:
    """Left i may take right i - 1 or i, the nearer first; one left node more than the greedy start can place."""
    n = 200
    i = np.arange(n)
    to = matching([(i[1:], i[1:] - 1), (i, i)], n, n)
    assert to.tolist() == i.tolist()  # the greedy start had taken i - 1 for all but the first


def test_pairs_are_near_one_to_one_and_nearest_first() -> None:
    painted, truth = np.zeros((1, 9, 9), bool), np.zeros((9, 9), bool)
    painted[0, 4, 2] = painted[0, 4, 4] = True
    truth[4, 5] = True
    assert partners(painted, truth, 3.0)[0].tolist() == [False, True]  # both could be matched: the nearer is
    assert partners(painted, truth, 0.9)[0].tolist() == [False, False]
    truth[4, 3] = True
    assert partners(painted, truth, 1.0)[0].tolist() == [True, True]


def test_rows_survive_json_and_empty_maps_count_as_nothing_found() -> None:
    case = official()[0]
    metric = EdgeMetric(thresholds=9)
    rows = [metric.measure(p / 255, g) for p, g in zip(case["pred"], case["gt"], strict=True)]
    kept = [json.loads(json.dumps({k: v.tolist() for k, v in row.items()})) for row in rows]
    assert metric.reduce(kept) == metric.reduce(rows)
    nothing = metric.measure(np.zeros((81, 121)), case["gt"][0])
    assert nothing["counts"][[0, 2, 3]].sum() == 0
    assert metric.reduce([nothing])["ods"] == 0
    assert metric.reduce([*rows, nothing])["ods_recall"] < metric.reduce(rows)["ods_recall"]
    assert tuple(metric.reduce([])) == FIGURES and np.isnan(metric.reduce([])["ods"])


def test_the_truth_itself_is_found() -> None:
    truth = thin(official()[0]["gt"][0][:1])
    scores = EdgeMetric(thresholds=5).reduce([EdgeMetric(thresholds=5).measure(truth[0].astype(np.float32), truth)])
    assert {scores[f] for f in ("ods", "ois", "ods_precision", "ods_recall")} == {1.0}


def test_strengths_are_rounded_to_eight_bits() -> None:
    """An official file holds .199 as 51, and 51 / 255 is threshold .2."""
    line = np.zeros((9, 9), np.float32)
    line[4] = 0.199
    painted = [
        EdgeMetric(thresholds=4, levels=n).measure(line, (line > 0)[None])["counts"][3].tolist() for n in (255, 0)
    ]
    assert painted == [[9, 0, 0, 0], [0, 0, 0, 0]]


def test_the_best_f_lies_between_thresholds() -> None:
    threshold, recall, precision, f1 = PrecisionRecall(np.array([0.9, 0.1]), np.array([0.1, 0.9])).between(
        np.array([0.2, 0.6])
    )
    assert f1 == pytest.approx(0.5, abs=1e-4) and threshold == pytest.approx(0.4, abs=0.4 / 99)
    assert recall + precision == pytest.approx(1)


def test_an_annotator_who_drew_nothing_adds_nothing() -> None:
    case, metric = official()[0], EdgeMetric(thresholds=5)
    some = metric.measure(case["pred"][0] / 255, case["gt"][0])
    more = metric.measure(case["pred"][0] / 255, np.append(case["gt"][0], np.zeros((1, 81, 121), bool), axis=0))
    assert (some["counts"] == more["counts"]).all()


def test_curve_by_hand() -> None:
    curve = PrecisionRecall(np.array([0.8, 0.4, 0.2]), np.array([0.4, 0.6, 1.0]))
    assert curve.r50() == pytest.approx(0.6)  # half way between the first two
    assert curve.area() == pytest.approx(
        0.01 * (np.interp(np.arange(20, 81) / 100, [0.2, 0.4, 0.8], [1, 0.6, 0.4]).sum())
    )
    assert curve.monotone() == pytest.approx((21 * 1.0 + 20 * 0.6 + 40 * 0.4) / 101)
    assert np.isnan(PrecisionRecall(np.array([0.5, 0.4]), np.array([0.1, 0.3])).r50())


def test_suppression_leaves_ridges() -> None:
    x = np.arange(60)
    ridge = np.tile(np.exp(-((x - 30) ** 2) / 18), (40, 1))
    kept = suppressed(ridge)
    inner = kept[8:-8, 8:-8]
    assert (np.flatnonzero(inner.any(0)) == [22]).all() and (inner[:, 22] > 0.9).all()
    slanted = np.exp(-((np.arange(60)[:, None] - x) ** 2) / 18)
    inner = suppressed(slanted)[8:-8, 8:-8]
    assert (np.diag(inner) > 0.9).all() and np.count_nonzero(inner) <= 3 * len(inner)
    assert EdgeMetric(thresholds=3, nms="gradient").measure(ridge, (ridge > 0.99)[None])["counts"][0, 0] > 30


def test_what_cannot_be_scored_is_refused() -> None:
    soft, truth = np.zeros((8, 8)), np.zeros((2, 8, 8), bool)
    with pytest.raises(UsageError, match="bring the answer to the truth's size"):
        EdgeMetric().measure(soft[1:], truth)
    with pytest.raises(UsageError, match="no annotator's map"):
        EdgeMetric().measure(soft, truth[:0])
    with pytest.raises(UsageError, match=r"values outside 0\.\.1"):
        EdgeMetric().measure(soft + 2, truth)

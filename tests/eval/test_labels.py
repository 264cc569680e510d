"""Label maps against Cityscapes' and ADE20K's own scorers (tests/golden), panoptic quality and referring masks too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from golden import golden
from plantain.errors import UsageError
from plantain.eval.metrics.base import total
from plantain.eval.metrics.labels import Cityscapes, Segmentation
from plantain.eval.metrics.panoptic import PanopticQuality, Segments
from plantain.eval.metrics.referring import Referring

EXACT = 1e-9


def test_cityscapes() -> None:
    case, record = golden("cityscapes_semantic")
    official, metric = record["results"], Cityscapes()
    rows = [metric.measure(p, (g, i)) for p, g, i in zip(case["pred"], case["gt"], case["inst"], strict=True)]
    scores = metric.reduce(rows)
    assert np.array_equal(total(rows, "confusion"), official["confusion_rows_gt"])
    means = {"miou": "Classes", "iiou": "InstClasses", "category_miou": "Categories", "category_iiou": "InstCategories"}
    for ours, theirs in means.items():
        assert scores[ours] == pytest.approx(official[f"averageScore{theirs}"], abs=EXACT)
    tables = {"classScores": "iou", "classInstScores": "iiou", "categoryScores": "category"}
    for theirs, ours in (tables | {"categoryInstScores": "icategory"}).items():
        for name, value in official[theirs].items():
            mine = scores.get(f"{ours}:{name}", math.nan)
            assert mine == pytest.approx(math.nan if value is None else value, abs=EXACT, nan_ok=True), (theirs, name)


@pytest.mark.parametrize(("kind", "none"), [(np.int16, -1), (np.int64, -1000), (np.uint8, 34), (np.uint8, 255),
                                            (np.uint8, 0), (np.int32, 7034)])  # fmt: skip
def test_cityscapes_answers_that_are_no_label_are_misses(kind: type, none: int) -> None:
    """By hand: 4 pixels of road, 4 of car, in two cars of 2; one road and one car pixel are answered by no label."""
    truth = np.array([[7, 7, 7, 7], [26, 26, 26, 26]])
    instances = np.array([[7, 7, 7, 7], [26001, 26001, 26002, 26002]])
    pred = np.array([[7, 7, 7, none], [26, 26, 26, none]], kind)
    metric = Cityscapes()
    scores = metric.reduce([metric.measure(pred, (truth, instances))])
    assert (scores["iou:road"], scores["iou:car"], scores["miou"]) == (0.75, 0.75, 0.75)
    assert (scores["category:flat"], scores["category:vehicle"], scores["category_miou"]) == (0.75, 0.75, 0.75)
    assert scores["iiou:car"] == pytest.approx(0.75) and scores["icategory:vehicle"] == pytest.approx(0.75)
    there = {name for name, value in scores.items() if name.startswith("iou:") and not math.isnan(value)}
    assert there == {"iou:road", "iou:car"}, "it is no other class"


@pytest.mark.parametrize("void", [-1, 255, 34, 0])
def test_cityscapes_truth_that_is_no_label_never_counts(void: int) -> None:
    truth, instances = np.array([[7, 7, void, void]]), np.array([[7, 7, void, 255_001]])
    metric = Cityscapes()
    scores = metric.reduce([metric.measure(np.array([[7, 11, 7, 26]]), (truth, instances))])
    assert scores["iou:road"] == 0.5 and scores["iou:building"] == 0
    assert math.isnan(scores["iou:car"]) and scores["miou"] == 0.25


def test_a_truth_of_255_never_counts() -> None:
    metric = Segmentation(("a", "b"))
    scores = metric.reduce([metric.measure(np.array([[0, 1, 0]]), np.array([[0, 255, 7]]))])
    assert scores["miou"] == 1 and scores["accuracy"] == 1


@pytest.mark.parametrize(("over", "theirs"), [("all", "mean_iou_over_150"), ("seen", "mean_iou_over_present")])
def test_ade20k(over: str, theirs: str) -> None:
    case, record = golden("ade20k_semantic")
    metric = Segmentation(tuple(map(str, range(150))), over)
    truth = case["gt"].astype(int) - 1
    pred = np.where(truth < 0, -1, case["pred"].astype(int) - 1)
    rows = [metric.measure(p, t) for p, t in zip(pred, truth, strict=True)]
    scores, official = metric.reduce(rows), record["results"]
    assert scores["miou"] == pytest.approx(official[theirs], abs=EXACT)
    assert scores["accuracy"] == pytest.approx(official["accuracy"], abs=EXACT)
    assert np.diag(total(rows, "confusion")).tolist() == official["intersection"]


def test_an_answer_of_none_is_a_miss_and_no_false_alarm() -> None:
    metric = Segmentation(("a", "b"))
    truth = np.array([[0, 0, 1, -1]])
    scores = metric.reduce([metric.measure(np.array([[0, -1, 1, 0]]), truth)])
    assert (scores["iou:a"], scores["iou:b"], scores["accuracy"]) == (0.5, 1.0, 2 / 3)


def test_a_mean_over_the_truths_classes_leaves_out_what_is_only_answered() -> None:
    pred, truth = np.array([[0, 1]]), np.array([[0, 0]])
    miou = {over: Segmentation(("a", "b", "c"), over) for over in ("seen", "truth", "all")}
    assert {o: m.reduce([m.measure(pred, truth)])["miou"] for o, m in miou.items()} == {
        "seen": 0.25, "truth": 0.5, "all": pytest.approx(1 / 6)}  # fmt: skip


def test_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\(2, 2\), its truth \(2, 3\)"):
        Segmentation(("a",)).measure(np.zeros((2, 2), int), np.zeros((2, 3), int))


def segments(ids: np.ndarray, info: list[dict[str, int]], place: dict[int, int]) -> Segments:
    classes = {s["id"]: place[s["category_id"]] for s in info}
    return Segments(ids.astype(int), classes, tuple(s["id"] for s in info if s.get("iscrowd")))


def test_panoptic_quality() -> None:
    case, record = golden("panoptic")
    official = record["results"]
    place = {c["id"]: i for i, c in enumerate(case["categories"])}
    things = frozenset(place[c["id"]] for c in case["categories"] if c["isthing"])
    metric = PanopticQuality(tuple(map(str, place)), things)
    rows = [metric.measure(segments(p, pi, place), segments(g, gi, place)) for g, p, gi, pi
            in zip(case["gt"], case["pred"], case["gt_info"], case["pred_info"], strict=True)]  # fmt: skip
    scores = metric.reduce(rows)
    for suffix, part in (("", "All"), ("_things", "Things"), ("_stuff", "Stuff")):
        for figure in ("pq", "sq", "rq"):
            assert scores[figure + suffix] == pytest.approx(official[part][figure], abs=EXACT)
    for name, figures in official["per_class"].items():
        for figure, value in figures.items():
            assert scores[f"{figure}:{name}"] == pytest.approx(value, abs=EXACT)
    for name, counts in official["counts"].items():
        for figure, value in counts.items():
            assert total(rows, figure)[place[int(name)]] == pytest.approx(value, abs=EXACT)


def test_referring() -> None:
    case, record = golden("lisa_reasonseg")
    official, metric = record["results"], Referring()
    rows = [metric.measure(p > 0, g) for p, g in zip(case["pred"], case["gt"], strict=True)]
    scores = metric.reduce(rows)
    assert scores["giou"] == pytest.approx(official["giou"], rel=2e-5)  # upstream is float32
    assert scores["ciou"] == pytest.approx(official["ciou"], rel=2e-5)
    for row, value in zip(rows, official["per_image_iou"], strict=True):
        assert metric.reduce([row])["iou"] == pytest.approx(value, rel=2e-5)
    assert total(rows, "overlap") == official["sum_intersection"] and total(rows, "union") == official["sum_union"]


def test_referring_judges_every_pixel_that_counts() -> None:
    truth = np.array([[0, 1, 255], [1, 0, 1]], np.uint8)
    counts, right, error = Referring().judge(np.array([[True, True, True], [False, False, True]]), truth)
    assert counts.tolist() == [[True, True, False], [True, True, True]]
    assert right.tolist() == [False, True, False, True, True] and error.tolist() == [1, 0, 1, 0, 0]

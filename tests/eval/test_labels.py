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

"""SA-Co's cgF1 against the official evaluator's numbers (tests/golden); the assignment against enumeration."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.data.coco_masks import decode_rle
from plantain.eval.metrics.assignment import assign
from plantain.eval.metrics.base import total
from plantain.eval.metrics.concepts import Annotated, Concepts, Predicted

NAMES = {"cgF1": "cgf1", "positive_micro_F1": "pmf1", "positive_macro_F1": "macro_f1", "precision": "precision",
         "recall": "recall", "F1": "f1", "IL_MCC": "il_mcc", "IL_precision": "il_precision", "IL_recall": "il_recall",
         "IL_F1": "il_f1", "IL_FPR": "il_fpr"}  # fmt: skip
LEVELLED = ("cgF1", "precision", "recall", "F1", "positive_macro_F1", "positive_micro_F1")
NAMES |= {f"{name}@{level}": f"{NAMES[name]}@{level}" for name in LEVELLED for level in (0.5, 0.75)}


def box(mask: np.ndarray) -> list[float]:
    ys, xs = np.nonzero(mask)
    return [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]


def shapes(things: list[dict[str, Any]], case: dict[str, Any], boxes: bool) -> np.ndarray:
    masks = np.array([decode_rle(t["segmentation"]) for t in things], bool)
    masks = masks.reshape(-1, case["height"], case["width"])
    return np.array([box(m) for m in masks], float).reshape(-1, 4) if boxes else masks


@pytest.mark.parametrize("part", ["single_gt_segm", "single_gt_bbox", "oracle_3_gts_segm", "oracle_3_gts_bbox"])
def test_golden(part: str) -> None:
    """The official figures count a truth that is marked as ignored like any other, whatever their notes say."""
    case, record = golden("sam3_cgf1")
    official, boxes, metric = record["results"][part], part.endswith("bbox"), Concepts()
    annotators = range(1 if part.startswith("single") else 3)
    rows = []
    for i in range(case["n"]):
        mine = [d for d in case["detections"] if d["image_id"] == i]
        theirs = [[t for t in case["gts"][a] if t["image_id"] == i] for a in annotators]
        truth = [Annotated(shapes(t, case, boxes), case["exhaustive"][a][i]) for a, t in enumerate(theirs)]
        rows.append(
            metric.measure(Predicted(shapes(mine, case, boxes), np.array([d["score"] for d in mine], float)), truth)
        )
    scores = metric.reduce(rows)
    shared = [name for name in NAMES if name in official]
    assert len(shared) >= 20
    for name in shared:
        assert scores[NAMES[name]] == pytest.approx(official[name], abs=1e-9), name
    counted = [row for row in rows if row["counted"]]
    assert len(counted) == official["_counts"]["n_pairs"]
    for ours, name in (("tp", "TPs"), ("fp", "FPs"), ("fn", "FNs")):
        assert total(counted, ours).tolist() == official["_counts"][name]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (3, 3), (4, 6), (6, 4), (5, 5)])
def test_no_assignment_gains_more(n: int, m: int) -> None:
    for seed in range(20):
        gain = np.random.default_rng(seed).random((n, m)).round(1)
        rows, columns = assign(gain)
        assert len(set(rows)) == len(set(columns)) == min(n, m)
        small, large = min(n, m), max(n, m)
        table = gain if n <= m else gain.T
        best = max(sum(table[i, p[i]] for i in range(small)) for p in permutations(range(large), small))
        assert gain[rows, columns].sum() == pytest.approx(best)

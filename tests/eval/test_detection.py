"""COCO AP, AR and OKS against pycocotools: its numbers in tests/golden, and itself on random data."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest

from golden import golden
from plantain.data.coco_masks import decode_rle
from plantain.errors import UsageError
from plantain.eval.metrics.detection import Detection, Detections, Truths
from plantain.eval.metrics.keypoints import PCK, KeypointAP, People, Poses
from plantain.predictions.boxes import box_iou

EXACT = 1e-9
NAMES = {"AP": "ap", "AP50": "ap50", "AP75": "ap75", "AP_small": "ap_small", "AP_medium": "ap_medium",
         "AP_large": "ap_large", "AR1": "ar1", "AR10": "ar10", "AR100": "ar100", "AR_small": "ar_small",
         "AR_medium": "ar_medium", "AR_large": "ar_large"}  # fmt: skip


def corners(boxes: list[list[float]]) -> np.ndarray:
    """x y w h -> x0 y0 x1 y1."""
    table = np.array(boxes, float).reshape(-1, 4)
    return np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], 1)


def masks(things: list[dict[str, Any]], shape: tuple[int, int]) -> np.ndarray:
    return np.array([decode_rle(t["segmentation"]) for t in things], bool).reshape(-1, *shape)


def pictures(case: dict[str, Any], with_masks: bool) -> list[tuple[Detections, Truths]]:
    out = []
    for image in case["images"]:
        found = [d for d in case["detections"] if d["image_id"] == image["id"]]
        true = [a for a in case["annotations"] if a["image_id"] == image["id"]]
        shape = (image["height"], image["width"])
        labels = [np.array([t["category_id"] - 1 for t in things], int) for things in (found, true)]
        drawn = [masks(things, shape) if with_masks else None for things in (found, true)]
        scores = np.array([d["score"] for d in found], float)
        areas, crowds = (np.array([a[key] for a in true], kind) for key, kind in (("area", float), ("iscrowd", bool)))
        pred = Detections(corners([d["bbox"] for d in found]), labels[0], scores, drawn[0])
        truth = Truths(corners([a["bbox"] for a in true]), labels[1], areas, crowds, drawn[1])
        out.append((pred, truth))
    return out


@pytest.mark.parametrize(("part", "of", "agnostic"), [
    ("bbox", "boxes", False), ("segm", "masks", False), ("class_agnostic_bbox", "boxes", True),
])  # fmt: skip
def test_golden_detection(part: str, of: Any, agnostic: bool) -> None:
    case, record = golden("coco_detection")
    classes = tuple(c["name"] for c in case["categories"])
    metric = Detection(classes, of, agnostic)
    scores = metric.reduce([metric.measure(p, t) for p, t in pictures(case, of == "masks")])
    for theirs, value in record["results"][part].items():
        assert scores[NAMES[theirs]] == pytest.approx(value, abs=EXACT), theirs
    for name, value in zip(classes, record["results"].get(f"{part}_per_class_AP", []), strict=False):
        assert scores[f"ap:{name}"] == pytest.approx(value, abs=EXACT)


def test_an_overlap_with_a_crowd_is_a_share_of_the_answer() -> None:
    found = corners([[10, 10, 20, 20], [0, 0, 5, 5], [12, 14, 30, 8]])
    true = corners([[12, 12, 20, 20], [0, 0, 100, 100]])
    probe = golden("coco_detection")[1]["results"]["box_iou_probe"]
    assert np.allclose(box_iou(found, true, np.array([False, True])), probe, atol=EXACT)


def made(seed: int, pictures: int = 12, classes: int = 3) -> dict[str, Any]:
    """Random boxes with ties, crowds and empty pictures, as COCO dictionaries."""
    rng = np.random.default_rng(seed)
    images = [{"id": i, "width": 200, "height": 200} for i in range(pictures)]
    annotations, detections = [], []
    for i in range(pictures):
        for _ in range(rng.integers(0, 8)):
            box = [*rng.uniform(0, 90, 2), *rng.uniform(5, 110, 2)]
            kind = int(rng.integers(1, classes + 1))
            area, crowd = float(box[2] * box[3] * rng.uniform(0.4, 1)), int(rng.random() < 0.15)
            one = {"id": len(annotations) + 1, "image_id": i, "category_id": kind, "bbox": box}
            annotations.append(one | {"area": area, "iscrowd": crowd})
            for _ in range(rng.integers(0, 4)):
                moved = [*(np.array(box) + rng.normal(0, 4, 4)).clip(1)]
                detections.append({"image_id": i, "category_id": kind, "bbox": moved, "score": round(rng.random(), 1)})
    return {"images": images, "annotations": annotations, "detections": detections,
            "categories": [{"id": c + 1, "name": f"c{c}"} for c in range(classes)]}  # fmt: skip


def official(case: dict[str, Any], kind: str) -> np.ndarray:
    pycocotools = pytest.importorskip("pycocotools.cocoeval")
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        book = COCO()
        book.dataset = {k: case[k] for k in ("images", "annotations", "categories")}
        book.createIndex()
        run = pycocotools.COCOeval(book, book.loadRes(case["detections"]), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.asarray(run.stats)


@pytest.mark.parametrize("seed", range(8))
def test_random_boxes_as_pycocotools(seed: int) -> None:
    case = made(seed)
    metric = Detection(tuple(c["name"] for c in case["categories"]))
    for picture in case["images"]:
        picture["file_name"] = ""
    scores = metric.reduce([metric.measure(*_numbered(case, i["id"])) for i in case["images"]])
    mine = [-1.0 if math.isnan(scores[name]) else scores[name] for name in NAMES.values()]
    assert mine == pytest.approx(official(case, "bbox").tolist(), abs=EXACT)


def _numbered(case: dict[str, Any], number: int) -> tuple[Detections, Truths]:
    return pictures(case | {"images": [i for i in case["images"] if i["id"] == number]}, False)[0]


KEYPOINTS = {"AP": "ap", "AP50": "ap50", "AP75": "ap75", "AP_medium": "ap_medium", "AP_large": "ap_large"}
KEYPOINTS |= {"AR": "ar20", "AR50": "ar50", "AR75": "ar75", "AR_medium": "ar_medium", "AR_large": "ar_large"}


def people(case: dict[str, Any], number: int) -> tuple[Poses, People]:
    found = [d for d in case["detections"] if d["image_id"] == number]
    true = [a for a in case["annotations"] if a["image_id"] == number]
    table = np.array([d["keypoints"] for d in found], float).reshape(-1, 17, 3)
    joints = np.array([a["keypoints"] for a in true], float).reshape(-1, 17, 3)
    poses = Poses(table[..., :2], np.array([d["score"] for d in found], float))
    areas, crowds = (np.array([a[key] for a in true], kind) for key, kind in (("area", float), ("iscrowd", bool)))
    return poses, People(joints[..., :2], joints[..., 2] > 0, corners([a["bbox"] for a in true]), areas, crowds)


def test_golden_keypoints() -> None:
    case, record = golden("coco_keypoints")
    metric = KeypointAP()
    scores = metric.reduce([metric.measure(*people(case, i["id"])) for i in case["images"]])
    for theirs, value in record["results"]["keypoints"].items():
        mine = scores[KEYPOINTS[theirs]]
        assert (-1 if math.isnan(mine) else mine) == pytest.approx(value, abs=EXACT), theirs
    for number in (1, 2):
        poses, truth = people(case, number)
        table = metric.similarity(poses.xy[np.argsort(-poses.scores, kind="mergesort")], truth)
        assert np.allclose(table, record["results"][f"oks_image_{number}"], atol=EXACT)


def test_pck_counts_known_joints_alone() -> None:
    xy, known = np.array([[0.0, 0], [10, 0], [0, 20], [5, 5]]), np.array([True, True, True, False])
    pred = xy + np.array([[3.9, 0], [4.1, 0], [np.nan, np.nan], [0, 0]])
    scores = PCK(("a", "b", "c", "d")).reduce([PCK(("a", "b", "c", "d")).measure(pred, (xy, known, 0.0))])
    assert scores["pck"] == pytest.approx(1 / 3)
    assert (scores["pck:a"], scores["pck:b"], scores["pck:c"]) == (1, 0, 0) and math.isnan(scores["pck:d"])
    given = PCK(("a", "b", "c", "d"), norm="given")
    assert given.reduce([given.measure(pred, (xy, known, 21.0))])["pck"] == pytest.approx(2 / 3)


def test_masks_are_asked_for() -> None:
    none = Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))
    truth = Truths(np.zeros((1, 4)), np.zeros(1, int), np.ones(1), np.zeros(1, bool))
    with pytest.raises(UsageError, match="mask AP needs masks"):
        Detection(("a",), "masks").measure(none, truth)

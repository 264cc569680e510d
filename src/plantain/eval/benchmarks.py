"""The benchmarks: a row each, with every rule that its figure hangs on. `plantain bench list` lists them.

A figure is comparable with another of the same id and version alone. The rows written here are those of the excerpt
folder (`data/excerpts.py`): small test halves of published sets, so never the published benchmark itself; those of the
published sets are in `published.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from plantain.data.base import Example
from plantain.data.excerpts import NYU_CROP, read
from plantain.eval import published
from plantain.eval.adapters import (
    DetectionAdapter,
    EdgesAdapter,
    GroundingAdapter,
    KeypointsAdapter,
    MaskAdapter,
    MatteAdapter,
    MetricDepthAdapter,
    NormalsAdapter,
    PanopticAdapter,
    PresenceAdapter,
    RelativeDepthAdapter,
    SemanticAdapter,
)
from plantain.eval.metrics.boxes import Grounding
from plantain.eval.metrics.depth import DepthMetric
from plantain.eval.metrics.detection import Detection
from plantain.eval.metrics.edges import EdgeMetric
from plantain.eval.metrics.keypoints import PCK
from plantain.eval.metrics.labels import Segmentation
from plantain.eval.metrics.mattes import Mattes
from plantain.eval.metrics.normals import NormalsMetric
from plantain.eval.metrics.panoptic import PanopticQuality
from plantain.eval.metrics.presence import Existence
from plantain.eval.metrics.referring import Referring
from plantain.eval.row import Benchmark
from plantain.eval.splits import SPLITS
from plantain.vocabularies import (
    ADE_30,
    ADE_150,
    CAMVID_11,
    COCO_STUFF,
    COCO_THINGS,
    FACE_6,
    FACE_19,
    LSP_12,
    LSP_14,
    NYU_13,
    VOC_21,
)


def excerpt(name: str, split: str) -> Callable[[Path], list[Example]]:
    """Reads one half of a set of the excerpt folder."""
    return partial(read, name=name, split=split)


def pinned(row: Benchmark) -> Benchmark:
    """The row with the pictures that it is scored on, and those that it has to train on."""
    folder = row.id.split("/")[0]
    n, split = SPLITS[folder]
    name = folder.removesuffix("-excerpt")
    return replace(row, n=n, split=split, train=None if name in TEST_ONLY else excerpt(name, "train"))


TEST_ONLY = ("mattes", "refer")  # sets without a training half
EIGEN = "Eigen crop, truth 0.001 to 10 m, "
ROWS = (
    Benchmark("nyu-excerpt/metric-depth", excerpt("nyu", "test_dev"), MetricDepthAdapter(),
              DepthMetric(crop="nyu-eigen", far=10.0, clip=(0.1, 10.0)), "delta1",
              EIGEN + "clipped to 0.1 - 10 m, no alignment, no camera given, mean of pictures",
              baseline="delta1 .388 - .414, abs_rel .418 (mean depth map of the training half)"),
    Benchmark("nyu-excerpt/relative-depth", excerpt("nyu", "test_dev"), RelativeDepthAdapter(),
              DepthMetric(crop="nyu-eigen", far=10.0, alignment="scale-shift", clip=(0.1, 10.0)), "delta1",
              EIGEN + "scale and shift by least squares in depth, then clipped to 0.1 - 10 m, mean of pictures",
              baseline="delta1 .654"),
    Benchmark("nyu-excerpt/normals", excerpt("nyu", "test_dev"), NormalsAdapter(NYU_CROP), NormalsMetric("pixels"),
              "median",
              "Eigen crop, pooled pixels, pseudo-truth by plane fits", better="lower", baseline="39.2 degrees"),
    Benchmark("nyu-excerpt/classes-13", excerpt("nyu", "test_dev"), SemanticAdapter(NYU_13, "labels13"),
              Segmentation(NYU_13, "truth"), "miou", "13 classes at once, random legends", baseline=".062"),
    Benchmark("camvid-excerpt/classes", excerpt("camvid", "test_dev"), SemanticAdapter(CAMVID_11),
              Segmentation(CAMVID_11, "truth"), "miou", "11 classes at once, random legends", baseline=".174"),
    Benchmark("ade20k-excerpt/own-words", excerpt("ade20k", "dev_test"), SemanticAdapter(ADE_150, own=True),
              Segmentation(ADE_150, "truth"), "miou",
              "each picture's own 3 to 8 commonest classes of at least 1 %, random legends, other pixels not counted"),
    Benchmark("ade20k-excerpt/classes-30", excerpt("ade20k", "dev_test"), SemanticAdapter(ADE_30),
              Segmentation(ADE_30, "truth"), "miou",
              "30 commonest classes at once, random legends, other pixels not counted"),
    Benchmark("animals-excerpt/classes-voc", excerpt("animals", "dev_test"), SemanticAdapter(VOC_21, rest="background"),
              Segmentation(VOC_21, "truth"), "miou",
              "VOC's 20 classes and the background at once, random legends, borders not counted", baseline=".047"),
    Benchmark("faceparts-excerpt/classes", excerpt("faceparts", "dev_test"),
              SemanticAdapter(FACE_19, rest="background"), Segmentation(FACE_19, "truth"), "miou",
              "18 parts and the background at once, random legends",
              baseline="accuracy .231"),
    Benchmark("kitti-excerpt/metric-depth", excerpt("kitti", "dev_test"), MetricDepthAdapter(),
              DepthMetric(far=80.0, clip=(0.5, 80.0)), "delta1",
              "LiDAR points up to 80 m, no crop, no alignment, mean of pictures", baseline="delta1 .493, abs_rel .265"),
    Benchmark("people-excerpt/person", excerpt("people", "dev_test"), MaskAdapter("person"), Referring(), "iou",
              "mean IoU of pictures", baseline=".233 - .291"),
    Benchmark("portraits-excerpt/person", excerpt("portraits", "dev_test"), MaskAdapter("person"), Referring(), "iou",
              "mean IoU of pictures", baseline=".776"),
    Benchmark("salient-excerpt/main-object", excerpt("salient", "dev_test"), MaskAdapter("main object"), Referring(),
              "iou", "mean IoU of pictures", baseline=".355"),
    Benchmark("pose-excerpt/joints", excerpt("pose", "dev_test"), KeypointsAdapter(), PCK(LSP_14), "pck",
              "PCK@0.2 of the larger side of the joints' box", baseline=".170"),
    Benchmark("pose-excerpt/joints-12", excerpt("pose", "dev_test"), KeypointsAdapter(LSP_12), PCK(LSP_12), "pck",
              "PCK@0.2 of the larger side of the joints' box; without neck and head top"),
    Benchmark("faces-excerpt/points", excerpt("faces", "dev_test"), KeypointsAdapter(thing="face"), PCK(FACE_6), "pck",
              "PCK@0.2 of the larger side of the six points' box"),
    Benchmark("bsds-excerpt/edges", excerpt("bsds", "val"), EdgesAdapter(), EdgeMetric(thresholds=33, nms="gradient"),
              "ods", "33 thresholds, non-maximum suppression, one-to-one matching within .0075 of the diagonal"),
    Benchmark("mattes-excerpt/main-object", excerpt("mattes", "dev_test"), MatteAdapter(), Mattes(), "sad",
              "sum of absolute differences / 1000 where the trimap is undecided, mean of pictures", better="lower"),
    Benchmark("coco-excerpt/person-boxes", excerpt("coco", "dev_test"), DetectionAdapter("person"),
              Detection(("person",)), "ap50",
              "COCO box AP50 of persons, annotated boxes, every photo asked, groups ignored", version=2),
    Benchmark("coco-excerpt/person-masks", excerpt("coco", "dev_test"), DetectionAdapter("person", masks=True),
              Detection(("person",), "masks"), "ap50", "COCO mask AP50 of persons, every photo asked, groups ignored"),
    Benchmark("panoptic-excerpt/own-words", excerpt("panoptic", "dev_test"), PanopticAdapter(COCO_STUFF, COCO_THINGS),
              PanopticQuality((*COCO_STUFF, *COCO_THINGS), frozenset(range(len(COCO_STUFF), 133))), "pq",
              "each picture's own stuff and things are asked for; a kind of stuff is one segment"),
    Benchmark("coco-excerpt/presence", excerpt("coco", "dev_test"), PresenceAdapter(COCO_THINGS), Existence(), "mcc",
              "of each picture one class that is there and one that is not, drawn by the seed; threshold .5",
              baseline="0"),
    Benchmark("ade20k-excerpt/presence", excerpt("ade20k", "dev_test"), PresenceAdapter(ADE_150, "labels"), Existence(),
              "mcc", "of each picture one class that has a pixel and one that has none, drawn by seed; threshold .5",
              baseline="0"),
    Benchmark("refer-excerpt/boxes", excerpt("refer", "dev_test"), GroundingAdapter(), Grounding(), "accuracy",
              "box around the mask, IoU above .5; phrases with 2 to 5 steps; those that fit nothing apart",
              baseline="0"),
)  # fmt: skip
EXCERPTS: dict[str, Benchmark] = {row.id: pinned(row) for row in ROWS}
BENCHMARKS: dict[str, Benchmark] = EXCERPTS | {row.id: row for row in published.ROWS}

"""Label maps by confusion matrices: mIoU as Cityscapes, ADE20K and mmsegmentation count it, and Cityscapes' others.

metric = Segmentation(("wall", "floor", "bed"))
metric.reduce([metric.measure(ids, truth), ...])["miou"]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from plantain._shapes import Int, Shaped
from plantain.eval.metrics.base import Judged, Row, Scores, check_size, total


def confusion(
    pred: Shaped[np.ndarray, "h w"], truth: Shaped[np.ndarray, "h w"], rows: int, columns: int
) -> Int[np.ndarray, "rows columns"]:
    """How many pixels of each true class (row) got each answer (column). Both maps hold indices from 0."""
    key = truth.astype(np.int32) * columns + pred
    return np.bincount(key.ravel(), minlength=rows * columns).reshape(rows, columns)


def quotient(part: Any, whole: Any) -> Any:
    """part / whole, number by number; NaN where the whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def mean(values: Shaped[np.ndarray, "n"]) -> float:
    """The mean of what is a number; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True)
class Segmentation:
    """mIoU over a set of pictures. Pixels whose truth is none of the classes (-1, 255) never count; such an answer on
    any other pixel is a miss.

    `over` names the classes of the mean: "seen" = those in truth or answer (Cityscapes; mmsegmentation's nanmean),
    "all" = every class, where one that never occurs has 0 (CSAILVision's ADE20K code, mit_semseg/utils.py), "truth" =
    those in the truth."""

    classes: tuple[str, ...]
    over: Literal["seen", "all", "truth"] = "seen"

    def measure(self, pred: Int[np.ndarray, "h w"], truth: Int[np.ndarray, "y x"]) -> Row:
        """`confusion`: n true classes x (n + 1) answers, the last one none."""
        check_size(pred.shape, truth.shape)
        n = len(self.classes)
        known = (truth >= 0) & (truth < n)
        answer = np.where((pred < 0) | (pred >= n), n, pred)
        return {"confusion": confusion(answer[known][None], truth[known][None], n, n + 1)}

    def worst(self, truth: Int[np.ndarray, "h w"]) -> Row:
        """None of the classes anywhere."""
        return self.measure(np.full_like(truth, -1), truth)

    def judge(self, pred: Int[np.ndarray, "h w"], truth: Int[np.ndarray, "y x"]) -> Judged:
        """Right: the pixel's class."""
        known = (truth >= 0) & (truth < len(self.classes))
        right = (pred == truth)[known]
        return Judged(known, right, 1.0 - right)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """miou, accuracy (of pixels), mean_accuracy (of classes), and iou:<class>."""
        table = total(rows, "confusion")
        hit, there = np.diag(table[:, :-1]), table.sum(1)
        union = there + table[:, :-1].sum(0) - hit
        iou = quotient(hit, union)
        counted = {"seen": iou, "all": np.nan_to_num(iou), "truth": np.where(there > 0, iou, np.nan)}[self.over]
        by_class = {f"iou:{name}": float(v) for name, v in zip(self.classes, iou, strict=True)}
        accuracy = float(quotient(hit.sum(), there.sum()))
        return {"miou": mean(counted), "accuracy": accuracy, "mean_accuracy": mean(quotient(hit, there)), **by_class}


# Source of the numbers: cityscapesscripts/helpers/labels.py and evaluation/evalPixelLevelSemanticLabeling.py
CITYSCAPES_GROUPS = {
    "flat": {7: "road", 8: "sidewalk", 9: "parking", 10: "rail track"},
    "construction": {11: "building", 12: "wall", 13: "fence", 14: "guard rail", 15: "bridge", 16: "tunnel"},
    "object": {17: "pole", 18: "polegroup", 19: "traffic light", 20: "traffic sign"},
    "nature": {21: "vegetation", 22: "terrain"},
    "sky": {23: "sky"},
    "human": {24: "person", 25: "rider"},
    "vehicle": {26: "car", 27: "truck", 28: "bus", 29: "caravan", 30: "trailer", 31: "train", 32: "motorcycle",
                33: "bicycle"},
}  # fmt: skip
CITYSCAPES_NAMES = {i: name for group in CITYSCAPES_GROUPS.values() for i, name in group.items()}
CITYSCAPES_IGNORED = (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
CITYSCAPES_IDS = tuple(i for i in range(34) if i not in CITYSCAPES_IGNORED)
MEAN_SIZE = {24: 3462.4756337644, 25: 3930.4788056518, 26: 12794.0202738185, 27: 27855.1264367816,
             28: 35732.1511111111, 29: 36771.8241758242, 30: 16926.9763313609, 31: 67583.7075812274,
             32: 6298.7200839748, 33: 4672.3249222261}  # fmt: skip # mean pixels of an instance of each class
WHOLE = np.array([next((g for g, ids in enumerate(CITYSCAPES_GROUPS.values()) if i in ids), -1) for i in range(34)])
COUNTS = np.isin(np.arange(34), CITYSCAPES_IDS)
GROUP_OF = np.where(COUNTS, WHOLE, -1)  # the category of a label that counts


def _or_void(labels: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """Label ids with 0, unlabeled, in place of what is none."""
    return np.where((labels < 0) | (labels > 33), 0, labels)


@dataclass(frozen=True)
class Cityscapes:
    """Cityscapes' four means on label ids 0..33 at full size (1024 x 2048): IoU of 19 classes and 7 categories, and the
    same with every true pixel weighted by its instance's size (iIoU).

    Source: mcordts/cityscapesScripts, evalPixelLevelSemanticLabeling.py. A void answer on a labeled pixel is a miss;
    pixels that are void in the truth never count; ignored labels (parking, caravan) are in no category. Numbers that
    are no label (-1, 34, 255) are void."""

    def measure(
        self, pred: Shaped[np.ndarray, "h w"], truth: tuple[Shaped[np.ndarray, "h w"], Shaped[np.ndarray, "h w"]]
    ) -> Row:
        """`truth`: label ids and instance ids (label x 1000 + number for one thing, the label alone for groups)."""
        labels, instances = truth
        check_size(pred.shape, labels.shape)
        check_size(instances.shape, labels.shape)
        answer = _or_void(pred)
        names = ("hit", "missed", "group_hit", "group_missed")
        weighted = dict(zip(names, self._weighted(answer, instances), strict=True))
        return {"confusion": confusion(answer, _or_void(labels), 34, 34), **weighted}

    def _weighted(self, pred: np.ndarray, instances: np.ndarray) -> tuple[np.ndarray, ...]:
        """Hits and misses of things by class and by category, each thing weighted to the mean size of its class."""
        ids, place = np.unique(instances, return_inverse=True)
        label = np.where(ids >= 1000, _or_void(ids // 1000), 0)
        thing = np.isin(label, [i for i in MEAN_SIZE if i not in CITYSCAPES_IGNORED])
        place, size = place.ravel(), np.bincount(place.ravel())
        answer = pred.ravel()
        right = np.bincount(place, answer == label[place])
        near = np.bincount(place, WHOLE[answer] == WHOLE[label[place]])
        weight = np.array([MEAN_SIZE.get(int(i), 0.0) for i in label]) / size * thing
        by = [np.bincount(label, weight * part, 34) for part in (right, size - right)]
        group = np.where(thing, GROUP_OF[label], 0)
        return *by, *(np.bincount(group, weight * part, 7) for part in (near, size - near))

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """miou, iiou, category_miou, category_iiou; iou:<class>, iiou:<class>, category:<name>, icategory:<name>."""
        table, ids = total(rows, "confusion"), np.array(CITYSCAPES_IDS)
        kept = table[ids]  # true pixels that count
        hit = np.diag(table)[ids]
        false = kept[:, ids].sum(0) - hit
        iou = quotient(hit, kept.sum(1) + false)
        weighted, lost = total(rows, "hit")[ids], total(rows, "missed")[ids]
        iiou = np.where(np.isin(ids, list(MEAN_SIZE)), quotient(weighted, weighted + lost + false), np.nan)
        groups, igroups = self._groups(rows, table)
        names = [CITYSCAPES_NAMES[i] for i in CITYSCAPES_IDS]
        means = {"miou": mean(iou), "iiou": mean(iiou), "category_miou": mean(groups), "category_iiou": mean(igroups)}
        each = {f"iou:{n}": float(v) for n, v in zip(names, iou, strict=True)}
        each |= {f"iiou:{n}": float(v) for n, v in zip(names, iiou, strict=True)}
        each |= {f"category:{n}": float(v) for n, v in zip(CITYSCAPES_GROUPS, groups, strict=True)}
        each |= {f"icategory:{n}": float(v) for n, v in zip(CITYSCAPES_GROUPS, igroups, strict=True)}
        return means | each

    def _groups(self, rows: Sequence[Row], table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weighted, lost = total(rows, "group_hit"), total(rows, "group_missed")
        plain, by_thing = np.full(7, np.nan), np.full(7, np.nan)
        for g in range(7):
            mine = g == GROUP_OF
            hit, false = table[mine][:, mine].sum(), table[COUNTS & ~mine][:, mine].sum()
            missed = table[mine][:, ~mine].sum()
            plain[g] = quotient(hit, hit + false + missed)
            if weighted[g] + lost[g] > 0:
                false = table[COUNTS & ~mine][:, g == WHOLE].sum()  # here ignored labels are of the category
                by_thing[g] = weighted[g] / (weighted[g] + lost[g] + false)
        return plain, by_thing

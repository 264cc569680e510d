"""Two answers to one question held against each other: how far they agree, as the metrics of their kinds say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from plantain.answers.words import number
from plantain.errors import UsageError
from plantain.predictions.boxes import box_iou
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Prediction

ALIKE = 0.5  # IoU from which two things are one


def agreement(one: Prediction, other: Prediction) -> str:
    """How far two answers agree, in a line. UsageError for answers of unlike kinds."""
    if one.kind != other.kind or one.size != other.size:
        raise UsageError(f"{one.task} and {other.task} cannot be held against each other; ask both the same")
    return next(told for kind, told in TOLD.items() if isinstance(one, kind))(one, other)


def of_depth(one: Depth, other: Depth) -> str:
    """The median of the relative difference, and the share of pixels within a factor of 1.25 (delta1)."""
    both = one.valid & other.valid & (one.values > 0) & (other.values > 0)
    if not both.any():
        return "no pixel has a depth in both"
    a, b = one.values[both], other.values[both]
    ratio = np.maximum(a / b, b / a)
    off = float(np.median(np.abs(a - b) / b))
    return f"they differ by {off:.0%} (median); {np.mean(ratio < 1.25):.0%} of the pixels within a factor of 1.25"


def of_normals(one: Normals, other: Normals) -> str:
    both = one.valid & other.valid
    if not both.any():
        return "no pixel has a normal in both"
    cosine = (one.xyz[both] * other.xyz[both]).sum(-1).clip(-1, 1)
    return f"they differ by {np.degrees(np.median(np.arccos(cosine))):.1f} degrees (median)"


def of_labels(one: Labels, other: Labels) -> str:
    """The share of pixels with one class, and the mean IoU over the classes of either."""
    names = tuple(dict.fromkeys((*one.classes, *other.classes)))
    masks = [[answer.ids == answer.classes.index(n) if n in answer.classes else answer.ids < -1 for n in names]
             for answer in (one, other)]  # fmt: skip
    ious = [_iou(a, b) for a, b in zip(*masks, strict=True)]
    known = [iou for iou in ious if iou is not None]
    same = sum(np.mean(a & b) for a, b in zip(*masks, strict=True)) + np.mean((one.ids < 0) & (other.ids < 0))
    mean = f"; mean IoU {np.mean(known):.2f}" if known else ""
    return f"{same:.0%} of the pixels have the same class in both{mean}"


def of_alpha(one: Alpha, other: Alpha) -> str:
    ious = [_iou(a, b) for a, b in zip(one.masks, other.masks, strict=True)]
    if all(iou is None for iou in ious):
        return "both found nothing"
    told = (f"{name}: IoU {iou:.2f}" for name, iou in zip(one.names, ious, strict=True) if iou is not None)
    return "; ".join(told)


def of_instances(one: Instances, other: Instances) -> str:
    pairs = box_iou(one.boxes, other.boxes)
    both = int((pairs.max(axis=1, initial=0) >= ALIKE).sum())
    return f"{len(one)} things against {len(other)}; {both} of them in both (boxes with an IoU of {ALIKE:g} or more)"


def of_keypoints(one: Keypoints, other: Keypoints) -> str:
    both = one.visible & other.visible
    if not both.any():
        return "no point was seen by both"
    off = float(np.median(np.linalg.norm(one.xy[both] - other.xy[both], axis=1)))
    return f"{int(both.sum())} points were seen by both; they differ by {number(off)} pixels (median)"


def _iou(a: Any, b: Any) -> float | None:
    """None where neither has anything."""
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else None


TOLD: dict[type[Prediction], Callable[[Any, Any], str]] = {  # the first that fits
    Depth: of_depth,
    Normals: of_normals,
    Labels: of_labels,
    Alpha: of_alpha,
    Instances: of_instances,
    Keypoints: of_keypoints,
}

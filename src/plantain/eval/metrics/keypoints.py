"""Keypoints: COCO's AP over object keypoint similarity (OKS), and PCK with its norm in its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from plantain._shapes import Bool, Float
from plantain.errors import UnknownName
from plantain.eval.metrics.base import Judged, Row, Scores
from plantain.eval.metrics.labels import quotient
from plantain.eval.metrics.matching import Curves, Pairs, by_score

# half the standard deviation of annotators, by joint. Source: pycocotools, cocoeval.py, Params.kpt_oks_sigmas
COCO_SIGMAS = (0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087,
               0.089, 0.089)  # fmt: skip
Joints = tuple[Float[np.ndarray, "k 2"], Bool[np.ndarray, "k"], float]  # places, which are known, a length in pixels


class Poses(NamedTuple):
    """A picture's answers: n people of k joints, x and y in pixels, and a score each."""

    xy: Float[np.ndarray, "n k 2"]
    scores: Float[np.ndarray, "n"]


class People(NamedTuple):
    """A picture's truths: joints and which are labeled, boxes x0 y0 x1 y1, areas of the masks, crowds."""

    xy: Float[np.ndarray, "n k 2"]
    known: Bool[np.ndarray, "n k"]
    boxes: Float[np.ndarray, "n 4"]
    areas: Float[np.ndarray, "n"]
    crowds: Bool[np.ndarray, "n"]


@dataclass(frozen=True)
class KeypointAP:
    """AP and AR over OKS, at most 20 people a picture; people without a labeled joint count neither way."""

    sigmas: tuple[float, ...] = COCO_SIGMAS

    @property
    def _curves(self) -> Curves:
        return Curves(("person",), ranges=("", "medium", "large"), limits=(20,), by_class=False)

    def measure(self, pred: Poses, truth: People) -> Row:
        """The matches of one picture."""
        order = by_score(pred.scores, 20)
        similar = self.similarity(pred.xy[order], truth)
        spread = np.ptp(pred.xy[order], axis=1) if len(order) else np.zeros((0, 2))
        ignored = truth.crowds | ~np.asarray(truth.known.any(1))
        pairs = Pairs(similar, spread.prod(1), truth.areas, ignored, truth.crowds)
        return self._curves.row([0], [(pred.scores[order], pairs)])

    def similarity(self, xy: Float[np.ndarray, "d k 2"], truth: People) -> Float[np.ndarray, "d g"]:
        """OKS: the mean over labeled joints of exp(-d^2 / (2 area (2 sigma)^2)); for a person without any, distances
        are those to a box of three times the size, over all joints. Source: pycocotools, `computeOks`."""
        variance = (2 * np.array(self.sigmas)) ** 2
        size = truth.boxes[:, 2:] - truth.boxes[:, :2]
        low, high = (truth.boxes[:, :2] - size)[None, :, None], (truth.boxes[:, 2:] + size)[None, :, None]
        some = np.asarray(truth.known.any(1))
        direct = xy[:, None] - truth.xy[None]
        outside = np.maximum(0, low - xy[:, None]) + np.maximum(0, xy[:, None] - high)
        away = np.where(some[None, :, None, None], direct, outside)
        error = (away**2).sum(3) / variance / (truth.areas + np.spacing(1))[None, :, None] / 2
        counts = np.where(some[:, None], truth.known, True)[None]
        return (np.exp(-error) * counts).sum(2) / counts.sum(2)

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """ap, ap50, ap75, ap_medium, ap_large, ar20, ar50, ar75, ar_medium, ar_large."""
        return self._curves.reduce(rows)


def _joints_box(xy: np.ndarray, known: np.ndarray) -> float:
    return float(np.ptp(xy[known], axis=0).max()) if known.any() else 0.0


@dataclass(frozen=True)
class PCK:
    """The share of joints within `share` of a length of the person. A joint without an answer (NaN) is missed.

    `norm`: "joints-box" = the larger side of the box of the known joints, "given" = a length that comes with the truth
    (MPII's PCKh: half of 0.6 of the head box's diagonal; FLIC: the torso)."""

    joints: tuple[str, ...]
    share: float = 0.2
    norm: Literal["joints-box", "given"] = "joints-box"

    def measure(self, pred: Float[np.ndarray, "k 2"], truth: Joints) -> Row:
        """`truth`: joints, which are known, and the length in pixels (any number with "joints-box")."""
        xy, known, given = truth
        if self.norm not in ("joints-box", "given"):
            raise UnknownName("norm", self.norm, ("joints-box", "given"))
        length = _joints_box(xy, known) if self.norm == "joints-box" else given
        with np.errstate(invalid="ignore"):
            near = np.hypot(*(pred - xy).T) < self.share * length
        return {"hit": near & known, "known": known}

    def worst(self, truth: Joints) -> Row:
        """No joint found."""
        return self.measure(np.full_like(truth[0], np.nan), truth)

    def judge(self, pred: Float[np.ndarray, "k 2"], truth: Joints) -> Judged:
        """Right: within .2 of the larger side of the box of the known joints; error: the distance in such sides, 10 for
        a joint that was not found."""
        xy, known, _ = truth
        away = np.hypot(*(pred - xy)[known].T) / _joints_box(xy, known)
        return Judged(known, np.nan_to_num(away, nan=np.inf) < 0.2, np.nan_to_num(away, nan=10.0))

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """pck (over all joints) and pck:<joint>."""
        hit, known = (np.sum([np.asarray(row[name], int) for row in rows], axis=0) for name in ("hit", "known"))
        each = quotient(hit, known)
        return {"pck": float(quotient(hit.sum(), known.sum()))} | {
            f"pck:{name}": float(value) for name, value in zip(self.joints, each, strict=True)}  # fmt: skip

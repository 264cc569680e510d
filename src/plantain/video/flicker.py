"""How much answers change from frame to frame along the flow: what flickers, in a number and its unit.

The measure is taken where both frames see the same place. It is not 0 for perfect answers: depth along the flow really
changes when the camera moves. It serves to compare two answers about one clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction
from plantain.video import scale, tracks
from plantain.video.motion import Motion


def of_depth(now: Depth, before: Depth, motion: Motion) -> float:
    """Mean change: of metric depth in percent, of relative depth in percent of its mean distance from the median."""
    mine, theirs = scale.numbers(now), motion.carry(scale.numbers(before))
    both = motion.seen & np.isfinite(mine) & np.isfinite(theirs)
    if not both.any():
        return float("nan")
    width = 1.0 if now.scale == "metric" else max(_spread(mine[both]), 1e-6)
    return 100 * float(np.abs(mine - theirs)[both].mean()) / width


def _spread(values: Any) -> float:
    return float(np.abs(values - np.median(values)).mean())


def of_normals(now: Normals, before: Normals, motion: Motion) -> float:
    """Mean angle, in degrees."""
    theirs = motion.carry(before.xyz)
    length = np.linalg.norm(theirs, axis=-1)
    both = motion.seen & now.valid & (motion.carry(before.valid.astype(np.float32)) > 0.99) & (length > 0.1)
    cosine = (now.xyz * theirs).sum(-1)[both] / length[both]
    return float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean()) if both.any() else float("nan")


def of_labels(now: Labels, before: Labels, motion: Motion) -> float:
    """Pixels whose class changes, in percent."""
    theirs = motion.carry_nearest(before.ids.astype(np.float32))
    return 100 * float((now.ids != theirs)[motion.seen].mean())


def of_alpha(now: Alpha, before: Alpha, motion: Motion) -> float:
    """Mean change of the share of a name, in percent of the share itself."""
    theirs = motion.carry(np.moveaxis(before.alpha, 0, -1))
    change = np.abs(np.moveaxis(now.alpha, 0, -1) - theirs)[motion.seen].mean()
    size = max(float((now.alpha + before.alpha).mean()) / 2, 1e-4)
    return 100 * min(1.0, float(change) / size)


def of_things(now: Instances, before: Instances, motion: Motion) -> float:
    """What things lack of overlapping those that were moved there; those that come or go lack all. In percent."""
    known = [tracks.moved(one, motion) for one in tracks.TrackIds().meet(before, None)]
    owner = tracks.match(known, now)
    if not known and not len(now):
        return 0.0
    lacking = [1 - tracks.overlap(known[place], now, row) for row, place in owner.items()]
    alone = len(known) + len(now) - 2 * len(owner)
    return 100 * (2 * sum(lacking) + alone) / (len(known) + len(now))


def of_panoptic(now: Panoptic, before: Panoptic, motion: Motion) -> float:
    return of_labels(now, before, motion)


def of_points(now: Keypoints, before: Keypoints, motion: Motion) -> float:
    """Mean distance of points from where the flow has taken them, in percent of the body's diagonal."""
    away = np.linalg.norm(now.xy - motion.forward(before.xy.astype(np.float32)), axis=-1)
    known = np.isfinite(away)
    return 100 * float(away[known].mean()) / max(tracks.diagonal(now.xy), 1e-6) if known.any() else float("nan")


@dataclass(frozen=True)
class Measure:
    unit: str
    of: Callable[[Any, Any, Motion], float]


MEASURES: dict[type[Prediction], Measure] = {
    Depth: Measure("percent of depth a frame", of_depth),
    Normals: Measure("degrees a frame", of_normals),
    Labels: Measure("percent of pixels whose class changes, a frame", of_labels),
    Panoptic: Measure("percent of pixels whose class changes, a frame", of_panoptic),
    Instances: Measure("percent of overlap that things lack, a frame", of_things),
    Keypoints: Measure("percent of the body's diagonal, a frame", of_points),
    Alpha: Measure("percent of the mask, a frame", of_alpha),
    Edges: Measure("percent of the edges, a frame", of_alpha),
}


@dataclass(eq=False)
class Gauge:
    """What is measured of answers as they come."""

    before: Prediction | None = None
    changes: list[float] = field(default_factory=list)
    steps: list[scale.Step] = field(default_factory=list)
    unit: str = ""

    def add(self, answer: Prediction, motion: Motion | None) -> None:
        """One more answer, and the motion from the one before."""
        before, self.before = self.before, answer
        measure = MEASURES[type(answer)]
        self.unit = measure.unit
        same = before is not None and type(before) is type(answer) and before.size == answer.size
        if motion is not None and before is not None and same:
            self.changes.append(measure.of(answer, before, motion))
        if isinstance(answer, Depth):
            step = scale.step(answer, before, motion) if isinstance(before, Depth) else scale.Step(first=True)
            self.steps.append(step)

    def report(self, width: float) -> dict[str, float | None]:
        """`flicker`: the mean change along the flow. Of depth also `jitter`, by how much the scale of a frame leaves
        the smooth path of scales (root mean square, percent), and `drift`, from the lowest to the highest place of the
        smooth path in a shot (percent, the mean over shots)."""
        known = [one for one in self.changes if np.isfinite(one)]
        told: dict[str, float | None] = {"flicker": number(np.mean(known)) if known else None}
        return told | (_of_scale(self.steps, width) if self.steps else {})


def _of_scale(steps: Sequence[scale.Step], width: float) -> dict[str, float | None]:
    away, slow = [], []
    starts = [i for i, one in enumerate(steps) if one.first or i == 0]
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        _, offset = scale.path(steps[start:end])
        smooth = scale.smooth(offset, width)
        away.append(offset - smooth)
        slow.append(float(np.ptp(smooth)))
    jitter = float(np.sqrt(np.square(np.concatenate(away)).mean()))
    return {"jitter": number(100 * jitter), "drift": number(100 * float(np.mean(slow)))}


def number(value: Any) -> float:
    """Four digits."""
    return float(f"{float(value):.4g}")

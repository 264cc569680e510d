"""Filters in the space of answers: what a frame says, and what the frames before said of the same places.

Each is a running mean along the flow. A place that has been seen for n frames has weight n (at most MEMORY) against the
new frame's 1; one that has just come into view, that looks otherwise, or whose answer has really changed, begins anew,
so that edges which move are not smeared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from plantain._shapes import Float
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction
from plantain.video.motion import Motion
from plantain.video.scale import Correction, numbers
from plantain.video.tracks import PointTracks, SegmentTracks, ThingTracks

MEMORY = 8.0  # frames that the past of a place weighs at most
SAME_DEPTH = 0.15  # in logarithms, or in mean distances from the median of relative depth: more has really changed
SAME_DIRECTION = 0.35  # radians


class Filter(Protocol):
    """What a kind of answer goes through, frame by frame."""

    def step(self, answer: Any, motion: Motion | None, correction: Correction, /) -> Any:
        """The steadied answer; without motion, at the first frame and after a cut, it begins anew. `correction`: of
        the scale of depth."""
        ...


class Weights:
    """How much a new frame counts against the past, a share 0..1 a pixel."""

    def __init__(self) -> None:
        self.count: Float[np.ndarray, "h w"] | None = None

    def share(
        self, shape: tuple[int, ...], motion: Motion | None, same: Float[np.ndarray, "h w"] | None = None
    ) -> Float[np.ndarray, "h w"]:
        """1 where a place begins anew. `same` (0..1): how far a place still says what it said; 1 where not given."""
        weight = np.zeros(shape[:2], np.float32)
        if motion is not None and self.count is not None and self.count.shape == shape[:2]:
            weight = np.where(motion.seen, motion.carry(self.count) * (1 if same is None else same), 0)
        self.count = np.minimum(weight + 1, MEMORY).astype(np.float32)
        return np.asarray(1 / (weight + 1), np.float32)


def carried(kept: Any, shape: tuple[int, ...], motion: Motion | None) -> Any:
    """What is remembered, at this frame's pixels; None where nothing of this shape is."""
    return motion.carry(kept) if motion is not None and kept is not None and kept.shape == shape else None


def blended(now: Any, old: Any, share: Float[np.ndarray, "h w *n"]) -> Any:
    """The running mean; what begins anew is as it is now, whatever was there (which may be NaN)."""
    return now if old is None else np.where(share < 1, old + share * (now - old), now).astype(np.float32)


# ---- depth and normals


class DepthFilter:
    """Depth in logarithms (relative depth as it is), at the clip's steady scale."""

    def __init__(self) -> None:
        self.weights, self.kept = Weights(), None

    def step(self, answer: Depth, motion: Motion | None, correction: Correction) -> Depth:
        scaled = correction.apply(answer)
        now = numbers(scaled)
        old, same = carried(self.kept, now.shape, motion), None
        if old is not None and motion is not None:
            old = correction.before.of(old)
            both = motion.seen & np.isfinite(old) & np.isfinite(now)
            width = SAME_DEPTH if answer.scale == "metric" else SAME_DEPTH * max(_spread(now[both]), 1e-6)
            same = np.where(both, np.exp(-np.square((now - old) / np.float32(width))), 0)
        made = self.kept = blended(now, old, self.weights.share(now.shape, motion, same))
        values = np.exp(made) if answer.scale == "metric" else made
        return replace(scaled, values=np.where(answer.valid, values, scaled.values).astype(np.float32))


def _spread(values: Float[np.ndarray, "n"]) -> float:
    """Mean distance from the median."""
    return float(np.abs(values - np.median(values)).mean()) if values.size else 0.0


class NormalsFilter:
    """Directions; what is remembered turns with the camera first."""

    def __init__(self) -> None:
        self.weights, self.kept = Weights(), None

    def step(self, answer: Normals, motion: Motion | None, _: Correction) -> Normals:
        now = answer.xyz
        old, same = carried(self.kept, now.shape, motion), None
        if old is not None and motion is not None:
            both = motion.seen & answer.valid
            old = old @ _turn(old[both], now[both])
            cosine = (now * old).sum(-1) / np.maximum(np.linalg.norm(old, axis=-1), 1e-6)
            same = np.where(both, np.exp(-np.square(np.arccos(cosine.clip(-1, 1)) / SAME_DIRECTION)), 0)
        made = self.kept = blended(now, old, self.weights.share(now.shape, motion, same)[..., None])
        length = np.linalg.norm(made, axis=-1, keepdims=True)
        xyz = np.where(answer.valid[..., None], made / np.maximum(length, 1e-6), now)
        return replace(answer, xyz=xyz.astype(np.float32))


def _turn(old: Float[np.ndarray, "n 3"], now: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that brings directions onto others (Kabsch 1976), for row vectors."""
    if len(old) < 100:
        return np.eye(3, dtype=np.float32)
    u, _, v = np.linalg.svd(old.T.astype(np.float64) @ now)
    mirror = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    return np.asarray((u * mirror) @ v, np.float32)


# ---- shares: classes, masks, mattes, edges


class AlphaFilter:
    """A share 0..1 a pixel and name."""

    def __init__(self) -> None:
        self.weights, self.presence, self.kept = Weights(), Presence(), None

    def step(self, answer: Alpha, motion: Motion | None, _: Correction) -> Alpha:
        now = np.moveaxis(answer.alpha, 0, -1)
        old = carried(self.kept, now.shape, motion)
        made = self.kept = blended(now, old, self.weights.share(now.shape, motion)[..., None])
        alpha = np.ascontiguousarray(np.moveaxis(made, -1, 0))
        return replace(answer, alpha=alpha, presence=self.presence.step(answer.presence, motion))


class LabelsFilter:
    """Probabilities of the classes, "none of them" among them: one after the other, so that memory holds one plane of
    16 bits a class and little else."""

    def __init__(self) -> None:
        self.weights, self.presence = Weights(), Presence()
        self.kept: list[Float[np.ndarray, "h w"]] = []

    def step(self, answer: Labels, motion: Motion | None, _: Correction) -> Labels:
        shape, count = answer.ids.shape, len(answer.classes) + 1
        share = self.weights.share(shape, motion)
        known = self.kept if len(self.kept) == count else [None] * count
        best, ids = np.full(shape, -1, np.float32), np.zeros(shape, answer.ids.dtype)
        self.kept = []
        for i, now in enumerate(chances(answer)):
            made = blended(now, carried(known[i], shape, motion), share)
            better = made > best
            best[better], ids[better] = made[better], i if i < count - 1 else -1
            self.kept.append(made.astype(np.float16))
        confidence = np.where(ids == answer.ids, answer.confidence, np.minimum(best, answer.confidence))
        soft = None if answer.probabilities is None else np.stack(self.kept[:-1], -1).astype(np.float32)
        presence = self.presence.step(answer.presence, motion)
        return replace(answer, ids=ids, confidence=confidence.astype(np.float32), probabilities=soft, presence=presence)


class PanopticFilter:
    """Everything told apart: classes as in `LabelsFilter`; things keep their numbers, and pixels of their class."""

    def __init__(self) -> None:
        self.labels, self.tracks = LabelsFilter(), SegmentTracks()

    def step(self, answer: Panoptic, motion: Motion | None, correction: Correction) -> Panoptic:
        flat = self.labels.step(answer, motion, correction)
        owner = np.concatenate([[-1], answer.segment_labels])[answer.segments]
        segments = np.where(flat.ids == owner, answer.segments, 0).astype(answer.segments.dtype)
        tracks = self.tracks.step(answer, motion).tracks
        return replace(answer, ids=flat.ids, confidence=flat.confidence, probabilities=flat.probabilities,
                       presence=flat.presence, segments=segments, tracks=tracks)  # fmt: skip


def chances(answer: Labels) -> Iterator[Float[np.ndarray, "h w"]]:
    """The probability of every class, and at the end of none: as they were unmixed, or from the class and its
    confidence."""
    count = len(answer.classes) + 1
    if answer.probabilities is not None:
        yield from np.moveaxis(answer.probabilities, -1, 0)
        yield np.clip(1 - answer.probabilities.sum(-1), 0, 1)
        return
    own = np.maximum(answer.confidence, np.float32(1 / count))
    for place in (*range(count - 1), -1):
        yield np.where(answer.ids == place, own, (1 - own) / np.float32(count - 1))


class Presence:
    """The running mean of whether names are there."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}
        self.count = 0.0

    def step(self, now: Any, motion: Motion | None) -> Any:
        if now is None:
            return None
        if motion is None or self.kept.keys() != now.keys():
            self.kept, self.count = dict(now), 0.0
        share = 1 / (self.count + 1)
        self.kept = {name: self.kept[name] + share * (value - self.kept[name]) for name, value in now.items()}
        self.count = min(self.count + 1, MEMORY)
        return dict(self.kept)


FILTERS: dict[type[Prediction], Callable[[], Filter]] = {
    Depth: DepthFilter,
    Normals: NormalsFilter,
    Labels: LabelsFilter,
    Panoptic: PanopticFilter,
    Instances: ThingTracks,
    Keypoints: PointTracks,
    Alpha: AlphaFilter,
    Edges: AlphaFilter,
}

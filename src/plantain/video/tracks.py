"""Things and points from frame to frame: what is the same thing keeps its number.

A thing of the frame before is moved along the flow and given to the thing of its class that it overlaps most (IoU,
highest first). One that is not found again is remembered for a while, since generators miss things now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, UInt8
from plantain.predictions.boxes import boxes_around
from plantain.predictions.headline import COUNTS
from plantain.predictions.matching import thing_iou
from plantain.predictions.types import Instances, Keypoints, Panoptic
from plantain.video.motion import Motion

SAME = 0.3  # IoU from which a thing is the one that was moved there
PATIENCE = 12  # frames in which a thing that is not found is remembered
MEMORY = 4.0  # frames that the past of a box, a score or a point weighs at most
BODY = 0.06  # of a body's diagonal: a point that is farther off than its flow says has really moved


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing and what is known of it: `count` frames of it, `missing` since it was last found."""

    number: int
    label: int
    box: Float[np.ndarray, "4"]
    score: float
    mask: UInt8[np.ndarray, "h w"] | None
    count: float = 1.0
    missing: int = 0


class TrackIds:
    """Who is who. Numbers begin at 1 and are never given twice within a clip."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.given = 0

    def meet(self, found: Instances, motion: Motion | None) -> list[Thing]:
        """The things of a frame, row by row as they were found; then those that are missing but still counted."""
        known = [] if motion is None else [moved(one, motion) for one in self.things]
        owner = match(known, found)
        rows = [self._met(found, row, known[owner[row]] if row in owner else None) for row in range(len(found))]
        taken = set(owner.values())
        lost = [_missed(one) for place, one in enumerate(known) if place not in taken]
        self.things = rows + [one for one in lost if one.missing <= PATIENCE]
        return rows + [one for one in self.things[len(rows) :] if one.score >= COUNTS]

    def _met(self, found: Instances, row: int, old: Thing | None) -> Thing:
        box, score = found.boxes[row].astype(np.float32), float(found.scores[row])
        mask = None if found.masks is None else found.masks[row].astype(np.uint8) * 255
        if old is None:
            self.given += 1
            return Thing(self.given, int(found.labels[row]), box, score, mask)
        share = np.float32(1 / (old.count + 1))
        soft = mask if mask is None or old.mask is None else _mixed(old.mask, mask, share)
        score = old.score + float(share) * (score - old.score)
        count = min(old.count + 1, MEMORY)
        return Thing(old.number, old.label, old.box + share * (box - old.box), score, soft, count)


def _mixed(old: UInt8[np.ndarray, "h w"], now: UInt8[np.ndarray, "h w"], share: np.float32) -> UInt8[np.ndarray, "h w"]:
    return np.rint(old + share * (now.astype(np.float32) - old)).astype(np.uint8)


def _missed(one: Thing) -> Thing:
    """A thing that was not found: a score of 0 more."""
    return replace(one, score=one.score * one.count / (one.count + 1), missing=one.missing + 1)


def moved(one: Thing, motion: Motion) -> Thing:
    """A thing where the flow has taken it."""
    mask = None if one.mask is None else motion.carry_nearest(one.mask)
    x0, y0, x1, y1 = one.box
    grid = np.stack(np.meshgrid(np.linspace(x0, x1, 7)[1:-1], np.linspace(y0, y1, 7)[1:-1]), -1).reshape(-1, 2)
    grid = grid.astype(np.float32)
    away = np.median(motion.forward(grid) - grid, axis=0)
    return replace(one, box=(one.box + np.tile(away, 2)).astype(np.float32), mask=mask)


def match(known: Sequence[Thing], found: Instances) -> dict[int, int]:
    """Row of `found` -> place in `known`, each at most once, the greatest overlap first."""
    if not known or not len(found):
        return {}
    shared = thing_iou(_together(known, found), found)
    owner: dict[int, int] = {}
    for place, row in zip(*np.unravel_index(np.argsort(-shared, axis=None, kind="stable"), shared.shape), strict=True):
        if shared[place, row] < SAME:
            break
        if int(row) not in owner and int(place) not in owner.values():
            owner[int(row)] = int(place)
    return owner


def _together(known: Sequence[Thing], found: Instances) -> Instances:
    """Things as an answer like another one."""
    masks = None if any(one.mask is None for one in known) else np.stack([_on(one.mask) for one in known])
    return replace(
        found,
        boxes=np.stack([one.box for one in known]),
        labels=np.array([one.label for one in known], found.labels.dtype),
        scores=np.array([one.score for one in known], np.float32),
        masks=masks if found.masks is not None else None,
        tracks=None,
    )


def overlap(one: Thing, found: Instances, row: int) -> float:
    """IoU of a thing and one that was found."""
    return float(thing_iou(_together([one], found), found[[row]])[0, 0])


def _on(mask: UInt8[np.ndarray, "h w"] | None) -> Bool[np.ndarray, "h w"]:
    assert mask is not None
    return mask > 127


class ThingTracks:
    """Things with their numbers; boxes, scores and masks are running means along the flow."""

    def __init__(self) -> None:
        self.ids = TrackIds()

    def step(self, answer: Instances, motion: Motion | None, _: Any) -> Instances:
        things = self.ids.meet(answer, motion)
        masks = None
        if answer.masks is not None:
            masks = np.stack([_on(one.mask) for one in things]) if things else answer.masks
        steadied = replace(
            answer,
            boxes=np.array([one.box for one in things], np.float32).reshape(-1, 4),
            labels=np.array([one.label for one in things], answer.labels.dtype),
            scores=np.array([one.score for one in things], np.float32),
            masks=masks,
            tracks=np.array([one.number for one in things], np.int64),
        )
        return steadied[np.argsort(-steadied.scores, kind="stable")]


class SegmentTracks:
    """The things of everything told apart, with their numbers."""

    def __init__(self) -> None:
        self.ids = TrackIds()

    def step(self, answer: Panoptic, motion: Motion | None) -> Panoptic:
        numbers = np.arange(1, len(answer.segment_labels) + 1)
        masks = answer.segments[None] == numbers[:, None, None]
        found = Instances(
            boxes=boxes_around(masks),
            labels=answer.segment_labels,
            classes=answer.classes,
            scores=answer.segment_scores,
            masks=masks,
            confidence=answer.confidence,
        )
        tracks = [one.number for one in self.ids.meet(found, motion)[: len(found)]]
        return replace(answer, tracks=np.array(tracks, np.int64))


class PointTracks:
    """Named points, each a running mean along the flow."""

    def __init__(self) -> None:
        self.xy: Float[np.ndarray, "n 2"] | None = None
        self.count: Float[np.ndarray, "n"] = np.zeros(0, np.float32)
        self.names: tuple[str, ...] = ()

    def step(self, answer: Keypoints, motion: Motion | None, _: Any) -> Keypoints:
        now, count = answer.xy.astype(np.float32), np.zeros(len(answer.xy), np.float32)
        if motion is not None and self.xy is not None and self.names == answer.names:
            old = motion.forward(self.xy)
            away = np.linalg.norm(now - old, axis=-1) / max(BODY * diagonal(now), 1e-6)
            known = np.isfinite(away)
            count = np.where(known, self.count * np.exp(-np.square(np.where(known, away, 0))), 0).astype(np.float32)
            now = np.where((count > 0)[:, None], old + (now - old) / (count + 1)[:, None], now).astype(np.float32)
        self.xy, self.names = now, answer.names
        self.count = np.where(np.isfinite(now[:, 0]), np.minimum(count + 1, MEMORY), 0).astype(np.float32)
        return replace(answer, xy=now)


def diagonal(xy: Float[np.ndarray, "n 2"]) -> float:
    """Of the box around all points that have a place; 0 where none has."""
    known = xy[np.isfinite(xy).all(-1)]
    return float(np.linalg.norm(known.max(0) - known.min(0))) if len(known) else 0.0

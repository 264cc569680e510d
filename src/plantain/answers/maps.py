"""Answers that are maps: the prediction itself, with a line on what is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from plantain.answers import measures
from plantain.answers.seen import THERE, Seen, Thing, answer
from plantain.answers.types import Answer
from plantain.answers.words import number, the
from plantain.predictions.disparity import disparity
from plantain.predictions.headline import headline
from plantain.predictions.types import (
    Alpha,
    Depth,
    Edges,
    Instances,
    Keypoints,
    Labels,
    Normals,
    Panoptic,
    Prediction,
)
from plantain.tasks.language.english import plain
from plantain.tasks.language.plan import Question
from plantain.tasks.language.units import UNITS

SHOWN = 6  # classes that a line names
ON_BODY = 0.8  # of the points that are seen; where fewer lie on one body, that is said
Told = tuple[str, float]  # a line, and its confidence


def about_map(question: Question, seen: Seen) -> list[Answer]:
    """The map of each task."""
    reads = seen.of(question)
    if isinstance(reads[0], Keypoints) and len(reads) > 1:
        return [about_points(question, seen)]
    each = [(name,) for name in question.names] if len(reads) == len(question.names) else [question.names] * len(reads)
    answers = []
    for read, names in zip(reads, each, strict=True):
        said, confidence = TOLD[type(read)](read, replace(question, names=names))
        opencv = isinstance(read, Normals) and question.frame == "opencv"
        value: Any = read.to_opencv() if opencv and isinstance(read, Normals) else read
        answers.append(answer(question, said, value, confidence, names, (read,)))
    return answers


def about_points(question: Question, seen: Seen) -> Answer:
    """Named points, held against the mask of their body: where there is no such body there are no points, and points
    off it, or on several bodies, lower the confidence by their share."""
    (body,), points = seen.things(replace(question, names=())), seen.of(question)[0]
    assert isinstance(points, Keypoints)
    thing = replace(body, name=plain(body.name))
    if not thing.is_there(THERE):
        return thing.absent(question, ", so no points")
    said, confidence = _keypoints(points, question)
    share = measures.on_one(points, thing.mask)
    sure = confidence * share * thing.presence
    if share < ON_BODY:
        said = f"{said}, of which {_percent(share)} lie on one {thing.name}"
    return answer(question, said, points, sure, thing.name, (points, thing.answer))


def about_disparity(question: Question, seen: Seen) -> list[Answer]:
    """Nearness of every pixel, 1 = nearest."""
    (depth,) = seen.of(question)
    assert isinstance(depth, Depth)
    confidence = headline(depth)
    said = "disparity: 1 where it is nearest, 0 where it is farthest"
    return [answer(question, said, disparity(depth), confidence, (), (depth,))]


def _depth(read: Depth, question: Question) -> Told:
    confidence = headline(read)
    if read.scale != "metric":
        return "relative depth of the whole picture", confidence
    if not read.valid.any():
        return "depth: known nowhere", confidence
    unit = question.unit or "m"
    metres = read.metres[read.valid]
    low, middle, high = (float(m) / UNITS[unit][0] for m in (metres.min(), np.median(metres), metres.max()))
    return f"depth: {number(low)} to {number(high)} {unit}, half of it within {number(middle)} {unit}", confidence


def _normals(read: Normals, question: Question) -> Told:
    return f"normals of {_percent(float(read.valid.mean()))} of the picture", headline(read)


def _labels(read: Labels, question: Question) -> Told:
    """The classes by their share of the picture."""
    labeled = read.ids >= 0
    shares = np.bincount(read.ids[labeled].ravel(), minlength=len(read.classes)) / read.ids.size
    order = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0]
    if not order:
        return f"none found of {', '.join(read.classes[:SHOWN])}", headline(read)
    told = ", ".join(f"{read.classes[i]} {_percent(float(shares[i]))}" for i in order[:SHOWN])
    more = f" and {len(order) - SHOWN} more" if len(order) > SHOWN else ""
    things = f"; {len(read.segment_labels)} segments" if isinstance(read, Panoptic) else ""
    return f"{told}{more}{things}", headline(read)


def _instances(read: Instances, question: Question) -> Told:
    """How many things count; the mean of their scores, or the confidence that there is none."""
    many, _, _ = measures.count(read.scores)
    name = question.names[0] if len(question.names) == 1 else read.classes[0]
    return f"{name}: {many or 'none'}", headline(read)


def _keypoints(read: Keypoints, question: Question) -> Told:
    return f"{int(read.visible.sum())} of {len(read.names)} points seen", headline(read)


def _edges(read: Edges, question: Question) -> Told:
    return f"edges on {_percent(float(read.masks[0].mean()))} of the picture", headline(read)


def _masks(read: Alpha, question: Question) -> Told:
    """The share of each thing; the confidence of their pixels, or that none of them is there."""
    things = [Thing(name, read, i) for i, name in enumerate(read.names)]
    there = [thing for thing in things if thing.is_there()]
    shares = [_percent(float(t.mask.mean())) + " of the picture" if t in there else "not found" for t in things]
    said = "; ".join(f"{the(thing.name)}: {share}" for thing, share in zip(things, shares, strict=True))
    if not there:
        return said, 1 - max(thing.presence for thing in things)
    return said, min(thing.confidence for thing in there)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


TOLD: dict[type[Prediction], Callable[[Any, Question], Told]] = {
    Depth: _depth,
    Normals: _normals,
    Labels: _labels,
    Panoptic: _labels,
    Instances: _instances,
    Keypoints: _keypoints,
    Alpha: _masks,
    Edges: _edges,
}

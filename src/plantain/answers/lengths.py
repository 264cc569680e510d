"""Answers in lengths: how far a thing is, how far two are apart, which is nearer, and where everything is in space."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import pairwise

import numpy as np

from plantain._shapes import Bool, Float
from plantain.answers import measures
from plantain.answers.seen import Seen, Thing, answer
from plantain.answers.sizes import too_large
from plantain.answers.types import Answer
from plantain.answers.words import number, the
from plantain.output.formats import points
from plantain.predictions.headline import mean_of
from plantain.predictions.types import Depth
from plantain.tasks.language.plan import Question, joined
from plantain.tasks.language.units import UNITS

SIDE_WORDS = {"height": "high", "width": "wide", "length": "long"}
BOTH = ("height", "width")  # what is told of the size of a thing
SIDES: dict[str | None, tuple[str, ...]] = {side: (side,) for side in SIDE_WORDS}


def about_distance(question: Question, seen: Seen) -> list[Answer]:
    """How far each thing is from the camera, or two things are from each other."""
    if question.between:
        return [_between(question, seen)]
    return [_distance(thing, question, seen) for thing in seen.things(question)]


def _distance(thing: Thing, question: Question, seen: Seen) -> Answer:
    """The median depth inside its mask; its presence times the confidence of these pixels, and less where it would be
    larger there than such a thing can be: then it may be as much nearer."""
    depth = seen.depth(question)
    if not thing.is_there():
        return thing.absent(question, ", so no distance")
    where = measures.known(depth, thing.mask)
    if not where.any():
        return _without_depth(thing, question, depth)
    unit, per = _unit(question)
    low, middle, high = (value / per for value in _range(depth, where))
    times = too_large(thing.name, thing.mask, middle * per, seen.known_focal)
    low = min(low, middle / times)
    said = f"{the(thing.name)}: {number(middle)} {unit} ({number(low)} to {number(high)})"
    said += f", where it would be {number(times)} times too large" if times > 1 else ""
    confidence = thing.presence * mean_of(depth.confidence, where) / times
    return answer(question, said, middle, confidence, thing.name, (thing.answer, depth), unit, (low, high))


def _range(depth: Depth, where: Bool[np.ndarray, "h w"]) -> tuple[float, float, float]:
    """Low, middle and high of a thing's depth in meters: what varies over the thing, and what the map may be off."""
    return measures.widened(*measures.spread(depth.metres[where]), mean_of(depth.confidence, where))


def _without_depth(thing: Thing, question: Question, depth: Depth) -> Answer:
    """A thing that is there, but too far or otherwise without a depth, as the sky is."""
    said = f"{the(thing.name)}: found, but its depth is not known"
    confidence = thing.presence * mean_of(depth.confidence, thing.mask)
    return answer(question, said, None, confidence, thing.name, (thing.answer, depth))


def _between(question: Question, seen: Seen) -> Answer:
    """From the middle of one thing to the middle of the other."""
    depth, pair = seen.depth(question), seen.things(question)
    for thing in pair:
        if not thing.is_there():
            return thing.absent(question, ", so no distance")
        if not measures.known(depth, thing.mask).any():
            return _without_depth(thing, question, depth)
    masks = [measures.known(depth, thing.mask) for thing in pair]
    unit, per = _unit(question)
    right = min(mean_of(depth.confidence, mask) for mask in masks)
    lengths = measures.gap(*(_points(depth, mask, seen.focal) for mask in masks))
    low, middle, high = (metres / per for metres in measures.widened(*lengths, right))
    confidence = float(np.prod([thing.presence for thing in pair]) * right)
    first, second = (the(thing.name) for thing in pair)
    said = f"from {first} to {second}: {number(middle)} {unit} ({number(low)} to {number(high)})"
    read = (pair[0].answer, depth)
    return answer(question, said, middle, confidence, question.names, read, unit, (low, high))


def about_size(question: Question, seen: Seen) -> list[Answer]:
    """The height and the width of each thing as it is seen: the extent of its mask at its median depth. What it
    measures along the line of sight is not told."""
    depth, answers = seen.depth(question), []
    for thing in seen.things(question):
        if not thing.is_there():
            answers.append(thing.absent(question, ", so no size"))
        elif not (where := measures.known(depth, thing.mask)).any():
            answers.append(_without_depth(thing, question, depth))
        else:
            answers += [_side(side, thing, where, question, seen) for side in SIDES.get(question.side, BOTH)]
    return answers


def _side(side: str, thing: Thing, where: Bool[np.ndarray, "h w"], question: Question, seen: Seen) -> Answer:
    """One side of a thing; its interval is that of the depth."""
    depth, (unit, per) = seen.depth(question), _unit(question)
    width, height = measures.extent(thing.mask)
    pixels = {"height": height, "width": width, "length": max(width, height)}[side]
    low, middle, high = (pixels / seen.focal * metres / per for metres in _range(depth, where))
    said = f"{the(thing.name)}: {number(middle)} {unit} {SIDE_WORDS[side]} ({number(low)} to {number(high)})"
    if touches_border(thing.mask):
        said += ", and it may go on beyond the picture"
    confidence = thing.presence * min(thing.confidence, mean_of(depth.confidence, where))
    return answer(question, said, middle, confidence, thing.name, (thing.answer, depth), unit, (low, high))


def touches_border(mask: Bool[np.ndarray, "h w"]) -> bool:
    """Whether a mask reaches the border of the picture."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def about_order(question: Question, seen: Seen) -> list[Answer]:
    """Things by their median depth, nearest first.

    Confidence: the share of pairs of pixels that say the same, from each to the next, times every presence."""
    depth, things, unit_of = seen.depth(question), seen.things(question), _unit(question)
    for thing in things:
        if not thing.is_there():
            return [thing.absent(question, ", so nothing to compare")]
        if not measures.known(depth, thing.mask).any():
            return [_without_depth(thing, question, depth)]
    depths = {thing.name: depth.metres[measures.known(depth, thing.mask)] for thing in things}
    order = sorted(depths, key=lambda name: float(np.median(depths[name])))
    orders = (measures.nearer(depths[one], depths[other]) for one, other in pairwise(order))
    confidence = reduce(lambda a, b: a * b, (*orders, *(thing.presence for thing in things)))
    told = [f"{number(float(np.median(depths[name])) / unit_of[1])} {unit_of[0]}" for name in order]
    if len(order) == 2:
        said = f"{the(order[0])} is nearer than {the(order[1])}: {told[0]} against {told[1]}"
    else:
        others = joined([f"{the(name)} ({far})" for name, far in zip(order[1:], told[1:], strict=True)])
        said = f"{the(order[0])} is nearest ({told[0]}), then {others}"
    return [answer(question, said, tuple(order), confidence, question.names, (things[0].answer, depth))]


def about_cloud(question: Question, seen: Seen) -> list[Answer]:
    """Points of everything, or of each thing alone: (n 3) in the unit, +x right, +y up, +z to the viewer."""
    things = seen.things(question)
    if not things:
        return [_cloud("point cloud", None, 1.0, question, seen)]
    return [
        _cloud(f"point cloud of {the(thing.name)}", thing, thing.presence, question, seen)
        if thing.is_there()
        else thing.absent(question, ", so no points")
        for thing in things
    ]


def _cloud(about: str, thing: Thing | None, present: float, question: Question, seen: Seen) -> Answer:
    """The points of a thing, or of everything where it is None; `present` is how probable it is to be there at all."""
    depth, (unit, per) = seen.depth(question), _unit(question)
    mask = np.ones(depth.values.shape, bool) if thing is None else thing.mask
    cloud = _points(depth, mask, seen.focal) / np.float32(per)
    confidence = present * mean_of(depth.confidence, mask & depth.valid)
    names, read = ((), (depth,)) if thing is None else ((thing.name,), (thing.answer, depth))
    told = answer(question, f"{about}: {len(cloud)} points in {unit}", cloud, confidence, names, read, unit)
    return replace(told, mask=None if thing is None else mask)


def _points(depth: Depth, mask: Bool[np.ndarray, "h w"], focal_px: float) -> Float[np.ndarray, "n 3"]:
    """The points of a mask in meters, in the frame of the camera."""
    return points(replace(depth, valid=depth.valid & mask), focal_px)[0]


def _unit(question: Question) -> tuple[str, float]:
    """The unit of the answer, and meters in one."""
    unit = question.unit or "m"
    return unit, UNITS[unit][0]

"""Answers about things without their depth: how many, where, whether they are there, and cut out."""

from __future__ import annotations

from dataclasses import replace

from plantain.answers import measures
from plantain.answers.seen import THERE, Seen, answer
from plantain.answers.types import Answer
from plantain.answers.words import the, thirds
from plantain.output.pictures import cutout
from plantain.predictions.boxes import box_around
from plantain.predictions.headline import COUNTS
from plantain.predictions.types import Instances
from plantain.tasks.language.plan import Question

SHOWN = 5  # things whose place is told in a line


def about_count(question: Question, seen: Seen) -> list[Answer]:
    """How many things of each name have a score that counts (`headline.COUNTS`)."""
    return [_count(name, question, found) for name, found in _found(question, seen)]


def _count(name: str, question: Question, found: Instances) -> Answer:
    many, (low, high), confidence = measures.count(found.scores)
    around = f" ({low} to {high})" if low != high else ""
    said = f"{name}: {many or 'none'}{around}"
    if not many and found.presence:
        confidence = 1 - max(found.presence.values())
    return answer(question, said, many, confidence, name, (found,), interval=(low, high))


def about_place(question: Question, seen: Seen) -> list[Answer]:
    """The box of each thing, and the third of the photo that the middle of its box lies in.

    Confidence: of a mask that of its pixels, of things that may be many the mean of their scores."""
    many = [_places(name, question, found, seen.size) for name, found in _found(question, seen)]
    one = []
    for thing in seen.things(question):
        if not thing.is_there():
            one.append(thing.absent(question))
            continue
        box = tuple(map(float, box_around(thing.mask)))
        said = f"{the(thing.name)}: {thirds(box, seen.size)} (box {_told(box)})"
        confidence = thing.confidence
        one.append(answer(question, said, box, confidence, thing.name, (thing.answer,)))
    return one + many


def _places(name: str, question: Question, found: Instances, size: tuple[int, int]) -> Answer:
    kept = found.scores >= COUNTS
    boxes = measures.boxes_of(found.boxes[kept])
    if not boxes:
        return replace(_count(name, question, found), value=None, interval=None)
    places = "; ".join(f"{thirds(box, size)} (box {_told(box)})" for box in boxes[:SHOWN])
    more = f"; and {len(boxes) - SHOWN} more" if len(boxes) > SHOWN else ""
    said = f"{name}: {len(boxes)}: {places}{more}"
    return answer(question, said, boxes, float(found.scores[kept].mean()), name, (found,))


def _found(question: Question, seen: Seen) -> list[tuple[str, Instances]]:
    """Things one by one, a class each, under the names that were typed where these are as many."""
    found = [one for one in seen.of(question) if isinstance(one, Instances)]
    names = question.names if len(question.names) == len(found) else [one.classes[0] for one in found]
    return list(zip(names, found, strict=True))


def about_presence(question: Question, seen: Seen) -> list[Answer]:
    """Whether each thing is there: its presence is at least `THERE`; confidence is the probability of what is said."""
    answers = []
    for thing in seen.things(question):
        there = thing.presence >= THERE
        said = f"{thing.name}: {'yes' if there else 'no'} ({100 * thing.presence:.0f} % that it is there)"
        confidence = thing.presence if there else 1 - thing.presence
        answers.append(answer(question, said, there, confidence, thing.name, (thing.answer,)))
    return answers


def about_cutout(question: Question, seen: Seen) -> list[Answer]:
    """Each thing on transparent ground: RGBA (h w 4) at the photo's size."""
    answers = []
    for thing in seen.things(question):
        if not thing.is_there():
            answers.append(thing.absent(question, ", so nothing to cut out"))
            continue
        share = 100 * float(thing.mask.mean())
        said = f"{the(thing.name)}: cut out, {share:.2g} % of the picture"
        confidence = thing.confidence
        pixels = cutout(seen.pixels, thing.alpha)
        answers.append(answer(question, said, pixels, confidence, thing.name, (thing.answer,)))
    return answers


def _told(box: tuple[float, ...]) -> str:
    return " ".join(f"{round(side)}" for side in box)

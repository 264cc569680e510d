"""A true answer as a question wants it: brought to the names and the kind that are asked for, and painted so.

Label maps, masks and things stand for one another by their names. Examples that are shown with a question, and those
that training shows, go through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from plantain._shapes import Bool, Shaped, UInt8
from plantain.errors import TruthError
from plantain.predictions.types import Alpha, Depth, Instances, Labels
from plantain.tasks.base import Task
from plantain.tasks.language.english import bare
from plantain.tasks.targets import alpha_of, ids_of, masks_of

HALF = 0.5
REST = "background"  # in a truth, the class that is none of those that are asked for


def as_asked(task: Task, truth: Any) -> Any:
    """A truth as the kind that the question wants, in the order of its names: label maps, masks and things stand for
    one another by their names. Its confidence is 0 where the truth is not known. A finished painting (uint8, h w 3)
    stays as it is, and so does an answer without names."""
    if isinstance(truth, np.ndarray) and truth.dtype == np.uint8 and truth.ndim == 3:
        return truth
    if task.kind is Labels:
        return as_labels(truth, task.queries, getattr(task, "background", None) is not None)
    return as_masks(truth, task.queries or (task.name,)) if issubclass(task.kind, Alpha) else truth


def as_labels(truth: Any, classes: tuple[str, ...], rest: bool) -> Labels:
    """With a `rest`, -1 is none of the classes; but where the truth has a class named "background", that is none of
    them, and its own -1 is unknown, as is every -1 without a rest. Of things that overlap the smaller one counts."""
    known = names_of(truth) or classes
    if isinstance(truth, Alpha | Instances):
        ids = np.full(truth.confidence.shape, -1)
        planes = as_masks(truth, classes).alpha > HALF
        for i in np.argsort(-planes.sum((1, 2)), kind="stable"):
            ids[planes[i]] = i
        unknown = np.zeros(ids.shape, bool)
    else:
        raw = ids_of(truth, known)
        ids = np.array([*(number_of(own, classes) for own in known), -1])[raw]
        unknown = (raw < 0) & (number_of(REST, known) >= 0)
    sure = getattr(truth, "confidence", np.float32(1))
    unsure = unknown | ((ids < 0) & (not rest))
    return Labels(ids=ids.astype(np.int16), classes=classes, confidence=np.where(unsure, np.float32(0), sure))


def as_masks(truth: Any, names: tuple[str, ...]) -> Alpha:
    """A mask for each name; one mask alone is that of the one name, whatever it is called."""
    alone = isinstance(truth, Alpha) and len(truth.names) == len(names) == 1
    known = () if alone else names_of(truth)
    stack = np.array([mask_of(truth, n) for n in names], np.float32) if known else alpha_of(truth, "the mask")
    if len(stack) != len(names):
        raise TruthError(f"{len(stack)} masks were given for {len(names)} names: {', '.join(names)}")
    sure = getattr(truth, "confidence", np.ones(stack.shape[1:], np.float32))
    if isinstance(truth, Labels) and number_of(REST, known) >= 0:
        sure = np.where(truth.ids < 0, np.float32(0), sure)
    return Alpha(alpha=stack, names=names, confidence=sure)


def mask_of(truth: Labels | Instances | Alpha, name: str) -> Shaped[np.ndarray, "h w"]:
    """Where what is called so is; nowhere, if nothing is."""
    which = [i for i, own in enumerate(names_of(truth)) if same(own, name)]
    if isinstance(truth, Labels):
        return np.isin(truth.ids, which)
    planes = masks_of(truth)[np.isin(truth.labels, which)] if isinstance(truth, Instances) else truth.alpha[which]
    return np.asarray(planes.max(0, initial=0))


def names_of(truth: Any) -> tuple[str, ...]:
    """The names in a truth; () for arrays and for what has none."""
    return tuple(getattr(truth, "classes", getattr(truth, "names", ())))


def number_of(name: str, names: Sequence[str]) -> int:
    """The place of a name among others, -1 if it is not among them."""
    return next((i for i, other in enumerate(names) if same(name, other)), -1)


def same(one: str, other: str) -> bool:
    """Whether two names are one but for an article and capitals."""
    return bare(one).casefold() == bare(other).casefold()


def painted(task: Task, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
    """A truth in the question's code. A pixel whose class is unknown gets the nearest one's; so does one without depth,
    where depth is known at fewer than half of the pixels (LiDAR)."""
    if isinstance(truth, np.ndarray) and truth.dtype == np.uint8 and truth.ndim == 3:
        return truth
    if isinstance(truth, Depth) and 0 < truth.valid.mean() < HALF:
        truth = replace(truth, values=filled(truth.values, truth.valid), valid=np.ones_like(truth.valid))
    if isinstance(truth, Labels):
        truth = replace(truth, ids=filled(truth.ids, truth.confidence > 0))
    return task.encode(truth)


def filled(values: Shaped[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"]) -> Shaped[np.ndarray, "h w"]:
    """Values where they are known; elsewhere the nearest known one of the row, or of the nearest row that has any."""
    rows = np.flatnonzero(known.any(1))
    if not len(rows):
        return values
    column = np.arange(known.shape[1])
    left = np.maximum.accumulate(np.where(known[rows], column, -len(column)), 1)
    right = np.minimum.accumulate(np.where(known[rows], column, 2 * len(column))[:, ::-1], 1)[:, ::-1]
    found = np.take_along_axis(values[rows], np.where(column - left <= right - column, left, right), 1)
    away = np.abs(np.arange(len(known))[:, None] - rows)
    return np.asarray(found[away.argmin(1)])

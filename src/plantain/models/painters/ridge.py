"""Ridge regression in closed form, chosen by leaving out one photo after the other. NumPy only.

Of each photo only sums over its cells are kept: a fit without a photo is the fit of the sums less its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from plantain._shapes import Float

RIDGES = (0.01, 0.05, 0.25)  # for a thousand units of weight
BALANCE = 0.5  # a cell weighs as much as its classes are rare, to this power
SHIFTS = (0.0, 0.25, 0.5)  # what lifts the rare further: scores are divided by frequency to this power
POWERS = (1.0, 1.5, 2.0, 3.0, 4.0)  # that sharpen probabilities
USUAL = (0.05, 0.25, 1.5)  # ridge, shift and power of one photo alone, where there is nothing to choose by
NEARLY = 0.01  # of mIoU: so much must a step away from the least shift gain, since photos are few
LEAST = 1e-3  # of a score
FOLDS = 10  # more photos than these are left out in groups


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one photo: features, what each should say (of classes: shares that sum to 1), and how much of it is
    known, 0..1."""

    features: Float[np.ndarray, "n d"]
    targets: Float[np.ndarray, "n k"]
    known: Float[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Sums:
    """What cells give to a fit: X'WX, X'WY, and the sum of the weights W."""

    gram: Float[np.ndarray, "d d"]
    cross: Float[np.ndarray, "d k"]
    weight: float

    @classmethod
    def of(cls, photo: Cells, weight: Float[np.ndarray, " n"]) -> Sums:
        x = photo.features.astype(np.float32)
        scaled = x * weight[:, None]
        return cls(scaled.T @ x, scaled.T @ photo.targets, float(weight.sum()))

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.gram + other.gram, self.cross + other.cross, self.weight + other.weight)

    def __sub__(self, other: Sums) -> Sums:
        return Sums(self.gram - other.gram, self.cross - other.cross, self.weight - other.weight)

    def solve(self, ridge: float) -> Float[np.ndarray, "d k"]:
        """argmin over B of the sum of W |XB - Y|^2, plus ridge / 1000 * (sum of W) * |B|^2."""
        strength = max(ridge * self.weight / 1000, 1e-12) * np.eye(len(self.gram), dtype=self.gram.dtype)
        return np.linalg.solve(self.gram + strength, self.cross)


@dataclass(frozen=True, eq=False)
class Fit:
    """`weights` make scores of features. `frequency` of each class, 0 for those that no example shows; empty where the
    scores are values and no classes."""

    weights: Float[np.ndarray, "d k"]
    frequency: Float[np.ndarray, " _k"]
    ridge: float
    shift: float
    power: float

    def read(self, scores: Float[np.ndarray, "*shape k"]) -> Float[np.ndarray, "*shape k"]:
        """Scores as values 0..1; of classes as probabilities, which sum to 1."""
        return readings(scores, self.frequency, self.shift, self.power)


def readings(
    scores: Float[np.ndarray, "*shape k"], frequency: Float[np.ndarray, " _k"], shift: float, power: float
) -> Float[np.ndarray, "*shape k"]:
    """`Fit.read` by its numbers."""
    if not len(frequency):
        return scores.clip(0, 1)
    lift = np.where(frequency > 0, np.maximum(frequency, 1e-9) ** -shift, 0)
    odds = (np.maximum(scores, np.float32(LEAST)) * (lift / lift.max()).astype(np.float32)) ** np.float32(power)
    return odds / odds.sum(-1, keepdims=True)


def fit(photos: Sequence[Cells], *, classes: bool) -> tuple[Fit, list[Float[np.ndarray, "_n k"]]]:
    """The fit to all photos, and the readings of each photo's cells by a fit that has not seen it ([] for one photo).

    Ridge and shift are those with the best mean IoU of what was left out (of values: the least squared error), and the
    power is the one that makes the truth likeliest."""
    weights, frequency = balanced(photos, classes)
    groups = folds(len(photos))
    sums = [reduce(Sums.__add__, (Sums.of(photos[i], weights[i]) for i in group)) for group in groups]
    whole = reduce(Sums.__add__, sums)
    ridge, shift, power = USUAL
    if len(photos) == 1:
        return Fit(whole.solve(ridge), frequency, ridge, shift, power), []
    tried = {ridge: left_out(photos, groups, sums, ridge) for ridge in RIDGES}
    worth = {
        (ridge, shift): agreement(photos, [readings(s, frequency, shift, 1) for s in scores], classes) - NEARLY * place
        for ridge, scores in tried.items()
        for place, shift in enumerate(SHIFTS if classes else SHIFTS[:1])
    }
    ridge, shift = max(worth, key=lambda pair: worth[pair])
    powers = {p: likelihood(photos, [readings(s, frequency, shift, p) for s in tried[ridge]]) for p in POWERS}
    power = max(powers, key=lambda p: powers[p]) if classes else 1.0
    chosen = Fit(whole.solve(ridge), frequency, ridge, shift, power)
    return chosen, [chosen.read(scores) for scores in tried[ridge]]


def balanced(photos: Sequence[Cells], classes: bool) -> tuple[list[Float[np.ndarray, " _n"]], Float[np.ndarray, " _k"]]:
    """The weight of each photo's cells, and how frequent each class is."""
    if not classes:
        return [photo.known for photo in photos], np.zeros(0, np.float32)
    totals = np.sum([photo.known @ photo.targets for photo in photos], axis=0)
    frequency = (totals / totals.sum()).astype(np.float32)
    rare = np.where(frequency > 0, np.maximum(frequency, 1e-9) ** -BALANCE, 0).astype(np.float32)
    return [photo.known * (photo.targets @ (rare / (rare @ frequency))) for photo in photos], frequency


def folds(count: int) -> list[list[int]]:
    """Numbers of photos in groups that are left out together: of one photo each, as long as they are few.

    >>> folds(3), [len(group) for group in folds(25)]
    ([[0], [1], [2]], [3, 3, 3, 3, 3, 2, 2, 2, 2, 2])
    """
    return [list(range(count))[start::FOLDS] for start in range(min(count, FOLDS))]


def left_out(
    photos: Sequence[Cells], groups: Sequence[Sequence[int]], sums: Sequence[Sums], ridge: float
) -> list[Float[np.ndarray, "_n k"]]:
    """The scores of each photo's cells by a fit to the other groups' photos; `sums` are those of the groups."""
    whole, scores = reduce(Sums.__add__, sums), dict[int, np.ndarray]()
    for group, own in zip(groups, sums, strict=True):
        weights = (whole - own).solve(ridge)
        scores |= {i: photos[i].features.astype(np.float32) @ weights for i in group}
    return [scores[i] for i in range(len(photos))]


def agreement(photos: Sequence[Cells], values: Sequence[Float[np.ndarray, "_n k"]], classes: bool) -> float:
    """Mean IoU over the classes that are there; of values the squared error, negative."""
    if not classes:
        errors = [photo.known @ np.square(photo.targets - v).mean(1) for photo, v in zip(photos, values, strict=True)]
        return -float(sum(errors) / sum(photo.known.sum() for photo in photos))
    return float(np.nanmean(overlap(photos, values)))


def overlap(photos: Sequence[Cells], values: Sequence[Float[np.ndarray, "_n k"]]) -> Float[np.ndarray, " k"]:
    """IoU of each class, cells counted by the shares of their true classes; NaN for a class that is nowhere."""
    table = np.zeros((values[0].shape[1],) * 2, np.float32)
    for photo, probabilities in zip(photos, values, strict=True):
        said = np.eye(probabilities.shape[1], dtype=np.float32)[probabilities.argmax(1)]
        table += (photo.targets * photo.known[:, None]).T @ said
    hit, there = np.diag(table), table.sum(1)
    union = there + table.sum(0) - hit
    return np.where(there > 0, hit / np.maximum(union, 1e-9), np.nan)


def likelihood(photos: Sequence[Cells], values: Sequence[Float[np.ndarray, "_n k"]]) -> float:
    """Sum over cells of the log of the probability that the truth was given."""
    return float(sum(photo.known @ (photo.targets * np.log(np.maximum(v, 1e-6))).sum(1)
                     for photo, v in zip(photos, values, strict=True)))  # fmt: skip

"""What a benchmark asks about a photo, and how the answer and the truth become what a metric takes.

A question gives its tasks for a photo (random legends come from the run's seed and the photo's id), the metric's two
arguments, the worst answer there could be (a picture that failed counts so), and what the confidence should have known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from plantain import tasks
from plantain.bench.metrics.detection import Found, Truths, box_overlaps
from plantain.data.base import Example
from plantain.data.excerpts import annotated, png
from plantain.tasks import Task

Rng = np.random.Generator
FEWEST, MOST, SHARE = 3, 8, 0.01  # own words: so many classes, each of at least this share of the picture


class Belief(NamedTuple):
    """n values: stated confidence 0..1, whether the answer was right there, and how wrong it was (its own unit)."""

    confidence: np.ndarray
    right: np.ndarray
    error: np.ndarray


@runtime_checkable
class Question(Protocol):
    """One kind of question with its rules."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        """The tasks to be asked about this photo; none where it has nothing to ask for."""
        ...

    def truth(self, example: Example, asked: Sequence[Task]) -> Any:
        """The metric's second argument."""
        ...

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        """The truth as a kind, for an oracle to paint."""
        ...

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Any:
        """The metric's first argument."""
        ...

    def worst(self, truth: Any) -> Any:
        """The metric's first argument where there is no answer."""
        ...

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        """What the confidence said and what it should have said."""
        ...


@dataclass(frozen=True)
class MetricDepth:
    """Metres of every pixel; nothing is told of the camera."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.MetricDepth()]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        known: Any = example.truth("depth")
        return np.where(known.valid, known.values, 0).astype(np.float32)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth("depth")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].metres)

    def worst(self, truth: np.ndarray) -> np.ndarray:
        return np.full_like(truth, 1e-6)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth > 0
        metres, true = np.maximum(answers[0].metres[known], 1e-6), truth[known]
        right = np.maximum(metres / true, true / metres) < 1.25
        return Belief(answers[0].confidence[known], right, np.abs(metres - true) / true)


@dataclass(frozen=True)
class RelativeDepth(MetricDepth):
    """Depth up to a scale and a shift, which the metric fits; the worst answer is for a metric without alignment."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.RelativeDepth()]

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("depth")
        low, high = np.percentile(known.values[known.valid], (0, 100))
        share = ((known.values - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
        return replace(known, values=share, scale="affine")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].relative)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth > 0
        relative, true = answers[0].relative[known].astype(float), truth[known].astype(float)
        slope, shift = np.polyfit(relative, true, 1) if np.ptp(relative) > 0 else (0.0, true.mean())
        fitted = np.maximum(slope * relative + shift, 1e-6)
        right = np.maximum(fitted / true, true / fitted) < 1.25
        return Belief(answers[0].confidence[known], right, np.abs(fitted - true) / true)


@dataclass(frozen=True)
class Normals:
    """Unit normals of every pixel inside `inside` (rows, columns), where the truth has one."""

    inside: tuple[slice, slice] = (slice(None), slice(None))

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Normals()]

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray]:
        known: Any = example.truth("normals")
        return known.xyz[self.inside], known.valid[self.inside]

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("normals")
        forward = np.array([0, 0, 1], np.float32)
        return replace(known, xyz=np.where(known.valid[..., None], known.xyz, forward))

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].xyz[self.inside])

    def worst(self, truth: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return -truth[0]

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        xyz, valid = self.truth(example, asked)
        cosine = (answers[0].xyz[self.inside] * xyz).sum(-1)[valid].clip(-1, 1)
        angle = np.degrees(np.arccos(cosine))
        return Belief(answers[0].confidence[self.inside][valid], angle < 11.25, angle)


@dataclass(frozen=True)
class Classes:
    """The class of every pixel, under a legend of random colours. `classes` are the metric's; pixels of others do not
    count. `own`: each photo's own commonest classes are asked, up to 8; photos with fewer than 3 are left out."""

    classes: tuple[str, ...]
    label: str = "labels"
    own: bool = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        names = self._own(example) if self.own else list(self.classes)
        return [tasks.Semantic.of(names, background=None, seed=int(rng.integers(1 << 30)))] if names else []

    def _own(self, example: Example) -> list[str]:
        true = self._ids(example)
        share = np.bincount(true[true >= 0], minlength=len(self.classes)) / true.size
        names = [self.classes[i] for i in np.argsort(-share, kind="stable")[:MOST] if share[i] >= SHARE]
        return names if len(names) >= FEWEST else []

    def _ids(self, example: Example) -> np.ndarray:
        true: Any = example.truth(self.label)
        return self._of(true.ids, true.classes)

    def _of(self, ids: np.ndarray, classes: Sequence[str]) -> np.ndarray:
        """Ids of `classes` as ids of the metric's; -1 for others."""
        place = {name: i for i, name in reversed(list(enumerate(self.classes)))}
        return np.array([*(place.get(name, -1) for name in classes), -1])[ids]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        true = self._ids(example)
        if not self.own:
            return true
        wanted: Any = asked[0]
        return np.where(np.isin(true, [self.classes.index(name) for name in wanted.legend]), true, -1)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth(self.label)

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return self._of(answers[0].ids, answers[0].classes)

    def worst(self, truth: np.ndarray) -> np.ndarray:
        return np.full_like(truth, -1)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth >= 0
        right = (self.answer(answers, example, asked) == truth)[known]
        return Belief(answers[0].confidence[known], right, 1.0 - right)


@dataclass(frozen=True)
class Mask:
    """The mask of one thing by its name."""

    text: str
    label: str = "mask"

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Refer(self.text)]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        true: Any = example.truth(self.label)
        return (true.alpha[0] > 0.5).astype(np.uint8)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth(self.label)
        return replace(true, names=(self.text,))

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].masks[0])

    def worst(self, truth: np.ndarray) -> np.ndarray:
        return np.asarray(truth == 0)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        right = (self.answer(answers, example, asked) == (self.truth(example, asked) > 0)).ravel()
        return Belief(answers[0].confidence.ravel(), right, 1.0 - right)


@dataclass(frozen=True)
class Joints:
    """Named points of one person or face."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        true: Any = example.truth("keypoints")
        return [tasks.Keypoints(names=true.names)] if true.visible.any() else []

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray, float]:
        true: Any = example.truth("keypoints")
        return np.nan_to_num(true.xy), true.visible, 0.0

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth("keypoints")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        true: Any = example.truth("keypoints")
        where = dict(zip(answers[0].names, answers[0].xy, strict=True))
        return np.array([where.get(name, (np.nan, np.nan)) for name in true.names], np.float32)

    def worst(self, truth: tuple[np.ndarray, np.ndarray, float]) -> np.ndarray:
        return np.full_like(truth[0], np.nan)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        xy, known, _ = self.truth(example, asked)
        with np.errstate(invalid="ignore"):
            away = np.hypot(*(self.answer(answers, example, asked) - xy).T)[known]
        side = float(np.ptp(xy[known], axis=0).max())
        scores = dict(zip(answers[0].names, answers[0].scores, strict=True))
        true: Any = example.truth("keypoints")
        said = np.array([scores.get(name, 0.0) for name in true.names])[known]
        return Belief(said, np.nan_to_num(away, nan=np.inf) < 0.2 * side, np.nan_to_num(away, nan=10 * side) / side)


@dataclass(frozen=True)
class Boundaries:
    """Edges, as several annotators drew them."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Edges()]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        return annotated(example.facts["bounds"], example.facts["annotators"])

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth("edges")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].alpha[0])

    def worst(self, truth: np.ndarray) -> np.ndarray:
        return np.zeros(truth.shape[1:], np.float32)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        """Strength is the share of annotators who drew here; right: within a fifth of it."""
        true: Any = example.truth("edges")
        gap = np.abs(answers[0].alpha[0] - true.alpha[0]).ravel()
        return Belief(answers[0].confidence.ravel(), gap < 0.2, gap)


@dataclass(frozen=True)
class Matte:
    """The alpha matte of one thing; the trimap says where the metric looks."""

    text: str = "main object"

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Matte(self.text)]

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray]:
        true: Any = example.truth("alpha")
        return true.alpha[0], png(example.facts["trimap"]) == 128

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth("alpha")
        return replace(true, names=(self.text,))

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].alpha[0].clip(0, 1))

    def worst(self, truth: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return 1 - truth[0]

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        true, where = self.truth(example, asked)
        gap = np.abs(answers[0].alpha[0] - true)[where]
        return Belief(answers[0].confidence[where], gap < 0.1, gap)


@dataclass(frozen=True)
class Things:
    """All things of one class, as boxes or with masks; photos without one are asked too. Groups count neither way."""

    name: str
    masks: bool = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Instances(self.name) if self.masks else tasks.Detect(self.name)]

    def _true(self, example: Example, which: str) -> Any:
        """Instances of the class, or none."""
        every: Any = example.truth("instances")
        chosen: Any = example.truth(which) if which in example.truths else None
        keep = np.zeros(0, int)
        if chosen is not None and self.name in chosen.classes:
            keep = np.flatnonzero(chosen.labels == chosen.classes.index(self.name))
        source = every if chosen is None else chosen
        return replace(
            source, masks=source.masks[keep], boxes=source.boxes[keep], labels=np.zeros(len(keep), np.int64),
            scores=source.scores[keep], classes=(self.name,),
        )  # fmt: skip

    def truth(self, example: Example, asked: Sequence[Task]) -> Truths:
        things, crowds = self._true(example, "instances"), self._true(example, "crowds")
        masks = np.concatenate([things.masks, crowds.masks])
        boxes = np.concatenate([things.boxes, crowds.boxes]).astype(float)
        group = np.arange(len(masks)) >= len(things.masks)
        return Truths(boxes, np.zeros(len(masks), int), masks.sum((1, 2)).astype(float), group, masks)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._true(example, "instances")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Found:
        seen = answers[0]
        labels = np.zeros(len(seen.scores), int)
        return Found(seen.boxes.astype(float), labels, seen.scores.astype(float), seen.masks)

    def worst(self, truth: Truths) -> Found:
        none = None if truth.masks is None else truth.masks[:0]
        return Found(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), none)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        found, true = self.answer(answers, example, asked), self.truth(example, asked)
        near = box_overlaps(found.boxes, true.boxes, true.crowds).max(1, initial=0.0)
        return Belief(found.scores, near > 0.5, 1 - near)

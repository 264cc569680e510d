"""Classes, masks, mattes and edges: what a pixel belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.data.excerpts import annotated, png
from plantain.eval.adapters.base import Belief, Rng
from plantain.eval.metrics.referring import IGNORED
from plantain.tasks import Task

FEWEST, MOST, SHARE = 3, 8, 0.01  # own words: so many classes, each of at least this share of the picture


@dataclass(frozen=True)
class Classes:
    """The class of every pixel, under a legend of random colours. `classes` are the metric's; pixels of others do not
    count. `own`: each photo's own commonest classes are asked, up to 8; photos with fewer than 3 are left out. `rest`
    names the class that is not asked for: the background, which an answer of none stands for."""

    classes: tuple[str, ...]
    label: str = "labels"
    own: bool = False
    rest: str = ""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        names = [n for n in (self._own(example) if self.own else self.classes) if n != self.rest]
        ground = (0, 0, 0) if self.rest else None
        return (
            [tasks.SemanticSegmentation.of(names, background=ground, seed=int(rng.integers(1 << 30)))] if names else []
        )

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
        return np.where(np.isin(true, [self.classes.index(name) for name in wanted.classes]), true, -1)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth(self.label)

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        ids = self._of(answers[0].ids, answers[0].classes)
        return np.where(ids < 0, self.classes.index(self.rest), ids) if self.rest else ids

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
        return [tasks.ReferringSegmentation(self.text)]

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
class Phrase(Mask):
    """The mask of what the photo's own expression means; pixels that nobody decided do not count."""

    text: str = ""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.ReferringSegmentation(example.facts["expression"])]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        on = super().truth(example, asked)
        if "ignored" in example.truths:
            undecided: Any = example.truth("ignored")
            on = np.where(undecided.alpha[0] > 0.5, np.uint8(IGNORED), on)
        return on

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth(self.label)
        return replace(true, names=(example.facts["expression"],))

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth != IGNORED
        right = (self.answer(answers, example, asked) == (truth > 0))[known]
        return Belief(answers[0].confidence[known], right, 1.0 - right)


@dataclass(frozen=True)
class Matte:
    """The alpha matte of one thing; the trimap says where the metric looks."""

    text: str = "main object"

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Matting(self.text)]

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
class Boundaries:
    """Edges, as several annotators drew them."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.EdgeDetection()]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        if "annotators" in example.truths:
            apart: Any = example.truth("annotators")
            return apart.alpha > 0
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

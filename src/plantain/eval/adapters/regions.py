"""Classes, masks, mattes and edges: what a pixel belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.data.excerpts import annotated, png
from plantain.eval.adapters.base import EvalAdapter, Rng
from plantain.eval.metrics.referring import IGNORED
from plantain.tasks import Task

FEWEST, MOST, SHARE = 3, 8, 0.01  # own words: so many classes, each of at least this share of the picture


@dataclass(frozen=True)
class SemanticAdapter(EvalAdapter):
    """The class of every pixel, under a legend of random colors. `classes` are the metric's; pixels of others do not
    count. `own`: each photo's own commonest classes are asked, up to 8; photos with fewer than 3 are left out. `rest`
    names the class that is not asked for: the background, which an answer of none stands for."""

    classes: tuple[str, ...]
    label: str = "labels"
    own: bool = False
    rest: str = ""

    @property
    def same_question(self) -> bool:
        return not self.own

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        names = [n for n in (self._own(example) if self.own else self.classes) if n != self.rest]
        ground = (0, 0, 0) if self.rest else None
        seed = int(rng.integers(1 << 30))
        return [tasks.SemanticSegmentation.of(names, background=ground, seed=seed)] if names else []

    def _own(self, example: Example) -> list[str]:
        true = self._ids(example)
        share = np.bincount(true[true >= 0], minlength=len(self.classes)) / true.size
        names = [self.classes[i] for i in np.argsort(-share, kind="stable")[:MOST] if share[i] >= SHARE]
        return names if len(names) >= FEWEST else []

    def _ids(self, example: Example) -> np.ndarray:
        return self._indices(example.truth(self.label))

    def _indices(self, labels: Any) -> np.ndarray:
        """The ids of any label map as indices of the metric's classes; -1 for others."""
        place = {name: i for i, name in reversed(list(enumerate(self.classes)))}
        return np.array([*(place.get(name, -1) for name in labels.classes), -1])[labels.ids]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        true = self._ids(example)
        if not self.own:
            return true
        wanted: Any = asked[0]
        return np.where(np.isin(true, [self.classes.index(name) for name in wanted.classes]), true, -1)

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        ids = self._indices(answers[0])
        return np.where(ids < 0, self.classes.index(self.rest), ids) if self.rest else ids


@dataclass(frozen=True)
class MaskAdapter(EvalAdapter):
    """The mask of one thing by its name."""

    text: str
    label: str = "mask"

    def _text(self, example: Example) -> str:
        return self.text

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.ReferringSegmentation(self._text(example))]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        true: Any = example.truth(self.label)
        return (true.alpha[0] > 0.5).astype(np.uint8)

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].masks[0])

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth(self.label)
        return replace(true, names=(self._text(example),))


@dataclass(frozen=True)
class PhraseAdapter(MaskAdapter):
    """The mask of what the photo's own expression means; pixels that nobody decided do not count."""

    text: str = ""
    same_question = False

    def _text(self, example: Example) -> str:
        return str(example.facts["expression"])

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        on = super().truth(example, asked)
        if "ignored" in example.truths:
            undecided: Any = example.truth("ignored")
            on = np.where(undecided.alpha[0] > 0.5, np.uint8(IGNORED), on)
        return on


@dataclass(frozen=True)
class MatteAdapter(MaskAdapter):
    """The alpha matte of one thing; the trimap says where the metric looks."""

    text: str = "main object"
    label: str = "alpha"

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.Matting(self.text)]

    def truth(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth("alpha")
        return true.alpha[0], png(example.facts["trimap"]) == 128

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].alpha[0].clip(0, 1))


@dataclass(frozen=True)
class EdgesAdapter(EvalAdapter):
    """Edges, as several annotators drew them."""

    label = "edges"
    question = tasks.EdgeDetection

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        if "annotators" in example.truths:
            apart: Any = example.truth("annotators")
            return apart.alpha > 0
        return annotated(example.facts["bounds"], example.facts["annotators"])

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].alpha[0])

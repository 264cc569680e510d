"""Presence and grounding: whether a thing is there at all, and which one a phrase means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.eval.adapters.base import EvalAdapter, Rng
from plantain.predictions.boxes import box_around
from plantain.predictions.calibration import PRESENCE
from plantain.predictions.types import Alpha, Labels
from plantain.tasks import Task


@dataclass(frozen=True)
class PresenceAdapter(EvalAdapter):
    """Whether a thing is in the photo: one class that is, one that is not, drawn from `names` by the run's seed."""

    names: tuple[str, ...]
    label: str = "instances"  # or "labels", of which every class with a pixel is there
    same_question = False

    def _masks(self, example: Example) -> dict[str, np.ndarray]:
        """Where each class is, by name (h w); one of a group without masks of its own is nowhere, and there."""
        every: Any = example.truth(self.label)
        if isinstance(every, Labels):
            return {every.classes[i]: every.ids == i for i in np.unique(every.ids[every.ids >= 0])}
        masks = {name: np.zeros(every.confidence.shape, bool) for name in example.facts.get("crowd_classes", ())}
        for i in np.unique(every.labels):
            masks[every.classes[i]] = every.masks[every.labels == i].any(0)
        return masks

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        there = self._masks(example)
        groups = [[n for n in self.names if n in there], [n for n in self.names if n not in there]]
        return [tasks.ReferringSegmentation(group[int(rng.integers(len(group)))]) for group in groups if group]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        there = self._masks(example)
        return np.array([text(task) in there for task in asked])

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        shape, there = example.truth(self.label).confidence.shape, self._masks(example)
        masks = [there.get(text(task), np.zeros(shape, bool)) for task in asked]
        return Alpha(
            alpha=np.array(masks, np.float32), names=tuple(map(text, asked)), confidence=np.ones(shape, np.float32)
        )

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.array([presence_of(a, text(t)) for a, t in zip(answers, asked, strict=True)])

    confidence = answer

    def calibrates(self, asked: Sequence[Task]) -> str:
        return PRESENCE


@dataclass(frozen=True)
class GroundingAdapter(EvalAdapter):
    """Boxes of what expressions mean, read off their masks; an expression that fits nothing wants an empty answer."""

    same_question = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.ReferringSegmentation(row["text"]) for row in example.facts["expressions"]]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        """n x 4, NaN where nothing fits."""
        nothing = [np.nan] * 4
        return np.array([row["box"] or nothing for row in example.facts["expressions"]], float)

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        from plantain.imaging.photo import read_photo

        height, width = read_photo(example.photo).shape[:2]
        masks = np.zeros((len(asked), height, width), np.float32)
        for mask, box in zip(masks, self.truth(example, asked), strict=True):
            if np.isfinite(box[0]):
                x0, y0, x1, y1 = np.round(box).astype(int)
                mask[y0:y1, x0:x1] = 1
        return Alpha(alpha=masks, names=tuple(map(text, asked)), confidence=np.ones((height, width), np.float32))

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.array([box_of(a) for a in answers]).reshape(-1, 4)

    def confidence(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        """How far presence is from one half."""
        presence = np.array([presence_of(a, text(t)) for a, t in zip(answers, asked, strict=True)])
        return np.abs(2 * presence - 1)

    def calibrates(self, asked: Sequence[Task]) -> None:
        """Whether a phrase's box is the right one is not what the confidence of its pixels says."""


def text(task: Any) -> str:
    """What a question about one thing names."""
    return str(task.text)


def presence_of(answer: Any, name: str) -> float:
    """The probability that it is there; of an answer without one, whether it has any pixel."""
    presence = (answer.presence or {}).get(name)
    return float(answer.masks.any()) if presence is None else float(presence)


def box_of(answer: Any) -> list[float]:
    """The box around a mask; NaN for an empty one, or a thing that is said not to be there."""
    on = answer.masks[0]
    if not on.any() or presence_of(answer, answer.names[0]) < 0.5:
        return [np.nan] * 4
    return list(map(float, box_around(on)))

"""What was read from the paintings of one photo, thing by thing: what every kind of answer starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, UInt8
from plantain.answers.types import Answer
from plantain.answers.words import the
from plantain.imaging.photo import read_photo
from plantain.output.formats import focal_of
from plantain.predictions.headline import COUNTS, of_mask
from plantain.predictions.types import Alpha, Depth, Prediction
from plantain.tasks import Task
from plantain.tasks.language.plan import Question

THERE = COUNTS  # from this presence on a thing is there, where that is the question
GRANTED = 0.25  # and where the question takes it for granted: who asks how far the cup is sees a cup


@dataclass(frozen=True, eq=False)
class Seen:
    """The answer to every task of a plan about one photo of `size` (width, height), and its camera: `focal_px` or the
    horizontal `fov_deg`."""

    painted: Mapping[Task, Prediction]
    photo: Any
    size: tuple[int, int]
    focal_px: float | None = None
    fov_deg: float | None = None

    @cached_property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The photo, read where an answer is made of it."""
        return read_photo(self.photo)

    @property
    def focal(self) -> float:
        """The focal length in pixels; UsageError where no camera is said."""
        return focal_of(self.size[0], self.focal_px, self.fov_deg)

    @property
    def known_focal(self) -> float | None:
        """The focal length in pixels; None where no camera is said."""
        return None if self.focal_px is None and self.fov_deg is None else self.focal

    def of(self, question: Question) -> tuple[Prediction, ...]:
        """What was read for a question, in the order of its tasks."""
        return tuple(self.painted[task] for task in question.tasks)

    def depth(self, question: Question) -> Depth:
        """The metric depth that was read for a question."""
        return next(one for one in self.of(question) if isinstance(one, Depth))

    def things(self, question: Question) -> list[Thing]:
        """The things whose masks were painted for a question, each by its name."""
        alphas = [one for one in self.of(question) if isinstance(one, Alpha)]
        found = [(alpha, i) for alpha in alphas for i in range(len(alpha.names))]
        typed = question.names if len(question.names) == len(found) else [alpha.names[i] for alpha, i in found]
        return [Thing(name, alpha, i) for name, (alpha, i) in zip(typed, found, strict=True)]


@dataclass(frozen=True, eq=False)
class Thing:
    """The `place`-th mask of an answer, under the name that was typed."""

    name: str
    answer: Alpha
    place: int

    @property
    def alpha(self) -> Float[np.ndarray, "h w"]:
        return self.answer.alpha[self.place]

    @property
    def mask(self) -> Bool[np.ndarray, "h w"]:
        return np.asarray(self.alpha > 0.5)

    @property
    def presence(self) -> float:
        """The probability that it is in the photo; its strongest pixel where the model says none."""
        said = (self.answer.presence or {}).get(self.answer.names[self.place])
        return float(self.alpha.max(initial=0.0)) if said is None else float(said)

    @property
    def confidence(self) -> float:
        """Of its pixels and of its doubtful border."""
        return of_mask(self.answer, self.place)

    def is_there(self, least: float = GRANTED) -> bool:
        """Whether it has a mask, and a presence of at least this."""
        return self.presence >= least and bool(self.mask.any())

    def absent(self, question: Question, so: str = "") -> Answer:
        """The answer where it is not found. `so`: what follows from that, as in ", so no distance"."""
        said = f"{the(self.name)}: not found{so}"
        return answer(question, said, None, 1 - self.presence, self.name, (self.answer,))


def answer(
    question: Question, said: str, value: object, confidence: float, names: str | tuple[str, ...],
    predictions: tuple[Prediction, ...], unit: str | None = None, interval: tuple[float, float] | None = None,
) -> Answer:  # fmt: skip
    """One answer to a question."""
    named = (names,) if isinstance(names, str) else names
    sure = float(np.clip(confidence, 0, 1))
    return Answer(said, value, unit, interval, sure, predictions, question.want, named)

"""What a benchmark asks about a photo, and how the answer and the truth become what a metric takes.

A question gives its tasks for a photo (random legends come from the run's seed and the photo's id), the metric's two
arguments, the worst answer there could be (a picture that failed counts so), and what the confidence should have known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from plantain.data.base import Example
from plantain.tasks import Task

Rng = np.random.Generator


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

"""What a benchmark asks about a photo, and how answers and truths become what a metric takes.

An adapter gives the tasks for a photo (random legends come from the run's seed and the photo's id) and the metric's two
arguments. What is right, how wrong, and what the worst answer is, the metric knows (`metrics.base.BenchmarkMetric`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from plantain.data.base import Example
from plantain.tasks import Task

Rng = np.random.Generator


class EvalAdapter(ABC):
    """One kind of question with its rules: a frozen dataclass."""

    label: str = ""  # the name of the truth among those of an Example
    question: ClassVar[type[Task]]  # of adapters that ask every photo the same, without a parameter

    @property
    def same_question(self) -> bool:
        """Whether every photo is asked the same, but for the colors of a legend: only then can examples be shown."""
        return True

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        """The tasks to be asked about this photo; none where it has nothing to ask for."""
        return [self.question()]

    @abstractmethod
    def truth(self, example: Example, asked: Sequence[Task]) -> Any:
        """The metric's second argument."""

    @abstractmethod
    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> Any:
        """The metric's first argument, from a prediction for each task."""

    def confidence(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        """The confidence 0..1 of everything that the metric judges."""
        return np.asarray(answers[0].confidence)

    def calibrates(self, asked: Sequence[Task]) -> str | None:
        """The task whose confidence these answers calibrate; None where what is judged is not what it is about."""
        return asked[0].name

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        """The truth as a prediction, for an oracle to paint."""
        return example.truth(self.label)

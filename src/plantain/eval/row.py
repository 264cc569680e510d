"""What a benchmark is: a row with every rule that its figure hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from plantain.data.base import Example
from plantain.eval.adapters import Belief, Question
from plantain.eval.metrics.base import Metric, Row
from plantain.eval.metrics.calibration import Calibration, Sparsification
from plantain.eval.metrics.depth import Depth
from plantain.tasks import Task

BELIEFS = 4000  # values of confidence a picture that are kept, evenly taken
CALIBRATION, SPARSIFICATION = Calibration(bins=15), Sparsification("mean")


@dataclass(frozen=True)
class Reference:
    """A primary figure that somebody published: not run here, and by their own protocol, which may differ."""

    model: str
    value: float
    source: str


@dataclass(frozen=True)
class Benchmark:
    """One row. `protocol`: crop, cap, alignment and legend in words; `trivial`: what an answer that looks at no photo
    gets, with how; `better`: whether the primary figure should be high or low; `reference`: published figures."""

    id: str
    read: Callable[[Path], list[Example]]
    question: Question
    metric: Metric
    primary: str
    protocol: str
    better: Literal["higher", "lower"] = "higher"
    trivial: str = ""
    version: int = 1
    source: str = ""
    n: int | None = None  # how many pictures the split has, and
    split: str = ""  # the first digits of its hash (`run.split_hash`); where they are said, others are refused
    reference: tuple[Reference, ...] = ()

    def measure(self, answers: Sequence[Any] | None, example: Example, asked: Sequence[Task]) -> dict[str, Row]:
        """The rows of one picture: `score`, and of an answer also `calibration` and `sparsification`."""
        truth = self.question.truth(example, asked)
        if answers is None:
            return {"score": unaligned(self.metric).measure(self.question.worst(truth), truth)}
        score = self.metric.measure(self.question.answer(answers, example, asked), truth)
        belief = thinned(self.question.belief(answers, example, asked))
        calibration = CALIBRATION.measure(belief.confidence, belief.right)
        return {"score": score, "calibration": calibration,
                "sparsification": SPARSIFICATION.measure((belief.error, 1 - belief.confidence))}  # fmt: skip


def unaligned(metric: Metric) -> Metric:
    """The metric for the worst answer, which no alignment may save."""
    return replace(metric, alignment="none") if isinstance(metric, Depth) else metric


def thinned(belief: Belief) -> Belief:
    """At most BELIEFS values, evenly taken."""
    step = max(1, len(belief.confidence) // BELIEFS)
    return Belief(*(np.asarray(values, float)[::step] for values in belief))

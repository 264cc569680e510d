"""What a benchmark is: a row with every rule that its figure hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from plantain.data.base import Example
from plantain.eval.adapters import EvalAdapter
from plantain.eval.metrics.base import BenchmarkMetric, Row
from plantain.eval.metrics.calibration import Calibration, Sparsification
from plantain.tasks import Task

MAX_SAMPLES = 4000  # values of confidence a picture that are kept, evenly taken
CALIBRATION, SPARSIFICATION = Calibration(bins=15), Sparsification("mean")


class CalibrationSamples(NamedTuple):
    """n values: confidence 0..1, whether the answer was right there, and how wrong it was (its own unit)."""

    confidence: np.ndarray
    right: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class Reference:
    """A primary figure that somebody published: not run here, and by their own protocol, which may differ."""

    model: str
    value: float
    source: str


@dataclass(frozen=True)
class Benchmark:
    """One row. `protocol`: crop, cap, alignment and legend in words; `baseline`: what an answer that looks at no photo
    gets, with how; `better`: whether the primary figure should be high or low; `reference`: published figures; `train`:
    reads the training half, from which examples are drawn (none where the set has no such half)."""

    id: str
    read: Callable[[Path], list[Example]]
    adapter: EvalAdapter
    metric: BenchmarkMetric
    primary: str
    protocol: str
    better: Literal["higher", "lower"] = "higher"
    baseline: str = ""
    version: int = 1
    source: str = ""
    n: int | None = None  # how many pictures the split has, and
    split: str = ""  # the first digits of its hash (`run.split_hash`); where they are said, others are refused
    reference: tuple[Reference, ...] = ()
    train: Callable[[Path], list[Example]] | None = None

    def measure(self, answers: Sequence[Any], truth: Any, asked: Sequence[Task]) -> dict[str, Row]:
        """The rows of one picture: `score`, `calibration` and `sparsification`; `truth` is the adapter's."""
        score = self.metric.measure(self.adapter.answer(answers, asked), truth)
        samples = self.calibration_samples(answers, truth, asked)
        return {"score": score, "calibration": CALIBRATION.measure(samples.confidence, samples.right),
                "sparsification": SPARSIFICATION.measure((samples.error, 1 - samples.confidence))}  # fmt: skip

    def worst(self, truth: Any) -> dict[str, Row]:
        """The row of a picture without an answer."""
        return {"score": self.metric.worst(truth)}

    def calibration_samples(self, answers: Sequence[Any], truth: Any, asked: Sequence[Task]) -> CalibrationSamples:
        """What the confidence said of one picture and what was so: at most MAX_SAMPLES values, evenly taken."""
        counts, right, error = self.metric.judge(self.adapter.answer(answers, asked), truth)
        confidence = self.adapter.confidence(answers, asked)[counts]
        step = max(1, len(confidence) // MAX_SAMPLES)
        return CalibrationSamples(*(np.asarray(values, float)[::step] for values in (confidence, right, error)))

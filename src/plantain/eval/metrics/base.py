"""What a metric is: `measure` takes one picture's answer and truth and gives sufficient statistics, `reduce` makes
scores of many pictures' statistics. Both are pure. Pooled figures and means over pictures come from the same rows, and
a bootstrap interval is `reduce` over resampled rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from plantain.errors import UsageError

Row = Mapping[str, Any]  # the sufficient statistics of one picture: small arrays and numbers
Scores = dict[str, float]  # by name: fractions (not percent), metres, degrees; NaN where nothing was to be measured


@runtime_checkable
class Reduction(Protocol):
    """Scores from statistics: all that a bootstrap needs."""

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """The scores of many pictures."""
        ...


@runtime_checkable
class Metric(Reduction, Protocol):
    """One metric with its rules: a frozen dataclass whose fields are the rules (crop, cap, alignment, thresholds)."""

    def measure(self, pred: Any, truth: Any) -> Row:
        """The statistics of one picture."""
        ...


class Judged(NamedTuple):
    """What an answer's confidence should have known. `counts`: of which of its elements (pixels, things, joints) the
    truth says anything; of those n, whether each is right (see `predictions.calibration`) and how wrong (own unit)."""

    counts: np.ndarray
    right: np.ndarray
    error: np.ndarray


@runtime_checkable
class BenchmarkMetric(Metric, Protocol):
    """A metric that also scores pictures without an answer, and judges an answer element by element."""

    def worst(self, truth: Any) -> Row:
        """The statistics of the worst answer there could be: a picture that failed counts so."""
        ...

    def judge(self, pred: Any, truth: Any) -> Judged:
        """Right and wrong, element by element."""
        ...


def total(rows: Sequence[Row], name: str) -> Any:
    """The sum of one statistic over pictures."""
    return np.sum([row[name] for row in rows], axis=0)


def mean_of_pictures(rows: Sequence[Row], name: str) -> float:
    """The mean of one statistic over the pictures where it is a number; NaN where it never is."""
    values = np.array([float(row[name]) for row in rows])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def check_size(pred: tuple[int, ...], truth: tuple[int, ...]) -> None:
    """UsageError where an answer and its truth have unlike sizes: silently resizing either would change the figure."""
    if pred != truth:
        raise UsageError(f"the answer is {pred}, its truth {truth}; bring the answer to the truth's size")

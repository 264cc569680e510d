"""Two runs of one benchmark on their common pictures: who is better, and is it more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.errors import UsageError
from plantain.eval.metrics.base import Metric, Reduction, Row
from plantain.eval.run import Run
from plantain.eval.scores import DRAWS, interval, rows_of

FLIPS = 10_000


@dataclass(frozen=True)
class Comparison:
    """`difference`: second minus first, of the primary figure, with its 95 % interval; `p`: of a sign-flip test on the
    pictures' own figures; how many pictures the second wins, ties and loses."""

    benchmark: str
    figure: str
    better: str
    n: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int


def compare(first: Run, second: Run, draws: int = DRAWS) -> Comparison:
    """UsageError for unlike benchmarks or versions, and where the runs share no picture."""
    row = first.benchmark
    if (row.id, row.version) != (second.benchmark.id, second.benchmark.version):
        raise UsageError(f"{row.id} version {row.version} and {second.benchmark.id} version {second.benchmark.version} "
                         "are unlike rows; compare runs of one benchmark")  # fmt: skip
    for run in (first, second):
        run.require_fresh()
    ours, theirs = ({line["id"]: line for line in run.lines() if "rows" in line} for run in (first, second))
    common = [example.id for example in first.examples if example.id in ours and example.id in theirs]
    if not common:
        raise UsageError(f"{first.folder} and {second.folder} have no picture in common; run both on the same ones")
    a, b = (rows_of([lines[i] for i in common], "score") for lines in (ours, theirs))
    x, y = row.metric.reduce(a)[row.primary], row.metric.reduce(b)[row.primary]
    low, high = paired(row.metric, (row.primary,), a, b, draws)[row.primary]
    gaps = each(row.metric, row.primary, b) - each(row.metric, row.primary, a)
    good = gaps if row.better == "higher" else -gaps
    return Comparison(row.id, row.primary, row.better, len(common), x, y, y - x, low, high, sign_flip(gaps),
                      int((good > 0).sum()), int((good == 0).sum()), int((good < 0).sum()))  # fmt: skip


def pair_runs(first: Path, second: Path) -> list[tuple[Path, Path]]:
    """Pairs of runs: the two folders themselves, or the runs of one name inside both. UsageError for none."""
    if (first / "run.json").is_file() or (second / "run.json").is_file():
        return [(first, second)]
    names = sorted(path.parent.name for path in first.glob("*/run.json"))
    pairs = [(first / name, second / name) for name in names if (second / name / "run.json").is_file()]
    if not pairs:
        raise UsageError(f"{first} and {second} hold no runs of one name; give two runs, or two folders of runs")
    return pairs


def holm(ps: Sequence[float]) -> list[float]:
    """p values adjusted for being several: the chance that any of them is small by luck is held. Source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order, out, least = np.argsort(ps), [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, float(ps[place]) * (len(ps) - rank)))
        out[int(place)] = round(least, 12)
    return out


def each(metric: Metric, name: str, rows: list[Row]) -> Float[np.ndarray, "n"]:
    """The figure of each picture by itself; 0 where it has none."""
    return np.nan_to_num(np.array([metric.reduce([row])[name] for row in rows], float))


def paired(
    metric: Reduction, names: Sequence[str], a: Sequence[Row], b: Sequence[Row], draws: int, seed: int = 1
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of differences, the same pictures drawn for both (Efron and Tibshirani 1993)."""
    rng = np.random.default_rng(seed)
    gaps: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(draws):
        chosen: Any = rng.integers(0, len(a), len(a))
        x, y = (metric.reduce([rows[i] for i in chosen]) for rows in (a, b))
        for name, values in gaps.items():
            values.append(y[name] - x[name])
    return {name: interval(values) for name, values in gaps.items()}


def sign_flip(gaps: Float[np.ndarray, "n"], seed: int = 1) -> float:
    """Two-sided p of the mean gap when each may as well have had the other sign (Fisher 1935); exact up to 12 pictures,
    else of 10,000 flips, the observed one among them."""
    n, seen = len(gaps), abs(gaps.mean())
    if n <= 12:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ gaps / n) >= seen - 1e-12).mean())
    signs = np.random.default_rng(seed).choice([-1, 1], (FLIPS, n))
    return float((1 + (np.abs(signs @ gaps / n) >= seen - 1e-12).sum()) / (FLIPS + 1))

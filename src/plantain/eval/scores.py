"""Lines of a run -> figures with 95 % intervals by bootstrap over pictures. No picture is looked at again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from plantain.errors import UsageError
from plantain.eval.metrics.base import Reduction, Row

if TYPE_CHECKING:
    from plantain.eval.row import Benchmark

# id, state ("ok", "failed", "no truth" or "nothing to ask"), hashes, seconds, usd, rows by name, error
SampleResult = dict[str, Any]
DRAWS = 2000
COSTS = ("seconds", "usd")  # of a line: what the answer took, which no figure hangs on


def costs(lines: Sequence[SampleResult]) -> dict[str, float | None]:
    """Mean seconds and USD of the pictures that were asked about, each None where no line has it."""
    found = {name: [line[name] for line in lines if name in line] for name in COSTS}
    return {name: round(float(np.mean(values)), 6) if values else None for name, values in found.items()}


def rows_of(lines: Sequence[SampleResult], name: str) -> list[Row]:
    """The statistics of one name, of the lines that have them, as arrays."""
    return [{k: np.asarray(v) for k, v in line["rows"][name].items()} for line in lines if name in line.get("rows", {})]


def bootstrap(
    metric: Reduction, rows: Sequence[Row], names: Sequence[str], draws: int = DRAWS, seed: int = 1
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of some scores, pictures drawn with replacement. Source: Efron and Tibshirani 1993."""
    rng = np.random.default_rng(seed)
    drawn = [metric.reduce([rows[i] for i in rng.integers(0, len(rows), len(rows))]) for _ in range(draws)]
    return {name: interval([scores[name] for scores in drawn]) for name in names}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % percentile interval of what is a number; NaN where nothing is."""
    known = np.array(values, float)
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def score(benchmark: Benchmark, lines: Sequence[SampleResult], draws: int = DRAWS) -> dict[str, Any]:
    """Everything that a run says: the headline, in which failed pictures count as worst; the same of the decoded ones
    alone; how many failed; calibration of the confidence; and which pictures failed, why."""
    from plantain.eval.row import CALIBRATION, SPARSIFICATION

    rows = rows_of(lines, "score")
    if not rows:
        raise UsageError(f"no picture of {benchmark.id} was answered or failed yet; run it first")
    figures = benchmark.metric.reduce(rows)
    main = [name for name in figures if ":" not in name]
    intervals = bootstrap(benchmark.metric, rows, main, draws)
    failed, unscorable = ([line for line in lines if line["state"] == state] for state in ("failed", "no truth"))
    decoded = rows_of([line for line in lines if line["state"] == "ok"], "score")
    kept = {name: rows_of(lines, name) for name in ("calibration", "sparsification")}
    return {
        "n": len(rows),
        "failed": len(failed),
        "no_truth": len(unscorable),
        "nothing_to_ask": sum(line["state"] == "nothing to ask" for line in lines),
        "primary": benchmark.primary,
        "scores": {name: [figures[name], *intervals[name]] for name in main},
        "parts": {name: value for name, value in figures.items() if ":" in name},
        "decoded_only": benchmark.metric.reduce(decoded)[benchmark.primary] if decoded else None,
        "confidence": (CALIBRATION.reduce(kept["calibration"]) | SPARSIFICATION.reduce(kept["sparsification"]))
        if kept["calibration"]
        else {},
        "failures": [{"id": line["id"], "error": line["error"]} for line in failed + unscorable],
    }

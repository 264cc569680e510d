"""Fits the confidence of a model, a map a task, on half of the pictures of finished runs; the other half says what it
is worth. Nobody is asked: the kept answers are read again, without any calibration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from plantain.errors import UsageError
from plantain.eval.row import CALIBRATION, CalibrationSamples
from plantain.eval.run import Run
from plantain.files import writing
from plantain.pipeline.predictor import Predictor
from plantain.predictions.calibration import Fit, isotonic, platt

MOST = 200_000  # values of a benchmark that are fitted
FEW = 1_000  # up to so many values a curve of two numbers is fitted instead of an isotonic map


@dataclass(frozen=True)
class CalibrationReport:
    """One benchmark's half that was not fitted: ECE before and after, and how many pictures."""

    task: str
    benchmark: str
    n: int
    before: float
    after: float


def fit(
    runs: Sequence[Run], model: Predictor, step: Callable[[], None] = lambda: None
) -> tuple[dict[str, Fit], list[CalibrationReport]]:
    """Fits by task, each benchmark with the same weight, and what they are worth. `model`: without any calibration.

    UsageError for runs after examples, whose answers are of another confidence, and where there is nothing to fit."""
    for run in runs:
        if run.config.shots:
            raise UsageError(f"{run.folder} was run after examples, whose confidence is not the model's own; name runs "
                             "without --shots")  # fmt: skip
    halves: dict[str, list[tuple[Run, CalibrationSamples, CalibrationSamples, int]]] = {}
    for run in runs:
        if task := task_of(run):
            halves.setdefault(task, []).append((run, *split(run, model, step)))
    fits, reports = {}, []
    for task, parts in halves.items():
        fewest = min(MOST, max(len(mine.right) for _, mine, _, _ in parts))
        chosen = [taken(mine, fewest) for _, mine, _, _ in parts if len(mine.right)]
        if not chosen:
            raise UsageError(f"no answer to {task} was kept in the fitted half; run its benchmarks on more pictures")
        confidence, right = (np.concatenate([getattr(b, name) for b in chosen]) for name in ("confidence", "right"))
        fits[task] = (platt if len(right) <= FEW else isotonic)(confidence, right)
        reports += [CalibrationReport(task, run.benchmark.id, n, ece(others), ece(others._replace(
            confidence=fits[task].apply(others.confidence)))) for run, _, others, n in parts]  # fmt: skip
    return fits, reports


def split(run: Run, model: Predictor, step: Callable[[], None]) -> tuple[CalibrationSamples, CalibrationSamples, int]:
    """The samples of the half that is fitted and of the other, and how many pictures that has; by the picture's id."""
    halves: list[list[CalibrationSamples]] = [[], []]
    for name, samples in calibration_samples(run, model, step):
        halves[crc32(name.encode()) % 2].append(samples)
    return joined(halves[0]), joined(halves[1]), len(halves[1])


def calibration_samples(
    run: Run, model: Predictor, step: Callable[[], None]
) -> Iterator[tuple[str, CalibrationSamples]]:
    """Confidence and what was right, picture by picture; those that failed have none."""
    run.require_fresh()
    run.require_same_weights(model)
    samples = (run.sample(example) for example in run.examples)
    for answered in run.answers(samples, run.with_kept_answers(model, replay=True)):
        step()
        sample = answered.sample
        if sample.asked and answered.error is None:
            values = run.benchmark.calibration_samples(answered.predictions, sample.truth, sample.asked)
            yield sample.example.id, values


def task_of(run: Run) -> str | None:
    """What the run calibrates: its question's task, presence, or nothing."""
    samples = map(run.sample, run.examples)
    return run.benchmark.adapter.calibrates(next(sample.asked for sample in samples if sample.asked))


def joined(parts: Sequence[CalibrationSamples]) -> CalibrationSamples:
    """The values of several pictures; none where there are none."""
    if not parts:
        return CalibrationSamples(np.zeros(0), np.zeros(0, bool), np.zeros(0))
    return CalibrationSamples(
        *(np.concatenate([np.asarray(getattr(b, name), float) for b in parts]) for name in CalibrationSamples._fields)
    )


def taken(samples: CalibrationSamples, count: int) -> CalibrationSamples:
    """So many of the values, evenly, again from the start where there are fewer."""
    places = np.linspace(0, len(samples.right), count, endpoint=False).astype(int)
    return CalibrationSamples(*(np.asarray(values)[places] for values in samples))


def ece(samples: CalibrationSamples) -> float:
    return CALIBRATION.reduce([CALIBRATION.measure(samples.confidence, samples.right)])["ece"]


def worth(task: str, reports: Sequence[CalibrationReport]) -> bool:
    """Whether the mean ECE of the task's benchmarks, on the halves that were not fitted, has become smaller."""
    rows = [one for one in reports if one.task == task]
    return bool(np.nanmean([one.after for one in rows]) < np.nanmean([one.before for one in rows]))


def write(fits: Mapping[str, Fit], reports: Sequence[CalibrationReport], target: Path) -> Path:
    """The file that lies beside the weights, with what each fit is worth; those that are worth nothing are left out."""
    record = {
        task: {
            "x": [round(x, 5) for x in fit.x],
            "y": [round(y, 5) for y in fit.y],
            "ece": {t.benchmark: [round(t.before, 4), round(t.after, 4), t.n] for t in reports if t.task == task},
        }
        for task, fit in fits.items()
        if worth(task, reports)
    }
    if not record:
        raise UsageError(f"no fit made the other half of the pictures better; {target} is not written")
    with writing(target) as path:
        path.write_text(json.dumps(record) + "\n")
    return target

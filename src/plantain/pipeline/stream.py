"""The one loop over many photos, which command line and everything else share."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from plantain.errors import PlantainError
from plantain.models import Painter
from plantain.models.painting import Painting
from plantain.pipeline.predictor import Asking, Expert, Predictor, Sitting
from plantain.predictions.types import Prediction
from plantain.tasks import Task

AHEAD = 2  # batches of photos that are read while others are painted


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one photo: a prediction or an error, and how long it took."""

    photo: Any
    prediction: Prediction | None
    error: PlantainError | None
    seconds: float


def stream(
    photos: Iterable[Any], task: Task | str, predictor: Predictor | Expert, *, batch: int = 1, **options: Any
) -> Iterator[Outcome]:
    """One outcome a photo, in order. Photos are read ahead in a thread and painted `batch` at a time; a broken photo is
    one outcome with an error. Memory is bounded by a few batches."""
    if isinstance(predictor, Expert):
        yield from (_told(photo, task, predictor) for photo in photos)
        return
    asking = predictor.asking(task, **options)
    source = iter(photos)
    with ThreadPoolExecutor(1) as reader:
        waiting: list[tuple[list[Any], list[Future[tuple[Sitting | PlantainError, float]]]]] = []

        def look_ahead() -> None:
            if group := list(islice(source, max(1, batch))):
                waiting.append((group, [reader.submit(_sit, photo, asking, predictor.painter) for photo in group]))

        for _ in range(AHEAD):
            look_ahead()
        try:
            while waiting:
                group, futures = waiting.pop(0)
                seated = [future.result() for future in futures]
                look_ahead()
                yield from _painted(group, seated, predictor)
        finally:
            for _, futures in waiting:
                for future in futures:
                    future.cancel()


def _told(photo: Any, task: Task | str, expert: Expert) -> Outcome:
    start = time.perf_counter()
    try:
        return Outcome(photo, expert.predict(photo, task), None, time.perf_counter() - start)
    except PlantainError as error:
        return Outcome(photo, None, error, time.perf_counter() - start)


def _sit(photo: Any, asking: Asking, painter: Painter) -> tuple[Sitting | PlantainError, float]:
    start = time.perf_counter()
    try:
        return Sitting(photo, asking, painter), time.perf_counter() - start
    except PlantainError as error:
        return error, time.perf_counter() - start


def _painted(
    group: Sequence[Any], seated: Sequence[tuple[Sitting | PlantainError, float]], predictor: Predictor
) -> Iterator[Outcome]:
    """Paints all requests of a batch in one call and gives every photo its outcome."""
    start = time.perf_counter()
    asked = [s.requests() if isinstance(s, Sitting) else [] for s, _ in seated]
    try:
        painted = predictor.paint([request for requests in asked for request in requests])
    except PlantainError as error:
        painted = [error] * sum(map(len, asked))
    each = (time.perf_counter() - start) / max(1, len(group))
    rest = iter(painted)
    for photo, (sitting, read), requests in zip(group, seated, asked, strict=True):
        start = time.perf_counter()
        mine = list(islice(rest, len(requests)))
        answer = _answer(sitting, mine)
        seconds = read + each + time.perf_counter() - start
        if isinstance(answer, PlantainError):
            yield Outcome(photo, None, answer, seconds)
        else:
            yield Outcome(photo, answer, None, seconds)


def _answer(
    sitting: Sitting | PlantainError, painted: Sequence[Painting | PlantainError]
) -> Prediction | PlantainError:
    if isinstance(sitting, PlantainError):
        return sitting
    try:
        return sitting.answer(painted)
    except PlantainError as error:
        return error

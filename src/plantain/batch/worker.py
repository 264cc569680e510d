"""One process of a batch: a model, its stages and the store of answers. It gets pictures one by one and says what
became of each; it ends when the driver does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

from plantain.batch.sources import Source
from plantain.errors import PlantainError
from plantain.pipeline.jobs import Context, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import Predictor, load
from plantain.pipeline.store import Store
from plantain.pipeline.stream import Item, Output, Stages
from plantain.tasks import Task


@dataclass(frozen=True)
class Order:
    """What a batch asks, and of whom: all that a worker must know. `files`: what is written beside the arrays, where
    that is not painting and overlay; `context`: what is shown with every picture."""

    task: Task
    folder: Path
    model: str = "embedded"
    given: Mapping[str, Any] = field(default_factory=dict)
    options: PredictOptions = field(default_factory=PredictOptions)
    formats: tuple[str, ...] = ()
    camera: Mapping[str, float | None] = field(default_factory=dict)
    files: tuple[str, ...] | None = None
    context: Context = field(default_factory=Context)

    @property
    def answers(self) -> Path:
        return self.folder / "answers"

    def store(self, model: Predictor) -> Store:
        files = None if self.files is None else {self.task.name: self.files}
        return Store(self.answers, model, formats=self.formats, files=files, camera=self.camera or None)


@dataclass(frozen=True)
class Ready:
    """A worker's first word: who answers, and how many pictures keep it busy."""

    model: Mapping[str, Any]
    window: int


@dataclass(frozen=True)
class Failed:
    """A worker's last word, where it cannot work at all."""

    error: PlantainError


@dataclass(frozen=True)
class Told:
    """What became of one picture: its JSON line. `error`: its class and text."""

    source: Source
    line: Mapping[str, Any]
    error: PlantainError | None = None


def work(order: Order, driver: Connection) -> None:
    """The process: until the driver hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's
    try:
        with load(order.model, **order.given) as model:
            model.resolve_task(order.task)
            _answer(order, model, driver)
    except PlantainError as error:
        driver.send(Failed(plain(error)))
    except (EOFError, BrokenPipeError):
        pass
    sys.stdout.flush()
    os._exit(0)  # threads of a model that hangs are no reason to stay


def _answer(order: Order, model: Predictor, driver: Connection) -> None:
    stages, output, lock = Stages(model), Output(order.store(model)), Lock()
    driver.send(Ready(model.identity.to_json(), stages.window))

    def say(source: Source, item: Item) -> None:
        told = told_of(source, item.wait(), order.folder)
        with lock:
            driver.send(told)

    try:
        while True:
            source: Source = driver.recv()
            job = Job(source.id, source.read, order.task, order.options, order.context)
            stages.put(job, output, partial(say, source))
    except EOFError:
        stages.close()


def told_of(source: Source, outcome: Outcome, folder: Path) -> Told:
    """The line of an outcome, with paths below the run's folder."""
    line = dict(outcome.to_json()) | {"image": source.image}
    for role in ("painting", "arrays", "overlay"):
        line[role] = _below(line.get(role), folder)
    if "files" in line:
        line["files"] = {role: _below(path, folder) for role, path in line["files"].items()}
    line.pop("skipped", None)
    return Told(source, {"id": source.id} | line, None if outcome.error is None else plain(outcome.error))


def plain(error: PlantainError) -> PlantainError:
    """An error that travels between processes: its class and its one line."""
    made = type(error).__new__(type(error))
    made.args = (str(error),)
    return made


def _below(path: str | None, folder: Path) -> str | None:
    return None if path is None else Path(path).relative_to(folder).as_posix()

"""Numbers to colors and back, as jobs like any other: no model is asked, the answer is worked out at the end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import CodeMismatch, PhotoError, TruthError, UsageError
from plantain.imaging.geometry import Placement
from plantain.imaging.photo import read_photo
from plantain.models import Capabilities, Identity
from plantain.models.identity import digest
from plantain.models.painting import Painting, read_record
from plantain.pipeline.jobs import Edit, Generate, Job
from plantain.pipeline.predictor import Predictor
from plantain.pipeline.prepare import trusted
from plantain.predictions.calibration import Fit, doubted
from plantain.predictions.resample import restore
from plantain.predictions.types import Prediction
from plantain.tasks import Task
from plantain.tasks.language.parsing import interpret, parse


@dataclass(frozen=True, eq=False)
class Worked:
    """A job without requests: `work` makes its answer."""

    work: Callable[[], Prediction | Painting]
    pixels: UInt8[np.ndarray, "h w 3"] | None = None
    requests: tuple[()] = ()

    def finish(self, painted: Sequence[Any]) -> Prediction | Painting:
        return self.work()


class _Codec(Predictor):
    """What encoding and decoding share: nobody is asked, every task is known."""

    calibration: Mapping[str, Fit] = MappingProxyType({})

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def supports(self, task: str) -> bool:
        return True

    def paint(self, requests: Sequence[Any]) -> list[Any]:
        return []

    def close(self) -> None:
        """Nothing is held."""


class Encoder(_Codec):
    """Paints true answers: a job's photo is the truth, read by `read(place, kind)`, its answer a Painting."""

    def __init__(self, read: Callable[[Any, type[Prediction]], Any]) -> None:
        self.read = read

    @property
    def identity(self) -> Identity:
        return Identity("truth")

    def makes_picture(self, question: Task | Edit | Generate) -> bool:
        return True

    def resolve_task(self, task: Task | str) -> Task:
        return (interpret(task) if isinstance(task, str) else task).resolve({})

    def prepare(self, job: Job) -> Worked:
        question = self.question(job)
        if not isinstance(question, Task):
            raise UsageError("a truth is painted for a task, not for an edit")
        task = self.resolve_task(question)
        truth = self.read(job.photo, task.kind)

        def work() -> Painting:
            try:
                pixels = task.encode(truth)
            except TruthError as error:
                raise TruthError(f"{job.photo}: {error}") from error
            return Painting(pixels, self.identity, task.prompt(), task=task.name, code=task.code_id)

        return Worked(work)


class Decoder(_Codec):
    """Reads paintings: a job's photo is the painting, its question "" where the painting itself says what it answers.
    `photo`: what was painted from; `code`: of paintings that do not say theirs."""

    def __init__(self, photo: Any = None, code: str | None = None) -> None:
        self.code = code
        self.pixels = None if photo is None else read_photo(photo)

    @property
    def identity(self) -> Identity:
        return Identity("decoder", settings=digest([self.code, self.pixels]))

    def resolve_task(self, task: Task | str) -> Task:
        return interpret(task) if isinstance(task, str) else task

    def question(self, job: Job) -> Task | Edit | Generate:
        if job.question:
            return super().question(job)
        return own_task(job.photo if isinstance(job.photo, bytes) else Path(job.photo), self.code)

    def prepare(self, job: Job) -> Worked:
        painting, question = Painting.load(job.photo), self.question(job)
        if not isinstance(question, Task):
            raise UsageError("a painting is read as the answer to a task, not to an edit")
        return Worked(lambda: decode(painting, question, photo=self.pixels), self.pixels)


def own_task(source: Path | bytes, code: str | None = None) -> Task:
    """The question that a painting of Plantain carries. UsageError for one that carries none."""
    record = read_record(source)
    if not record.get("prompt"):
        if isinstance(source, bytes):
            raise UsageError('the painting does not say what it answers; say it, as in "metric depth"')
        if not source.exists():
            raise PhotoError(f"no such file: {source}")
        raise UsageError(f'{source} does not say what it answers; say it: plantain decode {source} "metric depth"')
    asked = parse(str(dict(record.get("asked") or {}).get("prompt", record["prompt"])))
    codes = {identity: name for name, identity in asked.codes.items()}
    known = code or codes.get(str(record.get("code")))
    return asked if known is None else replace(asked, code=known)


def decode(painting: Any, task: Task | str, *, photo: Any = None) -> Any:
    """Reads a painting from anywhere: a path, the bytes of a file, a uint8 (0..255) or float (0..1) array, or a
    Painting.

    A painting of Plantain's own says its color code and where the photo lies on it; CodeMismatch where the task asks
    for another code. A painting that went through JPEG is read with a warning and less confidence. `photo`, of the size
    that such a painting says, keeps jumps of depth at its edges."""
    question = interpret(task) if isinstance(task, str) else task
    made = painting if isinstance(painting, Painting) else None
    if isinstance(painting, str | Path | bytes):
        made = Painting.load(painting)
    question = _coded(question, made.code if made else "")
    answer = question.decode(made.pixels if made else painting)
    if made and made.lossy:
        warnings.warn("this painting went through JPEG: its colors are not exact; keep paintings as PNG", stacklevel=2)
        answer = trusted(answer, made)
    answer = doubted(answer, made.trust if made else 1.0)
    stem = Path(painting).stem if isinstance(painting, str | Path) else "photo"
    answer = replace(answer, painting=made, stem=stem.removesuffix(f".{question.name}"))
    if not made or not made.geometry:
        return answer
    where = Placement.from_json(dict(made.geometry))
    pixels = None if photo is None else read_photo(photo)
    if pixels is not None and pixels.shape[1::-1] != where.size:
        raise UsageError(
            f"the photo is {pixels.shape[1]} x {pixels.shape[0]} pixels, but this painting was made of one of "
            f"{where.size[0]} x {where.size[1]}; give that one"
        )
    return restore(answer, where, pixels)


def _coded(task: Task, painted: str) -> Task:
    """The question in the painting's own code, where it says one."""
    if not painted or (task.code is not None and task.code_id == painted):
        return task
    names = {identity: name for name, identity in task.codes.items()}
    if task.code is not None or painted not in names:
        raise CodeMismatch(painted, task.code_id)
    return replace(task, code=names[painted])

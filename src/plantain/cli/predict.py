"""`plantain predict PHOTO... TASK`: one question, many photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zipfile import BadZipFile

from cyclopts import Parameter

from plantain.cli.options import Asking, Output
from plantain.cli.photos import ENDINGS, Job, find, newer, prepare
from plantain.cli.reporting import relay, result
from plantain.errors import PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.pipeline.jobs import Outcome
    from plantain.pipeline.predictor import Predictor
    from plantain.predictions.types import Prediction
    from plantain.tasks import Task


def predict(
    *words: Annotated[str, Parameter(name="PHOTO... TASK")],
    asking: Asking = Asking(),
    output: Output = Output(),
) -> int:
    """Answers a question about photos; the verb itself may be left out.

    Parameters
    ----------
    words
        Photos (files, folders, patterns, or - for a list on stdin) and then the question: "metric depth",
        "segment wall, floor, bed", "find the cups", or any name of `plantain tasks`.
    """
    photos, question = split(words)
    asking.check()
    task = read_task(question, asking.code)
    from plantain.output.save import check_formats

    check_formats(output.formats, task.kind.kind, output.camera)
    jobs = find(photos, output.out)
    prepare(job.folder for job in jobs)
    from plantain.pipeline.predictor import load

    model = load(asking.model, **asking.given)
    return Run(model.resolve_task(task), model, asking, output).over(jobs)


def split(words: Sequence[str]) -> tuple[list[str], str]:
    """Photos and the question, which is the last word."""
    if len(words) < 2 or Path(words[-1]).is_file():
        photo = words[-1] if words and Path(words[-1]).suffix.lower() in ENDINGS else "photo.jpg"
        raise UsageError(
            f'the last word is the question, the others are photos, as in: plantain {photo} "metric depth"'
        )
    return list(words[:-1]), words[-1]


def read_task(question: str, code: str | None) -> Task:
    """What is asked, in the colour code that is wanted."""
    from plantain.tasks.language.parsing import interpret

    task = interpret(question)
    return task if code is None else replace(task, code=code)


@dataclass(frozen=True, eq=False)
class Run:
    """One question over many photos."""

    task: Task
    model: Predictor
    asking: Asking
    output: Output

    def over(self, jobs: Sequence[Job]) -> int:
        """Answers every photo that has no answer yet; gives the exit code."""
        old = {} if self.output.redo else {job: there for job in jobs if (there := self.answered(job)) is not None}
        new = [job for job in jobs if job not in old]
        return relay(list(old.values()), self._work(new), len(new), "photos", quiet=self.output.quiet)

    def _work(self, jobs: Sequence[Job]) -> Iterator[tuple[Path, Callable[[], dict[str, Any]]]]:
        from plantain.pipeline.jobs import Job as Question
        from plantain.pipeline.jobs import PredictOptions
        from plantain.pipeline.stream import stream

        options = PredictOptions(**{n: getattr(self.asking, n) for n in ("samples", "passes", "seed", "tile", "style")})
        outcomes = stream((Question(job.stem, job.photo, self.task, options) for job in jobs), self.model)
        for job, outcome in zip(jobs, outcomes, strict=True):
            yield job.photo, partial(self._keep, job, outcome)

    def _keep(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        from plantain.output.save import save

        if outcome.prediction is None:
            raise outcome.error or PlantainError("no answer came back")
        prediction = outcome.prediction
        painting = prediction.painting and prediction.painting.with_provenance(asked=self.asked)
        named = replace(prediction, stem=job.stem, task=self.task.name, painting=painting)
        files = save(named, job.folder, job.photo, formats=self.output.formats, **self.output.camera)
        return record_of(job.photo, named, files, outcome.seconds, self.model.name)

    @property
    def asked(self) -> dict[str, Any]:
        """The whole question, in words and numbers: what the painting's record keeps and a second run compares."""
        options = {name: getattr(self.asking, name) for name in ("samples", "passes", "seed", "tile")}
        return {"prompt": self.task.prompt(self.asking.style), **options}

    def answered(self, job: Job) -> dict[str, Any] | None:
        """The record of an answer that is already there, whole, newer than its photo, and to this very question."""
        from plantain.models.painting import Painting
        from plantain.output.save import names_of

        names = names_of(f"{job.stem}.{self.task.name}", self.output.formats)
        files = {role: job.folder / name for role, name in names.items()}
        if not all(path.exists() for path in files.values()) or not newer(files["arrays"], job.photo):
            return None
        try:
            painting = Painting.load(files["painting"])
            sure = mean_confidence(files["arrays"])
        except (PlantainError, OSError, ValueError, KeyError, BadZipFile):
            return None  # damaged: it is answered again
        if (painting.model, dict(painting.asked)) != (self.model.name, self.asked):
            return None
        known = {"prompt": painting.prompt, "model": painting.model, "task": self.task.name, "confidence": sure}
        return result(image=job.photo, **known, **files_of(files), skipped=True)


def mean_confidence(arrays: Path) -> float:
    import numpy as np

    with np.load(arrays) as stored:
        return float(stored["confidence"].mean())


def files_of(files: Mapping[str, Path]) -> dict[str, Any]:
    """Paths for a record: the three files by role, any others together."""
    three = {role: files.get(role) for role in ("painting", "arrays", "overlay")}
    more = {name: path for name, path in files.items() if name not in three}
    return three | ({"files": more} if more else {})


def record_of(
    image: Path, answer: Prediction, files: Mapping[str, Path], seconds: float, model: str = ""
) -> dict[str, Any]:
    """The JSON line of one answer by a painting, or by `model`; `confidence` is the mean over the picture."""
    painting = answer.painting
    made = {"prompt": painting.prompt, "model": painting.model} if painting else {"model": model}
    numbers = {"confidence": float(answer.confidence.mean()), "presence": answer.presence, "seconds": seconds}
    return result(image=image, task=answer.task, **made, **files_of(files), **numbers)

"""What every caller sees: a painter or a specialist, asked in the same words through the same stages."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plantain._shapes import Bool, UInt8
from plantain.errors import PainterError, PainterGone, PlantainError, UsageError
from plantain.models import Capabilities, Identity, Painter, Specialist, rows
from plantain.models import load as load_model
from plantain.models.base import Closable, accepted
from plantain.models.identity import digest
from plantain.models.painting import Painting, Request
from plantain.pipeline.edit import PreparedEdit, PreparedPicture
from plantain.pipeline.examples import Pair, paired
from plantain.pipeline.jobs import Context, Edit, Generate, Job, PredictOptions
from plantain.pipeline.prepare import Prepared, PreparedPhoto, require_room, stem_of
from plantain.predictions.calibration import Fit, calibrated
from plantain.predictions.types import Prediction
from plantain.tasks import Task
from plantain.tasks.language.parsing import interpret

if TYPE_CHECKING:
    from plantain.models.painters.learned import Learned


class Predictor(Closable):
    """A model that answers questions about photos. Three stages, which `stream` overlaps over many photos: `prepare`
    reads, `paint` asks the model, and what was prepared finishes the answer."""

    paints: bool = False  # whether it makes pictures: edits and pictures from words
    calibration: Mapping[str, Fit]

    @property
    def model(self) -> Painter | Specialist:
        """What answers."""
        raise NotImplementedError

    @property
    def identity(self) -> Identity:
        """Who answers, to the last weight."""
        return self.model.identity

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def capabilities(self) -> Capabilities:
        return self.model.capabilities

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def supports(self, task: str) -> bool:
        """Whether it answers a task, by its short name."""
        raise NotImplementedError

    def resolve_task(self, task: Task | str) -> Task:
        """The question as this model will get it: its favorite code filled in. UsageError for what it cannot answer."""
        raise NotImplementedError

    def question(self, job: Job) -> Task | Edit | Generate:
        """What a job asks, read where it is in words."""
        return interpret(job.question) if isinstance(job.question, str) else job.question

    def makes_picture(self, question: Task | Edit | Generate) -> bool:
        """Whether the answer to a question is a picture rather than numbers."""
        return isinstance(question, Edit | Generate)

    def prepare(self, job: Job) -> Prepared:
        """Reads a job. PhotoError, UsageError, PainterError (of the canvas)."""
        raise NotImplementedError

    def paint(self, requests: Sequence[Any]) -> list[Any]:
        """What the model says to each request, or its error; never raises but PainterGone."""
        raise NotImplementedError

    def bucket(self, request: Any) -> Hashable:
        """Requests of one bucket may go to the model in one call."""
        return None

    def answer(self, job: Job) -> Any:
        """The answer to one job. Raises PhotoError, UsageError, PainterError."""
        prepared = self.prepare(job)
        return prepared.finish(self.paint(prepared.requests))

    def shown(
        self, task: Task | str, examples: Sequence[tuple[Any, Any]], kept: Path | None = None
    ) -> tuple[Predictor, Context]:
        """Whom to ask, and in what context, after examples of a question: photos with their true answers.

        `kept`: a folder in which what is learned is kept, so that it is learned once. UsageError for a model that
        learns from no examples, or takes fewer, and for examples that show nothing of what is asked."""
        raise UsageError(
            f"{self.name} learns from no examples; the embedded generator does, and painters of many images"
        )

    def predict(self, photo: Any, task: Task | str, *, examples: Sequence[tuple[Any, Any]] = (), **options: Any) -> Any:
        """The answer to a question about a photo.

        `photo`: a path, array (uint8, uint16, float 0..1), PIL image or bytes. `task`: a Task, or what people type.
        `examples`: photos with their true answers (kinds, or arrays that `task.encode` takes), which are shown first.
        `options`: samples, passes, seed, tile, style, sampling (see PredictOptions); a specialist has one answer, which
        they do not change. Raises PhotoError, UsageError, PainterError."""
        model, context = self.shown(task, examples) if examples else (self, Context())
        return model.answer(Job(stem_of(photo), photo, task, PredictOptions.of(options), context))

    def generate(
        self, text: str, *, size: tuple[int, int] | None = None, seed: int = 0, steps: int | None = None
    ) -> Painting:
        """A picture from words. `size` is (width, height) in pixels; without it the painter's own."""
        return self.answer(Job("picture", None, Generate(text, size), PredictOptions(seed=seed, sampling=of(steps))))

    def edit(
        self,
        photo: Any,
        text: str,
        *,
        mask: Bool[np.ndarray, "h w"] | None = None,
        seed: int = 0,
        steps: int | None = None,
    ) -> Painting:
        """The photo changed as told, at its own size (four times as large where the words ask to enlarge it).

        What is too fine for the painter's canvas is kept from the photo; `mask` (True = paint) limits the change."""
        return self.answer(Job(stem_of(photo), photo, Edit(text, mask), PredictOptions(seed=seed, sampling=of(steps))))

    def close(self) -> None:
        """Lets go of what the model holds."""
        self.model.close()


def of(steps: int | None) -> dict[str, Any]:
    """Sampling with a number of steps, where one is said."""
    return {} if steps is None else {"steps": steps}


class PainterPredictor(Predictor):
    """A painter in the pipeline: it answers every task, edits and makes pictures."""

    paints = True

    def __init__(self, painter: Painter, calibration: Mapping[str, Fit] | None = None) -> None:
        """`calibration`: the painter's own where none is given; {} leaves confidence as the decoders give it."""
        self.painter = painter
        self.calibration = painter.calibration if calibration is None else calibration
        self._taught: tuple[str, Learned] | None = None

    @property
    def model(self) -> Painter:
        return self.painter

    def supports(self, task: str) -> bool:
        return True

    def resolve_task(self, task: Task | str) -> Task:
        question = (interpret(task) if isinstance(task, str) else task).resolve(self.painter.codes)
        self.painter.check(question)
        return question

    def shown(
        self, task: Task | str, examples: Sequence[tuple[Any, Any]], kept: Path | None = None
    ) -> tuple[PainterPredictor, Context]:
        """The embedded generator learns at once (and remembers what it learned last); any other painter gets the
        examples with every request."""
        from plantain.models.painters.embedded import Embedded

        question = interpret(task) if isinstance(task, str) else task
        pairs = paired(question, examples)
        if isinstance(self.painter, Embedded):
            learned = self._learned(self.painter, question, pairs, kept)
            return PainterPredictor(learned, None if self.calibration else {}), Context()
        require_room(self.painter, len(pairs))
        return self, Context(pairs)

    def _learned(self, encoder: Any, question: Task, pairs: Sequence[Pair], kept: Path | None) -> Painter:
        """The painter that examples make of the embedded generator: that of the kept file, or the one that was learned
        last, or else learned now."""
        from plantain.models.painters import learned

        key = digest([learned.VERSION, self.identity.weights, question, pairs])
        path = None if kept is None else kept / f"{key[:16]}.npz"
        if path is not None and path.exists():
            return learned.Learned(learned.load(path), encoder)
        taught = self._taught  # another thread may learn something else meanwhile
        if taught is None or taught[0] != key:
            self._taught = taught = key, learned.learn(encoder, question, pairs)
        if path is not None:
            learned.save(taught[1].lesson, path)
        return taught[1]

    def prepare(self, job: Job) -> Prepared:
        question = self.question(job)
        if isinstance(question, Edit):
            return PreparedEdit(job.photo, question, job.options, self.painter)
        if isinstance(question, Generate):
            return PreparedPicture(question, job.options, self.painter)
        return PreparedPhoto(job, self.resolve_task(question), self.painter, self.calibration)

    def bucket(self, request: Request) -> Hashable:
        """By canvas, number of pictures and purpose."""
        return request.size, len(request.images), request.purpose, request.mask is None

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """The painter's paintings; whatever goes wrong is the error of one request, which says who failed.

        Where a call with several requests fails as a whole, each is asked for once more by itself."""
        try:
            painted = list(self.painter.paint(requests))
            wrong = None if len(painted) == len(requests) else f"gave {len(painted)} paintings for {len(requests)}"
        except PlantainError as error:
            if len(requests) == 1 or isinstance(error, PainterGone):
                return [error] * len(requests)
            wrong = str(error)
        except Exception as error:  # a painter is other people's code
            wrong = f"failed: {type(error).__name__}: {error}"
        if wrong is None:
            return [accepted(made, asked, self.identity) for made, asked in zip(painted, requests, strict=True)]
        if len(requests) == 1:
            return [PainterError(f"the painter {self.name!r} {wrong}")]
        return [made for request in requests for made in self.paint([request])]


@dataclass(frozen=True, eq=False)
class PreparedQuestion:
    """A photo before a specialist, which is its only request."""

    pixels: UInt8[np.ndarray, "h w 3"]
    task: Task
    stem: str
    predictor: SpecialistPredictor

    @property
    def requests(self) -> list[PreparedQuestion]:
        return [self]

    def finish(self, painted: Sequence[Prediction | PlantainError]) -> Prediction:
        """The answer with its confidence set right."""
        (seen,) = painted
        if not isinstance(seen, Prediction):
            raise seen
        who = self.predictor.identity
        origin = {"model": who.name, "identity": who.to_json(), "prompt": self.task.prompt()}
        return self.predictor.calibrated(replace(seen, stem=self.stem, origin=origin))


class SpecialistPredictor(Predictor):
    """A specialist, asked like a painter. It has one answer to a question: samples, passes and seeds change nothing."""

    def __init__(self, specialist: Specialist, calibration: Mapping[str, Fit] | None = None) -> None:
        self.specialist, self.supported_tasks = specialist, specialist.supported_tasks
        self.calibration = specialist.calibration if calibration is None else calibration

    @property
    def model(self) -> Specialist:
        return self.specialist

    def supports(self, task: str) -> bool:
        return task in self.supported_tasks

    def resolve_task(self, task: Task | str) -> Task:
        question = interpret(task) if isinstance(task, str) else task
        if not self.supports(question.name):
            known = ", ".join(self.supported_tasks)
            raise UsageError(f"{self.name} answers {known}, not {question.name}; see `plantain models`")
        return question

    def prepare(self, job: Job) -> Prepared:
        if isinstance(job.question, Edit | Generate):
            raise UsageError(
                f"{self.name} is a specialist and makes no pictures; take a painter (see `plantain models`)"
            )
        return PreparedQuestion(job.read(), self.resolve_task(job.question), job.stem, self)

    def paint(self, requests: Sequence[PreparedQuestion]) -> list[Prediction | PlantainError]:
        return [self._run_specialist(request) for request in requests]

    def _run_specialist(self, request: PreparedQuestion) -> Prediction | PlantainError:
        try:
            return self.uncalibrated(request.pixels, request.task)
        except PlantainError as error:
            return error
        except Exception as error:  # a network is other people's code
            return PainterError(f"the specialist {self.name!r} failed: {type(error).__name__}: {error}")

    def uncalibrated(self, photo: UInt8[np.ndarray, "h w 3"], task: Task) -> Prediction:
        """The answer with its confidence as the network gives it."""
        return replace(self.specialist.answer(photo, self.resolve_task(task)), task=task.name)

    def calibrated(self, answer: Prediction) -> Prediction:
        """The answer with its confidence set right."""
        return calibrated(answer, answer.task, self.calibration)


def wrap(model: Painter | Specialist, *, calibrated: bool = True) -> Predictor:
    """What callers ask: the pipeline around a painter or a specialist."""
    fits: Mapping[str, Fit] | None = None if calibrated else {}
    if isinstance(model, Painter):
        return PainterPredictor(model, fits)
    return SpecialistPredictor(model, fits)


# ---- the public one-shot functions


@cache
def kept(model: str) -> Predictor:
    """A model that is loaded once and kept for the next call."""
    return load(model)


def load(model: str = "embedded", *, calibrated: bool = True, **options: Any) -> Predictor:
    """A model that answers: `load("embedded")`, `load("oracle", truth=depth, noise=8)`; `plantain models` lists all.

    `calibrated` False: confidence as the decoder gives it, not set right by the model's calibration."""
    if (row := rows().get(model)) is not None and row.kind == "wrapper":
        options = options | {"load": load}  # a wrapper asks other models of the table
    return wrap(load_model(model, **options), calibrated=calibrated)


def predict(photo: Any, task: Task | str, *, model: str = "embedded", **options: Any) -> Any:
    """The answer to a question about a photo, by a model that is kept for the next call. See Predictor.predict."""
    return kept(model).predict(photo, task, **options)


def generate(text: str, *, model: str = "embedded", **options: Any) -> Painting:
    """A picture from words. See Predictor.generate."""
    return kept(model).generate(text, **options)


def edit(photo: Any, text: str, *, model: str = "embedded", **options: Any) -> Painting:
    """The photo changed as told. See Predictor.edit."""
    return kept(model).edit(photo, text, **options)

"""What a job asks of each of its pictures, in the fields of the path that would answer at once: as it is kept, and
before a model.

| words | pictures | as in |
|-|-|-|
| task | photos | /v1/predict |
| text | photos | /v1/ask |
| prompt | photos | /v1/images/edits |
| prompt | none | /v1/images/generations |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from plantain.answers.ask import Terms, answered, planned, with_camera
from plantain.errors import PlantainError
from plantain.pipeline.jobs import Edit, Generate, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import Predictor
from plantain.serve.questions import Purpose, question_of, transparent
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_work, size_of
from plantain.tasks import Task
from plantain.tasks.language.parsing import interpret
from plantain.tasks.language.plan import Plan
from plantain.tasks.language.reader import read_plan

ROLES = {"painting": "image/png", "overlay": "image/png", "arrays": "application/x-npz"}
TOLD = ("task", "prompt", "model", "confidence", "presence", "seconds", "error", "error_type")
Kind = Literal["predict", "ask", "edit", "generate"]


@dataclass(frozen=True)
class Order:
    """`words`: a task, a text or a prompt. `copies`: pictures made of each photo, each with the next seed. `code` of a
    task; `terms` of a text; `purpose` of a prompt; `size` of a picture from words."""

    kind: Kind
    words: str
    options: PredictOptions = field(default_factory=PredictOptions)
    copies: int = 1
    code: str | None = None
    terms: Terms = field(default_factory=Terms)
    purpose: Purpose = "auto"
    size: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """All but the words."""
        told = {name: value for name, value in vars(self).items() if name != "words"}
        return told | {"options": asdict(self.options), "terms": asdict(self.terms)}

    @classmethod
    def from_json(cls, words: str, told: Mapping[str, Any]) -> Order:
        """The inverse of `to_json`."""
        if "kind" not in told:  # of a server that knew tasks alone, and kept their seed
            return cls("predict", words, PredictOptions(**told))
        size = told["size"] and tuple(told["size"])
        made = {"options": PredictOptions(**told["options"]), "terms": Terms(**told["terms"]), "size": size}
        return cls(words=words, **{**told, **made})


@dataclass(frozen=True, eq=False)
class Work:
    """An order before a model: what is asked of every picture, in order. `plan`: of a text."""

    order: Order
    questions: tuple[Task | Edit | Generate, ...]
    plan: Plan | None = None

    @classmethod
    def of(cls, order: Order, model: Predictor, mask: bytes | None = None) -> Work:
        """UsageError for what the model cannot be asked; PhotoError of the mask."""
        if order.kind == "ask":
            plan = planned(read_plan(order.words), model, order.terms)
            return cls(order, plan.tasks, plan)
        if order.kind == "generate":
            return cls(order, (Generate(order.words, order.size),))
        task = interpret(order.words) if order.kind == "predict" else question_of(order.words, order.purpose)
        if task is None:
            return cls(order, (Edit(order.words, None if mask is None else transparent(mask)),))
        return cls(order, (model.resolve_task(task if not order.code else replace(task, code=order.code)),))

    def check(self, photo: bytes, limits: Limits) -> None:
        """ApiError for too much work about a photo, UsageError where it lacks the camera."""
        for question in self.questions:
            if isinstance(question, Task):
                check_work(question, self.order.options, size_of(photo), limits)
        if self.plan is not None:
            with_camera(photo, self.plan, self.order.terms)

    def photo_of(self, place: int) -> int | None:
        """Which of the photos is the one of a place; None for a picture from words."""
        return None if self.order.kind == "generate" else place // self.order.copies

    def jobs(self, place: int, photo: Path | None) -> list[Job]:
        """What is asked at a place."""
        options = replace(self.order.options, seed=self.order.options.seed + place % self.order.copies)
        if photo is None:
            options = replace(options, seed=self.order.options.seed + place)
        return [Job(f"{place:06}", photo, question, options) for question in self.questions]

    def line(self, outcomes: Sequence[Outcome], name: str) -> dict[str, Any]:
        """What became of a place, with the client's name for its picture, and the names of the files."""
        if self.plan is None:
            (outcome,) = outcomes
            told = outcome.to_json()
            line = {key: told[key] for key in TOLD if key in told}
            return {"image": name} | _named(line, outcome, name) | {"files": _files(outcome)}
        line = _named(self._answer(self.plan, outcomes), outcomes[0], name)
        files = {task.name: _files(one) for task, one in zip(self.plan.tasks, outcomes, strict=True)}
        return {"image": name} | line | {"files": files}

    def _answer(self, plan: Plan, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        try:
            found = answered(outcomes, plan, with_camera(outcomes[0].job.photo, plan, self.order.terms))
            error = found.error
        except PlantainError as failure:
            error = failure
        if error is not None:
            return {"error": str(error), "error_type": type(error).__name__}
        assert found.answer is not None
        return found.answer.to_json() | {"model": outcomes[0].model, "seconds": round(found.seconds, 4)}


def _files(outcome: Outcome) -> dict[str, str]:
    return {role: path.name for role, path in outcome.files.items() if role in ROLES}


def _named(line: dict[str, Any], outcome: Outcome, name: str) -> dict[str, Any]:
    """A line whose error says the client's name of the picture, not where it lies."""
    if "error" not in line:
        return line
    return line | {"error": str(line["error"]).replace(str(outcome.job.photo), name)}

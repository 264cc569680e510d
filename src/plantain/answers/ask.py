"""`plantain.ask(photo, text)`: the text is read into a plan, each of its tasks is painted once, and every question is
answered from these paintings by the row of the table for what it wants."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from plantain.answers.gate import gated
from plantain.answers.lengths import about_cloud, about_distance, about_order, about_size
from plantain.answers.maps import about_disparity, about_map
from plantain.answers.planner import Planner, read_or_plan
from plantain.answers.seen import Seen
from plantain.answers.things import about_count, about_cutout, about_place, about_presence
from plantain.answers.types import Answer, together
from plantain.answers.words import the
from plantain.errors import PainterGone, PlantainError, UsageError
from plantain.imaging.camera import focal_of_exif
from plantain.pipeline.jobs import Job, Outcome, PredictOptions
from plantain.pipeline.predictor import Predictor, kept
from plantain.pipeline.prepare import stem_of
from plantain.pipeline.store import Store
from plantain.pipeline.stream import stream
from plantain.predictions.npz import from_npz
from plantain.predictions.types import Prediction
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.language.plan import Plan, Question, Want, joined
from plantain.tasks.refer import ReferringSegmentation

ANSWERS: dict[Want, Callable[[Question, Seen], list[Answer]]] = {
    "map": about_map,
    "distance": about_distance,
    "size": about_size,
    "compare": about_order,
    "count": about_count,
    "where": about_place,
    "presence": about_presence,
    "cutout": about_cutout,
    "disparity": about_disparity,
    "point-cloud": about_cloud,
}


CAMERA = "give --fov (degrees, horizontal; a phone's main camera held wide has about 70) or --focal (pixels)"


@dataclass(frozen=True)
class Terms:
    """What an answer is given by: the camera (`fov_deg`, horizontal, or `focal_px`), and how sure it must be: what is
    below `min_confidence`, or about a thing of less presence than `min_presence`, is not said. UsageError for a share
    that is none."""

    fov_deg: float | None = None
    focal_px: float | None = None
    min_confidence: float = 0.0
    min_presence: float = 0.0

    def __post_init__(self) -> None:
        for name in ("min_confidence", "min_presence"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must be a probability from 0 to 1, not {getattr(self, name):g}")

    @property
    def has_camera(self) -> bool:
        return self.fov_deg is not None or self.focal_px is not None

    @property
    def has_gate(self) -> bool:
        return max(self.min_confidence, self.min_presence) > 0


@dataclass(frozen=True, eq=False)
class Answered:
    """What became of a plan about one photo: its answer or an error; the files by task and role, where any were
    written; how long it took, and what it cost in USD where the model names a price."""

    id: str
    photo: Any
    answer: Answer | None = None
    error: PlantainError | None = None
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    seconds: float = 0.0
    cost_usd: float | None = None
    skipped: bool = False  # whether all of its paintings were there already


def ask(
    photo: Any,
    text: str,
    model: str | Predictor = "embedded",
    *,
    fov_deg: float | None = None,
    focal_px: float | None = None,
    min_confidence: float = 0.0,
    min_presence: float = 0.0,
    planner: str | Planner | None = None,
    **options: Any,
) -> Answer:
    """The answer to what people type about a photo, as a line and as numbers.

    `photo`: a path, array (h w 3; uint8, uint16, float 0..1), PIL image or bytes. `model`: a name (kept for the next
    call), or what `plantain.load` gave. `fov_deg` (horizontal, degrees) or `focal_px` (pixels): the camera, which
    point clouds, sizes and distances between things need; the last two take that of the photo's EXIF block where none
    is said. `min_confidence`, `min_presence` (0..1): below them the
    answer is `gated`: it has no value, and says what it would have said. `planner`: a language model (its address, or
    a `Planner`) that reads what the grammar refuses. `options`: those of `predict`. Raises UsageError for a text that
    is refused or a model that cannot answer, PhotoError, PainterError.

    >>> import numpy as np, plantain
    >>> white = plantain.load("function", paint=lambda photo, prompt, seed: np.full_like(photo, 255))
    >>> plantain.ask(np.zeros((60, 90, 3), np.uint8), "where is the cup?", white).value
    (0.0, 0.0, 90.0, 60.0)
    """
    predictor = kept(model) if isinstance(model, str) else model
    terms = Terms(fov_deg, focal_px, min_confidence, min_presence)
    plan = planned(read_or_plan(text, planner), predictor, terms)
    given = PredictOptions.of(options)
    (answered,) = each([(stem_of(photo), photo)], plan, predictor, given, terms)
    if answered.error is not None:
        raise answered.error
    assert answered.answer is not None
    return answered.answer


# ---- before a photo is read


def planned(plan: Plan, model: Predictor, terms: Terms) -> Plan:
    """What is asked, as this model can answer it. UsageError, before any photo is read, for what it cannot."""
    plan = replace(plan, questions=tuple(_answerable(question, model) for question in plan.questions))
    for task in plan.tasks:
        model.resolve_task(task)
    if not terms.has_camera and any(question.want == "point-cloud" for question in plan.questions):
        raise UsageError(lacks_camera(plan))
    if terms.has_camera:
        _ = Seen({}, None, (100, 100), terms.focal_px, terms.fov_deg).focal  # one that makes no sense is refused
    return plan


def with_camera(photo: Any, plan: Plan, terms: Terms) -> Terms:
    """The terms, with the camera of the photo's EXIF block where the plan needs one and none is said. UsageError where
    there is none."""
    lacks = "" if terms.has_camera else lacks_camera(plan)
    focal_px = focal_of_exif(photo) if lacks else terms.focal_px
    if lacks and focal_px is None:
        raise UsageError(f"{lacks}; the photo says none itself")
    return replace(terms, focal_px=focal_px)


def lacks_camera(plan: Plan) -> str:
    """What of a plan cannot be told without the camera, as an error says it; "" where nothing."""
    told = next((what for question in plan.questions if (what := needs_camera(question))), "")
    return told and f"{told} needs the camera: {CAMERA}"


def needs_camera(question: Question) -> str:
    """What of a question cannot be told without the camera; "" where nothing."""
    names = joined(list(map(the, question.names)))
    if question.want == "size":
        return f"the {question.side or 'size'} of {names}"
    if question.want == "point-cloud":
        return "a point cloud"
    return f"the distance between {names}" if question.between else ""


def _answerable(question: Question, model: Predictor) -> Question:
    """The question with boxes in place of masks, where these do as well and the model has them alone; points with the
    mask of the body that they must lie on, where the model can paint both."""
    (first, *_), boxes = question.tasks, ObjectDetection.name
    if isinstance(first, KeypointDetection) and len(question.tasks) == 1 and model.paints:
        return replace(question, tasks=(first, ReferringSegmentation(first.thing)))
    only_boxes = not model.supports(InstanceSegmentation.name) and model.supports(boxes)
    if question.want not in ("count", "where") or not only_boxes:
        return question
    tasks = (ObjectDetection(t.thing) if isinstance(t, InstanceSegmentation) else t for t in question.tasks)
    return replace(question, tasks=tuple(tasks))


# ---- many photos


def each(
    photos: Iterable[tuple[str, Any]],
    plan: Plan,
    model: Predictor,
    options: PredictOptions,
    terms: Terms = Terms(),
    store: Store | None = None,
) -> Iterator[Answered]:
    """The answers to a plan about photos (id, photo), in order: through `stream`, each photo read once.

    `store`: where the files go, and what lies there is not painted again. A photo that fails is one error, and the
    others go on; after PainterGone, or a wrong question, there is no more."""
    waiting: deque[_Waiting] = deque()
    outcomes = stream(_jobs(photos, plan, options, terms, waiting), model, store=store)
    while True:
        group = list(islice(outcomes, len(plan.tasks)))
        while waiting and waiting[0].error is not None:
            one = waiting.popleft()
            yield Answered(one.id, one.photo, error=one.error)
        if not group:
            return
        found = answered(group, plan, waiting.popleft().terms)
        yield found
        if isinstance(found.error, PainterGone | UsageError):
            return


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A photo on its way, with the terms of its answer, or why it is not asked about."""

    id: str
    photo: Any
    terms: Terms
    error: PlantainError | None = None


def _jobs(
    photos: Iterable[tuple[str, Any]], plan: Plan, options: PredictOptions, terms: Terms, waiting: deque[_Waiting]
) -> Iterator[Job]:
    """The jobs of all photos, each of which is put into the queue; of a photo that lacks the camera there are none."""
    for name, photo in photos:
        try:
            own = with_camera(photo, plan, terms)
        except UsageError as error:
            waiting.append(_Waiting(name, photo, terms, error))
            continue
        waiting.append(_Waiting(name, photo, own))
        yield from (Job(name, photo, task, options) for task in plan.tasks)


def answered(outcomes: Sequence[Outcome], plan: Plan, terms: Terms) -> Answered:
    """One photo's answer, from the outcomes of the plan's tasks in order."""
    job, costs = outcomes[0].job, [one.cost_usd for one in outcomes if one.cost_usd is not None]
    spent: dict[str, Any] = {"seconds": sum(one.seconds for one in outcomes), "cost_usd": sum(costs) if costs else None}
    error = next((one.error for one in outcomes if one.error is not None), None)
    if error is not None:
        return Answered(job.id, job.photo, error=error, **spent)
    answers = [_prediction(one) for one in outcomes]
    seen = Seen(dict(zip(plan.tasks, answers, strict=True)), job.photo, answers[0].size, terms.focal_px, terms.fov_deg)
    try:
        parts = [one for question in plan.questions for one in ANSWERS[question.want](question, seen)]
        parts = [gated(part, terms.min_confidence, terms.min_presence) for part in parts]
    except PlantainError as failure:
        return Answered(job.id, job.photo, error=failure, **spent)
    files = {task.name: one.files for task, one in zip(plan.tasks, outcomes, strict=True) if one.files}
    done = all(one.skipped for one in outcomes)
    return Answered(job.id, job.photo, together(parts, plan), None, files, skipped=done, **spent)


def _prediction(outcome: Outcome) -> Prediction:
    """The answer of an outcome, read from its file where it was there already."""
    if outcome.prediction is not None:
        return outcome.prediction
    return from_npz(outcome.files["arrays"])

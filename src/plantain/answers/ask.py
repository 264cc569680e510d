"""`plantain.ask(photo, text)`: the text is read into a plan, each of its tasks is painted once, and every question is
answered from these paintings by the row of the table for what it wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from plantain.answers.lengths import about_cloud, about_distance, about_order
from plantain.answers.maps import about_disparity, about_map
from plantain.answers.seen import Seen
from plantain.answers.things import about_count, about_cutout, about_place, about_presence
from plantain.answers.types import Answer, together
from plantain.answers.words import the
from plantain.errors import UsageError
from plantain.imaging.photo import read_photo
from plantain.pipeline.jobs import Job, PredictOptions
from plantain.pipeline.predictor import Predictor, kept
from plantain.pipeline.prepare import stem_of
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.language.plan import Plan, Question, Want, joined
from plantain.tasks.language.reader import read_plan

ANSWERS: dict[Want, Callable[[Question, Seen], list[Answer]]] = {
    "map": about_map,
    "distance": about_distance,
    "compare": about_order,
    "count": about_count,
    "where": about_place,
    "presence": about_presence,
    "cutout": about_cutout,
    "disparity": about_disparity,
    "point-cloud": about_cloud,
}


def ask(
    photo: Any,
    text: str,
    model: str | Predictor = "embedded",
    *,
    fov_deg: float | None = None,
    focal_px: float | None = None,
    **options: Any,
) -> Answer:
    """The answer to what people type about a photo, as a line and as numbers.

    `photo`: a path, array (h w 3; uint8, uint16, float 0..1), PIL image or bytes. `model`: a name (kept for the next
    call), or what `plantain.load` gave. `fov_deg` (horizontal, degrees) or `focal_px` (pixels): the camera, which
    point clouds and distances between things need. `options`: those of `predict`. Raises UsageError for a text that is
    refused or a model that cannot answer, PhotoError, PainterError.

    >>> import numpy as np, plantain
    >>> white = plantain.load("function", paint=lambda photo, prompt, seed: np.full_like(photo, 255))
    >>> plantain.ask(np.zeros((60, 90, 3), np.uint8), "where is the cup?", white).value
    (0.0, 0.0, 90.0, 60.0)
    """
    predictor = kept(model) if isinstance(model, str) else model
    plan = planned(text, predictor, camera=fov_deg is not None or focal_px is not None)
    return answered(photo, plan, predictor, PredictOptions.of(options), fov_deg=fov_deg, focal_px=focal_px)


def planned(text: str, model: Predictor, *, camera: bool) -> Plan:
    """What is asked, as this model can answer it. UsageError, before any photo is read, for what it cannot."""
    plan = read_plan(text)
    plan = replace(plan, questions=tuple(_answerable(question, model) for question in plan.questions))
    for task in plan.tasks:
        model.resolve_task(task)
    for question in plan.questions if not camera else ():
        if question.between or question.want == "point-cloud":
            names = joined(list(map(the, question.names)))
            what = f"the distance between {names}" if question.between else "a point cloud"
            raise UsageError(f"{what} needs the camera: give --fov (degrees, horizontal) or --focal (pixels)")
    return plan


def _answerable(question: Question, model: Predictor) -> Question:
    """The question with boxes in place of masks, where these do as well and the model has them alone."""
    only_boxes = not model.supports(InstanceSegmentation.name) and model.supports(ObjectDetection.name)
    if question.want not in ("count", "where") or not only_boxes:
        return question
    tasks = (ObjectDetection(t.thing) if isinstance(t, InstanceSegmentation) else t for t in question.tasks)
    return replace(question, tasks=tuple(tasks))


def answered(
    photo: Any,
    plan: Plan,
    model: Predictor,
    options: PredictOptions,
    *,
    fov_deg: float | None = None,
    focal_px: float | None = None,
) -> Answer:
    """The answer to a plan: the photo is read once, and every task of the plan painted once."""
    pixels, stem = read_photo(photo), stem_of(photo)
    seen = Seen(pixels, {}, focal_px, fov_deg)
    if fov_deg is not None or focal_px is not None:
        _ = seen.focal  # a camera that makes no sense is refused before anything is painted
    seen = replace(seen, painted={task: model.answer(Job(stem, pixels, task, options)) for task in plan.tasks})
    parts = [one for question in plan.questions for one in ANSWERS[question.want](question, seen)]
    return together(parts, plan.notes)

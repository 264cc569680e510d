"""`/v1/predict`: one map or list about a photo, and `/v1/decode`: the same read from a painting of anybody's."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from plantain.imaging.photo import read_photo
from plantain.pipeline.codec import decode, own_task
from plantain.pipeline.jobs import Job, Outcome
from plantain.predictions.types import Prediction
from plantain.serve import questions
from plantain.serve.errors import ApiError
from plantain.serve.replies import PARTS, npz_of, png_of, points_of, prediction_json
from plantain.serve.routes.common import ERRORS, Asking, Code, Model, Picture, Question, Shown, engine_of, limits_of
from plantain.serve.uploads import picture
from plantain.tasks.language.parsing import left_out
from plantain.tasks.language.reader import read_plan

router = APIRouter(tags=["questions"], responses=ERRORS)
PNG, NPZ, JSON = "image/png", "application/x-npz", "application/json"
FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {PNG: {}, NPZ: {}}, "description": "JSON; by Accept the painting (PNG) or the arrays (.npz)."},
    406: {"description": "None of the forms that are accepted."},
}
Points = Annotated[str, Form(description="Places to read off, as x,y x,y in pixels.", max_length=8000)]
Include = Annotated[str, Form(description="painting, overlay, arrays (with commas): as base64 in the JSON.")]


@router.post("/v1/predict", responses=FORMS, response_model=None)
async def predict(
    request: Request,
    image: Picture,
    task: Question,
    options: Asking,
    examples: Shown,
    model: Model = None,
    code: Code = None,
    points: Points = "",
    include: Include = "",
) -> Response | dict[str, Any]:
    """A question about a photo, answered as numbers."""
    limits, engine, form = limits_of(request), engine_of(request, model), accepted(request)
    asked = await asyncio.to_thread(questions.read_task, task, limits, code)
    places, parts = points_of(points), parts_of(include)
    content = await picture(request, image)
    async with request.app.state.learners.taught(engine, [asked], examples) as taught:
        who, context = taught.get(asked, (engine, questions.NOTHING))
        outcome = await questions.predict(who, limits, content, asked, options, context)
    notes = left_out(read_plan(task))
    return await asyncio.to_thread(reply, form, outcome, places, parts, content, notes)


@router.post("/v1/decode", responses=FORMS, response_model=None)
async def decoded(
    request: Request,
    painting: Picture,
    task: Annotated[str, Form(description="What it answers; paintings of Plantain say it themselves.")] = "",
    photo: Annotated[UploadFile | None, File(description="What was painted from.")] = None,
    code: Code = None,
    points: Points = "",
    include: Include = "",
) -> Response | dict[str, Any]:
    """A painting from anywhere, read as numbers."""
    limits, form = limits_of(request), accepted(request)
    places, parts = points_of(points), parts_of(include)
    content = await picture(request, painting, "painting")
    pixels = None if photo is None else await asyncio.to_thread(read_photo, await picture(request, photo, "photo"))
    asked = questions.read_task(task, limits, code) if task.strip() else own_task(content, code)
    answer: Prediction = await asyncio.to_thread(decode, content, asked, photo=pixels)
    outcome = Outcome(Job("painting", content, asked), answer)
    return await asyncio.to_thread(reply, form, outcome, places, parts, pixels)


def accepted(request: Request) -> str:
    """Which form is wanted, by the Accept header: the first of ours. ApiError 406."""
    wanted = [one.split(";")[0].strip().lower() for one in request.headers.get("accept", "*/*").split(",")]
    for one in wanted:
        if one in (PNG, NPZ, JSON):
            return one
        if one in ("*/*", "application/*", ""):
            return JSON
        if one == "image/*":
            return PNG
    raise ApiError(406, "not_acceptable", f"accept {JSON}, {PNG} or {NPZ}", param="accept")


def parts_of(text: str) -> list[str]:
    """What the JSON shall hold besides. ApiError for what is unknown."""
    names = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    for name in names:
        if name not in PARTS:
            known = ", ".join(PARTS)
            raise ApiError(400, "invalid_field", f"include: {name[:40]!r} is none of {known}", param="include")
    return names


def reply(
    form: str, outcome: Outcome, places: Any, parts: list[str], photo: Any, notes: tuple[str, ...] = ()
) -> Response | dict[str, Any]:
    """The answer in the form that is wanted. Raises the outcome's error."""
    answer: Prediction = outcome.unwrap()
    if form == PNG:
        return Response(png_of(answer), media_type=PNG)
    if form == NPZ:
        return Response(npz_of(answer), media_type=NPZ)
    told = prediction_json(
        outcome, places, parts, read_photo(photo) if "overlay" in parts and photo is not None else None
    )
    return told | ({"notes": list(notes)} if notes else {})

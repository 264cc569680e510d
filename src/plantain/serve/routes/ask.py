"""`/v1/ask`: what people ask, answered in a line and in numbers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request

from plantain.answers.ask import answered, planned
from plantain.imaging.photo import read_photo
from plantain.pipeline.jobs import Job
from plantain.serve.queue import Queued
from plantain.serve.routes.common import ERRORS, Asking, Model, Picture, Question, engine_of, limits_of
from plantain.serve.uploads import check_work, picture, text_of

router = APIRouter(tags=["questions"], responses=ERRORS)
Degrees = Annotated[float | None, Form(gt=0, lt=180, description="Horizontal field of view in degrees.")]
Pixels = Annotated[float | None, Form(gt=0, lt=1e6, description="Focal length in pixels.")]


@router.post("/v1/ask")
async def ask(
    request: Request,
    image: Picture,
    text: Question,
    options: Asking,
    model: Model = None,
    fov: Degrees = None,
    focal: Pixels = None,
) -> dict[str, Any]:
    """How far, how many, where, which is nearer, is it there: a line for people, and the same in numbers."""
    limits, engine = limits_of(request), engine_of(request, model)
    asked = text_of(text, limits, "text")
    plan = await asyncio.to_thread(planned, asked, engine.model, camera=fov is not None or focal is not None)
    pixels = await asyncio.to_thread(read_photo, await picture(request, image))
    size = (pixels.shape[1], pixels.shape[0])
    for task in plan.tasks:
        check_work(task, options, size, limits)
    jobs = [Job("photo", pixels, task, options) for task in plan.tasks]
    outcomes = await asyncio.gather(*map(engine.outcome, jobs))
    ahead = Queued(engine, dict(zip(plan.tasks, outcomes, strict=True)))
    answer = await asyncio.to_thread(answered, pixels, plan, ahead, options, fov_deg=fov, focal_px=focal)
    return answer.to_json() | {"model": engine.model.name, "seconds": round(sum(one.seconds for one in outcomes), 4)}

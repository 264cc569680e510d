"""`/v1/images/generations` and `/v1/images/edits`, as OpenAI's: any client of theirs can have depth painted here.

An edit whose prompt is a question ("metric depth", or any prompt of Plantain's) gives the painting, in the photo's size
and in the colors of its code; `/v1/decode`, or `plantain.decode`, reads it. Any other is an edit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, File, Form, Request, UploadFile
from PIL import Image
from pydantic import BaseModel, Field

from plantain.imaging.geometry import Placement
from plantain.imaging.photo import read_photo
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Context, Edit, Generate, Job, PredictOptions
from plantain.serve import questions
from plantain.serve.errors import ApiError
from plantain.serve.questions import NOTHING, Purpose, question_of, transparent
from plantain.serve.queue import Engine
from plantain.serve.replies import base64_of
from plantain.serve.routes.common import ERRORS, Model, engine_of, limits_of
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_work, picture, picture_size, text_of
from plantain.tasks import Task

router = APIRouter(tags=["pictures"], responses=ERRORS)
SEVERAL = (
    "The photo, and more pictures for models that take several: what an edit speaks of, or, with a question, examples: "
    "a photo and its painting, in turn."
)


class Generation(BaseModel):
    """A picture from words; fields of OpenAI's that change nothing here are not minded."""

    prompt: str
    model: str | None = Field(None, max_length=200)
    n: int = Field(1, ge=1, le=64)
    size: str | None = Field(None, max_length=20)
    response_format: str | None = None
    output_format: str | None = None
    seed: int = Field(0, ge=0, le=2**31 - 1)
    steps: int | None = Field(None, ge=1, le=100)


@router.post("/v1/images/generations")
async def generations(request: Request, asked: Generation) -> dict[str, Any]:
    """A picture from words."""
    limits, engine = limits_of(request), engine_of(request, asked.model)
    text, size = text_of(asked.prompt, limits, "prompt"), picture_size(asked.size, limits)
    check_form(asked.response_format, asked.output_format, asked.n, limits)
    sampling = {} if asked.steps is None else {"steps": asked.steps}
    jobs = [
        Job("picture", None, Generate(text, size), PredictOptions(seed=asked.seed + i, sampling=sampling))
        for i in range(asked.n)
    ]
    return await data_of(await questions.paintings(engine, jobs))


@router.post("/v1/images/edits")
async def edits(
    request: Request,
    prompt: Annotated[str, Form()],
    image: Annotated[list[UploadFile] | None, File(description=SEVERAL)] = None,
    images: Annotated[list[UploadFile] | None, File(alias="image[]")] = None,
    mask: Annotated[UploadFile | None, File(description="Transparent, or with purpose=perceive unused.")] = None,
    model: Model = None,
    n: Annotated[int, Form(ge=1, le=64)] = 1,
    size: Annotated[str | None, Form(max_length=20)] = None,
    response_format: Annotated[str | None, Form()] = None,
    output_format: Annotated[str | None, Form()] = None,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
    purpose: Annotated[Purpose, Form(description="perceive: a painted answer; edit; auto: by the prompt.")] = "auto",
) -> dict[str, Any]:
    """A photo changed as told, or, where the prompt is a question, its painted answer."""
    limits, engine = limits_of(request), engine_of(request, model)
    text, wanted = text_of(prompt, limits, "prompt"), picture_size(size, limits)
    check_form(response_format, output_format, n, limits)
    given = [await picture(request, one) for one in (*(image or ()), *(images or ()))]
    check_count(len(given), engine)
    task = await asyncio.to_thread(question_of, text, purpose)
    pixels, *others = [await asyncio.to_thread(read_photo, content) for content in given]
    context = NOTHING
    photo_size = (pixels.shape[1], pixels.shape[0])
    if task is not None:
        asked: Any = engine.model.resolve_task(task)
        check_work(asked, PredictOptions(), photo_size, limits)
        asked.require_one_painting()
        if others:
            context = await asyncio.to_thread(shown, engine, asked, others)
    else:
        area = None if mask is None else await asyncio.to_thread(transparent, await picture(request, mask, "mask"))
        asked = Edit(text, area, tuple(others))
    jobs = [Job("photo", pixels, asked, PredictOptions(seed=seed + i), context) for i in range(n)]
    return await data_of(
        await questions.paintings(engine, jobs), photo_size if wanted is None and task is not None else wanted
    )


async def data_of(paintings: Sequence[Painting], size: tuple[int, int] | None = None) -> dict[str, Any]:
    """OpenAI's form of pictures."""
    pictures = await asyncio.to_thread(lambda: [base64_of(brought_to(one, size).png()) for one in paintings])
    return {"created": int(time.time()), "output_format": "png", "data": [{"b64_json": one} for one in pictures]}


def brought_to(made: Painting, size: tuple[int, int] | None) -> Painting:
    """A painting without the padding of its canvas, at a size; every color as it was painted, since colors are
    numbers: of an answer by the nearest pixel, of a picture smoothly."""
    if size is None:
        return made
    perceived = bool(made.code)
    way = Image.Resampling.NEAREST if perceived else Image.Resampling.LANCZOS
    box = Placement.from_json(dict(made.geometry)).box if perceived and made.geometry else None
    pixels = np.asarray(made.image().resize(size, way, box=box))
    return made.with_provenance(pixels=pixels, geometry={} if perceived else made.geometry)


def check_count(count: int, engine: Engine) -> None:
    """ApiError for no picture, and for more than the model takes."""
    most = engine.model.capabilities.max_images
    if count == 0:
        raise ApiError(400, "invalid_field", "image: give a picture in the field image", param="image")
    if count > most:
        more = "" if most > 1 else "; examples of a question go to /v1/predict, in the fields example and truth"
        message = f"image: {count} pictures, but {engine.model.name} takes {most}{more}"
        raise ApiError(400, "invalid_field", message, param="image")


def shown(engine: Engine, task: Task, pictures: Sequence[Any]) -> Context:
    """Examples as other clients of this form of API send them: after the photo a photo and its painting, in turn.
    ApiError, UsageError, TruthError."""
    if len(pictures) % 2:
        message = f"image: after the photo come pairs, a photo and its painting, not {len(pictures)} pictures"
        raise ApiError(400, "invalid_field", message, param="image")
    return engine.model.shown(task, list(zip(pictures[::2], pictures[1::2], strict=True)))[1]


def check_form(response_format: str | None, output_format: str | None, n: int, limits: Limits) -> None:
    """ApiError for forms that we do not give: addresses, and formats that change colors."""
    if response_format not in (None, "", "b64_json"):
        raise ApiError(400, "invalid_field", "response_format: b64_json alone", param="response_format")
    if output_format not in (None, "", "png"):
        raise ApiError(
            400, "invalid_field", "output_format: png alone, since colors are numbers", param="output_format"
        )
    if n > limits.paintings:
        raise ApiError(400, "too_much_work", f"n: {limits.paintings} pictures at most", param="n")

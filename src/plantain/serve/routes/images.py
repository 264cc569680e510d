"""`/v1/images/generations` and `/v1/images/edits`, as OpenAI's: any client of theirs can have depth painted here.

An edit whose prompt is a question ("metric depth", or any prompt of Plantain's) gives the painting, in the photo's size
and in the colors of its code; `/v1/decode`, or `plantain.decode`, reads it. Any other is an edit."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, File, Form, Request, UploadFile
from PIL import Image
from pydantic import BaseModel, Field
from starlette import datastructures

from plantain.errors import UsageError
from plantain.imaging.geometry import Placement
from plantain.imaging.photo import opacity, open_picture, read_mask, read_photo
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Edit, Generate, Job, PredictOptions
from plantain.serve import questions
from plantain.serve.errors import ApiError
from plantain.serve.replies import base64_of
from plantain.serve.routes.common import ERRORS, Model, engine_of, limits_of
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_size, check_work, picture, text_of
from plantain.tasks import Matting, ReferringSegmentation, Task
from plantain.tasks.language.parsing import interpret, parse

router = APIRouter(tags=["pictures"], responses=ERRORS)
SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
SMALLEST, LARGEST = 16, 8192  # of a side
Purpose = Literal["auto", "perceive", "edit"]


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
    text, size = text_of(asked.prompt, limits, "prompt"), size_of(asked.size, limits)
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
    image: Annotated[UploadFile | None, File()] = None,
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
    text, wanted = text_of(prompt, limits, "prompt"), size_of(size, limits)
    check_form(response_format, output_format, n, limits)
    content = await picture(request, only([one for one in (image, *(images or ())) if one is not None]))
    task = await asyncio.to_thread(question_of, text, purpose)
    pixels = await asyncio.to_thread(read_photo, content)
    photo_size = (pixels.shape[1], pixels.shape[0])
    if task is not None:
        asked: Any = engine.model.resolve_task(task)
        check_work(asked, PredictOptions(), photo_size, limits)
        asked.require_one_painting()
    else:
        area = None if mask is None else await asyncio.to_thread(transparent, await picture(request, mask, "mask"))
        asked = Edit(text, area)
    jobs = [Job("photo", pixels, asked, PredictOptions(seed=seed + i)) for i in range(n)]
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


def question_of(prompt: str, purpose: Purpose) -> Task | None:
    """What a prompt asks; None for an edit. UsageError where it must be a question and is none.

    >>> question_of("metric depth", "auto").name, question_of("colorize", "auto"), question_of("a red hat", "auto")
    ('metric-depth', None, None)
    """
    if purpose == "edit":
        return None
    try:
        return parse(prompt)
    except UsageError:
        pass
    try:
        task = interpret(prompt)
    except UsageError:
        if purpose == "perceive":
            raise
        return None
    bare = isinstance(task, ReferringSegmentation) and task.text == prompt.strip()  # a phrase alone, as in a caption
    return None if purpose == "auto" and (bare or isinstance(task, Matting)) else task


def transparent(content: bytes) -> Any:
    """OpenAI's masks: where they are transparent is to be painted; of a picture without alpha, where it is bright."""
    with open_picture(content) as opened:
        clear = opacity(opened)
    return read_mask(content) if clear is None else ~read_mask(content)


def only(given: Sequence[datastructures.UploadFile]) -> datastructures.UploadFile:
    """The one picture. ApiError for none, and for several."""
    if len(given) != 1:
        what = "give a picture in the field image" if not given else f"one picture at a time, not {len(given)}"
        raise ApiError(400, "invalid_field", f"image: {what}", param="image")
    return given[0]


def size_of(text: str | None, limits: Limits) -> tuple[int, int] | None:
    """Width and height; None for auto. ApiError for what is none, or too large."""
    if not text or text == "auto":
        return None
    found = SIZE.fullmatch(text)
    if not found or not SMALLEST <= min(map(int, found.groups())) <= max(map(int, found.groups())) <= LARGEST:
        message = f"size is auto or WIDTHxHEIGHT in pixels ({SMALLEST} to {LARGEST}), not {text!r}"
        raise ApiError(400, "invalid_field", message, param="size")
    width, height = int(found[1]), int(found[2])
    check_size(width, height, limits, "size")
    return width, height


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

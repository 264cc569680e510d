"""`/v1/jobs`: long work; the answers are fetched when they are there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from plantain.serve.errors import ApiError
from plantain.serve.guard import ANYBODY
from plantain.serve.jobs import Jobs
from plantain.serve.orders import ROLES, Kind, Order, Work
from plantain.serve.questions import Purpose
from plantain.serve.routes.common import ERRORS, Asking, Code, Model, TermsOf, engine_of, limits_of
from plantain.serve.uploads import picture, picture_size, text_of

router = APIRouter(tags=["jobs"], responses=ERRORS)
Id = Annotated[str, Path(max_length=64)]
MOST = 2**31 - 1
Role = Literal["painting", "overlay", "arrays"]
WORDS: dict[str, Kind] = {"task": "predict", "text": "ask", "prompt": "edit"}  # by the field that has them


def jobs_of(request: Request) -> Jobs:
    jobs: Jobs | None = request.app.state.jobs
    if jobs is None:
        raise ApiError(404, "no_jobs", "this server keeps no jobs; start it with --state FOLDER")
    return jobs


def owner_of(request: Request) -> str:
    return str(request.scope.get("plantain.key", ANYBODY))


def order_of(
    request: Request,
    options: Asking,
    terms: TermsOf,
    task: Annotated[str, Form(description="A question for numbers, as of /v1/predict.")] = "",
    text: Annotated[str, Form(description="A question for a line, as of /v1/ask.")] = "",
    prompt: Annotated[str, Form(description="As of /v1/images/edits; without photos, of generations.")] = "",
    code: Code = None,
    n: Annotated[int, Form(ge=1, le=64, description="Of a prompt: pictures of each photo, or from words.")] = 1,
    size: Annotated[str | None, Form(max_length=20, description="Of a picture from words: WIDTHxHEIGHT.")] = None,
    purpose: Annotated[Purpose, Form(description="Of a prompt with photos, as of /v1/images/edits.")] = "auto",
) -> Order:
    """What is asked of every picture."""
    said = {name: words for name, words in (("task", task), ("text", text), ("prompt", prompt)) if words}
    if len(said) != 1:
        message = "say what you want in one of the fields task, text and prompt"
        raise ApiError(400, "invalid_field", message, param="task")
    ((name, words),) = said.items()
    if n > 1 and name != "prompt":
        raise ApiError(400, "invalid_field", "n: goes with a prompt; samples are merged into one answer", param="n")
    limits = limits_of(request)
    wanted = picture_size(size, limits)
    return Order(WORDS[name], text_of(words, limits, name), options, n, code, terms, purpose, wanted)


@router.post("/v1/jobs", status_code=202)
async def create(
    request: Request,
    order: Annotated[Order, Depends(order_of)],
    image: Annotated[list[UploadFile] | None, File(description="Photos, each in a field of this name.")] = None,
    mask: Annotated[UploadFile | None, File(description="Of an edit, as of /v1/images/edits.")] = None,
    model: Model = None,
) -> dict[str, Any]:
    """Begins a job. It is kept before this is answered, and survives any end of the server."""
    jobs, engine, limits = jobs_of(request), engine_of(request, model), limits_of(request)
    order = with_pictures(order, len(image or ()), mask is not None)
    area = None if mask is None else await picture(request, mask, "mask", now=False)
    work = await asyncio.to_thread(Work.of, order, engine.model, area)
    photos = []
    for i, upload in enumerate(image or ()):
        content = await picture(request, upload, now=False)
        await asyncio.to_thread(work.check, content, limits)
        photos.append((name_of(upload.filename, i), content))
    name = next(name for name, one in request.app.state.engines.items() if one is engine)
    return (await jobs.add(owner_of(request), name, order, photos, area)).to_json()


def with_pictures(order: Order, count: int, masked: bool) -> Order:
    """The order, now that it is known whether photos come with it. ApiError for what does not go together."""
    if count == 0 and order.kind != "edit":
        raise ApiError(400, "invalid_field", "image: give the photos that are asked about", param="image")
    if order.size is not None and count:
        message = "size: of a picture from words alone; an edit has the size of its photo"
        raise ApiError(400, "invalid_field", message, param="size")
    if masked and (order.kind != "edit" or not count):
        raise ApiError(400, "invalid_field", "mask: goes with a prompt and photos", param="mask")
    return order if count else replace(order, kind="generate")


def name_of(given: str | None, number: int) -> str:
    """What a client calls a picture, as any table can keep it."""
    name = (given or "").replace("\0", "").encode("utf-8", "replace").decode()
    return name[:255] or f"image-{number}"


@router.get("/v1/jobs")
async def every(request: Request) -> dict[str, Any]:
    """Your jobs, the newest first."""
    rows = await jobs_of(request).all_of(owner_of(request))
    return {"object": "list", "data": [row.to_json() for row in rows]}


@router.get("/v1/jobs/{id}")
async def one(request: Request, id: Id) -> dict[str, Any]:
    """How far a job is."""
    return (await jobs_of(request).of(owner_of(request), id)).to_json()


@router.delete("/v1/jobs/{id}")
async def cancel(request: Request, id: Id) -> dict[str, Any]:
    """Ends a job early; one that has ended is removed with its answers."""
    return (await jobs_of(request).cancel(owner_of(request), id)).to_json()


@router.get("/v1/jobs/{id}/events", response_class=StreamingResponse)
async def events(request: Request, id: Id) -> StreamingResponse:
    """Progress as server-sent events, until the job ends."""
    jobs, owner = jobs_of(request), owner_of(request)
    await jobs.of(owner, id)

    async def lines() -> AsyncIterator[str]:
        async for row in jobs.events(owner, id):
            yield f"event: {row.state}\ndata: {json.dumps(row.to_json())}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@router.get("/v1/jobs/{id}/results")
async def results(
    request: Request,
    id: Id,
    first: Annotated[int, Query(ge=0, le=MOST)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """What became of the pictures, in order; those that are not done yet are left out."""
    items = await jobs_of(request).results(owner_of(request), id, first, most)
    data = [{"place": item["place"]} | item["record"] for item in items]
    following = items[-1]["place"] + 1 if len(items) == most else None
    return {"object": "list", "data": data, "next": following}


@router.get("/v1/jobs/{id}/results/{place}/{role}", response_class=FileResponse)
async def file(
    request: Request,
    id: Id,
    place: Annotated[int, Path(ge=0, le=MOST)],
    role: Role,
    task: Annotated[str | None, Query(max_length=60, description="Of a text: which of its paintings.")] = None,
) -> FileResponse:
    """A file of an answer."""
    path = await jobs_of(request).file(owner_of(request), id, place, role, task)
    return FileResponse(path, media_type=ROLES[role], filename=path.name)

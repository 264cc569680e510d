"""`/v1/jobs`: many pictures, one question; the answers are fetched when they are there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse

from plantain.pipeline.jobs import PredictOptions
from plantain.serve import questions
from plantain.serve.errors import ApiError
from plantain.serve.guard import ANYBODY
from plantain.serve.jobs import ROLES, Jobs
from plantain.serve.routes.common import ERRORS, Model, Question, engine_of, limits_of
from plantain.serve.uploads import check_work, picture, size_of

router = APIRouter(tags=["jobs"], responses=ERRORS)
Id = Annotated[str, Path(max_length=64)]
Role = Literal["painting", "overlay", "arrays"]


def jobs_of(request: Request) -> Jobs:
    jobs: Jobs | None = request.app.state.jobs
    if jobs is None:
        raise ApiError(404, "no_jobs", "this server keeps no jobs; start it with --state FOLDER")
    return jobs


def owner_of(request: Request) -> str:
    return str(request.scope.get("plantain.key", ANYBODY))


@router.post("/v1/jobs", status_code=202)
async def create(
    request: Request,
    image: Annotated[list[UploadFile], File(description="Photos, each in a field of this name.")],
    task: Question,
    model: Model = None,
    seed: Annotated[int, Form(ge=0, le=2**31 - 1)] = 0,
) -> dict[str, Any]:
    """Begins a job. It is kept before this is answered, and survives any end of the server."""
    jobs, engine, limits = jobs_of(request), engine_of(request, model), limits_of(request)
    asked = engine.model.resolve_task(questions.read_task(task, limits))
    options = PredictOptions(seed=seed)
    photos = []
    for i, upload in enumerate(image):
        content = await picture(request, upload, now=False)
        check_work(asked, options, size_of(content), limits)
        photos.append((upload.filename or f"image-{i}", content))
    name = next(name for name, one in request.app.state.engines.items() if one is engine)
    row = await jobs.add(owner_of(request), name, task, {"seed": seed}, photos)
    return row.to_json()


@router.get("/v1/jobs")
async def every(request: Request) -> dict[str, Any]:
    """Your jobs, the newest first."""
    return {"object": "list", "data": [row.to_json() for row in jobs_of(request).ledger.of(owner_of(request))]}


@router.get("/v1/jobs/{id}")
async def one(request: Request, id: Id) -> dict[str, Any]:
    """How far a job is."""
    return jobs_of(request).of(owner_of(request), id).to_json()


@router.delete("/v1/jobs/{id}")
async def cancel(request: Request, id: Id) -> dict[str, Any]:
    """Ends a job early; one that has ended is removed with its answers."""
    return (await jobs_of(request).cancel(owner_of(request), id)).to_json()


@router.get("/v1/jobs/{id}/events", response_class=StreamingResponse)
async def events(request: Request, id: Id) -> StreamingResponse:
    """Progress as server-sent events, until the job ends."""
    jobs, owner = jobs_of(request), owner_of(request)
    jobs.of(owner, id)

    async def lines() -> AsyncIterator[str]:
        async for row in jobs.events(owner, id):
            yield f"event: {row.state}\ndata: {json.dumps(row.to_json())}\n\n"

    return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})


@router.get("/v1/jobs/{id}/results")
async def results(
    request: Request,
    id: Id,
    first: Annotated[int, Query(ge=0, le=2**31)] = 0,
    most: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """What became of the pictures, in order; those that are not done yet are left out."""
    jobs = jobs_of(request)
    row = jobs.of(owner_of(request), id)
    items = jobs.ledger.items(row.id, done=True, first=first, most=most)
    data = [{"place": item["place"]} | item["record"] for item in items]
    following = items[-1]["place"] + 1 if len(items) == most else None
    return {"object": "list", "data": data, "next": following}


@router.get("/v1/jobs/{id}/results/{place}/{role}", response_class=FileResponse)
async def file(request: Request, id: Id, place: Annotated[int, Path(ge=0, le=2**31)], role: Role) -> FileResponse:
    """A file of an answer."""
    path = jobs_of(request).file(owner_of(request), id, place, role)
    return FileResponse(path, media_type=ROLES[role], filename=path.name)

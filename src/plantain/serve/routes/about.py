"""What can be asked, by whom it is answered, and how a text is read."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from plantain.models.registry import rows
from plantain.serve.queue import Engine
from plantain.serve.routes.common import ERRORS, limits_of
from plantain.serve.uploads import text_of
from plantain.tasks import TASKS
from plantain.tasks.language.parsing import explained

router = APIRouter(tags=["about"], responses=ERRORS)


class Text(BaseModel):
    """A question."""

    text: str


@router.post("/v1/explain")
async def explain(request: Request, asked: Text) -> dict[str, Any]:
    """How a text is read, without a model; a text that is refused has want "refuse" and error."""
    return await _explained(request, asked.text)


@router.get("/v1/explain")
async def explain_of(request: Request, text: Annotated[str, Query()]) -> dict[str, Any]:
    """The same."""
    return await _explained(request, text)


async def _explained(request: Request, text: str) -> dict[str, Any]:
    return await asyncio.to_thread(explained, text_of(text, limits_of(request), "text"))


@router.get("/v1/tasks")
async def tasks() -> dict[str, Any]:
    """What can be asked."""
    return {"object": "list", "data": [_task(name) for name in TASKS]}


def _task(name: str) -> dict[str, Any]:
    task = TASKS[name]
    codes = sorted(task.codes.items(), key=lambda item: item[0] != task.default_code)
    about = (task.__doc__ or "").split("\n")[0]
    return {"id": name, "object": "task", "title": task.title, "kind": task.kind.kind, "codes": dict(codes)} | {
        "about": about
    }


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """Who answers here, the one that answers where none is named in front."""
    engines: dict[str, Engine] = request.app.state.engines
    return {"object": "list", "data": [_model(name, engine) for name, engine in engines.items()]}


def _model(name: str, engine: Engine) -> dict[str, Any]:
    model, row = engine.model, rows().get(name)
    told = {"id": name, "object": "model", "created": 0, "owned_by": "plantain"}
    answers = [task for task in TASKS if model.supports(task)]
    license_ = row.license if row else None
    return told | {"tasks": answers, "paints": model.paints, "license": license_, "ready": engine.gone is None}

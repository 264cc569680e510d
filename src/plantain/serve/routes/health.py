"""Whether the server lives, whether it can answer, and its metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from plantain.serve.errors import OURS, ApiError
from plantain.serve.queue import Engine
from plantain.serve.routes.common import ERRORS

router = APIRouter(tags=["health"], responses=ERRORS)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """It lives."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> dict[str, Any]:
    """It can answer. 503 while it ends, and where a model has ended."""
    state = request.app.state
    if state.draining:
        raise ApiError(503, "draining", "the server is about to end", kind=OURS)
    engines: dict[str, Engine] = state.engines
    for name, engine in engines.items():
        if engine.gone is not None:
            raise ApiError(503, "model_gone", f"{name} answers no more: {engine.gone}", kind=OURS)
    return {"status": "ready", "models": list(engines)}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)

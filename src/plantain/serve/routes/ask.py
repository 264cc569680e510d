"""`/v1/ask`: what people ask, answered in a line and in numbers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request

from plantain.serve import questions
from plantain.serve.routes.common import ERRORS, Asking, Model, Picture, Question, engine_of, limits_of
from plantain.serve.uploads import picture

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
    engine, content = engine_of(request, model), await picture(request, image)
    camera = {"fov_deg": fov, "focal_px": focal}
    answer, seconds = await questions.ask(engine, limits_of(request), content, text, options, **camera)
    return answer.to_json() | {"model": engine.model.name, "seconds": round(seconds, 4)}

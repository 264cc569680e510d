"""`/v1/ask`: what people ask, answered in a line and in numbers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request

from plantain.answers.ask import Terms
from plantain.serve import questions
from plantain.serve.routes.common import ERRORS, Asking, Model, Picture, Question, engine_of, limits_of
from plantain.serve.uploads import picture

router = APIRouter(tags=["questions"], responses=ERRORS)
Degrees = Annotated[float | None, Form(gt=0, lt=180, description="Horizontal field of view in degrees.")]
Pixels = Annotated[float | None, Form(gt=0, lt=1e6, description="Focal length in pixels.")]

Share = Annotated[float, Form(ge=0, le=1, description="Below it the answer is not said: `gated`.")]


@router.post("/v1/ask")
async def ask(
    request: Request,
    image: Picture,
    text: Question,
    options: Asking,
    model: Model = None,
    fov: Degrees = None,
    focal: Pixels = None,
    min_confidence: Share = 0.0,
    min_presence: Share = 0.0,
) -> dict[str, Any]:
    """How far, how many, where, which is nearer, is it there: a line for people, and the same in numbers."""
    engine, content = engine_of(request, model), await picture(request, image)
    terms = Terms(fov, focal, min_confidence, min_presence)
    answer, seconds = await questions.ask(engine, limits_of(request), content, text, options, terms)
    return answer.to_json() | {"model": engine.model.name, "seconds": round(seconds, 4)}

"""`/v1/ask`: what people ask, answered in a line and in numbers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from plantain.serve import questions
from plantain.serve.routes.common import ERRORS, Asking, Model, Picture, Question, TermsOf, engine_of, limits_of
from plantain.serve.uploads import picture

router = APIRouter(tags=["questions"], responses=ERRORS)


@router.post("/v1/ask")
async def ask(
    request: Request,
    image: Picture,
    text: Question,
    options: Asking,
    terms: TermsOf,
    model: Model = None,
) -> dict[str, Any]:
    """How far, how many, where, which is nearer, is it there: a line for people, and the same in numbers."""
    engine, content = engine_of(request, model), await picture(request, image)
    answer, seconds = await questions.ask(engine, limits_of(request), content, text, options, terms)
    return answer.to_json() | {"model": engine.model.name, "seconds": round(seconds, 4)}

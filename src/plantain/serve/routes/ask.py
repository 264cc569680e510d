"""`/v1/ask`: what people ask, answered in a line and in numbers."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from plantain.answers.ask import planned
from plantain.serve import questions
from plantain.serve.routes.common import ERRORS, Asking, Model, Picture, Question, Shown, TermsOf, engine_of, limits_of
from plantain.serve.uploads import picture, text_of
from plantain.tasks.language.reader import read_plan

router = APIRouter(tags=["questions"], responses=ERRORS)


@router.post("/v1/ask")
async def ask(
    request: Request,
    image: Picture,
    text: Question,
    options: Asking,
    terms: TermsOf,
    examples: Shown,
    model: Model = None,
) -> dict[str, Any]:
    """How far, how many, where, which is nearer, is it there: a line for people, and the same in numbers."""
    engine, limits, content = engine_of(request, model), limits_of(request), await picture(request, image)
    plan = await asyncio.to_thread(read_plan, text_of(text, limits, "text"))
    plan = await asyncio.to_thread(planned, plan, engine.model, terms)
    async with request.app.state.learners.taught(engine, plan.tasks, examples) as taught:
        found = await questions.answer(engine, limits, content, plan, options, terms, taught=taught)
    assert found.answer is not None
    return found.answer.to_json() | {"model": engine.model.name, "seconds": round(found.seconds, 4)}

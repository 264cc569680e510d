"""A question from its words to its answer, for whoever asks: over HTTP, or as an agent's tool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from plantain._shapes import UInt8
from plantain.answers.ask import Answered, Terms, answered, planned, with_camera
from plantain.answers.types import Answer
from plantain.errors import UsageError
from plantain.imaging.photo import opacity, open_picture, read_mask, read_photo
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Context, Job, Outcome, PredictOptions
from plantain.serve.examples import Taught
from plantain.serve.queue import Engine
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_work, size_of, text_of
from plantain.tasks import Matting, ReferringSegmentation, Task
from plantain.tasks.language.parsing import interpret, parse
from plantain.tasks.language.plan import Plan
from plantain.tasks.language.reader import read_plan

NOTHING = Context()
Purpose = Literal["auto", "perceive", "edit"]


async def ask(
    engine: Engine, limits: Limits, photo: bytes, text: str, options: PredictOptions, terms: Terms
) -> tuple[Answer, float]:
    """The answer to what people ask, and the seconds it took; all its paintings are asked for at once.

    UsageError, ApiError, PhotoError, PainterError."""
    plan = await asyncio.to_thread(read_plan, text_of(text, limits, "text"))
    found = await answer(engine, limits, photo, plan, options, terms)
    assert found.answer is not None
    return found.answer, found.seconds


async def answer(
    engine: Engine,
    limits: Limits,
    photo: bytes,
    plan: Plan,
    options: PredictOptions,
    terms: Terms,
    context: Context = NOTHING,
    taught: Taught = MappingProxyType({}),
) -> Answered:
    """What becomes of a plan, whose answer is there: all its paintings are asked for at once. `context`: what the
    model is shown besides; `taught`: who is asked in its place. UsageError, ApiError, PhotoError, PainterError."""
    plan = await asyncio.to_thread(planned, plan, engine.model, terms)
    own = await asyncio.to_thread(with_camera, photo, plan, terms)
    pixels = await asyncio.to_thread(read_photo, photo)
    for task in plan.tasks:
        check_work(task, options, _size(pixels), limits)
    asked = [(*taught.get(task, (engine, context)), task) for task in plan.tasks]
    waiting = (who.outcome(Job("photo", pixels, task, options, own)) for who, own, task in asked)
    outcomes = await asyncio.gather(*waiting)
    found = await asyncio.to_thread(answered, outcomes, plan, own)
    if found.answer is None:
        raise found.error or UsageError("there is no answer")
    return found


async def predict(
    engine: Engine, limits: Limits, photo: bytes, task: Task, options: PredictOptions, context: Context = NOTHING
) -> Outcome:
    """What becomes of one question; `context` as above. UsageError, ApiError."""
    asked = engine.model.resolve_task(task)
    check_work(asked, options, size_of(photo), limits)
    return await engine.outcome(Job("photo", photo, asked, options, context))


async def paintings(engine: Engine, jobs: Sequence[Job]) -> list[Painting]:
    """The painting of every answer. Raises the first error; UsageError where nothing is painted."""
    answers = await asyncio.gather(*map(engine.answer, jobs))
    found = [one if isinstance(one, Painting) else one.painting for one in answers]
    if None in found:
        raise UsageError(f"{engine.model.name} is a specialist and paints nothing; ask it for numbers")
    return found


def read_task(text: str, limits: Limits, code: str | None = None) -> Task:
    """The one question that is meant, in the code that is wanted. UsageError, UnknownName, ApiError."""
    task = interpret(text_of(text, limits, "task"))
    return task if not code else replace(task, code=code)


def _size(pixels: UInt8[np.ndarray, "h w 3"]) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]


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

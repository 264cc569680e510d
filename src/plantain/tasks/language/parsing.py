"""Words <-> tasks. `parse` is the inverse of `Task.prompt` and reads prompts that others wrote; `interpret` reads what
people type."""

from __future__ import annotations

import json
from typing import Any

from plantain.errors import UnknownName, UsageError
from plantain.tasks import TASKS
from plantain.tasks.base import Task
from plantain.tasks.language import external, queries


def parse(prompt: str) -> Task:
    """The task that a painter's prompt asks for: `parse(task.prompt(style)) == task`.

    Prompts in other people's words are read where they name a task or a legend. Raises UsageError where they do not.

    >>> from plantain.tasks import SemanticSegmentation
    >>> task = SemanticSegmentation({"road, wet": (128, 64, 128), 'a "sign"': (0, 0, 255)})
    >>> all(parse(task.prompt(style)) == task for style in ("imperative", "caption", "json", "terse"))
    True
    """
    task = _own(prompt) or external.read(prompt)
    if task is None:
        raise UsageError(f"no task or legend is said in {_short(prompt)!r}; see the prompts of `plantain tasks`")
    return task


def interpret(text: str) -> Task:
    """The task that somebody means who types this: a task's name, a prompt, an order or a question.

    Raises UnknownName, with the nearest names, for what cannot be read. `tasks.language.queries` says how it decides.

    >>> interpret("how far is everything?")
    MetricDepth(code=None, near_m=0.0, far_m=inf)
    >>> interpret("segment the red mug and the plate").text
    ('the red mug', 'the plate')
    """
    if not text.strip():
        raise UsageError("the question is empty; ask for example 'metric depth' or 'segment the red mug'")
    task = _own(text) or external.read(text) or queries.read(text)
    if task is None:
        known = [*TASKS, "segment the THING", "segment CLASS, CLASS", "find the THINGS"]
        raise UnknownName("task", _short(text), known)
    return task


def _own(prompt: str) -> Task | None:
    """The task whose own words these are."""
    if prompt.lstrip().startswith("{"):
        return _from_json(prompt)
    return next((task for cls in TASKS.values() if (task := cls.read(prompt)) is not None), None)


def _from_json(prompt: str) -> Task | None:
    try:
        record: Any = json.loads(prompt)
    except ValueError:
        return None  # JSON-like at most: `external` reads it
    title = record.pop("task", None)
    if isinstance(record.get("background"), list):
        record["background"] = tuple(record["background"])  # JSON knows no tuples
    titles: dict[str, type[Task]] = {cls.title: cls for cls in TASKS.values()} | TASKS
    if not isinstance(title, str):
        return None
    if title not in titles:
        raise UnknownName("task", title, [cls.title for cls in TASKS.values()])
    try:
        return titles[title].from_words(record)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"the fields {sorted(record)} do not make the task {title!r} ({error})") from None


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."

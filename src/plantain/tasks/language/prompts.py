"""Prompts of Plantain itself, in any style, back to their tasks."""

from __future__ import annotations

import json
from typing import Any

from plantain.errors import UnknownName, UsageError
from plantain.tasks import TASKS
from plantain.tasks.base import Task


def own(prompt: str) -> Task | None:
    """The task whose own words these are; None where they are nobody's prompt."""
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

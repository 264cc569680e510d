"""Words <-> tasks. `parse` is the inverse of `Task.prompt` and reads prompts that others wrote; `interpret` reads what
people type, where it is one question; `reader.read_plan` reads all of it."""

from __future__ import annotations

from typing import Any

from plantain.errors import UsageError
from plantain.tasks.base import Task
from plantain.tasks.language import external, prompts
from plantain.tasks.language.plan import Plan, joined
from plantain.tasks.language.reader import read_plan


def parse(prompt: str) -> Task:
    """The task that a painter's prompt asks for: `parse(task.prompt(style)) == task`.

    Prompts in other people's words are read where they name a task or a legend. Raises UsageError where they do not.

    >>> from plantain.tasks import SemanticSegmentation
    >>> task = SemanticSegmentation({"road, wet": (128, 64, 128), 'a "sign"': (0, 0, 255)})
    >>> all(parse(task.prompt(style)) == task for style in ("imperative", "caption", "json", "terse"))
    True
    """
    task = prompts.own(prompt) or external.read(prompt)
    if task is None:
        short = prompt if len(prompt) <= 100 else prompt[:97] + "..."
        raise UsageError(f"no task or legend is said in {short!r}; see the prompts of `plantain tasks`")
    return task


def interpret(text: str) -> Task:
    """The one task that somebody means who types this: a task's name, a prompt, an order or a question.

    Of the distance of a thing it is the depth of everything. Raises UsageError for what cannot be read, with examples,
    and for what takes several paintings, which `read_plan` tells apart.

    >>> interpret("how far is everything?")
    MetricDepth(code=None, near_m=0.0, far_m=inf)
    >>> interpret("segment the red mug and the plate").text
    ('the red mug', 'the plate')
    """
    return one_task(read_plan(text))


def one_task(plan: Plan) -> Task:
    """The task of a plan that takes one painting. UsageError for any other."""
    if len(plan.questions) > 1:
        asked = joined([" and ".join(task.title for task in question.tasks) for question in plan.questions])
        raise UsageError(f"{plan.text!r} holds {len(plan.questions)} questions ({asked}); ask one at a time")
    (question,) = plan.questions
    if question.task is None:
        kind = question.tasks[0].title
        raise UsageError(
            f"{plan.text!r} takes {len(question.tasks)} paintings, {kind} of {joined(question.names)}; name one at a "
            f"time"
        )
    return question.task


def explained(text: str) -> dict[str, Any]:
    """How a text is read, as `plantain explain` says it; one that is refused has want "refuse", and the error."""
    try:
        return read_plan(text).to_json()
    except UsageError as error:
        return {"text": text, "tasks": [], "names": [], "want": "refuse", "error": str(error)}


def left_out(plan: Plan) -> tuple[str, ...]:
    """What one map of a plan does not give, and what was mended or dropped, a line each.

    >>> left_out(read_plan("how far is the cup, in feet?"))
    ('the depth of everything is painted; the distance is not read off it', 'the numbers are meters, not ft')
    """
    question, lines = plan.questions[0], list(plan.notes)
    if question.want in ("distance", "size", "compare"):
        what = "size" if question.want == "size" else "distance"
        lines.append(f"the depth of everything is painted; the {what} is not read off it")
    if question.unit not in (None, "m"):
        lines.append(f"the numbers are meters, not {question.unit}")
    if question.frame == "opencv":
        lines.append("the axes are OpenGL's (+y up, +z to the viewer), not OpenCV's")
    return tuple(lines)

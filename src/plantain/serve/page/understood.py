"""What was understood of a text, in a line, and how to say better what was not."""

from __future__ import annotations

import re
from dataclasses import dataclass

from plantain.answers.words import the
from plantain.errors import UsageError
from plantain.tasks.language.plan import Question, Want, joined
from plantain.tasks.language.reader import read_plan
from plantain.tasks.language.refusals import EDITS

LINES: dict[Want, str] = {  # what is wanted of the names, which stand behind it
    "map": "a map",
    "count": "how many",
    "distance": "how far away",
    "size": "how large",
    "where": "where",
    "presence": "whether it is there",
    "compare": "which is nearer",
    "cutout": "cut out",
    "disparity": "nearness of every pixel",
    "point-cloud": "points in space",
}
QUOTED = re.compile(r'"([^"]+)"')
EXAMPLES = "; ask for example "
EDIT_HINT = "put it into the tab Edit"


@dataclass(frozen=True)
class Understood:
    """`lines`: a line a question. `notes`: what was mended, dropped or taken for granted. `refused`: why the text is
    not read, "" where it is. `better`: texts that are read, to be put in its place. `edit`: whether it asks for another
    picture rather than for numbers."""

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""
    better: tuple[str, ...] = ()
    edit: bool = False


def understood(text: str) -> Understood:
    """How a text is read, without a model; nothing of an empty one.

    >>> understood("how far is the cup?").lines
    ('how far away: the cup. Painted for it: a mask of the cup; metric depth.',)
    >>> understood("fnd the cups").better
    ('find the cups', 'count the cups')
    """
    if not text.strip():
        return Understood()
    try:
        plan = read_plan(text)
    except UsageError as error:
        return refused(str(error))
    return Understood(tuple(line(question) for question in plan.questions), plan.notes)


def refused(message: str) -> Understood:
    """What an error of the reader says, and the examples that it names."""
    why, _, examples = message.partition(EXAMPLES)
    if EDITS[0] in message:
        return Understood(refused=f"{why}: {EDIT_HINT}", edit=True)
    return Understood(refused=why, better=tuple(QUOTED.findall(examples)))


def line(question: Question) -> str:
    """A question in a line: what is wanted, of what, and what is painted for it."""
    names = joined(list(map(the, question.names)))
    painted = [_painted(task.title, task.queries) for task in question.tasks]
    if question.want == "map":
        return "; ".join(painted)
    wanted = "how far apart" if question.between else LINES[question.want]
    unit = f", in {question.unit}" if question.unit else ""
    about = f": {names}" if names else ""
    return f"{wanted}{about}{unit}. Painted for it: {'; '.join(painted)}."


def _painted(title: str, names: tuple[str, ...]) -> str:
    """A task and its names; "segment" is the title of a task whose prompt begins so."""
    if title == "segment":
        return f"a mask of {joined(list(map(the, names)))}"
    return f"{title}: {', '.join(names)}" if names else title

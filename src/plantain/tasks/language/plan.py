"""What was asked, once it is read: a plan of questions, each with its tasks and what is wanted of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from plantain.tasks.base import Task
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.language.templates import RGB
from plantain.tasks.metric_depth import MetricDepth

Want = Literal["map", "count", "distance", "size", "where", "presence", "compare", "cutout", "disparity", "point-cloud"]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Question:
    """One question. `tasks` is what has to be painted for it, in order: one for a map; a mask and metric depth for the
    distance of a thing; one a class where a task has one class (the boxes of dogs and people).

    `names`: what was asked for, as it was typed, without articles. `unit`: of the answer, None where none was said.
    `frame`: the axes of normals. `points`: those that were named, or the name of a known set ("face", "hand").
    `colors`: those chosen for `names`, in their order. `between`: the distance of two things from each other, not from
    the camera. `side`: the height, width or length of things, where not all of their size is asked for. `notes`: what
    was dropped or taken for granted."""

    tasks: tuple[Task, ...]
    want: Want = "map"
    names: tuple[str, ...] = ()
    unit: str | None = None
    frame: str | None = None
    points: str | tuple[str, ...] | None = None
    colors: tuple[RGB, ...] = ()
    between: bool = False
    side: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def task(self) -> Task | None:
        """The one task whose answer is a map of what was asked; None where it takes several paintings.

        Of a distance or a comparison it is the depth of everything."""
        return self.tasks[-1] if len(self.tasks) == 1 or self.want in ("distance", "size", "compare") else None

    @property
    def lacks_a_name(self) -> bool:
        """Whether it asks for things of which none is named."""
        return not self.names and isinstance(self.tasks[0], InstanceSegmentation | ObjectDetection)

    @property
    def range_m(self) -> tuple[float, float]:
        """The nearest and the farthest depth that is asked for."""
        depth = next((task for task in self.tasks if isinstance(task, MetricDepth)), MetricDepth())
        return depth.near_m, depth.far_m

    def noting(self, note: str) -> Question:
        return replace(self, notes=(*self.notes, note))

    def apart(self) -> Question:
        """The question how far its things are from each other."""
        return replace(self, between=True)

    def of_side(self, side: str | None) -> Question:
        """The question for one side of the size of its things."""
        return replace(self, side=side)

    def to_json(self) -> dict[str, Any]:
        """The fields of `plantain explain`; those that were not said are left out."""
        near_m, far_m = self.range_m
        said: dict[str, Any] = {
            "unit": self.unit,
            "near_m": near_m or None,
            "far_m": None if math.isinf(far_m) else far_m,
            "frame": self.frame,
            "points": list(self.points) if isinstance(self.points, tuple) else self.points,
            "colours": [list(color) for color in self.colors] or None,
            "between": self.between or None,
            "side": self.side,
        }
        known = {"tasks": once(task.name for task in self.tasks), "names": list(self.names), "want": self.want}
        return known | {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True)
class Plan:
    """The questions of a text, in order. `mended`: what was read otherwise than it was typed. `planner`: what a
    language model made of the text, where one was asked."""

    text: str
    questions: tuple[Question, ...]
    mended: tuple[str, ...] = ()
    planner: Mapping[str, Any] | None = None

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All that has to be painted, each once."""
        return tuple(once(task for question in self.questions for task in question.tasks))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended, dropped or taken for granted, a line each."""
        return tuple(once((*self.mended, *(note for question in self.questions for note in question.notes))))

    def to_json(self) -> dict[str, Any]:
        """The line of `plantain explain`: the questions together, and one by one where they are several.

        What is wanted of several is the first thing that is no map."""
        each = [question.to_json() for question in self.questions]
        whole: dict[str, Any] = {
            "text": self.text,
            "tasks": once(name for one in each for name in one["tasks"]),
            "names": once(name for one in each for name in one["names"]),
            "want": next((one["want"] for one in each if one["want"] != "map"), "map"),
        }
        for one in each:
            whole |= {key: value for key, value in one.items() if key not in whole}
        whole |= {"questions": each} if len(each) > 1 else {}
        notes = {"notes": list(self.notes)} if self.notes else {}
        return whole | {"prompts": [task.prompt() for task in self.tasks]} | notes


def once(values: Iterable[Item]) -> list[Item]:
    """The values in order, each once."""
    return list(dict.fromkeys(values))


def joined(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""Things one by one: boxes, masks, points, and the whole picture in segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.data.excerpts import png
from plantain.errors import TruthError
from plantain.eval.adapters.base import EvalAdapter, Rng
from plantain.eval.metrics.concepts import Annotated, Predicted
from plantain.eval.metrics.detection import Detections, Truths
from plantain.eval.metrics.panoptic import Segments
from plantain.predictions.boxes import box_area
from plantain.predictions.types import Panoptic
from plantain.tasks import Task

ANNOTATIONS = {"instances": "annotations", "crowds": "crowds"}  # truth -> the fact that holds its rows


class ThingsAdapter(EvalAdapter):
    """Things with a score each, which is their confidence."""

    def confidence(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].scores, float)


@dataclass(frozen=True)
class DetectionAdapter(ThingsAdapter):
    """All things of one class, as boxes or with masks; photos without one are asked too. Groups count neither way."""

    name: str
    masks: bool = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.InstanceSegmentation(self.name) if self.masks else tasks.ObjectDetection(self.name)]

    def _chosen(self, example: Example, which: str) -> tuple[Any, np.ndarray]:
        """The things (or crowds) of the class, and their areas: as annotated, where the set says so, or the masks'."""
        every: Any = example.truth(which)
        own = np.array([i for i, k in enumerate(every.labels) if every.classes[k] == self.name], int)
        rows = example.facts.get(ANNOTATIONS[which], ())
        annotated = len(rows) == len(every.labels) and all(row.get("area") is not None for row in rows)
        drawn = box_area(every.boxes) if every.masks is None else every.masks.sum((1, 2))
        areas = [rows[i]["area"] for i in own] if annotated else drawn[own]
        things = replace(every[own], labels=np.zeros(len(own), np.int64), classes=(self.name,))
        return things, np.array(areas, float)

    def truth(self, example: Example, asked: Sequence[Task]) -> Truths:
        parts = [(which, *self._chosen(example, which)) for which in ANNOTATIONS if which in example.truths]
        drawn = all(things.masks is not None for _, things, _ in parts)
        if self.masks and not drawn:
            raise TruthError(f"{example.photo} has an object without a mask: boxes alone can be asked for")
        masks = np.concatenate([things.masks for _, things, _ in parts]) if drawn else None
        boxes = np.concatenate([things.boxes for _, things, _ in parts]).astype(float)
        areas = np.concatenate([areas for *_, areas in parts])
        crowds = np.repeat([which == "crowds" for which, *_ in parts], [len(areas) for *_, areas in parts])
        return Truths(boxes, np.zeros(len(boxes), int), areas, crowds, masks)

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._chosen(example, "instances")[0]

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> Detections:
        seen = answers[0]
        labels = np.zeros(len(seen.scores), int)
        return Detections(seen.boxes.astype(float), labels, seen.scores.astype(float), seen.masks)


@dataclass(frozen=True)
class KeypointsAdapter(EvalAdapter):
    """Named points of one person or face; `names` leaves some of the truth's out, which not every network knows."""

    names: tuple[str, ...] = ()
    thing: str = "person"

    def _true(self, example: Example) -> Any:
        true: Any = example.truth("keypoints")
        keep = [i for i, name in enumerate(true.names) if not self.names or name in self.names]
        names = tuple(true.names[i] for i in keep)
        return replace(true, xy=true.xy[keep], visible=true.visible[keep], names=names, scores=true.scores[keep])

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        true = self._true(example)
        return [tasks.KeypointDetection(names=true.names, thing=self.thing)] if true.visible.any() else []

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray, float]:
        true = self._true(example)
        return np.nan_to_num(true.xy), true.visible, 0.0

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._true(example)

    def answer(self, answers: Sequence[Any], asked: Sequence[Any]) -> np.ndarray:
        where = dict(zip(answers[0].names, answers[0].xy, strict=True))
        return np.array([where.get(name, (np.nan, np.nan)) for name in asked[0].names], np.float32)

    def confidence(self, answers: Sequence[Any], asked: Sequence[Any]) -> np.ndarray:
        scores = dict(zip(answers[0].names, answers[0].scores, strict=True))
        return np.array([scores.get(name, 0.0) for name in asked[0].names])


@dataclass(frozen=True)
class ConceptsAdapter(ThingsAdapter):
    """Every instance of the photo's own phrase, against one annotator or several."""

    same_question = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.InstanceSegmentation(example.facts["phrase"])]

    def truth(self, example: Example, asked: Sequence[Task]) -> list[Annotated]:
        books: list[Any] = [example.truth(name) for name in example.facts["annotators"]]
        complete = example.facts["exhaustive"]
        return [Annotated(book.masks, bool(all_of)) for book, all_of in zip(books, complete, strict=True)]

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth("instances")
        return replace(true, classes=(example.facts["phrase"],))

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> Predicted:
        seen = answers[0]
        return Predicted(seen.masks, seen.scores.astype(float))


@dataclass(frozen=True)
class PanopticAdapter(EvalAdapter):
    """Every pixel in one segment: a photo's own stuff and things are asked for. `stuff` and `things` are the set's."""

    stuff: tuple[str, ...]
    things: tuple[str, ...]
    same_question = False

    @property
    def classes(self) -> tuple[str, ...]:
        """The metric's: stuff, then things."""
        return (*self.stuff, *self.things)

    def _rows(self, example: Example) -> list[tuple[int, int, bool]]:
        """Number in the map, class and whether it is a crowd, of each segment."""
        names = example.facts["names"]
        rows = [(i, name, crowd) for i, (name, (_, crowd)) in
                enumerate(zip(names, example.facts["segments"], strict=True), 1)]  # fmt: skip
        return [(i, self.classes.index(name), bool(crowd)) for i, name, crowd in rows]

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        names = list(dict.fromkeys(example.facts["names"]))
        stuff = [name for name in names if name in self.stuff]
        return [tasks.PanopticSegmentation(stuff, tuple(name for name in names if name in self.things))]

    def truth(self, example: Example, asked: Sequence[Task]) -> Segments:
        rows, numbers = self._rows(example), png(example.facts["path"]).astype(np.int64)
        ids = np.where(np.isin(numbers, [i for i, _, _ in rows]), numbers, 0)
        there = set(np.unique(ids).tolist())
        kept = [row for row in rows if row[0] in there]
        whole, merged = self._stuff_as_one(ids, kept)
        return Segments(whole, {i: k for i, k, _ in merged}, tuple(i for i, _, crowd in merged if crowd))

    def _stuff_as_one(
        self, ids: np.ndarray, rows: Sequence[tuple[int, int, bool]]
    ) -> tuple[np.ndarray, list[tuple[int, int, bool]]]:
        """A kind of stuff is one segment, however many pieces it has."""
        first: dict[int, int] = {}
        out, kept = ids.copy(), []
        for i, kind, crowd in rows:
            if kind < len(self.stuff) and kind in first:
                out[ids == i] = first[kind]
                continue
            first[kind] = i
            kept.append((i, kind, crowd))
        return out, kept

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        """Crowds are painted as one thing each: no painting can say more of them."""
        question: Any = asked[0]
        truth, names = self.truth(example, asked), question.classes
        ids, segments = np.full(truth.ids.shape, -1, np.int32), np.zeros(truth.ids.shape, np.int32)
        labels: list[int] = []
        for number, kind in truth.classes.items():
            own = names.index(self.classes[kind])
            ids[truth.ids == number] = own
            if kind >= len(self.stuff):
                labels.append(own)
                segments[truth.ids == number] = len(labels)
        return Panoptic(
            ids=ids, classes=names, segments=segments, segment_labels=np.array(labels, np.int64),
            segment_scores=np.ones(len(labels), np.float32), confidence=np.ones(ids.shape, np.float32),
        )  # fmt: skip

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> Segments:
        seen = answers[0]
        place = [self.classes.index(name) for name in seen.classes]
        ids = np.where(seen.segments > 0, seen.segments.astype(np.int64), 0)
        classes = {i: place[int(k)] for i, k in enumerate(seen.segment_labels, 1)}
        for k, kind in enumerate(place):
            on = (seen.ids == k) & (seen.segments == 0)
            if kind < len(self.stuff) and on.any():
                number = len(seen.segment_labels) + 1 + k
                ids[on], classes[number] = number, kind
        there = set(np.unique(ids).tolist())
        return Segments(ids, {i: kind for i, kind in classes.items() if i in there})

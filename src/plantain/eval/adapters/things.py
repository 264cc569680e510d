"""Things one by one: boxes, masks, points, and the whole picture in segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.data.excerpts import png
from plantain.eval.adapters.base import Belief, Rng
from plantain.eval.metrics.concepts import Annotated, Claimed
from plantain.eval.metrics.detection import Found, Truths
from plantain.eval.metrics.panoptic import Segments
from plantain.predictions.boxes import box_iou
from plantain.predictions.masks import mask_iou
from plantain.predictions.types import Panoptic
from plantain.tasks import Task


@dataclass(frozen=True)
class Things:
    """All things of one class, as boxes or with masks; photos without one are asked too. Groups count neither way."""

    name: str
    masks: bool = False

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.InstanceSegmentation(self.name) if self.masks else tasks.ObjectDetection(self.name)]

    def _true(self, example: Example, which: str) -> Any:
        """Instances of the class, or none."""
        every: Any = example.truth("instances")
        chosen: Any = example.truth(which) if which in example.truths else None
        keep = np.zeros(0, int)
        if chosen is not None and self.name in chosen.classes:
            keep = np.flatnonzero(chosen.labels == chosen.classes.index(self.name))
        source = every if chosen is None else chosen
        return replace(source[keep], labels=np.zeros(len(keep), np.int64), classes=(self.name,))

    def truth(self, example: Example, asked: Sequence[Task]) -> Truths:
        things, crowds = self._true(example, "instances"), self._true(example, "crowds")
        masks = np.concatenate([things.masks, crowds.masks])
        boxes = np.concatenate([things.boxes, crowds.boxes]).astype(float)
        group = np.arange(len(masks)) >= len(things.masks)
        areas = np.concatenate([self._areas(example, "instances", things), self._areas(example, "crowds", crowds)])
        return Truths(boxes, np.zeros(len(masks), int), areas, group, masks)

    def _areas(self, example: Example, which: str, chosen: Any) -> np.ndarray:
        """As annotated, where the set says so; else those of the masks."""
        rows = example.facts.get({"instances": "annotations"}.get(which, which), ())
        drawn = np.asarray(chosen.masks.sum((1, 2)), float)
        if which not in example.truths or not all("area" in row for row in rows):
            return drawn
        every: Any = example.truth(which)
        own = [i for i, k in enumerate(every.labels) if every.classes[k] == self.name]
        return np.array([float(rows[i]["area"]) for i in own]) if len(rows) == len(every.labels) else drawn

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._true(example, "instances")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Found:
        seen = answers[0]
        labels = np.zeros(len(seen.scores), int)
        return Found(seen.boxes.astype(float), labels, seen.scores.astype(float), seen.masks)

    def worst(self, truth: Truths) -> Found:
        none = None if truth.masks is None else truth.masks[:0]
        return Found(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), none)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        found, true = self.answer(answers, example, asked), self.truth(example, asked)
        near = box_iou(found.boxes, true.boxes, true.crowds).max(1, initial=0.0)
        return Belief(found.scores, near > 0.5, 1 - near)


@dataclass(frozen=True)
class Joints:
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

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._true(example)

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        true = self._true(example)
        where = dict(zip(answers[0].names, answers[0].xy, strict=True))
        return np.array([where.get(name, (np.nan, np.nan)) for name in true.names], np.float32)

    def worst(self, truth: tuple[np.ndarray, np.ndarray, float]) -> np.ndarray:
        return np.full_like(truth[0], np.nan)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        xy, known, _ = self.truth(example, asked)
        with np.errstate(invalid="ignore"):
            away = np.hypot(*(self.answer(answers, example, asked) - xy).T)[known]
        side = float(np.ptp(xy[known], axis=0).max())
        scores = dict(zip(answers[0].names, answers[0].scores, strict=True))
        true = self._true(example)
        said = np.array([scores.get(name, 0.0) for name in true.names])[known]
        return Belief(said, np.nan_to_num(away, nan=np.inf) < 0.2 * side, np.nan_to_num(away, nan=10 * side) / side)


@dataclass(frozen=True)
class Concepts:
    """Every instance of the photo's own phrase, against one annotator or several."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.InstanceSegmentation(example.facts["phrase"])]

    def truth(self, example: Example, asked: Sequence[Task]) -> list[Annotated]:
        books: list[Any] = [example.truth(name) for name in example.facts["annotators"]]
        complete = example.facts["exhaustive"]
        return [Annotated(book.masks, bool(all_of)) for book, all_of in zip(books, complete, strict=True)]

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        true: Any = example.truth("instances")
        return replace(true, classes=(example.facts["phrase"],))

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Claimed:
        seen = answers[0]
        return Claimed(seen.masks, seen.scores.astype(float))

    def worst(self, truth: list[Annotated]) -> Claimed:
        """Nothing where something is; one wrong thing where there is nothing."""
        shape = truth[0].shapes.shape[1:]
        if any(len(one.shapes) for one in truth):
            return Claimed(np.zeros((0, *shape), bool), np.zeros(0))
        return Claimed(np.ones((1, *shape), bool), np.ones(1))

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        seen, true = self.answer(answers, example, asked), self.truth(example, asked)[0].shapes
        near = mask_iou(seen.shapes, true).max(1, initial=0.0)
        return Belief(seen.scores, near > 0.5, 1 - near)


@dataclass(frozen=True)
class Segmented:
    """Every pixel in one segment: a photo's own stuff and things are asked for. `stuff` and `things` are the set's."""

    stuff: tuple[str, ...]
    things: tuple[str, ...]

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

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
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

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Segments:
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

    def worst(self, truth: Segments) -> Segments:
        return Segments(np.zeros_like(truth.ids), {})

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        """Right: the pixel's class."""
        truth, seen = self.truth(example, asked), self.answer(answers, example, asked)
        kinds = [np.full(truth.ids.shape, -1), np.full(truth.ids.shape, -2)]
        for kind, segments in zip(kinds, (truth, seen), strict=True):
            for number, name in segments.classes.items():
                kind[segments.ids == number] = name
        known = kinds[0] >= 0
        right = (kinds[0] == kinds[1])[known]
        return Belief(answers[0].confidence[known], right, 1.0 - right)

"""What the answers about a photo say, as areas with a class: those that are sure enough to be labels, and the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float
from plantain.codecs.regions import regions
from plantain.errors import MissingExtra
from plantain.predictions.boxes import box_around
from plantain.predictions.types import Instances, Labels, Prediction

SPECK = 1e-4  # of the photo: smaller pieces of a label map are left out


def supervision() -> Any:
    """The package in whose `Detections` areas travel. MissingExtra."""
    try:
        import supervision as package
    except ImportError as error:
        raise MissingExtra("supervision", "label") from error
    return package


@dataclass(frozen=True)
class Limits:
    """How sure a label must be: `presence`, that its class is in the photo at all, and `confidence`, its own; 0..1."""

    presence: float = 0.5
    confidence: float = 0.5


@dataclass(frozen=True, eq=False)
class Area:
    """One area: the number of its class, how sure it is, and how sure it is that its class is there at all."""

    label: int
    score: float
    presence: float
    box: tuple[float, ...]
    mask: Bool[np.ndarray, "h w"] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a photo. `areas`: `supervision.Detections` with `data["kept"]`, whether each is sure enough;
    `absent`: classes of which nothing was found; `doubt`: how many of its decisions are likely wrong (of things), or
    which share of its pixels (of label maps)."""

    areas: Any
    absent: tuple[str, ...]
    doubt: float

    @property
    def kept(self) -> Any:
        return self.areas[self.areas.data["kept"]]

    def count(self, classes: Sequence[str], kept: bool) -> dict[str, int]:
        """How many areas of each class are sure enough, or are not."""
        numbers = self.areas.class_id[self.areas.data["kept"] == kept]
        return {classes[int(i)]: int((numbers == i).sum()) for i in np.unique(numbers)}


def found(answers: Sequence[Prediction], classes: Sequence[str], limits: Limits, *, apart: bool) -> Found:
    """All areas that the answers about a photo name. `apart`: pieces of a class are things of their own."""
    every = [area for answer in answers for area in areas_of(answer, classes, apart)]
    sure = [min(one.score, one.presence) for one in every]
    kept = [one.score >= limits.confidence and one.presence >= limits.presence for one in every]
    seen = {one.label for one in every}
    absent = tuple(name for i, name in enumerate(classes) if i not in seen)
    maps = [answer for answer in answers if isinstance(answer, Labels)]
    doubt = 1 - float(np.mean([one.confidence.mean() for one in maps])) if maps else sum(min(c, 1 - c) for c in sure)
    return Found(detections(every, kept), absent, round(float(doubt), 4))


def areas_of(answer: Prediction, classes: Sequence[str], apart: bool, speck: float = SPECK) -> Iterator[Area]:
    """The areas of one answer: things, or the regions of a label map but for pieces below a share of the photo."""
    presence: Mapping[str, float] = answer.presence or {}
    if isinstance(answer, Instances):
        for i, number in enumerate(answer.labels.tolist()):
            name = answer.classes[number]
            mask = None if answer.masks is None else answer.masks[i]
            box, score = tuple(answer.boxes[i].tolist()), float(answer.scores[i])
            yield Area(classes.index(name), score, presence.get(name, 1.0), box, mask)
    elif isinstance(answer, Labels):
        yield from _of_map(answer, classes, presence, apart, speck)


def _of_map(
    answer: Labels, classes: Sequence[str], presence: Mapping[str, float], apart: bool, speck: float
) -> Iterator[Area]:
    pieces, values = regions(answer.ids)
    sizes = np.bincount(pieces.ravel(), minlength=len(values))
    sure = np.bincount(pieces.ravel(), answer.confidence.ravel(), len(values))
    large = (sizes >= max(1.0, speck * pieces.size)) & (values >= 0)
    for number in np.unique(values[large]).tolist():
        name, own = answer.classes[number], np.flatnonzero(large & (values == number))
        for group in own[:, None] if apart else [own]:
            mask = np.isin(pieces, group)
            score = float(sure[group].sum() / sizes[group].sum())
            box = tuple(map(float, box_around(mask)))
            yield Area(classes.index(name), score, presence.get(name, 1.0), box, mask)


def detections(areas: Sequence[Area], kept: Sequence[bool]) -> Any:
    """Areas as `supervision.Detections`, their masks packed."""
    sv = supervision()
    masks = [packed(one.mask, one.box) for one in areas if one.mask is not None]
    return sv.Detections(
        xyxy=np.array([one.box for one in areas], np.float32).reshape(-1, 4),
        mask=sv.CompactMask.merge(masks) if masks else None,
        confidence=np.array([one.score for one in areas], np.float32),
        class_id=np.array([one.label for one in areas], int),
        data={"kept": np.array(kept, bool), "presence": np.array([one.presence for one in areas], np.float32)},
    )


def packed(mask: Bool[np.ndarray, "h w"], box: Sequence[float] | Float[np.ndarray, "4"]) -> Any:
    """One mask as `supervision.CompactMask`, which holds what is inside its box alone."""
    return supervision().CompactMask.from_dense(mask[None], np.array([box]), image_shape=mask.shape)

"""What a specialist saw, by sort, and how a question is answered from it. All maps have the photo's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.errors import UsageError
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Prediction

# how people call the classes of the common sets; a name here means each name on its line
SYNONYMS = (
    ("person", "people", "human", "pedestrian", "man", "woman", "selfie", "portrait"),
    ("main object", "salient object", "foreground", "subject"),
    ("aeroplane", "airplane", "plane"),
    ("motorbike", "motorcycle"),
    ("sofa", "couch"),
    ("tvmonitor", "tv", "television", "monitor"),
    ("diningtable", "dining table", "table"),
    ("pottedplant", "potted plant", "plant"),
    ("bicycle", "bike"),
    ("pavement", "sidewalk"),
    ("tree", "vegetation"),
)


@runtime_checkable
class Seen(Protocol):
    """Anything that answers a task."""

    def answer(self, task: Any) -> Prediction:
        """The answer to one of the tasks that this sort can serve."""
        ...


@dataclass(frozen=True, eq=False)
class Surface:
    """Depth: metres, or values that grow with depth up to scale and shift. Metres serve both questions."""

    values: Float[np.ndarray, "h w"]
    scale: Literal["metric", "affine"]
    valid: Bool[np.ndarray, "h w"] | None = None
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        if task.name == "metric-depth" and self.scale != "metric":
            raise UsageError("this depth has no unit; ask for relative depth")
        valid = np.isfinite(self.values) if self.valid is None else self.valid & np.isfinite(self.values)
        scale: Literal["metric", "affine"] = "metric" if task.name == "metric-depth" else "affine"
        values = np.nan_to_num(self.values).astype(np.float32)
        return Depth(values=values, valid=valid, scale=scale, confidence=sure(valid, self.confidence))


@dataclass(frozen=True, eq=False)
class Slopes:
    """Unit normals: +x right, +y up, +z to the viewer."""

    xyz: Float[np.ndarray, "h w 3"]
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        length = np.linalg.norm(self.xyz, axis=-1)
        valid = length > 1e-6
        xyz = (self.xyz / np.maximum(length, 1e-6)[..., None]).astype(np.float32)
        return Normals(xyz=xyz, valid=valid, confidence=sure(valid, self.confidence))


@dataclass(frozen=True, eq=False)
class Classes:
    """A class a pixel out of a fixed vocabulary; -1 is none. Serves legends and the mask of one class."""

    ids: Int[np.ndarray, "h w"]
    names: tuple[str, ...]
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        belief = sure(self.ids >= 0, self.confidence, 1.0)
        if task.name == "refer":
            masks = np.stack([np.isin(self.ids, known(name, self.names)) for name in task.queries])
            return Alpha(alpha=masks.astype(np.float32), names=task.queries, confidence=belief)
        ids = np.full(self.ids.shape, -1, np.int32)
        found = {i: known(name, self.names, strict=False) for i, name in enumerate(task.classes)}
        if not any(found.values()):
            raise UsageError(
                f"none of these classes is known: {', '.join(task.classes)}; known: {', '.join(self.names)}"
            )
        for i, own in found.items():
            ids[np.isin(self.ids, own)] = i
        return Labels(ids=ids, classes=tuple(task.classes), confidence=belief)


@dataclass(frozen=True, eq=False)
class Soft:
    """How far a pixel belongs to one thing, 0..1. Serves its mask and its matte."""

    alpha: Float[np.ndarray, "h w"]
    name: str

    def answer(self, task: Any) -> Prediction:
        for text in task.queries:
            known(text, (self.name,))
        alpha = self.alpha.astype(np.float32).clip(0, 1)
        belief = np.abs(2 * alpha - 1) if task.name == "refer" else np.ones_like(alpha)
        return Alpha(alpha=alpha[None], names=task.queries, confidence=belief)


@dataclass(frozen=True, eq=False)
class Lines:
    """Strength of edges, 0..1."""

    strength: Float[np.ndarray, "h w"]

    def answer(self, task: Any) -> Prediction:
        strength = self.strength.astype(np.float32).clip(0, 1)
        return Edges(alpha=strength[None], names=("edges",), confidence=np.abs(2 * strength - 1))


@dataclass(frozen=True, eq=False)
class Things:
    """Boxes (xyxy, pixels) with scores and, where the network gives them, masks; surest first."""

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, "n"]
    labels: Int[np.ndarray, "n"]
    names: tuple[str, ...]
    size: tuple[int, int]  # of the photo: height, width
    masks: Bool[np.ndarray, "n h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        if task.name == "refer":
            return self._mask(task.queries)
        keep = np.isin(self.labels, known(task.thing, self.names))
        if task.name == "instances" and self.masks is None:
            raise UsageError("this detector gives boxes without masks; ask it to detect")
        scores = self.scores[keep].astype(np.float32)
        return Instances(
            boxes=self.boxes[keep].astype(np.float32), scores=scores, labels=np.zeros(len(scores), np.int64),
            classes=(task.thing,), masks=None if self.masks is None else self.masks[keep],
            presence={task.thing: float(scores.max(initial=0.0))}, confidence=np.ones(self.size, np.float32),
        )  # fmt: skip

    def _mask(self, texts: tuple[str, ...]) -> Prediction:
        """The union of all things of a name that are more likely than not, and how sure the surest of them is."""
        alpha = np.zeros((len(texts), *self.size), np.float32)
        presence = {}
        for i, text in enumerate(texts):
            keep = np.flatnonzero(np.isin(self.labels, known(text, self.names)))
            presence[text] = float(self.scores[keep].max(initial=0.0))
            for j in keep:
                if self.masks is not None and self.scores[j] >= 0.5:
                    alpha[i][self.masks[j]] = 1.0
        return Alpha(alpha=alpha, names=texts, presence=presence, confidence=np.ones(self.size, np.float32))


@dataclass(frozen=True, eq=False)
class Points:
    """Named points of one person, in pixels, with scores 0..1."""

    xy: Float[np.ndarray, "n 2"]
    scores: Float[np.ndarray, "n"]
    names: tuple[str, ...]
    size: tuple[int, int]

    def answer(self, task: Any) -> Prediction:
        wanted = tuple(task.names)
        place = {name: i for i, name in enumerate(self.names)}
        xy = np.full((len(wanted), 2), np.nan, np.float32)
        scores = np.zeros(len(wanted), np.float32)
        for row, name in enumerate(wanted):
            if name in place:
                xy[row], scores[row] = self.xy[place[name]], self.scores[place[name]]
        return Keypoints(
            xy=xy, visible=np.isfinite(xy[:, 0]), names=wanted, scores=scores.clip(0, 1),
            confidence=np.ones(self.size, np.float32),
        )  # fmt: skip


def sure(valid: np.ndarray, given: np.ndarray | None, elsewhere: float = 0.0) -> Float[np.ndarray, "h w"]:
    """The confidence that a network states, else 1; `elsewhere` where it has no answer."""
    stated = np.ones(valid.shape, np.float32) if given is None else given.astype(np.float32).clip(0, 1)
    return np.where(valid, stated, np.float32(elsewhere))


def known(name: str, vocabulary: Sequence[str], strict: bool = True) -> list[int]:
    """Places in the vocabulary of what is meant by a name. UsageError for a name that is none, when `strict`.

    >>> known("the people", ("cat", "person")), known("couch", ("chair", "sofa"))
    ([1], [1])
    """
    meant = set(forms(name))
    places = [i for i, own in enumerate(vocabulary) if meant & set(forms(own))]
    if strict and not places:
        raise UsageError(f"this network does not know {name!r}; it knows: {', '.join(vocabulary)}")
    return places


def forms(name: str) -> Iterator[str]:
    """A name without its article, in the singular too, and its synonyms."""
    plain = name.lower().strip().removeprefix("the ").removeprefix("a ").removeprefix("an ")
    for form in dict.fromkeys((plain, plain.removesuffix("s"), plain.removesuffix("es"))):
        yield form
        yield from (other for line in SYNONYMS if form in line for other in line)

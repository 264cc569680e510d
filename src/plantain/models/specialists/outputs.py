"""Outputs of specialists, by sort, and how a task is answered from each. All maps have the photo's size."""

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
class SpecialistOutput(Protocol):
    """Anything that a task can be answered from."""

    def answer(self, task: Any) -> Prediction:
        """The answer to one of the tasks that this sort supports."""
        ...


@dataclass(frozen=True, eq=False)
class DepthOutput:
    """Depth: metres, or values that grow with depth up to scale and shift. Metres answer both tasks of depth."""

    values: Float[np.ndarray, "h w"]
    scale: Literal["metric", "affine"]
    valid: Bool[np.ndarray, "h w"] | None = None
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        if task.scale == "metric" and self.scale != "metric":
            raise UsageError("this depth has no unit; ask for relative depth")
        valid = np.isfinite(self.values) if self.valid is None else self.valid & np.isfinite(self.values)
        values = np.nan_to_num(self.values).astype(np.float32)
        return Depth(values=values, valid=valid, scale=task.scale, confidence=confidence_of(valid, self.confidence))


@dataclass(frozen=True, eq=False)
class NormalsOutput:
    """Unit normals: +x right, +y up, +z to the viewer."""

    xyz: Float[np.ndarray, "h w 3"]
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        length = np.linalg.norm(self.xyz, axis=-1)
        valid = length > 1e-6
        xyz = (self.xyz / np.maximum(length, 1e-6)[..., None]).astype(np.float32)
        return Normals(xyz=xyz, valid=valid, confidence=confidence_of(valid, self.confidence))


@dataclass(frozen=True, eq=False)
class LabelOutput:
    """A class a pixel out of a fixed vocabulary; -1 is none. For classes a pixel and the mask of one class."""

    ids: Int[np.ndarray, "h w"]
    names: tuple[str, ...]
    confidence: Float[np.ndarray, "h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        confidence = confidence_of(self.ids >= 0, self.confidence, 1.0)
        if issubclass(task.kind, Alpha):
            masks = np.stack([np.isin(self.ids, known(name, self.names)) for name in task.queries])
            return Alpha(alpha=masks.astype(np.float32), names=task.queries, confidence=confidence)
        ids = np.full(self.ids.shape, -1, np.int32)
        found = {i: known(name, self.names, strict=False) for i, name in enumerate(task.queries)}
        if not any(found.values()):
            raise UsageError(
                f"none of these classes is known: {', '.join(task.queries)}; known: {', '.join(self.names)}"
            )
        for i, own in found.items():
            ids[np.isin(self.ids, own)] = i
        return Labels(ids=ids, classes=task.queries, confidence=confidence)


@dataclass(frozen=True, eq=False)
class MatteOutput:
    """How far a pixel belongs to one thing, 0..1. For its mask and its matte."""

    alpha: Float[np.ndarray, "h w"]
    name: str

    def answer(self, task: Any) -> Prediction:
        for text in task.queries:
            known(text, (self.name,))
        alpha = self.alpha.astype(np.float32).clip(0, 1)
        confidence = np.ones_like(alpha) if task.soft else np.abs(2 * alpha - 1)
        return Alpha(alpha=alpha[None], names=task.queries, confidence=confidence)


@dataclass(frozen=True, eq=False)
class EdgeOutput:
    """Strength of edges, 0..1."""

    strength: Float[np.ndarray, "h w"]

    def answer(self, task: Any) -> Prediction:
        strength = self.strength.astype(np.float32).clip(0, 1)
        return Edges(alpha=strength[None], names=("edges",), confidence=np.abs(2 * strength - 1))


@dataclass(frozen=True, eq=False)
class InstanceOutput:
    """Boxes (xyxy, pixels) with scores and, where the network gives them, masks; the highest score first."""

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, "n"]
    labels: Int[np.ndarray, "n"]
    names: tuple[str, ...]
    size: tuple[int, int]  # of the photo: height, width
    masks: Bool[np.ndarray, "n h w"] | None = None

    def answer(self, task: Any) -> Prediction:
        if issubclass(task.kind, Alpha):
            return self._mask(task.queries)
        if task.with_masks and self.masks is None:
            raise UsageError("this detector gives boxes without masks; ask it to detect")
        own = [np.flatnonzero(np.isin(self.labels, known(text, self.names))) for text in task.queries]
        keep = np.concatenate(own)
        scores = self.scores.astype(np.float32)
        return Instances(
            boxes=self.boxes[keep].astype(np.float32), scores=scores[keep], classes=task.queries,
            labels=np.repeat(np.arange(len(own)), [len(places) for places in own]),
            masks=None if self.masks is None else self.masks[keep], confidence=np.ones(self.size, np.float32),
            presence={text: float(scores[k].max(initial=0.0)) for text, k in zip(task.queries, own, strict=True)},
        )  # fmt: skip

    def _mask(self, texts: tuple[str, ...]) -> Prediction:
        """The union of all things of a name with a score of at least one half; presence is the highest score."""
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
class KeypointOutput:
    """Named points of one person, in pixels, with scores 0..1."""

    xy: Float[np.ndarray, "n 2"]
    scores: Float[np.ndarray, "n"]
    names: tuple[str, ...]
    size: tuple[int, int]

    def answer(self, task: Any) -> Prediction:
        wanted = task.queries
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


def confidence_of(valid: np.ndarray, given: np.ndarray | None, elsewhere: float = 0.0) -> Float[np.ndarray, "h w"]:
    """The network's own confidence, else 1; `elsewhere` where it has no answer."""
    confidence = np.ones(valid.shape, np.float32) if given is None else given.astype(np.float32).clip(0, 1)
    return np.where(valid, confidence, np.float32(elsewhere))


def from_disparity(near: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Disparity (large is near) up to scale and shift as something that grows with depth: its far end is held at a
    tenth of its range above zero, for without its shift it is no depth up to scale and shift."""
    low, high = np.percentile(near, (1, 99))
    return np.asarray(1 / (((near - low) / max(high - low, 1e-9)).clip(0) + 0.1), np.float32)


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

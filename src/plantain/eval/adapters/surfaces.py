"""Depth and normals: a number or a direction a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.eval.adapters.base import Belief, Rng
from plantain.tasks import Task


@dataclass(frozen=True)
class MetricDepth:
    """Metres of every pixel; nothing is told of the camera."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.MetricDepth()]

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        known: Any = example.truth("depth")
        return np.where(known.valid, known.values, 0).astype(np.float32)

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        return example.truth("depth")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].metres)

    def worst(self, truth: np.ndarray) -> np.ndarray:
        return np.full_like(truth, 1e-6)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth > 0
        metres, true = np.maximum(answers[0].metres[known], 1e-6), truth[known]
        right = np.maximum(metres / true, true / metres) < 1.25
        return Belief(answers[0].confidence[known], right, np.abs(metres - true) / true)


@dataclass(frozen=True)
class RelativeDepth(MetricDepth):
    """Depth up to a scale and a shift, which the metric fits; the worst answer is for a metric without alignment."""

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.RelativeDepth()]

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("depth")
        low, high = np.percentile(known.values[known.valid], (0, 100))
        share = ((known.values - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
        return replace(known, values=share, scale="affine")

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].relative)

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        truth = self.truth(example, asked)
        known = truth > 0
        relative, true = answers[0].relative[known].astype(float), truth[known].astype(float)
        slope, shift = np.polyfit(relative, true, 1) if np.ptp(relative) > 0 else (0.0, true.mean())
        fitted = np.maximum(slope * relative + shift, 1e-6)
        right = np.maximum(fitted / true, true / fitted) < 1.25
        return Belief(answers[0].confidence[known], right, np.abs(fitted - true) / true)


@dataclass(frozen=True)
class Normals:
    """Unit normals of every pixel inside `inside` (rows, columns), where the truth has one."""

    inside: tuple[slice, slice] = (slice(None), slice(None))

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [tasks.SurfaceNormals()]

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray]:
        known: Any = example.truth("normals")
        return known.xyz[self.inside], known.valid[self.inside]

    def painted(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("normals")
        forward = np.array([0, 0, 1], np.float32)
        return replace(known, xyz=np.where(known.valid[..., None], known.xyz, forward))

    def answer(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].xyz[self.inside])

    def worst(self, truth: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        return -truth[0]

    def belief(self, answers: Sequence[Any], example: Example, asked: Sequence[Task]) -> Belief:
        xyz, valid = self.truth(example, asked)
        cosine = (answers[0].xyz[self.inside] * xyz).sum(-1)[valid].clip(-1, 1)
        angle = np.degrees(np.arccos(cosine))
        return Belief(answers[0].confidence[self.inside][valid], angle < 11.25, angle)

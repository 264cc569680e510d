"""Depth and normals: a number or a direction a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from plantain import tasks
from plantain.data.base import Example
from plantain.eval.adapters.base import EvalAdapter
from plantain.tasks import Task


@dataclass(frozen=True)
class MetricDepthAdapter(EvalAdapter):
    """Meters of every pixel; nothing is told of the camera."""

    label = "depth"
    question: ClassVar[type[Task]] = tasks.MetricDepth

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        known: Any = example.truth("depth")
        return np.where(known.valid, known.values, 0).astype(np.float32)

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].metres)


@dataclass(frozen=True)
class RelativeDepthAdapter(MetricDepthAdapter):
    """Depth up to a scale and a shift, which the metric fits."""

    question = tasks.RelativeDepth

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].relative)

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("depth")
        low, high = np.percentile(known.values[known.valid], (0, 100))
        share = ((known.values - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
        return replace(known, values=share, scale="affine")


@dataclass(frozen=True)
class NormalsAdapter(EvalAdapter):
    """Unit normals of every pixel inside `inside` (rows, columns), where the truth has one."""

    inside: tuple[slice, slice] = (slice(None), slice(None))
    question = tasks.SurfaceNormals

    def truth(self, example: Example, asked: Sequence[Task]) -> tuple[np.ndarray, np.ndarray]:
        known: Any = example.truth("normals")
        return known.xyz[self.inside], known.valid[self.inside]

    def answer(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].xyz[self.inside])

    def confidence(self, answers: Sequence[Any], asked: Sequence[Task]) -> np.ndarray:
        return np.asarray(answers[0].confidence[self.inside])

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        known: Any = example.truth("normals")
        forward = np.array([0, 0, 1], np.float32)
        return replace(known, xyz=np.where(known.valid[..., None], known.xyz, forward))

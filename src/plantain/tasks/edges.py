"""Where one thing ends and another begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.errors import TruthError
from plantain.predictions.types import Edges as EdgeAnswer
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.legend import BLACK, WHITE, only_white


@dataclass(frozen=True)
class EdgeDetection(Task):
    """The strength of the edge (0..1) at every pixel, white on black."""

    name: ClassVar[str] = "edges"
    title: ClassVar[str] = "edges"
    kind: ClassVar[type[EdgeAnswer]] = EdgeAnswer
    default_code: ClassVar[str] = "edges"
    codes: ClassVar[Mapping[str, str]] = {"edges": "edges/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {"edges": "gray, as bright as the edge is strong"}
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Draw the edges of the things in this photo: {legend| is }; everything else, the background, is "
        "{background}.[ Colours: {colours}.]",
        "caption": "The edges of the things in this photo: {legend| is }; everything else, the background, is "
        "{background}[; colours: {colours}].",
        "terse": "edges; {legend|: |; }; background: {background}[; {colours}]",
    }

    def record(self) -> dict[str, Any]:
        return {"legend": {"edge": WHITE}, "background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        only_white(record)
        return cls(code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Alpha with one plane, or strengths h w in 0..1."""
        stack = targets.alpha_of(truth, "edge strength")
        if len(stack) != 1:
            raise TruthError(f"edges are one plane of strengths, got {len(stack)}")
        return gray(stack[0])

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> EdgeAnswer:
        place, distance = decode_utils.project(decode_utils.levels(rgb), BLACK, WHITE)
        return EdgeAnswer(
            alpha=place[None], names=("edges",), colors=(WHITE,), confidence=decode_utils.confidence_at(distance)
        )


def gray(values: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    """0..1 as black..white."""
    return np.repeat(np.round(values * 255).astype(np.uint8)[..., None], 3, axis=-1)

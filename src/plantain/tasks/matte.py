"""How much of every pixel is covered by the thing in front: what cutting it out needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.predictions.types import Alpha
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.edges import gray
from plantain.tasks.legend import BLACK, WHITE, name_of, only_white


@dataclass(frozen=True)
class Matting(Task):
    """Opacity (0..1) of what `text` says, hair and glass included: gray on black."""

    text: str = "main object"

    name: ClassVar[str] = "matte"
    title: ClassVar[str] = "alpha matte"
    kind: ClassVar[type[Alpha]] = Alpha
    soft: ClassVar[bool] = True
    default_code: ClassVar[str] = "alpha"
    codes: ClassVar[Mapping[str, str]] = {"alpha": "alpha/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {"alpha": "gray, as bright as the pixel is covered"}
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Make an alpha matte of this photo: {legend| is }, gray where it covers a part of the pixel; "
        "everything else, the background, is {background}; if there is none, paint everything {background}."
        "[ Colours: {colours}.]",
        "caption": "An alpha matte of this photo: {legend| is }, gray where it covers a part of the pixel; everything "
        "else, the background, is {background}, all of it if there is none[; colours: {colours}].",
        "terse": "alpha matte; {legend|: |; }; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        name_of(self.text, "the thing to cut out")

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.text,)

    def record(self) -> dict[str, Any]:
        return {"legend": {self.text: WHITE}, "background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(only_white(record), code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Alpha (by name, else its one plane) or opacities h w in 0..1."""
        return gray(targets.mask_like(truth, (self.text,))[0])

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Alpha:
        place, distance = decode_utils.project(decode_utils.levels(rgb), BLACK, WHITE)
        confidence = decode_utils.confidence_at(distance)
        there = {self.text: decode_utils.presence(place * confidence)}
        return Alpha(alpha=place[None], names=(self.text,), colors=(WHITE,), confidence=confidence, presence=there)

"""Every thing of one class, told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.codecs import blobs, palette
from plantain.errors import TruthError, UsageError
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Instances
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, name_of, rgb_of


@dataclass(frozen=True)
class InstanceSegmentation(Task):
    """A mask for each `thing` in the photo, with box and score; one class a question."""

    thing: str
    background: RGB = BLACK

    name: ClassVar[str] = "instances"
    title: ClassVar[str] = "instance segmentation"
    kind: ClassVar[type[Instances]] = Instances
    with_masks: ClassVar[bool] = True
    default_code: ClassVar[str] = "blobs"
    codes: ClassVar[Mapping[str, str]] = {"blobs": "blobs/1", "blobs-vb": "blobs-vb/1", "centers": "centers/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "blobs": "flat colours of your choice, no two alike",
        "blobs-vb": "flat colours of your choice",
        "centers": targets.CENTER,
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Make an instance segmentation of this photo: paint every {thing} in a colour of its own and "
        "everything else, the background, {background}; if there is none, paint everything {background}."
        "[ Colours: {colours}.]",
        "caption": "An instance segmentation of this photo: every {thing} has a colour of its own; everything else, "
        "the background, is {background}, all of it if there is none[; colours: {colours}].",
        "terse": "instance segmentation; {thing}; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        name_of(self.thing, "the thing to find")
        object.__setattr__(self, "background", rgb_of(self.background))
        if self.code is not None and not self.supports(self.code):
            raise UsageError(f"code 'centers' has a black background, not {self.background}; leave the background out")

    def supports(self, code: str) -> bool:
        """Location colors lie on black."""
        return code != "centers" or self.background == BLACK

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.thing,)

    def record(self) -> dict[str, Any]:
        return {"thing": self.thing, "background": self.background}

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Instances with masks (only those of class `thing`, where that class is known) or masks n h w."""
        masks = targets.masks_of(targets.of_class(truth, self.thing))
        if self.code == "centers":
            return blobs.encode_centers(masks)
        if len(masks) > len(palette.PALETTE) - 4:
            raise TruthError(f"{len(masks)} things are more than the palette holds; use code 'centers'")
        return blobs.encode(masks, palette.pick(len(masks), background=self.background), self.background)

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Instances:
        if self.code == "centers":
            found = blobs.decode_centers(rgb)
        elif self.code == "blobs-vb":
            found = blobs.decode_paper(rgb, self.background)
        else:
            found = blobs.decode(rgb, self.background)
        confidence = decode_utils.thing_confidence(rgb, found.masks, found.colors, self.background)
        boxes, presence = boxes_around(found.masks), decode_utils.any_of(found.scores)
        return decode_utils.things(self.thing, boxes, found.scores, confidence, presence, found.masks)

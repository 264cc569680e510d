"""A bounding box for every thing of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.codecs import blobs, heat
from plantain.predictions.boxes import nms
from plantain.predictions.types import Instances
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.legend import BLACK, name_of

HIDDEN = 0.03  # of the picture: by how much a box off its painted center counts as half hidden
_PLACE = "the colour of its centre (red = horizontal place, green = vertical place, blue = 255)"


@dataclass(frozen=True)
class ObjectDetection(Task):
    """Boxes with scores of each `thing`; the background is black."""

    thing: str

    name: ClassVar[str] = "detect"
    title: ClassVar[str] = "bounding boxes"
    kind: ClassVar[type[Instances]] = Instances
    default_code: ClassVar[str] = "boxes"
    codes: ClassVar[Mapping[str, str]] = {"boxes": "boxes/1", "outline": "outline/1", "heat": "heat/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "boxes": f"each box filled with {_PLACE}, small boxes on top",
        "outline": f"each box a thin frame in {_PLACE}, small boxes on top",
        "heat": "a soft red spot at each center, its green = red times the width, its blue = red times the height",
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Paint the bounding boxes of every {thing} in this photo; everything else, the background, is "
        "{background}; if there is none, paint everything {background}.[ Colours: {colours}.]",
        "caption": "The bounding boxes of every {thing} in this photo; everything else, the background, is "
        "{background}, all of it if there is none[; colours: {colours}].",
        "terse": "bounding boxes; {thing}; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        name_of(self.thing, "the thing to find")

    @property
    def queries(self) -> tuple[str, ...]:
        return (self.thing,)

    def record(self) -> dict[str, Any]:
        return {"thing": self.thing, "background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(record["thing"], code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints the boxes of Instances (only those of class `thing`, where that class is known), small ones last."""
        boxes, (height, width) = targets.boxes_of(targets.of_class(truth, self.thing))
        if self.code == "heat":
            return heat.encode(boxes, height, width)
        rgb = np.zeros((height, width, 3), np.uint8)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        frame = 0 if self.code != "outline" else max(2, round(0.01 * max(height, width)))
        for box in boxes[np.argsort(-area, kind="stable")]:
            _fill(rgb, box, frame)
        return rgb

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Instances:
        if self.code == "heat":
            return self._decode_heat(rgb)
        found = blobs.decode_centers(rgb)
        whole = [_whole_box(mask, color) for mask, color in zip(found.masks, found.colors, strict=True)]
        boxes = np.array(whole, np.float32).reshape(-1, 4)
        confidence = decode_utils.thing_confidence(rgb, found.masks, found.colors, BLACK)
        return decode_utils.things(self.thing, boxes, found.scores, confidence, decode_utils.any_of(found.scores))

    def _decode_heat(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Instances:
        found = heat.decode(rgb)
        kept = nms(found.boxes, found.scores)
        confidence = np.asarray(decode_utils.binary_confidence(decode_utils.levels(rgb)[..., 0] / np.float32(255)))
        highest = float(found.scores.max(initial=0.0))
        return decode_utils.things(self.thing, found.boxes[kept], found.scores[kept], confidence, highest)


def center_color(box: Float[np.ndarray, "4"], height: int, width: int) -> UInt8[np.ndarray, "3"]:
    """R = horizontal, G = vertical place of the center over the picture's size, B = 255."""
    x, y = (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height
    return np.round(np.clip([x, y, 1], 0, 1) * 255).astype(np.uint8)


def _fill(rgb: UInt8[np.ndarray, "h w 3"], box: Float[np.ndarray, "4"], frame: int) -> None:
    height, width = rgb.shape[:2]
    left, right = np.clip(np.round(box[[0, 2]]), 0, width).astype(int)
    top, bottom = np.clip(np.round(box[[1, 3]]), 0, height).astype(int)
    region = rgb[top:bottom, left:right]
    inside = region[frame:-frame, frame:-frame].copy() if frame else None
    region[...] = center_color(box, height, width)
    if inside is not None:
        region[frame:-frame, frame:-frame] = inside


def _whole_box(mask: Bool[np.ndarray, "h w"], color: Shaped[np.ndarray, "3"]) -> tuple[float, float, float, float]:
    """The box of the visible part, made symmetric about the painted center where smaller boxes hide one side."""
    height, width = mask.shape
    blue = max(float(color[2]), 1.0)  # a faint painting keeps the ratios red : blue and green : blue
    left, right = _span(mask.sum(0), float(color[0]) / blue * width)
    top, bottom = _span(mask.sum(1), float(color[1]) / blue * height)
    return left, top, right, bottom


def _span(counts: Int[np.ndarray, "n"], center: float) -> tuple[float, float]:
    """First and last place along one axis where the box is at least a quarter as thick as where it is thickest."""
    places = np.flatnonzero(counts >= max(1.0, 0.25 * counts.max()))
    low, high = float(places[0]), float(places[-1] + 1)
    if abs((low + high) / 2 - center) <= HIDDEN * len(counts) or not low <= center <= high:
        return low, high
    reach = max(center - low, high - center)
    return max(0.0, center - reach), min(float(len(counts)), center + reach)

"""The pictures of a film for people: the photo at the left, the answer at the right, below what it is and what its
colors mean, in every frame the same size and the same scale of colors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.imaging.provenance import NOTE
from plantain.output import panels
from plantain.output.drawing import DRAWINGS, Scale, Sheet, colors_of, scale_of
from plantain.output.panels import Entry
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Prediction

SIDE = 960  # pixels of the longer side of each half at most
GAP = 4  # pixels between the halves


@dataclass(eq=False)
class Extent:
    """The values that the depth of a clip has, gathered frame by frame."""

    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    metric: bool = True

    def add(self, answer: Prediction) -> None:
        if isinstance(answer, Depth) and answer.valid.any():
            one = scale_of(answer.values[answer.valid], answer.scale == "metric")
            self.metric = answer.scale == "metric"
            self.lows.append(one.low)
            self.highs.append(one.high)

    def scale(self) -> Scale | None:
        """Nearly all of them; None where there is no depth."""
        if not self.lows:
            return None
        ends = np.array([np.percentile(self.lows, 10), np.percentile(self.highs, 90)])
        return scale_of(ends, self.metric)


class Beside:
    """Draws the frames of one film. `size`: of the first frame, to which all are brought."""

    def __init__(self, size: tuple[int, int], title: str, by: str, scale: Scale | None) -> None:
        share = min(1.0, SIDE / max(size))
        self.half = max(2, round(size[0] * share)), max(2, round(size[1] * share))
        self.title, self.by, self.scale = title, by, scale
        self.strips: list[Image.Image] | None = None

    def draw(self, pixels: UInt8[np.ndarray, "h w 3"], answer: Prediction | None) -> UInt8[np.ndarray, "y x 3"]:
        """One frame; without an answer the right half is dark. Both sides are even numbers, as H.264 wants them. All
        frames are as large as the first one that has an answer."""
        photo = Image.fromarray(pixels).resize(self.half, Image.Resampling.BILINEAR, reducing_gap=1.1)
        right = Image.new("RGB", self.half, panels.PAPER)
        if answer is not None:
            sheet = Sheet(photo, True, answer.size, scale_of_depth=self.scale)
            draw = next(way for kind, way in DRAWINGS.items() if isinstance(answer, kind))
            right, strips = draw(answer, sheet)
            self.strips = self.strips or self._strips(answer, strips)
        width = 2 * self.half[0] + GAP
        both = Image.new("RGB", (width, self.half[1]), panels.PAPER)
        both.paste(photo, (0, 0))
        both.paste(right, (self.half[0] + GAP, 0))
        whole = panels.stack([both, *(self.strips or [self._heading(width)])])
        return _even(np.asarray(whole))

    def _heading(self, width: int) -> Image.Image:
        return panels.heading(width, self.title, self.by, NOTE, self._text)

    @property
    def _text(self) -> int:
        return min(max(self.half[0] // 36, 12), 24)

    def _strips(self, answer: Prediction, drawn: list[Image.Image]) -> list[Image.Image]:
        """The heading and what the colors mean, without what changes from frame to frame."""
        width = 2 * self.half[0] + GAP
        entries: list[Entry] = []
        if isinstance(answer, Labels):
            entries = [Entry(name, color) for name, color in zip(answer.classes, colors_of(answer), strict=True)]
        elif isinstance(answer, Alpha) and not isinstance(answer, Edges) and len(answer.names) > 1:
            entries = [Entry(name, color) for name, color in zip(answer.names, colors_of(answer), strict=True)]
        elif isinstance(answer, Instances):
            entries = [Entry("the numbers of things stay theirs")]
        elif not isinstance(answer, Alpha | Keypoints) or isinstance(answer, Edges):
            return [self._heading(width), *drawn[:1]]
        return [self._heading(width), *([panels.legend(width, entries, self._text)] if entries else [])]


def _even(picture: UInt8[np.ndarray, "y x 3"]) -> Any:
    """One more row or column of the border where a side is odd."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")

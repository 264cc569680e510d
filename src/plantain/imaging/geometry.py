"""Onto the canvas: where a photo lies on what a painter paints on is known, and so can be inverted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Float, Shaped, UInt8

STRETCH = 1.12  # aspects that differ by no more are stretched, others are padded


@dataclass(frozen=True)
class Placement:
    """Where a photo lies on a canvas. `size` and `canvas` are (width, height); `box` is the photo's place on the
    canvas, x0, y0, x1, y1 in canvas pixels. canvas = box corner + photo * (box side / photo side)."""

    size: tuple[int, int]
    canvas: tuple[int, int]
    box: tuple[int, int, int, int]

    def to_json(self) -> dict[str, Any]:
        return {"photo": list(self.size), "canvas": list(self.canvas), "box": list(self.box)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Placement:
        (w, h), (cw, ch), (x0, y0, x1, y1) = ([int(v) for v in record[k]] for k in ("photo", "canvas", "box"))
        return cls((w, h), (cw, ch), (x0, y0, x1, y1))

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels a photo pixel, along x and y."""
        return (self.box[2] - self.box[0]) / self.size[0], (self.box[3] - self.box[1]) / self.size[1]

    def to_canvas(self, xy: Shaped[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the photo as points of the canvas."""
        return np.asarray(np.asarray(xy, np.float64) * self.scale + self.box[:2], np.float64)

    def to_photo(self, xy: Shaped[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the canvas as points of the photo: the inverse of `to_canvas`."""
        return np.asarray((np.asarray(xy, np.float64) - self.box[:2]) / self.scale, np.float64)


def placement(size: tuple[int, int], canvas: tuple[int, int]) -> Placement:
    """The photo stretched over the whole canvas when their aspects are near, else centered on it at full length."""
    (w, h), (cw, ch) = size, canvas
    off = (cw / ch) / (w / h)
    if 1 / STRETCH <= off <= STRETCH:
        return Placement(size, canvas, (0, 0, cw, ch))
    scale = min(cw / w, ch / h)
    bw, bh = max(1, min(cw, round(w * scale))), max(1, min(ch, round(h * scale)))
    x, y = (cw - bw) // 2, (ch - bh) // 2
    return Placement(size, canvas, (x, y, x + bw, y + bh))


def place(
    photo: UInt8[np.ndarray, "h w 3"], where: Placement, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> UInt8[np.ndarray, "y x 3"]:
    """The photo on its canvas, with antialiasing; padding repeats the photo's border. Paintings take NEAREST: no color
    of theirs is mixed."""
    x0, y0, x1, y1 = where.box
    shown = np.asarray(Image.fromarray(photo).resize((x1 - x0, y1 - y0), resample))
    (cw, ch) = where.canvas
    if (x0, y0, x1, y1) == (0, 0, cw, ch):
        return shown
    return np.pad(shown, ((y0, ch - y1), (x0, cw - x1), (0, 0)), mode="edge")

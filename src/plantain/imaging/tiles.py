"""Large photographs in parts: tiles that overlap and cover them evenly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Shaped


@dataclass(frozen=True)
class Tile:
    """A part of a photo: x0, y0, x1, y1 in its pixels."""

    box: tuple[int, int, int, int]

    def cut(self, photo: Shaped[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "y x 3"]:
        x0, y0, x1, y1 = self.box
        return np.ascontiguousarray(photo[y0:y1, x0:x1])


def tiles(size: tuple[int, int], tile: int, overlap: float = 0.25) -> list[Tile]:
    """Tiles of about `tile` pixels a side that cover a photo of `size` evenly, overlapping by at least `overlap`.

    >>> [t.box for t in tiles((100, 60), 64)]
    [(0, 0, 64, 60), (36, 0, 100, 60)]
    """
    spans = [list(_spans(side, tile, overlap)) for side in size]
    return [Tile((x0, y0, x1, y1)) for y0, y1 in spans[1] for x0, x1 in spans[0]]


def quarters(size: tuple[int, int], share: float) -> list[Tile]:
    """Four parts of a photo, of so much of its sides, from its four corners: above one half they overlap.

    >>> [t.box for t in quarters((100, 50), 0.6)]
    [(0, 0, 60, 30), (40, 0, 100, 30), (0, 20, 60, 50), (40, 20, 100, 50)]
    """
    (w, h), (part_w, part_h) = size, (max(1, round(side * share)) for side in size)
    return [Tile((x, y, x + part_w, y + part_h)) for y in (0, h - part_h) for x in (0, w - part_w)]


def _spans(side: int, tile: int, overlap: float) -> Iterator[tuple[int, int]]:
    if side <= tile:
        yield 0, side
        return
    stride = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil((side - tile) / stride) + 1
    for i in range(count):
        start = round(i * (side - tile) / (count - 1))
        yield start, start + tile

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


def _spans(side: int, tile: int, overlap: float) -> Iterator[tuple[int, int]]:
    if side <= tile:
        yield 0, side
        return
    stride = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil((side - tile) / stride) + 1
    for i in range(count):
        start = round(i * (side - tile) / (count - 1))
        yield start, start + tile

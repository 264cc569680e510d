"""The canvases that the seedling paints on: grids of 14-pixel patches, about 330 of them, from 1 : 3.3 to 3.3 : 1."""

from __future__ import annotations

import math

PATCH = 14
GRIDS = (  # rows x columns
    *((10, 33), (12, 28), (14, 24), (15, 22), (16, 21), (17, 20), (18, 18)),
    *((20, 17), (21, 16), (22, 15), (24, 14), (28, 12), (33, 10)),
)


def grid(width: int, height: int) -> tuple[int, int]:
    """The grid (rows, columns) whose shape is nearest to a photo's.

    >>> grid(640, 480), grid(480, 640), grid(1242, 375)
    ((16, 21), (21, 16), (10, 33))
    """
    return min(GRIDS, key=lambda g: abs(math.log(g[1] / g[0] * height / width)))

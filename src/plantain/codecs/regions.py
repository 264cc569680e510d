"""Connected regions of equal numbers, pure NumPy: runs of each row, joined where they touch, all at once.

SciPy's `ndimage.label` knows one foreground and needs SciPy; this labels every value of a map in one go.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Int, Shaped


def regions(values: Shaped[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n"]]:
    """Numbers the 4-connected regions of equal values 0..n-1, in reading order; gives the map, and each one's value.

    >>> regions(np.array([[1, 1, 0], [0, 1, 0]]))[0].tolist()
    [[0, 0, 1], [2, 0, 1]]
    """
    height, width = values.shape
    flat = np.ascontiguousarray(values).reshape(-1)
    fresh = np.empty(flat.size, bool)
    fresh[0] = True
    np.not_equal(flat[1:], flat[:-1], out=fresh[1:])
    fresh[::width] = True
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], flat.size)
    value = flat[starts]
    first, second = _touching(starts, ends, width)
    same = value[first] == value[second]
    root = components(len(starts), first[same], second[same])
    kept, number = np.unique(root, return_inverse=True)
    return np.repeat(number, ends - starts).reshape(height, width), value[kept]


def _touching(starts: np.ndarray, ends: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs, one below the other, that share a column: for each run the range of runs that touch its shadow."""
    low = np.searchsorted(ends, starts + width, side="right")
    high = np.searchsorted(starts, ends + width, side="left")
    count = np.maximum(np.minimum(high, len(starts)) - low, 0)
    above = np.repeat(np.arange(len(starts)), count)
    step = np.arange(len(above)) - np.repeat(np.cumsum(count) - count, count)
    return above, np.repeat(low, count) + step


def components(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The least number of each connected set, by hooking and pointer jumping: a few rounds whatever the shape."""
    root = np.arange(count)
    while True:
        a, b = root[first], root[second]
        apart = a != b
        if not apart.any():
            return root
        first, second, a, b = first[apart], second[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            jumped = root[root]
            if np.array_equal(jumped, root):
                break
            root = jumped

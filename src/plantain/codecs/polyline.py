"""The nearest point of a curve through RGB space, exactly, for every pixel.

Three kinds of curve, each with its own short cut for 8-bit pictures; all give what trying every segment gives:

- gray scales: the nearest gray is the mean of the channels, and there are 766 sums;
- walks along edges of the RGB cube: on an edge two channels rest at 0 or 255 and the third is the position, so the
  squared distance is the sum of two squares, and min over the edges of (squared distance, edge, position), packed into
  one integer, says everything at once;
- any other polyline (colormaps): by the cells of 4 x 4 x 4 colors that occur, with the few segments that can be
  nearest somewhere in the cell.

`from_position` turns positions 0..1 on the curve into values; where there are few positions it is asked once for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Float, Int, Shaped, UInt8
from plantain.codecs import cells

FromPosition = Callable[[np.ndarray], np.ndarray]
Read = tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]  # values, and distances in levels
FLOAT_CHUNK = 1 << 11
BLACK_TO_WHITE = [[0, 0, 0], [255, 255, 255]]


def levels_of(rgb: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """uint8 (0..255) or float (0..1, NaN counts as black) as float32 levels 0..255."""
    picture = np.asarray(rgb)
    if picture.dtype == np.uint8:
        return picture.astype(np.float32)
    return np.nan_to_num(picture.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255


def read(
    rgb: Shaped[np.ndarray, "h w 3"], points: UInt8[np.ndarray, "m 3"], from_position: FromPosition
) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The value at the nearest point of the polyline through `points`, and the distance to it in levels."""
    picture = np.asarray(rgb)
    eight = picture.dtype == np.uint8
    flat = np.ascontiguousarray(picture if eight else levels_of(picture)).reshape(-1, 3)
    if points.tolist() in (BLACK_TO_WHITE, BLACK_TO_WHITE[::-1]):
        values, distance = _gray(flat, bool(points[0, 0]), from_position)
    elif _is_walk(points):
        values, distance = (_walk_bytes if eight else _walk_floats)(flat, _edges(points), from_position)
    else:
        line = _line(points)
        place, distance = (_line_bytes if eight else _line_floats)(flat, line)
        values = np.asarray(from_position(place), np.float32)
    return values.reshape(picture.shape[:2]), distance.reshape(picture.shape[:2])


# ---- gray scales


def _gray(flat: Shaped[np.ndarray, "n 3"], falling: bool, from_position: FromPosition) -> Read:
    """Black to white, or (falling) white to black."""
    if flat.dtype != np.uint8:
        gray = flat.mean(1, dtype=np.float32)
        place = gray / np.float32(255)
        distance = np.sqrt(np.square(flat - gray[:, None]).sum(1))
        return np.asarray(from_position(1 - place if falling else place), np.float32), distance
    sums = np.arange(766) / 765
    table = np.asarray(from_position(1 - sums if falling else sums), np.float32)
    values, distance = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    for start in range(0, len(flat), cells.CHUNK):
        part = slice(start, start + cells.CHUNK)
        r, g, b = (flat[part, c].astype(np.int32) for c in range(3))
        total = r + g + b
        np.take(table, total, out=values[part], mode="clip")
        np.sqrt((r * r + g * g + b * b) * 3 - total * total, out=distance[part], casting="unsafe", dtype=np.float32)
    distance *= np.float32(3**-0.5)
    return values, distance


# ---- walks along edges of the cube


def _is_walk(points: UInt8[np.ndarray, "m 3"]) -> bool:
    """Whether the curve runs from corner to corner of the RGB cube, along its edges."""
    corners = bool(np.isin(points, (0, 255)).all())
    return corners and bool(((points[1:] != points[:-1]).sum(1) == 1).all()) and len(points) <= 9


@dataclass(frozen=True)
class _Edge:
    """`moving` is the channel that gives the position, downwards if `falling`; `resting` are the other two channels,
    each with whether it rests at 255."""

    moving: int
    falling: bool
    resting: tuple[tuple[int, bool], tuple[int, bool]]


def _edges(points: UInt8[np.ndarray, "m 3"]) -> list[_Edge]:
    out = []
    for a, b in zip(points[:-1].tolist(), points[1:].tolist(), strict=True):
        moving = next(c for c in range(3) if a[c] != b[c])
        first, second = ((c, a[c] == 255) for c in range(3) if c != moving)
        out.append(_Edge(moving, a[moving] == 255, (first, second)))
    return out


def _walk_bytes(flat: UInt8[np.ndarray, "n 3"], edges: list[_Edge], from_position: FromPosition) -> Read:
    """As the module says: 17 bits of squared distance, 3 of the edge, 8 of the moving channel make one key."""
    table = np.asarray(from_position(_walk_places(edges)), np.float32).reshape(-1)
    values, distance = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    for start in range(0, len(flat), cells.CHUNK):
        part = slice(start, start + cells.CHUNK)
        channels = [flat[part, c].astype(np.uint32) for c in range(3)]
        # squares of the distances to 0 and to 255, in their place in the key
        squares = [[(c * c) << 11, ((255 - c) * (255 - c)) << 11] for c in channels]
        key = np.full(len(channels[0]), 0xFFFFFFFF, np.uint32)
        for k, edge in enumerate(edges):
            (a, high_a), (b, high_b) = edge.resting
            here = squares[a][high_a] + squares[b][high_b]
            here += channels[edge.moving]
            here += np.uint32(k << 8)
            np.minimum(key, here, out=key)
        np.take(table, key & 0x7FF, out=values[part], mode="clip")
        np.sqrt(key >> 11, out=distance[part], casting="unsafe", dtype=np.float32)
    return values, distance


def _walk_places(edges: list[_Edge]) -> Float[np.ndarray, "e 256"]:
    """The position 0..1 on the walk for each edge and level of its moving channel."""
    share = np.arange(256) / 255
    return np.stack([k + (1 - share if e.falling else share) for k, e in enumerate(edges)]) / len(edges)


def _walk_floats(flat: Float[np.ndarray, "n 3"], edges: list[_Edge], from_position: FromPosition) -> Read:
    place, distance = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    for start in range(0, len(flat), cells.CHUNK):
        part = slice(start, start + cells.CHUNK)
        channels = [np.ascontiguousarray(flat[part, c]) for c in range(3)]
        squares = [[c * c, np.square(255 - c)] for c in channels]
        best, here = np.full(len(channels[0]), np.inf, np.float32), place[part]
        for k, edge in enumerate(edges):
            (a, high_a), (b, high_b) = edge.resting
            squared = squares[a][high_a] + squares[b][high_b]
            share = channels[edge.moving] * np.float32(1 / 255)
            better = squared < best
            np.copyto(here, k + (1 - share if edge.falling else share), where=better)
            np.minimum(best, squared, out=best)
        np.sqrt(best, out=distance[part])
    return np.asarray(from_position(place / np.float32(len(edges))), np.float32), distance


# ---- any polyline


@dataclass(frozen=True, eq=False)
class _Line:
    """A polyline without segments of length zero: its corners; each segment's direction, squared length, and position
    0..1 on the curve of its two ends; each corner's own position.

    Neighbouring colors of a colormap may round to the same levels. Such a run is one corner, and what lies on it has
    the position of the run's middle (at the curve's ends, of the end)."""

    corner: Float[np.ndarray, "v 3"]
    step: Float[np.ndarray, "s 3"]
    square: Float[np.ndarray, "s"]
    leaves: Float[np.ndarray, "s"]
    arrives: Float[np.ndarray, "s"]
    middle: Float[np.ndarray, "v"]


def _line(points: UInt8[np.ndarray, "m 3"]) -> _Line:
    first = np.flatnonzero(np.append(True, (points[1:] != points[:-1]).any(1)))
    last = np.append(first[1:] - 1, len(points) - 1)
    middle = (first + last) / 2
    middle[0], middle[-1] = 0, len(points) - 1
    corner = points[first].astype(np.float32)
    step = np.diff(corner, axis=0)
    leaves, arrives, middle = (np.asarray(p / (len(points) - 1), np.float32) for p in (last[:-1], first[1:], middle))
    return _Line(corner, step, np.square(step).sum(1), leaves, arrives, middle)


def _along(
    line: _Line, segment: Int[np.ndarray, "*shape"], share: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The position on the curve of a place 0..1 on a segment."""
    between = line.leaves[segment] + share * (line.arrives - line.leaves)[segment]
    beyond = np.where(share >= 1, line.middle[segment + 1], between)
    return np.asarray(np.where(share <= 0, line.middle[segment], beyond), np.float32)


def _line_floats(levels: Float[np.ndarray, "n 3"], line: _Line) -> Read:
    """Every segment against every pixel; in float64, because squares of near distances cancel."""
    place, distance = np.empty(len(levels), np.float32), np.empty(len(levels), np.float32)
    corner, step = line.corner[:-1].astype(np.float64), line.step.astype(np.float64)
    for start in range(0, len(levels), FLOAT_CHUNK):
        part = levels[start : start + FLOAT_CHUNK].astype(np.float64)
        along = part @ step.T - (corner * step).sum(1)
        share = np.clip(along / line.square, 0, 1)
        squared = np.square(corner).sum(1) - 2 * (part @ corner.T) + share * (share * line.square - 2 * along)
        segment = squared.argmin(1)
        chosen = share[np.arange(len(part)), segment]
        nearest = corner[segment] + chosen[:, None] * step[segment]
        place[start : start + FLOAT_CHUNK] = _along(line, segment, chosen)
        distance[start : start + FLOAT_CHUNK] = np.sqrt(np.square(part - nearest).sum(1))
    return place, distance


def _line_bytes(flat: UInt8[np.ndarray, "n 3"], line: _Line) -> Read:
    numbers = cells.number(flat)
    found = cells.occurring(numbers)
    if len(found) * 8 > len(flat):  # few pixels a cell: not worth it
        return _line_floats(flat.astype(np.float32), line)
    where = cells.places(numbers, found)
    place, distance = _line_cells(found, line)
    return np.take(place, where, mode="clip"), np.take(distance, where, mode="clip")


CELL_CHUNK = 512


def _line_cells(found: Int[np.ndarray, "m"], line: _Line) -> Read:
    """Position and distance of every color of the cells."""
    place = np.empty((len(found), cells.PER_CELL), np.float32)
    distance = np.empty_like(place)
    spread = np.abs(line.corner[:, None] - line.corner).sum(-1)
    longest = np.maximum(np.append(line.square, 0), np.append(0, line.square))  # squared, of a corner's two segments
    for start in range(0, len(found), CELL_CHUNK):
        lowest = cells.corners(found[start : start + CELL_CHUNK]).astype(np.float32)
        near = _candidates(lowest + (cells.SIDE - 1) / 2, line, spread, longest)
        place[start : start + CELL_CHUNK], distance[start : start + CELL_CHUNK] = _best_of(lowest, near, line)
    return place.reshape(-1), distance.reshape(-1)


def _candidates(
    middle: Float[np.ndarray, "m 3"], line: _Line, spread: Float[np.ndarray, "v v"], longest: Float[np.ndarray, "v"]
) -> np.ndarray:
    """Which segments (m, s) can be nearest to some color of each cell, given the cells' middles.

    |x - v|^2 - |x - u|^2 is linear in x: over a cell (1.5 levels to each side of its middle) it changes by at most
    3 |v - u|_1. The nearest point lies on a segment of length l, so one of that segment's corners is at most l^2 / 4
    farther, in squares, than the nearest point itself, and so than any other corner."""
    squares = np.square(line.corner).sum(1) - 2 * (middle @ line.corner.T)
    nearest = squares.argmin(1)
    behind = squares - squares[np.arange(len(middle)), nearest][:, None]
    reach = (cells.SIDE - 1) * spread[nearest] + longest / 4 + 0.5  # 0.5: more than float32 can be wrong
    kept = behind <= reach
    return np.asarray(kept[:, 1:] | kept[:, :-1])


def _best_of(
    lowest: Float[np.ndarray, "m 3"], near: np.ndarray, line: _Line
) -> tuple[Float[np.ndarray, "m 64"], Float[np.ndarray, "m 64"]]:
    """The nearest of each cell's candidates for each of its colors: cells with many candidates first, so that the
    k-th candidates are those of the first few cells."""
    count = near.sum(1)
    order = np.argsort(-count, kind="stable")
    count, lowest, near = count[order], lowest[order], near[order]
    segments = np.nonzero(near)[1]
    first = np.cumsum(count) - count
    inside = cells.OFFSETS.astype(np.float32).T
    best = np.full((len(lowest), cells.PER_CELL), np.inf, np.float32)
    chosen, place = np.zeros(best.shape, np.intp), np.zeros_like(best)
    for k in range(count.max()):
        many = int((count > k).sum())
        segment = segments[first[:many] + k]
        step, square = line.step[segment], line.square[segment][:, None]
        away = lowest[:many] - line.corner[segment]
        along = step @ inside + (away * step).sum(1, keepdims=True)
        share = np.clip(along / square, 0, 1)
        squared = 2 * (away @ inside) + np.square(away).sum(1, keepdims=True) + np.square(inside).sum(0)
        squared += share * (share * square - 2 * along)
        better = squared < best[:many]
        np.copyto(chosen[:many], segment[:, None], where=better)
        np.copyto(place[:many], share, where=better)
        np.copyto(best[:many], squared, where=better)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return _along(line, chosen, place)[back], np.sqrt(np.maximum(best, 0))[back]

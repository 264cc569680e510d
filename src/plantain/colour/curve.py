"""Numbers as colours along a curve: the cube walk of the paper in both published orders, gray scales, colormaps.

A curve is a polyline through RGB space and a function from the number to the position on it, 0..1. Decoding finds the
nearest point of the polyline. For the cube walk that is exact and fast: its segments are axis-aligned, so the position
on an edge *is* one channel's value, and decoding is a table of edges and a table of metres.

Metric curves speak metres from the camera plane. Source of the power transform and of the walk: Vision Banana
(arXiv 2604.20329), section on depth: f(d) = 1 - (1 - d / (lambda c))^(lambda + 1), lambda = -3, c = 10/3, that is
f(d) = 1 - (1 + d / 10)^-2. The order of the corners is the one spelt in the authors' prompts; a second public project
reads the figure in another order, hence `cube-rev`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.colour.maps import MAPS

CORNERS = np.array(
    [(0, 0, 0), (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 255, 255)],
    np.uint8,
)  # black, red, yellow, green, cyan, blue, violet, white
GRAY = np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
TOLERANCE = 14.0  # levels from the curve at which confidence has fallen to 1/e
SATURATED = 0.999  # positions beyond it mean "no answer"


@dataclass(frozen=True, eq=False)
class Curve:
    """Values <-> colours. `points` (m 3, uint8) is the polyline; `rise` gives the position 0..1 of a value on it and
    `fall` the value at a position."""

    id: str
    points: UInt8[np.ndarray, "m 3"]
    rise: Callable[[np.ndarray], np.ndarray]
    fall: Callable[[np.ndarray], np.ndarray]
    metric: bool = True
    near: float = 0.0
    far: float = np.inf
    open_end: bool = False  # the far end means "no answer": infinity

    def encode_float(self, values: Shaped[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
        """The colours of values, 0..1; values outside near..far get the end's colour, infinity the far end's."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u = np.clip(self.rise(np.asarray(values, np.float64)), 0, 1)
        place = u * (len(self.points) - 1)
        first = np.minimum(place.astype(np.int64), len(self.points) - 2)
        share = (place - first)[..., None]
        line = self.points.astype(np.float64) / 255
        return np.asarray(line[first] * (1 - share) + line[first + 1] * share, np.float32)

    def encode(self, values: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        """The colours of values, 0..255."""
        return np.asarray(np.round(self.encode_float(values) * 255), np.uint8)

    def decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
        """The value at the nearest point of the curve, and the distance to it in 8-bit levels.

        `rgb` is uint8 (0..255) or float (0..1); NaN counts as black."""
        levels = as_levels(rgb)
        place, off = self._nearest(levels)
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(self.fall(place), np.float32), off

    def _nearest(self, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position 0..1 of the nearest point of the polyline, and the distance in levels."""
        if len(self.points) == 2:
            gray = levels.mean(-1, dtype=np.float32)
            off = np.sqrt(np.maximum(((levels - gray[..., None]) ** 2).sum(-1), 0))
            place = gray / 255
            return (place if self.points[0, 0] == 0 else 1 - place), off
        flat = levels.reshape(-1, 3)
        best, where = np.full(len(flat), np.inf, np.float32), np.zeros(len(flat), np.float32)
        for start, share, distance in self._segments(flat):
            better = distance < best
            best = np.where(better, distance, best)
            where = np.where(better, start + share, where)
        shape = levels.shape[:-1]
        return (where / (len(self.points) - 1)).reshape(shape), np.sqrt(best).reshape(shape)

    def _segments(self, flat: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        line = self._line
        for k in range(len(line) - 1):
            a, d = line[k], line[k + 1] - line[k]
            if not d.any():  # two neighbouring colours of a colormap may round to the same levels
                continue
            share = np.clip((flat - a) @ d / (d @ d), 0, 1)
            yield k, share, ((flat - a - share[:, None] * d) ** 2).sum(1)

    @cached_property
    def _line(self) -> np.ndarray:
        return self.points.astype(np.float32)


def as_levels(rgb: Shaped[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """A picture as float32 levels 0..255, whatever it was."""
    picture = np.asarray(rgb)
    if picture.dtype == np.uint8:
        return picture.astype(np.float32)
    return np.nan_to_num(picture.astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1) * 255


def _log(near: float, far: float) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    span = np.log(far / near)
    return (lambda d: np.log(np.maximum(d, 1e-9) / near) / span), (lambda u: near * np.exp(u * span))


def _power(d: np.ndarray) -> np.ndarray:
    return np.asarray(1 - (1 + d / 10) ** -2)


def _metres(u: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(10 * ((1 - np.minimum(u, 1)) ** -0.5 - 1))


def _log_curve(name: str, points: np.ndarray, near: float, far: float) -> Curve:
    rise, fall = _log(near, far)
    return Curve(f"{name}/1", points, rise, fall, near=near, far=far, open_end=True)


def _same(x: np.ndarray) -> np.ndarray:
    return x


CURVES: dict[str, Curve] = {
    "cube": Curve("cube/1", CORNERS, _power, _metres, open_end=True),
    "cube-rev": Curve("cube-rev/1", CORNERS[[0, 5, 4, 3, 2, 1, 6, 7]], _power, _metres, open_end=True),
    "log-gray": _log_curve("log-gray", GRAY, 0.1, 200.0),
    "log-gray-indoor": _log_curve("log-gray-indoor", GRAY, 0.3, 12.0),
    "log-gray-street": _log_curve("log-gray-street", GRAY, 1.0, 100.0),
    "inv-gray": Curve(
        "inv-gray/1", GRAY, lambda d: 0.1 / np.maximum(d, 1e-9), lambda u: 0.1 / np.maximum(u, 1e-4), near=0.1
    ),
    "viridis": _log_curve("viridis", MAPS["viridis"], 0.1, 200.0),
    "plasma": _log_curve("plasma", MAPS["plasma"], 0.1, 200.0),
    "inferno": _log_curve("inferno", MAPS["inferno"], 0.1, 200.0),
    "linear-gray": Curve("linear-gray/1", GRAY, _same, _same, metric=False, far=1.0),
    "linear-gray-inv": Curve("linear-gray-inv/1", GRAY[::-1], _same, _same, metric=False, far=1.0),
}


def confidence_from(off: Float[np.ndarray, "h w"], tolerance: float = TOLERANCE) -> Float[np.ndarray, "h w"]:
    """Distance to the legal colours (levels) -> 0..1: a bell of the given width."""
    return np.asarray(np.exp(-((off / tolerance) ** 2)), np.float32)


def decode_depth(
    rgb: Shaped[np.ndarray, "h w 3"], curve: Curve, photo: Shaped[np.ndarray, "h w 3"] | None = None
) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Metres (or 0..1), where they are valid, and confidence 0..1.

    Pixels off the curve (mixtures of two depths, which decode to a depth outside both in 28 % of cases) take the value
    of a neighbour that is on it. The far end of an open curve means "no answer": invalid, infinity.
    """
    values, off = curve.decode(rgb)
    if len(curve.points) > 2:
        values = repair(values, off)
    confidence = confidence_from(off)
    if not curve.open_end:
        return values, np.ones(values.shape, bool), confidence
    valid = np.isfinite(values) & (values < _last(curve))
    return np.where(valid, values, np.float32(np.inf)), valid, confidence


def _last(curve: Curve) -> float:
    """The value half a level before the open end: what lies beyond is "no answer"."""
    steps = 255.0 * (len(curve.points) - 1) if len(curve.points) <= 8 else 255.0
    return float(curve.fall(np.array(1 - 0.5 / steps)))


def repair(values: Float[np.ndarray, "h w"], off: Float[np.ndarray, "h w"], reach: int = 2) -> Float[np.ndarray, "h w"]:
    """Pixels farther than the tolerance from the curve take the value of the nearest-to-curve pixel within `reach`."""
    bad = off > TOLERANCE
    if not bad.any():
        return values
    ys, xs = np.nonzero(bad)
    h, w = values.shape
    best, out = off[ys, xs].copy(), values[ys, xs].copy()
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y, x = (ys + dy).clip(0, h - 1), (xs + dx).clip(0, w - 1)
            cost = off[y, x] + 2.0 * max(abs(dy), abs(dx))
            better = cost < best
            best, out = np.where(better, cost, best), np.where(better, values[y, x], out)
    fixed = values.copy()
    fixed[ys, xs] = out
    return fixed


def fits(rgb: Shaped[np.ndarray, "h w 3"]) -> dict[str, float]:
    """How well each metric curve explains a painting, best first: mean confidence times smoothness.

    The two orders of the cube walk have the same colours, so what tells them apart is that neighbouring pixels of a
    scene mostly lie at neighbouring depths.
    """
    found = {}
    for name, curve in CURVES.items():
        if not curve.metric:
            continue
        place, off = curve._nearest(as_levels(rgb))
        jumps = np.concatenate([np.abs(np.diff(place, axis=a)).ravel() for a in (0, 1)])
        rough = float(np.minimum(jumps, 0.2).mean()) if jumps.size else 0.0
        found[name] = float(confidence_from(off).mean()) * float(np.exp(-20 * rough))
    return dict(sorted(found.items(), key=lambda item: -item[1]))

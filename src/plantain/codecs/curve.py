"""Numbers as colors along a curve: the cube walk of the paper in both published orders, gray scales, colormaps.

A curve is a polyline through RGB space and a function from the number to the position on it, 0..1. Decoding finds the
nearest point of the polyline, exactly (see `polyline`), and turns its position into the number.

Metric curves speak metres from the camera plane. Source of the power transform and of the walk: Vision Banana
(arXiv 2604.20329), section on depth: f(d) = 1 - (1 - d / (lambda c))^(lambda + 1), lambda = -3, c = 10/3, that is
f(d) = 1 - (1 + d / 10)^-2. The order of the corners is the one spelt in the authors' prompts; a second public project
reads the figure in another order, hence `cube-rev`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.codecs import polyline
from plantain.codecs.cells import CHUNK
from plantain.codecs.maps import MAPS

CORNERS = np.array(
    [(0, 0, 0), (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 255, 255)],
    np.uint8,
)  # black, red, yellow, green, cyan, blue, violet, white
GRAY = np.array([(0, 0, 0), (255, 255, 255)], np.uint8)
TOLERANCE = 14.0  # levels from the curve at which confidence has fallen to 1/e


@dataclass(frozen=True, eq=False)
class Curve:
    """Values <-> colors. `points` (m 3, uint8) is the polyline; `to_position` gives the position 0..1 of a value on it
    and `from_position` the value at a position."""

    id: str
    points: UInt8[np.ndarray, "m 3"]
    to_position: Callable[[np.ndarray], np.ndarray]
    from_position: Callable[[np.ndarray], np.ndarray]
    metric: bool = True
    near: float = 0.0
    far: float = np.inf
    open_end: bool = False  # the far end means "no answer": infinity

    def encode_float(self, values: Shaped[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
        """The colors of values, 0..1; values outside near..far get the end's color, infinity the far end's."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            u = np.clip(self.to_position(np.asarray(values, np.float64)), 0, 1)
        place = u * (len(self.points) - 1)
        first = np.minimum(place.astype(np.int64), len(self.points) - 2)
        share = (place - first)[..., None]
        line = self.points.astype(np.float64) / 255
        return np.asarray(line[first] * (1 - share) + line[first + 1] * share, np.float32)

    def encode(self, values: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        """The colors of values, 0..255."""
        return np.asarray(np.round(self.encode_float(values) * 255), np.uint8)

    def decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
        """The value at the nearest point of the curve, and the distance to it in 8-bit levels.

        `rgb` is uint8 (0..255) or float (0..1); NaN counts as black."""
        with np.errstate(divide="ignore", over="ignore"):
            return polyline.read(rgb, self.points, self.from_position)


def _log(near: float, far: float) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    span = np.log(far / near)
    return (lambda d: np.log(np.maximum(d, 1e-9) / near) / span), (lambda u: near * np.exp(u * span))


def _power(d: np.ndarray) -> np.ndarray:
    return np.asarray(1 - (1 + d / 10) ** -2)


def _metres(u: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(10 * ((1 - np.minimum(u, 1)) ** -0.5 - 1))


def _log_curve(name: str, points: np.ndarray, near: float, far: float) -> Curve:
    to_position, from_position = _log(near, far)
    return Curve(f"{name}/1", points, to_position, from_position, near=near, far=far, open_end=True)


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


def confidence_from(distance: Float[np.ndarray, "h w"], tolerance: float = TOLERANCE) -> Float[np.ndarray, "h w"]:
    """Distance to the legal colors (levels) -> 0..1: a bell of the given width."""
    return np.asarray(np.exp(-((distance / tolerance) ** 2)), np.float32)


def decode_depth(
    rgb: Shaped[np.ndarray, "h w 3"], curve: Curve
) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Metres (or 0..1), where they are valid, and confidence 0..1.

    Pixels off the curve (mixtures of two depths, which decode to a depth outside both in 28 % of cases) take the value
    of a neighbor that is on it. The far end of an open curve means "no answer": invalid, infinity.
    """
    values, distance = curve.decode(rgb)
    if len(curve.points) > 2:
        values = repair(values, distance)
    confidence = confidence_from(distance)
    if not curve.open_end:
        return values, np.ones(values.shape, bool), confidence
    valid = np.isfinite(values) & (values < _last(curve))
    return np.where(valid, values, np.float32(np.inf)), valid, confidence


def _last(curve: Curve) -> float:
    """The value half a level before the open end: what lies beyond is "no answer"."""
    steps = 255.0 * (len(curve.points) - 1) if len(curve.points) <= 8 else 255.0
    return float(curve.from_position(np.array(1 - 0.5 / steps)))


def repair(
    values: Float[np.ndarray, "h w"], distance: Float[np.ndarray, "h w"], reach: int = 2
) -> Float[np.ndarray, "h w"]:
    """Pixels farther than the tolerance from the curve take the value of the nearest-to-curve pixel within `reach`."""
    bad = np.flatnonzero(distance > TOLERANCE)
    fixed = values.copy()
    for start in range(0, len(bad), CHUNK):  # a picture that is no painting at all is bad everywhere
        part = bad[start : start + CHUNK]
        fixed.reshape(-1)[part] = values.reshape(-1)[_donors(part, distance, reach)]
    return fixed


def _donors(bad: Int[np.ndarray, "n"], distance: Float[np.ndarray, "h w"], reach: int) -> Int[np.ndarray, "n"]:
    """Where (as places in the flattened picture) each bad pixel takes its value: 2 levels count as one pixel away."""
    height, width = distance.shape
    y, x = np.divmod(bad, width)
    rows = [(y + d).clip(0, height - 1) * width for d in range(-reach, reach + 1)]
    columns = [(x + d).clip(0, width - 1) for d in range(-reach, reach + 1)]
    flat = distance.reshape(-1)
    best, donor = flat[bad], bad.copy()
    for down, row in enumerate(rows, -reach):
        for across, column in enumerate(columns, -reach):
            there = row + column
            cost = np.take(flat, there, mode="clip")
            cost += 2.0 * max(abs(down), abs(across))
            np.copyto(donor, there, where=cost < best)
            np.minimum(best, cost, out=best)
    return donor


def fits(rgb: Shaped[np.ndarray, "h w 3"]) -> dict[str, float]:
    """How well each metric curve explains a painting, best first: mean confidence times smoothness.

    The two orders of the cube walk have the same colors, so what tells them apart is that neighboring pixels of a
    scene mostly lie at neighboring depths.
    """
    found = {}
    for name, curve in CURVES.items():
        if not curve.metric:
            continue
        place, distance = polyline.read(rgb, curve.points, _same)
        jumps = np.concatenate([np.abs(np.diff(place, axis=a)).ravel() for a in (0, 1)])
        rough = float(np.minimum(jumps, 0.2).mean()) if jumps.size else 0.0
        found[name] = float(confidence_from(distance).mean()) * float(np.exp(-20 * rough))
    return dict(sorted(found.items(), key=lambda item: -item[1]))

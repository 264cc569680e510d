"""Things told apart by flat colors of the painter's choice: code blobs/1.

The picture's regions (see `flat`) are things; separate parts are one thing where their colors agree and they are not
far apart for their size. Made for noise, drift, blur and JPEG, at which the paper's decoder (`paper`) fails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plantain._shapes import Float, Int, Shaped
from plantain.codecs.cells import bytes_of
from plantain.codecs.centers import decode_centers, encode_centers
from plantain.codecs.flat import Denoised, denoise, flat_regions
from plantain.codecs.paper import decode_paper
from plantain.codecs.regions import components
from plantain.codecs.things import (
    RGB,
    Found,
    by_score,
    encode,
    least_area,
    owners,
    pixel_boxes,
    weights_of,
    without_ground,
)

__all__ = ["Found", "decode", "decode_centers", "decode_paper", "encode", "encode_centers"]

AVERAGED = (9.0, 20.0)  # see `denoise`: colors of choice differ by 40 levels and more
LIKE_GROUND = 12.0  # levels: nearer to the background than this is background that drifted
GAMMA = 5.0  # the paper's: parts are one thing if their joint box is at most so many times both boxes
SAME = 6.0  # levels: parts of one thing have mean colors that agree so well (plus the noise)
NEAR_SAME = 14.0  # the same for parts that are close to each other for their size
BELL = 24.0  # levels: a pixel so far from its thing's color counts 1/e


def decode(rgb: Shaped[np.ndarray, "h w 3"], background: RGB = (0, 0, 0)) -> Found:
    """Things told apart by color, the highest score first; whatever is near the background's color is none.

    score = purity x separation: how near a thing's pixels are to its color, and how far that is from the background
    and from every other thing's color."""
    denoised = denoise(bytes_of(rgb), AVERAGED)
    return _things(denoised, *flat_regions(denoised, background))


@dataclass(frozen=True, eq=False)
class _Parts:
    """Connected regions that are not background: areas, colors, boxes (left, top, right, bottom), and how much of
    each has its color."""

    area: Float[np.ndarray, "n"]
    color: Float[np.ndarray, "n 3"]
    box: Float[np.ndarray, "n 4"]
    purity: Float[np.ndarray, "n"]


def _things(
    denoised: Denoised, parts: Int[np.ndarray, "h w"], group: Int[np.ndarray, "n"], ground: Float[np.ndarray, "3"]
) -> Found:
    numbers, count = without_ground(parts, group)
    seen = _measured(denoised, numbers, count)
    thing = components(len(seen.area), *_belonging(seen, numbers, denoised.noise))
    weight, area = weights_of(thing, seen.area)
    colors = weight @ seen.color
    real = (area >= least_area(parts.shape)) & (np.linalg.norm(colors - ground, axis=1) > LIKE_GROUND)
    owner = owners(real, thing, numbers)
    return by_score(owner, colors[real], (weight @ seen.purity)[real] * _separation(colors[real], ground))


def _measured(denoised: Denoised, numbers: Int[np.ndarray, "h w"], count: int) -> _Parts:
    on = np.flatnonzero(numbers.reshape(-1) >= 0)
    own = numbers.reshape(-1)[on]
    area = np.bincount(own, minlength=count)
    rgb = denoised.rgb.reshape(-1, 3)[on].astype(np.float32)
    inside = ~denoised.border.reshape(-1)[on]
    inside |= np.bincount(own[inside], minlength=count)[own] == 0  # a part that is all border has nothing better
    inner, seen = own[inside], rgb[inside]
    weight = np.maximum(np.bincount(inner, minlength=count), 1)
    color = np.stack([np.bincount(inner, seen[:, c], count) / weight for c in range(3)], -1)
    squared = np.square(rgb - color.astype(np.float32)[own]).sum(1)
    purity = np.bincount(own, np.exp(squared * np.float32(-1 / BELL**2)), count) / np.maximum(area, 1)
    return _Parts(area.astype(np.float64), color, pixel_boxes(own, on, numbers.shape, count), purity)


def _belonging(
    seen: _Parts, numbers: Int[np.ndarray, "h w"], noise: float
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Pairs of parts that are one thing: of one color, and near each other for their size; the nearer, the less must
    their colors agree. Parts that touch are two things: there is a step between them."""
    left, top, right, bottom = seen.box.T
    size = (right - left) * (bottom - top)
    joint = (_outer(np.maximum, right) - _outer(np.minimum, left)) * (
        _outer(np.maximum, bottom) - _outer(np.minimum, top)
    )
    across = np.maximum(_outer(np.maximum, left) - _outer(np.minimum, right), 0)
    down = np.maximum(_outer(np.maximum, top) - _outer(np.minimum, bottom), 0)
    beside = np.hypot(across, down) <= 0.5 * np.sqrt(_outer(np.minimum, size))
    alike = np.linalg.norm(seen.color[:, None] - seen.color, axis=-1) <= noise + np.where(beside, NEAR_SAME, SAME)
    one = alike & (joint <= GAMMA * _outer(np.add, size))
    one[_touching(numbers)] = False
    first, second = np.nonzero(np.triu(one, 1))
    return first, second


def _outer(of: np.ufunc, values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n n"]:
    return np.asarray(of.outer(values, values))


def _touching(numbers: Int[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Pairs of parts with pixels side by side, both ways round."""
    pairs = [np.zeros((0, 2), numbers.dtype)]
    for a, b in ((numbers[:, 1:], numbers[:, :-1]), (numbers[1:], numbers[:-1])):
        meet = (a != b) & (a >= 0) & (b >= 0)
        pairs.append(np.stack([a[meet], b[meet]], -1))
    first, second = np.unique(np.concatenate(pairs), axis=0).T
    return np.append(first, second), np.append(second, first)


def _separation(colors: Float[np.ndarray, "n 3"], ground: Float[np.ndarray, "3"]) -> Float[np.ndarray, "n"]:
    """0..1 by the distance to the background's color, 0.86 at 20 levels, 0.98 at 40; a like color elsewhere in the
    painting takes up to half of it."""
    away = np.linalg.norm(colors[:, None] - colors, axis=-1) + 1e3 * np.eye(len(colors))
    twin = away.min(1, initial=1e3)
    return np.asarray((1 - np.exp(-np.linalg.norm(colors - ground, axis=1) / 10)) * (1 - 0.5 * np.exp(-twin / 10)))

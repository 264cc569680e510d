"""A painting in flat colors -> its regions: what generators and file formats do to flat colors is undone.

1. noise: the picture is averaged as much as its noise asks for, and borders are where it still changes;
2. drift: what is not border is grouped by color over the whole picture, finely; groups that pass into each other
   without a step become one again;
3. blur: a border pixel takes the group of one of its neighbors, the one of the nearest color, so that mixtures are no
   regions (halos); specks go to their neighbors too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.codecs.cells import SIDE, corners, number
from plantain.codecs.palette import nearest
from plantain.codecs.regions import components, regions
from plantain.codecs.things import RGB, least_area

FLAT = 6.0  # levels: published paintings vary by 2, at most 4.4 (sd), within a thing
GROUPS = 255  # colors in one painting
OWN_GROUND = 24.0  # levels: how far from the asked background a painter's own may lie
SMOOTH = 0.5  # a step between two groups that is less than this part of the distance of their colors is drift
DRIFT = 40.0  # levels: colors farther apart are two, however smooth the passage
MINGLED = 0.3  # meetings for each pixel of the smaller group: more than a clean outline has
INNER = 0.09  # of a region's pixels must lie inside borders; halos have less


@dataclass(frozen=True, eq=False)
class Denoised:
    """A picture with its noise averaged away, and what its reading goes by.

    noise: what is left of it (sd in levels); radius: of the average, in pixels; border: where colors change; passage:
    over how many pixels they change there; mingled: like groups whose pixels meet so often, for each pixel of the
    smaller one, are patches of noise; exact: a border pixel this near (levels) to a group's color is no mixture; flat:
    how much (levels) a color varies without noise."""

    rgb: UInt8[np.ndarray, "h w 3"]
    noise: float
    radius: int
    border: Bool[np.ndarray, "h w"]
    passage: int
    mingled: float
    exact: float
    flat: float

    @cached_property
    def inside(self) -> Shaped[np.ndarray, "n"]:
        """The colors inside borders, as `cells.number` numbers them."""
        return np.asarray(number(self.rgb.reshape(-1, 3))[~self.border.reshape(-1)])

    @property
    def width(self) -> float:
        """Levels around a flat color within which nearly all its pixels lie."""
        return self.flat + 2.5 * self.noise


def flat_regions(
    denoised: Denoised, background: RGB
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n"], Float[np.ndarray, "3"]]:
    """The region of each pixel, each region's group (0 is background), and the background's own color."""
    colors = _colors(denoised, background)
    groups = _without_drift(denoised, _grouped(denoised, colors), colors)
    return *regions(_without_specks(denoised, groups, colors)), colors[0]


# ---- 1. noise and borders


def denoise(picture: UInt8[np.ndarray, "h w 3"], averaged: tuple[float, float]) -> Denoised:
    """Averages over 3 x 3 pixels where the noise (sd in levels) is above the first of `averaged`, over 5 x 5 above the
    second: what is averaged is told apart by finer differences, but loses thin parts."""
    noise = _noise_of(picture)
    radius = int(noise > averaged[0]) + int(noise > averaged[1])
    side = 2 * radius + 1
    rgb = _averaged(picture, radius) if radius else picture
    left = noise / side
    return Denoised(rgb, left, radius, ranges(rgb) > 8 + 2.5 * left, side + 4, MINGLED, FLAT + 2.5 * left, FLAT)


def _noise_of(picture: UInt8[np.ndarray, "h w 3"]) -> float:
    """The sd of the noise, from the median difference of neighbors (0.954 sd for two normals).

    At 0 and 255 noise is clipped, and the median is 0.43 sd: hence the median without clipped pixels, but no more than
    all pixels allow, for where nearly all are clipped the others are borders."""
    left, right = picture[::2, :-1].astype(np.int16), picture[::2, 1:].astype(np.int16)
    away, middle = np.abs(left - right), left + right
    return min(_median(away[(middle > 6) & (middle < 504)]) / 0.954, _median(away.reshape(-1)) / 0.43)


def _median(levels: Int[np.ndarray, "n"]) -> float:
    """The median of whole numbers 0..255, each taken as spread evenly over its unit; 0 of none and among noughts."""
    count = np.bincount(levels, minlength=256)
    below = count.cumsum()
    half = below[-1] / 2
    k = int(np.searchsorted(below, half))
    return float(k - 0.5 + (half - below[k] + count[k]) / count[k]) if k else 0.0


def _averaged(picture: UInt8[np.ndarray, "h w 3"], radius: int) -> UInt8[np.ndarray, "h w 3"]:
    """The mean over squares of 2 radius + 1, edges repeated."""
    side = 2 * radius + 1
    total = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), "edge").astype(np.uint16)
    height, width = picture.shape[:2]
    total = sum((total[k : k + height] for k in range(1, side)), total[:height])
    total = sum((total[:, k : k + width] for k in range(1, side)), total[:, :width])
    return ((total + side * side // 2) // np.uint16(side * side)).astype(np.uint8)


def ranges(picture: UInt8[np.ndarray, "h w 3"], on: Bool[np.ndarray, "h w"] | None = None) -> UInt8[np.ndarray, "h w"]:
    """How much the most changing channel changes over 3 x 3 pixels, or over those of them that are `on`."""
    least = picture if on is None else np.where(on[..., None], picture, np.uint8(255))
    high, low = _spreading(np.maximum, picture), _spreading(np.minimum, least)
    change = np.where(high > low, high - low, np.uint8(0))
    return np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])


def _spreading(end: np.ufunc, picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), "edge")
    rows = end(end(padded[:-2], padded[1:-1]), padded[2:])
    return np.asarray(end(end(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))


# ---- 2. groups of colors


def _colors(denoised: Denoised, background: RGB) -> Float[np.ndarray, "k 3"]:
    """The colors of the painting, the background's own first: the densest spots of the denoised picture's colors."""
    spot, count = _histogram(denoised)
    least = least_area(denoised.border.shape) / 2
    crowd = _crowds(spot, count, denoised.width)
    ground = np.array(background, np.float32)
    near = np.linalg.norm(spot - ground, axis=1) <= OWN_GROUND
    if near.any() and crowd[near].max() >= least:
        ground = _settled(spot[np.flatnonzero(near)[crowd[near].argmax()]], spot, count, denoised.width)
    found = [ground]
    dense = crowd >= least
    start, crowd = spot[dense], crowd[dense]
    crowd[np.square(start - ground).sum(1) <= denoised.width**2] = 0
    while crowd.size and crowd.max() >= least and len(found) < GROUPS:
        top = start[crowd.argmax()]
        middle = _settled(top, spot, count, denoised.width)
        away = np.minimum(np.square(start - middle).sum(1), np.square(start - top).sum(1))
        crowd[away <= denoised.width**2] = 0
        if np.square(np.stack(found) - middle).sum(1).min() > denoised.width**2 / 4:
            found.append(middle)
    return np.stack(found).astype(np.float32)


def _histogram(denoised: Denoised) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, "m"]]:
    """The cells of 4 x 4 x 4 levels that occur inside borders: their middles, and how many pixels they hold."""
    count = np.bincount(denoised.inside >> 6, minlength=1)
    found = np.flatnonzero(count)
    return corners(found) + np.float32((SIDE - 1) / 2), count[found].astype(np.float32)


def _crowds(spot: Float[np.ndarray, "m 3"], count: Float[np.ndarray, "m"], width: float) -> Float[np.ndarray, "m"]:
    """How many pixels have about the color of each spot: counts summed over a cube of about `width` to each side."""
    reach = max(1, round(width / SIDE))
    side = 256 // SIDE
    cube = np.zeros((side, side, side), np.float32)
    at = tuple((spot // SIDE).astype(np.intp).T)
    cube[at] = count
    last, first = np.minimum(np.arange(side) + reach, side - 1) + 1, np.maximum(np.arange(side) - reach, 0)
    for axis in range(3):
        total = np.insert(cube.cumsum(axis), 0, 0, axis)
        cube = total.take(last, axis) - total.take(first, axis)
    return np.asarray(cube[at])


def _settled(
    start: Float[np.ndarray, "3"], spot: Float[np.ndarray, "m 3"], count: Float[np.ndarray, "m"], width: float
) -> Float[np.ndarray, "3"]:
    """Where mean shift from `start` comes to rest (a few steps are enough)."""
    around = np.flatnonzero(np.square(spot - start).sum(1) <= (3 * width) ** 2)
    spot, count, middle = spot[around], count[around], start
    for _ in range(4):
        near = np.square(spot - middle).sum(1) <= width**2
        if not near.any():
            break
        middle = (count[near] @ spot[near] / count[near].sum()).astype(np.float32)
    return middle


# ---- 3. which group each pixel belongs to


def _grouped(denoised: Denoised, colors: Float[np.ndarray, "k 3"]) -> Int[np.ndarray, "h w"]:
    """The group of each pixel: inside by its color, at borders one of its neighbors'."""
    legend = np.round(colors).astype(np.uint8)
    ids, distance, _ = nearest(denoised.rgb, legend)
    near = distance <= np.where(denoised.border, denoised.exact, 2 * denoised.width)
    groups = np.where(near, ids, np.int16(-1))
    return _spread(groups, groups < 0, denoised, colors)


def _spread(
    groups: Int[np.ndarray, "h w"], open_: Bool[np.ndarray, "h w"], denoised: Denoised, colors: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Gives each open pixel the group of a neighbor, of several the one with the nearest color.

    For as many rounds as a border is wide a pixel may change its mind; more, and colors would creep along borders that
    they look like. After that only pixels without a group get one. What no group reaches is background."""
    height, width = groups.shape
    out = np.pad(groups, 1, constant_values=-1).reshape(-1)
    ys, xs = np.nonzero(open_)
    place, rgb = (ys + 1) * (width + 2) + xs + 1, denoised.rgb[ys, xs].astype(np.float32)
    cost = np.full(len(place), np.inf, np.float32)
    number_of = np.full(len(out), -1, np.int32)
    number_of[place] = np.arange(len(place))
    active, rounds = np.arange(len(place)), 0
    while len(active):
        rounds += 1
        changed = active[_better(active, out, place, rgb, cost, colors, width + 2)]
        touched = np.zeros(len(place) + 1, bool)  # the last stands for all pixels that are not open
        for step in (-1, 1, -width - 2, width + 2):
            touched[number_of[place[changed] + step]] = True
        active = np.flatnonzero(touched[:-1])
        if rounds > 2 * denoised.radius + 3:
            active = active[np.isinf(cost[active])]
    return np.asarray(np.maximum(out.reshape(height + 2, width + 2)[1:-1, 1:-1], 0))


def _better(
    active: Int[np.ndarray, "a"],
    out: np.ndarray,
    place: np.ndarray,
    rgb: np.ndarray,
    cost: np.ndarray,
    colors: Float[np.ndarray, "k 3"],
    across: int,
) -> Bool[np.ndarray, "a"]:
    """One round of `_spread` for the active pixels, in place in `out` and `cost`; says which of them changed."""
    where, seen = place[active], rgb[active]
    least, own = cost[active], out[where]
    before = own.copy()
    for step in (-1, 1, -across, across):
        other = out[where + step]
        try_ = np.flatnonzero((other >= 0) & (other != own))
        away = np.square(seen[try_] - colors[other[try_]]).sum(1)
        won = away < least[try_]
        least[try_[won]], own[try_[won]] = away[won], other[try_[won]]
    out[where], cost[active] = own, least
    return np.asarray(own != before)


def _without_drift(
    denoised: Denoised, groups: Int[np.ndarray, "h w"], colors: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Joins groups of like color that pass into each other smoothly, or that are mingled like noise."""
    apart = np.linalg.norm(colors[:, None] - colors, axis=-1)
    like = apart < DRIFT
    area = np.bincount(groups.ravel(), minlength=len(colors))
    count, away = _meetings(denoised, groups, denoised.passage, like)
    smooth = (count > 0) & (away < count * (SMOOTH * apart + 1 + denoised.noise))
    mingled = (count > denoised.mingled * np.minimum(area[:, None], area)) & (apart < 3 * denoised.width)
    first, second = np.nonzero(like & (smooth | mingled))
    return np.asarray(components(len(colors), first, second).astype(np.int16)[groups])


def _meetings(
    denoised: Denoised, groups: Int[np.ndarray, "h w"], step: int, like: Bool[np.ndarray, "k k"]
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k k"]]:
    """For each two like groups: how many pixels, `step` apart, are of one and of the other, and how far apart their
    colors are, summed."""
    size = len(like)
    met, sums = np.zeros((2, size * size))
    thin = 1 + step // 8  # far apart, one row of several is enough
    for one, other in ((np.s_[::thin, step:], np.s_[::thin, :-step]), (np.s_[step:, ::thin], np.s_[:-step, ::thin])):
        a, b = groups[one], groups[other]
        differ = a != b
        pair = a[differ].astype(np.intp) * size + b[differ]
        close = like.reshape(-1)[pair]
        away = denoised.rgb[one][differ][close].astype(np.float32) - denoised.rgb[other][differ][close]
        met += np.bincount(pair[close], minlength=size * size)
        sums += np.bincount(pair[close], np.linalg.norm(away, axis=1), minlength=size * size)
    count, total = thin * met.reshape(size, size), thin * sums.reshape(size, size)
    return count + count.T, total + total.T


def _without_specks(
    denoised: Denoised, groups: Int[np.ndarray, "h w"], colors: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Regions that are too small to be things, or all but border (halos), go to their neighbors."""
    parts, group = regions(groups)
    area = np.bincount(parts.ravel(), minlength=len(group))
    inner = np.bincount(parts[~denoised.border], minlength=len(group))
    speck = (area < least_area(groups.shape)) | (inner < INNER * area)
    if not speck.any() or speck.all():
        return groups
    open_ = speck[parts]
    return _spread(np.where(open_, np.int16(-1), groups), open_, denoised, colors)

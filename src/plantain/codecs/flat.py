"""A painting in flat colours -> its regions: what generators and file formats do to flat colours is undone.

1. noise: the picture is averaged as much as its noise asks for, and borders are where it still changes;
2. drift: what is not border is grouped by colour over the whole picture, finely; groups that pass into each other
   without a step become one again;
3. blur: a border pixel takes the group of one of its neighbours, the one of the nearest colour, so that mixtures are no
   regions (halos); specks go to their neighbours too.
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
GROUPS = 255  # colours in one painting
OWN_GROUND = 24.0  # levels: how far from the asked background a painter's own may lie
SMOOTH = 0.5  # a step between two groups that is less than this part of the distance of their colours is drift
DRIFT = 40.0  # levels: colours farther apart are two, however smooth the passage
MINGLED = 0.3  # meetings for each pixel of the smaller group: more than a clean outline has
INNER = 0.09  # of a region's pixels must lie inside borders; halos have less


@dataclass(frozen=True, eq=False)
class Calm:
    """A picture with its noise averaged away, and what its reading goes by.

    noise: what is left of it (sd in levels); radius: of the average, in pixels; border: where colours change; passage:
    over how many pixels they change there; mingled: like groups whose pixels meet so often, for each pixel of the
    smaller one, are patches of noise; exact: a border pixel this near (levels) to a group's colour is no mixture; flat:
    how much (levels) a colour varies without noise."""

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
        """The colours inside borders, as `cells.number` numbers them."""
        return np.asarray(number(self.rgb.reshape(-1, 3))[~self.border.reshape(-1)])

    @property
    def width(self) -> float:
        """Levels around a flat colour within which nearly all its pixels lie."""
        return self.flat + 2.5 * self.noise


def flat_regions(
    calm: Calm, background: RGB
) -> tuple[Int[np.ndarray, "h w"], Int[np.ndarray, "n"], Float[np.ndarray, "3"]]:
    """The region of each pixel, each region's group (0 is background), and the background's own colour."""
    colours = _colours(calm, background)
    groups = _without_drift(calm, _grouped(calm, colours), colours)
    return *regions(_without_specks(calm, groups, colours)), colours[0]


# ---- 1. noise and borders


def calmed(picture: UInt8[np.ndarray, "h w 3"], averaged: tuple[float, float]) -> Calm:
    """Averages over 3 x 3 pixels where the noise (sd in levels) is above the first of `averaged`, over 5 x 5 above the
    second: what is averaged is told apart by finer differences, but loses thin parts."""
    noise = _noise_of(picture)
    radius = int(noise > averaged[0]) + int(noise > averaged[1])
    side = 2 * radius + 1
    rgb = _averaged(picture, radius) if radius else picture
    left = noise / side
    return Calm(rgb, left, radius, ranges(rgb) > 8 + 2.5 * left, side + 4, MINGLED, FLAT + 2.5 * left, FLAT)


def _noise_of(picture: UInt8[np.ndarray, "h w 3"]) -> float:
    """The sd of the noise, from the median difference of neighbours (0.954 sd for two normals).

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


# ---- 2. groups of colours


def _colours(calm: Calm, background: RGB) -> Float[np.ndarray, "k 3"]:
    """The colours of the painting, the background's own first: the densest spots of the calm picture's colours."""
    spot, count = _histogram(calm)
    least = least_area(calm.border.shape) / 2
    crowd = _crowds(spot, count, calm.width)
    ground = np.array(background, np.float32)
    near = np.linalg.norm(spot - ground, axis=1) <= OWN_GROUND
    if near.any() and crowd[near].max() >= least:
        ground = _settled(spot[np.flatnonzero(near)[crowd[near].argmax()]], spot, count, calm.width)
    found = [ground]
    dense = crowd >= least
    start, crowd = spot[dense], crowd[dense]
    crowd[np.square(start - ground).sum(1) <= calm.width**2] = 0
    while crowd.size and crowd.max() >= least and len(found) < GROUPS:
        top = start[crowd.argmax()]
        middle = _settled(top, spot, count, calm.width)
        away = np.minimum(np.square(start - middle).sum(1), np.square(start - top).sum(1))
        crowd[away <= calm.width**2] = 0
        if np.square(np.stack(found) - middle).sum(1).min() > calm.width**2 / 4:
            found.append(middle)
    return np.stack(found).astype(np.float32)


def _histogram(calm: Calm) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, "m"]]:
    """The cells of 4 x 4 x 4 levels that occur inside borders: their middles, and how many pixels they hold."""
    count = np.bincount(calm.inside >> 6, minlength=1)
    found = np.flatnonzero(count)
    return corners(found) + np.float32((SIDE - 1) / 2), count[found].astype(np.float32)


def _crowds(spot: Float[np.ndarray, "m 3"], count: Float[np.ndarray, "m"], width: float) -> Float[np.ndarray, "m"]:
    """How many pixels have about the colour of each spot: counts summed over a cube of about `width` to each side."""
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


def _grouped(calm: Calm, colours: Float[np.ndarray, "k 3"]) -> Int[np.ndarray, "h w"]:
    """The group of each pixel: inside by its colour, at borders one of its neighbours'."""
    legend = np.round(colours).astype(np.uint8)
    ids, off, _ = nearest(calm.rgb, legend)
    sure = off <= np.where(calm.border, calm.exact, 2 * calm.width)
    groups = np.where(sure, ids, np.int16(-1))
    return _spread(groups, groups < 0, calm, colours)


def _spread(
    groups: Int[np.ndarray, "h w"], open_: Bool[np.ndarray, "h w"], calm: Calm, colours: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Gives each open pixel the group of a neighbour, of several the one with the nearest colour.

    For as many rounds as a border is wide a pixel may change its mind; more, and colours would creep along borders that
    they look like. After that only pixels without a group get one. What no group reaches is background."""
    height, width = groups.shape
    out = np.pad(groups, 1, constant_values=-1).reshape(-1)
    ys, xs = np.nonzero(open_)
    place, rgb = (ys + 1) * (width + 2) + xs + 1, calm.rgb[ys, xs].astype(np.float32)
    cost = np.full(len(place), np.inf, np.float32)
    number_of = np.full(len(out), -1, np.int32)
    number_of[place] = np.arange(len(place))
    active, rounds = np.arange(len(place)), 0
    while len(active):
        rounds += 1
        changed = active[_better(active, out, place, rgb, cost, colours, width + 2)]
        touched = np.zeros(len(place) + 1, bool)  # the last stands for all pixels that are not open
        for step in (-1, 1, -width - 2, width + 2):
            touched[number_of[place[changed] + step]] = True
        active = np.flatnonzero(touched[:-1])
        if rounds > 2 * calm.radius + 3:
            active = active[np.isinf(cost[active])]
    return np.asarray(np.maximum(out.reshape(height + 2, width + 2)[1:-1, 1:-1], 0))


def _better(
    active: Int[np.ndarray, "a"], out: np.ndarray, place: np.ndarray, rgb: np.ndarray, cost: np.ndarray,
    colours: Float[np.ndarray, "k 3"], across: int,
) -> Bool[np.ndarray, "a"]:  # fmt: skip
    """One round of `_spread` for the active pixels, in place in `out` and `cost`; says which of them changed."""
    where, seen = place[active], rgb[active]
    least, own = cost[active], out[where]
    before = own.copy()
    for step in (-1, 1, -across, across):
        other = out[where + step]
        try_ = np.flatnonzero((other >= 0) & (other != own))
        away = np.square(seen[try_] - colours[other[try_]]).sum(1)
        won = away < least[try_]
        least[try_[won]], own[try_[won]] = away[won], other[try_[won]]
    out[where], cost[active] = own, least
    return np.asarray(own != before)


def _without_drift(
    calm: Calm, groups: Int[np.ndarray, "h w"], colours: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Joins groups of like colour that pass into each other smoothly, or that are mingled like noise."""
    apart = np.linalg.norm(colours[:, None] - colours, axis=-1)
    like = apart < DRIFT
    area = np.bincount(groups.ravel(), minlength=len(colours))
    count, away = _meetings(calm, groups, calm.passage, like)
    smooth = (count > 0) & (away < count * (SMOOTH * apart + 1 + calm.noise))
    mingled = (count > calm.mingled * np.minimum(area[:, None], area)) & (apart < 3 * calm.width)
    first, second = np.nonzero(like & (smooth | mingled))
    return np.asarray(components(len(colours), first, second).astype(np.int16)[groups])


def _meetings(
    calm: Calm, groups: Int[np.ndarray, "h w"], step: int, like: Bool[np.ndarray, "k k"]
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k k"]]:
    """For each two like groups: how many pixels, `step` apart, are of one and of the other, and how far apart their
    colours are, summed."""
    size = len(like)
    met, sums = np.zeros((2, size * size))
    thin = 1 + step // 8  # far apart, one row of several is enough
    for one, other in ((np.s_[::thin, step:], np.s_[::thin, :-step]), (np.s_[step:, ::thin], np.s_[:-step, ::thin])):
        a, b = groups[one], groups[other]
        differ = a != b
        pair = a[differ].astype(np.intp) * size + b[differ]
        close = like.reshape(-1)[pair]
        away = calm.rgb[one][differ][close].astype(np.float32) - calm.rgb[other][differ][close]
        met += np.bincount(pair[close], minlength=size * size)
        sums += np.bincount(pair[close], np.linalg.norm(away, axis=1), minlength=size * size)
    count, total = thin * met.reshape(size, size), thin * sums.reshape(size, size)
    return count + count.T, total + total.T


def _without_specks(
    calm: Calm, groups: Int[np.ndarray, "h w"], colours: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Regions that are too small to be things, or all but border (halos), go to their neighbours."""
    parts, group = regions(groups)
    area = np.bincount(parts.ravel(), minlength=len(group))
    inner = np.bincount(parts[~calm.border], minlength=len(group))
    speck = (area < least_area(groups.shape)) | (inner < INNER * area)
    if not speck.any() or speck.all():
        return groups
    open_ = speck[parts]
    return _spread(np.where(open_, np.int16(-1), groups), open_, calm, colours)

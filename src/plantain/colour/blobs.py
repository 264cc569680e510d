"""Things told apart by flat colours of the painter's choice: code blobs/1.

Made for what generators and file formats do to flat colours, where the paper's decoder (`paper`) fails:

1. noise: the picture is averaged as much as its noise asks for, and borders are where it still changes;
2. drift: what is not border is grouped by colour over the whole picture, finely; touching groups that pass into each
   other without a step become one again;
3. blur: a border pixel takes the colour of one of its neighbours, the nearest, so that mixtures are no things (halos);
4. connected regions of a group are things; separate parts are one thing where their colours agree and they are not far
   apart for their size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.colour.cells import SIDE, bytes_of, corners, look_up, number, occurring
from plantain.colour.centres import decode_centres, encode_centres
from plantain.colour.palette import solve
from plantain.colour.paper import decode_paper
from plantain.colour.regions import components, regions
from plantain.colour.things import RGB, Found, boxes_of, encode, least_area, surest

__all__ = ["Found", "boxes_of", "decode", "decode_centres", "decode_paper", "encode", "encode_centres"]

GROUPS = 255  # colours in one painting
OWN_GROUND = 24.0  # levels: how far from the asked background a painter's own may lie
SMOOTH = 0.5  # a step between two groups that is less than this part of the distance of their colours is drift
LIKE_GROUND = 12.0  # levels: nearer to the background than this is background that drifted
DRIFT = 40.0  # levels: colours farther apart are two, however smooth the passage
GAMMA = 5.0  # the paper's: parts are one thing if their joint box is at most so many times both boxes
SAME = 6.0  # levels: parts of one thing have mean colours that agree so well (plus the noise)
NEAR_SAME = 14.0  # the same for parts that are close to each other for their size
INNER = 0.09  # of a region's pixels must lie inside borders; halos have less
BELL = 24.0  # levels: a pixel so far from its thing's colour counts 1/e


@dataclass(frozen=True, eq=False)
class _Calm:
    """The picture with its noise averaged away, what noise is left (sd in levels), how wide the average was, and where
    colours change."""

    rgb: UInt8[np.ndarray, "h w 3"]
    noise: float
    radius: int
    border: Bool[np.ndarray, "h w"]

    @cached_property
    def inside(self) -> Int[np.ndarray, "n"]:
        """The colours inside borders, as `cells.number` numbers them."""
        return number(self.rgb.reshape(-1, 3))[~self.border.reshape(-1)]

    @property
    def width(self) -> float:
        """Levels around a flat colour within which nearly all its pixels lie."""
        return 6 + 2.5 * self.noise


def decode(rgb: Shaped[np.ndarray, "h w 3"], background: RGB = (0, 0, 0)) -> Found:
    """Things told apart by colour, surest first; whatever is near the background's colour is none.

    score = purity x separation: how near a thing's pixels are to its colour, and how far that is from the background
    and from every other thing's colour."""
    calm = _calmed(bytes_of(rgb))
    colours = _colours(calm, background)
    groups = _grouped(calm, colours)
    groups = _without_drift(calm, groups, colours)
    parts, group = regions(_without_specks(calm, groups, colours))
    return _things(calm, parts, group, colours[0])


# ---- 1. noise and borders


def _calmed(picture: UInt8[np.ndarray, "h w 3"]) -> _Calm:
    noise = _noise_of(picture)
    radius = int(noise > 1.5) + int(noise > 8)
    side = 2 * radius + 1
    rgb = _averaged(picture, radius) if radius else picture
    left = noise / side
    return _Calm(rgb, left, radius, _ranges(rgb) > 8 + 2.5 * left)


def _noise_of(picture: UInt8[np.ndarray, "h w 3"]) -> float:
    """The sd of the noise, from the median difference of neighbours. Clipped pixels (0, 255) have less: left out."""
    left, right = picture[::2, :-1].astype(np.int16), picture[::2, 1:].astype(np.int16)
    middle = left + right
    inside = (middle > 6) & (middle < 504)
    count = np.bincount(np.abs(left - right)[inside], minlength=256)
    if not count.any():
        return 0.0
    below = count.cumsum()
    k = int(np.searchsorted(below, below[-1] / 2))
    median = k - 0.5 + (below[-1] / 2 - (below[k] - count[k])) / count[k] if k else 0.0  # within the level k
    return float(median / 0.954)  # of |a - b|, both normal


def _averaged(picture: UInt8[np.ndarray, "h w 3"], radius: int) -> UInt8[np.ndarray, "h w 3"]:
    """The mean over squares of 2 radius + 1, edges repeated."""
    side = 2 * radius + 1
    total = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), "edge").astype(np.uint16)
    height, width = picture.shape[:2]
    total = sum((total[k : k + height] for k in range(1, side)), total[:height])
    total = sum((total[:, k : k + width] for k in range(1, side)), total[:, :width])
    return ((total + side * side // 2) // np.uint16(side * side)).astype(np.uint8)


def _ranges(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """How much the most changing channel changes over 3 x 3 pixels."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), "edge")
    ends = []
    for end in (np.maximum, np.minimum):
        rows = end(end(padded[:-2], padded[1:-1]), padded[2:])
        ends.append(end(end(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
    change = ends[0] - ends[1]
    return np.maximum(np.maximum(change[..., 0], change[..., 1]), change[..., 2])


# ---- 2. groups of colours


def _colours(calm: _Calm, background: RGB) -> Float[np.ndarray, "k 3"]:
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


def _histogram(calm: _Calm) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, "m"]]:
    """The cells of 4 x 4 x 4 levels that occur inside borders: their middles, and how many pixels they hold."""
    count = np.bincount(calm.inside >> 6, minlength=1)
    found = np.flatnonzero(count)
    return corners(found) + np.float32((SIDE - 1) / 2), count[found].astype(np.float32)


def _crowds(
    spot: Float[np.ndarray, "m 3"], count: Float[np.ndarray, "m"], width: float
) -> Float[np.ndarray, "m"]:
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
    return cube[at]


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


def _grouped(calm: _Calm, colours: Float[np.ndarray, "k 3"]) -> Int[np.ndarray, "h w"]:
    """The group of each pixel: inside by its colour, at borders one of its neighbours'."""
    legend = np.round(colours).astype(np.uint8)
    ids, off, _ = look_up(calm.inside, occurring(calm.inside), lambda seen: solve(seen, legend))
    groups = np.full(calm.border.shape, -1, np.int16)
    groups[~calm.border] = np.where(off > 2 * calm.width, np.int16(-1), ids)
    return _spread(groups, groups < 0, calm, colours)


def _spread(
    groups: Int[np.ndarray, "h w"], open_: Bool[np.ndarray, "h w"], calm: _Calm, colours: Float[np.ndarray, "k 3"]
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
    return np.maximum(out.reshape(height + 2, width + 2)[1:-1, 1:-1], 0)


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
    return own != before


def _without_drift(
    calm: _Calm, groups: Int[np.ndarray, "h w"], colours: Float[np.ndarray, "k 3"]
) -> Int[np.ndarray, "h w"]:
    """Joins groups of like colour that pass into each other smoothly, or that are mingled like noise."""
    count, steps = _meetings(calm, groups, len(colours))
    area = np.bincount(groups.ravel(), minlength=len(colours))
    apart = np.linalg.norm(colours[:, None] - colours, axis=-1)
    smooth = steps < count * (SMOOTH * apart + 1 + calm.noise)
    mingled = count > 0.3 * np.minimum(area[:, None], area)
    first, second = np.nonzero((count > 0) & (apart < DRIFT) & (smooth | (mingled & (apart < 3 * calm.width))))
    return components(len(colours), first, second).astype(np.int16)[groups]


def _meetings(
    calm: _Calm, groups: Int[np.ndarray, "h w"], count: int
) -> tuple[Float[np.ndarray, "k k"], Float[np.ndarray, "k k"]]:
    """For each two groups: how many pixels, a border's width apart, belong to one and the other, and the sum of the
    distances of their colours."""
    step = 2 * calm.radius + 5
    met, sums = np.zeros(count * count), np.zeros(count * count)
    for one, other in ((np.s_[:, step:], np.s_[:, :-step]), (np.s_[step:], np.s_[:-step])):
        a, b = groups[one], groups[other]
        differ = a != b
        pair = a[differ].astype(np.intp) * count + b[differ]
        away = np.linalg.norm(calm.rgb[one][differ].astype(np.float32) - calm.rgb[other][differ], axis=1)
        met += np.bincount(pair, minlength=count * count)
        sums += np.bincount(pair, away, minlength=count * count)
    met, sums = met.reshape(count, count), sums.reshape(count, count)
    return met + met.T, sums + sums.T


def _without_specks(
    calm: _Calm, groups: Int[np.ndarray, "h w"], colours: Float[np.ndarray, "k 3"]
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


# ---- 4. things


@dataclass(frozen=True, eq=False)
class _Parts:
    """Connected regions that are not background: areas, colours, boxes (left, top, right, bottom), and how much of
    each has its colour."""

    area: Float[np.ndarray, "n"]
    colour: Float[np.ndarray, "n 3"]
    box: Float[np.ndarray, "n 4"]
    purity: Float[np.ndarray, "n"]


def _things(
    calm: _Calm, parts: Int[np.ndarray, "h w"], group: Int[np.ndarray, "n"], ground: Float[np.ndarray, "3"]
) -> Found:
    table = np.cumsum(group != 0) - 1
    table[group == 0] = -1
    numbers = table[parts]  # parts that are not background, from 0
    seen = _measured(calm, numbers, int((group != 0).sum()))
    thing = components(len(seen.area), *_belonging(seen, numbers, calm.noise))
    weight = np.zeros((len(seen.area), len(seen.area)))  # of each part in each thing
    weight[thing, np.arange(len(thing))] = seen.area
    area = weight.sum(1)
    weight /= np.maximum(area[:, None], 1)
    colours = weight @ seen.colour
    real = (area >= least_area(parts.shape)) & (np.linalg.norm(colours - ground, axis=1) > LIKE_GROUND)
    name = np.where(real, np.cumsum(real) - 1, -1)[thing]
    owner = np.append(name, -1).astype(np.int16)[numbers]
    return surest(owner, colours[real], (weight @ seen.purity)[real] * _separation(colours[real], ground))


def _measured(calm: _Calm, numbers: Int[np.ndarray, "h w"], count: int) -> _Parts:
    on = np.flatnonzero(numbers.reshape(-1) >= 0)
    own = numbers.reshape(-1)[on]
    area = np.bincount(own, minlength=count)
    rgb = calm.rgb.reshape(-1, 3)[on].astype(np.float32)
    inside = ~calm.border.reshape(-1)[on]
    inside |= np.bincount(own[inside], minlength=count)[own] == 0  # a part that is all border has nothing better
    inner, seen = own[inside], rgb[inside]
    weight = np.maximum(np.bincount(inner, minlength=count), 1)
    colour = np.stack([np.bincount(inner, seen[:, c], count) / weight for c in range(3)], -1)
    off = np.square(rgb - colour.astype(np.float32)[own]).sum(1)
    purity = np.bincount(own, np.exp(off * np.float32(-1 / BELL**2)), count) / np.maximum(area, 1)
    return _Parts(area.astype(np.float64), colour, _boxes(own, on, numbers.shape, count), purity)


def _boxes(
    own: Int[np.ndarray, "p"], on: Int[np.ndarray, "p"], shape: tuple[int, ...], count: int
) -> Float[np.ndarray, "n 4"]:
    """left, top, right, bottom of each part, given the part of each pixel and its place in the flattened picture."""
    spans = []
    for place, size in zip(np.divmod(on, shape[1])[::-1], shape[::-1], strict=True):
        held = np.zeros((count, size), bool)
        held[own, place] = True
        spans.append((held.argmax(1), size - held[:, ::-1].argmax(1)))
    (left, right), (top, bottom) = spans
    return np.stack([left, top, right, bottom], -1).astype(np.float64)


def _belonging(
    seen: _Parts, numbers: Int[np.ndarray, "h w"], noise: float
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Pairs of parts that are one thing: of one colour, and near each other for their size; the nearer, the less must
    their colours agree. Parts that touch are two things: there is a step between them."""
    left, top, right, bottom = seen.box.T
    size = (right - left) * (bottom - top)
    joint = (_outer(np.maximum, right) - _outer(np.minimum, left)) * (
        _outer(np.maximum, bottom) - _outer(np.minimum, top)
    )
    across = np.maximum(_outer(np.maximum, left) - _outer(np.minimum, right), 0)
    down = np.maximum(_outer(np.maximum, top) - _outer(np.minimum, bottom), 0)
    beside = np.hypot(across, down) <= 0.5 * np.sqrt(_outer(np.minimum, size))
    alike = np.linalg.norm(seen.colour[:, None] - seen.colour, axis=-1) <= noise + np.where(beside, NEAR_SAME, SAME)
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


def _separation(colours: Float[np.ndarray, "n 3"], ground: Float[np.ndarray, "3"]) -> Float[np.ndarray, "n"]:
    """0..1 by the distance to the background's colour, 0.86 at 20 levels, 0.98 at 40; a like colour elsewhere in the
    painting takes up to half of it."""
    away = np.linalg.norm(colours[:, None] - colours, axis=-1) + 1e3 * np.eye(len(colours))
    twin = away.min(1, initial=1e3)
    return np.asarray((1 - np.exp(-np.linalg.norm(colours - ground, axis=1) / 10)) * (1 - 0.5 * np.exp(-twin / 10)))

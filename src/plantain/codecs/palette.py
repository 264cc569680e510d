"""Legends: which colors to give, which color a pixel has, and colors as people write them."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from PIL import ImageColor

from plantain._shapes import Float, Int, Shaped, UInt8
from plantain.codecs import cells
from plantain.errors import UsageError

RGB = tuple[int, int, int]
COUNT = 64
CLEAR = 40.0  # no legend color comes nearer to the background than this, in levels
NEAR = 32.0  # levels: how far from the asked color a painter's own may lie
FARTHEST_SQUARE = 3 * 255**2  # levels from black to white, squared
CHUNK = 1 << 13  # colors at once: a chunk's keys stay in the cache
NAMES: dict[str, RGB] = {name: ImageColor.getrgb(name)[:3] for name in sorted(ImageColor.colormap)}  # those of CSS
_TOLERANT: dict[str, RGB] = {  # what generators and people mean; not CSS
    "violet": (238, 130, 238),
    "mint": (62, 180, 137),
    "peach": (255, 218, 185),
    "mustard": (225, 173, 1),
    "burgundy": (128, 0, 32),
    "rose": (255, 0, 127),
    "lilac": (200, 162, 200),
    "amber": (255, 191, 0),
    "emerald": (80, 200, 120),
    "cream": (255, 253, 208),
    "rust": (183, 65, 14),
    "charcoal": (54, 69, 79),
}
_TONES = {
    "light": 0.55,
    "pale": 0.7,
    "pastel": 0.6,
    "bright": 0.0,
    "pure": 0.0,
    "vivid": 0.0,
    "dark": -0.45,
    "deep": -0.35,
}


LINEAR_TO_CONES = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ]
)
CONES_TO_LAB = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ]
)


def oklab(rgb: Shaped[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    """sRGB levels -> OKLab, a space where distance is about what people see. Source: B. Ottosson, 2020."""
    c = np.asarray(rgb, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ LINEAR_TO_CONES) @ CONES_TO_LAB)


@cache
def _candidates() -> tuple[np.ndarray, np.ndarray]:
    """A grid of 1,000 colors and where they lie: RGB and OKLab together, each scaled to about 1 for black to white."""
    levels = np.array([0, 28, 57, 85, 113, 142, 170, 198, 227, 255])
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    return grid.astype(np.uint8), _spots(grid)


def _spots(rgb: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(rgb, np.float64) / 441.7, 1.2 * oklab(rgb)], -1)


def farthest(count: int, background: RGB, rng: np.random.Generator | None = None) -> UInt8[np.ndarray, "n 3"]:
    """`count` colors, each far from those before it and from the background, by farthest-point sampling.

    With `rng` every next color is drawn from the better part of what is left instead of being the very farthest."""
    grid, spots = _candidates()
    away = np.linalg.norm(grid - np.array(background, np.float64), axis=1)
    legal = away >= CLEAR + 6
    distance = np.linalg.norm(spots - _spots(np.array([background])), axis=1)
    chosen: list[int] = []
    for _ in range(count):
        score = np.where(legal, distance, -1.0)
        score[chosen] = -1.0
        pick_one = int(score.argmax()) if rng is None else _good(score, rng)
        chosen.append(pick_one)
        distance = np.minimum(distance, np.linalg.norm(spots - spots[pick_one], axis=1))
    return grid[chosen].reshape(-1, 3)


def _good(score: np.ndarray, rng: np.random.Generator) -> int:
    """One of the candidates that are at least 0.7 of the farthest one's distance away (and above 0.16)."""
    best = score.max()
    return int(rng.choice(np.flatnonzero(score >= min(0.7 * best, max(0.32, 0.45 * best)))))


PALETTE: UInt8[np.ndarray, "64 3"] = farthest(COUNT, (0, 0, 0))


def pick(n: int, background: RGB = (0, 0, 0), seed: int | None = None) -> UInt8[np.ndarray, "n 3"]:
    """`n` (at most 64) well-separated colors, none within 40 levels of the background.

    Without a seed always the same ones, best first; with a seed a random draw."""
    if not 0 <= n <= COUNT:
        raise UsageError(f"a legend has at most {COUNT} colors, not {n}; ask in groups")
    background = (int(background[0]), int(background[1]), int(background[2]))
    if seed is None:
        return PALETTE[:n].copy() if background == (0, 0, 0) else farthest(n, background)
    rng = np.random.default_rng(seed)
    return rng.permutation(farthest(n, background, rng)) if n else np.zeros((0, 3), np.uint8)


def nearest(
    rgb: Shaped[np.ndarray, "h w 3"], colors: Shaped[np.ndarray, "k 3"]
) -> tuple[Int[np.ndarray, "h w"], Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """For each pixel the nearest color (int16), how far it is in levels, and the margin to the second nearest, 0..1.

    margin = 1 - nearest / second: 1 on a color of the legend, 0 half way between two. Of equally near colors the
    first wins. Exact for uint8 pictures; float pictures are rounded to 8 bits first."""
    picture = cells.bytes_of(rgb)
    legend = np.asarray(colors, np.uint8).reshape(-1, 3)
    shape = picture.shape[:2]
    ids, distance, margin = cells.by_color(picture.reshape(-1, 3), lambda seen: solve(seen, legend))
    return ids.reshape(shape), distance.reshape(shape), margin.reshape(shape)


def solve(
    seen: UInt8[np.ndarray, "n 3"], legend: UInt8[np.ndarray, "k 3"]
) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """`nearest` for a list of colors: the least of the keys (squared distance) * room + (which color).

    The distance is |c|^2 - 2 c.p + |p|^2, a matrix product, from the middle of the cube so that all keys are whole
    numbers below 2^24, exact in float32 (in float64 for more than 64 colors)."""
    bits = max(6, (len(legend) - 1).bit_length())
    room, kind = 1 << bits, np.float32 if bits == 6 else np.float64
    at = legend.astype(kind) - 128
    rule = np.column_stack([-2 * room * at, room * np.square(at).sum(1) + np.arange(len(at))]).astype(kind)
    ids, (first, second) = np.empty(len(seen), np.int16), np.empty((2, len(seen)), np.int32)
    for start in range(0, len(seen), CHUNK):
        part = slice(start, start + CHUNK)
        point = np.ones((4, len(seen[part])), kind)
        point[:3] = seen[part].T
        point[:3] -= 128
        keys = rule @ point
        own = np.square(point[:3]).sum(0) * room
        least = (keys.min(0) + own).astype(np.int64)
        which = least & room - 1
        ids[part], first[part] = which, least >> bits
        keys[which, np.arange(len(which))] = room * FARTHEST_SQUARE  # with `own` added at least the farthest there is
        second[part] = (keys.min(0) + own).astype(np.int64) >> bits
    distance = np.sqrt(first, dtype=np.float32)
    margin = 1 - distance / np.maximum(np.sqrt(np.minimum(second, FARTHEST_SQUARE), dtype=np.float32), np.float32(1e-6))
    return ids, distance, margin


def refine(rgb: Shaped[np.ndarray, "h w 3"], colors: Shaped[np.ndarray, "k 3"]) -> UInt8[np.ndarray, "k 3"]:
    """The painting's own colors: for each asked one the median of the pixels near it (within 32 levels and nearest to
    it), where they are at least 0.1 % of the picture; else the asked one. Generators paint near colors, not exact.

    The median of an even count is the mean of the two middle ones, rounded to even."""
    picture = cells.bytes_of(rgb).reshape(-1, 3)
    asked = np.asarray(colors, np.uint8).reshape(-1, 3)
    seen, count = _counted(picture)
    ids, distance, _ = solve(seen, asked)
    near = distance < NEAR
    ids, seen, count = ids[near].astype(np.intp), seen[near], count[near]
    totals = np.bincount(ids, count, minlength=len(asked))
    medians = np.stack([_medians(ids, seen[:, c], count, len(asked)) for c in range(3)], -1)
    return np.where((totals >= max(8, 0.001 * len(picture)))[:, None], medians, asked)


def _counted(flat: UInt8[np.ndarray, "n 3"]) -> tuple[UInt8[np.ndarray, "m 3"], Int[np.ndarray, "m"]]:
    """The colors of a picture and how often each occurs."""
    numbers = cells.number(flat)
    found = cells.occurring(numbers)
    if len(found) * cells.PER_CELL >= len(flat):
        return flat, np.ones(len(flat), np.intp)
    return cells.colors(found), np.bincount(cells.places(numbers, found), minlength=len(found) * cells.PER_CELL)


def _medians(
    ids: Int[np.ndarray, "n"], level: UInt8[np.ndarray, "n"], count: Int[np.ndarray, "n"], classes: int
) -> UInt8[np.ndarray, "k"]:
    """The median level of each class, from its histogram."""
    table = np.bincount(ids * 256 + level, count, minlength=classes * 256).reshape(classes, 256)
    below = table.cumsum(1)
    total = below[:, -1:]
    low = (below < np.floor((total + 1) / 2)).sum(1)
    high = (below < np.floor(total / 2) + 1).sum(1)
    return np.asarray(np.round((low + np.minimum(high, 255)) / 2).clip(0, 255), np.uint8)


def name_of(rgb: RGB) -> str | None:
    """The CSS name of exactly this color, if it has one.

    >>> name_of((255, 255, 0)), name_of((1, 2, 3))
    ('yellow', None)
    """
    wanted = tuple(int(c) for c in rgb)
    return next((name for name, value in NAMES.items() if value == wanted), None)


def read_color(text: str) -> RGB:
    """A color as people and prompts write it: a name, hex, <r, g, b>, RGB(r, g, b), (r, g, b), [r, g, b].

    >>> read_color("<255, 255, 0>"), read_color("#40FFC"), read_color("Light Purple"), read_color("white color")
    ((255, 255, 0), (64, 255, 192), (198, 140, 198), (255, 255, 255))
    """
    plain = text.strip().strip("\"'").lower()
    if code := re.fullmatch(r"#?([0-9a-f]{3}|[0-9a-f]{5,6})", plain.removesuffix(".")):
        return _hex(code[1]) if plain.startswith("#") or plain not in NAMES else NAMES[plain]
    if triple := re.search(r"(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})", plain):
        r, g, b = (int(v) for v in triple.groups())
        if max(r, g, b) > 255:
            raise UsageError(f"color {text!r} has a value above 255; give three numbers 0..255")
        return r, g, b
    words = [w for w in re.findall(r"[a-z]+", plain) if w not in ("color", "colour", "solid", "the", "a", "an")]
    return _named(words, text)


def _hex(code: str) -> RGB:
    """Three digits are doubled; a fifth-digit slip (#40FFC) lacks its last zero."""
    full = "".join(2 * c for c in code) if len(code) == 3 else code.ljust(6, "0")
    return int(full[:2], 16), int(full[2:4], 16), int(full[4:], 16)


def _named(words: list[str], text: str) -> RGB:
    joined = "".join(words)
    if joined in NAMES:
        return NAMES[joined]
    if joined in _TOLERANT:
        return _TOLERANT[joined]
    base = next((w for w in reversed(words) if w in NAMES or w in _TOLERANT), None)
    if base is None:
        raise UsageError(f"cannot read the color {text!r}; give a name, #rrggbb or (r, g, b)")
    rgb = NAMES.get(base) or _TOLERANT[base]
    shift = sum(_TONES.get(w, 0.0) for w in words)
    return _toned(rgb, shift)


def _toned(rgb: RGB, shift: float) -> RGB:
    """Towards white (shift > 0) or black (shift < 0)."""
    target = 255 if shift > 0 else 0
    r, g, b = (round(c + (target - c) * abs(shift)) for c in rgb)
    return r, g, b

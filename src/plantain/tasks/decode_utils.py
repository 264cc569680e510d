"""What every `decode` needs: a painting as clean numbers, and the confidence of what was read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.errors import UsageError
from plantain.predictions.types import Instances
from plantain.tasks.language.templates import RGB

BEYOND = 0.15  # how much of the distance past an asked color counts against it
TOLERANCE = 40.0  # 8-bit levels: published paintings lie 0-13 from the asked colors, other pictures far more


def clean(rgb: Any) -> tuple[Shaped[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"] | None]:
    """The picture as uint8 or as float32 in 0..1, and where it held no color (NaN, far outside 0..1), if anywhere.

    Gray pictures and pictures with alpha or 16 bits are brought to RGB."""
    array = np.asarray(rgb)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=-1)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or 0 in array.shape or array.dtype.kind not in "buif":
        raise UsageError(f"a painting is an array (height, width, 3), got {array.dtype} {array.shape}")
    array = array[..., :3]
    if array.dtype == np.uint8:
        return array, None
    if array.dtype.kind == "f":
        odd = np.asarray(~((array > -0.1) & (array < 1.1)).all(-1))
        clipped = np.clip(np.nan_to_num(array, nan=0.0, posinf=1.0, neginf=0.0), 0, 1).astype(np.float32)
        return clipped, odd if odd.any() else None
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), None
    return _from_integers(array)


def _from_integers(array: np.ndarray) -> tuple[np.ndarray, Bool[np.ndarray, "h w"] | None]:
    """uint16 is a 16-bit picture; other integers are levels 0..255."""
    if array.dtype == np.uint16:
        return (array / np.float32(65535)).astype(np.float32), None
    odd = np.asarray(((array < 0) | (array > 255)).any(-1))
    return np.clip(array, 0, 255).astype(np.uint8), odd if odd.any() else None


def levels(rgb: Shaped[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
    """Clean colors as float32 levels 0..255."""
    return rgb.astype(np.float32) if rgb.dtype == np.uint8 else rgb * np.float32(255)


def confidence_at(distance: Float[np.ndarray, "*shape"], tolerance: float = TOLERANCE) -> Float[np.ndarray, "*shape"]:
    """Confidence 1..0 from the distance, in levels, to the nearest legal color."""
    return np.exp(-np.square(distance * np.float32(1 / tolerance))).astype(np.float32)


def agreement(ids: Int[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The share (0..1) of the four neighbors that say the same; outside the picture counts as the same."""
    same = np.full(ids.shape, 4, np.int8)
    for axis in (0, 1):
        first = [slice(None)] * 2
        second = [slice(None)] * 2
        first[axis], second[axis] = slice(1, None), slice(None, -1)
        differ = ids[tuple(first)] != ids[tuple(second)]
        same[tuple(first)] -= differ
        same[tuple(second)] -= differ
    return same * np.float32(0.25)


def presence(weight: Float[np.ndarray, "h w"], share: float = 0.002) -> float:
    """Probability that a thing is in the photo at all: the mean weight (0..1) of the 0.2 % of pixels that weigh most.

    A thing painted pure on at least that share of the picture gives 1; a faint glow or a few stray pixels give little.
    """
    flat = weight.ravel()
    count = max(1, round(share * flat.size))
    return float(np.clip(np.partition(flat, flat.size - count)[-count:].mean(), 0, 1))


def project(
    rgb: Float[np.ndarray, "*shape 3"], start: RGB, end: RGB, beyond: float = 1.0
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Where on the line `start` -> `end` (0..1) each color lies, and its distance from that segment in levels.

    `beyond` weighs the distance past the end: below 1 a purer color than asked ("green" painted lime) is forgiven."""
    origin = np.array(start, np.float32)
    line = np.array(end, np.float32) - origin
    square = float(np.dot(line, line))
    raw = np.maximum((rgb - origin) @ (line / np.float32(square)), 0)
    place = np.minimum(raw, 1)
    aside = np.square(rgb - (origin + raw[..., None] * line)).sum(-1)
    distance = np.sqrt(aside + np.square(raw - place) * np.float32(beyond**2 * square))
    return place.astype(np.float32), distance.astype(np.float32)


def binary_confidence(place: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Confidence of a yes-or-no answer painted as its probability: 1 at 0 and 1, one half between."""
    return np.float32(0.5) + np.abs(place - np.float32(0.5))


def closest_line(
    rgb: Float[np.ndarray, "*shape 3"], start: RGB, ends: Sequence[RGB]
) -> tuple[Int[np.ndarray, "*shape"], Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """For each color: which line start -> end it lies on, where on it (0..1), and how far off, in levels.

    Where two lines fit alike (gray and white on black) the one on which the color is purer wins."""
    shape = rgb.shape[:-1]
    which, best = np.zeros(shape, np.int16), np.full(shape, np.inf, np.float32)
    place, distance = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for i, end in enumerate(ends):
        here, away = project(rgb, start, end, BEYOND)
        length = float(np.linalg.norm(np.subtract(end, start, dtype=np.float32)))
        cost = away + np.float32(0.25 * length) * np.minimum(here, 1 - here)
        better = cost < best
        which[better], place[better], distance[better], best[better] = i, here[better], away[better], cost[better]
    return which, place, distance


def thing_confidence(
    rgb: Shaped[np.ndarray, "h w 3"], masks: Bool[np.ndarray, "n h w"], colors: Shaped[np.ndarray, "n 3"], rest: RGB
) -> Float[np.ndarray, "h w"]:
    """How near every pixel is to the color of the thing it was given to, or to the background's."""
    ids = np.zeros(rgb.shape[:2], np.int32)
    for i, mask in enumerate(masks, 1):
        ids[mask] = i
    table = np.concatenate([np.array([rest], np.float32), np.asarray(colors, np.float32).reshape(-1, 3)])
    distance = np.linalg.norm(levels(rgb) - table[ids], axis=-1)
    return confidence_at(distance) * (np.float32(0.4) + np.float32(0.6) * agreement(ids))


def things(
    name: str, boxes: Float[np.ndarray, "n 4"], scores: Float[np.ndarray, "n"], confidence: Float[np.ndarray, "h w"],
    presence: float, masks: Bool[np.ndarray, "n h w"] | None = None,
) -> Instances:  # fmt: skip
    """The answer to a question about all things of one name."""
    return Instances(
        boxes=boxes, scores=np.asarray(scores, np.float32), masks=masks, labels=np.zeros(len(boxes), np.int64),
        classes=(name,), confidence=confidence, presence={name: presence},
    )  # fmt: skip


def any_of(scores: Float[np.ndarray, "n"]) -> float:
    """Probability that at least one of the things is real."""
    return float(1 - np.prod(1 - np.clip(np.asarray(scores, np.float64), 0, 1)))


def presences(
    ids: Int[np.ndarray, "h w"], confidence: Float[np.ndarray, "h w"], classes: tuple[str, ...]
) -> dict[str, float]:
    """`presence` for every class at once: the confidence of its confident pixels, and whether they are 0.2 % of all."""
    flat, weight = ids.ravel() + 1, confidence.ravel()  # -1, none of them, becomes 0
    total = np.bincount(flat, weight, minlength=len(classes) + 1)
    squares = np.bincount(flat, weight * weight, minlength=len(classes) + 1)
    enough = max(1.0, 0.002 * flat.size)
    found = squares / np.maximum(total, 1e-9) * np.minimum(1, total / enough)
    return {name: float(found[i]) for i, name in enumerate(classes, 1)}

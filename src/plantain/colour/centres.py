"""Things told apart by location colours on black: R = horizontal and G = vertical place of the thing's centre, B = 255.

Code centers/1. What a small generator can learn by regression (as in Painter, arXiv 2212.02499); it gives boxes too.
"""

from __future__ import annotations

import numpy as np

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.colour.polyline import levels_of as as_levels
from plantain.colour.things import SMALLEST, Found, boxes_of, encode


def encode_centres(masks: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Each mask in the colour of its centroid, on black, later ones on top."""
    height, width = masks.shape[1:]
    colours = np.zeros((len(masks), 3), np.uint8)
    for colour, mask in zip(colours, masks, strict=True):
        across, down = mask.sum(0, dtype=np.int64), mask.sum(1, dtype=np.int64)
        total = max(int(across.sum()), 1)
        x, y = across @ (np.arange(width) + 0.5) / total / width, down @ (np.arange(height) + 0.5) / total / height
        colour[:] = round(255 * x), round(255 * y), 255
    return encode(masks, colours)


def decode_centres(rgb: Shaped[np.ndarray, "h w 3"]) -> Found:
    """Things from location colours on black.

    A painter that is unsure paints the mean of thing and black, so blue is the probability of a thing, and red / blue
    and green / blue the place it votes for. Pixels are grouped by the peaks of their votes; how far apart peaks must be
    follows from how much neighbouring votes differ."""
    levels = as_levels(rgb)
    height, width = levels.shape[:2]
    blue = levels[..., 2]
    on = blue > 127.5
    none = Found(np.zeros((0, height, width), bool), np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    if not on.any():
        return none
    votes = np.minimum(levels[..., :2] / np.maximum(blue, 1)[..., None] * 255, 255)
    reach = _reach(votes, on)
    peaks = _peaks(votes[on], reach, max(1.0, SMALLEST * height * width))
    if not len(peaks):
        return none
    owner = np.full((height, width), -1, np.int16)
    cells = np.round(votes[on]).astype(np.int32)
    owner[on] = _owners(peaks, 3 * reach)[cells[:, 1], cells[:, 0]]
    return _surest([_thing(owner == k, levels, votes, reach) for k in range(len(peaks))], none)


def _reach(votes: Float[np.ndarray, "h w 2"], on: Bool[np.ndarray, "h w"]) -> float:
    """How wide one thing's votes scatter, 2 to 16 levels: from the differences of votes four pixels apart."""
    steps = []
    for axis in (0, 1):
        far = [slice(4, None) if a == axis else slice(None) for a in (0, 1)]
        near = [slice(None, -4) if a == axis else slice(None) for a in (0, 1)]
        both = on[tuple(far)] & on[tuple(near)]
        steps.append(np.linalg.norm(votes[tuple(far)] - votes[tuple(near)], axis=-1)[both])
    every = np.concatenate(steps)
    return float(np.clip(3 * np.median(every), 2, 16)) if every.size else 2.0


def _peaks(votes: Float[np.ndarray, "p 2"], reach: float, least: float) -> Float[np.ndarray, "k 2"]:
    """Where the votes are dense: repeatedly the densest spot, and away with all votes within twice the reach."""
    cells = np.round(votes).astype(np.int64)
    table = np.bincount(cells[:, 1] * 256 + cells[:, 0], minlength=65536).reshape(256, 256).astype(np.float64)
    near = max(1, round(reach))
    found: list[tuple[float, float]] = []
    left = table
    while len(found) < 256:
        dense = _box(left, near)
        y, x = np.unravel_index(int(dense.argmax()), dense.shape)
        if dense[y, x] < least:
            break
        ys, xs = slice(max(0, y - near), y + near + 1), slice(max(0, x - near), x + near + 1)
        spot = left[ys, xs]
        middle = (
            float(spot.sum(0) @ np.arange(256)[xs] / spot.sum()),
            float(spot.sum(1) @ np.arange(256)[ys] / spot.sum()),
        )
        found.append(middle)
        wide = 2 * near
        left = left.copy()
        left[max(0, y - wide) : y + wide + 1, max(0, x - wide) : x + wide + 1] = 0
    return np.array(found, np.float32).reshape(-1, 2)


def _owners(peaks: Float[np.ndarray, "k 2"], reach: float) -> np.ndarray:
    """For every vote, rounded (256 x 256, row = vertical place): the nearest peak within reach, else -1."""
    place = np.arange(256, dtype=np.float32)
    best, owner = np.full((256, 256), reach, np.float32), np.full((256, 256), -1, np.int16)
    for k, (x, y) in enumerate(peaks):
        away = np.hypot(place[None] - x, place[:, None] - y)
        nearer = away < best
        best[nearer], owner[nearer] = away[nearer], k
    return owner


def _box(table: Float[np.ndarray, "h w"], radius: int) -> Float[np.ndarray, "h w"]:
    """Sums over squares of 2 radius + 1."""
    total = np.pad(table, ((radius + 1, radius), (radius + 1, radius))).cumsum(0).cumsum(1)
    side = 2 * radius + 1
    return np.asarray(total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side])


def _thing(mask: np.ndarray, levels: np.ndarray, votes: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mask, colour, and score: how blue it is, how well its votes agree, and whether they point into its own box."""
    if not mask.any():
        return mask, np.zeros(3, np.float32), 0.0
    own = votes[mask]
    middle = np.median(own, axis=0)
    spread = float(np.linalg.norm(own - middle, axis=1).mean())
    (left, top, right, bottom), (height, width) = boxes_of(mask[None])[0], mask.shape
    x, y = middle / 255 * (width, height)
    slack_x, slack_y = 0.25 * (right - left) + 2, 0.25 * (bottom - top) + 2
    inside = left - slack_x <= x <= right + slack_x and top - slack_y <= y <= bottom + slack_y
    sure = float(levels[mask][:, 2].mean()) / 255
    score = sure * float(np.exp(-((spread / (2 * max(reach, 8.0))) ** 2))) * (1.0 if inside else 0.3)
    return mask, levels[mask].mean(0), score


def _surest(things: list[tuple[np.ndarray, np.ndarray, float]], none: Found) -> Found:
    """Things by falling score, without specks."""
    least = max(1.0, SMALLEST * none.masks[0:0].shape[1] * none.masks.shape[2])
    kept = sorted((t for t in things if t[0].sum() >= least), key=lambda t: -t[2])
    if not kept:
        return none
    masks, colours, scores = zip(*kept, strict=True)
    return Found(np.stack(masks), np.stack(colours).astype(np.float32), np.array(scores, np.float32))

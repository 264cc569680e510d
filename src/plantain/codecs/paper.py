"""The instance decoder of Vision Banana (arXiv 2604.20329 v3, appendix A), step by step: code blobs-vb/1, the baseline.

Its five steps are named below. Where the text leaves a choice, ours: seeds in reading order; "16-connectivity" is the 8
neighbors and the 8 knight's moves; merging starts again after each merge, with the merged color and box.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.codecs.cells import bytes_of
from plantain.codecs.things import MOST, RGB, SMALLEST, Found

TAU = 14.0  # levels
ERODED = 0.1
GAMMA = 5.0
_STEPS = [(y, x) for y in range(-2, 3) for x in range(-2, 3) if 0 < y * y + x * x <= 5 and y * y + x * x != 4]


@dataclass(frozen=True, eq=False)
class _Part:
    """Pixels (places in the flattened picture), their mean color, and left, top, right, bottom."""

    pixels: Int[np.ndarray, "n"]
    color: Float[np.ndarray, "3"]
    box: Int[np.ndarray, "4"]


def decode_paper(rgb: Shaped[np.ndarray, "h w 3"], background: RGB = (0, 0, 0)) -> Found:
    """Things told apart by color, in reading order. The paper has no scores: all are 1.

    Takes from 0.2 s for flat colors to many seconds for noise, a megapixel."""
    picture = bytes_of(rgb)
    height, width = picture.shape[:2]
    parts = []
    for pixels in _floods(picture, background):  # steps 1 and 2
        if len(pixels) >= SMALLEST * height * width and _survives_erosion(pixels, width):  # steps 3 and 4
            ys, xs = np.divmod(pixels, width)
            color = picture.reshape(-1, 3)[pixels].mean(0, dtype=np.float64)
            parts.append(_Part(pixels, color, np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])))
    return _found(_merged(parts)[:MOST], height, width)  # step 5


def _floods(picture: np.ndarray, background: RGB) -> Iterator[Int[np.ndarray, "n"]]:
    """Each component of step 2: all pixels that are reached from a seed over free pixels of about the seed's color."""
    height, width = picture.shape[:2]
    across = width + 4
    levels = np.zeros((height + 4, across, 3), np.int32)
    levels[2:-2, 2:-2] = picture
    free = np.zeros(levels.shape[:2], np.uint8)
    free[2:-2, 2:-2] = _squared(levels[2:-2, 2:-2] - background) >= TAU**2
    levels, steps = levels.reshape(-1, 3), np.array([y * across + x for y, x in _STEPS])
    memory = bytearray(free.tobytes())  # a bytearray finds its next 1 fast; NumPy writes into the same memory
    open_ = np.frombuffer(memory, np.uint8)
    seed = memory.find(1)
    while seed >= 0:
        pixels = _flood(seed, levels, open_, steps)
        yield (pixels // across - 2) * width + pixels % across - 2
        seed = memory.find(1, seed)


def _flood(
    seed: int, levels: Int[np.ndarray, "p 3"], open_: Shaped[np.ndarray, "p"], steps: Int[np.ndarray, "16"]
) -> Int[np.ndarray, "n"]:
    """The seed's component; takes its pixels out of `open_`."""
    front = np.array([seed])
    open_[front] = 0
    reached = [front]
    while len(front):
        near = (front[:, None] + steps).ravel()
        near = near[open_[near] == 1]
        front = np.unique(near[_squared(levels[near] - levels[seed]) <= TAU**2])
        open_[front] = 0
        reached.append(front)
    return np.concatenate(reached)


def _squared(away: Shaped[np.ndarray, "*shape 3"]) -> Int[np.ndarray, "*shape"]:
    return np.asarray(np.einsum("...c,...c->...", away, away))


def _survives_erosion(pixels: Int[np.ndarray, "n"], width: int) -> bool:
    """Step 4: at least a tenth is left by an erosion with a 3 x 3 square (outside the picture counts as outside)."""
    ys, xs = np.divmod(pixels, width)
    mask = np.zeros((np.ptp(ys) + 3, np.ptp(xs) + 3), bool)
    mask[ys - ys.min() + 1, xs - xs.min() + 1] = True
    return bool(_eroded(_eroded(mask).T).sum() >= ERODED * len(pixels))


def _eroded(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h-2 w"]:
    return np.asarray(mask[:-2] & mask[1:-1] & mask[2:])


def _merged(parts: list[_Part]) -> list[_Part]:
    """Step 5: parts of like mean color become one where the joint box has at most 5 times the area of both boxes."""
    parts = list(parts)
    colors = np.array([part.color for part in parts]).reshape(-1, 3)
    boxes = np.array([part.box for part in parts], np.int64).reshape(-1, 4)
    alike = np.triu([_alike(colors[k], boxes[k], colors, boxes) for k in range(len(parts))], 1)
    gone = np.zeros(len(parts), bool)
    while alike.any():
        a, b = divmod(int(alike.argmax()), len(parts))
        parts[a] = _joined(parts[a], parts[b])
        colors[a], boxes[a], gone[b] = parts[a].color, parts[a].box, True
        fresh = _alike(colors[a], boxes[a], colors, boxes) & ~gone
        alike[a, a + 1 :], alike[:a, a] = fresh[a + 1 :], fresh[:a] & ~gone[:a]
        alike[b], alike[:, b] = False, False
    return [part for part, left in zip(parts, gone, strict=True) if not left]


def _alike(
    color: Float[np.ndarray, "3"],
    box: Int[np.ndarray, "4"],
    colors: Float[np.ndarray, "n 3"],
    boxes: Int[np.ndarray, "n 4"],
) -> Bool[np.ndarray, "n"]:
    """Which of many parts merge with one."""
    near = np.square(colors - color).sum(1) <= TAU**2
    joint = np.concatenate([np.minimum(boxes[:, :2], box[:2]), np.maximum(boxes[:, 2:], box[2:])], 1)
    return np.asarray(near & (_area(joint) <= GAMMA * (_area(boxes) + _area(box))))


def _area(boxes: Int[np.ndarray, "*n 4"]) -> Int[np.ndarray, "*n"]:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def _joined(a: _Part, b: _Part) -> _Part:
    color = np.average([a.color, b.color], axis=0, weights=[len(a.pixels), len(b.pixels)])
    low, high = np.minimum(a.box, b.box), np.maximum(a.box, b.box)
    return _Part(np.concatenate([a.pixels, b.pixels]), color, np.append(low[:2], high[2:]))


def _found(parts: list[_Part], height: int, width: int) -> Found:
    masks = np.zeros((len(parts), height * width), bool)
    for mask, part in zip(masks, parts, strict=True):
        mask[part.pixels] = True
    colors = np.array([part.color for part in parts], np.float32).reshape(-1, 3)
    return Found(masks.reshape(-1, height, width), colors, np.ones(len(parts), np.float32))

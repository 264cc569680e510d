"""Answers about the tiles of a photograph, joined in answer space, without seams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.imaging.tiles import Tile
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction


def feather(box: tuple[int, int, int, int], size: tuple[int, int]) -> Float[np.ndarray, "y x"]:
    """Weights of a tile: 1 in its middle, falling to almost 0 at those of its borders that are not the photo's."""
    x0, y0, x1, y1 = box

    def ramp(start: int, end: int, side: int) -> np.ndarray:
        n = end - start
        fall = max(1.0, 0.25 * n)
        at = np.arange(n) + 0.5
        left = np.ones(n) if start == 0 else (at / fall).clip(0, 1)
        right = np.ones(n) if end == side else ((n - at) / fall).clip(0, 1)
        return np.minimum(left, right)

    weights = np.outer(ramp(y0, y1, size[1]), ramp(x0, x1, size[0]))
    return np.asarray(np.maximum(weights, 1e-3), np.float32)


def blend(parts: Sequence[tuple[Tile, Prediction]], whole: Prediction) -> Prediction:
    """Answers about tiles, joined in answer space into one about the photo. `whole` is the answer about the photo seen
    at once: it gives the depth tiles their common scale (and shift), and things that are larger than a tile."""
    size = whole.size
    match whole:
        case Depth():
            deep = [(t, p) for t, p in parts if isinstance(p, Depth)]
            values = _feathered([(t, np.where(p.valid, _aligned(p, t, whole), np.nan)) for t, p in deep], size)
            valid, sure = _known(deep, size), _sure(parts, size)
            values = np.where(valid, values, np.float32(np.inf)).astype(np.float32)
            return replace(whole, values=values, valid=valid, confidence=sure)
        case Normals():
            mine = [(t, p) for t, p in parts if isinstance(p, Normals)]
            planes = [[(t, np.where(p.valid, p.xyz[..., i], np.nan)) for t, p in mine] for i in range(3)]
            xyz = np.stack([_feathered(plane, size) for plane in planes], -1)
            xyz /= np.maximum(np.linalg.norm(xyz, axis=-1, keepdims=True), 1e-6)
            return replace(whole, xyz=xyz, valid=_known(mine, size), confidence=_sure(parts, size))
        case Panoptic() | Keypoints():
            return whole  # seen at once: numbering and single points do not add up over tiles
        case Labels():
            return _blend_labels([(t, p) for t, p in parts if isinstance(p, Labels)], whole)
        case Alpha():
            mine_a = [(t, p) for t, p in parts if isinstance(p, Alpha)]
            layers = [_feathered([(t, p.alpha[k]) for t, p in mine_a], size) for k in range(len(whole.alpha))]
            return replace(whole, alpha=np.stack(layers), confidence=_sure(parts, size))
        case Instances():
            return _join_things([(t, p) for t, p in parts if isinstance(p, Instances)], whole)
    raise TypeError(f"no way to blend {type(whole).__name__}")


def _feathered(parts: Sequence[tuple[Tile, np.ndarray]], size: tuple[int, int]) -> np.ndarray:
    total = np.zeros(size[::-1], np.float32)
    weight = np.zeros(size[::-1], np.float32)
    for tile, values in parts:
        x0, y0, x1, y1 = tile.box
        w = feather(tile.box, size)
        total[y0:y1, x0:x1] += w * np.where(np.isfinite(values), values, 0)
        weight[y0:y1, x0:x1] += w * np.isfinite(values)
    return total / np.maximum(weight, 1e-6)


def _sure(parts: Sequence[tuple[Tile, Prediction]], size: tuple[int, int]) -> np.ndarray:
    return _feathered([(t, p.confidence) for t, p in parts], size)


def _known(parts: Sequence[tuple[Tile, Depth | Normals]], size: tuple[int, int]) -> np.ndarray:
    return _feathered([(t, p.valid.astype(np.float32)) for t, p in parts], size) > 0.5


def _aligned(part: Depth, tile: Tile, whole: Depth) -> np.ndarray:
    """A tile's depth on the scale of the whole: times the median ratio if metric, scale and shift if relative."""
    x0, y0, x1, y1 = tile.box
    there, known = whole.values[y0:y1, x0:x1], whole.valid[y0:y1, x0:x1] & part.valid
    if known.sum() < 16:
        return part.values
    a, b = part.values[known].astype(np.float64), there[known].astype(np.float64)
    if whole.scale == "metric":
        ratio = np.exp(np.median(np.log(np.maximum(b, 1e-6) / np.maximum(a, 1e-6))))
        return np.asarray(part.values * ratio, np.float32)
    slope, shift = np.linalg.lstsq(np.stack([a, np.ones_like(a)], 1), b, rcond=None)[0]
    return np.asarray(part.values * slope + shift, np.float32)


def _blend_labels(parts: Sequence[tuple[Tile, Labels]], whole: Labels) -> Labels:
    """A vote of the tiles, each weighted by its feather and its confidence."""
    size, classes = whole.size, len(whole.classes)
    votes = np.zeros((classes + 1, *size[::-1]), np.float32)
    for tile, part in parts:
        x0, y0, x1, y1 = tile.box
        weight = feather(tile.box, size) * (0.05 + part.confidence)
        for k in np.unique(part.ids):
            votes[k, y0:y1, x0:x1] += np.where(part.ids == k, weight, 0)  # k = -1 is the last plane
    ids = votes.argmax(0)
    ids = np.where(ids == classes, -1, ids).astype(whole.ids.dtype)
    return replace(whole, ids=ids, probabilities=None, confidence=_sure(parts, size))


def _join_things(parts: Sequence[tuple[Tile, Instances]], whole: Instances) -> Instances:
    """Things found in tiles, moved to the photo, those of the whole photo beside them; of things of one class that
    share half of the smaller one's area, the better scored stays and takes over the other's pixels."""
    found: list[tuple[float, int, np.ndarray, np.ndarray | None]] = []
    for tile, part in (*parts, (Tile((0, 0, *whole.size)), whole)):
        x0, y0, x1, y1 = tile.box
        for i in range(len(part)):
            mask = None
            if part.masks is not None:
                mask = np.zeros(whole.size[::-1], bool)
                mask[y0:y1, x0:x1] = part.masks[i]
            box = part.boxes[i] + np.array([x0, y0, x0, y0], np.float32)
            found.append((float(part.scores[i]), int(part.labels[i]), box, mask))
    kept: list[tuple[float, int, np.ndarray, np.ndarray | None]] = []
    for score, label, box, mask in sorted(found, key=lambda f: -f[0]):
        twin = next((i for i, k in enumerate(kept) if k[1] == label and _shared(k[2:], (box, mask)) > 0.5), None)
        if twin is None:
            kept.append((score, label, box, mask))
        else:
            s, c, b, m = kept[twin]
            both = None if m is None or mask is None else m | mask
            kept[twin] = (s, c, np.concatenate([np.minimum(b[:2], box[:2]), np.maximum(b[2:], box[2:])]), both)
    masks = None if whole.masks is None else np.array([k[3] for k in kept], bool).reshape(-1, *whole.size[::-1])
    return replace(
        whole,
        masks=masks,
        boxes=np.array([k[2] for k in kept], np.float32).reshape(-1, 4),
        labels=np.array([k[1] for k in kept], np.int64),
        scores=np.array([k[0] for k in kept], np.float32),
        confidence=_sure(parts, whole.size),
    )


def _shared(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Shared area as a share of the smaller thing's, by masks where there are any, else by boxes."""
    if a[1] is not None and b[1] is not None:
        return float((a[1] & b[1]).sum() / max(min(a[1].sum(), b[1].sum()), 1))
    low, high = np.maximum(a[0][:2], b[0][:2]), np.minimum(a[0][2:], b[0][2:])
    inside = float(np.prod(np.maximum(high - low, 0)))
    return inside / max(min(float(np.prod(x[2:] - x[:2])) for x in (a[0], b[0])), 1e-6)

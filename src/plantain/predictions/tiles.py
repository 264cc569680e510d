"""Answers about the tiles of a photograph, joined in answer space, without seams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plantain._shapes import Bool, Float
from plantain.imaging.tiles import Tile
from plantain.predictions.boxes import box_area, box_iou, nms, shared_area
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

NEAR = 0.05  # of a view's sides: a guessed box that ends so near the border is cut by it


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
            valid, confidence = _known(deep, size), _confidence(parts, size)
            values = np.where(valid, values, np.float32(np.inf)).astype(np.float32)
            return replace(whole, values=values, valid=valid, confidence=confidence)
        case Normals():
            mine = [(t, p) for t, p in parts if isinstance(p, Normals)]
            planes = [[(t, np.where(p.valid, p.xyz[..., i], np.nan)) for t, p in mine] for i in range(3)]
            xyz = np.stack([_feathered(plane, size) for plane in planes], -1)
            xyz /= np.maximum(np.linalg.norm(xyz, axis=-1, keepdims=True), 1e-6)
            return replace(whole, xyz=xyz, valid=_known(mine, size), confidence=_confidence(parts, size))
        case Panoptic() | Keypoints():
            return whole  # seen at once: numbering and single points do not add up over tiles
        case Labels():
            return _blend_labels([(t, p) for t, p in parts if isinstance(p, Labels)], whole)
        case Alpha():
            mine_a = [(t, p) for t, p in parts if isinstance(p, Alpha)]
            layers = [_feathered([(t, p.alpha[k]) for t, p in mine_a], size) for k in range(len(whole.alpha))]
            return replace(whole, alpha=np.stack(layers), confidence=_confidence(parts, size))
        case Instances():
            return _join_things([(t, p) for t, p in parts if isinstance(p, Instances)], whole)
    raise TypeError(f"no way to blend {type(whole).__name__}")


def look_again(parts: Sequence[tuple[Tile, Prediction]], whole: Prediction) -> Prediction:
    """Answers about parts of a photo that overlap widely and about the photo seen at once, as one answer: values are
    means, classes are voted on, of things that overlap the surest stays."""
    views = [(Tile((0, 0, *whole.size)), whole), *parts]
    if isinstance(whole, Instances):
        return _surest([(tile, part) for tile, part in views if isinstance(part, Instances)], whole)
    return blend(views, whole)


def _surest(views: Sequence[tuple[Tile, Instances]], whole: Instances) -> Instances:
    """Things of all views; those that a view's border cuts are left to the views that show more of them."""
    pieces = [one for tile, part in views for one in _pieces(tile.box, part) if not one.is_cut(whole.size, NEAR)]
    boxes = np.array([one.box for one in pieces], np.float32).reshape(-1, 4)
    scores, labels = np.array([one.score for one in pieces]), np.array([one.label for one in pieces], np.int64)
    kept = nms(boxes, scores, labels)
    return replace(
        whole,
        masks=None if whole.masks is None else _painted([[pieces[i]] for i in kept], whole.size),
        boxes=boxes[kept],
        labels=labels[kept],
        scores=scores[kept].astype(np.float32),
        confidence=_confidence(views, whole.size),
        presence=_highest([part for _, part in views]),
    )


def _highest(answers: Sequence[Instances]) -> dict[str, float] | None:
    """The highest presence of each name."""
    said = [answer.presence for answer in answers if answer.presence is not None]
    return {name: max(one.get(name, 0.0) for one in said) for name in said[0]} if said else None


def _feathered(parts: Sequence[tuple[Tile, np.ndarray]], size: tuple[int, int]) -> np.ndarray:
    total = np.zeros(size[::-1], np.float32)
    weight = np.zeros(size[::-1], np.float32)
    for tile, values in parts:
        x0, y0, x1, y1 = tile.box
        w = feather(tile.box, size)
        total[y0:y1, x0:x1] += w * np.where(np.isfinite(values), values, 0)
        weight[y0:y1, x0:x1] += w * np.isfinite(values)
    return total / np.maximum(weight, 1e-6)


def _confidence(parts: Sequence[tuple[Tile, Prediction]], size: tuple[int, int]) -> np.ndarray:
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
    return replace(whole, ids=ids, probabilities=None, confidence=_confidence(parts, size))


@dataclass(frozen=True, eq=False)
class _Piece:
    """What one view (a tile, or the whole photo) shows of a thing; the box is the photo's, the mask the view's."""

    view: tuple[int, int, int, int]
    score: float
    label: int
    box: Float[np.ndarray, "4"]
    mask: Bool[np.ndarray, "y x"] | None

    def is_cut(self, size: tuple[int, int], slack: float = 0.0) -> bool:
        """Whether it reaches a border of its view beyond which the photo goes on; `slack`: so near, as a share of the
        view's sides, counts as reached."""
        left, top, right, bottom = self.view
        near = 1.5 + slack * np.array([right - left, bottom - top] * 2)
        inner = np.array(self.view) != (0, 0, *size)
        return bool((inner & (np.abs(self.box - self.view) < near)).any())


def _join_things(parts: Sequence[tuple[Tile, Instances]], whole: Instances) -> Instances:
    """Things found in tiles, moved to the photo, with those of the photo seen at once.

    Pieces of one class are one thing where they agree in what both views show, and so are all that hang together in
    this way: a thing longer than a tile is one. A thing of the whole photo joins all the pieces that it holds and that
    are cut by their tiles; where there is none, the one that it shares most with. The highest score counts, and what a
    tile shows uncut is taken as it shows it."""
    pieces = [piece for tile, part in parts for piece in _pieces(tile.box, part)]
    groups = [[pieces[i] for i in group] for group in connected(len(pieces), _same_things(pieces, whole.size))]
    for piece in _pieces((0, 0, *whole.size), whole):
        held = [group for group in groups if any(_common(piece, one)[0] > 0.5 for one in group)]
        cut = [group for group in held if all(one.is_cut(whole.size) for one in group)]
        nearest = max(held, key=lambda group: max(_common(piece, one)[1] for one in group), default=None)
        joined = cut or ([] if nearest is None else [nearest])
        groups = [group for group in groups if all(group is not other for other in joined)]
        groups.append([piece, *(one for group in joined for one in group)])
    groups.sort(key=lambda group: -max(one.score for one in group))
    shown = [_shown(group, whole.size) for group in groups]
    corners = [np.stack([one.box for one in group]) for group in shown]
    around = [np.concatenate([c[:, :2].min(0), c[:, 2:].max(0)]) for c in corners]
    return replace(
        whole,
        masks=None if whole.masks is None else _painted(shown, whole.size),
        boxes=np.array(around, np.float32).reshape(-1, 4),
        labels=np.array([group[0].label for group in groups], np.int64),
        scores=np.array([max(one.score for one in group) for group in groups], np.float32),
        confidence=_confidence(parts, whole.size),
    )


def _shown(group: Sequence[_Piece], size: tuple[int, int]) -> Sequence[_Piece]:
    """Of the pieces of a thing those that it is drawn from: one that a tile shows uncut, else all."""
    uncut = [one for one in group if one.view != (0, 0, *size) and not one.is_cut(size)]
    return [max(uncut, key=lambda one: one.score)] if uncut else group


def _painted(groups: Sequence[Sequence[_Piece]], size: tuple[int, int]) -> Bool[np.ndarray, "n h w"]:
    """The pieces of each group as one mask."""
    masks = np.zeros((len(groups), *size[::-1]), bool)
    for mask, group in zip(masks, groups, strict=True):
        for one in group:
            x0, y0, x1, y1 = one.view
            if one.mask is not None:
                mask[y0:y1, x0:x1] |= one.mask
    return masks


def _pieces(view: tuple[int, int, int, int], part: Instances) -> list[_Piece]:
    corner = np.array([*view[:2], *view[:2]], np.float32)
    masks = [None] * len(part) if part.masks is None else part.masks
    rows = zip(part.scores.tolist(), part.labels.tolist(), part.boxes, masks, strict=True)
    return [_Piece(view, score, label, box + corner, mask) for score, label, box, mask in rows]


def _same_things(pieces: Sequence[_Piece], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Pairs of places of pieces that show one thing; a view tells its own things apart. A piece may hold another if
    either is cut: a thing before another is not a part of it."""
    cut = [piece.is_cut(size) for piece in pieces]
    boxes = np.array([piece.box for piece in pieces], np.float32).reshape(-1, 4)
    near = np.argwhere(np.triu(shared_area(boxes, boxes) > 0, 1)).tolist()
    pairs = [(i, j) for i, j in near if pieces[i].view != pieces[j].view]
    shared = ((i, j, *_common(pieces[i], pieces[j])) for i, j in pairs)
    return [(i, j) for i, j, share, iou in shared if iou > 0.5 or (share > 0.5 and (cut[i] or cut[j]))]


def _common(a: _Piece, b: _Piece) -> tuple[float, float]:
    """What two pieces of one class share: as a share of the smaller one, and as IoU in what both views show."""
    zone = (*np.maximum(a.view[:2], b.view[:2]).tolist(), *np.minimum(a.view[2:], b.view[2:]).tolist())
    apart = a.label != b.label or zone[2] <= zone[0] or zone[3] <= zone[1]
    if apart or not shared_area(a.box[None], b.box[None]).any():
        return 0.0, 0.0
    if a.mask is not None and b.mask is not None:
        one, other = _on(a, zone), _on(b, zone)
        both, either = int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))
        return both / max(min(int(a.mask.sum()), int(b.mask.sum())), 1), both / max(either, 1)
    boxes = np.stack([a.box, b.box])
    seen = np.concatenate([np.maximum(boxes[:, :2], zone[:2]), np.minimum(boxes[:, 2:], zone[2:])], axis=1)
    shared = float(shared_area(seen[:1], seen[1:])[0, 0])
    return shared / max(float(box_area(boxes).min()), 1e-6), float(box_iou(seen[:1], seen[1:])[0, 0])


def _on(piece: _Piece, zone: tuple[int, int, int, int]) -> Bool[np.ndarray, "y x"]:
    """A piece's mask in a part of the photo that its view holds."""
    assert piece.mask is not None
    x0, y0, x1, y1 = zone
    left, top, _, _ = piece.view
    return piece.mask[y0 - top : y1 - top, x0 - left : x1 - left]


def connected(count: int, pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The places 0..count - 1 in groups: those of a pair are in one, in order of their first.

    >>> connected(5, [(0, 3), (4, 3)])
    [[0, 3, 4], [1], [2]]
    """
    owner = list(range(count))

    def root(place: int) -> int:
        while owner[place] != place:
            owner[place] = owner[owner[place]]
            place = owner[place]
        return place

    for i, j in pairs:
        a, b = sorted((root(i), root(j)))
        owner[b] = a
    groups: dict[int, list[int]] = {}
    for place in range(count):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())

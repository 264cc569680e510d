"""Back from the canvas: an answer decoded there becomes one on the photo's grid.

A painting is never resized before it is decoded (28 % of the mixtures of two cube-walk colors decode to a depth
outside both); it is the *decoded* arrays that are brought back to the photo's grid: labels by their nearest pixel, soft
values smoothly, depth without mixing across the photo's edges, normals brought back to unit length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.errors import UsageError
from plantain.imaging.geometry import Placement, place
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

STRIP = 65_536  # pixels that are worked on at a time


def restore(
    answer: Prediction,
    where: Placement,
    photo: UInt8[np.ndarray, "h w 3"] | None = None,
    shown: UInt8[np.ndarray, "y x 3"] | None = None,
) -> Prediction:
    """An answer decoded on the canvas, as an answer about the photo. `shown`: the photo on the canvas, if it is there.

    What lies on the padding, or is too small to have a pixel of the photo, is none of the photo's: such things go with
    their boxes and scores, such segments with their numbers, and such points are not visible."""
    grid = Grid(where)
    confidence = grid.soft(answer.confidence)
    match answer:
        case Depth():
            values, valid = grid.depth(answer.values, answer.valid, photo, shown)
            return replace(answer, values=values, valid=valid, confidence=confidence)
        case Normals():
            return replace(answer, xyz=grid.unit(answer.xyz), valid=grid.nearest(answer.valid), confidence=confidence)
        case Labels():
            return _restore_labels(answer, grid, confidence)
        case Instances():
            boxes = where.to_photo(answer.boxes.reshape(-1, 2)).reshape(-1, 4)
            w, h = where.size
            boxes = boxes.clip(0, (w, h, w, h)).astype(np.float32)
            masks = None if answer.masks is None else grid.masks(answer.masks)
            there = (boxes[:, 2:] > boxes[:, :2]).all(1)
            there = there if masks is None else there & masks.any((1, 2))
            return replace(answer, boxes=boxes, masks=masks, confidence=confidence)[np.asarray(there)]
        case Keypoints():
            return _restore_points(answer, where, confidence)
        case Alpha():
            return replace(answer, alpha=np.stack([grid.soft(a) for a in answer.alpha]), confidence=confidence)
    raise TypeError(f"no way back for {type(answer).__name__}")


def _restore_labels(answer: Labels, grid: Grid, confidence: np.ndarray) -> Labels:
    ids, probabilities = grid.nearest(answer.ids), answer.probabilities
    if probabilities is not None:
        probabilities = np.stack([grid.soft(p) for p in np.moveaxis(probabilities, -1, 0)], -1)
        ids = np.where(ids < 0, -1, probabilities.argmax(-1)).astype(answer.ids.dtype)
    segments = _restore_segments(answer, grid) if isinstance(answer, Panoptic) else {}
    return replace(answer, ids=ids, probabilities=probabilities, confidence=confidence, **segments)


def _restore_segments(answer: Panoptic, grid: Grid) -> dict[str, Any]:
    """Segments with a pixel of the photo, numbered anew."""
    numbers, count = grid.nearest(answer.segments), len(answer.segment_labels)
    there = np.flatnonzero(np.bincount(numbers.ravel(), minlength=count + 1)[1 : count + 1])
    table = np.zeros(count + 1, numbers.dtype)
    table[there + 1] = np.arange(1, len(there) + 1)
    labels, scores = answer.segment_labels[there], answer.segment_scores[there]
    return {"segments": table[numbers], "segment_labels": labels, "segment_scores": scores}


def _restore_points(answer: Keypoints, where: Placement, confidence: Float[np.ndarray, "h w"]) -> Keypoints:
    xy = where.to_photo(answer.xy).astype(np.float32)
    with np.errstate(invalid="ignore"):
        outside = ((xy < 0) | (xy > np.array(where.size))).any(1)
    xy[outside] = np.nan
    scores = np.where(outside, 0, answer.scores).astype(answer.scores.dtype)
    return replace(answer, xy=xy, visible=answer.visible & ~outside, scores=scores, confidence=confidence)


def resized(answer: Prediction, width: int, height: int) -> Prediction:
    """The answer about the same photo at another size, in pixels: boxes and points scaled, the rest as in `restore`.

    Raises UsageError for sizes below 1."""
    if min(width, height) < 1:
        raise UsageError(f"an answer has at least 1 x 1 pixels, not {width} x {height}")
    return restore(answer, Placement((width, height), answer.size, (0, 0, *answer.size)))


def nearest_places(side: int, start: float, end: float, count: int) -> Int[np.ndarray, "n"]:
    """For each of `side` pixels spread over start..end of `count` others: the one that its center lies in."""
    return ((np.arange(side) + 0.5) * ((end - start) / side) + start).astype(int).clip(0, count - 1)


def nearest(
    values: Shaped[np.ndarray, "y x ..."],
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> Shaped[np.ndarray, "h w ..."]:
    """A map at another size (width, height), or the part of it inside `box`: the nearest pixel, nothing mixed.

    >>> nearest(np.array([[1, 2]]), (4, 1)).tolist()
    [[1, 1, 2, 2]]
    """
    rows, columns = values.shape[:2]
    x0, y0, x1, y1 = box or (0, 0, columns, rows)
    ys, xs = nearest_places(size[1], y0, y1, rows), nearest_places(size[0], x0, x1, columns)
    return values.take(xs, 1).take(ys, 0)


class Grid:
    """Lookups from the photo's pixels into canvas arrays."""

    def __init__(self, where: Placement) -> None:
        self.where = where
        (w, h), (cw, ch), (x0, y0, x1, y1) = where.size, where.canvas, where.box
        self.xs, self.ys = nearest_places(w, x0, x1, cw), nearest_places(h, y0, y1, ch)
        self.same = where.size == where.canvas and where.box == (0, 0, cw, ch)

    def nearest(self, values: Shaped[np.ndarray, "y x ..."]) -> Shaped[np.ndarray, "h w ..."]:
        return values if self.same else values.take(self.xs, 1).take(self.ys, 0)

    def strips(self) -> Iterator[slice]:
        """The photo's rows, as many at a time as stay in a processor's cache."""
        width, height = self.where.size
        step = max(1, STRIP // width)
        return (slice(start, min(start + step, height)) for start in range(0, height, step))

    def soft(self, values: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "h w"]:
        """Bilinear."""
        if self.same:
            return np.asarray(values, np.float32)
        image = Image.fromarray(np.ascontiguousarray(values, np.float32))
        return np.asarray(image.resize(self.where.size, Image.Resampling.BILINEAR, box=self.where.box))

    def masks(self, masks: Bool[np.ndarray, "n y x"]) -> Bool[np.ndarray, "n h w"]:
        if not len(masks):
            return np.zeros((0, self.where.size[1], self.where.size[0]), bool)
        return np.stack([self.soft(m.astype(np.float32)) > 0.5 for m in masks])

    def unit(self, xyz: Float[np.ndarray, "y x 3"]) -> Float[np.ndarray, "h w 3"]:
        """Bilinear, then length 1; where opposite normals cancel, the nearest one."""
        planes = [self.soft(xyz[..., i]) for i in range(3)]
        out = np.empty((*planes[0].shape, 3), np.float32)
        for rows in self.strips():
            soft = [plane[rows] for plane in planes]
            length = np.sqrt(soft[0] * soft[0] + soft[1] * soft[1] + soft[2] * soft[2])
            for i, plane in enumerate(soft):
                np.divide(plane, np.maximum(length, np.float32(1e-6)), out=out[rows, :, i])
            ys, xs = np.nonzero(length <= 0.3)
            out[rows][ys, xs] = xyz[self.ys[rows][ys], self.xs[xs]]
        return out

    def depth(
        self, values: np.ndarray, valid: np.ndarray, photo: np.ndarray | None, shown: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Smooth where depth is smooth; at jumps the side that the photo's color says, never a mixture of the two."""
        ok = self.nearest(valid)
        if self.same:
            return np.asarray(values, np.float32), ok
        finite = np.where(valid, values, np.median(values[valid]) if valid.any() else 0.0).astype(np.float32)
        out = np.array(self.soft(finite))
        wide = finite.take(self.xs, 1)
        jumps = []
        for rows in self.strips():
            near = wide.take(self.ys[rows], 0)
            ys, xs = np.nonzero(~(np.abs(out[rows] - near) < 0.04 * np.abs(near)) & ok[rows])
            jumps.append((ys + rows.start, xs))
            out[rows][~ok[rows]] = np.inf
        ys, xs = (np.concatenate(places) for places in zip(*jumps, strict=True))
        if len(ys):
            if photo is None:
                out[ys, xs] = finite[self.ys[ys], self.xs[xs]]
            else:
                guide = (place(photo, self.where) if shown is None else shown).astype(np.float32)
                out[ys, xs] = self._sided(finite, valid, guide, photo, ys, xs)
        return out, ok

    def _sided(
        self,
        values: np.ndarray,
        valid: np.ndarray,
        guide: np.ndarray,
        photo: np.ndarray,
        ys: np.ndarray,
        xs: np.ndarray,
    ) -> np.ndarray:
        """For photo pixels at depth jumps: of the 3 x 3 canvas pixels around, the one whose color is most alike."""
        color = photo[ys, xs].astype(np.float32)
        best, out = np.full(len(ys), np.inf, np.float32), np.zeros(len(ys), np.float32)
        ch, cw = values.shape
        for dy in (0, -1, 1):
            for dx in (0, -1, 1):
                y, x = (self.ys[ys] + dy).clip(0, ch - 1), (self.xs[xs] + dx).clip(0, cw - 1)
                cost = ((guide[y, x] - color) ** 2).sum(1) + 150.0 * (dy * dy + dx * dx)
                cost = np.where(valid[y, x], cost, np.inf)
                better = cost < best
                best, out = np.where(better, cost, best), np.where(better, values[y, x], out)
        return out

"""Back from the canvas: an answer decoded there becomes one on the photo's grid.

A painting is never resized before it is decoded (28 % of the mixtures of two cube-walk colours decode to a depth
outside both); it is the *decoded* arrays that are brought back to the photo's grid: labels by their nearest pixel, soft
values smoothly, depth without mixing across the photo's edges, normals brought back to unit length.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.imaging.geometry import Placement, place
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction


def restore(answer: Prediction, where: Placement, photo: UInt8[np.ndarray, "h w 3"] | None = None) -> Prediction:
    """An answer decoded on the canvas, as an answer about the photo."""
    grid = Grid(where)
    sure = grid.soft(answer.confidence)
    match answer:
        case Depth():
            values, valid = grid.depth(answer.values, answer.valid, photo)
            return replace(answer, values=values, valid=valid, confidence=sure)
        case Normals():
            return replace(answer, xyz=grid.unit(answer.xyz), valid=grid.nearest(answer.valid), confidence=sure)
        case Labels():
            return _restore_labels(answer, grid, sure)
        case Instances():
            boxes = where.to_photo(answer.boxes.reshape(-1, 2)).reshape(-1, 4)
            w, h = where.size
            boxes = boxes.clip(0, (w, h, w, h)).astype(np.float32)
            masks = None if answer.masks is None else grid.masks(answer.masks)
            on_photo = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(1))
            return replace(answer, boxes=boxes, masks=masks, confidence=sure)[on_photo]
        case Keypoints():
            return replace(answer, xy=where.to_photo(answer.xy).astype(np.float32), confidence=sure)
        case Alpha():
            return replace(answer, alpha=np.stack([grid.soft(a) for a in answer.alpha]), confidence=sure)
    raise TypeError(f"no way back for {type(answer).__name__}")


def _restore_labels(answer: Labels, grid: Grid, sure: np.ndarray) -> Labels:
    ids, probabilities = grid.nearest(answer.ids), answer.probabilities
    if probabilities is not None:
        probabilities = np.stack([grid.soft(p) for p in np.moveaxis(probabilities, -1, 0)], -1)
        ids = np.where(ids < 0, -1, probabilities.argmax(-1)).astype(answer.ids.dtype)
    segments: dict[str, Any] = {"segments": grid.nearest(answer.segments)} if isinstance(answer, Panoptic) else {}
    return replace(answer, ids=ids, probabilities=probabilities, confidence=sure, **segments)


class Grid:
    """Lookups from the photo's pixels into canvas arrays."""

    def __init__(self, where: Placement) -> None:
        self.where = where
        (w, h), (sx, sy) = where.size, where.scale
        cw, ch = where.canvas
        self.xs = ((np.arange(w) + 0.5) * sx + where.box[0]).astype(int).clip(0, cw - 1)
        self.ys = ((np.arange(h) + 0.5) * sy + where.box[1]).astype(int).clip(0, ch - 1)
        self.same = where.size == where.canvas and where.box == (0, 0, cw, ch)

    def nearest(self, values: Shaped[np.ndarray, "y x ..."]) -> Shaped[np.ndarray, "h w ..."]:
        return values if self.same else values[self.ys[:, None], self.xs]

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
        soft = np.stack([self.soft(xyz[..., i]) for i in range(3)], -1)
        length = np.linalg.norm(soft, axis=-1, keepdims=True)
        near = self.nearest(xyz)
        return np.asarray(np.where(length > 0.3, soft / np.maximum(length, 1e-6), near), np.float32)

    def depth(self, values: np.ndarray, valid: np.ndarray, photo: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Smooth where depth is smooth; at jumps the side that the photo's colour says, never a mixture of the two."""
        ok = self.nearest(valid)
        if self.same:
            return np.asarray(values, np.float32), ok
        near = self.nearest(np.where(valid, values, np.nan))
        finite = np.where(valid, values, np.median(values[valid]) if valid.any() else 0.0).astype(np.float32)
        smooth = self.soft(finite)
        with np.errstate(invalid="ignore"):
            jump = ~(np.abs(smooth - near) < 0.04 * np.abs(near)) & ok
        out = np.where(ok, smooth, near)
        if photo is not None and jump.any():
            out[jump] = self._sided(finite, valid, photo, jump)
        elif jump.any():
            out[jump] = near[jump]
        return np.where(ok, out, np.float32(np.inf)).astype(np.float32), ok

    def _sided(self, values: np.ndarray, valid: np.ndarray, photo: np.ndarray, at: np.ndarray) -> np.ndarray:
        """For photo pixels at depth jumps: of the 3 x 3 canvas pixels around, the one whose colour is most alike."""
        guide = place(photo, self.where).astype(np.float32)
        ys, xs = np.nonzero(at)
        colour = photo[ys, xs].astype(np.float32)
        best, out = np.full(len(ys), np.inf, np.float32), np.zeros(len(ys), np.float32)
        ch, cw = values.shape
        for dy in (0, -1, 1):
            for dx in (0, -1, 1):
                y, x = (self.ys[ys] + dy).clip(0, ch - 1), (self.xs[xs] + dx).clip(0, cw - 1)
                cost = ((guide[y, x] - colour) ** 2).sum(1) + 150.0 * (dy * dy + dx * dx)
                cost = np.where(valid[y, x], cost, np.inf)
                better = cost < best
                best, out = np.where(better, cost, best), np.where(better, values[y, x], out)
        return out

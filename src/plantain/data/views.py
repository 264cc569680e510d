"""A view of an example: a crop of the photo, perhaps mirrored, brought to a size; and the same done to its truths.

Truths stay true: a mirror flips normals' x and the words left and right; a crop that is enlarged brings things nearer,
so metric depth is multiplied by the crop's share of the picture (as if the same camera stood closer).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Float, Shaped, UInt8
from plantain.predictions.boxes import box_area, boxes_around
from plantain.predictions.resample import nearest
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction


@dataclass(frozen=True)
class View:
    """`box` is x0, y0, x1, y1 as shares of the photo; `size` is (width, height) in pixels."""

    size: tuple[int, int]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    mirror: bool = False
    zoom: float | None = None  # what metric depth is multiplied by; the crop's share of the width when not said

    def picture(self, photo: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
        """The photo seen so, with antialiasing."""
        w, h = photo.size
        x0, y0, x1, y1 = self.box
        seen = photo.resize(self.size, Image.Resampling.BICUBIC, box=(x0 * w, y0 * h, x1 * w, y1 * h))
        out = np.asarray(seen)
        return np.ascontiguousarray(out[:, ::-1]) if self.mirror else out

    def field(self, values: Shaped[np.ndarray, "h w ..."]) -> Shaped[np.ndarray, "y x ..."]:
        """Nearest lookup of a map whose first two axes are rows and columns."""
        h, w = values.shape[:2]
        x0, y0, x1, y1 = self.box
        seen = nearest(values, self.size, (x0 * w, y0 * h, x1 * w, y1 * h))
        return seen[:, ::-1] if self.mirror else seen

    def soft(self, values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "y x"]:
        """A soft map (0..1) with antialiasing, so that thin lines stay."""
        h, w = values.shape
        x0, y0, x1, y1 = self.box
        image = Image.fromarray(np.ascontiguousarray(values, np.float32))
        box = (x0 * w, y0 * h, x1 * w, y1 * h)
        seen = np.asarray(image.resize(self.size, Image.Resampling.BILINEAR, box=box)).clip(0, 1)
        return np.ascontiguousarray(seen[:, ::-1]) if self.mirror else seen

    def points(self, xy: Shaped[np.ndarray, "n 2"], size: tuple[int, int]) -> Shaped[np.ndarray, "n 2"]:
        """Points of a photo of `size`, in pixels, as they stand in the view."""
        x0, y0, x1, y1 = self.box
        share = (xy / np.array(size) - [x0, y0]) / [x1 - x0, y1 - y0]
        if self.mirror:
            share = np.stack([1 - share[:, 0], share[:, 1]], 1)
        return share * np.array(self.size)

    def name(self, name: str) -> str:
        """A name as it reads in the view: a mirror swaps left and right."""
        return re.sub(r"\b(left|right)\b", lambda m: _SWAP[m[1]], name) if self.mirror else name

    def truth(self, kind: Prediction) -> Prediction:
        """Any kind seen so."""
        sure = np.ones(self.size[::-1], np.float32)
        match kind:
            case Depth():
                share = self.box[2] - self.box[0] if self.zoom is None else self.zoom
                zoom = share if kind.scale == "metric" else 1.0
                values = self.field(kind.values) * np.float32(zoom)
                return replace(kind, values=values, valid=self.field(kind.valid), confidence=sure)
            case Normals():
                flip = np.array([-1 if self.mirror else 1, 1, 1], np.float32)
                return replace(kind, xyz=self.field(kind.xyz) * flip, valid=self.field(kind.valid), confidence=sure)
            case Labels():
                own: dict[str, Any] = {"segments": self.field(kind.segments)} if isinstance(kind, Panoptic) else {}
                soft = None if kind.probabilities is None else self.field(kind.probabilities)
                classes = tuple(map(self.name, kind.classes))
                return replace(
                    kind, ids=self.field(kind.ids), classes=classes, probabilities=soft, confidence=sure, **own
                )
            case Alpha():
                alpha = np.stack([self.soft(plane) for plane in kind.alpha])
                return replace(kind, alpha=alpha, names=tuple(map(self.name, kind.names)), confidence=sure)
            case Instances(masks=masks) if masks is not None:
                return self._things(kind, masks, sure)
            case Instances():
                return self._boxes(kind)
            case Keypoints():
                xy = self.points(kind.xy, kind.size).astype(np.float32)
                with np.errstate(invalid="ignore"):
                    inside = ((xy >= 0) & (xy < np.array(self.size))).all(1) & kind.visible
                xy[~inside] = np.nan
                names = tuple(map(self.name, kind.names))
                return replace(kind, xy=xy, visible=inside, names=names, confidence=sure)
        raise TypeError(f"no view of {type(kind).__name__}")

    def _things(self, kind: Instances, masks: np.ndarray, sure: np.ndarray) -> Instances:
        seen = np.moveaxis(self.field(np.moveaxis(masks, 0, -1)), -1, 0)
        keep = seen.reshape(len(seen), int(np.prod(self.size))).sum(1) >= 4
        seen = seen[keep]
        boxes = boxes_around(seen)
        labels, scores, classes = kind.labels[keep], kind.scores[keep], tuple(map(self.name, kind.classes))
        return replace(kind, masks=seen, boxes=boxes, labels=labels, scores=scores, classes=classes, confidence=sure)

    def _boxes(self, kind: Instances) -> Instances:
        """Boxes without masks, cut at the view's border. What shows less than MOSTLY is left out, and there nothing is
        known: the confidence is 0."""
        corners = self.points(kind.boxes.reshape(-1, 2), kind.size).reshape(-1, 2, 2)
        whole = np.concatenate([corners.min(1), corners.max(1)], 1)
        inside = whole.clip(0, (*self.size, *self.size)).astype(np.float32)
        keep = box_area(inside) > MOSTLY * box_area(whole)
        sure = np.ones(self.size[::-1], np.float32)
        for left, top, right, bottom in np.round(inside[~keep]).astype(int):
            sure[top:bottom, left:right] = 0
        labels, scores, classes = kind.labels[keep], kind.scores[keep], tuple(map(self.name, kind.classes))
        return replace(kind, boxes=inside[keep], labels=labels, scores=scores, classes=classes, confidence=sure)


MOSTLY = 0.35  # of a box's area
_SWAP = {"left": "right", "right": "left"}

"""Where an answer is wrong, as a picture: bright is far off, gray is unknown."""

from __future__ import annotations

from typing import Any

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.codecs.maps import MAPS
from plantain.predictions.types import Alpha, Depth, Labels, Normals, Panoptic

UNKNOWN = (120, 120, 120)


def error_map(answer: Any, truth: Any) -> UInt8[np.ndarray, "h w 3"] | None:
    """The error of each pixel on inferno: depth up to a factor of 2 (affine depth after a line fit), normals up to 60
    degrees, classes right or wrong, soft maps their difference. None for kinds without one."""
    found = errors(answer, truth)
    if found is None:
        return None
    share, known = found
    table = np.asarray(MAPS["inferno"], np.uint8)
    levels = (share.clip(0, 1) * (len(table) - 1)).round().astype(int)
    return np.where(known[..., None], table[levels], np.array(UNKNOWN, np.uint8))


def errors(answer: Any, truth: Any) -> tuple[Float[np.ndarray, "h w"], np.ndarray] | None:
    """The error as a share of the worst that is told apart, and where there is a truth."""
    if isinstance(answer, Depth) and isinstance(truth, Depth):
        known = truth.valid & answer.valid & (truth.values > 0 if truth.scale == "metric" else truth.valid)
        said, true = answer.values.astype(float), truth.values.astype(float)
        if truth.scale == "affine":
            slope, shift = np.polyfit(said[known], true[known], 1) if known.sum() > 1 else (1.0, 0.0)
            return np.abs(slope * said + shift - true) / 0.5, known
        return np.abs(np.log2(np.maximum(said, 1e-6) / np.maximum(true, 1e-6))), known
    if isinstance(answer, Normals) and isinstance(truth, Normals):
        cosine = (answer.xyz * truth.xyz).sum(-1).clip(-1, 1)
        return np.degrees(np.arccos(cosine)) / 60, truth.valid & answer.valid
    if isinstance(answer, Panoptic) or isinstance(truth, Panoptic):
        return None
    if isinstance(answer, Labels) and isinstance(truth, Labels):
        place = {name: i for i, name in enumerate(answer.classes)}
        true = np.array([*(place.get(name, -1) for name in truth.classes), -1])[truth.ids]
        return (true != answer.ids).astype(float), true >= 0
    if isinstance(answer, Alpha) and isinstance(truth, Alpha):
        gap = np.abs(answer.alpha[0].astype(float) - truth.alpha[0])
        return gap, np.ones(gap.shape, bool)
    return None

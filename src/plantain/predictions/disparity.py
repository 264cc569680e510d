"""Nearness instead of depth."""

from __future__ import annotations

import numpy as np

from plantain._shapes import Float
from plantain.predictions.types import Depth


def disparity(depth: Depth) -> Float[np.ndarray, "h w"]:
    """Nearness 0..1: 1 at the nearest known pixel, 0 at the farthest and where nothing is known.

    Of metric depth it is one over it, scaled; of depth without scale and shift, which has no inverse, the depth turned
    round."""
    valid = depth.valid & np.isfinite(depth.values)
    if depth.scale == "metric":
        valid = valid & (depth.values > 0)
        near = 1 / np.where(valid, depth.values, 1)
    else:
        near = -np.where(valid, depth.values, 0)
    if not valid.any():
        return np.zeros(near.shape, np.float32)
    low, high = float(near[valid].min()), float(near[valid].max())
    return np.where(valid, (near - low) / max(high - low, 1e-9), 0).astype(np.float32)

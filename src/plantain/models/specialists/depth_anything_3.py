"""Depth Anything 3, by its own package.

plantain.load("depth-anything-3")                                         # nested: metres
plantain.load("depth-anything-3", weights="depth-anything/DA3METRIC-LARGE", focal_px=518.9)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import DepthOutput, SpecialistOutput
from plantain.models.specialists.pretrained import Pretrained

UNIT = 300.0  # the metric checkpoint's depth is metres x 300 / focal length in pixels of its input (its README)


class DepthAnything3(Pretrained):
    """Metres by the nested checkpoints, or by the metric one with a focal length; else depth up to scale."""

    name = "depth-anything-3"
    default_weights = "depth-anything/DA3NESTED-GIANT-LARGE"
    package = "depth_anything_3"
    install = "git+https://github.com/ByteDance-Seed/Depth-Anything-3"
    supported_tasks: Mapping[str, str] = {"metric-depth": "metres", "relative-depth": "depth up to scale and shift"}

    def __init__(self, weights: str | Path | None = None, device: str = "cpu", focal_px: float | None = None) -> None:
        """`focal_px`: of the photo, in its own pixels."""
        super().__init__(weights, device)
        self.focal_px = focal_px

    def load(self) -> Any:
        from depth_anything_3.api import DepthAnything3 as Network

        return self.ready(Network.from_pretrained(self.source))

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        found = self.parts.inference([Image.fromarray(photo)])
        small = np.asarray(found.depth[0], np.float32)
        values = np.asarray(Image.fromarray(small).resize(photo.shape[1::-1], Image.Resampling.BILINEAR))
        if "nested" in self.source.lower():
            return DepthOutput(values, "metric")
        if "metric" in self.source.lower() and self.focal_px is not None:
            return DepthOutput(values * self.focal_px * small.shape[1] / photo.shape[1] / UNIT, "metric")
        return DepthOutput(values, "affine")

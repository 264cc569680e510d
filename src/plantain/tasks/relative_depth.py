"""What is nearer and what is farther, up to an unknown scale and shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plantain._shapes import Float, Shaped, UInt8
from plantain.codecs.curve import CURVES, confidence_from
from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Depth
from plantain.tasks import targets
from plantain.tasks.base import Task

LOW, HIGH = 2.0, 98.0  # percentiles of depth that become the two ends of the scale


@dataclass(frozen=True)
class RelativeDepth(Task):
    """Depth without a unit, its 2nd to 98th percentile spread over the scale; the answer grows with depth."""

    near: str = "bright"

    name: ClassVar[str] = "relative-depth"
    title: ClassVar[str] = "relative depth"
    kind: ClassVar[type[Depth]] = Depth
    default_code: ClassVar[str] = "linear-gray"
    codes: ClassVar[Mapping[str, str]] = {
        "linear-gray": "linear-gray/1",
        "plasma": "relative-plasma/1",
        "inferno": "relative-inferno/1",
        "viridis": "relative-viridis/1",
    }
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "linear-gray": "an even gray scale",
        "plasma": "the plasma colormap",
        "inferno": "the inferno colormap",
        "viridis": "the viridis colormap",
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Predict the relative depth of every pixel of this photo: paint near things {near}."
        "[ Colours: {colours}.]",
        "caption": "A relative depth map of this photo with near things {near}[; colours: {colours}].",
        "terse": "relative depth; near {near}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.near not in ("bright", "dark"):
            raise UsageError(f"near can be painted 'bright' or 'dark', not {self.near!r}")

    def record(self) -> dict[str, Any]:
        return {"near": self.near}

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints a Depth or an array that grows with depth; where it is not known (invalid, inf) it counts as far."""
        values = targets.plane(targets.field(truth, "values"), "depth")
        known = np.asarray(truth.valid) if isinstance(truth, Depth) else np.isfinite(values)
        if np.isnan(values[known]).any() or (not isinstance(truth, Depth) and np.isnan(values).any()):
            raise TruthError("depth must not be NaN; use inf (or valid = False) where it is not known")
        low, high = np.percentile(values[known], (LOW, HIGH)) if known.any() else (0.0, 1.0)
        place = np.where(known, (values - low) / max(high - low, 1e-9), 1.0)
        return self._paint(np.clip(place, 0, 1).astype(np.float32))

    def _paint(self, place: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
        shade = 1 - place if self.near == "bright" else place
        code = self.code or self.default_code
        curve = CURVES[code]
        return curve.encode(shade if code == "linear-gray" else _as_metres(shade))

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Depth:
        curve = CURVES[self.code or self.default_code]
        values, distance = curve.decode(rgb)
        shade = values if self.code in (None, "linear-gray") else _as_shade(values)
        place = np.asarray(1 - shade if self.near == "bright" else shade, np.float32)
        valid = np.isfinite(place)
        place = np.where(valid, place, np.float32(1))
        return Depth(values=place, valid=valid, scale="affine", confidence=confidence_from(distance))


def _as_metres(shade: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The depth that the metric colormaps paint at this place (0..1) of their scale."""
    near, far = CURVES["plasma"].near, CURVES["plasma"].far
    return np.asarray(near * (far / near) ** shade, np.float32)


def _as_shade(metres: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The inverse of `_as_metres`."""
    near, far = CURVES["plasma"].near, CURVES["plasma"].far
    return np.asarray(np.log(np.clip(metres, near, far) / near) / np.log(far / near), np.float32)

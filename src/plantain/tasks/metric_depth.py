"""How far everything is, in metres from the camera plane."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.codecs import doubt
from plantain.codecs.curve import CURVES, decode_depth
from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Depth
from plantain.tasks import targets
from plantain.tasks.base import Task

_LOG = "a logarithmic gray scale from {} m (black) to {} m (white)"
SLACK = 0.02
_MAP = "the {} colormap, logarithmic from 0.1 m to 200 m"


@dataclass(frozen=True)
class MetricDepth(Task):
    """Metres for every pixel. Depths outside `near_m`..`far_m` are not answered; "no answer" and sky are white."""

    near_m: float = 0.0
    far_m: float = math.inf

    name: ClassVar[str] = "metric-depth"
    title: ClassVar[str] = "metric depth"
    kind: ClassVar[type[Depth]] = Depth
    scale: ClassVar[Literal["metric", "affine"]] = "metric"
    default_code: ClassVar[str] = "cube"
    codes: ClassVar[Mapping[str, str]] = {
        "cube": "cube/1",
        "cube-rev": "cube-rev/1",
        "log-gray": "log-gray/1",
        "log-gray-indoor": "log-gray-indoor/1",
        "log-gray-street": "log-gray-street/1",
        "inv-gray": "inv-gray/1",
        "plasma": "plasma/1",
        "inferno": "inferno/1",
        "viridis": "viridis/1",
        "log-gray-doubt": "log-gray-doubt/1",
    }
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "cube": "rainbow (black-red-yellow-green-cyan-blue-violet-white)",
        "cube-rev": "rainbow (black-blue-cyan-green-yellow-red-violet-white)",
        "log-gray": _LOG.format(0.1, 200),
        "log-gray-indoor": _LOG.format(0.3, 12),
        "log-gray-street": _LOG.format(1, 100),
        "inv-gray": "a gray scale of one over the distance, near bright and far dark",
        "plasma": _MAP.format("plasma"),
        "inferno": _MAP.format("inferno"),
        "viridis": _MAP.format("viridis"),
        "log-gray-doubt": "red and green " + _LOG.format(0.1, 200) + ", blue the error to be expected",
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Predict the metric depth of every pixel of this photo.[ Nothing is nearer than {near_m} m.]"
        "[ Nothing is farther than {far_m} m.][ Colours: {colours}.]",
        "caption": "A metric depth map of this photo[, nothing nearer than {near_m} m]"
        "[, nothing farther than {far_m} m][; colours: {colours}].",
        "terse": "metric depth[; from {near_m} m][; to {far_m} m][; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.near_m < self.far_m):
            raise UsageError(f"depth from {self.near_m} m to {self.far_m} m is no range; give 0 <= near_m < far_m")

    def record(self) -> dict[str, Any]:
        near = {} if self.near_m == 0 else {"near_m": self.near_m}
        return near if math.isinf(self.far_m) else near | {"far_m": self.far_m}

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints a metric Depth (invalid pixels are white) or an array of metres (inf is white)."""
        if isinstance(truth, Depth):
            metres = np.where(truth.valid, truth.metres, np.inf)
        else:
            metres = targets.field(truth)
        metres = targets.plane(metres, "depth")
        if np.isnan(metres).any() or (metres < 0).any():
            raise TruthError("depth must not be NaN or negative; use inf (or valid = False) where it is not known")
        metres = np.where(metres > self.far_m, np.inf, np.maximum(metres, self.near_m))
        if self.code == "log-gray-doubt":
            return doubt.encode(CURVES["log-gray"].encode(metres.astype(np.float32)))
        return CURVES[self.code or self.default_code].encode(metres.astype(np.float32))

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Depth:
        if self.code == "log-gray-doubt":
            gray, own = doubt.decode(rgb)
            metres, valid, confidence = decode_depth(gray, CURVES["log-gray"])
            confidence = confidence * own
        else:
            metres, valid, confidence = decode_depth(rgb, CURVES[self.code or self.default_code])
        if self.near_m > 0 or np.isfinite(self.far_m):
            near, far = self.near_m * (1 - SLACK), self.far_m * (1 + SLACK)  # 8 bits cannot hit an end exactly
            valid = valid & (metres >= near) & (metres <= far)
            metres = np.clip(metres, self.near_m, self.far_m)
        return Depth(values=metres, valid=valid, confidence=confidence)

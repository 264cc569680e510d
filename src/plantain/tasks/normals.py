"""Which way every surface faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.codecs import sphere
from plantain.errors import TruthError
from plantain.predictions.types import Normals
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task

SHORTEST, LONGEST = 0.35, 1.4  # |n| as painted: published paintings have 0.85-1.1 on surfaces and 1.7 on sky
OFF_SPHERE = 0.4
NO_SURFACE = (255, 0, 255)  # what the paper's model paints on sky: no unit vector has this color


@dataclass(frozen=True)
class SurfaceNormals(Task):
    """Unit normals in camera space: +x right, +y up, +z to the viewer."""

    name: ClassVar[str] = "normals"
    title: ClassVar[str] = "surface normals"
    kind: ClassVar[type[Normals]] = Normals
    default_code: ClassVar[str] = "vb"
    codes: ClassVar[Mapping[str, str]] = {"vb": "normals-vb/1", "gl": "normals-gl/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "vb": "more red the more a surface faces left, more green up, more blue to the camera",
        "gl": "more red the more a surface faces right, more green up, more blue to the camera",
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Predict the surface normals of every pixel of this photo.[ Colours: {colours}.]",
        "caption": "A map of the surface normals of this photo[; colours: {colours}].",
        "terse": "surface normals[; {colours}]",
    }

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Normals or an array h w 3, lengths brought to 1; magenta where invalid or a zero vector."""
        xyz = targets.plane(targets.field(truth, "xyz"), "normals", 3, 3)
        known = np.asarray(truth.valid) if isinstance(truth, Normals) else (xyz != 0).any(-1)
        if not np.isfinite(xyz[known]).all():
            raise TruthError("normals must be finite; use (0, 0, 0) or valid = False where there is no surface")
        length = np.linalg.norm(np.where(known[..., None], xyz, 1), axis=-1, keepdims=True)
        if (length[..., 0][known] < 1e-6).any():
            raise TruthError("a valid normal has length 0; mark it as not valid")
        unit = np.where(known[..., None], xyz / length, np.array([0, 0, 1], np.float32)).astype(np.float32)
        rgb = sphere.encode(unit, self.code or self.default_code)
        return np.where(known[..., None], rgb, np.array(NO_SURFACE, np.uint8))

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Normals:
        xyz, length = sphere.decode(rgb, self.code or self.default_code)
        valid = (length > SHORTEST) & (length < LONGEST)
        confidence = decode_utils.confidence_at(length - 1, OFF_SPHERE) * np.where(
            xyz[..., 2] < -0.2, np.float32(0.3), np.float32(1)
        )
        return Normals(xyz=xyz, valid=valid, confidence=np.where(valid, confidence, np.float32(0)))

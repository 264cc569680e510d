"""Which way every surface faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plantain._shapes import UInt8
from plantain.colour import sphere
from plantain.errors import TruthError
from plantain.kinds import Normals as NormalsAnswer
from plantain.tasks import truth as truths
from plantain.tasks.base import Task

NO_SURFACE = (255, 0, 255)  # what the paper's model paints on sky: no unit vector has this colour


@dataclass(frozen=True)
class Normals(Task):
    """Unit normals in camera space: +x right, +y up, +z to the viewer."""

    name: ClassVar[str] = "normals"
    title: ClassVar[str] = "surface normals"
    kind: ClassVar[type[NormalsAnswer]] = NormalsAnswer
    default_code: ClassVar[str] = "vb"
    codes: ClassVar[Mapping[str, str]] = {"vb": "normals-vb/1", "gl": "normals-gl/1"}
    phrases: ClassVar[Mapping[str, str]] = {
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
        xyz = truths.plane(truths.field(truth, "xyz"), "normals", 3, 3)
        known = np.asarray(truth.valid) if isinstance(truth, NormalsAnswer) else (xyz != 0).any(-1)
        if not np.isfinite(xyz[known]).all():
            raise TruthError("normals must be finite; use (0, 0, 0) or valid = False where there is no surface")
        length = np.linalg.norm(np.where(known[..., None], xyz, 1), axis=-1, keepdims=True)
        if (length[..., 0][known] < 1e-6).any():
            raise TruthError("a valid normal has length 0; mark it as not valid")
        unit = np.where(known[..., None], xyz / length, np.float32([0, 0, 1])).astype(np.float32)
        rgb = sphere.encode(unit, self.code or self.default_code)
        return np.where(known[..., None], rgb, np.uint8(NO_SURFACE))

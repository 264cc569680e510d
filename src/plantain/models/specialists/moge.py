"""MoGe-2: metric depth and normals of one photo, by its own package.

plantain.load("moge-2", weights="Ruicheng/moge-2-vitl-normal", device="cuda")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import DepthOutput, NormalsOutput, SpecialistOutput
from plantain.models.specialists.pretrained import Pretrained, arrays
from plantain.predictions.types import Normals, Prediction


@dataclass(frozen=True, eq=False)
class Both:
    """Depth and normals of one look."""

    depth: DepthOutput
    normals: NormalsOutput

    def answer(self, task: Any) -> Prediction:
        return (self.normals if issubclass(task.kind, Normals) else self.depth).answer(task)


class MoGe(Pretrained):
    """Metres, and normals in OpenCV's frame, turned into ours; what MoGe masks out (sky) is not answered."""

    name = "moge-2"
    default_weights = "Ruicheng/moge-2-vitl-normal"
    package = "moge"
    install = "git+https://github.com/microsoft/MoGe"
    supported_tasks: Mapping[str, str] = {
        "metric-depth": "metres",
        "relative-depth": "depth up to scale and shift",
        "normals": "unit normals, by checkpoints named normal",
    }

    def load(self) -> Any:
        from moge.model.v2 import MoGeModel

        return self.ready(MoGeModel.from_pretrained(self.source))

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        network = self.parts
        import torch

        planes = torch.from_numpy(photo.copy()).permute(2, 0, 1).float().to(self.device) / 255
        found = arrays(network.infer(planes))
        valid = found["mask"].astype(bool)
        xyz = found.get("normal", np.zeros((*valid.shape, 3), np.float32)) * np.array([1, -1, -1], np.float32)
        return Both(DepthOutput(np.where(valid, found["depth"], np.nan), "metric"), NormalsOutput(np.nan_to_num(xyz)))

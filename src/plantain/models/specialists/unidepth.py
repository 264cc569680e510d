"""UniDepth V2: metric depth without a camera, by its own package (CC BY-NC 4.0).

plantain.load("unidepth", weights="lpiccinelli/unidepth-v2-vitl14", device="cuda")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import DepthOutput, SpecialistOutput
from plantain.models.specialists.pretrained import Pretrained, arrays


class UniDepth(Pretrained):
    """Metres of every pixel."""

    name = "unidepth"
    default_weights = "lpiccinelli/unidepth-v2-vitl14"
    package = "unidepth"
    install = "git+https://github.com/lpiccinelli-eth/UniDepth"
    supported_tasks: Mapping[str, str] = {"metric-depth": "metres", "relative-depth": "depth up to scale and shift"}

    def load(self) -> Any:
        from unidepth.models import UniDepthV2

        return self.ready(UniDepthV2.from_pretrained(self.source))

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        network = self.parts
        import torch

        found = arrays(network.infer(torch.from_numpy(photo.copy()).permute(2, 0, 1)))
        return DepthOutput(found["depth"].reshape(photo.shape[:2]), "metric")

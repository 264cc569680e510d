"""DSINE: surface normals, by torch.hub (Imperial College's research license).

plantain.load("dsine", device="cuda")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import NormalsOutput, SpecialistOutput
from plantain.models.specialists.pretrained import Pretrained, picture

FRAME = np.array([-1, 1, 1], np.float32)  # its normals point into the surface, x right, y down, z away (its issue 8)


class DSINE(Pretrained):
    """Unit normals; `weights` is a repository of torch.hub, or a folder with a hubconf.py."""

    name = "dsine"
    default_weights = "hugoycj/DSINE-hub"
    package = "torch"
    supported_tasks: Mapping[str, str] = {"normals": "unit normals"}

    def load(self) -> Any:
        from pathlib import Path

        import torch

        place = "local" if Path(self.source).is_dir() else "github"
        return torch.hub.load(self.source, "DSINE", source=place, trust_repo=True)

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        found = self.parts.infer_pil(picture(photo))[0]
        return NormalsOutput(found.detach().cpu().numpy().transpose(1, 2, 0) * FRAME)

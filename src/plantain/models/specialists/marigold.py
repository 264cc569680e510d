"""Marigold: depth and normals by a diffusion model, by diffusers; beside Plantain's painters the nearest in kind.

plantain.load("marigold-depth", weights="prs-eth/marigold-depth-v1-1", device="cuda")
plantain.load("marigold-normals", weights="prs-eth/marigold-normals-v1-1", steps=4, samples=10)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import DepthOutput, NormalsOutput, SpecialistOutput
from plantain.models.specialists.pretrained import Pretrained, picture


class Marigold(Pretrained):
    """`steps` None: the checkpoint's own number; `samples`: noise maps whose answers it joins; `seed` of the first."""

    package = "diffusers"
    pipeline: str

    def __init__(
        self,
        weights: str | Path | None = None,
        device: str = "cpu",
        steps: int | None = None,
        samples: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(weights, device)
        self.steps, self.samples, self.seed = steps, samples, seed

    def load(self) -> Any:
        network = getattr(self.require("diffusers"), self.pipeline).from_pretrained(self.source).to(self.device)
        network.set_progress_bar_config(disable=True)
        return network

    def painted(self, photo: UInt8[np.ndarray, "h w 3"]) -> np.ndarray:
        """The pipeline's prediction, h w c, at the photo's size."""
        network = self.parts
        import torch

        dice = torch.Generator(self.device).manual_seed(self.seed)
        asked = {"num_inference_steps": self.steps, "ensemble_size": self.samples, "generator": dice}
        return np.asarray(network(picture(photo), **asked).prediction[0], np.float32)


class MarigoldDepth(Marigold):
    """Depth up to scale and shift."""

    name, pipeline = "marigold-depth", "MarigoldDepthPipeline"
    default_weights = "prs-eth/marigold-depth-v1-1"
    supported_tasks: Mapping[str, str] = {"relative-depth": "depth up to scale and shift"}

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        return DepthOutput(self.painted(photo)[..., 0], "affine")


class MarigoldNormals(Marigold):
    """Unit normals, in our frame already: +x right, +y up, +z to the viewer."""

    name, pipeline = "marigold-normals", "MarigoldNormalsPipeline"
    default_weights = "prs-eth/marigold-normals-v1-1"
    supported_tasks: Mapping[str, str] = {"normals": "unit normals"}

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        return NormalsOutput(self.painted(photo))

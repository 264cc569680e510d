"""Depth Anything V2, and every other depth network that transformers knows (ZoeDepth, Depth Pro, DPT).

plantain.load("depth-anything-v2")                                              # relative
plantain.load("depth-anything-v2", weights="depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf")    # metres
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import DepthOutput, SpecialistOutput, from_disparity
from plantain.models.specialists.pretrained import Pretrained, picture

METRIC = ("zoedepth", "depth_pro")  # kinds of networks whose numbers are metres


class DepthAnything(Pretrained):
    """Metres where the checkpoint says so, else disparity up to scale and shift, turned into depth."""

    name = "depth-anything-v2"
    default_weights = "depth-anything/Depth-Anything-V2-Small-hf"
    supported_tasks: Mapping[str, str] = {
        "metric-depth": "metres, by metric checkpoints",
        "relative-depth": "disparity up to scale and shift",
    }

    def load(self) -> Any:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        network = self.ready(AutoModelForDepthEstimation.from_pretrained(self.source))
        return AutoImageProcessor.from_pretrained(self.source), network

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        processor, network = self.parts
        import torch

        with torch.inference_mode():
            outputs = network(**processor(images=picture(photo), return_tensors="pt").to(self.device))
        (found,) = processor.post_process_depth_estimation(outputs, target_sizes=[photo.shape[:2]])
        values = found["predicted_depth"].float().cpu().numpy()
        metric = network.config.model_type in METRIC or getattr(network.config, "depth_estimation_type", "") == "metric"
        return DepthOutput(values, "metric") if metric else DepthOutput(from_disparity(values), "affine")

"""SAM 3: all things that a noun phrase names, by transformers (SAM license; the weights want a consent on the hub).

plantain.load("sam3", device="cuda")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import InstanceOutput, SpecialistOutput
from plantain.models.specialists.pretrained import MIN_SCORE, Pretrained, arrays, picture


class SAM3(Pretrained):
    """Instances with masks and scores, their union as the mask of a phrase, and whether it is there at all."""

    name = "sam3"
    default_weights = "facebook/sam3"
    supported_tasks: Mapping[str, str] = dict.fromkeys(("detect", "instances", "refer"), "any noun phrase")

    def load(self) -> Any:
        from transformers import Sam3Model, Sam3Processor

        return Sam3Processor.from_pretrained(self.source), self.ready(Sam3Model.from_pretrained(self.source))

    def infer_for(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> SpecialistOutput:
        texts = task.queries
        return joined([self.found(photo, text) for text in texts], texts, photo.shape[:2])

    def found(self, photo: UInt8[np.ndarray, "h w 3"], text: str) -> dict[str, np.ndarray]:
        """Boxes, scores and masks of what a phrase names."""
        processor, network = self.parts
        import torch

        inputs = processor(images=picture(photo), text=text, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            outputs = network(**inputs)
        size = [photo.shape[:2]]
        (things,) = processor.post_process_instance_segmentation(outputs, threshold=MIN_SCORE, target_sizes=size)
        return arrays(things)


def joined(found: list[dict[str, np.ndarray]], texts: tuple[str, ...], size: tuple[int, int]) -> InstanceOutput:
    """Things of several phrases, the highest score first."""
    labels = np.concatenate([np.full(len(one["scores"]), i) for i, one in enumerate(found)]).astype(np.int64)
    scores = np.concatenate([one["scores"] for one in found]).astype(np.float32)
    boxes = np.concatenate([one["boxes"].reshape(-1, 4) for one in found]).astype(np.float32)
    masks = None
    if all("masks" in one for one in found):
        masks = np.concatenate([one["masks"].reshape(-1, *size) for one in found]).astype(bool)
    order = np.argsort(-scores, kind="stable")
    return InstanceOutput(
        boxes[order], scores[order], labels[order], texts, size, None if masks is None else masks[order]
    )

"""Grounding DINO: boxes of what words name; and with SAM 2 behind it, masks.

plantain.load("grounding-dino")
plantain.load("grounded-sam2", masks="facebook/sam2.1-hiera-small", device="cuda")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import SpecialistOutput
from plantain.models.specialists.pretrained import MIN_SCORE, Pretrained, arrays, picture
from plantain.models.specialists.sam3 import joined
from plantain.predictions.boxes import nms

MAX_IOU = 0.7


class GroundingDINO(Pretrained):
    """Boxes with scores; each phrase is asked for by itself."""

    name = "grounding-dino"
    default_weights = "IDEA-Research/grounding-dino-tiny"
    supported_tasks: Mapping[str, str] = {"detect": "any phrase"}

    def load(self) -> Any:
        from transformers import AutoProcessor, GroundingDinoForObjectDetection

        network = self.ready(GroundingDinoForObjectDetection.from_pretrained(self.source))
        return AutoProcessor.from_pretrained(self.source), network

    def infer_for(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> SpecialistOutput:
        texts = task.queries
        return joined([self.found(photo, text) for text in texts], texts, photo.shape[:2])

    def found(self, photo: UInt8[np.ndarray, "h w 3"], text: str) -> dict[str, np.ndarray]:
        """The hundred boxes of the highest scores of what a phrase names, after non-maximum suppression."""
        processor, network = self.parts
        import torch

        inputs = processor(images=picture(photo), text=f"{text.lower().strip(' .')}.", return_tensors="pt")
        with torch.inference_mode():
            outputs = network(**inputs.to(self.device))
        (things,) = processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=MIN_SCORE, text_threshold=MIN_SCORE, target_sizes=[photo.shape[:2]]
        )
        seen = arrays(things)
        boxes = seen["boxes"].reshape(-1, 4)
        keep = nms(boxes, seen["scores"], max_iou=MAX_IOU)[:100]
        return {"boxes": boxes[keep], "scores": seen["scores"][keep]}


class GroundedSAM2(GroundingDINO):
    """Grounding DINO's boxes, and SAM 2's mask inside each."""

    name = "grounded-sam2"
    supported_tasks: Mapping[str, str] = dict.fromkeys(("detect", "instances", "refer"), "any phrase")

    def __init__(
        self, weights: str | Path | None = None, device: str = "cpu", masks: str | Path = "facebook/sam2.1-hiera-small"
    ) -> None:
        super().__init__(weights, device)
        self.masks = masks

    @cached_property
    def segmenter(self) -> Any:
        from transformers import Sam2Model, Sam2Processor

        return Sam2Processor.from_pretrained(self.masks), self.ready(Sam2Model.from_pretrained(self.masks))

    def found(self, photo: UInt8[np.ndarray, "h w 3"], text: str) -> dict[str, np.ndarray]:
        """The boxes of a phrase, each with its mask."""
        things = super().found(photo, text)
        return things | {"masks": self.inside(photo, things["boxes"])}

    def inside(self, photo: UInt8[np.ndarray, "h w 3"], boxes: np.ndarray) -> np.ndarray:
        """The mask of what fills each box."""
        if not len(boxes):
            return np.zeros((0, *photo.shape[:2]), bool)
        processor, network = self.segmenter
        import torch

        inputs = processor(images=picture(photo), input_boxes=[boxes.tolist()], return_tensors="pt").to(self.device)
        with torch.inference_mode():
            outputs = network(**inputs, multimask_output=False)
        (masks,) = processor.post_process_masks(outputs.pred_masks.cpu(), inputs["original_sizes"].cpu())
        return np.asarray(masks).reshape(len(boxes), *photo.shape[:2]) > 0

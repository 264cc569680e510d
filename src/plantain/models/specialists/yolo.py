"""YOLO by the ultralytics package (AGPL-3.0): boxes, and masks by checkpoints named seg.

plantain.load("yolo", weights="yolo11n-seg.pt")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import InstanceOutput, SpecialistOutput
from plantain.models.specialists.pretrained import MIN_SCORE, Pretrained


class YOLO(Pretrained):
    """Things of the checkpoint's classes."""

    name = "yolo"
    default_weights = "yolo11n-seg.pt"
    package = "ultralytics"
    install = "ultralytics"
    supported_tasks: Mapping[str, str] = dict.fromkeys(("detect", "instances", "refer"), "its classes alone")

    def load(self) -> Any:
        from ultralytics import YOLO as Network

        return Network(self.source)

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        network = self.parts
        (found,) = network.predict(
            Image.fromarray(photo), conf=MIN_SCORE, device=self.device, verbose=False, retina_masks=True
        )
        names = tuple(found.names[i] for i in range(len(found.names)))
        boxes, size = found.boxes, (photo.shape[0], photo.shape[1])
        masks = None if found.masks is None else found.masks.data.cpu().numpy().reshape(-1, *size) > 0.5
        labels = boxes.cls.cpu().numpy().astype(np.int64)
        return InstanceOutput(boxes.xyxy.cpu().numpy(), boxes.conf.cpu().numpy(), labels, names, size, masks)

"""Mask2Former and OneFormer: classes, panoptic segments and things of a fixed vocabulary, by transformers.

plantain.load("mask2former", weights="facebook/mask2former-swin-large-cityscapes-semantic")
plantain.load("oneformer", weights="shi-labs/oneformer_ade20k_swin_tiny")
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.models.specialists.outputs import InstanceOutput, LabelOutput, SpecialistOutput
from plantain.models.specialists.pretrained import MIN_SCORE, Pretrained, picture
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Instances


class Mask2Former(Pretrained):
    """Knows the checkpoint's classes alone; asks it as the checkpoint was trained: semantic or instance."""

    name = "mask2former"
    default_weights = "facebook/mask2former-swin-tiny-coco-instance"
    supported_tasks: Mapping[str, str] = dict.fromkeys(
        ("semantic", "refer", "detect", "instances"), "its classes alone"
    )
    maps: Mapping[str, Any] = MappingProxyType({"return_binary_maps": True})  # things may overlap

    def load(self) -> Any:
        from transformers import AutoImageProcessor, Mask2FormerForUniversalSegmentation

        network = self.ready(Mask2FormerForUniversalSegmentation.from_pretrained(self.source))
        return AutoImageProcessor.from_pretrained(self.source), network

    def infer_for(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> SpecialistOutput:
        processor, network = self.parts
        import torch

        way = "instance" if issubclass(task.kind, Instances) else "semantic"
        with torch.inference_mode():
            outputs = network(**self.inputs(processor, photo, way))
        names = tuple(network.config.id2label[i] for i in range(len(network.config.id2label)))
        size = [photo.shape[:2]]
        if way == "semantic":
            (ids,) = processor.post_process_semantic_segmentation(outputs, target_sizes=size)
            return LabelOutput(ids.cpu().numpy().astype(np.int32), names)
        (found,) = processor.post_process_instance_segmentation(
            outputs, threshold=MIN_SCORE, target_sizes=size, **self.maps
        )
        return things(found, names, photo.shape[:2])

    def inputs(self, processor: Any, photo: UInt8[np.ndarray, "h w 3"], way: str) -> Any:
        """What the network takes; `way`: semantic or instance."""
        return processor(images=picture(photo), return_tensors="pt").to(self.device)


class OneFormer(Mask2Former):
    """One checkpoint for all of it: the way it is asked is one of its inputs."""

    name = "oneformer"
    default_weights = "shi-labs/oneformer_coco_swin_large"
    maps: Mapping[str, Any] = MappingProxyType({})  # transformers gives one map of numbers for it

    def load(self) -> Any:
        from transformers import OneFormerForUniversalSegmentation, OneFormerProcessor

        network = self.ready(OneFormerForUniversalSegmentation.from_pretrained(self.source))
        return OneFormerProcessor.from_pretrained(self.source), network

    def inputs(self, processor: Any, photo: UInt8[np.ndarray, "h w 3"], way: str) -> Any:
        return processor(images=picture(photo), task_inputs=[way], return_tensors="pt").to(self.device)


def things(found: Mapping[str, Any], names: tuple[str, ...], size: tuple[int, int]) -> InstanceOutput:
    """Segments, as a map each or as one map of their numbers, as things; boxes are those of the masks."""
    rows = sorted(found["segments_info"], key=lambda row: -row["score"])
    drawn = np.asarray(found["segmentation"])
    own = [drawn[row["id"]] > 0 if drawn.ndim == 3 else drawn == row["id"] for row in rows]
    masks = np.array(own, bool).reshape(-1, *size)
    kept = [i for i, mask in enumerate(masks) if mask.any()]
    boxes = boxes_around(masks[kept])
    scores = np.array([rows[i]["score"] for i in kept], np.float32)
    return InstanceOutput(
        boxes, scores, np.array([rows[i]["label_id"] for i in kept], np.int64), names, size, masks[kept]
    )

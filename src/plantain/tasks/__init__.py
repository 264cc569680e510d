"""Questions, one file each, and the table of them."""

from __future__ import annotations

from plantain.tasks.base import STYLES, Task
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.edges import EdgeDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.matte import Matting
from plantain.tasks.metric_depth import MetricDepth
from plantain.tasks.normals import SurfaceNormals
from plantain.tasks.panoptic import PanopticSegmentation
from plantain.tasks.refer import ReferringSegmentation
from plantain.tasks.relative_depth import RelativeDepth
from plantain.tasks.semantic import SemanticSegmentation
from plantain.vocabularies import COCO_17

TASKS: dict[str, type[Task]] = {
    "metric-depth": MetricDepth,
    "relative-depth": RelativeDepth,
    "normals": SurfaceNormals,
    "semantic": SemanticSegmentation,
    "instances": InstanceSegmentation,
    "refer": ReferringSegmentation,
    "detect": ObjectDetection,
    "keypoints": KeypointDetection,
    "edges": EdgeDetection,
    "matte": Matting,
    "panoptic": PanopticSegmentation,
}

__all__ = [
    "COCO_17",
    "STYLES",
    "TASKS",
    "EdgeDetection",
    "InstanceSegmentation",
    "KeypointDetection",
    "Matting",
    "MetricDepth",
    "ObjectDetection",
    "PanopticSegmentation",
    "ReferringSegmentation",
    "RelativeDepth",
    "SemanticSegmentation",
    "SurfaceNormals",
    "Task",
]

"""Questions, one file each, and the table of them."""

from __future__ import annotations

from plantain.tasks.base import STYLES, Task
from plantain.tasks.detect import Detect
from plantain.tasks.edges import Edges
from plantain.tasks.instances import Instances
from plantain.tasks.keypoints import Keypoints
from plantain.tasks.matte import Matte
from plantain.tasks.metric_depth import MetricDepth
from plantain.tasks.normals import Normals
from plantain.tasks.panoptic import Panoptic
from plantain.tasks.refer import Refer
from plantain.tasks.relative_depth import RelativeDepth
from plantain.tasks.semantic import Semantic
from plantain.vocabularies import COCO_17

TASKS: dict[str, type[Task]] = {
    "metric-depth": MetricDepth,
    "relative-depth": RelativeDepth,
    "normals": Normals,
    "semantic": Semantic,
    "instances": Instances,
    "refer": Refer,
    "detect": Detect,
    "keypoints": Keypoints,
    "edges": Edges,
    "matte": Matte,
    "panoptic": Panoptic,
}

__all__ = [
    "COCO_17",
    "STYLES",
    "TASKS",
    "Detect",
    "Edges",
    "Instances",
    "Keypoints",
    "Matte",
    "MetricDepth",
    "Normals",
    "Panoptic",
    "Refer",
    "RelativeDepth",
    "Semantic",
    "Task",
]

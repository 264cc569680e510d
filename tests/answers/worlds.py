"""A painter that knows a made world: the depth of every pixel, and where each thing is."""

from __future__ import annotations

from collections import Counter

import numpy as np

from plantain.models.painters.function import Function
from plantain.pipeline.predictor import PainterPredictor
from plantain.tasks import MetricDepth, ObjectDetection, ReferringSegmentation, RelativeDepth
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.language.english import plain, singular
from plantain.tasks.language.parsing import parse
from plantain.tasks.matte import Matting

WIDTH, HEIGHT = 180, 120
PHOTO = np.random.default_rng(5).integers(40, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def box(x0, y0, x1, y1):
    on = np.zeros((HEIGHT, WIDTH), bool)
    on[y0:y1, x0:x1] = True
    return on


class World:
    """`things`: a mask or several for each name in the singular; `metres` (h w). Counts the paintings by their task."""

    def __init__(self, things, metres=None):
        self.things = {name: [mask] if isinstance(mask, np.ndarray) else mask for name, mask in things.items()}
        self.metres = np.full((HEIGHT, WIDTH), 6.0, np.float32) if metres is None else metres
        self.painted = Counter()
        self.model = PainterPredictor(Function(self.paint))

    def paint(self, photo, prompt, seed):
        task = parse(prompt)
        self.painted[task.name] += 1
        if isinstance(task, MetricDepth | RelativeDepth):
            return task.encode(self.metres)
        if isinstance(task, ReferringSegmentation):
            return task.encode(np.stack([self.union(name) for name in task.queries]).astype(np.float32))
        if isinstance(task, Matting):
            return task.encode(self.union(task.text).astype(np.float32))
        assert isinstance(task, InstanceSegmentation | ObjectDetection), task
        masks = self.things.get(task.thing, [])
        return task.encode(np.stack(masks) if masks else np.zeros((0, HEIGHT, WIDTH), bool))

    def union(self, name):
        masks = self.things.get(singular(plain(name)), [])
        return np.any(masks, axis=0) if masks else np.zeros((HEIGHT, WIDTH), bool)


def at(depths, things):
    """Meters everywhere: 6, and of each thing its own."""
    metres = np.full((HEIGHT, WIDTH), 6.0, np.float32)
    for name, depth in depths.items():
        metres[things[name]] = depth[things[name]] if isinstance(depth, np.ndarray) else depth
    return metres

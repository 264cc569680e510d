"""Answers and photographs made for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from plantain.predictions.types import Depth, Instances

sides = st.integers(1, 90)
sizes = st.tuples(sides, sides)


def sure(height, width):
    return np.full((height, width), 0.8, np.float32)


def depth(values, valid=None, **changes):
    values = np.asarray(values, np.float32)
    valid = np.ones(values.shape, bool) if valid is None else valid
    return replace(Depth(values=values, valid=valid, confidence=sure(*values.shape)), **changes)


def on_photo(size):
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    return x / size[0], y / size[1]


def things(boxes, masks=None, canvas=(60, 60), labels=None, scores=None):
    count = len(boxes)
    return Instances(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(count, np.int64) if labels is None else np.array(labels),
        classes=("cup", "plate"),
        scores=np.ones(count, np.float32) if scores is None else np.array(scores, np.float32),
        masks=masks,
        confidence=sure(*canvas[::-1]),
    )


def mask(size, box):
    on = np.zeros(size[::-1], bool)
    x0, y0, x1, y1 = box
    on[y0:y1, x0:x1] = True
    return on

"""A painter of red cups and blue plates on white, which looks at the photo alone. Pale ones are painted a little
darker than asked, so that they are doubtful."""

from __future__ import annotations

import numpy as np

from plantain.codecs.regions import regions
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Instances, Labels
from plantain.tasks.language.parsing import parse

CUP, PLATE, FAILS = (220, 30, 30), (30, 30, 220), (1, 2, 3)


def paint(photo: np.ndarray, prompt: str, _seed: int) -> np.ndarray:
    if (photo[0, 0] == FAILS).all():
        raise RuntimeError("it cannot")
    task, light = parse(prompt), photo.astype(int)
    ids = np.where(light[..., 0] - light[..., 2] > 40, 0, np.where(light[..., 2] - light[..., 0] > 40, 1, -1))
    classes = ("cup", "plate")
    if task.name != "semantic":
        pieces, values = regions(ids)
        masks = pieces == np.flatnonzero(values == classes.index(task.queries[0]))[:, None, None]
        sure = np.ones(len(masks), np.float32)
        return task.encode(Instances(
            boxes=boxes_around(masks), labels=np.zeros(len(masks), int), classes=task.queries, scores=sure, masks=masks,
            confidence=np.ones(ids.shape, np.float32),
        ))  # fmt: skip
    painted = task.encode(Labels(ids=ids, classes=classes, confidence=np.ones(ids.shape, np.float32))).astype(float)
    pale = (light.min(-1, keepdims=True) > 100) & (ids[..., None] >= 0)
    return np.where(pale, 0.92 * painted, painted).astype(np.uint8)

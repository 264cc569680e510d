"""Which question a photo is asked in training: one that its own labels answer, or one that specialists answered."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plantain.data.base import Example
from plantain.data.mixture import RECIPES, Recipe, Rng, Sample, keypoints
from plantain.data.taught import taught
from plantain.data.views import View

HEARD: Mapping[str, float] = {  # how often a labelled photo is asked what specialists say of it
    "nyu": 0.2, "kitti": 0.35, "ade20k": 0.3, "camvid": 0.3, "animals": 0.35, "faceparts": 0.2, "people": 0.35,
    "portraits": 0.3, "salient": 0.35, "coco": 0.35, "panoptic": 0.3, "persons": 0.3, "pose": 0.2, "faces": 0.2,
    "bsds": 0.4, "voc": 0.45,
}  # fmt: skip


def question(example: Example, view: View, rng: Rng) -> Sample | None:
    """A random question that this example can answer; None when it happens to have nothing to ask for."""
    if "ade" in example.truths and rng.random() < HEARD.get(example.source, 1.0):
        return taught(example, view, rng)
    if example.source not in RECIPES:
        return None
    rows = [(share, recipe) for share, recipe in RECIPES[example.source] if answers(example, recipe)]
    shares = np.array([share for share, _ in rows])
    return rows[rng.choice(len(rows), p=shares / shares.sum())][1](example, view, rng)


def answers(example: Example, recipe: Recipe) -> bool:
    """Some people have no clothing labels, some persons no joints."""
    if recipe is keypoints:
        return "keypoints" in example.truths
    return example.source != "people" or "labels" in example.truths or not recipe.__qualname__.startswith("semantic")

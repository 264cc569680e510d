"""One number for how sure an answer is, by its kind: of what was asked for, never of the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float
from plantain.predictions.types import (
    Alpha,
    Depth,
    Edges,
    Instances,
    Keypoints,
    Labels,
    Normals,
    Panoptic,
    Prediction,
)

COUNTS = 0.5  # from this score on a thing is counted, and from this presence on a name is there
DOUBT = 0.1  # from this alpha on a pixel may belong to the thing: it counts, and so does its doubt


def headline(answer: Prediction) -> float:
    """The probability (0..1) that an answer is right, as far as the model's calibration reaches.

    Of depth, normals, classes and edges the mean confidence where there is an answer; of masks that of their pixels and
    of the doubtful border around them; of things the mean score of those that count, of points that of those that are
    seen. Where nothing was found it is the probability that nothing is there."""
    return float(np.clip(HEADLINES[type(answer)](answer), 0, 1))


def mean_of(confidence: Float[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"]) -> float:
    """Mean confidence of some pixels; 0 where there are none."""
    return float(confidence[where].mean()) if where.any() else 0.0


def of_mask(answer: Alpha, place: int) -> float:
    """The mean confidence of a mask's pixels and of its doubtful border."""
    return mean_of(answer.confidence, np.asarray(answer.alpha[place] > DOUBT))


def absent(answer: Prediction) -> float:
    """The probability that nothing of what was asked for is there."""
    return 1 - max((answer.presence or {}).values(), default=0.0)


def _surface(answer: Depth | Normals) -> float:
    return mean_of(answer.confidence, answer.valid) if answer.valid.any() else 1 - _all(answer)


def _labels(answer: Labels) -> float:
    labeled = answer.ids >= 0
    return mean_of(answer.confidence, labeled) if labeled.any() else absent(answer)


def _instances(answer: Instances) -> float:
    counted = answer.scores[answer.scores >= COUNTS]
    if len(counted):
        return float(counted.mean())
    return absent(answer) if answer.presence else float(np.prod(1 - answer.scores.astype(np.float64)))


def _keypoints(answer: Keypoints) -> float:
    return float(answer.scores[answer.visible].mean()) if answer.visible.any() else absent(answer)


def _alpha(answer: Alpha) -> float:
    there = [i for i, name in enumerate(answer.names) if answer.masks[i].any() and presence_of(answer, name) >= COUNTS]
    if not there:
        likely = answer.masks.any(axis=0)
        return min(absent(answer), mean_of(answer.confidence, np.asarray(~likely))) if answer.presence else _all(answer)
    return mean_of(answer.confidence, np.asarray((answer.alpha[there] > DOUBT).any(axis=0)))


def presence_of(answer: Prediction, name: str) -> float:
    """The presence of a name; 1 where the model says none."""
    return (answer.presence or {}).get(name, 1.0)


def _all(answer: Prediction) -> float:
    return float(answer.confidence.mean()) if answer.confidence.size else 0.0


HEADLINES: dict[type[Prediction], Callable[[Any], float]] = {
    Depth: _surface,
    Normals: _surface,
    Labels: _labels,
    Panoptic: _labels,
    Instances: _instances,
    Keypoints: _keypoints,
    Alpha: _alpha,
    Edges: _all,
}

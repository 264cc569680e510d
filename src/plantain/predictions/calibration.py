"""Confidence set right: maps fitted on photographs with truths, kept beside a model's weights, one a task.

After it, a confidence is the share of such answers that are right: depth within 1.25 times, normals within 11.25
degrees, the right class, on the right side of a mask, edges within .2 and alpha within .1, a joint within .2 of the
body's size, a box or a mask that overlaps a true one by more than half. `plantain bench calibrate` fits them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float, Shaped
from plantain.errors import PainterError
from plantain.predictions.types import Instances, Keypoints, Prediction

FILE = "calibration.json"  # beside the weights: {task: {"x": [...], "y": [...], ...}}
PRESENCE = "presence"  # stands among the tasks: the probability that a thing is there at all


@dataclass(frozen=True)
class Fit:
    """A map from confidence to the share that is right: linear between `x` (rising) and `y`."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def apply(self, confidence: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Calibrated confidence, in the dtype given."""
        return np.interp(confidence, self.x, self.y).astype(confidence.dtype)


def isotonic(confidence: Shaped[np.ndarray, "n"], right: Shaped[np.ndarray, "n"], knots: int = 32) -> Fit:
    """The best rising map in the sense of squares, at no more than `knots` places.

    Source: pool adjacent violators (Ayer et al. 1955), on equally filled groups of the sorted confidences."""
    order = np.argsort(confidence, kind="stable")
    groups = np.array_split(order, min(knots, len(order)))
    x = np.round([confidence[g].mean() for g in groups], 5)
    blocks: list[list[float]] = []  # mean, weight, members
    for g in groups:
        blocks.append([float(np.mean(right[g])), float(len(g)), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            last, before = blocks.pop(), blocks.pop()
            weight = last[1] + before[1]
            blocks.append([(last[0] * last[1] + before[0] * before[1]) / weight, weight, last[2] + before[2]])
    y = np.concatenate([np.full(int(members), value) for value, _, members in blocks])
    place, first = np.unique(x, return_index=True)  # equal confidences lie in one block, or at its start
    return Fit(tuple(place.tolist()), tuple(y[first].tolist()))


def temperature(confidence: Shaped[np.ndarray, "n"], right: Shaped[np.ndarray, "n"], knots: int = 65) -> Fit:
    """Logits divided by the one number that makes the outcomes likeliest. Source: Guo et al. 2017, arXiv 1706.04599."""
    logit = np.log(np.clip(confidence, 1e-4, 1 - 1e-4) / (1 - np.clip(confidence, 1e-4, 1 - 1e-4)))
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 241))
    likely = [np.mean(np.logaddexp(0, np.where(right, -1, 1) * logit / t)) for t in grid]
    best = grid[int(np.argmin(likely))]
    x = np.linspace(1e-4, 1 - 1e-4, knots)
    return Fit(tuple(x.tolist()), tuple((1 / (1 + ((1 - x) / x) ** (1 / best))).tolist()))


# ---- beside the weights


def read(path: Path) -> dict[str, Fit]:
    """The fits of a file, by task; none where there is no file. PainterError for a damaged one."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text())
        return {task: Fit(tuple(fit["x"]), tuple(fit["y"])) for task, fit in stored.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PainterError(
            f"{path} is damaged ({error}); remove it, or fit it again: plantain bench calibrate"
        ) from error


def calibrated(answer: Prediction, task: str, fits: Mapping[str, Fit]) -> Prediction:
    """The answer with its confidence set right: of pixels, or the scores of things and points."""
    changes: dict[str, Any] = {}
    if task in fits:
        if isinstance(answer, Instances | Keypoints):
            changes["scores"] = fits[task].apply(answer.scores)
        else:
            changes["confidence"] = fits[task].apply(answer.confidence)
    if PRESENCE in fits and answer.presence is not None:
        fit = fits[PRESENCE]
        changes["presence"] = {name: float(fit.apply(np.array([value]))[0]) for name, value in answer.presence.items()}
    return replace(answer, **changes) if changes else answer

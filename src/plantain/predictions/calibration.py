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


def platt(confidence: Shaped[np.ndarray, "n"], right: Shaped[np.ndarray, "n"], knots: int = 65) -> Fit:
    """A logistic curve of the logit: for a few hundred values, of which an isotonic map would follow single ones and
    say 0 or 1 at its ends.

    Source: Platt 1999, with his targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2); found by Newton's method."""
    hits, misses = int(np.sum(right)), int(np.sum(~np.asarray(right, bool)))
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    design = np.stack([_logit(np.asarray(confidence, float)), np.ones(len(target))], 1)
    curve = np.array([1.0, 0.0])
    for _ in range(50):
        said = _logistic(design @ curve)
        bend = (design * (said * (1 - said))[:, None]).T @ design + 1e-6 * np.eye(2)
        curve -= np.clip(np.linalg.solve(bend, design.T @ (said - target)), -1, 1)
    slope, shift = curve if curve[0] > 0 else (0.0, _logit(target.mean()))  # a map never falls
    x = _logistic(np.linspace(-NEVER, NEVER, knots))
    return Fit(tuple(x.tolist()), tuple(_logistic(slope * _logit(x) + shift).tolist()))


NEVER = 9.0  # logits beyond are as good as certain


def _logit(share: Any) -> Any:
    share = np.clip(share, 1e-12, 1 - 1e-12)
    return np.clip(np.log(share / (1 - share)), -NEVER, NEVER)


def _logistic(value: Any) -> Any:
    return 1 / (1 + np.exp(-value))


def doubted(answer: Prediction, trust: float) -> Prediction:
    """The answer with the confidence of its pixels times `trust` (0..1). Scores of things and points stay: where there
    is nothing, nothing is found, and what is found in a drawing is often there."""
    return answer if trust >= 1 else replace(answer, confidence=answer.confidence * np.float32(trust))


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

"""What a true answer comes to, in a few numbers: kept beside a painting, and compared with what is read from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plantain._shapes import Bool, Shaped
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic
from plantain.tasks.asked import as_asked, number_of
from plantain.tasks.base import Task

Summary = dict[str, Any]
SHARE, PLACE, AFFINE = 0.02, 0.03, 0.06  # how far shares of a picture, places in it, and affine depths may be apart
METRIC = 0.08  # of a distance
TURN = 0.05  # of a mean normal's components
COUNT = 0.25  # of a number of things: tiny ones and those that touch may be lost in a painting


def summary(task: Task, truth: Any, known: Shaped[np.ndarray, "h w"]) -> Summary:
    """An answer to `task` in numbers, from the pixels that are known (`known` above a half). Its keys by kind:

    quantiles of depth and the share that has one; the mean normal; shares of classes and masks by name; how many things
    and what share they cover; places of points as shares of the sides."""
    on, answer = np.asarray(known) > 0.5, as_asked(task, truth)
    match answer:
        case Depth():
            seen = answer.values[on & answer.valid]
            quantiles = np.quantile(seen, (0.1, 0.5, 0.9)) if seen.size else np.zeros(3)
            numbers = dict(zip(("low", "median", "high"), quantiles, strict=True))
            return _rounded(numbers | {"answered": _mean(answer.valid, on)}) | {"scale": answer.scale}
        case Normals():
            seen = answer.xyz[on & answer.valid]
            mean = seen.mean(0) if len(seen) else np.zeros(3)
            return _rounded(dict(zip("xyz", mean, strict=True)) | {"answered": _mean(answer.valid, on)})
        case Labels():
            number = {name: number_of(name, answer.classes) for name in task.queries}
            told: Summary = {"shares": {n: _class_share(answer, n, on) if i >= 0 else 0.0 for n, i in number.items()}}
            if isinstance(answer, Panoptic):
                told["count"] = _segments(task, answer, on)
            return told
        case Instances():
            drawn = answer.masks if task.with_masks else None
            covered = _boxed(answer) if drawn is None else np.asarray(drawn.any(0))
            return {"count": len(answer), "covered": _mean(covered, on)}
        case Keypoints():
            places = zip(answer.names, answer.xy / answer.size, answer.visible, strict=True)
            asked = {n: at for n, at, there in places if there and n in task.queries}
            return {"points": {name: [round(float(v), 4) for v in at] for name, at in asked.items()}}
        case Alpha():
            pairs = zip(answer.names, answer.alpha, strict=True)
            return {"shares": {name: _mean(plane, on) for name, plane in pairs}}
    raise TypeError(f"no summary of {type(answer).__name__}")


def _mean(values: Shaped[np.ndarray, "h w"], on: Bool[np.ndarray, "h w"]) -> float:
    return round(float(values[on].mean()), 4) if on.any() else 0.0


def _rounded(numbers: Mapping[str, Any]) -> Summary:
    return {name: round(float(value), 4) for name, value in numbers.items()}


def _class_share(answer: Labels, name: str, on: Bool[np.ndarray, "h w"]) -> float:
    rows = [i for i, own in enumerate(answer.classes) if number_of(name, (own,)) == 0]  # ADE20K has two "screen"
    return _mean(np.isin(answer.ids, rows), on)


def _segments(task: Task, answer: Panoptic, on: Bool[np.ndarray, "h w"]) -> int:
    """How many things of the kinds that are asked for have a pixel."""
    things = getattr(task, "things", ())
    there = set(np.unique(answer.segments[on]).tolist())
    return sum(answer.classes[label] in things and i in there for i, label in enumerate(answer.segment_labels, 1))


def _boxed(answer: Instances) -> Bool[np.ndarray, "h w"]:
    width, height = answer.size
    out = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in np.round(answer.boxes).astype(int).clip(0):
        out[y0:y1, x0:x1] = True
    return out


def absent(told: Summary) -> list[str]:
    """The names that were asked for and are not there; "things" for things of a class of which there is none."""
    gone = [name for name, share in told.get("shares", {}).items() if share == 0]
    return gone or (["things"] if told.get("count") == 0 and "covered" in told else [])


def differences(told: Summary, read: Summary) -> list[str]:
    """In what a painting that was read differs from what it should say; nothing where they agree.

    >>> differences({"count": 2, "covered": 0.3}, {"count": 5, "covered": 0.3})
    ['count is 2 but reads as 5']
    """
    pairs = [(key, told[key], read.get(key)) for key in told if isinstance(told[key], float | int)]
    for group in ("shares", "points"):
        pairs += [(name, value, read.get(group, {}).get(name)) for name, value in told.get(group, {}).items()]
    affine = told.get("scale") == "affine"
    return [f"{name} is {a} but reads as {b}" for name, a, b in pairs if b is None or not _near(name, a, b, affine)]


def _near(name: str, told: Any, read: Any, affine: bool) -> bool:
    if isinstance(told, list):
        return bool(np.abs(np.subtract(told, read)).max() <= PLACE)
    if name == "count":
        return bool(abs(told - read) <= max(1, COUNT * told))
    if name in ("low", "median", "high"):
        return bool(abs(told - read) <= (AFFINE if affine else METRIC * max(told, 0.1)))
    return bool(abs(told - read) <= (TURN if name in "xyz" else SHARE))

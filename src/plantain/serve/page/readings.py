"""What answers say at a point, in words, and how far two points are apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.answers.words import number, sureness
from plantain.errors import UsageError
from plantain.predictions.types import Depth, Instances, Prediction
from plantain.serve.replies import at

FLAT = 0.25  # of a unit normal: components below are not said
AXES = (("right", "left"), ("up", "down"), ("to the camera", "away from the camera"))
CAMERA = "say the camera's field of view to get the distance between the points"
Point = tuple[float, float]  # x, y in pixels of the photo


def reading(answer: Prediction, point: Point) -> str:
    """What an answer says at a point. UsageError for one that is not in the picture."""
    (seen,) = at(answer, [point])
    key = next(key for key in SAID if key in seen)
    sure = float(seen["confidence"] or 0)
    return f"{SAID[key](seen[key], answer)}; confidence {sure:.2f}, {sureness(sure)}"


def facing(normal: Sequence[float]) -> str:
    """The direction of a unit normal in words: +x right, +y up, +z to the viewer.

    >>> facing((0, 0.6, 0.8)), facing((-1, 0, 0))
    ('faces up and to the camera (x 0.00, y 0.60, z 0.80)', 'faces left (x -1.00, y 0.00, z 0.00)')
    """
    words = [pair[value < 0] for pair, value in zip(AXES, normal, strict=True) if abs(value) > FLAT]
    x, y, z = normal
    return f"faces {' and '.join(words)} (x {x:.2f}, y {y:.2f}, z {z:.2f})"


def _metres(value: float | None, _answer: Prediction) -> str:
    return "no depth here" if value is None else f"{number(value)} m away"


def _relative(value: float | None, _answer: Prediction) -> str:
    return "no depth here" if value is None else f"relative depth {number(value)} (no meters; larger is farther)"


def _normal(value: Sequence[float] | None, _answer: Prediction) -> str:
    return "no surface here" if value is None else facing(value)


def _class(value: str | None, _answer: Prediction) -> str:
    return value or "none of the classes"


def _things(value: Sequence[int], answer: Prediction) -> str:
    assert isinstance(answer, Instances)
    named = (f"{answer.classes[answer.labels[i]]} {i + 1}, score {answer.scores[i]:.2f}" for i in value)
    return "; ".join(named) or "no thing here"


def _alpha(value: Mapping[str, float], _answer: Prediction) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in value.items())


def _nearest(value: Mapping[str, Any] | None, _answer: Prediction) -> str:
    if value is None:
        return "no point was seen"
    return f"{value['name']} is {value['pixels']:.0f} pixels away"


SAID: Mapping[str, Callable[[Any, Prediction], str]] = {  # keys of `replies.at`
    "metres": _metres, "relative": _relative, "normal": _normal, "class": _class, "things": _things, "alpha": _alpha,
    "nearest": _nearest,
}  # fmt: skip


# ---- two points


def apart(depth: Depth, first: Point, second: Point, focal_px: float | None) -> str:
    """How far two points are from each other; without the camera, how much farther one is than the other."""
    metres = [seen["metres"] for seen in at(depth, [first, second])]
    if None in metres:
        return "no depth at one of the points"
    if focal_px is None:
        far = metres[1] - metres[0]
        side = "farther away than" if far >= 0 else "nearer than"
        return f"the second point is {number(abs(far))} m {side} the first; {CAMERA}"
    ends = [in_space(depth, point, value, focal_px) for point, value in zip((first, second), metres, strict=True)]
    return f"{number(float(np.linalg.norm(ends[1] - ends[0])))} m apart"


def in_space(depth: Depth, point: Point, metres: float, focal_px: float) -> Float[np.ndarray, "3"]:
    """A point of the photo in meters: +x right, +y up, +z to the viewer; a pinhole camera whose axis goes through the
    middle of the picture."""
    if not 0 < focal_px < math.inf:
        raise UsageError(f"the focal length must be above 0 pixels, not {focal_px:g}")
    width, height = depth.size
    x, y = point
    return np.array([(x - width / 2) * metres / focal_px, (height / 2 - y) * metres / focal_px, -metres])

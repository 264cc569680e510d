"""What people get who ask: a line for them, and the same in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plantain._shapes import Bool
from plantain.answers.words import sureness
from plantain.predictions.types import Prediction
from plantain.tasks.language.english import plain
from plantain.tasks.language.plan import Plan, Want, once


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a text. `print(answer)` is one line.

    `said`: that line without how sure it is. `value`, by what is `want`ed, None where nothing was found:

    - distance, size: a length in `unit`; `interval` holds the 16 to 84 % range
    - compare: the names, nearest first
    - count: a whole number; `interval` holds the 16 to 84 % range
    - where: a box (left, top, right, bottom in pixels) of one thing, a tuple of boxes of things that may be many
    - presence: True or False
    - map: the Prediction, or the normals (h w 3) in OpenCV's frame
    - disparity: 0..1 (h w), 1 = nearest; cutout: RGBA (h w 4, uint8); point-cloud: points (n 3) in `unit`

    `confidence` is the probability (0..1) that the answer is right, as far as the model's calibration reaches. Several
    questions, or several names in one, are `parts`: then `value` holds those of the parts, and `confidence` is the
    lowest. `predictions` are what was read from the paintings, each once. `notes`: what was mended, dropped or taken
    for granted in the text. `gated`: not sure enough, so that there is no value. `planner`: what a language model made
    of the text, where one was asked. `mask`: of the one thing that a point cloud is of."""

    said: str
    value: Any
    unit: str | None
    interval: tuple[float, float] | None
    confidence: float
    predictions: tuple[Prediction, ...]
    want: Want | None = None
    names: tuple[str, ...] = ()
    parts: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    gated: bool = False
    planner: Mapping[str, Any] | None = None
    mask: Bool[np.ndarray, "h w"] | None = None

    @property
    def presence(self) -> float | None:
        """How probable it is that what the answer is about is in the photo: the least of its names; None where the
        model does not say."""
        known = {plain(name): chance for one in self.predictions for name, chance in (one.presence or {}).items()}
        named = [known[name] for name in map(plain, self.names) if name in known]
        return min(named or known.values(), default=None)

    @property
    def text(self) -> str:
        """The line for people, with how sure it is."""
        if self.parts:
            return "; ".join(part.text for part in self.parts)
        return self.said if self.gated else f"{self.said}, {sureness(self.confidence)}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Answer({self.text!r})"

    def to_json(self) -> dict[str, Any]:
        """The answer as JSON can hold it, what people use first in front.

        An array or a Prediction is None there; `shape` says how large the array is. `presence`: how probable it is
        that each thing is in the photo; `parts` only where there are several."""
        more: dict[str, Any] = {}
        if isinstance(self.value, np.ndarray):
            more["shape"] = list(self.value.shape)
        present: dict[str, float] = {}
        for name, chance in ((n, p) for one in self.predictions for n, p in (one.presence or {}).items()):
            present[plain(name)] = max(float(f"{chance:.6g}"), present.get(plain(name), 0.0))
        more |= {"presence": present} if present else {}
        more |= {"parts": [part.to_json() for part in self.parts]} if self.parts else {}
        more |= {"gated": True} if self.gated else {}
        more |= {"notes": list(self.notes)} if self.notes else {}
        more |= {"planner": dict(self.planner)} if self.planner else {}
        return {
            "text": self.text,
            "value": _plain(self.value),
            "unit": self.unit,
            "interval": _plain(self.interval),
            "confidence": _plain(self.confidence),
            "want": self.want,
            "names": list(self.names),
            **more,
        }


def together(parts: Sequence[Answer], plan: Plan) -> Answer:
    """The answers to the questions of a plan as one; one answer by itself, with what was said of the text."""
    wants, units = {part.want for part in parts}, {part.unit for part in parts}
    return Answer(
        said="; ".join(part.said for part in parts),
        value=tuple(part.value for part in parts) if len(parts) > 1 else parts[0].value,
        unit=units.pop() if len(units) == 1 else None,
        interval=parts[0].interval if len(parts) == 1 else None,
        confidence=min(part.confidence for part in parts),
        predictions=tuple({id(one): one for part in parts for one in part.predictions}.values()),
        want=wants.pop() if len(wants) == 1 else None,
        names=tuple(once(name for part in parts for name in part.names)),
        parts=tuple(parts) if len(parts) > 1 else (),
        notes=plan.notes,
        gated=any(part.gated for part in parts),
        planner=plan.planner,
        mask=parts[0].mask if len(parts) == 1 else None,
    )


def _plain(value: Any) -> Any:
    """What JSON can hold, numbers with six digits; None for arrays and predictions."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str):
        return value
    return float(f"{value:.6g}") if isinstance(value, float) else None

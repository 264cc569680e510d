"""A question about the mirrored photo, and its painting turned back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from plantain._shapes import Shaped
from plantain.tasks.base import Task

Question = TypeVar("Question", bound=Task)
SIDES = re.compile(r"(?<![^\W_])(?:left|right)(?=[\W_]|most|ward|hand|$)", re.IGNORECASE)
OTHER = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT", "RIGHT": "LEFT"}
SIDEWAYS = {"normals-vb/1": 0, "normals-gl/1": 0}  # the channel of a direction across the photo, by the code's id


def mirrored_words(text: str) -> str:
    """The same words about the mirrored photo.

    >>> mirrored_words("left_ankle"), mirrored_words("the leftovers right of the leftmost plate")
    ('right_ankle', 'the leftovers left of the rightmost plate')
    """
    return SIDES.sub(lambda found: OTHER.get(found[0], found[0]), text)


def mirrored(task: Question) -> Question:
    """The same question about the mirrored photo, in the same colors: what is named left is right there."""
    record: dict[str, Any] = _mirrored(task.record())
    return type(task).from_record(record | {"code": task.code})


def _mirrored(value: Any) -> Any:
    if isinstance(value, str):
        return mirrored_words(value)
    if isinstance(value, Mapping):
        return {_mirrored(key): _mirrored(item) for key, item in value.items()}
    return type(value)(map(_mirrored, value)) if isinstance(value, list | tuple) else value


def turned_back(task: Task, painting: Shaped[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "h w 3"]:
    """What was painted of the mirrored photo, as a painting of the photo itself."""
    back = painting[:, ::-1].copy()
    if (channel := SIDEWAYS.get(task.code_id)) is not None:
        back[..., channel] = (255 if back.dtype == np.uint8 else 1) - back[..., channel]
    return back

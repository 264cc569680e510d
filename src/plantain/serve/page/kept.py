"""Answers that lie ready for those who asked, so that they can be pointed at, compared and downloaded."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.answers.types import Answer
from plantain.errors import UsageError
from plantain.output.formats import focal_of
from plantain.predictions.types import Depth, Prediction

ROOM = 768 * 2**20  # bytes of all answers together; the oldest go first


@dataclass(frozen=True, eq=False)
class KeptAnswer:
    """An answer with its photo. `owner`: whose key asked; `stem`: how its files are called; `names`: who gave each of
    the predictions, where several did; `focal_px`: of the camera, where it is known."""

    owner: str
    stem: str
    photo: UInt8[np.ndarray, "h w 3"]
    answer: Answer
    model: str
    seconds: float = 0.0
    names: tuple[str, ...] = ()
    focal_px: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.photo.shape[1], self.photo.shape[0]

    @property
    def predictions(self) -> tuple[Prediction, ...]:
        return self.answer.predictions

    @property
    def depth(self) -> Depth | None:
        """The metric depth, if it was painted."""
        return next((one for one in self.predictions if isinstance(one, Depth) and one.scale == "metric"), None)

    def of_camera(self, fov_deg: float | None) -> KeptAnswer:
        """With the camera that is said, horizontal degrees. UsageError for one that makes no sense."""
        return self if not fov_deg else replace(self, focal_px=focal_of(self.size[0], None, fov_deg))

    @property
    def bytes(self) -> int:
        return self.photo.nbytes + sum(_bytes(one) for one in self.predictions)


class KeptAnswers:
    """The newest answers, by a number that nobody can guess."""

    def __init__(self, room: int = ROOM) -> None:
        self.room, self._kept, self._lock = room, OrderedDict[str, KeptAnswer](), Lock()

    def put(self, kept: KeptAnswer) -> str:
        """Keeps an answer, and lets go of the oldest while there is too little room; the newest always stays."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = kept
            while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > self.room:
                self._kept.popitem(last=False)
        return name

    def replace(self, name: str, kept: KeptAnswer) -> None:
        """Another version of an answer that is there, such as one with a camera."""
        with self._lock:
            if name in self._kept:
                self._kept[name] = kept

    def get(self, name: Any, owner: str) -> KeptAnswer:
        """UsageError for what is not there any more, or is somebody else's."""
        with self._lock:
            kept = self._kept.get(name) if isinstance(name, str) else None
            if kept is None or kept.owner != owner:
                raise UsageError("this answer is not kept any more; ask again")
            self._kept.move_to_end(name)
            return kept


def _bytes(answer: Prediction) -> int:
    """Of the arrays of an answer, and of its painting."""
    arrays: Sequence[Any] = [getattr(answer, one.name) for one in fields(answer)]
    own = sum(one.nbytes for one in arrays if isinstance(one, np.ndarray))
    return own + (answer.painting.pixels.nbytes if answer.painting is not None else 0)

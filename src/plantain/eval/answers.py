"""Answers that are kept, so that nobody is asked twice: paintings of painters as PNG, answers of specialists as arrays.

A run's folder holds them under the hash of what was asked. `replay=True` asks nobody: what is not kept is an error.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from plantain.errors import PainterError, TruthError
from plantain.imaging.photo import read_photo
from plantain.models.painters.cached import Cached
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.npz import from_npz, to_npz
from plantain.predictions.types import Prediction
from plantain.tasks import Task


class CachedSpecialist:
    """A specialist whose answers are kept in `folder`, with the confidence that the network states."""

    def __init__(self, expert: Any, folder: Path, replay: bool) -> None:
        self.expert, self.folder, self.replay, self.name = expert, folder, replay, expert.name

    def predict(self, photo: Any, task: Task, **options: Any) -> Prediction:
        """The kept answer, or the specialist's, which is then kept."""
        pixels = read_photo(photo)
        path = self._path(pixels, task)
        if path.exists():
            answer = read_kept(path)
        elif self.replay:
            raise PainterError("this answer is not kept in the run's folder; run the benchmark again")
        else:
            answer = self.expert.stated(pixels, task)
            to_npz(answer, path, exact=True)
        set_right: Prediction = self.expert.calibrated(answer)
        return set_right

    def _path(self, pixels: np.ndarray, task: Task) -> Path:
        digest = hashlib.sha256(repr((self.name, task.prompt(), pixels.shape)).encode() + pixels.tobytes()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}.npz"


def keep(answerer: Any, folder: Path, replay: bool = False) -> Any:
    """A Predictor or specialist whose answers are kept below `folder`."""
    if isinstance(answerer, PainterPredictor):
        return PainterPredictor(Cached(answerer, folder / "paintings", replay=replay))
    return CachedSpecialist(answerer, folder / "answers", replay)


def read_kept(path: Path) -> Prediction:
    """An answer of the run's folder. PainterError for a damaged file."""
    try:
        answer: Prediction = from_npz(path)
    except TruthError as error:
        raise PainterError(f"a kept answer is damaged ({error}); remove the run's folder 'answers'") from error
    return answer

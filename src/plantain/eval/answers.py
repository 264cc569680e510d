"""Answers that are kept, so that no model is asked twice: paintings as PNG, answers of specialists as arrays.

A run's folder holds them under a hash of what was asked. `replay=True` asks no model: what is not kept is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, TruthError
from plantain.models.identity import digest
from plantain.models.painters.cached import Cached
from plantain.pipeline.predictor import PainterPredictor, Predictor, SpecialistPredictor
from plantain.predictions.npz import from_npz, to_npz
from plantain.predictions.types import Prediction
from plantain.tasks import Task


class CachedSpecialist(SpecialistPredictor):
    """A specialist whose answers are kept in `folder`, without calibration."""

    def __init__(self, predictor: SpecialistPredictor, folder: Path, replay: bool) -> None:
        super().__init__(predictor.specialist, predictor.calibration)
        self.folder, self.replay = folder, replay

    def uncalibrated(self, photo: UInt8[np.ndarray, "h w 3"], task: Task) -> Prediction:
        """The kept answer, or the specialist's, which is then kept. PainterError for a damaged or a lost one."""
        name = digest([self.identity.to_json() | {"decoding": None}, task.prompt(), photo])
        path = self.folder / name[:2] / f"{name[2:]}.npz"
        if path.exists():
            return read_kept(path)
        if self.replay:
            raise PainterError(f"this answer is not kept in {self.folder}; run it again")
        answer = super().uncalibrated(photo, task)
        to_npz(answer, path, exact=True)
        return answer


def with_cache(model: Any, folder: Path, replay: bool = False) -> Predictor:
    """The model with its answers kept below `folder`."""
    if isinstance(model, PainterPredictor):
        return PainterPredictor(Cached(model, folder / "paintings", replay=replay))
    return CachedSpecialist(model, folder / "answers", replay)


def read_kept(path: Path) -> Prediction:
    """An answer of the run's folder. PainterError for a damaged file."""
    try:
        answer: Prediction = from_npz(path)
    except TruthError as error:
        raise PainterError(f"a kept answer is damaged ({error}); remove the run's folder 'answers'") from error
    return answer

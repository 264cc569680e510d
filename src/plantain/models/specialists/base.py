"""What every specialist is: a name, the tasks that it supports, and one method."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.files import read_text
from plantain.models.base import Model, lazy
from plantain.models.identity import Identity, digest, weights_hash
from plantain.models.specialists.outputs import SpecialistOutput
from plantain.predictions.calibration import Fit, read
from plantain.predictions.types import Prediction

NO_SETTINGS = ("self", "weights", "device", "threads")  # options that change no answer, or have a hash of their own
CALIBRATIONS = Path(__file__).parent / "calibration"


class Specialist(Model):
    """Subclasses set `name` and `supported_tasks` (task name -> what is answered there, in words) and write `infer`,
    or `infer_for` where the output hangs on the question."""

    name: str
    supported_tasks: Mapping[str, str]
    weights: Path | None = None

    def __init__(self) -> None:
        self._last: tuple[np.ndarray, SpecialistOutput] | None = None

    @lazy
    def identity(self) -> Identity:
        """Name, hash of the files of weights, and every option it was made with that may change an answer."""
        named = inspect.signature(type(self).__init__).parameters
        settings = {key: vars(self)[key] for key in named if key in vars(self) and key not in NO_SETTINGS}
        return Identity(self.name, self.revision, self.hash_of_weights(), settings=digest(settings) if settings else "")

    @property
    def revision(self) -> str:
        """Of weights that lie on a hub."""
        return ""

    def hash_of_weights(self) -> str:
        return weights_hash([self.weights] if self.weights else [])

    @lazy
    def calibration(self) -> Mapping[str, Fit]:
        """What sets the confidence of its answers right, by task."""
        return read(CALIBRATIONS / f"{self.name}.json")

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        """The answer at the photo's size, to a supported task. UsageError for a name that is not known;
        PainterError where the network itself fails."""
        try:
            output = self.infer_for(photo, task)
        except PlantainError:
            raise
        except Exception as error:  # a network is other people's code
            raise PainterError(f"the specialist {self.name!r} failed: {type(error).__name__}: {error}") from error
        return replace(output.answer(task), task=task.name)

    def infer_for(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> SpecialistOutput:
        """The network's output for a question: here the same for all, and remembered for the last photo."""
        if self._last is None or not np.array_equal(self._last[0], photo):
            self._last = photo.copy(), self.infer(photo)
        return self._last[1]

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        """The network's output for a photo."""
        raise NotImplementedError


def read_spec(path: str | Path) -> dict[str, Any]:
    """What a TOML file says. UsageError for none."""
    try:
        return tomllib.loads(read_text(Path(path)))
    except OSError as error:
        raise UsageError(
            f"no spec at {path}; give a .toml file (the guide on specialists says what it holds)"
        ) from error
    except ValueError as error:
        raise UsageError(f"{path} is no TOML ({error})") from error


def located(weights: str | Path | None, file: str, name: str) -> Path:
    """The file of weights: given itself, or by its folder. UsageError where it is not there."""
    if weights is None:
        raise UsageError(f"{name} needs its weights: give the file {file}, or the folder it lies in, as weights")
    place = Path(weights)
    path = place / file if place.is_dir() else place
    if not path.is_file():
        raise UsageError(f"the weights of {name} are not at {path}; give the file {file}, or the folder it lies in")
    return path

"""Answers that are kept, so that nobody is asked twice: paintings of painters as PNG, answers of specialists as arrays.

A run's folder holds them under the hash of what was asked. `replay=True` asks nobody: what is not kept is an error.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from plantain.errors import PainterError, PlantainError
from plantain.files import writing
from plantain.imaging.photo import read_photo
from plantain.models.base import Painter
from plantain.models.painters.cached import Cached
from plantain.models.painting import Painting, Request
from plantain.pipeline.predictor import Predictor
from plantain.predictions.types import KINDS, Panoptic, Prediction
from plantain.tasks import Task

ALL_KINDS: Mapping[str, type[Prediction]] = KINDS | {"panoptic": Panoptic}


class Silent:
    """A painter that paints nothing: what stands behind the kept paintings when they are only read again."""

    def __init__(self, painter: Painter) -> None:
        self.name, self.codes, self.size = painter.name, painter.codes, painter.size
        self.calibration = getattr(painter, "calibration", {})

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """An error a request."""
        return [PainterError("this painting is not kept in the run's folder; run it again") for _ in requests]


class CachedSpecialist:
    """A specialist whose answers are kept in `folder`, with the confidence that the network states."""

    def __init__(self, expert: Any, folder: Path, replay: bool) -> None:
        self.expert, self.folder, self.replay, self.name = expert, folder, replay, expert.name

    def predict(self, photo: Any, task: Task, **options: Any) -> Prediction:
        """The kept answer, or the specialist's, which is then kept."""
        pixels = read_photo(photo)
        path = self._path(pixels, task)
        if path.exists():
            answer = unpack(path.read_bytes())
        elif self.replay:
            raise PainterError("this answer is not kept in the run's folder; run the benchmark again")
        else:
            answer = self.expert.answer(pixels, task)
            with writing(path) as stage:
                stage.write_bytes(pack(answer))
        set_right: Prediction = self.expert.calibrated(answer)
        return set_right

    def _path(self, pixels: np.ndarray, task: Task) -> Path:
        digest = hashlib.sha256(repr((self.name, task.prompt(), pixels.shape)).encode() + pixels.tobytes()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:]}.npz"


def keep(answerer: Any, folder: Path, replay: bool = False) -> Any:
    """A Predictor or specialist whose answers are kept below `folder`."""
    if isinstance(answerer, Predictor):
        painter: Painter = Silent(answerer.painter) if replay else answerer.painter
        kept: Any = Cached(painter, folder / "paintings")
        return Predictor(kept)
    return CachedSpecialist(answerer, folder / "answers", replay)


def pack(answer: Prediction) -> bytes:
    """An answer's fields as an .npz archive; the painting is not among them."""
    kind = "panoptic" if isinstance(answer, Panoptic) else answer.kind
    values = {f.name: getattr(answer, f.name) for f in fields(answer) if f.name != "painting"}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
    buffer = io.BytesIO()
    every: dict[str, Any] = arrays | {"__rest": np.array(json.dumps({"kind": kind} | rest))}
    np.savez_compressed(buffer, **every)
    return buffer.getvalue()


def unpack(content: bytes) -> Prediction:
    """What `pack` wrote. PainterError for a damaged file."""
    try:
        with np.load(io.BytesIO(content)) as stored:
            arrays = {name: stored[name] for name in stored.files}
        rest = json.loads(str(arrays.pop("__rest")))
        kind = ALL_KINDS[rest.pop("kind")]
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise PainterError(f"a kept answer is damaged ({error}); remove the run's folder 'answers'") from error
    return kind(**arrays, **{name: _tuples(value) for name, value in rest.items()})


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value

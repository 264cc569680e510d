"""What every painter is: a name, favourite codes, the sizes it can paint, and one method; and what a specialist is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PlantainError
from plantain.models.painting import Painting, Request
from plantain.predictions.types import Prediction


@runtime_checkable
class Painter(Protocol):
    """Any generator. One bad request never fails its batch: its place in the list holds the error.

    It may also have `calibration`: fits by task (`plantain.predictions.calibration`), which set the confidence of
    answers right.
    """

    name: str
    codes: Mapping[str, str]  # favourite code a task: {"metric-depth": "log-gray"}; {} = each task's default

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The legal canvas (width, height) that suits a photo of this size; the pipeline resizes or pads to it."""
        ...

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """One painting, or one error, for each request, in order."""
        ...


@runtime_checkable
class Specialist(Protocol):
    """A network made for one trade, which answers in numbers at once (`models/specialists`)."""

    name: str
    claims: Mapping[str, str]  # task -> what it claims there, in words

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        """The answer at the photo's size to a task that it claims; UsageError for names that it does not know."""
        ...

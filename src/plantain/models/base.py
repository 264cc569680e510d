"""What every model is: an identity, capabilities, and an end; and what painters are beyond that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np

from plantain.errors import PainterError, PlantainError
from plantain.models.identity import Identity
from plantain.models.painting import Painting, Request
from plantain.predictions.calibration import Fit

T = TypeVar("T")
SAME_SHAPE = 1.12  # of a canvas and the painting on it: their aspects may differ by so much


def lazy(function: Callable[[Any], T]) -> T:
    """An attribute that is worked out when it is first asked for: `functools.cached_property`, for type checkers an
    attribute like any other."""
    return cast(T, cached_property(function))


@dataclass(frozen=True)
class Capabilities:
    """What a painter can take at once, and what it gives.

    `max_images`: of a request, the query photo among them. `batch`: requests of one call at most; `mixed_batch`:
    whether they may be about different photos. `concurrency`: calls at the same time, each from a thread of its own.
    `float_output`: paintings are float32, not yet rounded. `deterministic`: equal requests give equal paintings."""

    max_images: int = 1
    batch: int = 1
    mixed_batch: bool = True
    concurrency: int = 1
    float_output: bool = False
    deterministic: bool = True


class Closable:
    """A context manager that is closed at its end."""

    def note(self) -> str:
        """What people should know at the end of a run, as what it cost; "" for nothing."""
        return ""

    def close(self) -> None:
        """Lets go of memory, connections, processes; afterwards it answers no more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Model(Closable):
    """What painters and specialists share.

    `identity`: who this is, to the last weight. `calibration`: what sets the confidence of its answers right, by task
    (`plantain.predictions.calibration`)."""

    identity: Identity
    capabilities: Capabilities = Capabilities()
    calibration: Mapping[str, Fit] = MappingProxyType({})


class Painter(Model):
    """Any generator: a subclass says its `identity`, the canvases it can paint on, and how it paints.

    `codes`: its favorite color code of a task, {"metric-depth": "log-gray"}; {} = each task's default. `parts`: by
    task, of what share of the photo's sides the four overlapping parts are that high quality paints besides the whole;
    a task that gains nothing by them is not there, and is painted as usual."""

    codes: Mapping[str, str] = MappingProxyType({})
    parts: Mapping[str, float] = MappingProxyType({})

    def check(self, task: Any) -> None:
        """UsageError for a question that it cannot answer; most painters can answer any."""

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """The legal canvas (width, height) that suits a photo of this size; the pipeline resizes or pads to it."""
        raise NotImplementedError

    def paint(self, requests: Sequence[Request]) -> Sequence[Painting | PlantainError]:
        """One painting, or one error, for each request, in order: a bad request does not fail its batch.

        PainterGone says that nothing can be painted any more."""
        raise NotImplementedError


class PainterWrapper(Painter):
    """A painter around another one, whose canvas, codes, capabilities and calibration it has."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.codes, self.calibration = painter, painter.codes, painter.calibration
        self.capabilities, self.parts = painter.capabilities, painter.parts

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        return self.painter.canvas(width, height)

    def note(self) -> str:
        return self.painter.note()

    def close(self) -> None:
        self.painter.close()


def accepted(made: object, request: Request, identity: Identity) -> Painting | PlantainError:
    """What came back for a request, signed by its painter; a PainterError where it is no painting of that canvas.

    Another size is accepted where its shape is the canvas's, within 12 %: hosted painters round as they like."""
    if isinstance(made, PlantainError):
        return made
    if not isinstance(made, Painting):
        return _wrong(identity, f"a {type(made).__name__} where a Painting was wanted")
    pixels: object = made.pixels
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        return _wrong(identity, f"pixels of shape {getattr(pixels, 'shape', None)} where (height, width, 3) was wanted")
    if pixels.dtype not in (np.uint8, np.float32):
        return _wrong(identity, f"pixels of {pixels.dtype} where uint8 or float32 in 0..1 was wanted")
    height, width = pixels.shape[:2]
    if request.images and not 1 / SAME_SHAPE <= (width / height) / (request.size[0] / request.size[1]) <= SAME_SHAPE:
        return _wrong(identity, f"{width} x {height} pixels for a canvas of {request.size[0]} x {request.size[1]}")
    return made.answering(request, identity)


def _wrong(identity: Identity, what: str) -> PainterError:
    return PainterError(f"the painter {identity.name!r} gave {what}")

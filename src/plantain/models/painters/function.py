"""A callable as a painter: thirty lines between any generator that somebody has at hand and every task.

>>> import numpy as np, plantain
>>> white = plantain.load("function", paint=lambda photo, prompt, seed: np.full_like(photo, 255))
>>> bool(white.predict(np.zeros((8, 8, 3), np.uint8), "metric depth").valid.any())
False
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import CodeType
from typing import Any

import numpy as np

from plantain.errors import PainterError, PlantainError, UnknownName, UsageError
from plantain.imaging.photo import read_photo
from plantain.models.base import Capabilities, Painter
from plantain.models.identity import Identity, digest
from plantain.models.painting import Painting, Request, Usage
from plantain.models.specialists.base import Specialist

PLAIN = str | bytes | int | float | np.ndarray | None  # values that a hash tells apart


class Function(Painter):
    """`paint(photo, prompt, seed)` gives a picture: an array (uint8, or float 0..1) or a PIL image. `photo` is uint8
    h w 3, or None for a picture from words alone. `multiple` is what the sides of the canvas must be multiples of, and
    `side` the longest one; `concurrency` says how many calls may run at once; `revision` tells apart what the
    callable's own code does not (other weights behind the same lines)."""

    codes: Mapping[str, str]

    def __init__(
        self,
        paint: Callable[[Any, str, int], Any],
        *,
        name: str = "function",
        codes: Mapping[str, str] | None = None,
        multiple: int = 1,
        side: int | None = None,
        concurrency: int = 1,
        revision: str = "",
    ) -> None:
        self.call, self.codes = paint, dict(codes or {})
        self.multiple, self.side = multiple, side
        self.capabilities = Capabilities(concurrency=concurrency, float_output=True)
        self.identity = Identity(name, revision=revision, settings=digest([code_of(paint), multiple, side]))

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """The photo's size, shrunk to `side` and rounded to `multiple`."""
        scale = min(1.0, (self.side or 1 << 30) / max(width, height))
        across, down = (max(1, round(v * scale / self.multiple)) * self.multiple for v in (width, height))
        return across, down

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """Calls once a request; whatever the callable raises becomes the error of that request alone."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Painting | PlantainError:
        start = time.perf_counter()
        try:
            made = self.call(request.photo, request.prompt, request.seed)
            pixels = made.astype(np.float32) if _is_float_rgb(made) else read_photo(made)
        except PlantainError as error:
            return error if isinstance(error, PainterError) else self._failed(error)
        except Exception as error:  # it is somebody's code: anything may come
            return self._failed(error)
        return Painting(pixels, usage=Usage(time.perf_counter() - start))

    def _failed(self, error: Exception) -> PainterError:
        return PainterError(f"the painter {self.identity.name!r} failed: {type(error).__name__}: {error}")


def from_place(place: str, **options: Any) -> Any:
    """The painter of a callable by its place, "package.module:function", looked for in the current folder too; of a
    class of painters or specialists one made with the options. UsageError where there is none."""
    module, name = place.split(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        loaded = import_module(module)
    except Exception as error:  # it is somebody's code: anything may come
        raise UsageError(f"the model {place!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not hasattr(loaded, name):
        raise UnknownName(f"function of {module}", name, [one for one, it in vars(loaded).items() if callable(it)])
    made = getattr(loaded, name)
    if not callable(made):
        raise UsageError(f"{place!r} is no function; wanted one that takes photo, prompt and seed and gives a picture")
    whole = isinstance(made, type) and issubclass(made, Painter | Specialist)
    try:
        return made(**options) if whole else Function(made, **{"name": name, **options})
    except TypeError as error:
        raise UsageError(f"the model {place!r} cannot be made with these options: {error}") from error


def _is_float_rgb(made: Any) -> bool:
    """Whether a picture is RGB in 0..1, which is decoded as it is; anything else goes through 8 bits."""
    fits = isinstance(made, np.ndarray) and made.dtype.kind == "f" and made.ndim == 3 and made.shape[2] == 3
    return fits and 0 not in made.shape and bool((made >= 0).all() and (made <= 1).all())


def code_of(call: Any) -> list[Any]:
    """A callable's code, as far as it can be told: its name and, of Python functions, instructions and plain values."""
    said = [getattr(call, "__module__", ""), getattr(call, "__qualname__", type(call).__qualname__)]
    function = call if hasattr(call, "__code__") else type(call).__call__
    if not hasattr(function, "__code__"):
        return said
    held = [*(function.__defaults__ or ()), *(cell.cell_contents for cell in function.__closure__ or ())]
    return [*said, _instructions(function.__code__), [one for one in held if isinstance(one, PLAIN)]]


def _instructions(code: CodeType) -> list[Any]:
    """What a function does, with its constants and those of the functions inside it; the same in every process."""
    constants = [
        _instructions(one) if isinstance(one, CodeType)
        else sorted(map(repr, one)) if isinstance(one, frozenset) else repr(one)
        for one in code.co_consts
    ]  # fmt: skip
    return [code.co_code.hex(), code.co_names, constants]

"""A callable as a painter: thirty lines between any generator that somebody has at hand and every task.

>>> import numpy as np, plantain
>>> white = plantain.load("function", paint=lambda photo, prompt, seed: np.full_like(photo, 255))
>>> bool(white.predict(np.zeros((8, 8, 3), np.uint8), "metric depth").valid.any())
False
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plantain.errors import PainterError, PlantainError
from plantain.imaging.photo import read_photo
from plantain.models.painting import Painting, Request


class Function:
    """`paint(photo, prompt, seed)` gives a picture: an array (uint8, or float 0..1) or a PIL image. `photo` is uint8
    h w 3, or None for a picture from words alone. `multiple` is what the sides of the canvas must be multiples of, and
    `side` the longest one."""

    def __init__(
        self, paint: Callable[[Any, str, int], Any], *, name: str = "function", codes: Mapping[str, str] | None = None,
        multiple: int = 1, side: int | None = None,
    ) -> None:  # fmt: skip
        self.call, self.name, self.codes = paint, name, dict(codes or {})
        self.multiple, self.side = multiple, side

    def size(self, width: int, height: int) -> tuple[int, int]:
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
            rgb = read_photo(self.call(request.photo, request.prompt, request.seed))
        except Exception as error:  # it is somebody's code: anything may come
            return PainterError(f"the painter {self.name!r} failed: {type(error).__name__}: {error}")
        return Painting(rgb, self.name, request.prompt, request.seed, time.perf_counter() - start)

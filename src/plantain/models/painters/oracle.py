"""The oracle paints a truth that it was given, degraded as one likes: a test double, and the codec table's source."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from plantain._shapes import Float, UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.imaging.photo import read_photo
from plantain.models.base import Capabilities, Painter, lazy
from plantain.models.identity import Identity, digest
from plantain.models.painting import Painting, Request
from plantain.predictions.resample import nearest


class Oracle(Painter):
    """Paints `truth`: a kind (encoded as the prompt asks), or a finished painting (h w 3, uint8).

    Degraded, in this order, by `shift` pixels right and down, Gaussian `blur` (sigma, pixels), `gain` (factor) and
    `hue` (degrees) drift, `noise` (sigma, 8-bit levels; by the request's seed), `jpeg` (quality)."""

    codes: Mapping[str, str]
    capabilities = Capabilities(batch=16)

    def __init__(
        self,
        truth: Any = None,
        *,
        noise: float = 0,
        blur: float = 0,
        gain: float = 1,
        hue: float = 0,
        shift: float = 0,
        jpeg: int | None = None,
        codes: Mapping[str, str] | None = None,
    ) -> None:
        if truth is None:
            raise UsageError("the oracle paints what it is given; in Python: plantain.load('oracle', truth=...)")
        self.truth, self.codes = truth, dict(codes or {})
        self.noise, self.blur, self.gain, self.hue, self.shift, self.jpeg = noise, blur, gain, hue, shift, jpeg

    @lazy
    def identity(self) -> Identity:
        degradations = [self.noise, self.blur, self.gain, self.hue, self.shift, self.jpeg]
        return Identity("oracle", settings=digest([self.truth, *degradations]))

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """Any size is legal."""
        return width, height

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """One degraded painting a request."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Painting | PlantainError:
        from plantain.tasks.language.parsing import parse

        try:
            rgb = self.truth if isinstance(self.truth, np.ndarray) else parse(request.prompt).encode(self.truth)
        except PlantainError as error:
            return PainterError(f"the oracle cannot paint this: {error}")
        return Painting(self.degraded(nearest(rgb, request.size), request.seed))

    def degraded(self, rgb: UInt8[np.ndarray, "h w 3"], seed: int) -> UInt8[np.ndarray, "h w 3"]:
        """The painting after all that may happen to it."""
        image = Image.fromarray(rgb)
        if self.shift:
            move = (1, 0, -self.shift, 0, 1, -self.shift)
            flat = Image.Resampling.BILINEAR
            image = image.transform(image.size, Image.Transform.AFFINE, move, flat, fillcolor=tuple(rgb[0, 0].tolist()))
        if self.blur:
            image = image.filter(ImageFilter.GaussianBlur(self.blur))
        levels = np.asarray(image, np.float64)
        if self.hue:
            levels = levels @ _turned(self.hue).T
        levels = levels * self.gain
        if self.noise:
            levels = levels + np.random.default_rng(seed).normal(0, self.noise, levels.shape)
        out = np.round(levels).clip(0, 255).astype(np.uint8)
        return out if self.jpeg is None else _squeezed(out, self.jpeg)


def _turned(degrees: float) -> Float[np.ndarray, "3 3"]:
    """Rotation of RGB about the gray axis. Source: Rodrigues' formula."""
    angle, axis = np.radians(degrees), np.ones(3) / np.sqrt(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _squeezed(rgb: UInt8[np.ndarray, "h w 3"], quality: int) -> UInt8[np.ndarray, "h w 3"]:
    """Through JPEG and back, colors at half resolution as most writers do."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return read_photo(buffer.getvalue())

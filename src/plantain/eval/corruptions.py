"""Corruptions of a photo, in five severities, without moving a pixel, so that the truth stays true.

    corrupt = Corruption.parse("fog:3")
    corrupt(photo, np.random.default_rng(0))

Named after ImageNet-C (arXiv 1903.12261), written anew; fog is Koschmieder's law over the scene's own depth.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from plantain._shapes import Float, UInt8
from plantain.errors import PlantainError, UnknownName, UsageError
from plantain.models.base import Painter, PainterWrapper
from plantain.models.painting import Painting, Request

Rng = np.random.Generator
WORST = 5


def noise(photo: np.ndarray, sigma: float, rng: Rng, depth: Any) -> np.ndarray:
    """Gaussian, `sigma` in 8-bit levels."""
    return photo + rng.normal(0, sigma, photo.shape)


def blur(photo: np.ndarray, share: float, rng: Rng, depth: Any) -> np.ndarray:
    """Out of focus: Gaussian, sigma as a share of the shorter side."""
    image = Image.fromarray(photo.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(share * min(image.size))), float)


def motion(photo: np.ndarray, share: float, rng: Rng, depth: Any) -> np.ndarray:
    """The camera moved: a line of this share of the shorter side, in any direction, the middle stays."""
    return smeared(photo, max(3, round(share * min(photo.shape[:2]))), rng.uniform(0, np.pi))


def jpeg(photo: np.ndarray, quality: float, rng: Rng, depth: Any) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(photo.astype(np.uint8)).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer), float)


def dark(photo: np.ndarray, light: float, rng: Rng, depth: Any) -> np.ndarray:
    """Little light: a share of it reaches the sensor, whose photons are counted (200 at full light), then gamma 2.2."""
    linear = (photo / 255) ** 2.2 * light
    return 255 * (rng.poisson(linear * 200) / 200).clip(0, 1) ** (1 / 2.2)


def contrast(photo: np.ndarray, left: float, rng: Rng, depth: Any) -> np.ndarray:
    mean = photo.mean((0, 1))
    return mean + (photo - mean) * left


def fog(photo: np.ndarray, density: float, rng: Rng, depth: Any) -> np.ndarray:
    """Light falls off with depth, and white takes its place; `density` a median depth of the scene."""
    through = np.exp(-density * (ramp(photo.shape) if depth is None else depth / np.median(depth)))[..., None]
    return photo * through + 225 * (1 - through)


def rain(photo: np.ndarray, share: float, rng: Rng, depth: Any) -> np.ndarray:
    """Bright streaks, nearly upright, on a duller picture."""
    drops = (rng.random(photo.shape[:2]) < share).astype(float)[..., None]
    length = max(5, photo.shape[0] // 14)
    streaks = smeared(drops, length, rng.uniform(1.3, 1.84)) * length
    return photo * (1 - 4 * share) * (1 - 0.5 * streaks.clip(0, 1)) + 200 * 0.5 * streaks.clip(0, 1)


def snow(photo: np.ndarray, share: float, rng: Rng, depth: Any) -> np.ndarray:
    """Soft white flakes, near ones larger, and a whiter picture."""
    out = photo * (1 - share) + 235 * share
    for size in (0.004, 0.008, 0.014):
        sigma = max(0.6, size * min(photo.shape[:2]))
        flakes = (rng.random(photo.shape[:2]) < share * 0.03 / sigma**2).astype(np.float32)
        image = Image.fromarray(flakes * 255, mode="F").convert("L").filter(ImageFilter.GaussianBlur(sigma))
        cover = (np.asarray(image, float) / 255 * 2 * np.pi * sigma**2).clip(0, 1)[..., None]
        out = out * (1 - cover) + 250 * cover
    return out


def dirt(photo: np.ndarray, share: float, rng: Rng, depth: Any) -> np.ndarray:
    """Smudges on the lens, blurred and brownish, and among them some that let nothing through."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width]
    cover = np.zeros((height, width))
    for _ in range(12):
        radius = np.sqrt(share * height * width / 12 / np.pi) * rng.uniform(0.6, 1.3)
        away = np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width)) / radius
        cover = np.maximum(cover, rng.uniform(0.55, 1.0) / (1 + np.exp(8 * (away - 1))))
    return photo * (1 - cover[..., None]) + np.array((58.0, 50, 40)) * cover[..., None]


def cast(photo: np.ndarray, strength: float, rng: Rng, depth: Any) -> np.ndarray:
    """The light has a color: one channel more, another less."""
    gain = np.ones(3)
    up, down = rng.permutation(3)[:2]
    gain[up], gain[down] = 1 + strength, 1 - strength
    return photo * gain


LEVELS: Mapping[str, tuple[Callable[..., np.ndarray], tuple[float, ...]]] = {  # the five severities of each
    "noise": (noise, (8, 16, 26, 38, 54)),
    "blur": (blur, (0.004, 0.008, 0.013, 0.02, 0.03)),
    "motion": (motion, (0.02, 0.035, 0.055, 0.08, 0.11)),
    "jpeg": (jpeg, (25, 18, 12, 8, 5)),
    "dark": (dark, (0.4, 0.2, 0.1, 0.05, 0.025)),
    "contrast": (contrast, (0.6, 0.45, 0.3, 0.2, 0.1)),
    "fog": (fog, (0.3, 0.6, 1.0, 1.5, 2.2)),
    "rain": (rain, (0.004, 0.008, 0.014, 0.022, 0.035)),
    "snow": (snow, (0.05, 0.1, 0.17, 0.26, 0.38)),
    "dirt": (dirt, (0.03, 0.06, 0.11, 0.18, 0.28)),
    "cast": (cast, (0.1, 0.2, 0.3, 0.42, 0.55)),
}


PAINTED: Mapping[str, tuple[float, ...]] = {  # corruptions of a painter rather than a photo
    "painting-jpeg": (95, 90, 80, 60, 40),  # quality
    "aspect": (1.15, 1.3, 1.5, 1.8, 2.2),  # how much wider than the photo the canvas is
}


@dataclass(frozen=True)
class Corruption:
    """One of LEVELS or PAINTED at a severity of 1 to 5.

    >>> Corruption.parse("fog:3")
    Corruption(name='fog', severity=3)
    """

    name: str
    severity: int

    def __post_init__(self) -> None:
        if self.name not in {**LEVELS, **PAINTED}:
            raise UnknownName("corruption", self.name, [*LEVELS, *PAINTED])
        if self.severity not in range(1, WORST + 1):
            raise UsageError(f"a severity is 1 to {WORST}, not {self.severity}")

    @classmethod
    def parse(cls, text: str) -> Corruption:
        """From "name:severity"; the severity is 3 where it is not said."""
        name, _, severity = text.partition(":")
        if severity and not severity.isdigit():
            raise UsageError(f"a corruption is NAME:SEVERITY, as in fog:3, not {text!r}")
        return cls(name.strip(), int(severity or 3))

    @property
    def of_painter(self) -> bool:
        """Whether it happens to the painter, and leaves the photo as it is."""
        return self.name in PAINTED

    def __call__(
        self, photo: UInt8[np.ndarray, "h w 3"], rng: Rng, depth: Float[np.ndarray, "h w"] | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The photo so spoiled. `depth`: of every pixel, any unit, for fog; without it a plain ground ahead."""
        if self.of_painter:
            return photo
        work, levels = LEVELS[self.name]
        spoiled = work(photo.astype(float), levels[self.severity - 1], rng, depth)
        return np.round(spoiled).clip(0, 255).astype(np.uint8)


class CorruptedPainter(PainterWrapper):
    """A painter to whom one of PAINTED happens."""

    def __init__(self, painter: Painter, change: Corruption) -> None:
        super().__init__(painter)
        self.change, self.level = change.name, PAINTED[change.name][change.severity - 1]
        settings = f"{painter.identity.settings}+{change.name}:{change.severity}"
        self.identity = replace(painter.identity, settings=settings)

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """The painter's own canvas, or one for a wider photo."""
        wider = self.level if self.change == "aspect" else 1.0
        return self.painter.canvas(round(width * wider), height)

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """The painter's paintings, through JPEG where that is what happens."""
        made = list(self.painter.paint(requests))
        return made if self.change == "aspect" else [self._squeezed(one) for one in made]

    def _squeezed(self, made: Painting | PlantainError) -> Painting | PlantainError:
        if not isinstance(made, Painting):
            return made
        rgb = jpeg(made.rgb, self.level, np.random.default_rng(0), None).astype(np.uint8)
        return replace(made, pixels=rgb)  # not marked as lossy: what is measured is what the decoders notice


def smeared(picture: np.ndarray, length: int, angle: float) -> np.ndarray:
    """The mean over a line of `length` pixels at an angle from the x axis, centered."""
    steps = np.arange(length) - (length - 1) / 2
    dx, dy = np.round(steps * np.cos(angle)).astype(int), np.round(steps * np.sin(angle)).astype(int)
    reach = length // 2 + 1
    padded = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = picture.shape[:2]
    places = zip(reach + dx, reach + dy, strict=True)
    shifted = [padded[y : y + height, x : x + width] for x, y in places]
    return np.mean(shifted, axis=0)


def ramp(shape: tuple[int, ...]) -> np.ndarray:
    """Depth of a plain ground under a horizon at a third of the height, as multiples of its median."""
    below = (np.arange(shape[0]) / shape[0] - 1 / 3).clip(0.12)
    away = np.repeat((1 / below)[:, None], shape[1], 1)
    return away / np.median(away)

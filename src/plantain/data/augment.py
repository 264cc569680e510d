"""What may happen to a photo in training while its truths stay true: other light and worse pictures, other crops."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.data.edits import blur
from plantain.data.views import View

Rng = np.random.Generator
WHOLE = 0.4  # share of views that show as much of a photo as its canvas allows
LEAST = 0.5  # of that, what a crop shows at least, along a side


def jittered(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast and color balance a little off; the truths do not change."""
    gain = rng.uniform(0.8, 1.25) * rng.uniform(0.93, 1.07, 3)
    return ((photo.astype(np.float32) - 128) * gain + 128 + rng.uniform(-20, 20)).clip(0, 255).astype(np.uint8)


def untouched(photo: UInt8[np.ndarray, "h w 3"], rng: Rng) -> UInt8[np.ndarray, "h w 3"]:
    """The photo as it is."""
    return photo


def compressed(photo: UInt8[np.ndarray, "h w 3"], rng: Rng) -> UInt8[np.ndarray, "h w 3"]:
    """JPEG at a quality of 30 to 90."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=int(rng.integers(30, 91)))
    return np.asarray(Image.open(buffer))


def grainy(photo: UInt8[np.ndarray, "h w 3"], rng: Rng) -> UInt8[np.ndarray, "h w 3"]:
    """Gaussian noise, sigma 2 to 12 levels."""
    noise = rng.normal(0, rng.uniform(2, 12), photo.shape)
    return (photo + noise).round().clip(0, 255).astype(np.uint8)


PHOTOMETRIC: tuple[tuple[float, Callable[[np.ndarray, Rng], np.ndarray]], ...] = (
    (0.4, untouched), (0.4, jittered), (0.08, compressed), (0.07, grainy), (0.05, blur),
)  # fmt: skip


def relit(photo: UInt8[np.ndarray, "h w 3"], rng: Rng) -> UInt8[np.ndarray, "h w 3"]:
    """The photo under one of PHOTOMETRIC's changes. No truth changes with it."""
    rows = [change for _, change in PHOTOMETRIC]
    return rows[rng.choice(len(rows), p=[share for share, _ in PHOTOMETRIC])](photo, rng)


def random_view(
    size: tuple[int, int], canvas: tuple[int, int], rng: Rng, mirror: float = 0.5, whole: float = WHOLE
) -> View:
    """A crop of a photo of `size` (width, height) in the aspect of the canvas, mirrored with probability `mirror`, and
    as large as that aspect allows with probability `whole`.

    Metric depth is multiplied by how much smaller things look than on a canvas of this area that shows all of the
    photo: an enlarged crop brings them nearer, as if the same camera stood closer."""
    (width, height), (across, down) = size, canvas
    share = 1.0 if rng.random() < whole else rng.uniform(LEAST, 1.0)
    wide, high = min(1.0, across / down * height / width) * share, min(1.0, down / across * width / height) * share
    x, y = rng.uniform(0, 1 - wide), rng.uniform(0, 1 - high)
    zoom = wide * width / across * np.sqrt(across * down / (width * height))
    return View(canvas, (x, y, x + wide, y + high), bool(rng.random() < mirror), float(zoom))


def nearest_canvas(size: tuple[int, int], canvases: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The canvas whose aspect is nearest to a photo's."""
    aspect = np.log(size[0] / size[1])
    return min(canvases, key=lambda canvas: abs(np.log(canvas[0] / canvas[1]) - aspect))

"""Edits that need no labels: a photo is spoilt in a known way, and the photo itself is the answer.

Each row says how to degrade (uint8 h w 3 and a random generator -> uint8 h w 3) and how people ask for the repair.
They are the generator's own data (stage 1), what `plantain edit` offers, and what "generation kept" is measured on.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from plantain._shapes import UInt8

HOLE = 128  # the gray of a hole to be filled


@dataclass(frozen=True)
class Edit:
    """One kind of repair."""

    degrade: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    prompts: tuple[str, ...]


def gray(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Luma only (ITU-R BT.601)."""
    luma = (rgb @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return np.repeat(luma[..., None], 3, -1)


def noise(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Gaussian noise, sigma 8 to 40 levels."""
    return _levels(rgb + rng.normal(0, rng.uniform(8, 40), rgb.shape))


def blur(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Gaussian blur, sigma 0.8 to 2.5 pixels."""
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.5))))


def jpeg(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """JPEG at quality 5 to 25."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=int(rng.integers(5, 26)))
    return np.asarray(Image.open(buffer))


def small(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """A quarter of the size and back, bicubic."""
    image = Image.fromarray(rgb)
    quarter = image.resize((max(1, image.width // 4), max(1, image.height // 4)), Image.Resampling.BICUBIC)
    return np.asarray(quarter.resize(image.size, Image.Resampling.BICUBIC))


def hole(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """One to three gray rectangles, each 15 to 45 % of a side."""
    out = rgb.copy()
    h, w = out.shape[:2]
    for _ in range(rng.integers(1, 4)):
        bh, bw = int(h * rng.uniform(0.15, 0.45)), int(w * rng.uniform(0.15, 0.45))
        y, x = rng.integers(0, h - bh + 1), rng.integers(0, w - bw + 1)
        out[y : y + bh, x : x + bw] = HOLE
    return out


def frame(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """A gray frame around the middle: uncropping."""
    out = np.full_like(rgb, HOLE)
    h, w = out.shape[:2]
    t, b, le, r = (rng.uniform(0.03, 0.2, 4) * [h, h, w, w]).astype(int)
    out[t : h - b, le : w - r] = rgb[t : h - b, le : w - r]
    return out


def dark(rgb: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Low light: a gamma of 1.6 to 3 and a little noise."""
    return _levels(255 * (rgb / 255.0) ** rng.uniform(1.6, 3.0) + rng.normal(0, 3, rgb.shape))


def _levels(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)


EDITS: dict[str, Edit] = {
    "colourise": Edit(
        gray, ("colourise", "Colourise this gray photo.", "Add colour to this black and white photo.", "colorize")
    ),
    "denoise": Edit(noise, ("denoise", "Remove the noise from this photo.", "Clean up the grain.")),
    "deblur": Edit(blur, ("deblur", "Sharpen this blurred photo.", "Remove the blur.")),
    "restore": Edit(jpeg, ("restore", "Remove the JPEG artefacts.", "Restore this compressed photo.")),
    "super-resolve": Edit(small, ("super-resolve x4", "Enlarge this small photo four times.", "upscale")),
    "inpaint": Edit(hole, ("inpaint", "Fill in the gray holes of this photo.", "Inpaint the missing parts.")),
    "uncrop": Edit(frame, ("uncrop", "Extend this photo beyond its borders.", "Outpaint the gray frame.")),
    "relight": Edit(dark, ("relight", "Brighten this dark photo.", "Light up this low light photo.")),
}

"""Colors of pictures with an ICC profile (Display P3, Adobe RGB, CMYK, gray) as sRGB, in which everything works."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import UInt8

SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # color space in a profile's header -> mode of its pixels


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture without its alpha channel as RGB in sRGB, which it has already where it comes with no profile.

    A profile that is broken, or of another kind of pixels than the picture's, is ignored."""
    mode = SPACES.get(profile[16:20], "") if profile else ""  # ICC.1:2022, 7.2: bytes 16 to 19 of the header
    fits = {"RGB": image.mode != "CMYK", "L": image.mode in ("1", "L"), "CMYK": image.mode == "CMYK"}.get(mode, False)
    transform = srgb_transform(profile, mode) if profile and fits else None
    if transform is None:
        return image.convert("RGB")
    from PIL import ImageCms

    return ImageCms.applyTransform(image.convert(mode), transform) or image


@lru_cache(maxsize=32)
def srgb_transform(profile: bytes, mode: str) -> Any:
    """LittleCMS's transform from pixels of the mode to sRGB; None where it changes nothing (most profiles are sRGB's
    own), where the profile is broken, or where Pillow was built without LittleCMS."""
    from PIL import ImageCms

    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC,
                                            ImageCms.Flags.BLACKPOINTCOMPENSATION)  # fmt: skip
        samples = Image.fromarray(_samples()).convert(mode)
        seen = np.asarray(ImageCms.applyTransform(samples, transform), np.int16)
    except (ImportError, OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return None
    same = np.abs(seen - np.asarray(samples.convert("RGB"), np.int16)).max() <= 1
    return None if same and mode != "CMYK" else transform


def _samples() -> UInt8[np.ndarray, "64 8 3"]:
    """512 colors, from black to white along each channel."""
    steps = np.linspace(0, 255, 8).astype(np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), -1).reshape(64, 8, 3)

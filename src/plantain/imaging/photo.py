"""A photo in: files, bytes, arrays and images of every mode, upright, as uint8 RGB; what is no picture is refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from plantain._shapes import UInt8
from plantain.errors import PhotoError

MOST_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs: about 0.5 GB as RGB
OVERSHOOT = 2.0  # floats up to here are 0..1 with some overshoot (a sharp resize), above it levels of 0..255 or more


def read_photo(source: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Any photo as upright RGB: a path, a PIL image, bytes, or an array (uint8, uint16, float 0..1; gray, RGB, RGBA).

    EXIF orientation is applied, transparency lies on white, 16 bits become 8 by their upper byte, CMYK and palettes
    become RGB. Other whole numbers are levels of 8 bits where none exceeds 255, else of 16; so are floats above 2.
    Raises PhotoError: missing, empty, truncated, not an image, zero size, more than 178 megapixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with _readable("the photo"):
            return _from_image(source)
    name, stream = _opened(source)
    with _readable(name), Image.open(stream) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        return _from_image(image)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Pillow raises many kinds of errors; each means that this is not a photo."""
    try:
        yield
    except PhotoError:
        raise
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 1_000_000
        raise PhotoError(f"{name} has more than {most} megapixels; cut it into pieces first") from None
    except Exception as error:
        raise PhotoError(f"{name} is not a readable photo ({_plain(error)}); give a JPEG, PNG or WebP") from error


def _opened(source: Any) -> tuple[str, Any]:
    if isinstance(source, (bytes, bytearray)):
        if not source:
            raise PhotoError("the photo is empty (0 bytes)")
        return "the photo", io.BytesIO(source)
    try:
        path = Path(source)
        if path.is_dir():
            raise PhotoError(f"{path} is a folder, not a photo; give files, or the folder's pictures by a glob")
        if path.stat().st_size == 0:
            raise PhotoError(f"{path} is empty (0 bytes)")
    except TypeError:
        wanted = "give a path, bytes, a PIL image or an array"
        raise PhotoError(f"{type(source).__name__} is no photo; {wanted}") from None
    except OSError as error:
        raise PhotoError(f"cannot open {path}: {error.strerror or error}") from None
    except ValueError as error:  # a null character in the name
        raise PhotoError(f"cannot open {str(source)!r}: {error}") from None
    return str(path), path


def _plain(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return "unknown format" if "cannot identify" in text else text or type(error).__name__


def _from_image(image: Image.Image) -> np.ndarray:
    if 0 in image.size:
        raise PhotoError(f"the photo has size {image.width} x {image.height}; it needs at least one pixel")
    upright = _upright(image)
    if upright.mode.startswith(("I", "F")):
        return _from_array(np.asarray(upright))
    if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, clear).convert("RGB"))
    return np.asarray(upright.convert("RGB"))


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are there: only the EXIF block is damaged
        return image


def _from_array(values: np.ndarray) -> np.ndarray:
    array = values[..., None] if values.ndim == 2 else values
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise PhotoError(f"an array of shape {values.shape} is no photo; give (h, w), (h, w, 3) or (h, w, 4)")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        array = _eight_bits(array)
    if array.shape[-1] == 4:
        share = array[..., 3:].astype(np.float32) / 255
        array = np.round(array[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _eight_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise PhotoError(f"an array of {array.dtype} is no photo; give uint8, uint16, bool, or float 0..1")
    if array.dtype.kind == "f":
        top = array.max(initial=0.0, where=np.isfinite(array))
        white = 1.0 if top <= OVERSHOOT else max(255.0, top)
        shown = np.nan_to_num(array, nan=0.0, posinf=white, neginf=0.0) / white
        return np.asarray(np.round(shown.clip(0, 1) * 255), np.uint8)
    sixteen = array.dtype.kind == "u" and array.dtype.itemsize == 2
    levels = array.astype(np.int64).clip(0, 65535)
    return np.asarray(levels >> 8 if sixteen or levels.max() > 255 else levels, np.uint8)

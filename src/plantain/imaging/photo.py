"""A photo in: files, bytes, arrays and images of every mode, upright, as uint8 sRGB; what is no picture is refused."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from plantain._shapes import Bool, UInt8
from plantain.errors import PhotoError, PlantainError
from plantain.imaging.color import to_srgb

MOST_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs: about 0.5 GB as RGB
HALF = 127  # a mask is on above it
HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
TURNS = {  # EXIF orientation -> what brings the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
QUIET = Lock()  # warnings are silenced for a moment by one thread at a time
OVERSHOOT = 2.0  # floats up to here are 0..1 with some overshoot (a sharp resize), above it levels of 0..255 or more


def read_photo(source: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Any photo as upright sRGB: a path, bytes or a stream of them, a PIL image, or an array (uint8, uint16, float
    0..1; gray, RGB, RGBA).

    EXIF orientation is applied, colors of an ICC profile become sRGB, transparency lies on white, 16 bits become 8 by
    their upper byte, CMYK and palettes become RGB. Other whole numbers are levels of 8 bits where none exceeds 255,
    else of 16; so are floats above 2. HEIC needs pillow-heif.
    Raises PhotoError: missing, empty, truncated, not an image, zero size, more than 178 megapixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    with open_picture(source) as image:
        return _rgb(_upright(image))


def read_mask(source: Any) -> Bool[np.ndarray, "h w"]:
    """Where a mask is on. In a picture with an alpha channel that is not opaque everywhere, where it is more opaque
    than not, whatever its colors; in any other, where it is brighter than the middle. Raises PhotoError."""
    if isinstance(source, np.ndarray):
        alpha = source[..., 3] if source.ndim == 3 and source.shape[-1] == 4 else None
        if alpha is not None and alpha.min(initial=255) < (1 if alpha.dtype.kind == "f" else 255):
            return np.asarray(alpha > (0.5 if alpha.dtype.kind == "f" else HALF))
        return np.asarray(_from_array(source).mean(-1) > HALF)
    with open_picture(source) as image:
        upright = _upright(image)
        alpha = opacity(upright)
        return np.asarray((_rgb(upright).mean(-1) if alpha is None else alpha) > HALF)


def opacity(image: Image.Image) -> UInt8[np.ndarray, "h w"] | None:
    """The alpha channel, or what stands for one; None where there is none or everything is opaque."""
    if not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return None if alpha.min() == 255 else alpha


def photo_size(source: Any) -> tuple[int, int]:
    """Width and height of a photo as people see it, turned as its EXIF block says; its pixels are not read."""
    with open_picture(source) as image:
        return (image.height, image.width) if orientation(image) >= 5 else image.size


@contextmanager
def open_picture(source: Any) -> Iterator[Image.Image]:
    """A picture from a path, bytes, a stream of bytes or a PIL image, which is left open.

    Raises PhotoError for whatever Pillow has to say, also inside the block."""
    if isinstance(source, Image.Image):
        with _readable("the photo"):
            yield source
        return
    name, stream = _opened(source)
    with _readable(name), _open(name, stream) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        yield image


def _open(name: str, stream: Any) -> Image.Image:
    try:
        return _open_quietly(stream)
    except UnidentifiedImageError:
        if not _is_heic(stream):
            raise
    try:
        import pillow_heif
    except ImportError as error:
        install = "which needs one more package: pip install pillow-heif (or save the photo as JPEG)"
        raise PhotoError(f"{name} is in the format HEIC, {install}") from error
    pillow_heif.register_heif_opener()
    return _open_quietly(stream)


def _open_quietly(stream: Any) -> Image.Image:
    """Without Pillow's warning about large pictures: up to MOST_PIXELS they are welcome, above it they are refused."""
    with QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        if not isinstance(stream, Path):
            stream.seek(0)
        return Image.open(stream)


def _is_heic(stream: Any) -> bool:
    """Source: ISO/IEC 23008-12, annex B: the file begins with the size of a box, "ftyp", and the brand."""
    if isinstance(stream, Path):
        with stream.open("rb") as file:
            head = file.read(12)
    else:
        head = stream.getvalue()[:12]
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Pillow raises many kinds of errors; each means that this is not a photo."""
    try:
        yield
    except PlantainError:
        raise
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 1_000_000
        raise PhotoError(f"{name} has more than {most} megapixels; cut it into pieces first") from None
    except Exception as error:
        raise PhotoError(f"{name} is not a readable photo ({_plain(error)}); give a JPEG, PNG or WebP") from error


def _opened(source: Any) -> tuple[str, Path | io.BytesIO]:
    """What to call a source in messages, and what Pillow opens."""
    if hasattr(source, "read"):
        source = source.read()
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


def _rgb(upright: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """sRGB on white."""
    profile, clear = upright.info.get("icc_profile"), upright.has_transparency_data
    if upright.mode.startswith(("I", "F")):
        gray = _from_array(np.asarray(upright))
        return np.asarray(to_srgb(Image.fromarray(gray[..., 0]), profile)) if profile else gray
    if not clear:
        return np.asarray(to_srgb(upright, profile))
    opaque = upright.convert("LA").getchannel("L") if upright.mode in ("L", "LA", "La") else upright.convert("RGBA")
    white = Image.new("RGB", upright.size, (255, 255, 255))
    return np.asarray(Image.composite(to_srgb(opaque, profile), white, upright.convert("RGBA").getchannel("A")))


def orientation(image: Image.Image) -> int:
    """How the picture is turned, 1 to 8 (EXIF 2.3, tag 0x0112); 1, upright, where nothing or nonsense is said."""
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # the pixels are there: only the EXIF block is damaged
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image) -> Image.Image:
    if 0 in image.size:
        raise PhotoError(f"the photo has size {image.width} x {image.height}; it needs at least one pixel")
    image.load()
    turn = TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


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

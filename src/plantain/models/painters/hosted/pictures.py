"""Pictures as services send them: what the bytes are counts, not what they are called, and where the photo lies on them
is found out where they have another shape than was asked for."""

from __future__ import annotations

import base64
import binascii
import io
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.errors import PainterError, PhotoError
from plantain.imaging.photo import open_picture, read_photo
from plantain.models.base import SAME_SHAPE
from plantain.models.painting import LOSSY, Request

MOST_BYTES = 64 << 20  # of a picture that is fetched
ROUNDING = 1.015  # of two shapes that differ by whole pixels alone
SIDE = 128  # pixels of the small pictures whose edges are compared
TELLING = 0.08  # by which the likeness of edges must beat that at another place, and nothing at all

Box = tuple[int, int, int, int]


def png(pixels: np.ndarray) -> bytes:
    """A picture as it is sent: without loss, the same bytes for the same pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def encoded(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def decoded(text: str) -> bytes:
    """Bytes of base64, of either alphabet, with or without what stands before it in a link. PainterError."""
    plain = text.rpartition(",")[2].translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise PainterError(f"the picture is no base64 ({error})") from None


def fetched(link: str, home: str, timeout_s: float) -> bytes:
    """The picture behind a link that has it inside, or leads to the server that was asked. PainterError."""
    if link.startswith("data:"):
        return decoded(link)
    if urlsplit(link)[:2] != urlsplit(home)[:2]:
        raise PainterError(f"a link came instead of a picture, and it leads elsewhere: {link}")
    try:
        with urlopen(link, timeout=timeout_s) as response:  # without the key
            return bytes(response.read(MOST_BYTES))
    except OSError as error:
        raise PainterError(f"a link came instead of a picture, and it cannot be fetched: {link} ({error})") from error


def read_picture(data: bytes) -> tuple[UInt8[np.ndarray, "h w 3"], bool]:
    """Pixels, and whether they went through a format that changes them. PainterError for what is no picture."""
    try:
        with open_picture(data) as image:
            lossy = image.format in LOSSY or (image.format == "WEBP" and data[12:16] != b"VP8L")
            return read_photo(image), lossy
    except PhotoError as error:
        why = str(error).replace("the photo", "it").partition(";")[0]
        raise PainterError(f"the answer is no picture: {why}") from None


def fitted(painted: UInt8[np.ndarray, "y x 3"], request: Request) -> UInt8[np.ndarray, "_y _x 3"]:
    """The part of a painting that shows the whole canvas, never resampled. PainterError where there is no such part.

    A painting of the canvas's shape is taken as it is, whatever its size. Another one is the canvas stretched, the
    canvas between bars, or a cut of it; which of the three, the photo's edges say. Where they say nothing, what differs
    by 12 % at most counts as stretched."""
    size, canvas = (painted.shape[1], painted.shape[0]), request.size
    off = (size[0] / size[1]) / (canvas[0] / canvas[1])
    if not request.images or 1 / ROUNDING <= off <= ROUNDING:
        return painted
    mine, its = (0, 0, *size), (0, 0, *canvas)
    places = (mine, its), (middle(size, canvas), its), (mine, middle(canvas, size))
    likeness = [alike(painted, one, request.images[0], other) for one, other in places]
    best = int(np.argmax(likeness))
    if likeness[best] < TELLING + max(0.0, sorted(likeness)[-2]):
        best = 0
    told = f"{size[0]} x {size[1]} pixels came back where {canvas[0]} x {canvas[1]} were asked for"
    if best == 2:
        raise PainterError(f"{told}, and they show the middle of the photo alone")
    if best == 0 and not 1 / SAME_SHAPE <= off <= SAME_SHAPE:
        raise PainterError(f"{told}, and where the photo lies on them cannot be told")
    x0, y0, x1, y1 = places[best][0]
    return painted[y0:y1, x0:x1]


def middle(size: tuple[int, int], shape: tuple[int, int]) -> Box:
    """The largest box of a shape in the middle of a picture.

    >>> middle((100, 100), (160, 80))
    (0, 25, 100, 75)
    """
    scale = min(size[0] / shape[0], size[1] / shape[1])
    width, height = round(shape[0] * scale), round(shape[1] * scale)
    x, y = (size[0] - width) // 2, (size[1] - height) // 2
    return x, y, x + width, y + height


def alike(a: UInt8[np.ndarray, "h w 3"], box: Box, b: UInt8[np.ndarray, "y x 3"], other: Box) -> float:
    """Correlation of the edges in a box of one picture with those in a box of another, -1..1."""
    left, right = edges(a, box), edges(b, other)
    flat = min(left.std(), right.std()) < 1e-3
    return 0.0 if flat else float(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def edges(rgb: UInt8[np.ndarray, "h w 3"], box: Box) -> Float[np.ndarray, "s s"]:
    """How steep a small gray copy of a box is; steps count by their root, so that no single border rules."""
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    down, right = np.gradient(np.asarray(small, np.float64))
    return np.asarray(np.sqrt(np.hypot(down, right)))

"""What comes in: pictures, whose size is looked at before a pixel is read, and how much work a question is."""

from __future__ import annotations

import asyncio
import re
import zipfile
from functools import cache
from io import BytesIO
from typing import Any

from fastapi import Request
from PIL import Image, UnidentifiedImageError
from starlette.datastructures import UploadFile

from plantain.errors import PhotoError, TruthError, UsageError
from plantain.imaging.photo import photo_size
from plantain.imaging.tiles import tiles
from plantain.pipeline.jobs import PredictOptions
from plantain.serve.errors import ApiError
from plantain.serve.guard import Gate, Visit
from plantain.serve.settings import Limits
from plantain.tasks import Task

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")  # and HEIC, with its package
SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
SMALLEST, LARGEST = 16, 8192  # of a side of a picture that is made


async def picture(request: Request, upload: UploadFile, param: str = "image", *, now: bool = True) -> bytes:
    """The bytes of a picture that may be worked on; `now`: it will be in memory, pixel by pixel. ApiError."""
    content = await upload.read()
    gate: Gate = request.app.state.gate
    try:
        width, height = await asyncio.to_thread(size_of, content)
    except PhotoError as error:
        raise ApiError(400, "unreadable_photo", str(error), param=param) from error
    check_size(width, height, gate.limits, param)
    if now:
        visit: Visit = request.scope["plantain.visit"]
        gate.weigh(visit, width * height)
    return content


def check_size(width: int, height: int, limits: Limits, param: str = "image") -> None:
    """ApiError 413 for a picture of too many pixels."""
    if width * height > limits.pixels:
        most = limits.pixels / 1e6
        message = f"{width} x {height} pixels are more than {most:g} megapixels; make the picture smaller"
        raise ApiError(413, "picture_too_large", message, param=param)


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height by the head of the file. PhotoError for what is no picture of the usual formats: others may
    start programs, or hide other files."""
    try:
        with Image.open(BytesIO(content), formats=_formats()) as image:
            return image.size
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp":
            return photo_size(content)
    except Image.DecompressionBombError:
        raise PhotoError("the photo has more than 178 megapixels; cut it into pieces first") from None
    except Exception as error:
        said = str(error) or type(error).__name__
        raise PhotoError(f"the photo is not readable ({said}); give a JPEG, PNG or WebP") from error
    what = "is empty (0 bytes)" if not content else "is not a readable photo (unknown format); give a JPEG, PNG or WebP"
    raise PhotoError(f"the photo {what}")


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def check_unpacked(archive: bytes, limits: Limits) -> None:
    """ApiError 413 for an archive (.npz) that holds more than a job may bring. TruthError for what is none."""
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            size = sum(one.file_size for one in opened.infolist())
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise TruthError(f"the .npz cannot be read ({error}); save it again") from error
    if size > limits.job_bytes:
        raise ApiError(413, "too_large", f"the .npz unpacks to more than {limits.job_bytes / 2**20:g} MiB")


def check_work(task: Task, options: PredictOptions, size: tuple[int, int], limits: Limits) -> None:
    """ApiError for a question that takes more paintings of a picture than are allowed."""
    views = 5 if options.quality == "high" else 1  # at most: the whole, and four parts
    if options.tile is not None:
        views = 1 if max(size) <= options.tile else 1 + _tiles(size, options.tile, limits)
    count = views * options.samples * options.passes * len(task.parts())
    if count > limits.paintings:
        less = "fewer samples, tiles or names, or the usual quality"
        message = f"this takes {count} paintings, more than {limits.paintings}; ask for {less}"
        raise ApiError(400, "too_much_work", message)


def _tiles(size: tuple[int, int], tile: int, limits: Limits) -> int:
    if size[0] * size[1] > 4 * tile * tile * limits.paintings:  # not to be counted one by one
        return limits.paintings
    return len(tiles(size, tile))


def text_of(text: str, limits: Limits, param: str) -> str:
    """Words, if there are any. ApiError for none, and for too many."""
    if not text.strip():
        raise ApiError(400, "invalid_field", f"{param}: say what you want", param=param)
    if "\0" in text:
        raise ApiError(400, "invalid_field", f"{param}: has a letter that is none (NUL)", param=param)
    if len(text) > limits.text:
        raise ApiError(400, "invalid_field", f"{param}: more than {limits.text} letters", param=param)
    return text


def options_of(given: dict[str, Any], limits: Limits) -> PredictOptions:
    """How a question is put. UsageError, ApiError."""
    steps = given.pop("steps")
    if steps is not None and not 1 <= steps <= limits.steps:
        raise UsageError(f"steps must be between 1 and {limits.steps}, not {steps}")
    if given["samples"] * given["passes"] > limits.paintings:
        message = f"samples times passes may be {limits.paintings} at most"
        raise ApiError(400, "too_much_work", message, param="samples")
    return PredictOptions.of(given | ({} if steps is None else {"sampling": {"steps": steps}}))


def picture_size(text: str | None, limits: Limits) -> tuple[int, int] | None:
    """Width and height; None for auto. ApiError for what is none, or too large."""
    if not text or text == "auto":
        return None
    found = SIZE.fullmatch(text)
    if not found or not SMALLEST <= min(map(int, found.groups())) <= max(map(int, found.groups())) <= LARGEST:
        message = f"size is auto or WIDTHxHEIGHT in pixels ({SMALLEST} to {LARGEST}), not {text!r}"
        raise ApiError(400, "invalid_field", message, param="size")
    width, height = int(found[1]), int(found[2])
    check_size(width, height, limits, "size")
    return width, height

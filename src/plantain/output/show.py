"""Pictures for people: the answer laid over the photo, with a heading and a legend or a colour bar."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from plantain.output import panels
from plantain.output.drawing import DRAWINGS, Sheet
from plantain.predictions.types import Prediction

LEAST_SIDE, MOST_SIDE = 560, 1600  # pixels of an overlay's longer side: legible, and quick to write
UNSURE = 0.5  # mean confidence below which the heading warns


def overlay(prediction: Prediction, photo: Any = None) -> Image.Image:
    """The answer over the photo (a path, an array or a PIL image), with a heading and a legend or colour bar.

    The longer side is 560..1600 pixels whatever the photo's size; without a photo the answer stands alone."""
    sheet = _sheet(prediction, photo)
    draw = next(way for kind, way in DRAWINGS.items() if isinstance(prediction, kind))
    picture, strips = draw(prediction, sheet)
    return panels.stack([picture, _heading(prediction, sheet), *strips])


def png_bytes(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    out = BytesIO()
    image.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def _sheet(prediction: Prediction, photo: Any) -> Sheet:
    width, height = prediction.size
    longer = max(width, height)
    scale = min(max(1.0, LEAST_SIDE / longer), MOST_SIDE / longer)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if photo is None:
        return Sheet(Image.new("RGB", size, (128, 128, 128)), False, prediction.size)
    from plantain.imaging.photo import read_photo

    return Sheet(Image.fromarray(read_photo(photo)).resize(size, Image.Resampling.LANCZOS), True, prediction.size)


def _heading(prediction: Prediction, sheet: Sheet) -> Image.Image:
    sure = float(prediction.confidence.mean()) if prediction.confidence.size else 0.0
    title = prediction.task.replace("-", " ") or prediction.kind
    made = prediction.painting.model if prediction.painting is not None else ""
    right = f"{'low ' if sure < UNSURE else ''}confidence {sure:.2f}"
    return panels.heading(sheet.width, title, made, right, sheet.text, sure < UNSURE)

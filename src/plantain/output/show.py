"""Pictures for people: the answer laid over the photo, with a heading and a legend or a color bar."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import Image

from plantain.imaging.provenance import png
from plantain.output import panels
from plantain.output.drawing import DRAWINGS, Sheet, colors_of
from plantain.predictions.headline import headline
from plantain.predictions.types import Alpha, Labels, Prediction

LEAST_SIDE, MOST_SIDE = 560, 1600  # pixels of an overlay's longer side: legible, and quick to write
LOW_CONFIDENCE = 0.5  # confidence below which the heading warns


def overlay(prediction: Prediction, photo: Any = None, like: Prediction | None = None) -> Image.Image:
    """The answer over the photo (a path, an array or a PIL image), with a heading and a legend or color bar.

    The longer side is 560..1600 pixels whatever the photo's size; without a photo the answer stands alone. Names have
    the colors that they have in `like`, so that a truth can be compared with an answer."""
    sheet = _sheet(prediction, photo, {} if like is None else named_colors(like), (LEAST_SIDE, MOST_SIDE))
    picture, strips = _draw(prediction, sheet)
    return panels.stack([picture, _heading(prediction, sheet), *strips])


def drawn(
    prediction: Prediction, photo: Any, longest: int, like: Prediction | None = None
) -> tuple[Image.Image, Image.Image | None]:
    """The answer over the photo at the photo's proportions, its longer side `longest` pixels, and apart from it what
    explains its colors: legend or color bar, None where it needs none."""
    sheet = _sheet(prediction, photo, {} if like is None else named_colors(like), (longest, longest))
    picture, strips = _draw(prediction, sheet)
    return picture, panels.stack(strips) if strips else None


def _draw(prediction: Prediction, sheet: Sheet) -> tuple[Image.Image, list[Image.Image]]:
    draw = next(way for kind, way in DRAWINGS.items() if isinstance(prediction, kind))
    return draw(prediction, sheet)


def png_bytes(image: Image.Image, answer: Prediction | None = None) -> bytes:
    """A picture as the bytes of a PNG file; `answer`: of which it is, and whose provenance it carries."""
    if answer is not None:
        return png(image, answer.provenance(), level=1)
    out = BytesIO()
    image.save(out, format="PNG", compress_level=1)
    return out.getvalue()


def named_colors(answer: Prediction) -> dict[str, panels.Color]:
    """The color of each name of an answer, if it has names with colors."""
    if isinstance(answer, Labels):
        return dict(zip(answer.classes, colors_of(answer), strict=True))
    return dict(zip(answer.names, colors_of(answer), strict=True)) if isinstance(answer, Alpha) else {}


def _sheet(prediction: Prediction, photo: Any, colors: Mapping[str, panels.Color], sides: tuple[int, int]) -> Sheet:
    """`sides`: the least and the most that the longer side may have."""
    width, height = prediction.size
    longer = max(width, height)
    scale = min(max(1.0, sides[0] / longer), sides[1] / longer)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if photo is None:
        return Sheet(Image.new("RGB", size, (128, 128, 128)), False, prediction.size, colors)
    from plantain.imaging.photo import read_photo

    seen = Image.fromarray(read_photo(photo)).resize(size, Image.Resampling.LANCZOS, reducing_gap=1.1)
    return Sheet(seen, True, prediction.size, colors)


def _heading(prediction: Prediction, sheet: Sheet) -> Image.Image:
    confidence = headline(prediction)
    title = prediction.task.replace("-", " ") or prediction.kind
    made = prediction.painting.model if prediction.painting is not None else ""
    right = f"{'low ' if confidence < LOW_CONFIDENCE else ''}confidence {confidence:.2f}"
    return panels.heading(sheet.width, title, made, right, sheet.text, confidence < LOW_CONFIDENCE)

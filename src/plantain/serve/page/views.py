"""Layers that lie over each other: the photo, the answer, the painting, the confidence. PNG everywhere, since lossy
formats move numbers that are colors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.imaging.geometry import Placement
from plantain.models.painting import Painting
from plantain.output.show import drawn
from plantain.predictions.resample import nearest
from plantain.predictions.types import Prediction
from plantain.serve.page.kept import KeptAnswer

LONGEST = 1280  # pixels of a layer's longer side


@dataclass(frozen=True, eq=False)
class Layer:
    """A picture in the photo's proportions. `about`: which of several answers it shows; `view`: whether that is what
    was read, the painting, or the confidence; `legend` explains its colors, where they need it."""

    about: str
    view: str
    image: Image.Image
    legend: Image.Image | None = None


def layers(kept: KeptAnswer) -> list[Layer]:
    """The photo first, then what was read, what was painted, and how sure it is, of each prediction."""
    return [Layer("", "photo", photo_of(kept.photo)), *_of_answers(kept)]


def _of_answers(kept: KeptAnswer) -> Iterator[Layer]:
    for about, one in zip(abouts(kept), kept.predictions, strict=True):
        picture, legend = drawn(one, kept.photo, max(shown_size(kept.size)))
        yield Layer(about, "answer", picture, legend)
        if one.painting is not None:
            yield Layer(about, "painting", painting_of(one.painting, picture.size))
        yield Layer(about, "confidence", confidence_of(one, picture.size))


def abouts(kept: KeptAnswer) -> tuple[str, ...]:
    """What the predictions are called, so that they can be told apart."""
    names = kept.names or tuple(map(title, kept.predictions))
    return tuple(name if names.index(name) == i else f"{name} {i + 1}" for i, name in enumerate(names))


def title(answer: Prediction) -> str:
    """A prediction in a word or two: its names, where they are few, else its task."""
    names = tuple(getattr(answer, "names", ()) or getattr(answer, "classes", ()))
    return ", ".join(names) if 0 < len(names) <= 2 else answer.task.replace("-", " ")


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size at which a photo is shown: never larger than LONGEST, and never tiny.

    >>> shown_size((4000, 3000)), shown_size((600, 400)), shown_size((64, 48))
    ((1280, 960), (600, 400), (560, 420))
    """
    scale = min(max(1.0, 560 / max(size)), LONGEST / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def photo_of(photo: UInt8[np.ndarray, "h w 3"]) -> Image.Image:
    picture = Image.fromarray(photo)
    return picture.resize(shown_size(picture.size), Image.Resampling.LANCZOS, reducing_gap=1.1)


def painting_of(painting: Painting, size: tuple[int, int]) -> Image.Image:
    """The part of a painting that lies over the photo; every color as it was painted."""
    box = Placement.from_json(dict(painting.geometry)).box if painting.geometry else None
    return painting.image().resize(size, Image.Resampling.NEAREST, box=box)


def confidence_of(answer: Prediction, size: tuple[int, int]) -> Image.Image:
    """White where it is sure, black where it is not."""
    levels = np.rint(255 * np.clip(nearest(answer.confidence, size), 0, 1)).astype(np.uint8)
    return Image.fromarray(levels)

"""Edits and pictures from words, before the painter and after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, UInt8
from plantain.errors import PlantainError, UsageError
from plantain.imaging.geometry import Placement, place, placement
from plantain.imaging.photo import read_photo
from plantain.models.base import Painter
from plantain.models.painting import Painting, Request
from plantain.pipeline.jobs import Edit, Generate, PredictOptions
from plantain.pipeline.prepare import actual_placement, canvas_of

CANVAS = (512, 512)  # asked for where nobody says how large a picture shall be
ENLARGE = re.compile(r"\b(?:super-?\s?resol\w*|up-?scale|enlarge)\b", re.IGNORECASE)
FACTOR = re.compile(r"\bx\s?([2-4])\b|\b([2-4])\s?x\b|\b(two|three|four) times\b", re.IGNORECASE)


class PreparedPicture:
    """A picture from words."""

    pixels = None

    def __init__(self, asked: Generate, options: PredictOptions, painter: Painter) -> None:
        self.size = asked.size
        canvas = canvas_of(painter, asked.size or CANVAS)
        self.requests = [Request(asked.text, (), canvas, options.seed, "generate", options.sampling)]

    def finish(self, painted: Sequence[Painting | PlantainError]) -> Painting:
        """The picture at the size that was asked for."""
        made = _painting(painted).with_provenance(task="generate")
        return made if self.size is None else replace(made, pixels=resized(made.rgb, self.size))


class PreparedEdit:
    """A photo to be changed as told, at its own size (larger where the words ask to enlarge it)."""

    def __init__(self, photo: Any, asked: Edit, options: PredictOptions, painter: Painter) -> None:
        self.asked, self.pixels, mask = asked, read_photo(photo), asked.mask
        if mask is not None and mask.shape != self.pixels.shape[:2]:
            raise UsageError(f"the mask is {mask.shape}, the photo {self.pixels.shape[:2]}; give the same size")
        most = painter.capabilities.max_images
        if 1 + len(asked.references) > most:
            raise UsageError(f"{1 + len(asked.references)} pictures; {painter.identity.name} takes {most} of an edit")
        size = (self.pixels.shape[1], self.pixels.shape[0])
        self.where = placement(size, canvas_of(painter, size))
        self.shown = place(self.pixels, self.where)
        area = None if mask is None else _on_canvas(mask, self.where)
        canvas = self.where.canvas
        others = [place(one, placement((one.shape[1], one.shape[0]), canvas)) for one in asked.references]
        self.requests = [
            Request(asked.text, (self.shown, *others), self.where.canvas, options.seed, "edit", options.sampling, area)
        ]

    def finish(self, painted: Sequence[Painting | PlantainError]) -> Painting:
        """The photo changed: what is too fine for the painter's canvas is kept from it."""
        made, (width, height) = _painting(painted), self.where.size
        where = actual_placement(self.where, made)
        if factor := enlargement(self.asked.text):
            rgb = crop_from_canvas(made.rgb, where, (width * factor, height * factor))
        else:
            rgb = self._with_detail(crop_from_canvas(made.rgb, where, where.size))
        return replace(made, pixels=rgb, task="edit", geometry=self.where.to_json())

    def _with_detail(self, painted: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The painting plus what the canvas was too coarse to show; with a mask only inside, as it was painted."""
        if self.asked.mask is not None:
            return np.where(self.asked.mask[..., None], painted, self.pixels)
        lost = self.pixels.astype(np.int16) - crop_from_canvas(self.shown, self.where, self.where.size)
        return (painted + lost).clip(0, 255).astype(np.uint8)


def _painting(painted: Sequence[Painting | PlantainError]) -> Painting:
    (made,) = painted
    if not isinstance(made, Painting):
        raise made
    return made


def _on_canvas(mask: Bool[np.ndarray, "h w"], where: Placement) -> Bool[np.ndarray, "y x"]:
    shown = place(np.repeat(mask[..., None], 3, -1).astype(np.uint8) * 255, where)
    return np.asarray(shown[..., 0] > 127)


def enlargement(text: str) -> int:
    """How many times as large the picture shall become; 0 where the words do not ask for it.

    >>> enlargement("super-resolve"), enlargement("enlarge x2"), enlargement("colorize")
    (4, 2, 0)
    """
    if not ENLARGE.search(text):
        return 0
    found = FACTOR.search(text)
    said = "4" if found is None else next(group for group in found.groups() if group)
    return {"two": 2, "three": 3, "four": 4}.get(said.lower()) or int(said)


def resized(rgb: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "y x 3"]:
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def crop_from_canvas(
    rgb: UInt8[np.ndarray, "y x 3"], where: Placement, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """The photo's part of a canvas, at a size."""
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=where.box))

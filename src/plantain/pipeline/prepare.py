"""A photo before the painter: what is asked of it, and how the paintings become its answer.

A question becomes one request or several (groups of classes, samples, passes under other legends, tiles or parts); each
painting is decoded as it came, the answers are merged, and only then brought back to the photo's own pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.imaging.geometry import Placement, place, placement
from plantain.imaging.tiles import Tile, quarters, tiles
from plantain.models.base import Painter
from plantain.models.painting import Painting, Request
from plantain.pipeline.jobs import Context, Job, PredictOptions
from plantain.predictions.calibration import Fit, calibrated, doubted
from plantain.predictions.resample import restore
from plantain.predictions.tiles import blend, look_again
from plantain.predictions.types import Prediction
from plantain.tasks import Task
from plantain.tasks.asked import painted
from plantain.tasks.merge import merge

LOSSY = 0.7  # what is left of the confidence in a painting that went through JPEG


@runtime_checkable
class Prepared(Protocol):
    """A job that has been read: its requests, and what becomes of what was painted for them."""

    @property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """The photo, which the answer is drawn over."""
        ...

    @property
    def requests(self) -> Sequence[Any]:
        """What the model is asked, one by one."""
        ...

    def finish(self, painted: Sequence[Any]) -> Prediction | Painting:
        """The answer. Raises the first error among what was painted."""
        ...


@dataclass(frozen=True, eq=False)
class CanvasView:
    """The photo or a tile of it on the painter's canvas."""

    tile: Tile | None
    pixels: UInt8[np.ndarray, "h w 3"]
    where: Placement
    shown: UInt8[np.ndarray, "y x 3"]


class PreparedPhoto:
    """A photo about which something is asked in words; `task` has its color code already."""

    def __init__(self, job: Job, task: Task, painter: Painter, calibration: Mapping[str, Fit]) -> None:
        self.task, self.painter, self.calibration, self.stem = task, painter, calibration, job.stem
        pixels, options = job.read(), job.options
        cut = cut_for((pixels.shape[1], pixels.shape[0]), task, painter, options)
        self.pixels, self.views = pixels, [self._view(None, pixels)]
        self.views += [self._view(tile, tile.cut(pixels)) for tile in cut]
        self.join = blend if options.tile is not None else look_again
        self.variants = options.variants(task)
        self.requests = [
            Request(
                part.prompt(options.style),
                (view.shown, *examples_on(job.context, part, view.where.canvas, painter)),
                view.where.canvas,
                seed,
                sampling=options.sampling,
            )
            for view in self.views
            for part, seed in self.variants
        ]

    def _view(self, tile: Tile | None, pixels: np.ndarray) -> CanvasView:
        size = (pixels.shape[1], pixels.shape[0])
        where = placement(size, canvas_of(self.painter, size))
        return CanvasView(tile, pixels, where, place(pixels, where))

    def finish(self, painted: Sequence[Painting | PlantainError]) -> Prediction:
        """The answer about the photo. Raises the first error among the paintings."""
        count = len(self.variants)
        answers = [self._decode_view(v, painted[i * count : (i + 1) * count]) for i, v in enumerate(self.views)]
        parts = [(v.tile, a) for v, a in zip(self.views, answers, strict=True) if v.tile is not None]
        whole = answers[0] if not parts else self.join(parts, answers[0])
        named = replace(whole, stem=self.stem, task=self.task.name)
        known = min(made.trust for made in painted[:count] if isinstance(made, Painting))  # the photo as a whole
        return doubted(calibrated(named, named.task, self.calibration), known)

    def _decode_view(self, view: CanvasView, painted: Sequence[Painting | PlantainError]) -> Prediction:
        """The answer about one view, in the view's own pixels."""
        tasks = [task for task, _ in self.variants]
        answers = []
        for task, made in zip(tasks, painted, strict=True):
            if not isinstance(made, Painting):
                raise made
            where = actual_placement(view.where, made)
            own = made.with_provenance(task=task.name, code=task.code_id, geometry=where.to_json())
            answers.append(replace(trusted(task.decode(made.pixels), made), painting=own))
        where = actual_placement(view.where, answers[0].painting)
        return restore(merge(tasks, answers), where, view.pixels, view.shown if where == view.where else None)


def cut_for(size: tuple[int, int], task: Task, painter: Painter, options: PredictOptions) -> list[Tile]:
    """What is painted besides the whole photo: the tiles that are asked for, else the parts that the painter gains by
    in this task, where high quality is wanted."""
    if options.tile is not None:
        return tiles(size, options.tile) if max(size) > options.tile else []
    share = painter.parts.get(task.name) if options.quality == "high" else None
    return [] if share is None else quarters(size, share)


def trusted(answer: Prediction, made: Painting) -> Prediction:
    """The answer read from a painting, with less confidence where its colors went through JPEG."""
    return replace(answer, confidence=answer.confidence * np.float32(LOSSY)) if made.lossy else answer


def stem_of(photo: Any) -> str:
    """How the answer's files begin."""
    return Path(photo).stem if isinstance(photo, str | Path) else "photo"


def canvas_of(painter: Painter, size: tuple[int, int]) -> tuple[int, int]:
    """The canvas that a painter wants for a size. PainterError for a crash, and for what is no canvas."""
    try:
        width, height = painter.canvas(*size)
        canvas = int(width), int(height)
    except PlantainError:
        raise
    except (Exception, SystemExit) as error:  # a painter is other people's code
        raise PainterError(
            f"the painter {painter.identity.name!r} failed to say its canvas for {size[0]} x {size[1]}: "
            f"{type(error).__name__}: {error}"
        ) from error
    if min(canvas) < 1:
        raise PainterError(f"the painter {painter.identity.name!r} wants a canvas of {canvas[0]} x {canvas[1]} pixels")
    return canvas


def examples_on(
    context: Context, task: Task, canvas: tuple[int, int], painter: Painter
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """The examples of a context, photo and painting in turn, on the canvas. UsageError where a painter takes fewer."""
    require_room(painter, len(context.examples))
    pictures = []
    for photo, truth in context.examples:
        where = placement((photo.shape[1], photo.shape[0]), canvas)
        pictures += [place(photo, where), place(painted(task, truth), where, Image.Resampling.NEAREST)]
    return pictures


def require_room(painter: Painter, count: int) -> None:
    """UsageError where a painter takes fewer pictures than a photo and so many example pairs."""
    most = painter.capabilities.max_images
    if 1 + 2 * count > most:
        raise UsageError(
            f"{count} example pairs and the photo are {1 + 2 * count} pictures, but {painter.identity.name} takes "
            f"{most} at most; the embedded generator learns from any number"
        )


def actual_placement(where: Placement, made: Painting | None) -> Placement:
    """The placement on the canvas that came back, where a painter did not keep to the size it was asked for."""
    if made is None or made.pixels.shape[1::-1] == where.canvas:
        return where
    width, height = made.pixels.shape[1], made.pixels.shape[0]
    sx, sy = width / where.canvas[0], height / where.canvas[1]
    x0, y0, x1, y1 = where.box
    left, top = round(x0 * sx), round(y0 * sy)
    return Placement(
        where.size, (width, height), (left, top, max(round(x1 * sx), left + 1), max(round(y1 * sy), top + 1))
    )

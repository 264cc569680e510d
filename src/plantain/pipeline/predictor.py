"""The pipeline: photo + question -> requests -> paintings -> answers about the photo.

A question becomes one request or several (groups of classes, samples, passes under other legends, tiles); the painter
paints them all in one call; each painting is decoded as it came, the answers are merged, and only then brought back to
the photo's own pixels.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, UInt8
from plantain.errors import CodeMismatch, PainterError, PlantainError, UsageError
from plantain.imaging.geometry import Placement, place, placement
from plantain.imaging.photo import read_photo
from plantain.imaging.tiles import Tile, tiles
from plantain.models import Painter, Specialist
from plantain.models import load as load_model
from plantain.models.painting import Painting, Request
from plantain.predictions.calibration import calibrated
from plantain.predictions.resample import restore
from plantain.predictions.tiles import blend
from plantain.predictions.types import Prediction
from plantain.tasks import Task
from plantain.tasks.language.parsing import interpret
from plantain.tasks.merge import merge

LOSSY = 0.7  # what is left of the confidence in a painting that went through JPEG
CANVAS = (512, 512)  # asked for where nobody says how large a picture shall be
ENLARGE = re.compile(r"\b(?:super-?\s?resol\w*|up-?scale|enlarge)\b", re.IGNORECASE)
FACTOR = re.compile(r"\bx\s?([2-4])\b|\b([2-4])\s?x\b|\b(two|three|four) times\b", re.IGNORECASE)


@dataclass(frozen=True)
class Asking:
    """How a question is put: `samples` seeds, `passes` under different legends, in tiles of `tile` photo pixels, in the
    words of `style`. UsageError for numbers below 1."""

    task: Task
    samples: int = 1
    passes: int = 1
    seed: int = 0
    tile: int | None = None
    style: str = "imperative"

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("passes", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.tile is not None and self.tile < 64:
            raise UsageError(f"a tile has at least 64 pixels a side, not {self.tile}")

    def versions(self) -> list[tuple[Task, int]]:
        """All paintings that are wanted of one view, as (question, seed), none twice."""
        every = (
            (part, self.seed + sample)
            for sample in range(self.samples)
            for version in self.task.passes(self.passes, self.seed)
            for part in version.parts()
        )
        return list(dict.fromkeys(every))


@dataclass(frozen=True, eq=False)
class View:
    """The photo or a tile of it on the painter's canvas."""

    tile: Tile | None
    pixels: UInt8[np.ndarray, "h w 3"]
    where: Placement
    shown: UInt8[np.ndarray, "y x 3"]


class Sitting:
    """One photo before the painter: what is asked of it, and how the paintings become its answer."""

    def __init__(self, photo: Any, asking: Asking, painter: Painter) -> None:
        self.asking, self.painter = asking, painter
        pixels = read_photo(photo)
        self.stem = Path(photo).stem if isinstance(photo, str | Path) else "photo"
        self.views = [self._view(None, pixels)]
        if asking.tile is not None and max(pixels.shape[:2]) > asking.tile:
            cut = tiles((pixels.shape[1], pixels.shape[0]), asking.tile)
            self.views += [self._view(tile, tile.cut(pixels)) for tile in cut]
        self.versions = asking.versions()

    def _view(self, tile: Tile | None, pixels: np.ndarray) -> View:
        size = (pixels.shape[1], pixels.shape[0])
        where = placement(size, self.painter.size(*size))
        return View(tile, pixels, where, place(pixels, where))

    def requests(self) -> list[Request]:
        """View by view, version by version."""
        return [
            Request(task.prompt(self.asking.style), view.shown, view.where.canvas, seed)
            for view in self.views
            for task, seed in self.versions
        ]

    def answer(self, painted: Sequence[Painting | PlantainError]) -> Prediction:
        """The answer about the photo. Raises the first error among the paintings."""
        count = len(self.versions)
        answers = [self._seen(v, painted[i * count : (i + 1) * count]) for i, v in enumerate(self.views)]
        parts = [(v.tile, a) for v, a in zip(self.views, answers, strict=True) if v.tile is not None]
        whole = answers[0] if not parts else blend(parts, answers[0])
        named = replace(whole, stem=self.stem, task=self.asking.task.name)
        return calibrated(named, named.task, getattr(self.painter, "calibration", {}))

    def _seen(self, view: View, painted: Sequence[Painting | PlantainError]) -> Prediction:
        """The answer about one view, in the view's own pixels."""
        tasks = [task for task, _ in self.versions]
        answers = []
        for task, made in zip(tasks, painted, strict=True):
            if not isinstance(made, Painting):
                raise made
            where = _actual(view.where, made)
            own = made.marked(task=task.name, code=task.code_id, geometry=where.to_json())
            guide = view.shown if made.rgb.shape == view.shown.shape else None
            answers.append(replace(task.decode(made.rgb, photo=guide), painting=own))
        return restore(merge(tasks, answers), _actual(view.where, answers[0].painting), view.pixels)


def _actual(where: Placement, made: Painting | None) -> Placement:
    """The placement on the canvas that came back, where a painter did not keep to the size it was asked for."""
    if made is None or made.rgb.shape[1::-1] == where.canvas:
        return where
    width, height = made.rgb.shape[1], made.rgb.shape[0]
    sx, sy = width / where.canvas[0], height / where.canvas[1]
    x0, y0, x1, y1 = where.box
    box = (
        round(x0 * sx),
        round(y0 * sy),
        max(round(x1 * sx), round(x0 * sx) + 1),
        max(round(y1 * sy), round(y0 * sy) + 1),
    )
    return Placement(where.size, (width, height), box)


class Predictor:
    """What every caller sees: a painter wrapped by the pipeline."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter

    def __repr__(self) -> str:
        return f"Predictor({self.painter.name})"

    @property
    def name(self) -> str:
        return self.painter.name

    def settled(self, task: Task) -> Task:
        """The question in this painter's favourite code, where it names none."""
        return task.resolve(self.painter.codes)

    def predict(self, photo: Any, task: Task | str, **options: Any) -> Prediction:
        """The answer to a question about a photo.

        `photo`: a path, array (uint8, uint16, float 0..1), PIL image or bytes. `task`: a Task, or what people type.
        `options`: samples, passes, seed, tile, style (see Asking). Raises PhotoError, UsageError, PainterError."""
        sitting = Sitting(photo, self.asking(task, **options), self.painter)
        return sitting.answer(self.paint(sitting.requests()))

    def asking(self, task: Task | str, **options: Any) -> Asking:
        """The question as this painter will get it: its favourite code filled in."""
        question = interpret(task) if isinstance(task, str) else task
        return Asking(self.settled(question), **options)

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """The painter's call, in which whatever goes wrong is an error that says who failed."""
        try:
            painted = self.painter.paint(requests)
        except PlantainError:
            raise
        except Exception as error:  # a painter is other people's code
            raise PainterError(f"the painter {self.painter.name!r} failed: {type(error).__name__}: {error}") from error
        if len(painted) != len(requests):
            raise PainterError(f"the painter {self.painter.name!r} gave {len(painted)} paintings for {len(requests)}")
        return painted

    def generate(
        self, text: str, *, size: tuple[int, int] | None = None, seed: int = 0, steps: int | None = None
    ) -> Painting:
        """A picture from words. `size` is (width, height) in pixels; without it the painter's own."""
        canvas = self.painter.size(*(size or CANVAS))
        made = self._picture(Request(text, None, canvas, seed, steps, perceive=False)).marked(task="generate")
        return made if size is None else replace(made, rgb=resized(made.rgb, size))

    def edit(
        self, photo: Any, text: str, *, mask: Bool[np.ndarray, "h w"] | None = None, seed: int = 0,
        steps: int | None = None,
    ) -> Painting:  # fmt: skip
        """The photo changed as told, at its own size (four times as large where the words ask to enlarge it).

        What is too fine for the painter's canvas is kept from the photo; `mask` (True = paint) limits the change."""
        pixels = read_photo(photo)
        if mask is not None and mask.shape != pixels.shape[:2]:
            raise UsageError(f"the mask is {mask.shape}, the photo {pixels.shape[:2]}; give the same size")
        size = (pixels.shape[1], pixels.shape[0])
        where = placement(size, self.painter.size(*size))
        shown = place(pixels, where)
        area = (
            None
            if mask is None
            else place(np.repeat(mask[..., None], 3, -1).astype(np.uint8) * 255, where)[..., 0] > 127
        )
        made = self._picture(Request(text, shown, where.canvas, seed, steps, area, perceive=False))
        if factor := enlargement(text):
            rgb = back(made.rgb, _actual(where, made), (size[0] * factor, size[1] * factor))
        else:
            rgb = _with_detail(pixels, shown, made, where, mask)
        return replace(made, rgb=rgb, task="edit", geometry=where.to_json())

    def _picture(self, request: Request) -> Painting:
        (made,) = self.paint([request])
        if not isinstance(made, Painting):
            raise made
        return made


class Expert:
    """A specialist, asked like a painter. It has one answer to a question: samples, passes and seeds change nothing."""

    def __init__(self, specialist: Specialist) -> None:
        self.specialist, self.name, self.claims = specialist, specialist.name, specialist.claims
        self.weights: Path | None = getattr(specialist, "weights", None)

    def __repr__(self) -> str:
        return f"Expert({self.name})"

    def predict(self, photo: Any, task: Task | str, **options: Any) -> Prediction:
        """The answer to a question about a photo; no painting comes with it. UsageError for what it does not claim."""
        question = interpret(task) if isinstance(task, str) else task
        stem = Path(photo).stem if isinstance(photo, str | Path) else "photo"
        return self.calibrated(replace(self.answer(read_photo(photo), question), stem=stem))

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Task) -> Prediction:
        """The answer with its confidence as the network states it."""
        if task.name not in self.claims:
            known = ", ".join(self.claims)
            raise UsageError(f"{self.name} answers {known}, not {task.name}; see `plantain models`")
        return replace(self.specialist.answer(photo, task), task=task.name)

    def calibrated(self, answer: Prediction) -> Prediction:
        """The answer with its confidence set right."""
        return calibrated(answer, answer.task, getattr(self.specialist, "calibration", {}))

    def settled(self, task: Task) -> Task:
        """The question as it is: a specialist knows no colours."""
        return task

    def generate(self, *words: Any, **options: Any) -> Painting:
        raise UsageError(f"{self.name} is a specialist and makes no pictures; take a painter (see `plantain models`)")

    edit = generate


def wrap(model: Painter | Specialist) -> Predictor | Expert:
    """What callers ask: the pipeline around a painter, or the like of it for a specialist."""
    return Expert(model) if isinstance(model, Specialist) else Predictor(model)


def enlargement(text: str) -> int:
    """How many times as large the picture shall become; 0 where the words do not ask for it.

    >>> enlargement("super-resolve"), enlargement("enlarge x2"), enlargement("colourise")
    (4, 2, 0)
    """
    if not ENLARGE.search(text):
        return 0
    found = FACTOR.search(text)
    said = "4" if found is None else next(group for group in found.groups() if group)
    return {"two": 2, "three": 3, "four": 4}.get(said.lower()) or int(said)


def resized(rgb: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "y x 3"]:
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def back(rgb: UInt8[np.ndarray, "y x 3"], where: Placement, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The photo's part of a canvas, at a size."""
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=where.box))


def _with_detail(
    pixels: np.ndarray, shown: np.ndarray, made: Painting, where: Placement, mask: np.ndarray | None
) -> np.ndarray:
    """The painting at the photo's size, plus what the canvas was too coarse to show; only inside the mask if any."""
    painted = back(made.rgb, _actual(where, made), where.size)
    if mask is not None:
        return np.where(mask[..., None], painted, pixels)
    lost = pixels.astype(np.int16) - back(shown, where, where.size)
    return (painted + lost).clip(0, 255).astype(np.uint8)


# ---- the public one-shot functions


@cache
def _kept(model: str) -> Predictor | Expert:
    return load(model)


def load(model: str = "embedded", *, calibrated: bool = True, **options: Any) -> Predictor | Expert:
    """A model that answers: `load("embedded")`, `load("oracle", truth=depth, noise=8)`; `plantain models` lists all.

    `calibrated` False: confidence as the decoder states it, not set right by the model's calibration."""
    loaded: Any = load_model(model, **options)
    if not calibrated:
        loaded.calibration = {}
    return wrap(loaded)


def predict(photo: Any, task: Task | str, *, model: str = "embedded", **options: Any) -> Any:
    """The answer to a question about a photo, by a model that is kept for the next call. See Predictor.predict."""
    return _kept(model).predict(photo, task, **options)


def generate(text: str, *, model: str = "embedded", **options: Any) -> Painting:
    """A picture from words. See Predictor.generate."""
    return _kept(model).generate(text, **options)


def edit(photo: Any, text: str, *, model: str = "embedded", **options: Any) -> Painting:
    """The photo changed as told. See Predictor.edit."""
    return _kept(model).edit(photo, text, **options)


def decode(painting: Any, task: Task | str, *, photo: Any = None) -> Any:
    """Reads a painting from anywhere: a path, a uint8 (0..255) or float (0..1) array, or a Painting.

    A painting of Plantain's own says its colour code and where the photo lies on it; CodeMismatch where the task asks
    for another code. A painting that went through JPEG is read with a warning and less confidence. `photo` guides
    edges."""
    question = interpret(task) if isinstance(task, str) else task
    made = painting if isinstance(painting, Painting) else None
    if isinstance(painting, str | Path):
        made = Painting.load(painting)
    question = _coded(question, made.code if made else "")
    answer = question.decode(made.rgb if made else painting)
    if made and made.lossy:
        warnings.warn("this painting went through JPEG: its colours are not exact; keep paintings as PNG", stacklevel=2)
        answer = replace(answer, confidence=answer.confidence * np.float32(LOSSY))
    stem = Path(painting).stem if isinstance(painting, str | Path) else "photo"
    answer = replace(answer, painting=made, stem=stem.removesuffix(f".{question.name}"))
    if not made or not made.geometry:
        return answer
    where = Placement.from_json(dict(made.geometry))
    pixels = None if photo is None else read_photo(photo)
    return restore(answer, where, pixels if pixels is not None and pixels.shape[1::-1] == where.size else None)


def _coded(task: Task, painted: str) -> Task:
    """The question in the painting's own code, where it says one."""
    if not painted or (task.code is not None and task.code_id == painted):
        return task
    names = {identity: name for name, identity in task.codes.items()}
    if task.code is not None or painted not in names:
        raise CodeMismatch(painted, task.code_id)
    return replace(task, code=names[painted])

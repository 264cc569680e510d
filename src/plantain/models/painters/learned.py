"""The embedded generator after it was shown examples: what its frozen vision encoder sees, and what it would paint for
the question's words by itself, become the answer by a ridge regression in closed form (`ridge.py`).

    learned = Embedded().learn(task, [(photo, truth), ...])        # a painter
    learned.save("cracks.npz"); plantain.load("cracks.npz")        # which a small file keeps
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.errors import PainterError, PlantainError, UsageError
from plantain.files import writing
from plantain.imaging.geometry import Placement, place, placement
from plantain.models.base import Painter, lazy
from plantain.models.identity import Identity, digest
from plantain.models.painters import ridge
from plantain.models.painters.embedded import BLANK, Conditions, Embedded, refusal
from plantain.models.painters.grids import PATCH
from plantain.models.painting import Painting, Request, Usage
from plantain.predictions.calibration import Fit as Calibration
from plantain.predictions.calibration import isotonic
from plantain.predictions.resample import nearest
from plantain.predictions.types import Alpha, Labels

VERSION = 1  # of the features and of the file
FINE = 2  # the encoder reads the photo twice: at the generator's own size, and so many times as large
PLACE, WORDS, LINES = 0.3, 3.0, 3.0  # weights of where a cell is, of what the generator paints, and of lines
THIN = (1.0, 2.0, 4.0)  # sigmas of lines and edges, in pixels of the canvas
AROUND = 12.0  # sigma of what a pixel is held against
DOUBT = 24.0  # levels: a pixel between two classes is painted so far towards the second one, a sure one not at all
CLOSER = 4  # what is left out is judged at so many pixels a cell and side


# ---- what is seen of a photo


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo on its canvas, as maps of features: the encoder's, in cells of PATCH pixels; what the generator paints
    for the question's words; lines and edges of the photo. The later ones are finer."""

    maps: tuple[Float[np.ndarray, "_h _w _k"], ...]

    def cells(self) -> Float[np.ndarray, "n d"]:
        """All features of each cell, the mean of the finer ones."""
        rows, columns, _ = self.maps[0].shape
        sides = [(one.shape[0] // rows, one.shape[1] // columns) for one in self.maps]
        means = [
            one.reshape(rows, y, columns, x, -1).mean((1, 3)) for one, (y, x) in zip(self.maps, sides, strict=True)
        ]
        return np.concatenate(means, -1).reshape(rows * columns, -1)

    def scores(self, weights: Float[np.ndarray, "d k"], size: tuple[int, int]) -> Float[np.ndarray, "y x k"]:
        """Scores at a size (width, height). They are linear in the features, so that each map gives its part at its own
        fineness: what the encoder sees passes smoothly from cell to cell, lines and edges stay sharp."""
        ends = np.cumsum([one.shape[-1] for one in self.maps])[:-1]
        parts = zip(self.maps, np.split(weights, ends), strict=True)
        return np.asarray(sum(enlarged(one @ own, size) for one, own in parts))


def look(encoder: Embedded, photo: UInt8[np.ndarray, "y x 3"], prompts: Sequence[str]) -> Seen:
    """What is seen of a photo on its canvas (sides multiples of FINE * PATCH), and painted for these words."""
    size = photo.shape[1] // FINE, photo.shape[0] // FINE
    small = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    painted = [copied(Conditions(encoder, small, encoder.words.read(prompt), size)) for prompt in prompts]
    rows, columns = photo.shape[0] // PATCH, photo.shape[1] // PATCH
    both = enlarged(read(encoder, small), (columns, rows)) + read(encoder, photo)
    y, x = np.meshgrid(centers(rows), centers(columns), indexing="ij")
    where = PLACE * np.stack([y, x, y * y, x * x, np.ones_like(x)], -1)
    seen = np.concatenate([unit(both), where], -1, dtype=np.float32)
    return Seen((seen, WORDS * np.concatenate(painted, -1), LINES * lines(photo)))


def read(encoder: Embedded, photo: UInt8[np.ndarray, "y x 3"]) -> Float[np.ndarray, "rows columns d"]:
    """The encoder's features of each patch, at the two last of its four depths."""
    features = encoder.encoder.features(photo[None])[0, 1:]
    grid = features.reshape(photo.shape[0] // PATCH, photo.shape[1] // PATCH, -1)
    return unit(grid[..., grid.shape[-1] // 2 :])


def unit(features: Float[np.ndarray, "rows columns d"]) -> Float[np.ndarray, "rows columns d"]:
    """Each of the two depths brought to length 1."""
    parts = features.reshape(*features.shape[:2], 2, -1)
    return (parts / np.maximum(np.linalg.norm(parts, axis=-1, keepdims=True), 1e-6)).reshape(features.shape)


def centers(count: int) -> Float[np.ndarray, " _n"]:
    """The middles of so many cells, -1..1."""
    return (2 * np.arange(count, dtype=np.float32) + 1) / count - 1


def copied(conditions: Conditions) -> Float[np.ndarray, "h w k"]:
    """What the generator paints where it copies no color of the prompt (3 planes), and how much it copies each color.

    A painting is linear in the prompt's colors: unit vectors in their place, three a pass, give the shares."""
    width, height = conditions.columns * PATCH, conditions.rows * PATCH
    inputs = conditions.attend(np.full((height, width, 3), BLANK, np.float32), 0.0)
    colors = np.zeros_like(conditions.prompt["colours"])
    planes = [own := conditions.decode(inputs, colors)]
    for start in range(0, int(conditions.prompt["colour_mask"].sum()), 3):
        units = colors.copy()
        units[0, start : start + 3] = np.eye(3, dtype=np.float32)[: colors.shape[1] - start]
        planes.append((conditions.decode(inputs, units) - own)[..., : colors.shape[1] - start])
    return np.concatenate(planes, -1)


def lines(photo: UInt8[np.ndarray, "y x 3"]) -> Float[np.ndarray, "y x k"]:
    """How much each pixel lies on a dark line, on a bright line and on an edge, of three widths, and how much brighter
    or darker it is than what is around it. By logarithms: light that falls on everything changes nothing.

    Lines: eigenvalues of the Hessian at a scale (Lindeberg 1998, Edge detection and ridge detection with automatic
    scale selection)."""
    light = np.log(photo.astype(np.float32).mean(-1) / 255 + 0.05)
    planes = []
    for sigma in THIN:
        soft = blurred(light, sigma)
        y, x = np.gradient(soft)
        (yy, yx), xx = np.gradient(y), np.gradient(x, axis=1)
        middle, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
        scale = (2 * sigma) ** 2
        planes += [scale * np.maximum(spread + side * middle, 0) for side in (1, -1)] + [2 * sigma * np.hypot(y, x)]
    off = blurred(light, THIN[0]) - blurred(light, AROUND)
    return np.stack([*planes, np.maximum(off, 0), np.maximum(-off, 0)], -1).astype(np.float32)


def blurred(plane: Float[np.ndarray, "y x"], sigma: float) -> Float[np.ndarray, "y x"]:
    """Under a Gaussian; beyond the border the border is repeated."""
    reach = round(3 * sigma)
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2).astype(np.float32)
    for _ in range(2):
        wide = np.pad(plane, ((reach, reach), (0, 0)), mode="edge")
        plane = sum(w * wide[i : i + len(plane)] for i, w in enumerate(kernel / kernel.sum())).T
    return plane


def enlarged(planes: Float[np.ndarray, "h w k"], size: tuple[int, int]) -> Float[np.ndarray, "y x k"]:
    """Planes at a size (width, height), bilinear."""
    if planes.shape[1::-1] == size:
        return planes
    flat = np.ascontiguousarray(np.moveaxis(planes, -1, 0), np.float32)
    return np.stack([np.asarray(Image.fromarray(p).resize(size, Image.Resampling.BILINEAR)) for p in flat], -1)


# ---- what should be painted there


def on_canvas(values: Shaped[np.ndarray, "h w ..."], where: Placement) -> Shaped[np.ndarray, "y x ..."]:
    """A map of a photo as it lies on the canvas: the nearest pixel, repeated over the padding."""
    (x0, y0), (x1, y1) = where.to_photo(np.array([(0, 0), where.canvas]))
    return nearest(values, where.canvas, (x0, y0, x1, y1))


def inside(where: Placement) -> Bool[np.ndarray, "y x"]:
    """Where on the canvas the photo lies."""
    x0, y0, x1, y1 = where.box
    out = np.zeros(where.canvas[::-1], bool)
    out[y0:y1, x0:x1] = True
    return out


def shares(
    values: Shaped[np.ndarray, "y x ..."], known: Bool[np.ndarray, "y x"], classes: int
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " n"]]:
    """Of each cell the mean of what is known in it (of class numbers h w: the share of each class), and how much is."""
    rows, columns = known.shape[0] // PATCH, known.shape[1] // PATCH
    cell = np.arange(rows)[:, None] * columns + np.arange(columns)
    at = np.repeat(np.repeat(cell, PATCH, 0), PATCH, 1)[known]
    count = np.bincount(at, minlength=cell.size)
    if values.ndim == 2:
        sums = np.bincount(at * classes + values[known], minlength=cell.size * classes).reshape(-1, classes)
    else:
        sums = np.stack([np.bincount(at, plane[known], cell.size) for plane in np.moveaxis(values, -1, 0)], -1)
    means = sums / np.maximum(count, 1)[:, None]
    return means.astype(np.float32), (count / PATCH**2).astype(np.float32)


# ---- the painter


@dataclass(frozen=True, eq=False)
class Lesson:
    """What was learned, and from what. `names`: of the classes or masks; `rest`: whether one more class is none of
    them; no names: the painting's colors themselves. `words`: the prompts that the generator is asked with; `encoder`:
    hash of its weights. `left_out`: figures of each photo's answer by a fit that had not seen it."""

    fit: ridge.Fit
    task: str
    code: str
    names: tuple[str, ...]
    rest: bool
    words: tuple[str, ...]
    encoder: str
    examples: int
    left_out: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Calibration] = field(default_factory=dict)


class Learned(Painter):
    """The painter that a lesson makes of the embedded generator. It answers the question that it learned, and what is a
    part of it: some of the classes, in any colors, as a label map or as masks."""

    def __init__(self, lesson: Lesson, encoder: Embedded, name: str = "learned") -> None:
        self.lesson, self.encoder, self.name = lesson, encoder, name
        self.calibration = lesson.calibration
        self.codes = {} if lesson.names else {lesson.task: lesson.code.split("/")[0]}
        self._last: tuple[np.ndarray, Seen] | None = None

    @lazy
    def identity(self) -> Identity:
        learned = digest([self.lesson.fit.weights, self.lesson.fit.frequency, about(self.lesson)])
        return Identity(self.name, weights=self.encoder.identity.weights, adapter_weights=learned)

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """FINE times the embedded generator's."""
        across, down = self.encoder.canvas(width, height)
        return FINE * across, FINE * down

    def close(self) -> None:
        self.encoder.close()

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """One painting a request, or the PainterError of one that was not learned."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Painting | PlantainError:
        start = time.perf_counter()
        try:
            pixels = self._painted(request)
        except PlantainError as error:
            return error if isinstance(error, PainterError) else PainterError(f"{self.name}: {error}")
        return Painting(pixels, usage=Usage(time.perf_counter() - start))

    def _painted(self, request: Request) -> UInt8[np.ndarray, "h w 3"]:
        from plantain.tasks.language.parsing import parse

        asked = parse(request.prompt)
        columns = self.columns(asked)
        if request.photo is None or request.purpose != "perceive":
            raise PainterError(
                f"{self.name} answers questions about photos; for pictures and edits take the embedded generator"
            )
        if (wrong := refusal(request)) is not None or (wrong := self._off_grid(request)) is not None:
            raise wrong
        return painting(asked, columns, self.lesson.fit.read(self.scores(request.photo)), self.lesson)

    def _off_grid(self, request: Request) -> PainterError | None:
        side = FINE * PATCH
        off = request.size[0] % side or request.size[1] % side
        return PainterError(f"{self.name} paints multiples of {side} pixels, not {request.size}") if off else None

    def scores(self, photo: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w k"]:
        """The scores of a photo's pixels on its canvas; the last photo is remembered, for questions in parts."""
        last = self._last
        if last is None or not np.array_equal(last[0], photo):
            last = self._last = (photo, look(self.encoder, photo, self.lesson.words))
        return last[1].scores(self.lesson.fit.weights, photo.shape[1::-1])

    def check(self, task: Any) -> None:
        self.columns(task)

    def columns(self, asked: Any) -> list[int]:
        """Which scores answer the names that are asked for. UsageError for what was not learned."""
        lesson, names = self.lesson, asked.queries or (asked.name,)
        if not lesson.names and (asked.name, asked.code_id) == (lesson.task, lesson.code):
            return [0, 1, 2]
        known = {plain(name): i for i, name in enumerate(lesson.names)}
        missing = [name for name in names if plain(name) not in known]
        if missing or not learns_names(asked):
            learned, what = ", ".join(lesson.names) or lesson.code, ", ".join(missing) or asked.title
            raise UsageError(f"{self.name!r} learned {lesson.task} ({learned}), not {asked.name} ({what})")
        return [known[plain(name)] for name in names]


def learns_names(task: Any) -> bool:
    """Whether the answer is a share of each name at every pixel: classes or masks. Others are learned as colors."""
    return task.kind is Labels or issubclass(task.kind, Alpha)


def plain(name: str) -> str:
    """A name as it is compared: "The Crack" is "crack"."""
    words = name.casefold().split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


def painting(
    asked: Any, columns: Sequence[int], values: Float[np.ndarray, "h w k"], lesson: Lesson
) -> UInt8[np.ndarray, "h w 3"]:
    """Values 0..1 in the colors that are asked for."""
    if not lesson.names:
        return np.round(255 * values).astype(np.uint8)
    own = values[..., list(columns)]
    if issubclass(asked.kind, Alpha):
        sure = np.ones(own.shape[:2], np.float32)
        planes = np.ascontiguousarray(np.moveaxis(own, -1, 0)).clip(0, 1)
        return np.asarray(asked.encode(Alpha(alpha=planes, names=asked.queries or (asked.name,), confidence=sure)))
    colors = [*asked.colors]
    others = [i for i in range(values.shape[-1]) if i not in columns]
    if others and asked.background is not None:
        own = np.concatenate([own, values[..., others].max(-1, keepdims=True)], -1)
        colors.append(asked.background)
    return mixed(own, np.array(colors, np.float32))


def mixed(values: Float[np.ndarray, "h w k"], colors: Float[np.ndarray, "k 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Each pixel in the color of its largest value, leaning to that of the second: the less sure the more, but never so
    far that another color of the legend is nearer."""
    if len(colors) == 1:
        return np.broadcast_to(colors[0], (*values.shape[:2], 3)).astype(np.uint8)
    first = values.argmax(-1)
    rest = values.copy()
    np.put_along_axis(rest, first[..., None], -1, -1)
    second = rest.argmax(-1)
    best, next_best = (np.take_along_axis(values, i[..., None], -1)[..., 0] for i in (first, second))
    doubt = (2 * next_best / np.maximum(best + next_best, 1e-9)).clip(0, 1)
    steps = colors[second] - colors[first]
    return np.round(colors[first] + (doubt * room(colors)[first, second])[..., None] * steps).astype(np.uint8)


def room(colors: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k k"]:
    """How far from color i to color j one may go, as a share of the way: at most DOUBT levels, and so that i stays the
    nearest of all colors."""
    way = colors[None] - colors[:, None]
    length = np.maximum(np.square(way).sum(-1), 1e-9)
    across = np.maximum(2 * np.einsum("ijc,ikc->ijk", way, way), 1e-9)
    nearest_stays = np.where(np.eye(len(colors), dtype=bool)[:, None, :], np.inf, length[:, None, :] / across).min(-1)
    return np.minimum(0.9 * nearest_stays, DOUBT / np.sqrt(length)).astype(np.float32)


# ---- learning


def learn(encoder: Embedded, task: Any, pairs: Sequence[tuple[UInt8[np.ndarray, "_h _w 3"], Any]]) -> Learned:
    """The painter that has learned a question's answer from photos and truths of the question's kind, whose confidence
    is 0 where nothing is known. Needs at least one; two or more, to choose by what is left out."""
    classes = learns_names(task)
    settled = task if classes else task.resolve(encoder.codes)
    words = tuple(part.prompt() for part in settled.parts())
    names = (task.queries or (task.name,)) if classes else ()
    rest = classes and (task.kind is not Labels or task.background is not None)
    photos, truths = [], []
    for photo, truth in pairs:
        size = photo.shape[1], photo.shape[0]
        across, down = encoder.canvas(*size)
        where = placement(size, (FINE * across, FINE * down))
        seen = look(encoder, place(photo, where), words)
        wanted, known = targets(settled, truth, len(names), rest)
        truths.append((on_canvas(wanted, where), on_canvas(known, where) & inside(where)))
        photos.append(ridge.Cells(seen.cells().astype(np.float16), *shares(*truths[-1], len(names) + rest)))
    fit, left = ridge.fit(photos, classes=classes)
    lesson = Lesson(fit, settled.name, settled.code_id, names, rest, words, encoder.identity.weights, len(pairs))
    figures, calibration = judged(settled, lesson, left, truths)
    return Learned(replace(lesson, left_out=figures, calibration=calibration), encoder)


def targets(
    task: Any, truth: Any, count: int, rest: bool
) -> tuple[Shaped[np.ndarray, "h w ..."], Bool[np.ndarray, "h w"]]:
    """What should be said of each pixel of a photo (class numbers, or values 0..1), and where that is known."""
    if isinstance(truth, Labels):
        return np.where(truth.ids < 0, count if rest else 0, truth.ids), truth.confidence > 0
    if isinstance(truth, Alpha):
        planes = np.moveaxis(truth.alpha, 0, -1)
        none = 1 - planes.max(-1, keepdims=True)
        both = np.concatenate([planes, none], -1)
        return both / both.sum(-1, keepdims=True), truth.confidence > 0
    colors = np.asarray(task.encode(truth), np.float32) / 255
    return colors, getattr(truth, "valid", np.ones(colors.shape[:2], bool))


def judged(
    task: Any,
    lesson: Lesson,
    left: Sequence[Float[np.ndarray, "_n k"]],
    truths: Sequence[tuple[np.ndarray, np.ndarray]],
) -> tuple[dict[str, Any], dict[str, Calibration]]:
    """Figures of what the fits say of the photos that they have not seen (IoU of each name, or the mean error of the
    colors, 0..1), and what sets the confidence of answers right."""
    if not left:
        return {}, {}
    count = len(lesson.names) + lesson.rest
    table, errors, sure, right = np.zeros((count, count), np.int64), [], [], []
    for readings, (wanted, known) in zip(left, truths, strict=True):
        rows, columns = known.shape[0] // PATCH, known.shape[1] // PATCH
        size = columns * CLOSER, rows * CLOSER
        values = enlarged(readings.reshape(rows, columns, -1), size)
        true, counts = nearest(wanted, size), nearest(known, size)
        if not lesson.names:
            errors.append(np.abs(values - true)[counts])
            continue
        true = true if true.ndim == 2 else true.argmax(-1)
        said = values.argmax(-1)
        table += np.bincount(true[counts] * count + said[counts], minlength=count**2).reshape(count, count)
        if len(task.parts()) == 1:
            answer = task.decode(painting(task, range(len(lesson.names)), values, lesson))
            sure.append(answer.confidence[counts])
            right.append((said == true)[counts])
    if not lesson.names:
        return {"error": round(float(np.concatenate(errors).mean()), 4)}, {}
    fits = {task.name: isotonic(np.concatenate(sure), np.concatenate(right))} if sure else {}
    return overlaps(table, [*lesson.names, *["background"] * lesson.rest]), fits


def overlaps(table: Shaped[np.ndarray, "k k"], names: Sequence[str]) -> dict[str, Any]:
    """mIoU over the classes that are there, IoU of each (None where it is not), and accuracy, of a confusion matrix."""
    hit, there = np.diag(table), table.sum(1)
    each = hit / np.maximum(there + table.sum(0) - hit, 1)
    by_name = {name: round(float(v), 4) if n else None for name, v, n in zip(names, each, there, strict=True)}
    miou, accuracy = float(each[there > 0].mean()), float(hit.sum() / max(there.sum(), 1))
    return {"miou": round(miou, 4), "accuracy": round(accuracy, 4), "iou": by_name}


# ---- as a file


def about(lesson: Lesson) -> dict[str, Any]:
    """A lesson but for its arrays, as JSON holds it."""
    told = {name: value for name, value in vars(lesson).items() if name not in ("fit", "calibration")}
    chosen = {name: value for name, value in vars(lesson.fit).items() if isinstance(value, float)}
    fits = {task: asdict(one) for task, one in lesson.calibration.items()}
    return {"version": VERSION, **told, "left_out": dict(lesson.left_out), "fit": chosen, "calibration": fits}


def save(lesson: Lesson, path: Path) -> None:
    """Writes a lesson as one .npz file, whole or not at all. OutputError."""
    with writing(path) as beside, beside.open("wb") as file:
        np.savez(
            file, weights=lesson.fit.weights, frequency=lesson.fit.frequency, about=np.array(json.dumps(about(lesson)))
        )


def load(path: Path) -> Lesson:
    """A lesson from its file. UsageError where it is none, or of another version of the features."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            told = json.loads(str(stored["about"]))
            version, chosen, fits = (told.pop(name) for name in ("version", "fit", "calibration"))
            fit = ridge.Fit(stored["weights"], stored["frequency"], **chosen)
            calibration = {task: Calibration(tuple(one["x"]), tuple(one["y"])) for task, one in fits.items()}
            told |= {name: tuple(told[name]) for name in ("names", "words")} | {"calibration": calibration}
            lesson = Lesson(fit, **told)
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}; make one: plantain learn EXAMPLES QUESTION -o {path}") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} is no file of `plantain learn` ({error}); learn it again") from error
    if version != VERSION:
        raise UsageError(f"{path} is of version {version} of the features, not {VERSION}; learn it again")
    return lesson


def from_file(path: str, weights: str | Path | None = None) -> Learned:
    """The painter of a file that `plantain learn` wrote. UsageError where it was learned with another encoder."""
    encoder = Embedded() if weights is None else Embedded(weights)
    lesson = load(Path(path))
    if lesson.encoder != encoder.identity.weights:
        raise UsageError(
            f"{path} was learned with another encoder ({lesson.encoder[:8]}, not {encoder.identity.weights[:8]}); "
            "learn it again, or give its --weights"
        )
    return Learned(lesson, encoder, Path(path).stem)

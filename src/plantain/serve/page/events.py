"""What happens when something on the page is pressed: a function an event, from what is on the page to what will be.

The first thing that each gives back is the place of its words, in which errors stand too."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import PurePath
from typing import Any

import gradio as gr

from plantain.errors import PlantainError, UsageError
from plantain.imaging.camera import focal_of_exif
from plantain.imaging.photo import photo_size
from plantain.models.painting import Painting
from plantain.predictions.types import Labels, Prediction
from plantain.serve.errors import message_of
from plantain.serve.page import say
from plantain.serve.page.cache import new_folder, owned
from plantain.serve.page.compare import agreement
from plantain.serve.page.doubts import doubts, uncalibrated
from plantain.serve.page.files import write_all, write_cloud
from plantain.serve.page.kept import KeptAnswer
from plantain.serve.page.parts import colors_of, shown
from plantain.serve.page.readings import apart, reading
from plantain.serve.page.service import Asked, PageService, owner_of, photo_bytes
from plantain.serve.page.understood import understood
from plantain.serve.page.views import abouts
from plantain.serve.watch import LOG
from plantain.tasks import SemanticSegmentation
from plantain.tasks.language.plan import Plan, Question
from plantain.tasks.legend import rgb_of

MARKS = 2  # points that are read at a time
SPARE = ("#e6194b", "#3cb44b", "#4363d8")
File = Mapping[str, Any] | None  # of Gradio: path, orig_name
Act = Callable[..., Awaitable[Any]]


def telling(count: int) -> Callable[[Act], Act]:
    """An event with `count` outputs, whose errors are a line in the first of them; the others stay as they are."""

    def wrap(act: Act) -> Act:
        @wraps(act)
        async def call(*args: Any) -> Any:
            try:
                return await act(*args)
            except PlantainError as error:
                words = say.for_page(message_of(error))
            except Exception:
                LOG.exception("page")
                words = "something went wrong inside; the log has more"
            return [say.bad(words), *(gr.skip() for _ in range(count - 1))] if count > 1 else say.bad(words)

        return call

    return wrap


class Events:
    """The events of the page around one service."""

    def __init__(self, service: PageService) -> None:
        self.service = service

    # ---- before anything is asked

    async def read_text(self, text: str) -> str:
        """How the question is read, while it is typed."""
        return say.read(await asyncio.to_thread(understood, text[: self.service.limits.text]))

    async def better(self, event: gr.EventData) -> Any:
        """One of the texts that would be understood was chosen."""
        return event._data["text"]

    @telling(2)
    async def dropped(self, photo: File) -> Any:
        """A photo: whether it can be read, and its camera's field of view, where it says so."""
        if not photo:
            return "", gr.skip()
        content = await asyncio.to_thread(photo_bytes, path_of(photo), self.service.limits)
        focal, (width, _) = focal_of_exif(content), photo_size(content)
        fov = gr.skip() if focal is None else round(math.degrees(2 * math.atan(width / 2 / focal)), 1)
        return "", fov

    # ---- asking

    @telling(6)
    async def ask(
        self, photo: File, text: str, model: str, fov: float, samples: int, seed: int, least: float,
        request: gr.Request,
    ) -> Any:  # fmt: skip
        """The answer: words, viewer, the name under which it is kept, the legend, and no files or points yet."""
        asked = said_with(model, fov, samples, seed, least)
        name, kept = await self.service.ask(scope_of(request), path_of(photo), text, asked)
        return await self._told(name, kept)

    @telling(6)
    async def ask_legend(
        self, photo: File, rows: Any, exact: bool, model: str, fov: float, samples: int, seed: int, least: float,
        request: gr.Request,
    ) -> Any:  # fmt: skip
        """Classes of the legend's names, shown in its colors; `exact`: painted in them too."""
        chosen = colors_of(rows)
        task = legend_task(chosen, exact=exact)
        plan = Plan(f"segment {', '.join(task.classes)}", (Question((task,), names=task.classes),))
        asked = said_with(model, fov, samples, seed, least)
        name, kept = await self.service.answer(scope_of(request), path_of(photo), plan, asked)
        if not exact:
            kept = recolored(kept, dict(chosen))
            self.service.answers.replace(name, kept)
        return await self._told(name, kept)

    async def _told(self, name: str, kept: KeptAnswer) -> Any:
        engine = self.service.state.engines.get(kept.model)
        fits = {} if engine is None else engine.model.calibration
        unchecked = [] if engine is None else uncalibrated(kept.answer, fits)
        value = await asyncio.to_thread(shown, name, kept, new_folder())
        legend = next((rows_of(one) for one in kept.predictions if isinstance(one, Labels)), gr.skip())
        return (
            say.answer(kept, doubts(kept.answer), unchecked),
            value,
            name,
            legend,
            gr.update(value=None, visible=False),
            None,
        )

    # ---- pointing

    def read_points(self, data: Any, request: Any) -> dict[str, Any]:
        """What the answer says at one or two points, and how far these are apart: for the viewer."""
        try:
            name, places = data
            points = [(float(x), float(y)) for x, y in places[:MARKS]]
            kept = self.service.get(name, scope_of(request))
            told: dict[str, Any] = {"points": [self._lines(kept, point) for point in points]}
            if len(points) == MARKS and kept.depth is not None:
                told["apart"] = apart(kept.depth, points[0], points[1], kept.focal_px)
            return told
        except PlantainError as error:
            return {"error": message_of(error)}
        except (TypeError, ValueError):
            return {"error": "a point is x and y in pixels"}

    def _lines(self, kept: KeptAnswer, point: tuple[float, float]) -> list[str]:
        told = [reading(one, point) for one in kept.predictions]
        if len(told) > 1:
            pairs = zip(abouts(kept), told, strict=True)
            told = [line if line.startswith(f"{name} ") else f"{name}: {line}" for name, line in pairs]
        return [f"x {point[0]:.0f}, y {point[1]:.0f}", *told]

    async def camera(self, name: str, fov: float, request: gr.Request) -> Any:
        """Another field of view for the answer that is there."""
        try:
            kept = self.service.get(name, scope_of(request))
            self.service.answers.replace(name, kept.of_camera(fov))
        except PlantainError:
            return gr.skip()
        return gr.update(camera=fov or 0.0)

    # ---- files and points in space

    @telling(2)
    async def files(self, name: str, request: gr.Request) -> Any:
        """All files of the answer."""
        kept = self._kept(name, request)
        written = await asyncio.to_thread(write_all, kept, new_folder())
        return "", gr.update(value=[str(path) for path in written], visible=True)

    @telling(2)
    async def cloud(self, name: str, fov: float, request: gr.Request) -> Any:
        """Points in space, to be turned."""
        kept = self._kept(name, request).of_camera(fov)
        path, line, away_m = await asyncio.to_thread(write_cloud, kept, new_folder())
        return say.hint(line), gr.update(value=str(path), camera_position=(90, 85, away_m))

    def _kept(self, name: str, request: gr.Request) -> KeptAnswer:
        if not name:
            raise UsageError("ask something first")
        return self.service.get(name, scope_of(request))

    # ---- two models

    @telling(2)
    async def compare(
        self, photo: File, text: str, first: str, seed: int, second: str, other_seed: int, fov: float,
        request: gr.Request,
    ) -> Any:  # fmt: skip
        """Two answers to one question."""
        both = said_with(first, fov, 1, seed), said_with(second, fov, 1, other_seed)
        name, one, other = await self.service.compare(scope_of(request), path_of(photo), text, both)
        pairs = zip(one.predictions, other.predictions, strict=True)
        lines = await asyncio.to_thread(lambda: [agreement(a, b) for a, b in pairs])
        kept = self.service.get(name, scope_of(request))
        value = await asyncio.to_thread(shown, name, kept, new_folder())
        return say.comparison(one, other, lines), value

    # ---- learning

    @telling(5)
    async def learn(self, files: list[File] | None, text: str, model: str, request: gr.Request) -> Any:
        """A model that has learned; it is chosen at once, with its question."""
        dropped = [(name_of(one), owned(path_of(one))) for one in files or ()]
        one = await self.service.learn(scope_of(request), dropped, text, model or "")
        choices = self.service.models.names(owner_of(scope_of(request)))
        words = say.hint("Learned. It is chosen under Options as who answers; ask about another photo now.")
        chosen = gr.update(choices=choices, value=one.name)
        file = None if one.file is None else str(one.file)
        learned = gr.update(value=file, visible=file is not None)
        return words + say.lines(one.report), chosen, one.question, learned, gr.update(choices=choices)

    def models(self) -> list[str]:
        """The models of the server."""
        return [*self.service.state.engines]

    async def who(self, request: gr.Request) -> Any:
        """Who may be asked, when the page is loaded: what was learned too."""
        choices = self.service.models.names(owner_of(scope_of(request)))
        return [gr.update(choices=choices)] * 2

    # ---- other pictures

    @telling(2)
    async def edit(self, photo: File, text: str, model: str, seed: int, request: gr.Request) -> Any:
        """The photo changed as told."""
        made = await self.service.edit(scope_of(request), path_of(photo), text, said_with(model, 0, 1, seed))
        return await _picture(made)

    @telling(2)
    async def generate(self, text: str, model: str, seed: int, request: gr.Request) -> Any:
        """A picture from words."""
        made = await self.service.generate(scope_of(request), text, said_with(model, 0, 1, seed))
        return await _picture(made)

    async def use(self, made: File) -> Any:
        """What was painted becomes the photo."""
        try:
            return str(owned(path_of(made)))
        except UsageError:  # nothing was painted yet
            return gr.skip()


async def _picture(made: Painting) -> Any:
    """A PNG with its record inside."""
    path = new_folder() / f"{made.task or 'picture'}.png"
    await asyncio.to_thread(made.save, path)
    return say.hint(f"{made.model}; a picture made by a machine"), str(path)


def path_of(file: File) -> Any:
    """Where a file lies that was dropped; None where none was."""
    return file.get("path") if isinstance(file, Mapping) else None


def name_of(file: File) -> str:
    """How its owner calls it, without folders."""
    own = file.get("orig_name") if isinstance(file, Mapping) else None
    return PurePath(str(own or path_of(file)).replace("\\", "/")).name


def scope_of(request: Any) -> Any:
    """The ASGI scope behind Gradio's request, or behind that of a server function, which is Starlette's own."""
    return request.request.scope if isinstance(request, gr.Request) else request.scope


def said_with(model: str, fov: float, samples: int, seed: int, least: float = 0.0) -> Asked:
    """What stands under Options. UsageError for what are no numbers."""
    try:
        return Asked(model or "", int(samples or 1), int(seed or 0), float(fov or 0), float(least or 0))
    except (TypeError, ValueError):
        raise UsageError("the options are numbers") from None


def legend_task(rows: list[tuple[str, str]], *, exact: bool) -> SemanticSegmentation:
    """The question of a legend; in the painter's own colors unless they shall be exactly these."""
    if exact:
        return SemanticSegmentation(
            [(name, rgb_of(color)) for name, color in rows], background=(0, 0, 0), code="legend"
        )
    return SemanticSegmentation.of([name for name, _ in rows])


def recolored(kept: KeptAnswer, colors: dict[str, str]) -> KeptAnswer:
    """An answer in other colors than it was painted in."""

    def one(read: Prediction) -> Prediction:
        if not isinstance(read, Labels):
            return read
        return replace(read, colors=tuple(rgb_of(colors[name]) for name in read.classes))

    predictions = tuple(map(one, kept.predictions))
    return replace(kept, answer=replace(kept.answer, predictions=predictions))


def rows_of(labels: Labels) -> list[dict[str, str]]:
    """The classes of an answer as rows of the editor."""
    colors = [*labels.colors] if len(labels.colors) == len(labels.classes) else [(128, 128, 128)] * len(labels.classes)
    return [
        {"name": name, "color": "#{:02x}{:02x}{:02x}".format(*color)}
        for name, color in zip(labels.classes, colors, strict=True)
    ]

"""The tools of `plantain mcp`: an agent asks about pictures, and gets words, numbers and pictures.

A picture comes in as a path below a folder that is allowed, or as base64 (bare or a data: address); no address is
fetched. The limits are those of the HTTP server."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import Field
from starlette.types import ASGIApp

from plantain import __version__
from plantain.answers.ask import Terms
from plantain.errors import PlantainError, UsageError
from plantain.imaging.photo import read_photo
from plantain.pipeline.jobs import Edit, Job, PredictOptions
from plantain.pipeline.predictor import Predictor
from plantain.predictions.types import Depth, Prediction
from plantain.serve import questions
from plantain.serve.errors import ApiError
from plantain.serve.guard import Gate, Guard, Visit, too_large
from plantain.serve.queue import Engine
from plantain.serve.replies import at, overlay_of, png_of, summary
from plantain.serve.settings import Limits, Settings
from plantain.serve.uploads import check_size, size_of, text_of
from plantain.serve.watch import LOG, Metrics, Watch
from plantain.tasks import MetricDepth
from plantain.tasks.language.parsing import explained

ABOUT = """Answers questions about photos in numbers: metric depth, normals, masks, boxes, keypoints, edges, mattes.
Use ask for questions in words (how far, how many, where), predict for whole maps, measure and compare_depths for
points. Coordinates are pixels from the photo's left top corner. Answers are estimates; mind their confidence."""
LONGEST_PATH = 4096
LINE = 68  # letters of base64 that no path has

Picture = Annotated[str, Field(description="A path of an allowed folder, or the picture in base64.")]
Text = Annotated[str, Field(description='In words: "how far is the cup?", "count the people", "where is the dog?"')]
Asked = Annotated[str, Field(description='"metric depth", "surface normals", "segment wall, floor", "find the cups"')]
Point = Annotated[list[float], Field(min_length=2, max_length=2, description="x and y in pixels")]
Points = Annotated[list[Point], Field(min_length=1, max_length=256)]
Shown = Annotated[Literal["overlay", "painting", "none"], Field(description="Which picture comes with the numbers.")]


@dataclass(frozen=True)
class Pictures:
    """What an agent may show: pictures of these folders, and what it sends itself."""

    folders: tuple[Path, ...]
    limits: Limits

    def read(self, image: str) -> bytes:
        """The bytes of a picture within the limits. ApiError, UsageError, PhotoError."""
        content = self._content(image.strip())
        if len(content) > self.limits.body_bytes:
            raise too_large(self.limits.body_bytes)
        check_size(*size_of(content), self.limits)
        return content

    def _content(self, image: str) -> bytes:
        if image.startswith("data:") or len(image) > LONGEST_PATH:
            return self._decoded(image.partition(",")[2] if image.startswith("data:") else image)
        if "://" in image:
            raise UsageError("no address is fetched; give a path, or the picture in base64")
        path = self._allowed(image)
        if path is None:
            if len(image) > LINE and "." not in image:
                return self._decoded(image)
            told = ", ".join(map(str, self.folders)) or "none"
            raise UsageError(f"no such picture in the allowed folders ({told}): {image[:200]}")
        if path.stat().st_size > self.limits.body_bytes:
            raise too_large(self.limits.body_bytes)
        return path.read_bytes()

    def _allowed(self, image: str) -> Path | None:
        """A file of an allowed folder; links are followed before they are judged."""
        for folder in self.folders:
            try:
                path = (folder / Path(image).expanduser()).resolve()
                if path.is_relative_to(folder.resolve()) and path.is_file():
                    return path
            except (OSError, ValueError, RuntimeError):
                continue
        return None

    def _decoded(self, text: str) -> bytes:
        if len(text) * 3 // 4 > self.limits.body_bytes + 4:
            raise too_large(self.limits.body_bytes)
        try:
            return base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise UsageError("the picture is no base64; send PNG or JPEG as base64, or a path") from None


class Agent:
    """The tools around one model."""

    def __init__(self, engine: Engine, pictures: Pictures, gate: Gate) -> None:
        self.engine, self.pictures, self.limits, self.gate = engine, pictures, pictures.limits, gate

    async def ask(
        self, image: Picture, text: Text, fov_deg: float | None = None, focal_px: float | None = None
    ) -> list[Any]:
        """Answers a question about a photo in a line, with value, unit, interval and confidence."""
        content = await self._read(image)
        terms = Terms(fov_deg, focal_px)
        answer, _ = await questions.ask(self.engine, self.limits, content, text, PredictOptions(), terms)
        return [said(answer.to_json())]

    async def explain(self, text: Text) -> list[Any]:
        """Says how a text would be read and what would be painted for it, without a model."""
        return [said(await asyncio.to_thread(explained, text_of(text, self.limits, "text")))]

    async def predict(self, image: Picture, task: Asked, picture: Shown = "overlay", seed: int = 0) -> list[Any]:
        """A whole map or list about a photo: what is in it in numbers, and a picture of it."""
        content, answer = await self._predicted(image, task, seed)
        line = {"task": answer.task, "kind": answer.kind, "size": list(answer.size), "presence": answer.presence}
        told = said(line | summary(answer) | {"confidence": round(float(answer.confidence.mean()), 4)})
        if picture == "none":
            return [told]
        shown = await asyncio.to_thread(_shown, answer, content, picture)
        return [told, Image(data=shown, format="png")]

    async def measure(self, image: Picture, points: Points, task: Asked = "metric depth") -> list[Any]:
        """What an answer says at single points: metres, normal, class, alpha, with confidence."""
        _, answer = await self._predicted(image, task, 0)
        return [said({"task": answer.task, "points": at(answer, [(x, y) for x, y in points])})]

    async def compare_depths(self, image: Picture, first: Point, second: Point) -> list[Any]:
        """Which of two points is nearer to the camera, and by how much."""
        _, answer = await self._predicted(image, MetricDepth.title, 0)
        assert isinstance(answer, Depth)
        one, other = at(answer, [(first[0], first[1]), (second[0], second[1])])
        near, far = one["metres"], other["metres"]
        if near is None or far is None:
            return [said({"nearer": None, "points": [one, other], "text": "no depth at one of the points"})]
        nearer = "first" if near < far else "second" if far < near else "neither"
        return [said({"nearer": nearer, "difference_m": round(abs(far - near), 4), "points": [one, other]})]

    async def edit(self, image: Picture, text: str, seed: int = 0) -> list[Any]:
        """Changes a photo as told: "colorize", "remove the cup"."""
        content, order = await self._read(image), text_of(text, self.limits, "text")
        job = Job("photo", content, Edit(order), PredictOptions(seed=seed))
        (made,) = await questions.paintings(self.engine, [job])
        return [Image(data=await asyncio.to_thread(made.png), format="png")]

    async def _read(self, image: str) -> bytes:
        return await asyncio.to_thread(self.pictures.read, image)

    async def _predicted(self, image: str, task: str, seed: int) -> tuple[bytes, Prediction]:
        content, asked = await self._read(image), questions.read_task(task, self.limits)
        options = PredictOptions(seed=seed)
        return content, (await questions.predict(self.engine, self.limits, content, asked, options)).unwrap()

    def tools(self) -> Sequence[Callable[..., Awaitable[Any]]]:
        return [self.ask, self.explain, self.predict, self.measure, self.compare_depths, self.edit]


def said(record: Mapping[str, Any]) -> str:
    """A record as an agent reads it."""
    return json.dumps(record, ensure_ascii=False)


def _shown(answer: Prediction, photo: bytes, picture: str) -> bytes:
    return png_of(answer) if picture == "painting" else overlay_of(answer, read_photo(BytesIO(photo)))


def limited(tool: Callable[..., Awaitable[Any]], gate: Gate) -> Callable[..., Awaitable[Any]]:
    """A tool within the limits, whose errors are one line for the agent."""

    @wraps(tool)
    async def call(*args: Any, **kwargs: Any) -> Any:
        visit = Visit("agent")
        try:
            gate.enter()
        except ApiError as error:
            raise ToolError(str(error)) from None
        try:
            async with asyncio.timeout(gate.limits.seconds):
                return await tool(*args, **kwargs)
        except TimeoutError:
            raise ToolError(f"no answer within {gate.limits.seconds:g} s") from None
        except PlantainError as error:
            raise ToolError(str(error)) from None
        except Exception:
            LOG.exception("tool")
            raise ToolError("something went wrong inside; the log has more") from None
        finally:
            gate.leave(visit)

    return call


def create_server(model: Predictor, folders: Sequence[Path], limits: Limits) -> tuple[MCPServer[Any], Engine]:
    """The server of tools around a model that is loaded, and the queue behind it, which whoever calls closes."""
    metrics = Metrics()
    gate, engine = Gate(limits, metrics), Engine(model, metrics)
    agent = Agent(engine, Pictures(tuple(folders), limits), gate)
    server: MCPServer[Any] = MCPServer("plantain", version=__version__, instructions=ABOUT, log_level="WARNING")
    for tool in agent.tools():
        server.add_tool(limited(tool, gate), structured_output=False)
    return server, engine


def guarded(server: MCPServer[Any], settings: Settings) -> ASGIApp:
    """The tools over HTTP at /mcp, behind the guard of the HTTP server, which checks names, keys, rates and sizes."""
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # the guard has done it
    most = 2 * settings.limits.body_bytes  # base64 is a third larger, and a call may bring more than a picture
    app: ASGIApp = server.streamable_http_app(transport_security=security, max_request_body_size=most)
    metrics = Metrics()
    larger = replace(settings, limits=replace(settings.limits, body_bytes=most))
    return Watch(Guard(app, larger, Gate(settings.limits, metrics)), metrics)

"""Who may come in, with how much, and for how long: the layer before anything of a request is read."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plantain.serve.errors import LATER, OURS, ApiError, told
from plantain.serve.keys import Rates, name_of
from plantain.serve.settings import LOOPBACK, Limits, Settings
from plantain.serve.watch import Metrics

OPEN = frozenset(("/healthz", "/readyz", "/docs", "/openapi.json"))  # no key is asked for
FREE = frozenset(("/v1/explain",))  # of POST: cheap, so that they do not wait with the others
JOBS = "/v1/jobs"
PAGE, UPLOAD = "/ui", "/ui/gradio_api/upload"  # for people; what brings files there
ANYBODY = "anybody"
LOGIN = 'Basic realm="Plantain: any name, and an API key as the password", charset="UTF-8"'


class Gate:
    """How many requests, and how many pixels, are being worked on. One more than it holds is told to come again."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits, self.metrics = limits, metrics
        self.rates = Rates(limits.rate)
        self.inside, self.pixels, self.mean_s = 0, 0, 1.0

    def enter(self) -> None:
        """ApiError 429 where the house is full."""
        if self.inside >= self.limits.inside:
            raise self.full(f"{self.inside} requests are waiting")
        self.inside += 1
        self.metrics.inside.set(self.inside)

    def weigh(self, visit: Visit, pixels: int) -> None:
        """A picture comes in. ApiError 429 where together they are too many."""
        if self.pixels and self.pixels + pixels > self.limits.pixels_inside:
            raise self.full("too many pixels are being worked on")
        self.pixels += pixels
        visit.pixels += pixels

    def leave(self, visit: Visit) -> None:
        self.inside -= 1
        self.pixels -= visit.pixels
        self.metrics.inside.set(self.inside)
        self.mean_s += 0.1 * (time.monotonic() - visit.start - self.mean_s)

    def full(self, why: str) -> ApiError:
        wait = min(60.0, max(1.0, self.mean_s))
        return ApiError(429, "overloaded", f"{why}; come again in {wait:.0f} s", kind=LATER, retry_s=wait)


@dataclass(eq=False)
class Visit:
    """One request that is in the house: what it brought."""

    key: str
    pixels: int = 0
    start: float = field(default_factory=time.monotonic)


class Body:
    """A request's body on its way in: it may not be longer than allowed, and once it is whole, `gone` waits for the
    client to hang up, where it is `watched`."""

    def __init__(self, scope: Scope, receive: Receive, most: int, watched: bool = False) -> None:
        self.scope, self.receive, self.most, self.watched, self.size = scope, receive, most, watched, 0
        self.whole, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Message:
        if self.whole.is_set():
            if not self.watched:
                return await self.receive()
            await self.left.wait()
            return {"type": "http.disconnect"}
        message = await self.receive()
        self.size += len(message.get("body", b""))
        self.scope["plantain.bytes"] = self.size
        if self.size > self.most:
            raise too_large(self.most)
        if not message.get("more_body"):
            self.whole.set()
        return message

    async def gone(self) -> None:
        await self.whole.wait()
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.left.set()


def too_large(most: int) -> ApiError:
    return ApiError(413, "too_large", f"more than {most / 2**20:g} MiB; send a smaller picture")


class Guard:
    """Names, keys, rates, bytes, places and seconds."""

    def __init__(self, app: ASGIApp, settings: Settings, gate: Gate) -> None:
        self.app, self.settings, self.gate = app, settings, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        headers = dict(scope["headers"])
        try:
            if path in OPEN:
                await self.app(scope, receive, send)
                return
            page = self.settings.page and on_page(path)
            key = self._admit(scope, headers, page)
            if not page or path == UPLOAD:  # of the page, loading it is no question; those are counted when asked
                self.gate.rates.take(key)
            if scope["method"] != "POST" or path in FREE or (page and path != UPLOAD):
                await self.app(scope, Body(scope, receive, self.settings.limits.body_bytes), send)
                return
            limits = self.settings.limits
            most = limits.job_bytes if path in (JOBS, UPLOAD) else limits.body_bytes
            declared = headers.get(b"content-length", b"")
            if declared.isdigit() and int(declared) > most:
                raise too_large(most)
            await self._visit(scope, Body(scope, receive, most, watched=True), send, Visit(key))
        except ApiError as error:
            await told(error)(scope, receive, send)

    def _admit(self, scope: Scope, headers: dict[bytes, bytes], page: bool) -> str:
        """Who asks: the name of a key, else the address. ApiError for a name that is not ours, and for a missing or
        wrong key."""
        if self.settings.loopback:
            host = urlsplit(b"//" + headers.get(b"host", b"localhost")).hostname
            if (host or b"").decode("latin-1") not in LOOPBACK:
                message = "this server answers to localhost only; give it a host and keys to open it"
                raise ApiError(403, "wrong_host", message)
        if self.settings.keys:
            name = name_of(headers, self.settings.keys, password=page)
            if name is None:
                message = "no valid API key; send it as: Authorization: Bearer KEY"
                login = LOGIN if page else "Bearer"
                raise ApiError(401, "invalid_api_key", message, kind="authentication_error", login=login)
            scope["plantain.key"] = name
            return name
        return asker(scope)

    async def _visit(self, scope: Scope, body: Body, send: Send, visit: Visit) -> None:
        """One request with work to do. It is given up when the client has gone, and when its time is over."""
        self.gate.enter()
        scope["plantain.visit"] = visit
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        work = asyncio.create_task(self._work(scope, body, sent))
        gone = asyncio.create_task(body.gone())
        try:
            await asyncio.wait((work, gone), timeout=self.settings.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            elif not gone.done() and not begun:
                await _ended(work)
                raise self._late(body)
        finally:
            await _ended(work)
            await _ended(gone)
            self.gate.leave(visit)

    async def _work(self, scope: Scope, body: Body, send: Send) -> None:
        await self.app(scope, body, send)

    def _late(self, body: Body) -> ApiError:
        seconds = self.settings.limits.seconds
        if not body.whole.is_set():
            return ApiError(408, "slow_upload", f"the upload took longer than {seconds:g} s")
        message = f"no answer within {seconds:g} s; send fewer or smaller requests, or a job"
        return ApiError(504, "timeout", message, kind=OURS)


def on_page(path: str) -> bool:
    return path in ("/", PAGE) or path.startswith(f"{PAGE}/")


def asker(scope: Scope) -> str:
    """Whose rate a request counts for: the name of its key, else the address that it comes from."""
    return str(scope.get("plantain.key") or (scope.get("client") or ("",))[0])


async def _ended(task: asyncio.Task[Any]) -> None:
    """Stops a task and waits for its end."""
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task

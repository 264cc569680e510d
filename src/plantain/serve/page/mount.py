"""The page in the application of the server: built in a thread while the API answers already, since Gradio takes
seconds to import, and ended with the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plantain.serve.errors import OURS, ApiError, told
from plantain.serve.guard import PAGE
from plantain.serve.page.access import AccessRules
from plantain.serve.page.cache import clean, folder
from plantain.serve.page.service import PageService
from plantain.serve.watch import LOG

CLEANED_EVERY_S = 300.0


def installed() -> bool:
    """Whether Gradio is there; it is not imported."""
    return find_spec("gradio") is not None


class Page:
    """Everything below /ui. Requests that come before it is built wait for it."""

    def __init__(self, app: FastAPI) -> None:
        self.state = app.state
        self.ready: asyncio.Future[ASGIApp] | None = None
        self.ending = asyncio.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """From the start of the server to its end."""
        self.ready = asyncio.get_running_loop().create_future()
        work = [asyncio.create_task(self._live()), asyncio.create_task(self._clean())]
        try:
            yield
        finally:
            self.end()
            await asyncio.gather(*work)

    def end(self) -> None:
        """The server is about to end: streams to the browsers end too."""
        self.ending.set()

    async def _live(self) -> None:
        assert self.ready is not None
        service = PageService(self.state)
        try:
            inner = await asyncio.to_thread(built, service, self.state.settings.limits.body_bytes)
            async with inner.router.lifespan_context(inner):
                self.ready.set_result(AccessRules(inner))
                await self.ending.wait()
        except Exception as error:
            LOG.exception("page")
            if not self.ready.done():
                self.ready.set_exception(ApiError(500, "no_page", "the page cannot be built", kind=OURS))
                self.ready.exception()  # whoever asks for the page is told; nobody has to
            del error
        finally:
            await asyncio.to_thread(service.close)

    async def _clean(self) -> None:
        """Removes what is old."""
        while not self.ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), CLEANED_EVERY_S)
            await asyncio.to_thread(clean)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.ready is not None
        try:
            app = await asyncio.shield(self.ready)
        except ApiError as error:
            await told(error)(scope, receive, send)
            return
        await until_end(app, scope, receive, send, self.ending)


async def until_end(app: ASGIApp, scope: Scope, receive: Receive, send: Send, ending: asyncio.Event) -> None:
    """A request; a stream is cut off when the server ends."""
    begun = closed = False

    async def sent(message: Message) -> None:
        nonlocal begun, closed
        begun = True
        closed = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    work = asyncio.create_task(_run(app, scope, receive, sent))
    end = asyncio.create_task(ending.wait())
    try:
        await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
        if work.done() or scope["method"] != "GET":
            await work
    finally:
        end.cancel()
        if not work.done():
            work.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await work
            if begun and not closed and ending.is_set():
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


def built(service: PageService, most_bytes: int) -> FastAPI:
    """Gradio's application with the page at PAGE."""
    folder()  # before Gradio looks where uploads go
    import gradio as gr

    from plantain.serve.page.events import Events
    from plantain.serve.page.layout import build, head, theme

    more: dict[str, Any] = {"theme": theme(), "ssr_mode": False, "mcp_server": False}
    more |= {"footer_links": [], "run_history": False, "show_error": False, "enable_monitoring": False, "head": head()}
    inner = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    return gr.mount_gradio_app(inner, build(Events(service)), PAGE, max_file_size=most_bytes, **more)


def install(app: FastAPI) -> Page:
    """Puts the page into an application; / leads to it."""
    page = Page(app)

    async def home(request: Any) -> RedirectResponse:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{PAGE}/")

    app.router.routes.extend(
        (Route("/", home), Route(PAGE, home), Route(f"{PAGE}/{{rest:path}}", page, include_in_schema=False))
    )
    return page

"""The application: models behind their queues, the guard before them, and the paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from plantain import __version__
from plantain.pipeline.predictor import Predictor
from plantain.serve import errors
from plantain.serve.examples import Learners
from plantain.serve.guard import Gate, Guard
from plantain.serve.jobs import Jobs
from plantain.serve.page.mount import install as install_page
from plantain.serve.queue import Engine
from plantain.serve.routes import about, ask, health, images, jobs, predict
from plantain.serve.settings import Settings
from plantain.serve.watch import Metrics, Watch

ABOUT = "Photo + words -> painting -> numbers. Pictures are uploaded; nothing is ever fetched from an address."


def create_app(models: Mapping[str, Predictor], settings: Settings | None = None) -> FastAPI:
    """The HTTP application around models that are loaded; the first answers where a request names none.

    They are closed when the application ends. Raises OutputError where jobs cannot be kept."""
    settings, metrics = settings or Settings(), Metrics()
    gate = Gate(settings.limits, metrics)
    kept = None if settings.state is None else Jobs(settings.state, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engines = {name: Engine(model, metrics) for name, model in models.items()}
        app.state.engines = engines
        app.state.learners = learners = Learners(metrics, settings.limits)
        if kept is not None:
            kept.start(engines)
        try:
            async with AsyncExitStack() as stack:
                if app.state.page is not None:
                    await stack.enter_async_context(app.state.page.opened())
                yield
        finally:
            if kept is not None:
                await kept.stop()
            await learners.close()
            for engine in engines.values():
                engine.close()

    app = FastAPI(title="Plantain", version=__version__, description=ABOUT, lifespan=lifespan, redoc_url=None)
    app.state.settings, app.state.gate, app.state.metrics, app.state.draining = settings, gate, metrics, False
    app.state.jobs = kept
    for group in (ask, predict, images, about, jobs, health):
        app.router.routes.extend(group.router.routes)  # one flat list, in which metrics and errors find a path's route
    app.state.page = install_page(app) if settings.page else None
    errors.install(app)
    app.add_middleware(Guard, settings=settings, gate=gate)
    app.add_middleware(Watch, metrics=metrics)
    return app


async def drain(app: FastAPI) -> None:
    """The server is about to end: nothing new is begun, streams of progress end."""
    app.state.draining = True
    if app.state.page is not None:
        app.state.page.end()
    if app.state.jobs is not None:
        await app.state.jobs.drain()

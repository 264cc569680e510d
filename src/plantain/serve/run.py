"""uvicorn, and an orderly end: on SIGTERM nothing new is let in, what is in the house is answered, jobs are kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, create_server, socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from plantain.errors import UsageError
from plantain.serve.app import drain
from plantain.serve.watch import LOG, log_to_stderr


@dataclass(frozen=True)
class Place:
    """Where a server listens. `prefix`: the path under which a proxy shows it. `drain_s`: how long it waits at its end
    for what is in the house."""

    host: str = "127.0.0.1"
    port: int = 8000
    prefix: str = ""
    drain_s: int = 60

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port must be from 0 to 65535, not {self.port}")


class Server(uvicorn.Server):
    """Tells the application at once when it shall end, so that streams of progress end too."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.app.state.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        LOG.info("draining", extra={"fields": {"inside": self.app.state.gate.inside}})
        await drain(self.app)
        await super().shutdown(sockets)


def listening(place: Place) -> socket:
    """A socket at that place. UsageError where it cannot be had, as when another server has the port."""
    family = AF_INET6 if ":" in place.host else AF_INET
    try:
        return create_server((place.host, place.port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"cannot listen at {place.host}, port {place.port}: {error.strerror or error}; choose another with --port"
        ) from error


def serve(app: FastAPI, place: Place) -> None:
    """Serves until SIGTERM or Ctrl-C. UsageError where the place is taken."""
    taken = listening(place)
    log_to_stderr()
    config = uvicorn.Config(
        app,
        root_path=place.prefix,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=place.drain_s,
        timeout_keep_alive=30,
    )
    asyncio.run(Server(config, app).serve([taken]))

"""uvicorn, and an orderly end: on SIGTERM nothing new is let in, what is in the house is answered, jobs are kept."""

from __future__ import annotations

import asyncio
from socket import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from plantain.serve.app import drain
from plantain.serve.place import Place, listening
from plantain.serve.watch import LOG, log_to_stderr


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


def serve(app: FastAPI, place: Place) -> None:
    """Serves until SIGTERM or Ctrl-C. UsageError where the place is taken."""
    taken = listening(place)
    log_to_stderr()
    host = f"[{place.host}]" if ":" in place.host else place.host
    LOG.info("listening", extra={"fields": {"address": f"http://{host}:{taken.getsockname()[1]}{place.prefix}"}})
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

"""The server on a Ray cluster: replicas of the same application, each with models of its own, behind Ray Serve's proxy.

Ray gives every request to a replica that is free, starts one again that died, and moves it to another machine. Limits
and rates are those of each replica; jobs are done by whichever replica claims them, from one table and one folder."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from plantain.errors import MissingExtra, PainterGone, UsageError
from plantain.pipeline.predictor import Predictor
from plantain.serve.app import create_app
from plantain.serve.place import Place
from plantain.serve.settings import Settings
from plantain.serve.watch import log_to_stderr

LOCAL, NAME = "local", "plantain"
SPARE = 64  # requests that a replica is given beyond those that it lets in, so that it is its own gate that says 429

Load = Callable[[], Mapping[str, Predictor]]


def check(settings: Settings, address: str, replicas: int) -> None:
    """UsageError for what several machines cannot share."""
    if replicas < 1:
        raise UsageError(f"--replicas must be at least 1, not {replicas}")
    if address != LOCAL and settings.state is not None and not settings.jobs:
        raise UsageError("machines of a cluster cannot share a file of SQLite: give --jobs postgresql://USER@HOST/NAME")


def deployment(load: Load, settings: Settings, replicas: int, drain_s: int) -> Any:
    """What `ray.serve.run` takes; `load` is called in every replica. MissingExtra."""
    try:
        from ray import serve
    except ImportError as error:
        raise MissingExtra("ray", "ray") from error
    own = replace(settings, page=False)  # whose sessions live in one process

    def build() -> FastAPI:
        log_to_stderr()
        return create_app(load(), own)

    made = serve.deployment(
        serve.ingress(build)(),
        name=NAME,
        num_replicas=replicas,
        max_ongoing_requests=own.limits.inside + SPARE,
        graceful_shutdown_timeout_s=drain_s,
    )
    return made.bind()


def run(load: Load, settings: Settings, place: Place, address: str, replicas: int) -> None:
    """Serves until SIGTERM or Ctrl-C. `address`: "local", or that of a cluster. MissingExtra; UsageError where there is
    no cluster; PainterGone where the replicas do not start."""
    check(settings, address, replicas)
    application = deployment(load, settings, replicas, place.drain_s)
    import ray
    from ray import serve

    try:
        where = {"address": LOCAL, "num_cpus": replicas + 1} if address == LOCAL else {"address": address}
        ray.init(log_to_driver=False, include_dashboard=False, **where)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        serve.start(http_options={"host": place.host, "port": place.port})
        serve.run(application, name=NAME, route_prefix=place.prefix or "/")
        ended.wait()
    except RuntimeError as error:  # of Serve, which has told of it in its own log
        raise PainterGone(f"the replicas do not start: {str(error).splitlines()[0]}; `ray logs` has more") from error
    finally:
        serve.delete(NAME) if address != LOCAL else serve.shutdown()
        ray.shutdown()

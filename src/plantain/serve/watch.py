"""What is seen of a server: an id for every request, a JSON line a request on stderr, metrics. Never a picture, a
question or a key."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plantain.errors import PlantainError
from plantain.serve.errors import told

LOG = logging.getLogger("plantain.serve")
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Metrics:
    """What `/metrics` tells, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "plantain_requests", "Requests that were answered.", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "plantain_request_seconds", "From request to answer.", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.errors = Counter("plantain_errors", "Errors of questions.", ("code",), registry=self.registry)
        self.inside = Gauge("plantain_inside", "Requests that wait or are worked on.", registry=self.registry)
        self.call_seconds = Histogram(
            "plantain_call_seconds", "Of a call of a model.", ("model",), buckets=SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "plantain_call_requests", "Requests in one call of a model.", ("model",),
            buckets=(1, 2, 4, 8, 16, 32), registry=self.registry,
        )  # fmt: skip


class Watch:
    """The outermost layer: request id, log, metrics, and the last resort for what nobody expected."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given.decode() if ID.fullmatch(given) else uuid.uuid4().hex
        start, status = time.perf_counter(), 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except Exception:
            LOG.exception("crash", extra={"fields": {"request_id": request_id}})
            if not status:
                await told(PlantainError())(scope, receive, marked)
        finally:
            self._tell(scope, request_id, status, time.perf_counter() - start)

    def _tell(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        route = _route(scope)
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        fields = {
            "request_id": request_id, "method": scope["method"], "route": route, "status": status,
            "seconds": round(seconds, 4), "key": scope.get("plantain.key"), "bytes": scope.get("plantain.bytes"),
        }  # fmt: skip
        if (error := scope.get("plantain.error")) is not None:
            fields["error"] = type(error).__name__
            if status >= 500:
                fields["message"] = str(error)
        LOG.info("request", extra={"fields": fields})


def _route(scope: Scope) -> str:
    """The path as it was declared: paths that clients make up are one."""
    if (route := scope.get("route")) is not None:
        return str(getattr(route, "path", "other"))
    app = scope.get("app")
    routes = [] if app is None else app.routes
    return next((route.path for route in routes if route.matches(scope)[0] is not Match.NONE), "other")


class JsonLines(logging.Formatter):
    """A line of log as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        time_ = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": time_, "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr() -> None:
    """Sends the lines of the server, and those of uvicorn, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("plantain.serve", "uvicorn.error"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO)

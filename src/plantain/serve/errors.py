"""Every error as `{"error": {"message", "type", "param", "code"}}`, with its status. Never a traceback."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from plantain.errors import (
    OutputError,
    PainterError,
    PainterGone,
    PhotoError,
    PlantainError,
    TruthError,
    UnknownName,
    UsageError,
)
from plantain.serve.database import Unavailable

INVALID, LATER, OURS = "invalid_request_error", "rate_limit_error", "server_error"


class ApiError(PlantainError):
    """What a server alone refuses: too large, too often, unknown, not allowed, too late."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        kind: str = INVALID,
        retry_s: float | None = None,
        login: str = "Bearer",
    ) -> None:
        """`login`: of status 401, how one may say who one is."""
        super().__init__(message)
        self.status, self.code, self.param, self.kind, self.retry_s = status, code, param, kind, retry_s
        self.login = login


@dataclass(frozen=True)
class Told:
    """How a class of errors is told: status, type, code, and the field that is to blame."""

    kind: type[PlantainError]
    status: int
    type: str
    code: str
    param: str | None = None


TABLE = (  # the first that fits
    Told(PhotoError, 400, INVALID, "unreadable_photo", "image"),
    Told(TruthError, 400, INVALID, "invalid_numbers"),
    Told(UnknownName, 400, INVALID, "unknown_name"),
    Told(UsageError, 400, INVALID, "invalid_question"),
    Told(PainterGone, 503, OURS, "model_gone"),
    Told(PainterError, 502, OURS, "model_failed"),
    Told(Unavailable, 503, OURS, "jobs_unavailable"),
    Told(OutputError, 507, OURS, "cannot_write"),
)
INTERNAL = Told(PlantainError, 500, OURS, "internal_error")
NAMES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def told(error: PlantainError) -> JSONResponse:
    """The response that an error becomes. What is a fault of Plantain is said without its inside, which is logged."""
    if isinstance(error, ApiError):
        headers = {} if error.retry_s is None else {"retry-after": str(max(1, math.ceil(error.retry_s)))}
        headers |= {"www-authenticate": error.login} if error.status == 401 else {}
        return JSONResponse(body(str(error), error.kind, error.param, error.code), error.status, headers)
    row = row_of(error)
    return JSONResponse(body(message_of(error), row.type, row.param, row.code), row.status)


def message_of(error: PlantainError) -> str:
    """What is said of an error; of a fault of Plantain nothing of its inside, which is logged."""
    known = isinstance(error, ApiError) or row_of(error) is not INTERNAL
    return str(error) if known else "something went wrong inside; the log has it by x-request-id"


def row_of(error: PlantainError) -> Told:
    return next((row for row in TABLE if isinstance(error, row.kind)), INTERNAL)


def install(app: FastAPI) -> None:
    """What the application answers to errors of every sort."""
    app.add_exception_handler(PlantainError, _plantain)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _plantain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PlantainError)
    request.scope["plantain.error"] = error
    return told(error)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """Of the framework; where it wraps a refusal of ours (an upload that is too large), that one."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, PlantainError):
        return told(error.__cause__)
    code = NAMES.get(error.status_code, "invalid_request")
    kind = OURS if error.status_code >= 500 else INVALID
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["allow"] = ", ".join(methods(request))
    return JSONResponse(body(str(error.detail), kind, None, code), error.status_code, headers)


def methods(request: Request) -> list[str]:
    """All that a path can be asked by; the framework names those of its first route alone."""
    fits = (one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in fits for method in getattr(route, "methods", None) or ()})


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    """Of fields: the first that is wrong."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse(invalid(error.errors()), 400)


def invalid(errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body for fields that are missing or wrong.

    >>> invalid([{"loc": ("body", "seed"), "msg": "Input should be a valid integer"}])["error"]["message"]
    'seed: Input should be a valid integer'
    """
    places = [str(part) for part in errors[0]["loc"][1:]] if errors else []
    param = ".".join(places) or None
    message = str(errors[0]["msg"]) if errors else "the request cannot be read"
    return body(f"{param}: {message}" if param else message, INVALID, param, "invalid_field")

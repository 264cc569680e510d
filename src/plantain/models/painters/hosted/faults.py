"""Why a call gave nothing, and whether another would help."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

OTHER_TRY = (408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529)  # HTTP states that pass
NO_OTHER = (401, 402, 403, 404)  # HTTP states that every further request would meet as well
MAYBE_PAID = (504, 524)  # a gateway gave up waiting; the service behind it may have gone on
LONGEST = 500  # letters of what a service says


@dataclass(frozen=True)
class Fault:
    """Why a call gave nothing. `again`: another try may help; `gone`: no request can be answered any more; `doubt`: it
    may have been paid; `wait_s`: what the service asks to wait; `refusal`: an answer after all, which is kept."""

    text: str
    again: bool = False
    gone: bool = False
    doubt: bool = False
    wait_s: float | None = None
    refusal: Mapping[str, Any] | None = None


def http_fault(status: int, text: str, wait_s: float | None = None, *, gone: bool = False) -> Fault:
    """What an HTTP error means, where the service says no more than that."""
    gone, told = gone or status in NO_OTHER, " ".join(text.split())
    told = told if len(told) <= LONGEST else f"{told[:LONGEST]} ..."
    return Fault(told, status in OTHER_TRY and not gone, gone, status in MAYBE_PAID, wait_s)


def connection_fault(error: BaseException, timeout_s: float) -> Fault:
    """What an error of the connection means; `error` is one of httpx2, or was raised from one."""
    import httpx2

    cause = error if isinstance(error, httpx2.HTTPError) else error.__cause__
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return Fault(f"the service cannot be reached ({cause})", again=True)
    if isinstance(cause, httpx2.TimeoutException):
        return Fault(f"no answer within {timeout_s:g} s", again=True, doubt=True)
    if isinstance(cause, httpx2.HTTPError):
        return Fault(f"the connection broke off ({cause})", again=True, doubt=True)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return Fault("what came back is no JSON", again=True, doubt=True)
    return Fault(f"{type(error).__name__}: {error}", doubt=True)


def loaded(text: str | bytes) -> dict[str, Any]:
    """The JSON object that came back. Raises JSONDecodeError, UnicodeDecodeError."""
    answer = json.loads(text)
    if not isinstance(answer, dict):
        raise json.JSONDecodeError("no object", "", 0)
    return answer


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to wait in its headers, as a number or a date.

    >>> wait_of({"retry-after-ms": "250"}), wait_of({"retry-after": "3"}), wait_of({"retry-after": "soon"}), wait_of({})
    (0.25, 3.0, None, None)
    """
    text = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None

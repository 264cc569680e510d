"""What of Gradio is let through: the paths that the page needs and no others, no address to be fetched, no file that is
not the page's own, no order from another site."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plantain.errors import UsageError
from plantain.serve.errors import ApiError, told
from plantain.serve.guard import PAGE
from plantain.serve.page.cache import owned

PATHS = {
    "GET": re.compile(
        r"/(config/?|theme\.css|manifest\.json|favicon\.ico|(assets|static|svelte)/.+"
        r"|gradio_api/(queue/data|heartbeat/\w+|startup-events|upload_progress|app_id/?|theme\.css|file=.+))?"
    ),
    "POST": re.compile(r"/gradio_api/(upload|queue/join|component_server/?|cancel|reset/?)"),
}
PATHS["HEAD"] = PATHS["GET"]
FILE = "/gradio_api/file="
MOST_JSON = 2**20  # bytes of an order
POLICY = "; ".join(  # nothing comes from anywhere else, and no other site shows the page in a frame
    (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:", "connect-src 'self' data: blob:",
        "object-src 'none'", "base-uri 'self'", "form-action 'self'", "frame-ancestors 'self'",
    )
)  # fmt: skip
HEADERS = [
    (b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]  # fmt: skip


class AccessRules:
    """Around the application of Gradio."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        try:
            path = check_path(scope)
            if scope["method"] == "POST":
                check_origin(dict(scope["headers"]))
                if not path.endswith("/upload"):
                    receive = await checked(receive)
            await self.app(scope, receive, sent)
        except ApiError as error:
            await told(error)(scope, receive, sent)


def check_path(scope: Scope) -> str:
    """The path below the page's. ApiError 404 for one that the page does not need, or a file that is not its own."""
    path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(PAGE)
    allowed = PATHS.get(scope["method"])
    if allowed is None or not allowed.fullmatch(path):
        raise ApiError(404, "not_found", "nothing of the page is here")
    if path.startswith(FILE):
        try:
            owned(unquote(path.removeprefix(FILE)))
        except UsageError as error:
            raise ApiError(404, "not_found", str(error)) from error
    return str(path)


def check_origin(headers: dict[bytes, bytes]) -> None:
    """ApiError 403 for an order that a page of another site sent, with the key that the browser remembers."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        own = site in (b"same-origin", b"none")
    else:
        asked = headers.get(b"x-forwarded-host", headers.get(b"host", b"")).split(b",")[0].strip()
        origin = headers.get(b"origin")
        own = origin is None or urlsplit(origin).netloc == asked
    if not own:
        raise ApiError(403, "wrong_origin", "orders are taken from the page itself alone")


async def checked(receive: Receive) -> Receive:
    """The whole body of an order, to be read again. ApiError for one that is too long, or names an address or a file
    that is not the page's own."""
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "invalid_request", "the request is not whole")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
        if sum(map(len, parts)) > MOST_JSON:
            raise ApiError(413, "too_large", "this is more than the page ever sends")
    whole = b"".join(parts)
    for path in paths_in(whole):
        try:
            owned(path)
        except UsageError as error:
            raise ApiError(400, "invalid_field", str(error)) from error
    first = True

    async def again() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": whole, "more_body": False}
        return await receive()

    return again


def paths_in(body: bytes) -> Iterator[Any]:
    """Every file that an order names: the path of each object that has one. ApiError for what is no JSON."""
    try:
        waiting = [json.loads(body)]
    except ValueError as error:
        raise ApiError(400, "invalid_request", "an order is JSON") from error
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("path") is not None:
                yield one["path"]
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one

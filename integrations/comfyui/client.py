"""What a node sends to `plantain serve`, and what it gets: the standard library, NumPy and Pillow."""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

USUAL = os.environ.get("PLANTAIN_SERVER", "http://127.0.0.1:8000")
WAIT_S, PATIENCE_S = 600.0, 120.0  # for an answer; for a server that is full


class ServerError(RuntimeError):
    """What went wrong, in one line."""


def png(pixels: np.ndarray) -> bytes:
    """A picture (h w 3, or h w for a mask; float 0..1) as the bytes of a PNG file."""
    out = io.BytesIO()
    Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def pixels(content: bytes) -> np.ndarray:
    """The picture in a PNG file: float32 0..1, h w 3."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), np.float32) / 255


def arrays(content: bytes, width: int) -> dict[str, np.ndarray]:
    """The arrays of an .npz file: float32 for halves, bool for packed masks."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    if found.get("masks") is not None and found["masks"].dtype == np.uint8:
        found["masks"] = np.unpackbits(found["masks"], axis=2, count=width)
    return {name: own.astype(np.float32) if own.dtype == np.float16 else own for name, own in found.items()}


def predict(server: str, image: np.ndarray, task: str, **fields: Any) -> tuple[dict[str, Any], np.ndarray, dict]:
    """One question about a picture: the JSON, the painting (h w 3), and the arrays."""
    given = {"task": task, "include": "painting,arrays", **fields}
    told = post(server, "/v1/predict", given, {"image": png(image)})
    painting = pixels(base64.b64decode(told.pop("painting_b64")))
    return told, painting, arrays(base64.b64decode(told.pop("arrays_b64")), image.shape[1])


def post(server: str, path: str, fields: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """A form with files, answered in JSON. A server that is full is asked again. ServerError."""
    body, kind = form({name: value for name, value in fields.items() if value not in ("", None)}, files)
    headers = {"Content-Type": kind, "Accept": "application/json"}
    if key := os.environ.get("PLANTAIN_KEY"):  # not a field of a node: workflows are saved into pictures
        headers["Authorization"] = f"Bearer {key}"
    end = time.monotonic() + PATIENCE_S
    while True:
        request = urllib.request.Request(server.rstrip("/") + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
                return dict(json.loads(reply.read()))
        except urllib.error.HTTPError as error:
            wait = float(error.headers.get("Retry-After") or 1)
            if error.code != 429 or time.monotonic() + wait > end:
                raise ServerError(f"plantain: {said(error)}") from error
            time.sleep(wait)
        except (urllib.error.URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServerError(f"no plantain at {server} ({reason}); start it: plantain serve") from error


def said(error: urllib.error.HTTPError) -> str:
    """The server's own words."""
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def form(fields: Mapping[str, Any], files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A multipart body and its content type. Source: RFC 7578."""
    mark, parts = secrets.token_hex(16), []
    for name, value in fields.items():
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + str(value).encode() + b"\r\n")
    for name, content in files.items():
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.png"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + content + b"\r\n")
    return b"".join([*parts, f"--{mark}--\r\n".encode()]), f"multipart/form-data; boundary={mark}"

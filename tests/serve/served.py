"""A painter of a few lines: depth by brightness, edits as negatives; and what tests of the server share."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from plantain.errors import UsageError
from plantain.models import Capabilities
from plantain.models.painters.function import Function
from plantain.tasks.language.parsing import parse

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")


def picture(level: int = 100, width: int = 64, height: int = 48, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), level, np.uint8)).save(out, form)
    return out.getvalue()


def metres(level: float) -> float:
    """What the painter says of a gray photo: 1 m where it is black, 9 m where it is white."""
    return 1 + 8 * level / 255


class Painter(Function):
    """`hold` makes it wait, `calls` remembers how many requests each call had; levels in `bad` fail, `gone` ends it."""

    def __init__(self) -> None:
        super().__init__(self.one, name="fake")
        self.capabilities = Capabilities(batch=4, float_output=True)
        self.free, self.busy, self.calls, self.bad = threading.Event(), threading.Event(), [], set()
        self.free.set()

    def paint(self, requests):
        self.busy.set()
        self.calls.append(len(requests))
        assert self.free.wait(20)
        return super().paint(requests)

    def one(self, photo, prompt, seed):
        if photo is None:
            return np.full((64, 64, 3), seed, np.uint8)
        if int(photo[0, 0, 0]) in self.bad:
            raise RuntimeError("it cannot")
        try:
            task = parse(prompt)
        except UsageError:
            return 255 - photo
        return task.encode(metres(photo.mean(-1))) if task.name == "metric-depth" else np.full_like(photo, 255)


def until(true) -> None:
    """Waits for a condition, not for ever."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def code_of(answer) -> str:
    """The code of an error, whose form is always the same."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in answer.text and "\n" not in error["message"]
    assert answer.headers["x-request-id"]
    return error["code"]

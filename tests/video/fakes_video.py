"""Painters for other processes: depth by brightness, with a scale that jitters from frame to frame. Every painting is a
line in the file that FAKES_LOG names."""

from __future__ import annotations

import os
import time
import zlib

import numpy as np

from plantain.models.base import Capabilities, Painter
from plantain.models.identity import Identity
from plantain.models.painting import Painting
from plantain.tasks.language.parsing import parse


def metres(photo: np.ndarray) -> np.ndarray:
    """1 to 5 m by brightness, times a factor around 1 that hangs on the whole picture."""
    chance = np.random.default_rng(zlib.crc32(photo.tobytes()))
    return (1 + 4 * photo.mean(-1) / 255) * np.exp(chance.normal(0, 0.08))


def paint(photo: np.ndarray, prompt: str, _seed: int) -> np.ndarray:
    with open(os.environ["FAKES_LOG"], "a") as log:
        log.write("painted\n")
    time.sleep(float(os.environ.get("FAKES_SLEEP", "0")))
    if photo[..., 0].min() > 250:
        raise RuntimeError("too bright")
    return parse(prompt).encode(metres(photo))


class Shown(Painter):
    """Takes several pictures, and counts how many it was given."""

    capabilities = Capabilities(max_images=3)
    identity = Identity("shown")

    def __init__(self) -> None:
        self.counts: list[int] = []

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def paint(self, requests):
        self.counts += [len(one.images) for one in requests]
        return [Painting(parse(one.prompt).encode(metres(one.photo))) for one in requests]

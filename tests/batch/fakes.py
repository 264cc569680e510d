"""Painters that travel to worker processes: depth by brightness, but some photos end the process, or make it fail."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from plantain.tasks.language.parsing import parse

KILLS, FAILS, ONCE = 7, 11, 13  # gray levels


def paint(photo: np.ndarray, prompt: str, _seed: int) -> np.ndarray:
    level = int(photo[0, 0, 0])
    if level == KILLS:
        os.kill(os.getpid(), signal.SIGKILL)
    if level == FAILS:
        raise RuntimeError("it cannot")
    if level == ONCE and not os.path.exists(mark := os.environ["FAKES_MARK"]):
        with open(mark, "w"):
            raise RuntimeError("not yet")
    return parse(prompt).encode(1 + 8 * photo.mean(-1) / 255)


def slow(photo: np.ndarray, prompt: str, seed: int) -> np.ndarray:
    time.sleep(0.05)
    return paint(photo, prompt, seed)

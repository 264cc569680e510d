"""Answers and photographs made for tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from plantain.kinds import Depth

sides = st.integers(1, 90)
sizes = st.tuples(sides, sides)


def sure(height, width):
    return np.full((height, width), 0.8, np.float32)


def depth(values, valid=None, **changes):
    values = np.asarray(values, np.float32)
    valid = np.ones(values.shape, bool) if valid is None else valid
    return replace(Depth(values=values, valid=valid, confidence=sure(*values.shape)), **changes)


def on_photo(size):
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    return x / size[0], y / size[1]

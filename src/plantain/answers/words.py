"""Numbers in words, for lines that people read."""

from __future__ import annotations

import math
from collections.abc import Sequence

SURE = ((0.9, "sure"), (0.7, "fairly sure"), (0.5, "not very sure"), (0.0, "a guess"))
COLUMNS, ROWS = ("left", "center", "right"), ("upper", "middle", "lower")


def sureness(confidence: float) -> str:
    """A probability (0..1) in words.

    >>> sureness(0.95), sureness(0.8), sureness(0.5), sureness(0.2)
    ('sure', 'fairly sure', 'not very sure', 'a guess')
    """
    return next((word for least, word in SURE if confidence >= least), "a guess")


def number(value: float) -> str:
    """A number with three digits that count, and never fewer than its whole part.

    >>> number(1.4249), number(14.26), number(1424.9), number(0.0142), number(0)
    ('1.42', '14.3', '1425', '0.0142', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def thirds(box: Sequence[float], size: tuple[int, int]) -> str:
    """In which third of a photo of `size` (width, height) the middle of a box (left, top, right, bottom) lies.

    >>> thirds((0, 0, 20, 20), (90, 90)), thirds((40, 40, 50, 50), (90, 90)), thirds((80, 40, 90, 50), (90, 90))
    ('left, upper third', 'in the middle', 'right, middle third')
    """
    column, row = (min(2, int(3 * (box[i] + box[i + 2]) / 2 / size[i])) for i in (0, 1))
    return "in the middle" if column == row == 1 else f"{COLUMNS[column]}, {ROWS[row]} third"


def the(name: str) -> str:
    """A name with its article."""
    return name if name.lower().startswith(("the ", "my ", "your ", "his ", "her ", "their ")) else f"the {name}"

"""Units of length, as people write them."""

from __future__ import annotations

import re

UNITS: dict[str, tuple[float, str]] = {  # meters in one, and what is read as it
    "mm": (0.001, r"mm|millimet(?:er|re)s?"),
    "cm": (0.01, r"cms?|centimet(?:er|re)s?"),
    "m": (1.0, r"m|met(?:er|re)s?"),
    "ft": (0.3048, r"ft|feet|foot"),
    "in": (0.0254, r"in|inch(?:es)?"),
}
ANY = "|".join(words for _, words in UNITS.values())


def unit_of(word: str) -> str:
    """The unit that a word means.

    >>> unit_of("Metres"), unit_of("feet")
    ('m', 'ft')
    """
    return next(unit for unit, (_, words) in UNITS.items() if re.fullmatch(words, word, re.I))


def meters(number: str, unit: str) -> float:
    """A length in meters.

    >>> meters("50", "cm"), meters("10", "ft")
    (0.5, 3.048)
    """
    return round(float(number) * UNITS[unit][0], 6)

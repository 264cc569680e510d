"""Checks of what people give as names and colors; shared by every task that has a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plantain.errors import UsageError
from plantain.tasks.language.templates import RGB

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)
Legend = tuple[tuple[str, RGB], ...]


def rgb_of(value: Any) -> RGB:
    """A color as three ints 0..255; texts ("red", "#40ffc0", "RGB(1, 2, 3)") are read.

    >>> rgb_of([255, 0, 0])
    (255, 0, 0)
    """
    if isinstance(value, str):
        from plantain.codecs.palette import read_color

        return read_color(value)
    try:
        numbers = [float(v) for v in value]
    except (TypeError, ValueError):
        raise UsageError(f"{value!r} is not a color; give (r, g, b) with numbers 0..255, or a name") from None
    if len(numbers) != 3 or any(n != n // 1 or not 0 <= n <= 255 for n in numbers):
        raise UsageError(f"{value!r} is not a color; give (r, g, b) with whole numbers 0..255")
    r, g, b = map(int, numbers)
    return r, g, b


def name_of(value: Any, what: str = "a class") -> str:
    """A name as text; refuses empty ones."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{value!r} cannot name {what}; give a non-empty text")
    return value


def names_of(values: Any, what: str = "a class") -> tuple[str, ...]:
    """Names, at least one, none twice; one text is one name."""
    found = tuple(name_of(v, what) for v in ([values] if isinstance(values, str) else values))
    if not found:
        raise UsageError(f"no name for {what} was given; give at least one")
    twice = [n for i, n in enumerate(found) if n in found[:i]]
    if twice:
        raise UsageError(f"{what} is named twice: {twice[0]!r}; give every name once")
    return found


def legend_of(value: Any, background: RGB | None = None, what: str = "a class", group: int = 64) -> Legend:
    """A legend from a mapping name -> color or from pairs.

    Refuses a name given twice, and within each group of one painting a color given twice or to the background."""
    pairs = list(value.items()) if isinstance(value, Mapping) else [_pair(v) for v in value]
    names = names_of([name for name, _ in pairs], what)
    legend = tuple(zip(names, (rgb_of(color) for _, color in pairs), strict=True))
    for start in range(0, len(legend), group):
        checked(legend[start : start + group], background)
    return legend


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        raise UsageError(f"{value!r} is not a legend entry; give name: (r, g, b), or let `.of(names)` pick the colors")
    return value[0], value[1]


def checked(legend: Legend, background: RGB | None) -> Legend:
    """The legend, once no two entries share a color and none has the background's."""
    owner: dict[RGB, str] = {} if background is None else {background: "the background"}
    for name, color in legend:
        if color in owner:
            raise UsageError(f"{name!r} and {owner[color]} have the same color {color}; give each its own")
        owner[color] = repr(name)
    return legend


def draw(names: Sequence[str], background: RGB | None, seed: int | None = None) -> Legend:
    """A legend of well-separated palette colors, the same every time unless a seed is given."""
    from plantain.codecs.palette import pick

    colors = pick(len(names), background=background or BLACK, seed=seed)
    return tuple(zip(names, (rgb_of(c) for c in colors.tolist()), strict=True))


def draw_any(names: Sequence[str], background: RGB | None, seed: int | None = None) -> Legend:
    """Like `draw`, for any number of names: colors start again after 64, for tasks that ask in groups."""
    return tuple(
        entry for start in range(0, len(names), 64) for entry in draw(names[start : start + 64], background, seed)
    )


def only_white(record: Mapping[str, Any]) -> str:
    """The one name of a white-on-black record; refuses any other colors."""
    legend, background = record["legend"], record.get("background", BLACK)
    if len(legend) != 1 or [*map(rgb_of, legend.values())] != [WHITE] or rgb_of(background) != BLACK:
        raise UsageError(f"this task is painted white on black, not {dict(legend)} on {background}")
    return str(next(iter(legend)))


def said(legend: Legend) -> dict[str, RGB]:
    """The legend as a prompt's record holds it."""
    return dict(legend)

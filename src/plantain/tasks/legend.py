"""Checks of what people give as names and colors; shared by every task that has a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from plantain.errors import UsageError
from plantain.tasks.base import Task
from plantain.tasks.language.templates import RGB

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)
Legend = tuple[tuple[str, RGB], ...]
GROUP = 64  # colors in one painting
CORNERS: tuple[RGB, ...] = (
    *(WHITE, (255, 0, 0), (0, 0, 255), (0, 255, 0)),
    *((255, 0, 255), (255, 255, 0), (0, 255, 255), BLACK),
)  # of the RGB cube: no mixture of some of them is another one
Item = TypeVar("Item")


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


def legend_of(value: Any, background: RGB | None = None, what: str = "a class", group: int = GROUP) -> Legend:
    """A legend from a mapping name -> color or from pairs.

    Refuses a name given twice, and within each group of one painting a color given twice or to the background."""
    pairs = list(value.items()) if isinstance(value, Mapping) else [_pair(v) for v in value]
    names = names_of([name for name, _ in pairs], what)
    legend = tuple(zip(names, (rgb_of(color) for _, color in pairs), strict=True))
    for part in in_groups(legend, group):
        checked(part, background)
    return legend


def in_groups(values: tuple[Item, ...], size: int) -> list[tuple[Item, ...]]:
    """The values in groups of `size`, the last one as it comes.

    >>> in_groups((1, 2, 3), 2)
    [(1, 2), (3,)]
    """
    return [values[start : start + size] for start in range(0, len(values), size)]


def even_size(count: int, most: int) -> int:
    """The size of as few groups of about equal size as hold `count`, `most` in each at most.

    >>> even_size(8, 7), even_size(11, 7), even_size(7, 7)
    (4, 6, 7)
    """
    paintings = max(1, -(-count // most))
    return max(1, -(-count // paintings))


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
    return tuple(entry for part in in_groups(tuple(names), GROUP) for entry in draw(part, background, seed))


def corner_group(count: int, background: RGB | None) -> int:
    """How many names one painting in corners of the cube holds: 8 at most without a background, 7 beside one.

    >>> corner_group(8, None), corner_group(8, BLACK), corner_group(11, None)
    (8, 4, 6)
    """
    return even_size(count, len(CORNERS) - (background is not None or count > len(CORNERS)))


def on_corners(legend: Legend, background: RGB | None) -> Legend:
    """The same names in corners of the cube, in turn within each group of one painting; a legend of a few corners
    as it is. UsageError where somebody chose other colors, or such a background."""
    names = tuple(name for name, _ in legend)
    ground = BLACK if background is None and len(names) > len(CORNERS) else background
    free, size = [corner for corner in CORNERS if corner != ground], corner_group(len(names), background)
    own = tuple((name, free[i % size]) for i, name in enumerate(names))
    if background in (None, *CORNERS):
        if legend in (own, draw_any(names, background)):
            return own
        if len(legend) <= len(free) and {color for _, color in legend} <= set(free):
            return legend
    raise UsageError("code 'corners' paints in corners of the RGB cube; leave the colors out, or the code")


def only_white(record: Mapping[str, Any]) -> str:
    """The one name of a white-on-black record; refuses any other colors."""
    legend, background = record["legend"], record.get("background", BLACK)
    if len(legend) != 1 or [*map(rgb_of, legend.values())] != [WHITE] or rgb_of(background) != BLACK:
        raise UsageError(f"this task is painted white on black, not {dict(legend)} on {background}")
    return str(next(iter(legend)))


def said(legend: Legend) -> dict[str, RGB]:
    """The legend as a prompt's record holds it."""
    return dict(legend)


class LegendTask(Task):
    """A task that is painted in a legend of flat colors, `entries`, beside a `background`.

    Code "corners" is for painters that paint the mean of what they believe: a color between others then gets whatever
    is blurred, so that only corners of the RGB cube are given, to at most 7 names a painting beside the background."""

    background: RGB | None

    @property
    def entries(self) -> Legend:
        """The legend as pairs (name, color)."""
        raise NotImplementedError

    def with_entries(self, entries: Legend, background: RGB | None) -> Self:
        """The same question about these names alone."""
        raise NotImplementedError

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.entries)

    @property
    def colors(self) -> tuple[RGB, ...]:
        return tuple(color for _, color in self.entries)

    def supports(self, code: str) -> bool:
        """Corners are for colors that nobody chose, and for those that are corners anyway."""
        try:
            return code != "corners" or bool(on_corners(self.entries, self.background))
        except UsageError:
            return False

    @property
    def group(self) -> int:
        """How many names one painting holds."""
        return corner_group(len(self.entries), self.background) if self.code == "corners" else GROUP

    def parts(self) -> Sequence[Self]:
        """Groups of as many names as one painting holds, each on a background, for `merge` to join."""
        groups = in_groups(self.entries, self.group)
        ground = BLACK if self.background is None else self.background
        return (self,) if len(groups) == 1 else tuple(self.with_entries(group, ground) for group in groups)

"""Templates that both write a prompt and read it back, so that no wording exists twice.

`{slot}` is filled from the task's record; `{slot|between}` and `{slot|between|separator}` say how a legend is written;
`[...]` is left out when its slot is missing. A slot that comes twice must read the same both times.

>>> wording = Wording("Segment {legend|: paint it } on {background}[; {colors}]", {"colors": choice("flat colors")})
>>> text = wording.write({"legend": {"the red mug": (255, 0, 0), "a, b": (0, 9, 0)}, "background": (0, 0, 0)})
>>> text
'Segment the red mug: paint it (255, 0, 0), "a, b": paint it (0, 9, 0) on (0, 0, 0)'
>>> wording.read(text)
{'legend': {'the red mug': (255, 0, 0), 'a, b': (0, 9, 0)}, 'background': (0, 0, 0)}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

RGB = tuple[int, int, int]
PLAIN = r"[\w'’-]+(?: [\w'’-]+)*"  # words that need no quotes: nothing in them can end the slot they stand in
NAME = rf'(?:"(?:[^"\\]|\\.)*"|{PLAIN})'
COLOR = r"[(<]\d{1,3}, \d{1,3}, \d{1,3}[)>]"
NUMBER = r"[0-9][0-9.e+-]*"


def say_name(name: str) -> str:
    """Plain words as they are, anything else as a JSON string.

    >>> print(say_name("traffic light"), say_name('5" pipe, old'))
    traffic light "5\\" pipe, old"
    """
    return name if re.fullmatch(PLAIN, name) else json.dumps(name, ensure_ascii=False)


def read_name(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def say_color(rgb: RGB, angular: bool = False) -> str:
    inside = ", ".join(map(str, rgb))
    return f"<{inside}>" if angular else f"({inside})"


def read_triple(text: str) -> RGB:
    r, g, b = map(int, text[1:-1].split(", "))
    return r, g, b


def say_number(value: float) -> str:
    """The shortest text that reads back as the same number.

    >>> say_number(80.0), say_number(0.1)
    ('80', '0.1')
    """
    return repr(int(value)) if value == int(value) and value < 1e15 else repr(float(value))


@dataclass(frozen=True)
class Slot:
    """How one slot is written, what its text looks like, and how it is read."""

    write: Callable[[Any], str]
    pattern: str
    read: Callable[[str], Any]


def choice(*options: str) -> Slot:
    """A slot that holds one of a few texts."""
    return Slot(str, "|".join(map(re.escape, sorted(options, key=len, reverse=True))) or r"(?!)", str)


def color(angular: bool) -> Slot:
    return Slot(lambda rgb: say_color(rgb, angular), COLOR, read_triple)


def names(separator: str) -> Slot:
    """A list of names."""
    pattern = rf"{NAME}(?:{re.escape(separator)}{NAME})*"
    return Slot(
        lambda value: separator.join(map(say_name, value)), pattern, lambda text: [*map(read_name, _all(NAME, text))]
    )


def legend(between: str, separator: str, angular: bool) -> Slot:
    """Names, each followed by its color."""
    entry = rf"{NAME}{re.escape(between)}{COLOR}"
    parts = re.compile(rf"({NAME}){re.escape(between)}({COLOR})(?:{re.escape(separator)})?", re.DOTALL)

    def write(value: Mapping[str, RGB]) -> str:
        return separator.join(say_name(k) + between + say_color(v, angular) for k, v in value.items())

    def read(text: str) -> dict[str, RGB]:
        return {read_name(k): read_triple(v) for k, v in parts.findall(text)}

    return Slot(write, rf"{entry}(?:{re.escape(separator)}{entry})*", read)


def _all(pattern: str, text: str) -> Iterable[str]:
    return re.findall(pattern, text, re.DOTALL)


NAME_SLOT = Slot(say_name, NAME, read_name)
NUMBER_SLOT = Slot(say_number, NUMBER, float)
SLOTS = re.compile(r"\{(\w+)(?:\|([^|}]*))?(?:\|([^}]*))?\}")
OPTIONAL = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True, eq=False)
class Wording:
    """One template. `special` holds the slots that are not names, colors, legends or lists of names."""

    template: str
    special: Mapping[str, Slot]
    angular: bool = False  # colors as <r, g, b>, else as (r, g, b)

    def slot(self, found: re.Match[str]) -> Slot:
        key, between, separator = found.groups()
        if key in self.special:
            return self.special[key]
        if between is not None:
            return legend(between, separator or ", ", self.angular)
        if key == "background":
            return color(self.angular)
        return names(", ") if key == "things" else NAME_SLOT

    def write(self, record: Mapping[str, Any]) -> str:
        """Fills the template; a `[...]` whose slot is missing from the record is left out."""

        def keep(found: re.Match[str]) -> str:
            keys = [m[1] for m in SLOTS.finditer(found[1])]
            return found[1] if all(key in record for key in keys) else ""

        return SLOTS.sub(lambda m: self.slot(m).write(record[m[1]]), OPTIONAL.sub(keep, self.template))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        seen: set[str] = set()
        out, at = "", 0
        for found in re.finditer(r"[\[\]]|" + SLOTS.pattern, self.template):
            out += re.escape(self.template[at : found.start()])
            at = found.end()
            if found[0] in "[]":
                out += "(?:" if found[0] == "[" else ")?"
            elif found[1] in seen:
                out += f"(?P={found[1]})"
            else:
                seen.add(found[1])
                out += f"(?P<{found[1]}>{self.slot(found).pattern})"
        return re.compile(out + re.escape(self.template[at:]), re.DOTALL)

    def read(self, text: str) -> dict[str, Any] | None:
        """The record that wrote `text`, or None when this template did not write it."""
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        slots = {m[1]: self.slot(m) for m in reversed([*SLOTS.finditer(self.template)])}
        return {key: slots[key].read(value) for key, value in match.groupdict().items() if value is not None}

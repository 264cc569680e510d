"""The strips under a picture: headings, legends, color bars; and text in any alphabet. Pillow only."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from plantain._shapes import UInt8

Color = tuple[int, int, int]
PAPER: Color = (22, 24, 29)
INK: Color = (236, 237, 240)
SOFT: Color = (160, 164, 173)
WARN: Color = (255, 190, 80)
LEAST_WIDTH = 360  # pixels: narrower pictures get margins, so that their legend can be read
MOST_ROWS = 20  # of a legend
MOST_LINES = 4  # of a sentence below it
SYSTEM_FONTS = (  # for letters that Pillow's own font lacks, wherever one of these is installed
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
)


# ---- text ----


@lru_cache(maxsize=64)
def _own(size: int) -> Any:
    return ImageFont.load_default(size=size)


@lru_cache(maxsize=64)
def _system(name: str, size: int) -> Any:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _has(name: str | None, letter: str) -> bool:
    """Whether a font draws this letter as itself and not as the box for what it lacks."""
    font = _own(20) if name is None else _system(name, 20)
    return letter.isspace() or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


def lettering(text: str, size: int) -> tuple[str, Any]:
    """The text and the font that lacks the fewest of its letters; what it lacks is spelled out.

    Pillow's own font (ASCII) comes first, then whichever of SYSTEM_FONTS are installed."""
    best, fewest = None, len(text) + 1
    for name in (None, *SYSTEM_FONTS):
        if name is None or _system(name, 20) is not None:
            lacking = sum(not _has(name, letter) for letter in text)
            best, fewest = (name, lacking) if lacking < fewest else (best, fewest)
        if fewest == 0:
            break
    font = _own(size) if best is None else _system(best, size)
    return "".join(letter if _has(best, letter) else _spelled(letter, best) for letter in text), font


def _spelled(letter: str, font: str | None) -> str:
    """A letter that cannot be drawn: without its accent, or as its number."""
    plain = unicodedata.normalize("NFKD", letter.casefold() if letter.islower() else letter)
    drawn = "".join(c for c in plain if not unicodedata.combining(c))
    return drawn if drawn and all(_has(font, c) for c in drawn) else f"[{ord(letter):X}]"


def shortened(text: str, size: int, width: float) -> tuple[str, Any]:
    """`lettering`, cut at the end so that it is at most `width` pixels long."""
    text, font = lettering(" ".join(text.split()), size)
    if font.getlength(text) <= width:
        return text, font
    low, high = 0, len(text)
    while low < high:  # the longest beginning that fits, by halving
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle] + "...") <= width else (low, middle - 1)
    return text[:low].rstrip() + "...", font


def write(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, **options: Any) -> float:
    """Draws one line of text, `at` its left middle; returns its length in pixels."""
    width = options.pop("width", math.inf)
    text, font = shortened(text, size, width) if width < math.inf else lettering(text, size)
    draw.text(at, text, font=font, **({"fill": INK, "anchor": "lm"} | options))
    return float(font.getlength(text))


def length(text: str, size: int) -> float:
    text, font = lettering(text, size)
    return float(font.getlength(text))


# ---- strips ----


@dataclass(frozen=True)
class Entry:
    """One line of a legend; `color` None has no swatch."""

    name: str
    color: Color | None = None
    note: str = ""


def heading(width: int, title: str, by: str, right: str, size: int, warn: bool = False) -> Image.Image:
    """A title, who made it and, at the right, its confidence."""
    strip = Image.new("RGB", (width, round(size * 2)), PAPER)
    draw, pad, middle = ImageDraw.Draw(strip), round(size * 0.7), size * 1.05
    small = round(size * 0.85)
    write(draw, (width - pad, middle), right, small, fill=WARN if warn else SOFT, anchor="rm")
    room = width - length(right, small) - 3 * pad
    taken = write(draw, (pad, middle), title, size, width=max(room, size * 3)) + 0.7 * size
    if room - taken > 4 * size:
        write(draw, (pad + taken, middle), by, small, width=room - taken, fill=SOFT)
    return strip


def legend(width: int, entries: Sequence[Entry], size: int, last: str = "") -> Image.Image:
    """Swatches with names in as many columns as fit, each as wide as it needs; what is beyond the last row is counted.
    `last`: a sentence below, in as many lines as it wants, but no more than MOST_LINES."""
    pad, row = round(size * 0.7), round(size * 1.5)
    rows, widths = _columns(entries, width - pad, 2 * pad, size)
    if len(entries) > (room := rows * len(widths)):
        entries = [*entries[: room - 1], Entry(f"and {len(entries) - room + 1} more")]
    lines = wrapped(last, size, width - 2 * pad)
    strip = Image.new("RGB", (width, (rows + len(lines)) * row + round(pad * 0.8)), PAPER)
    draw, lefts = ImageDraw.Draw(strip), pad + np.cumsum([0, *widths])
    for i, entry in enumerate(entries):
        _draw_entry(draw, (lefts[i // rows], (i % rows + 0.5) * row), widths[i // rows] - pad, entry, size)
    for i, line in enumerate(lines, rows):
        write(draw, (pad, (i + 0.5) * row), line, size, width=width - 2 * pad, fill=SOFT)
    return strip


def _columns(entries: Sequence[Entry], width: float, gap: float, size: int) -> tuple[int, list[float]]:
    """How many rows a legend has, and how wide each of its columns is: the most columns that fit side by side."""
    most = width / 2 if len(entries) > MOST_ROWS else width  # of many entries no long one has a line to itself
    lengths = [min(_entry_length(entry, size) + gap, most) for entry in entries]
    for columns in range(len(lengths), 0, -1):
        rows = min(math.ceil(len(lengths) / columns), MOST_ROWS)
        wanted = [max(lengths[i : i + rows]) for i in range(0, min(len(lengths), rows * columns), rows)]
        if sum(wanted) <= width or columns == 1:
            return rows, [one + (width - sum(wanted)) / len(wanted) for one in wanted]
    return 0, []


def wrapped(text: str, size: int, width: float) -> list[str]:
    """The text in lines of at most `width` pixels, broken between words; what is beyond MOST_LINES stays on the last.

    >>> wrapped("not found: sofa, lamp", 15, 120)
    ['not found: sofa,', 'lamp']
    """
    lines: list[str] = []
    for word in text.split():
        if lines and (len(lines) == MOST_LINES or length(f"{lines[-1]} {word}", size) <= width):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _entry_length(entry: Entry, size: int) -> float:
    note = length(entry.note, size) + 0.8 * size if entry.note else 0.0
    return 1.5 * size + length(entry.name, size) + note


def _draw_entry(draw: ImageDraw.ImageDraw, at: tuple[float, float], width: float, entry: Entry, size: int) -> None:
    x, y = at
    if entry.color is not None:
        half = size * 0.42
        box = (x, y - half, x + 2 * half, y + half)
        draw.rounded_rectangle(box, radius=size * 0.15, fill=entry.color, outline=SOFT, width=1)
        x, width = x + 1.3 * size, width - 1.3 * size
    note = length(entry.note, size) + 0.6 * size if entry.note else 0.0
    x += write(draw, (x, y), entry.name, size, width=max(width - note, 2 * size))
    if entry.note:
        write(draw, (x + 0.6 * size, y), entry.note, size, fill=SOFT)


def color_bar(
    width: int, colors: UInt8[np.ndarray, "n 3"], ticks: Sequence[tuple[float, str]], size: int
) -> Image.Image:
    """A bar of the colors from left to right with ticks at shares 0..1 of its length."""
    pad, high = round(size * 0.7), round(size * 0.9)
    strip = Image.new("RGB", (width, high + round(size * 2.2)), PAPER)
    long = width - 2 * pad
    bar = Image.fromarray(colors[None]).resize((long, high), Image.Resampling.BILINEAR)
    strip.paste(bar, (pad, round(size * 0.2)))
    draw, top, free = ImageDraw.Draw(strip), round(size * 0.2) + high, -math.inf
    for share, text in ticks:
        half = length(text, size) / 2
        x = pad + share * (long - 1)
        middle = min(max(x, half + pad), width - half - pad)
        if middle - half < free:
            continue
        draw.line((x, top, x, top + size * 0.3), fill=SOFT, width=max(1, size // 12))
        write(draw, (middle, top + size * 0.95), text, size, anchor="mm")
        free = middle + half + size * 0.6
    return strip


def stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures one under another, each in the middle."""
    width, height = max(p.width for p in pictures), sum(p.height for p in pictures)
    sheet, top = Image.new("RGB", (width, height), PAPER), 0
    for picture in pictures:
        sheet.paste(picture, ((width - picture.width) // 2, top))
        top += picture.height
    return sheet


def nice_ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Round numbers (1, 2, 5 x 10^n) between low and high.

    >>> nice_ticks(0.7, 4.2, False)
    [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    >>> nice_ticks(0.8, 60, True)
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return []
    if logarithmic and low > 0:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        values = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
        return [value for value in values if low <= value <= high]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.7)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]

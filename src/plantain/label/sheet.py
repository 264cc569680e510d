"""The review sheet: one page, nothing beside it, with the most doubtful photos first. What is labeled has a full
outline, what was not sure enough a dashed one."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from plantain._shapes import Bool, UInt8
from plantain.files import writing
from plantain.output.drawing import vivid
from plantain.predictions.resample import nearest

SIDE = 420  # pixels of a thumbnail's width
COLORS = 96  # of a thumbnail: a third of the bytes, and nobody sees it at this size
LINE, DASH = 2, 5  # pixels
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881 }
* { box-sizing: border-box }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 1280px; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.35rem; margin: 0 0 .5rem } p { margin: .4rem 0 }
pre { background: var(--soft); padding: .6rem .8rem; border-radius: 6px; overflow-x: auto; margin: .5rem 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 1rem; padding: 0 }
.cards li { list-style: none; border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
img { width: 100%; display: block } .text { padding: .6rem .8rem }
.name { font-weight: 600; overflow-wrap: anywhere } .note { opacity: .75; font-size: .9rem }
.chip { display: inline-block; border: 2px solid; border-radius: 6px; padding: 0 .4rem; margin: .15rem .2rem .15rem 0 }
.chip.not { border-style: dashed } .state { float: right; font-size: .85rem; opacity: .75; margin-left: .6rem }
"""


@dataclass(frozen=True, eq=False)
class Card:
    """A photo on the sheet. `areas`: supervision.Detections with `data["kept"]`."""

    name: str
    state: str
    photo: UInt8[np.ndarray, "h w 3"]
    areas: Any
    absent: Sequence[str]
    doubt: str


def write(
    path: Path, title: str, notes: Sequence[str], command: str, cards: Iterable[Card], classes: Sequence[str]
) -> None:
    """The page. `notes`: lines above the photos; `command`: what to type next. Raises OutputError."""
    shown = "\n".join(_card(card, classes) for card in cards)
    lines = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    typed = f"<pre><code>{html.escape(command)}</code></pre>" if command else ""
    page = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{STYLE}</style>
<h1>{html.escape(title)}</h1>{lines}{typed}
<ol class="cards">
{shown}
</ol></html>
"""
    with writing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _card(card: Card, classes: Sequence[str]) -> str:
    kept = card.areas.data["kept"]
    chips = [_chip(card.areas, i, classes) for i in np.argsort(~kept, kind="stable").tolist()]
    absent = f"<p class='note'>not found: {html.escape(', '.join(card.absent))}</p>" if card.absent else ""
    name = html.escape(card.name)
    return f"""<li><img loading="lazy" alt="{name} with its labels" src="{_inside(drawn(card))}">
<div class="text"><span class="state">{html.escape(card.state)}</span><div class="name">{name}</div>
<div>{"".join(chips)}</div>{absent}<p class="note">{html.escape(card.doubt)}</p></div></li>"""


def _chip(areas: Any, i: int, classes: Sequence[str]) -> str:
    """The name of an area and how sure it is; both figures where its class is doubted more than itself."""
    number, score, presence = int(areas.class_id[i]), float(areas.confidence[i]), float(areas.data["presence"][i])
    said = f"{score:.2f}" if presence >= score else f"{score:.2f}, present {presence:.2f}"
    kind = "chip" if areas.data["kept"][i] else "chip not"
    color = "#{:02x}{:02x}{:02x}".format(*vivid(number))
    return f'<span class="{kind}" style="border-color:{color}">{html.escape(classes[number])} {said}</span>'


def drawn(card: Card) -> Image.Image:
    """The photo in small, with outlines in the colors of the classes."""
    height, width = card.photo.shape[:2]
    size = SIDE, max(1, round(height * SIDE / width))
    picture = Image.fromarray(card.photo).resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture, np.float32).copy()
    for i in range(len(card.areas)):
        if card.areas.mask is not None:
            _outline(
                pixels,
                nearest(card.areas.mask[i], size),
                vivid(int(card.areas.class_id[i])),
                bool(card.areas.data["kept"][i]),
            )
    picture = Image.fromarray(pixels.astype(np.uint8))
    if card.areas.mask is None:
        draw, scale = ImageDraw.Draw(picture), size[0] / width
        for box, number, kept in zip(card.areas.xyxy, card.areas.class_id, card.areas.data["kept"], strict=True):
            _rectangle(draw, box * scale, vivid(int(number)), bool(kept))
    return picture


def _outline(pixels: Any, mask: Bool[np.ndarray, "h w"], color: tuple[int, int, int], kept: bool) -> None:
    """A tint inside a mask and a line along its inner border, dashed where it was not sure enough."""
    inner = np.pad(mask, LINE)
    for axis in (0, 1):
        inner = np.logical_and.reduce([np.roll(inner, step, axis) for step in range(-LINE, LINE + 1)])
    line = mask & ~inner[LINE:-LINE, LINE:-LINE]
    if kept:
        pixels[mask] = 0.75 * pixels[mask] + 0.25 * np.array(color, np.float32)
    else:
        y, x = np.indices(mask.shape)
        line &= (x + y) // DASH % 2 == 0
    pixels[line] = color


def _rectangle(draw: ImageDraw.ImageDraw, box: Any, color: tuple[int, int, int], kept: bool) -> None:
    left, top, right, bottom = (round(float(value)) for value in box)
    if kept:
        draw.rectangle([left, top, max(right - 1, left), max(bottom - 1, top)], outline=color, width=LINE)
        return
    for x in range(left, right, 2 * DASH):
        for y in (top, bottom - LINE):
            draw.rectangle([x, y, min(x + DASH, right), y + LINE - 1], fill=color)
    for y in range(top, bottom, 2 * DASH):
        for x in (left, right - LINE):
            draw.rectangle([x, y, x + LINE - 1, min(y + DASH, bottom)], fill=color)


def _inside(picture: Image.Image) -> str:
    """A picture as an address that holds it, in few colors."""
    out = io.BytesIO()
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"

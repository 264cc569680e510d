"""How each kind of answer is drawn over the photo. Pillow and NumPy only; `show.overlay` puts the parts together."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.output import panels
from plantain.output.panels import Color, Entry
from plantain.output.skeleton import bones
from plantain.predictions.headline import COUNTS
from plantain.predictions.resample import nearest
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

STEPS = 1024  # of the ramp that are worked out: more than a picture of 8 bits can show
SPARE = 24  # bright colors to choose from, beside one a name
EMPTY: Color = (70, 73, 80)  # where there is no answer
RAMP = np.array(  # 17 steps of plasma (Smith and van der Walt, CC0), near = yellow, far = blue
    [
        (240, 249, 33), (249, 221, 37), (253, 195, 40), (253, 171, 51), (248, 148, 65), (240, 127, 79),
        (229, 107, 93), (217, 88, 106), (203, 70, 121), (187, 52, 136), (168, 34, 150), (148, 16, 162),
        (125, 3, 168), (100, 0, 167), (75, 3, 161), (47, 5, 150), (13, 8, 135),
    ],
    np.float32,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sheet:
    """What every drawing needs: the photo at the overlay's size, and how much larger that is than the answer."""

    photo: Image.Image
    known: bool  # False: there is no photo, only gray
    answer: tuple[int, int]  # (width, height) of the answer
    colors: Mapping[str, Color] = field(default_factory=dict)  # that names must have, whatever the answer's own
    scale_of_depth: Scale | None = None  # what the ends of the color bar stand for; without it the answer's own

    @property
    def width(self) -> int:
        """Of the strips under the picture."""
        return max(self.photo.width, panels.LEAST_WIDTH)

    @property
    def text(self) -> int:
        return min(max(round(max(self.photo.size) / 36), 15), 38)

    @property
    def line(self) -> int:
        return max(2, round(max(self.photo.size) / 400))

    @property
    def scale(self) -> np.ndarray:
        return np.array(self.photo.size, np.float64) / self.answer

    @property
    def pixels(self) -> Float[np.ndarray, "h w 3"]:
        return np.asarray(self.photo, np.float32)

    @property
    def gray(self) -> Float[np.ndarray, "h w 1"]:
        return np.asarray(self.photo.convert("L"), np.float32)[..., None]

    def grow(self, values: Shaped[np.ndarray, "h w *rest"]) -> Shaped[np.ndarray, "H W *rest"]:
        """The nearest value for every pixel of the overlay: for masks and ids."""
        return nearest(values, self.photo.size)

    def shrink(self, values: Shaped[np.ndarray, "h w *rest"]) -> Shaped[np.ndarray, "H W *rest"]:
        """An answer larger than the overlay is thinned out first: nobody sees the difference, and it is quick."""
        return self.grow(values) if values.shape[0] > self.photo.height else values

    def smooth(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Float[np.ndarray, "H W 3"]:
        """Colors resampled to the overlay's size: for what is drawn, never for what is measured."""
        levels = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
        return np.asarray(Image.fromarray(levels).resize(self.photo.size, Image.Resampling.BILINEAR), np.float32)


Drawn = tuple[Image.Image, list[Image.Image]]  # the picture, and the strips under it


def _percent(share: float) -> str:
    if 0.995 <= share < 1:
        return ">99 %"
    return f"{100 * share:.0f} %" if share >= 0.01 else "<1 %"


def vivid(index: int) -> Color:
    """Bright colors that stay far apart: hues by the golden ratio, three lightnesses."""
    red, green, blue = colorsys.hls_to_rgb((0.02 + index * 0.618034) % 1, (0.58, 0.68, 0.5)[index % 3], 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


def colors_of(answer: Labels | Alpha) -> list[Color]:
    """A color for each name: those of the painting, if it says them. Things that are told apart were painted in shades
    of one blue: they get bright ones, each the farthest from those that are taken."""
    names = answer.classes if isinstance(answer, Labels) else answer.names
    things = (answer.things or ()) if isinstance(answer, Panoptic) else ()
    own = answer.colors if len(answer.colors) == len(names) else ()
    known = {name: color for name, color in zip(names, own, strict=False) if name not in things}
    free = [vivid(i) for i in range(len(names) + SPARE)]
    away = np.min([_apart(free, color) for color in known.values()], axis=0, initial=np.inf)
    for name in names:
        if name not in known:
            known[name] = free[int(away.argmax())]
            away = np.minimum(away, _apart(free, known[name]))
    return [known[name] for name in names]


def _apart(colors: Sequence[Color], other: Color) -> Float[np.ndarray, "n"]:
    """How unlike colors look to another, roughly: green counts most, red least."""
    return np.asarray(np.square(np.subtract(colors, other, dtype=np.float64)) @ np.array([2.0, 4.0, 3.0]))


def _ink_on(color: Color) -> Color:
    red, green, blue = color
    return (16, 17, 20) if 0.3 * red + 0.59 * green + 0.11 * blue > 120 else (255, 255, 255)


def _picture(pixels: Float[np.ndarray, "h w 3"]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _outlines(ids: Shaped[np.ndarray, "h w"], line: int) -> Bool[np.ndarray, "h w"]:
    """Where the number changes within a line's width to the right or below."""
    edge = np.zeros(ids.shape, bool)
    for step in range(1, line + 1):
        edge[step:] |= ids[step:] != ids[:-step]
        edge[:, step:] |= ids[:, step:] != ids[:, :-step]
    return edge


# ---- depth and normals ----


def _draw_depth(depth: Depth, sheet: Sheet) -> Drawn:
    """Near is yellow, far is blue, and the photo's light and shade stay visible."""
    values, valid = sheet.shrink(depth.values), sheet.shrink(depth.valid & np.isfinite(depth.values))
    missing = [Entry("no answer", EMPTY, _percent(1 - float(valid.mean())))] if valid.mean() < 0.995 else []
    strips = [panels.legend(sheet.width, missing, sheet.text)] if missing else []
    colors = np.broadcast_to(np.array(EMPTY, np.float32), (*valid.shape, 3))
    if valid.any():
        scale = sheet.scale_of_depth or scale_of(values[valid], depth.scale == "metric")
        steps = scale.place(np.where(valid, values, scale.low)) * (STEPS - 1)
        ramp = _ramp(np.linspace(0, 1, STEPS)).astype(np.float32)
        colors = np.where(valid[..., None], ramp[steps.astype(np.int16)], colors)
        strips.insert(0, _depth_bar(scale, depth.scale == "metric", sheet))
    shade = 0.6 + 0.6 * sheet.gray / 255 if sheet.known else 1.0
    return _picture(sheet.smooth(colors) * shade), strips


@dataclass(frozen=True)
class Scale:
    """Which values the two ends of the color bar stand for."""

    low: float
    high: float
    logarithmic: bool

    def place(self, values: Any) -> Any:
        """Values as shares 0..1 of the bar."""
        if not self.logarithmic:
            return np.clip((values - self.low) / (self.high - self.low), 0, 1)
        return np.clip(np.log(np.maximum(values, 1e-9) / self.low) / math.log(self.high / self.low), 0, 1)


def scale_of(values: Float[np.ndarray, "n"], metric: bool) -> Scale:
    """Nearly all of the values, at least 5 % wide; logarithmic where metres span more than a factor of 12."""
    low, high = (float(v) for v in np.percentile(values, (1, 99)))
    high = max(high, low + 0.05 * abs(low), low + 1e-6)
    return Scale(low, high, metric and low > 0 and high / low > 12)


def _depth_bar(scale: Scale, metric: bool, sheet: Sheet) -> Image.Image:
    ticks = [(0.0, "near"), (1.0, "far")]
    if metric:
        values = panels.nice_ticks(scale.low, scale.high, scale.logarithmic)
        ticks = [(float(scale.place(value)), f"{value:g} m") for value in values]
    return panels.color_bar(sheet.width, _ramp(np.linspace(0, 1, 256)).astype(np.uint8), ticks, sheet.text)


def _ramp(place: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape 3"]:
    steps = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(place, steps, RAMP[:, channel]) for channel in range(3)], axis=-1)


def _draw_normals(normals: Normals, sheet: Sheet) -> Drawn:
    """The usual colors: x, y, z from -1..1 to red, green, blue from 0..255."""
    xyz, valid = sheet.shrink(normals.xyz), sheet.shrink(normals.valid)
    colors = np.where(valid[..., None], (xyz + 1) * 127.5, EMPTY)
    shade = 0.8 + 0.25 * sheet.gray / 255 if sheet.known else 1.0
    entries = [Entry("right", (255, 128, 128)), Entry("left", (0, 128, 128)), Entry("up", (128, 255, 128))]
    entries += [Entry("down", (128, 0, 128)), Entry("to the camera", (128, 128, 255))]
    missing = 1 - float(valid.mean())
    if missing > 0.005:
        entries.append(Entry("no surface", EMPTY, _percent(missing)))
    return _picture(sheet.smooth(colors) * shade), [panels.legend(sheet.width, entries, sheet.text)]


# ---- classes and things ----


def _draw_labels(labels: Labels, sheet: Sheet) -> Drawn:
    """Class colors over the photo, with thin borders; things that are told apart get borders of their own."""
    count = len(labels.classes)
    colors = [sheet.colors.get(name, own) for name, own in zip(labels.classes, colors_of(labels), strict=True)]
    ids = sheet.grow(labels.ids)
    tint = np.array([*colors, (0, 0, 0)], np.float32)[ids]
    if isinstance(labels, Panoptic) and len(labels.segment_labels):
        segments = sheet.grow(labels.segments)
        own = np.array([(0, 0, 0), *shades(labels.segment_labels, colors)], np.float32)
        tint = np.where((segments > 0)[..., None], own[segments], tint)
    under = sheet.gray * 0.75 + sheet.pixels * 0.25
    pixels = np.where((ids >= 0)[..., None], 0.42 * under + 0.58 * tint, under * 0.5)
    borders = ids.astype(np.int64)
    if isinstance(labels, Panoptic):
        borders = borders + (count + 1) * sheet.grow(labels.segments).astype(np.int64)
    pixels[_outlines(borders, max(1, sheet.line // 2))] *= 0.25
    pixels[_outlines(borders, max(1, sheet.line // 2))] += 185
    entries, absent = _class_entries(labels, colors)
    return _picture(pixels), [panels.legend(sheet.width, entries, sheet.text, absent)]


SHADES = (0.0, 0.45, -0.4, 0.25, -0.2, 0.65, -0.55)  # towards white, or black: of things of one class in turn


def shades(classes: Sequence[int] | Int[np.ndarray, "n"], colors: Sequence[Color]) -> list[Color]:
    """A color for each thing, told apart from the others of its class: the class's own, lighter and darker in turn.

    >>> shades([0, 0, 1], [(200, 100, 0), (0, 0, 100)])
    [(200, 100, 0), (225, 170, 115), (0, 0, 100)]
    """
    counts: dict[int, int] = {}
    made: list[Color] = []
    for label in map(int, classes):
        shade = SHADES[counts.get(label, 0) % len(SHADES)]
        counts[label] = counts.get(label, 0) + 1
        end = 255 if shade > 0 else 0
        red, green, blue = (round(level + (end - level) * abs(shade)) for level in colors[label])
        made.append((red, green, blue))
    return made


def _class_entries(labels: Labels, colors: Sequence[Color]) -> tuple[list[Entry], str]:
    """Classes by area, then what is none of them; and in one line those that are nowhere."""
    shares = np.bincount(labels.ids.ravel() + 1, minlength=len(labels.classes) + 1) / max(labels.ids.size, 1)
    order = [int(i) for i in np.argsort(-shares[1:], kind="stable")]
    entries = [Entry(labels.classes[i], colors[i], _counted(labels, i, shares[i + 1])) for i in order if shares[i + 1]]
    if shares[0] > 0.005:
        entries.append(Entry("none of these", EMPTY, _percent(float(shares[0]))))
    absent = [labels.classes[i] for i in order if not shares[i + 1]]
    return entries, f"not found: {', '.join(absent)}" if absent else ""


def _counted(labels: Labels, index: int, share: float) -> str:
    number = int((labels.segment_labels == index).sum()) if isinstance(labels, Panoptic) else 0
    return f"{number} x, {_percent(share)}" if number else _percent(share)


def _draw_instances(every: Instances, sheet: Sheet) -> Drawn:
    """Every thing that counts in a color of its own, with its box and score; the highest scores are drawn on top."""
    things = every[every.scores >= COUNTS]
    order = [int(i) for i in np.argsort(things.scores, kind="stable")]
    own = [vivid(i) for i in (range(len(things)) if things.tracks is None else things.tracks.tolist())]
    pixels = sheet.pixels * 0.85
    for i in order if things.masks is not None else []:
        mask = sheet.grow(np.asarray(things.masks)[i])
        pixels[mask] = 0.45 * pixels[mask] + 0.55 * np.array(own[i], np.float32)
        pixels[_outlines(mask, sheet.line)] = own[i]
    picture = _picture(pixels)
    draw = ImageDraw.Draw(picture)
    boxes = things.boxes.reshape(-1, 2, 2) * sheet.scale
    for i in order:
        draw.rectangle([tuple(corner) for corner in boxes[i].tolist()], outline=own[i], width=sheet.line)
    _tag(draw, things, boxes, order[::-1], own, sheet)
    counts = np.bincount(things.labels, minlength=len(things.classes))
    entries = [Entry(name, None, _found(int(n))) for name, n in zip(things.classes, counts, strict=True)]
    faint = len(every) - len(things)
    entries += [Entry("less than even odds", None, f"{faint} not drawn")] if faint else []
    return picture, [panels.legend(sheet.width, entries, sheet.text)]


def _found(number: int) -> str:
    return f"{number} found" if number else "none found"


def _tag(
    draw: ImageDraw.ImageDraw,
    things: Instances,
    boxes: Float[np.ndarray, "n 2 2"],
    order: Sequence[int],
    own: Sequence[Color],
    sheet: Sheet,
) -> None:
    """Name and score at each box, the highest score first; one that would cover another is left out."""
    size = round(sheet.text * 0.8)
    high, width, taken = size * 1.35, sheet.photo.width, list[tuple[float, float, float, float]]()
    for i in order:
        (left, top), (right, _) = boxes[i].tolist()
        score = f"{things.scores[i]:.2f}"
        number = "" if things.tracks is None else f"#{things.tracks[i]} "
        named = f"{things.classes[int(things.labels[i])]} {number}{score}"
        text = named if panels.length(named, size) + size < max(right - left, 7 * size) else score
        wide = panels.length(text, size) + size * 0.7
        left, top = max(min(left, width - wide), 0), top - high if top >= high else top
        place = (left, top, left + wide, top + high)
        if any(place[0] < b[2] and b[0] < place[2] and place[1] < b[3] and b[1] < place[3] for b in taken):
            continue
        taken.append(place)
        draw.rectangle(place, fill=own[i])
        panels.write(draw, (left + size * 0.35, top + high / 2), text, size, fill=_ink_on(own[i]))


# ---- points ----

LEFT, RIGHT, MIDDLE = (255, 140, 60), (80, 180, 255), (120, 230, 120)


def _draw_keypoints(points: Keypoints, sheet: Sheet) -> Drawn:
    """Discs at the points that are seen, joined by bones; left orange, right blue."""
    picture = _picture(sheet.pixels * 0.7)
    draw = ImageDraw.Draw(picture)
    seen = points.visible & np.isfinite(points.xy).all(axis=1)
    xy = points.xy * sheet.scale
    joints = bones(points.names)
    colors = [_side(name) if joints else vivid(i) for i, name in enumerate(points.names)]
    for a, b in joints:
        if seen[a] and seen[b]:
            color = colors[a] if colors[a] == colors[b] else MIDDLE
            draw.line([tuple(xy[a]), tuple(xy[b])], fill=color, width=sheet.line * 2)
    radius = sheet.line * 2.6
    for i in np.flatnonzero(seen):
        draw.circle(tuple(xy[i]), radius, fill=colors[i], outline=(255, 255, 255), width=max(1, sheet.line // 2))
    entries = [Entry("left", LEFT), Entry("right", RIGHT), Entry("middle", MIDDLE)]
    if not joints:
        entries = [Entry(points.names[i], colors[i], f"{points.scores[i]:.2f}") for i in np.flatnonzero(seen)]
    entries.append(Entry(f"{int(seen.sum())} of {len(points.names)} points seen"))
    return picture, [panels.legend(sheet.width, entries, sheet.text)]


def _side(name: str) -> Color:
    words = name.lower().replace("_", " ").split()
    return LEFT if "left" in words else RIGHT if "right" in words else MIDDLE


# ---- masks, mattes, edges ----


def _draw_alpha(alpha: Alpha, sheet: Sheet) -> Drawn:
    """One thing: kept, the rest dark squares. Several: a tint each."""
    if len(alpha.names) == 1:
        colors, picture = [(255, 255, 255)], _cut_out(sheet, alpha.alpha[0])
    else:
        colors = [sheet.colors.get(name, own) for name, own in zip(alpha.names, colors_of(alpha), strict=True)]
        picture = _tinted(sheet, alpha.alpha, colors)
    entries = [_alpha_entry(alpha, i, None if len(colors) == 1 else colors[i]) for i in range(len(alpha.names))]
    return picture, [panels.legend(sheet.width, entries, sheet.text)]


def _alpha_entry(alpha: Alpha, index: int, color: Color | None) -> Entry:
    share = float(alpha.masks[index].mean())
    note = _percent(share) if share else "not found"
    present = (alpha.presence or {}).get(alpha.names[index])
    return Entry(alpha.names[index], color, note if present is None else f"{note}, present {_percent(present)}")


def _cut_out(sheet: Sheet, alpha: Float[np.ndarray, "h w"]) -> Image.Image:
    kept = _soft(sheet, alpha)
    height, width = kept.shape[:2]
    side = max(8, sheet.text // 2 * 2)
    squares = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    board = (62 + 18 * squares)[..., None] + 0.2 * sheet.gray
    thing = sheet.pixels if sheet.known else np.full_like(sheet.pixels, 255)
    return _picture(kept * thing + (1 - kept) * board)


def _soft(sheet: Sheet, alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "H W 1"]:
    return sheet.smooth(np.repeat(sheet.shrink(alpha)[..., None] * 255, 3, axis=-1))[..., :1] / 255


def _tinted(sheet: Sheet, alpha: Float[np.ndarray, "n h w"], colors: Sequence[Color]) -> Image.Image:
    pixels = sheet.gray * 0.45 + sheet.pixels * 0.1
    for plane, color in zip(alpha, colors, strict=True):
        kept = _soft(sheet, plane)
        pixels = pixels * (1 - kept) + kept * (0.45 * sheet.pixels + 0.55 * np.array(color, np.float32))
        pixels[_outlines(sheet.grow(plane > 0.5), sheet.line)] = color
    return _picture(pixels)


def _draw_edges(alpha: Edges, sheet: Sheet) -> Drawn:
    """Bright lines over a dark photo."""
    strength = _soft(sheet, alpha.alpha.max(axis=0))
    pixels = (1 - strength) * (0.4 * sheet.pixels) + strength * np.array((255, 226, 120), np.float32)
    bar = np.stack([np.linspace(0, level, 256) for level in (255, 226, 120)], axis=-1).astype(np.uint8)
    return _picture(pixels), [panels.color_bar(sheet.width, bar, [(0.0, "no edge"), (1.0, "strong edge")], sheet.text)]


DRAWINGS: dict[type[Prediction], Callable[[Any, Sheet], Drawn]] = {
    Depth: _draw_depth,
    Normals: _draw_normals,
    Labels: _draw_labels,
    Instances: _draw_instances,
    Keypoints: _draw_keypoints,
    Edges: _draw_edges,
    Alpha: _draw_alpha,
}

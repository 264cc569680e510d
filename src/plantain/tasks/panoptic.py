"""Everything at once: stuff by its class, things one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, ClassVar, Self, cast

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.codecs import blobs
from plantain.codecs.palette import nearest
from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Panoptic
from plantain.tasks import decode_utils, targets
from plantain.tasks.base import Task
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, Legend, even_size, in_groups, legend_of, names_of, said

STUFF_BLUE = 80  # stuff keeps to blue <= 80 and things to blue >= 128, so that no thing looks like stuff
LOWEST_BLUE = 128
MOST_THINGS = 8  # kinds of things in one painting: 18 levels of blue apart
STUFF_CORNERS: tuple[RGB, ...] = ((255, 255, 0), (255, 0, 0), (0, 255, 0))  # of the cube, with black and all things
STUFF_COLORS = tuple(
    (r, g, b) for b in (0, STUFF_BLUE) for r in (255, 0, 170, 85) for g in (255, 0, 170, 85) if (r, g, b) != BLACK
)
_THINGS = (
    "and each thing in the colour of its centre (red = horizontal place, green = vertical place, blue = 255 for the "
    "first kind of thing, 128 for the last)"
)


@dataclass(frozen=True)
class PanopticSegmentation(Task):
    """Stuff in its legend's flat colors (blue at most 80); each thing in the color of its center, blue for its kind.

    `stuff` is a legend, or names that get colors; at most 31 kinds of stuff and 8 of things are asked in one painting,
    more in several. Code "corners" is for painters that paint the mean of what they believe (see LegendTask):
    3 kinds of stuff and one of things a painting, for two kinds in shades of blue would have each other's between them.
    """

    stuff: Sequence[Any] | Mapping[str, Any] = ()
    things: tuple[str, ...] = ()

    name: ClassVar[str] = "panoptic"
    title: ClassVar[str] = "panoptic segmentation"
    kind: ClassVar[type[Panoptic]] = Panoptic
    default_code: ClassVar[str] = "panoptic"
    codes: ClassVar[Mapping[str, str]] = {"panoptic": "panoptic/1", "corners": "panoptic-corners/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "panoptic": f"stuff in flat colours, exactly as listed, {_THINGS}",
        "corners": f"stuff in flat colours, all exactly as listed, {_THINGS}",  # "all": see SemanticSegmentation
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Make a panoptic segmentation of this photo[; stuff: {stuff| is }][; things, each in a colour of "
        "its own: {things}]; everything else, the background, is {background}.[ Colours: {colours}.]",
        "caption": "A panoptic segmentation of this photo[; stuff: {stuff| is }][; things, each with a colour of its "
        "own: {things}]; everything else, the background, is {background}[; colours: {colours}].",
        "terse": "panoptic[; stuff: {stuff|: |; }][; things: {things}]; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        stuff = _stuff_of(self.stuff, 1 if self.code == "corners" else len(STUFF_COLORS))
        things = names_of(self.things, "a thing") if self.things else ()
        names_of([*(name for name, _ in stuff), *things])
        object.__setattr__(self, "stuff", stuff)
        object.__setattr__(self, "things", things)
        if self.code is not None and not self.supports(self.code):
            raise UsageError("code 'corners' has colors of its own; leave those of the stuff out, or the code")
        if self.code == "corners":
            object.__setattr__(self, "stuff", _in_turn(self.stuff_names, STUFF_CORNERS[: self.group]))

    def supports(self, code: str) -> bool:
        """Corners are for colors that nobody chose."""
        own = (_in_turn(self.stuff_names, colors) for colors in (STUFF_COLORS, STUFF_CORNERS[: self._corner_group]))
        return code != "corners" or self.entries in own

    @property
    def _corner_group(self) -> int:
        return even_size(len(self.entries), len(STUFF_CORNERS))

    @property
    def group(self) -> int:
        """How many kinds of stuff one painting holds."""
        return self._corner_group if self.code == "corners" else len(STUFF_COLORS)

    @property
    def stuff_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.entries)

    @property
    def entries(self) -> Legend:
        """The stuff as pairs (name, color)."""
        return cast(Legend, self.stuff)

    @property
    def classes(self) -> tuple[str, ...]:
        """Stuff first, then things."""
        return (*self.stuff_names, *self.things)

    @property
    def queries(self) -> tuple[str, ...]:
        return self.classes

    def record(self) -> dict[str, Any]:
        stuff = {"stuff": said(self.entries)} if self.stuff else {}
        things = {"things": list(self.things)} if self.things else {}
        return stuff | things | {"background": BLACK}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(record.get("stuff", ()), tuple(record.get("things", ())), code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Panoptic, matched by class name; classes that were not asked for are black."""
        self.require_one_painting()
        if not isinstance(truth, Panoptic):
            raise TruthError(f"panoptic paintings are made from Panoptic, got {type(truth).__name__}")
        ids = targets.ids_of(truth, self.classes)
        rgb = np.array([*(c for _, c in self.entries), *(BLACK for _ in self.things), BLACK], np.uint8)[ids]
        blues = thing_blues(len(self.things))
        for number, label in enumerate(truth.segment_labels, 1):
            name = truth.classes[label]
            on = np.asarray(truth.segments) == number
            if name in self.things and on.any():
                rgb[on] = (*_center(on), blues[self.things.index(name)])
        return rgb

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Panoptic:
        seen = decode_utils.levels(rgb)
        flat = np.array([*(c for _, c in self.entries), BLACK], np.uint8)
        ids, distance, _ = nearest(rgb, flat)
        ids = np.where(ids == len(self.entries), np.int16(-1), ids)
        segments, labels, scores = np.zeros(ids.shape, np.int32), [], []
        is_thing = (seen[..., 2] > (STUFF_BLUE + LOWEST_BLUE) / 2) & bool(self.things)
        blues = thing_blues(len(self.things))
        kind = np.abs(seen[..., 2:] - blues).argmin(-1) if self.things else ids
        for k in range(len(self.things)):
            found = blobs.decode_centers(_one_kind(seen, is_thing & (kind == k)))
            for mask, score in zip(found.masks, found.scores, strict=True):
                labels.append(len(self.entries) + k)
                scores.append(score)
                segments[mask] = len(labels)
        kinds = np.array([-1, *labels], np.int16)
        ids = np.where(segments > 0, kinds[segments], np.where(is_thing, np.int16(-1), ids))
        if self.things:
            blue_distance = np.abs(seen[..., 2] - blues[kind])
            distance = np.where(
                is_thing, np.where(segments > 0, blue_distance, np.float32(2 * decode_utils.TOLERANCE)), distance
            )
        confidence = decode_utils.confidence_at(distance) * (
            np.float32(0.4) + np.float32(0.6) * decode_utils.agreement(ids)
        )
        return Panoptic(
            ids=ids,
            classes=self.classes,
            colors=(*(c for _, c in self.entries), *((0, 0, int(b)) for b in blues)),
            confidence=confidence.astype(np.float32),
            segments=segments,
            segment_labels=np.array(labels, np.int64),
            segment_scores=np.array(scores, np.float32),
            things=self.things,
            presence=decode_utils.presences(ids, confidence, self.classes),
        )

    def parts(self) -> Sequence[PanopticSegmentation]:
        """Groups that fit one painting each, for `merge` to join."""
        stuff = in_groups(self.entries, self.group)
        things = in_groups(self.things, 1 if self.code == "corners" else MOST_THINGS)
        pairs: list[Any] = list(zip_longest(stuff, things, fillvalue=()))
        if len(pairs) == 1:
            return (self,)
        return tuple(PanopticSegmentation(own, kinds, code=self.code) for own, kinds in pairs)


def thing_blues(count: int) -> Int[np.ndarray, "k"]:
    """The blue level of each kind of thing: 255 for the first, 128 for the last."""
    return np.round(np.linspace(255, LOWEST_BLUE, max(count, 1))[:count]).astype(int)


def _one_kind(seen: Float[np.ndarray, "h w 3"], on: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Only the things of one kind, as a painting of location colors with blue 255."""
    only = np.zeros(seen.shape, np.uint8)
    only[on] = np.round(seen[on])
    only[on, 2] = 255
    return only


def _center(on: np.ndarray) -> tuple[int, int]:
    ys, xs = np.nonzero(on)
    height, width = on.shape
    return round(255 * (xs.mean() + 0.5) / width), round(255 * (ys.mean() + 0.5) / height)


def _stuff_of(value: Any, group: int) -> Legend:
    if not value:
        return ()
    if isinstance(value, str) or (not isinstance(value, Mapping) and all(isinstance(v, str) for v in value)):
        return _in_turn(names_of(value), STUFF_COLORS)
    legend = legend_of(value, BLACK, group=group)
    for name, color in legend:
        _refuse_blue(name, color)
    return legend


def _in_turn(names: Sequence[str], colors: Sequence[RGB]) -> Legend:
    return tuple((name, colors[i % len(colors)]) for i, name in enumerate(names))


def _refuse_blue(name: str, color: RGB) -> None:
    if color[2] > STUFF_BLUE:
        raise UsageError(f"stuff {name!r} has color {color}; blue above {STUFF_BLUE} tells things, give less blue")

"""What a question says besides what it asks: unit, range of depth, axes of normals, colormap, form of the file.

>>> said, rest = read("depth from 50 cm to 3 m in feet")
>>> said.near_m, said.far_m, said.unit, rest
(0.5, 3.0, 'ft', 'depth')
>>> read("normals , +y down")[0].frame, read("depth in viridis")[0].code, read("depth 1-5m")[0].range_m
('opencv', 'viridis', (1.0, 5.0))
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from plantain.errors import UsageError
from plantain.tasks.language.external import code_of
from plantain.tasks.language.patterns import Pattern
from plantain.tasks.language.units import UNITS, meters, unit_of

CLASSES = {
    "BESIDES": "[,] [with|for|only|but|and|in|over|at] [a|the] [range|depth range|distance range] [of]",
    "MIN": "(from|min|minimum|near) [depth|distance|plane] [of|is|:|=]",
    "MAX": "(max|maximum|far) [depth|distance|range|plane] [of|is|at|:|=]",
    "NOTHING": "(nothing|not|never|none|no) [is|things|objects]",
    "AXES": "[camera|coordinate] [coordinates|convention|conventions|frame|axes|system|style|format|space|order]",
    "SET_IN": "[,] [in|with|using|for|as|following] [the|a]",
    "FORMAT": "(png|jpg|jpeg|tiff|exr|npy|npz|numpy|numpy array|csv|json)",
    "X_RIGHT": "(+x|x) POINTS_TO right [,] [and]",
    "FORWARD": "(forward|forwards|inward|into the scene|into the image|away from the camera|away from the viewer)",
    "BACKWARD": "(backward|backwards|outward|(towards|toward|to) the (camera|viewer))",
    "POINTS_TO": "[axis] [is|points|pointing]",
}
RANGES = (
    "BESIDES (MIN|between|within|range|ranging from|clipped to|limited to|restricted to) [:] NEAR [NEAR_UNIT] "
    "[,] [to|and|until|up to|-|–] [MAX] FAR [FAR_UNIT] [away]",
    "BESIDES NEAR [NEAR_UNIT] [to|and|until|up to|-|–] FAR FAR_UNIT [away]",
    "BESIDES (MIN|between) NEAR [NEAR_UNIT] (to|and|until|up to) (inf|infinity)",
    "BESIDES NOTHING (farther|further|more|beyond|past|over) [away] [than] FAR [FAR_UNIT] [away]",
    "BESIDES NOTHING (nearer|closer|less|below|under) [than] NEAR [NEAR_UNIT] [away]",
    "BESIDES (up to|until|till|within|below|under|less than|at most|out to|as far as|closer than|nearer than|<|<=|MAX) "
    "FAR [FAR_UNIT] [away]",
    "BESIDES (clipped|clip|capped|limited|cut|cut off) (at|to) FAR [FAR_UNIT]",
    "BESIDES (MIN|at least|beyond|over|above|more than|farther than|further than|past|starting at|starting from|>|>=) "
    "NEAR [NEAR_UNIT] [on|onwards|away]",
)
IN_UNITS = (
    "[,] [measured|expressed|given|value|values|all] (in|as|using|unit|units) [of|:|=] UNIT "
    "[and (in|inch|inches|cm|centimeters|centimetres|mm|millimeters|millimetres)]",
)
IN_NO_UNIT = ("[,] in (metric|real|real world|absolute|si|physical) (unit|units|scale)",)
IN_OTHER_UNITS = (
    "[,] (in|as|using) (km|kilometers|kilometres|yards|yd|miles|mile|dm|decimeters|decimetres|nm|microns|micrometers)",
)
FRAMES: dict[str, tuple[str, ...]] = {  # the axes of normals; those of Plantain itself are OpenGL's
    "opencv": (
        "SET_IN (opencv|open cv|opencv's) AXES",
        "SET_IN [X_RIGHT] (+y|y) POINTS_TO (down|downward|downwards) [[,] [and] (+z|z) POINTS_TO FORWARD]",
        "SET_IN [X_RIGHT] (+z|z) POINTS_TO FORWARD",
    ),
    "opengl": (
        "SET_IN (opengl|open gl|opengl's) AXES",
        "SET_IN [X_RIGHT] (+y|y) POINTS_TO (up|upward|upwards) [[,] [and] (+z|z) POINTS_TO BACKWARD]",
        "SET_IN [X_RIGHT] (+z|z) POINTS_TO BACKWARD",
    ),
}
OTHER_FRAMES = (
    "[,] (in|with|using|for) [the] (directx|direct x|unity|unreal|blender|ros|world|object|tangent|ned|enu) AXES",
    "[,] (directx|direct x|unreal|(world|object|tangent) (space|frame|coordinates))",
)
COLORMAPS = (
    "SET_IN (viridis|plasma|inferno|rainbow|jet|turbo|magma|cividis|gray|grey|grayscale|greyscale) "
    "[color|colour] [colors|colours|colormap|colourmap|palette|map|scale|cmap]",
)
FILES = (
    "[,] [and] (save|saved|export|exported) [it|them] (as|to|in) [a|an] [16 bit] FORMAT [file|files]",
    "[,] (as|in|to|into) [a|an] [16 bit] FORMAT [file|files|format]",
    "[,] as [a|an] (image|picture)",
    "[,] (8 bit|16 bit|32 bit) [FORMAT|float] [file|files|format]",
    "[,] in [the] (xyxy|xywh|cxcywh|coco|yolo|voc|pascal voc|labelme|normalized|normalised) [format|style|coordinates]",
)
REST = (
    "[,|;] [and|with] (everything else|anything else|all else|all the rest|the rest) [is|are|be|as|to|:|=|should be] "
    "[the|a] (background|black|ignored|left out|nothing|none)",
    "[in|as|to|=|:] white [,|;] [and] [with] (everything else|all else|the rest|rest|others|the background|background) "
    "[is|in|as|to|=|:] black",
    "[in] white on [a] black [background]",
    "[,|;] [and] (ignore|leave out|skip) (everything else|anything else|all else|all the rest|the rest)",
)
PURPOSES = (
    "for [a|an|the|my|our] (bokeh|parallax|relighting|compositing|controlnet|comfyui|blender|robotics|navigation|"
    "grasping|self driving|autonomous driving|augmented reality|ar|vr|3d printing|portrait mode|photo editing) "
    "[effect|effects|app|project|purposes|use]",
)
DEPTH = re.compile(
    r"\b(?:depths?|distances?|far|distant|away|normals?|orientations?|closer|nearer|farther|further|disparity|"
    r"point\s?clouds?|z[\s-]?buffer|close|near)\b",
    re.I,
)
NORMAL = re.compile(r"\b(?:normals?|orientations?|closer|nearer|farther|further|face|facing)\b", re.I)


@dataclass(frozen=True)
class Said:
    """`code`: the colormap of depth. `notes`: what was dropped or taken for granted."""

    unit: str | None = None
    near_m: float | None = None
    far_m: float | None = None
    frame: str | None = None
    code: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_range(self) -> bool:
        return self.near_m is not None or self.far_m is not None

    @property
    def range_m(self) -> tuple[float, float]:
        """Nearest and farthest depth. UsageError where that is upside down."""
        near_m, far_m = self.near_m or 0.0, math.inf if self.far_m is None else self.far_m
        if near_m >= far_m:
            raise UsageError(f"depth from {near_m:g} m to {far_m:g} m is no range; say the nearer end first")
        return near_m, far_m

    def only(self, names: Collection[str]) -> Said:
        """What of it one form takes; notes are the whole text's."""
        kept = {"near_m", "far_m", *names} if "range" in names else set(names)
        return Said(
            **{name: getattr(self, name) for name in ("unit", "near_m", "far_m", "frame", "code") if name in kept}
        )

    def in_unit(self, word: str) -> Said:
        return replace(self, unit=unit_of(word))

    def noting(self, note: str) -> Said:
        return replace(self, notes=(*self.notes, note))


Held = Mapping[str, str]
Effect = Callable[[Said, Held, str], Said]


def _unit(said: Said, held: Held, _: str) -> Said:
    return replace(said, unit=unit_of(held["UNIT"]))


def _range(said: Said, held: Held, _: str) -> Said:
    ends: dict[str, Any] = {}
    for end, other in (("NEAR", "FAR"), ("FAR", "NEAR")):
        if end in held:
            word = held.get(f"{end}_UNIT") or held.get(f"{other}_UNIT")
            if word is None and said.unit is None:
                said = said.noting("a range without a unit is read as meters")
            ends[f"{end.lower()}_m"] = meters(held[end], unit_of(word) if word else said.unit or "m")
    return replace(said, **ends)


def _frame(name: str) -> Effect:
    return lambda said, held, part: replace(said, frame=name)


def _colormap(said: Said, held: Held, part: str) -> Said:
    if code := code_of(part.lower()):
        return replace(said, code=code)
    return said.noting(f"the colormap of {part!r} is none of viridis, plasma, inferno and rainbow, and is left out")


def _file(said: Said, held: Held, part: str) -> Said:
    return said.noting(f"{part!r} is not read: options say which files are written")


def _refused(why: str) -> Effect:
    def refuse(said: Said, held: Held, part: str) -> Said:
        raise UsageError(f"{part!r}: {why}")

    return refuse


CAMERA_SPACE = ("SET_IN (camera|view|eye) (space|coordinates|coords|frame)",)
MODIFIERS: tuple[tuple[re.Pattern[str] | None, tuple[str, ...], Effect], ...] = (  # what the text must speak of
    (None, IN_NO_UNIT, lambda said, held, part: said),
    (None, IN_OTHER_UNITS, _refused(f"distances are told in {', '.join(UNITS)}")),
    (None, IN_UNITS, _unit),
    (DEPTH, RANGES, _range),
    (NORMAL, CAMERA_SPACE, lambda said, held, part: said),  # they always are
    (NORMAL, OTHER_FRAMES, _refused(f"normals are told in the axes of {' or '.join(FRAMES)}")),
    *((NORMAL, patterns, _frame(name)) for name, patterns in FRAMES.items()),
    (DEPTH, COLORMAPS, _colormap),
    (None, FILES, _file),
    (None, REST, lambda said, held, part: said),  # it always is
    (None, PURPOSES, lambda said, held, part: said.noting(f"{part!r} changes nothing in the answer")),
)
PATTERNS = tuple((about, Pattern(text, CLASSES), effect) for about, texts, effect in MODIFIERS for text in texts)


def read(text: str) -> tuple[Said, str]:
    """What is said besides, and the text without it. UsageError for units and axes that are not told."""
    said = Said()
    for about, pattern, effect in PATTERNS:
        found = pattern.cut(text)
        if found and (about is None or about.search(text) or not {"NEAR_UNIT", "FAR_UNIT"}.isdisjoint(found[0])):
            held, part, text = found
            said = effect(said, held, part)
    return said, text

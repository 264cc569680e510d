"""Prompts that others wrote for other generators: captions of the answer or orders, with colors in any notation.

The published prompts of Vision Banana are of these shapes: "The menus are shown in (128, 0, 64).", "#80c000",
`{"cat": <255, 0, 0>, "background": <0, 0, 0>}`, "Each ball is represented by a different color."

>>> pairs('A map. {"cat": <255, 0, 0>, "background": <0, 9, 0>}')
[('cat', (255, 0, 0)), ('background', (0, 9, 0))]
>>> pairs("The sitting dog is rendered in RGB(1, 2, 3), the dog that is barking is in #0000ff.")
[('The sitting dog', (1, 2, 3)), ('the dog that is barking', (0, 0, 255))]
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Literal

from plantain.errors import UsageError
from plantain.tasks.base import Task
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.language.english import ARTICLE, bare, is_rest, singular
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, WHITE
from plantain.tasks.metric_depth import MetricDepth
from plantain.tasks.normals import SurfaceNormals
from plantain.tasks.refer import ReferringSegmentation
from plantain.tasks.relative_depth import RelativeDepth
from plantain.tasks.semantic import SemanticSegmentation

TRIPLE = r"(?:rgb\s*)?[(<\[]\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*[)>\]]|#(?:[0-9a-f]{5,6}|[0-9a-f]{3})\b"
SHADE = r"(?:(?:very\s+)?(?:light|dark|pale|bright|deep|medium|hot|neon)[\s-]+)?"
DONE = r"(?:represented|depicted|shown|rendered|painted|set|colou?red|marked|drawn|displayed|filled|indicated)"
HOW = (
    r"(?:\s+(?:by|in|as|to|with|using))?(?:\s+(?:a|an|the))?(?:\s+colou?rs?)?(?:\s+of)?"
    r"(?:\s+(?:solid|pure|flat|plain))*\s*"
)
LINK = rf"(?:\s+(?:is|are|will\s+be|should\s+be|must\s+be|gets?|has)(?:\s+{DONE})?{HOW}|\s+{DONE}{HOW}|\s*[:=]\s*)"
LOOSE = r"(?:\s+(?:in|as|by|with|to|->|→))?\s*"  # "road (128, 64, 128)": enough where the color is in numbers
TAIL = r"(?:\s+colou?rs?\b)?"
EDGE = re.compile(r"(?:.*(?:[.;:!?]\s|\n|[{}]))?", re.DOTALL)
LEAD = re.compile(
    r"^(?:(?:please|and|with|where|while|that|also|then|segment|paint|mask|mark|label|colou?r|draw)\b[\s,]*)+", re.I
)
APART = re.compile(
    r"colou?red\s+(?:differently|separately|individually)|(?:a|with|by|in|its?|their)\s+(?:different|unique|distinct|own)\b"
    r"[\w\s,-]*colou?rs?|colou?rs?\s+of\s+(?:its|their)\s+own|different\s+colou?rs?|instance\s+segmentation",
    re.I,
)
CLASSES = re.compile(r"\bsemantic|\bper-pixel\s+class|\bclass(?:es)?\s+label|\bclass\s+(?:map|mask)", re.I)
DEPTHS = ("metric depth", "depth map", "depth image", "relative depth", "depth estimation")
DARK_NEAR = r"\bnear\w*(?:\s+\w+){0,2}\s+(?:is\s+|are\s+)?(?:dark|black)"
NORMALS = re.compile(r"\bsurface\s+normals?\b|\bnormals?\s+(?:map|image|visuali[sz]ation)\b", re.I)


@cache
def _mention() -> re.Pattern[str]:
    from plantain.codecs.palette import NAMES

    words = SHADE + r"(?:" + "|".join(sorted(map(re.escape, NAMES), key=len, reverse=True)) + r")\b"
    return re.compile(
        rf"(?:(?:{LINK}|(?<=background)\s+)(?P<any>{TRIPLE}|{words})|{LOOSE}(?P<numbers>{TRIPLE})){TAIL}", re.I
    )


def pairs(text: str) -> list[tuple[str, RGB]]:
    """Every name with the color that is said for it, in order, names as written."""
    from plantain.codecs.palette import read_color

    found: list[tuple[str, RGB]] = []
    start = name_start = 0
    for match in _mention().finditer(text):
        between = EDGE.sub("", text[start : match.start()], count=1)
        name = _tidy(between)
        if not name and found and start == match.start():  # "the cat that is black is red": black belongs to the name
            found.pop()
            name = _tidy(EDGE.sub("", text[name_start : match.start()], count=1))
        else:
            name_start = start
        start = match.end()
        if name:
            found.append((name, read_color(match["any"] or match["numbers"])))
    return found


def _tidy(text: str) -> str:
    name = LEAD.sub("", text.strip().strip(",;:").strip())
    if re.fullmatch(r'"(?:[^"\\]|\\.)*"', name):
        try:
            return str(json.loads(name)).strip()
        except ValueError:
            return name[1:-1].strip()
    return name.strip("'“”‘’ \t")


def read(text: str) -> Task | None:
    """The task of a prompt in somebody's words, or None."""
    said = pairs(text)
    rest = [color for name, color in said if is_rest(name)]
    named = [(name, color) for name, color in said if not is_rest(name)]
    background = rest[-1] if rest else None
    if not named and APART.search(text):
        return InstanceSegmentation(_thing(text), BLACK if background is None else background)
    if named:
        return legend_task(named, background, bool(CLASSES.search(text)))
    if any(word in text.lower() for word in DEPTHS):
        return depth(text)
    return SurfaceNormals() if NORMALS.search(text) else None


def legend_task(named: list[tuple[str, RGB]], background: RGB | None, classes: bool) -> Task:
    """Classes where they are spoken of or several bare names listed, else masks; black unless black is taken."""
    taken = [color for _, color in named]
    several = len(named) > 1 and not any(ARTICLE.match(name) for name, _ in named)
    if classes or several:
        free = None if BLACK in taken else BLACK
        legend = tuple((bare(name), color) for name, color in named)
        return SemanticSegmentation(legend, free if background is None else background)
    free = WHITE if BLACK in taken else BLACK
    return ReferringSegmentation(
        tuple(bare(n) for n, _ in named), tuple(taken), free if background is None else background
    )


def depth(text: str) -> Task:
    """Metric or relative depth, with the colormap that the text names."""
    low = text.lower()
    code = code_of(low)
    if "relative" in low:
        near: Literal["bright", "dark"] = "dark" if re.search(DARK_NEAR, low) else "bright"
        return RelativeDepth(near, code=code if code in RelativeDepth.codes else None)
    return MetricDepth(code=code)


def code_of(low: str) -> str | None:
    """The depth code that a text names: a colormap, the rainbow, or its order of colors."""
    if "black-blue-cyan" in low:
        return "cube-rev"
    if "rainbow" in low or "black-red-yellow" in low:
        return "cube"
    return next((name for name in ("plasma", "inferno", "viridis") if name in low), None)


THINGS = (
    r"(?:^|[.;:]\s+)the\s+(?P<a>[^.;:]+?)(?:\s+instances?)?\s+(?:are|is)\s+each\b",
    r"(?:each|every)\s+(?:individual\s+|single\s+)?(?P<a>.+?)(?:\s+instances?)?"
    r"\s+(?:is|are|has|gets?|in|with|should|must|by)\b",
    r"\bmasks?\s+(?:for|of)\s+(?:the\s+|each\s+|every\s+|all\s+)?(?P<a>.+?)(?:\s+(?:from|in)\s+the\b|[.,;]|$)",
    r"^\s*(?:segment|find|paint|label|mark)\s+(?:all\s+)?(?:the\s+)?(?P<a>[^.,;:]+?)(?:\s+(?:in|with|by)\b|[.,;:]|$)",
    r"\binstance\s+segmentation\s+(?:\w+\s+)?(?:of|for)\s+(?:the\s+|all\s+)?(?P<a>.+?)(?:[.,;:]|$)",
)
NO_THING = ("mask", "instance", "object instance", "one", "this image", "the image", "input", "the input")


def _thing(text: str) -> str:
    for pattern in THINGS:
        match = re.search(pattern, text, re.I)
        if match and match["a"].lower() not in NO_THING:
            return singular(match["a"].strip().rstrip("."))
    raise UsageError("this prompt tells instances apart but names no thing; write: each <thing> in a color of its own")

"""What people type: short orders and questions without colors. One rule a function; the first that reads it wins.

How it decides, where words leave it open:
- "segment the mug" asks for one mask (refer); "segment the mug and the plate" for two; "segment wall, floor, bed" (bare
  names) for a class a pixel (semantic); "segment every mug" for instances.
- "find the cups", "count the people" ask for instances: masks, boxes and scores, all that finding can mean; "find the
  dog" (one definite thing) for its mask (refer); "detect ..." and "boxes around ..." for boxes (detect).
- a color in words belongs to the thing ("the man in black") unless it is said to be painted;
- depth is metric unless the word "relative" (or nearer, closer) is there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from plantain.tasks.base import Task
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.edges import EdgeDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.language.english import ARTICLE, bare, is_plural, listed, singular
from plantain.tasks.language.external import code_of
from plantain.tasks.matte import Matting
from plantain.tasks.metric_depth import MetricDepth
from plantain.tasks.normals import SurfaceNormals
from plantain.tasks.panoptic import PanopticSegmentation
from plantain.tasks.refer import ReferringSegmentation
from plantain.tasks.relative_depth import RelativeDepth
from plantain.tasks.semantic import SemanticSegmentation

STUFF = ("wall", "floor", "ceiling", "sky", "building", "road", "grass", "tree", "water", "ground", "mountain")
THINGS = ("person", "animal", "car", "chair", "table", "bed", "plant", "food")

POLITE = re.compile(
    r"^(?:please|kindly|hey|now|(?:can|could|would)\s+you|i\s+(?:want|need|would\s+like)(?:\s+to)?(?:\s+see)?|let'?s|"
    r"(?:show|give|tell|get)\s+me|predict|estimate|compute|calculate|generate|make|create|produce|do|run|what\s+(?:is|are))\b"
    r"[\s,:]*",
    re.I,
)
TRAILER = re.compile(
    r"(?:[\s,]+(?:please|pls|thanks|thank\s+you|now|here)|\s+(?:in|of|from|on)\s+(?:the|this|my)\s+"
    r"(?:photo|photograph|picture|image|scene|input))?[\s.!?]*$",
    re.I,
)
SEGMENT = re.compile(
    r"^(?:segment(?:ation)?|mask(?:s|ing)?|select|highlight|isolate)\b(?:\s+(?:out|of|for|map|mask))*[\s:]*", re.I
)
FIND = re.compile(r"^(?:find|locate|search(?:\s+for)?|look\s+for|spot|where(?:\s+is|\s+are|'s|’s)?)\s+", re.I)
COUNT = re.compile(r"^(?:count|how\s+many|number\s+of)\s+", re.I)
EVERY = re.compile(r"^(?:every|each|all(?:\s+of)?(?:\s+the)?)\s+(?:single\s+|individual\s+)?", re.I)
ONE_BY_ONE = re.compile(r"\s+(?:one\s+by\s+one|individually|separately|apart)$", re.I)
OF = r"(?:\s+(?:of|for|from|around|on|in)\s+|\s*:\s*)"


def trim(text: str) -> str:
    """The order without politeness, "of the photo" and the final mark.

    >>> trim("Could you please show me the normals of this photo, please?")
    'the normals'
    """
    before = ""
    while before != text:
        before = text
        text = POLITE.sub("", TRAILER.sub("", text.strip()))
    return text


def depth(text: str) -> Task | None:
    low = text.lower()
    if re.search(r"\b(?:nearer|closer|relative\s+(?:depth|distance)s?|disparity|depth\s+order(?:ing)?)\b", low):
        code = code_of(low)
        return RelativeDepth(code=code if code in RelativeDepth.codes else None)
    asked = r"\bdepths?\b|\bdistances?\b|\bhow\s+(?:far|distant|close|near|deep)\b|\b(?:far|metres|meters)\s+away\b"
    if not re.search(asked, low):
        return None
    near, far = _range(low)
    return MetricDepth(near, far, code=code_of(low))


def _range(low: str) -> tuple[float, float]:
    number = r"(\d+(?:\.\d+)?)"
    unit = r"\s*(?:m|metres?|meters?)\b"
    if both := re.search(rf"\b(?:from|between)\s+{number}(?:{unit})?\s+(?:to|and)\s+{number}{unit}", low):
        return float(both[1]), float(both[2])
    if upper := re.search(rf"\b(?:up\s+to|within|below|under|at\s+most)\s+{number}{unit}", low):
        return 0.0, float(upper[1])
    return 0.0, math.inf


NORMAL = re.compile(
    r"\bnormals\b|\bnormal\s+(?:map|vectors?|image)\b|\bsurface\s+(?:normal|orientation)|"
    r"\bwhich\s+way\b.*\bfac(?:e|ing)",
    re.I,
)


def normals(text: str) -> Task | None:
    return SurfaceNormals() if NORMAL.search(text) else None


def edges(text: str) -> Task | None:
    return EdgeDetection() if re.search(r"\b(?:edges?|contours?|boundar(?:y|ies)|line\s+art)\b", text, re.I) else None


def keypoints(text: str) -> Task | None:
    asked = re.search(r"\b(?:key\s*-?points?|poses?|skeletons?|joints|landmarks)\b", text, re.I)
    if not asked:
        return None
    of = re.search(r"\b(?:of|for)\s+([^:,]+)", text, re.I)
    thing = singular(bare(of[1].strip())) if of else "person"
    names = [bare(name) for name in listed(text.partition(":")[2])]
    return KeypointDetection(tuple(names), thing) if names else KeypointDetection(thing=thing)


NO_BACKGROUND = r"\bremov\w*\s+(?:the\s+)?background|\bbackground\s+removal|\bwithout\s+(?:a\s+|the\s+)?background"
MATTE = rf"\b(?:alpha\s+)?(?:matte|matting|mattes|alpha)\b(?:{OF}(?P<a>.+))?|\bcut\s*-?out\b(?:\s+of)?(?P<b>.*)"


def matte(text: str) -> Task | None:
    if re.search(NO_BACKGROUND, text, re.I):
        return Matting()
    asked = re.search(MATTE, text, re.I)
    if not asked:
        return None
    thing = bare((asked["a"] or asked["b"] or "").strip())
    return Matting(thing) if thing else Matting()


PANOPTIC = r"\bpanoptic\b|^segment(?:ation\s+of)?\s+(?:everything|all\s+(?:things|objects))$"


def panoptic(text: str) -> Task | None:
    if not re.search(PANOPTIC, text, re.I):
        return None
    said = re.search(r"(?::|\s(?:of|for|with))\s*(.+)$", text)
    if not said or re.fullmatch(r"everything|all\s+\w+", said[1], re.I):
        return PanopticSegmentation(STUFF, THINGS)
    stuff, _, things = said[1].partition(";")
    if things:
        return PanopticSegmentation(tuple(map(bare, listed(stuff))), tuple(singular(bare(n)) for n in listed(things)))
    names = [bare(name) for name in listed(stuff)]
    return PanopticSegmentation(
        tuple(n for n in names if n in STUFF), tuple(singular(n) for n in names if n not in STUFF)
    )


def detect(text: str) -> Task | None:
    asked = re.search(rf"^detect(?:ion)?(?:{OF}|\s+)?(?P<a>.*)$|\b(?:bounding\s+)?box(?:es)?{OF}(?P<b>.+)$", text, re.I)
    if asked:
        return ObjectDetection(_thing(asked["a"] or asked["b"] or ""))
    return (
        ObjectDetection("object") if re.fullmatch(r"(?:object\s+detection|(?:bounding\s+)?boxes)", text, re.I) else None
    )


def instances(text: str) -> Task | None:
    if counted := COUNT.match(text):
        there = r"\s+(?:are|is|do|does|can)\b.*$"
        return InstanceSegmentation(_thing(re.sub(there, "", text[counted.end() :], flags=re.I)))
    asked = re.search(rf"^instances?(?:\s+segmentation)?(?:\s+(?:map|masks?))?(?:{OF}|\s+)?(?P<a>.*)$", text, re.I)
    return InstanceSegmentation(_thing(asked["a"])) if asked else None


def _thing(name: str) -> str:
    return singular(bare(EVERY.sub("", name.strip()))) or "object"


def find(text: str) -> Task | None:
    asked = FIND.match(text)
    if not asked:
        return None
    names = listed(text[asked.end() :])
    if len(names) != 1:
        return ReferringSegmentation(tuple(names)) if names else None
    one = re.match(r"(?:the|my|this|that)\s", names[0], re.I) and not is_plural(names[0])
    return ReferringSegmentation(names[0]) if one else InstanceSegmentation(_thing(names[0]))


SEMANTIC = re.compile(
    r"^(?:semantics?(?:\s+segmentation)?|labels?|classes|classify(?:\s+pixels)?)(?:\s+(?:map|masks?|pixels))?"
    rf"(?:{OF}|\s+as\s+|\s+into\s+|\s+|$)",
    re.I,
)


def semantic(text: str) -> Task | None:
    found = SEMANTIC.match(text)
    if not found:
        return None
    names = [bare(name) for name in listed(text[found.end() :])]
    return SemanticSegmentation.of(names or (*STUFF, *THINGS))


def segment(text: str) -> Task | None:
    asked = SEGMENT.match(text)
    if not asked:
        return None
    rest = text[asked.end() :]
    every = EVERY.match(rest) or ONE_BY_ONE.search(rest)
    if every:
        return InstanceSegmentation(_thing(ONE_BY_ONE.sub("", rest)))
    names = listed(rest)
    if len(names) > 1 and not any(ARTICLE.match(name) for name in names):
        return SemanticSegmentation.of(names)
    return ReferringSegmentation(tuple(names)) if names else ReferringSegmentation("main object")


ALONE: dict[Task, tuple[str, ...]] = {  # the words that are a whole order
    ReferringSegmentation("main object"): (
        "refer",
        "referring segmentation",
        "mask",
        "saliency",
        "foreground",
        "main object",
    ),
    EdgeDetection(): ("edges", "contours", "boundaries", "outlines"),
    KeypointDetection(): ("keypoints", "pose", "poses", "joints", "skeleton"),
    MetricDepth(): ("depth", "distances"),
    SurfaceNormals(): ("normals",),
}
WHOLE = {word: task for task, words in ALONE.items() for word in words}


def whole(text: str) -> Task | None:
    """Orders that are one known word, whatever verb is before it: "find the edges", "detect keypoints"."""
    plain = re.sub(r"[\s_-]+", " ", text.lower())
    return WHOLE.get(re.sub(r"^(?:(?:find|detect|draw|trace|mark|locate|segment|all|the)\s+)+", "", plain))


RULES: tuple[Callable[[str], Task | None], ...] = (
    *(whole, panoptic, instances, detect, semantic, segment),
    *(find, matte, keypoints, depth, normals, edges),
)


def read(text: str) -> Task | None:
    """The task that a typed order asks for, or None."""
    order = re.sub(r"[-_](?=\w)", " ", trim(text)) if " " not in trim(text) else trim(text)
    return next((task for rule in RULES if (task := rule(order)) is not None), None)

"""What a form of the table means: from what its slots hold, and what is said besides, to a question.

How it decides, where words leave it open:
- "segment the mug" asks for one mask (refer); "segment the mug and the plate" for two; "segment wall, floor, bed" (bare
  names) for a class a pixel (semantic); "segment every mug" for instances.
- "find the cups" asks for instances: masks, boxes and scores, all that finding can mean; "find the dog" (one definite
  thing) for its mask (refer).
- a color in words belongs to the thing ("the man in black").
- depth is metric unless the words say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plantain.tasks.base import Task
from plantain.tasks.detect import ObjectDetection
from plantain.tasks.edges import EdgeDetection
from plantain.tasks.instances import InstanceSegmentation
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.language import units
from plantain.tasks.language.english import ARTICLE, EVERY, is_plural, is_rest, names_in, plain, singular, singular_head
from plantain.tasks.language.modifiers import Said
from plantain.tasks.language.plan import Question, Want, joined
from plantain.tasks.language.units import unit_of
from plantain.tasks.matte import Matting
from plantain.tasks.metric_depth import MetricDepth
from plantain.tasks.normals import SurfaceNormals
from plantain.tasks.panoptic import PanopticSegmentation
from plantain.tasks.refer import ReferringSegmentation
from plantain.tasks.relative_depth import RelativeDepth
from plantain.tasks.semantic import SemanticSegmentation
from plantain.vocabularies import FACE_6, HAND_6

Held = Mapping[str, str]
Reading = Callable[[Held, Said], Question | None]
STUFF = ("wall", "floor", "ceiling", "sky", "building", "road", "grass", "tree", "water", "ground", "mountain")
THINGS = ("person", "animal", "car", "chair", "table", "bed", "plant", "food")
MAIN = "main object"
FRONT = re.compile(
    r"(?:the\s+)?(?:foreground(?:\s+objects?)?|(?:(?:main|most\s+salient|salient|primary|central|"
    r"whole)\s+)?(?:subject)|"
    r"(?:main|most\s+salient|salient|primary|central)\s+(?:object|thing|item)s?)",
    re.I,
)
PERSON = re.compile(r"(?:the\s+)?(?:person|people|persons|humans?|human\s+bod(?:y|ies)|bod(?:y|ies))", re.I)
ANYBODY = re.compile(r"\b(?:anyone|anybody|someone|somebody)\b", re.I)
EVERYBODY = re.compile(r"\b(?:everyone|everybody)\b", re.I)
ONE_WORD = re.compile(r"(?!\w+ing\b|\w+ly\b)[^\W\d]+")
NUMBER = re.compile(r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten)\s+(?=\S)", re.I)
COUNTED_UNIT = re.compile(rf"(?:{units.ANY})\b", re.I)
CAMERA = re.compile(r"(?:the\s+)?(?:camera|viewer|lens|observer|photographer)|me|us|here|you", re.I)
PICTURE = re.compile(
    r"(?:(?:the|this|that|my|a|an)\s+)?(?:photo|photograph|picture|image|pic|img|scene|view|frame|shot|screenshot|file|"
    r"text|font)s?",
    re.I,
)
WORN = re.compile(r"(?:the\s+|an?\s+)?(?:face|gas|ski|surgical|oxygen|dust|sleep|diving|hockey|carnival|medical)", re.I)
POINT_SETS = {"face": (FACE_6, "face"), "hand": (HAND_6, "hand")}


# ---- maps of the whole picture


def metric_depth(held: Held, said: Said) -> Question | None:
    return _whole(MetricDepth(*said.range_m, code=said.code), held, said)


def relative_depth(held: Held, said: Said) -> Question | None:
    return _whole(RelativeDepth(code=said.code if said.code in RelativeDepth.codes else None), held, said)


def disparity(held: Held, said: Said) -> Question | None:
    return _whole(RelativeDepth(code=said.code if said.code in RelativeDepth.codes else None), held, said, "disparity")


def normals(held: Held, said: Said) -> Question | None:
    return _whole(SurfaceNormals(), held, said)


def edges(held: Held, said: Said) -> Question | None:
    return _whole(EdgeDetection(), held, said)


def _whole(task: Task, held: Held, said: Said, want: Want = "map") -> Question | None:
    """A map of all that is in the picture, whatever thing was named."""
    unit = unit_of(held["UNIT"]) if "UNIT" in held else said.unit
    notes: tuple[str, ...] = ()
    if "ELSE" in held:
        names = names_in(held["ELSE"])
        if not names:
            return None
        notes = (f"the answer is of the whole picture, not of {joined(names)} alone",)
    return Question((task,), want, unit=unit, frame=said.frame, notes=notes)


def point_cloud(held: Held, said: Said) -> Question | None:
    """Of everything, or of what is named alone."""
    depth = MetricDepth(*said.range_m)
    if "THING" not in held:
        return Question((depth,), "point-cloud", unit=said.unit)
    return _masked(names_in(held["THING"]), "point-cloud", depth, said)


# ---- answers about named things, from their masks and the depth


def distance(held: Held, said: Said) -> Question | None:
    if "UNIT" in held:
        said = said.in_unit(held["UNIT"])
    return _masked(names_in(held["THING"]), "distance", MetricDepth(*said.range_m), said)


def threshold(held: Held, said: Said) -> Question | None:
    """ "Is it more than 5 m away?": the distance answers that."""
    if not said.has_range:
        return None
    question = _masked(names_in(held["THING"]), "distance", MetricDepth(), said)
    return question and question.noting("the distance is told; whether it is more or less than said is left to you")


def between(held: Held, said: Said) -> Question | None:
    """How far two things are from each other."""
    names = (*names_in(held["THING"]), *(names_in(held["OTHER"]) if "OTHER" in held else ()))
    if len(names) != 2 or len({*_plain(names)}) < 2 or any(map(CAMERA.fullmatch, names)):
        return None
    said = said.in_unit(held["UNIT"]) if "UNIT" in held else said
    question = _masked(names, "distance", MetricDepth(*said.range_m), said)
    return question and question.apart()


def compare(held: Held, said: Said) -> Question | None:
    names = (*names_in(held["THING"]), *(names_in(held["OTHER"]) if "OTHER" in held else ()))
    return _masked(names, "compare", MetricDepth(), said) if len({*_plain(names)}) > 1 else None


def size(held: Held, said: Said, side: str | None = None) -> Question | None:
    """Of things, not of the picture itself."""
    names, said = names_in(held["THING"]), said.in_unit(held["UNIT"]) if "UNIT" in held else said
    if any(map(PICTURE.fullmatch, names)):
        return None
    question = _masked(names, "size", MetricDepth(), said)
    return question and question.of_side(side)


def height(held: Held, said: Said) -> Question | None:
    return size(held, said, "height")


def width(held: Held, said: Said) -> Question | None:
    return size(held, said, "width")


def length(held: Held, said: Said) -> Question | None:
    return size(held, said, "length")


def _masked(names: Sequence[str], want: Want, depth: Task, said: Said) -> Question | None:
    if not names:
        return None
    return Question((ReferringSegmentation(tuple(names)), depth), want, _plain(names), unit=said.unit)


def presence(held: Held, said: Said) -> Question | None:
    thing = f"{held.get('THING', 'person')} {held.get('REST', '')}".strip()
    names = names_in(ANYBODY.sub("person", thing), classes=True)
    return Question((ReferringSegmentation(names),), "presence", _plain(names)) if names else None


def where(held: Held, said: Said) -> Question | None:
    """Masks of definite things; instances where there may be several."""
    names = names_in(EVERYBODY.sub("people", held["THING"]))
    if not names or any(map(PICTURE.fullmatch, names)):
        return None
    many = any(map(is_plural, names))
    tasks = _each(InstanceSegmentation, names) if many else (ReferringSegmentation(names),)
    return Question(tasks, "where", _plain(names))


# ---- masks


def main_object(held: Held, said: Said) -> Question | None:
    return Question((ReferringSegmentation(MAIN),), names=(MAIN,))


def segment(held: Held, said: Said) -> Question | None:
    """A mask for each thing, a class a pixel for bare names, instances for "every" thing."""
    text = held["THING"]
    if FRONT.fullmatch(text):
        return main_object(held, said)
    if EVERY.match(text):
        return instances(held, said)
    names, rest = _without_rest(names_in(text))
    if len(names) > 1 and not any(ARTICLE.match(name) for name in names):
        return _classes(_plain((*names, *rest)))
    return _with_rest(Question((ReferringSegmentation(names),), names=_plain(names)), rest) if names else None


def masks(held: Held, said: Said) -> Question | None:
    """A mask for each thing, whether with articles or not; a "face mask" is a thing itself."""
    text = held.get("THING", held.get("BEFORE", ""))
    if "BEFORE" in held and WORN.fullmatch(text):
        return None
    if FRONT.fullmatch(text):
        return main_object(held, said)
    if EVERY.match(text):
        return instances({"THING": text}, said)
    names, rest = _without_rest(names_in(text))
    return _with_rest(Question((ReferringSegmentation(names),), names=_plain(names)), rest) if names else None


def find(held: Held, said: Said) -> Question | None:
    """One definite thing by its mask; anything else as instances."""
    names = names_in(held["THING"])
    if names and all(re.match(r"(?:the|my|this|that)\s", name, re.I) and not is_plural(name) for name in names):
        return Question((ReferringSegmentation(names),), names=_plain(names))
    return instances(held, said)


def semantic(held: Held, said: Said) -> Question | None:
    if "THING" not in held:
        every = (*STUFF, *THINGS)
        note = f"no classes were named; these are asked for: {', '.join(every)}"
        return Question((SemanticSegmentation.of(every),), notes=(note,))
    return _classes(_plain(names_in(held["THING"], classes=True)))


def _classes(names: tuple[str, ...]) -> Question | None:
    names, rest = _without_rest(names)
    if not names or names == ("background",):
        return None
    return _with_rest(Question((SemanticSegmentation.of(names),), names=names), rest)


def _without_rest(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names, and those that mean everything that is not named; "background" is a name of its own."""
    rest = tuple(name for name in names if is_rest(name) and plain(name).lower() != "background")
    return tuple(name for name in names if name not in rest), rest


def _with_rest(question: Question, rest: Sequence[str]) -> Question:
    return question.noting(f"{joined(rest)!r} is no class: it is what is none of the names") if rest else question


def panoptic(held: Held, said: Said) -> Question | None:
    if "THING" not in held:
        return Question((PanopticSegmentation(STUFF, THINGS),))
    stuff, _, things = held["THING"].partition(";")
    named = [_plain(names_in(part, classes=True)) for part in (stuff, things) if part.strip()]
    if not named or not all(named):
        return None
    names = tuple(name for part in named for name in part)
    amorphous = named[0] if things else tuple(name for name in names if name in STUFF)
    counted = tuple(dict.fromkeys(singular(name) for name in names if name not in amorphous))
    return Question((PanopticSegmentation(amorphous, counted),), names=names)


# ---- things one by one


def instances(held: Held, said: Said) -> Question | None:
    return _things(InstanceSegmentation, held)


def count(held: Held, said: Said) -> Question | None:
    """What follows belongs to the name: "how many people are wearing hats", "how many doors does the house have"."""
    if COUNTED_UNIT.match(held.get("THING", "")):
        return None
    of = f" of {held['OTHER']}" if "OTHER" in held else ""
    rest = held.get("REST", "")
    if ONE_WORD.fullmatch(rest):  # "how many of the cups are red"
        held = {"THING": f"{rest} {plain(held['THING'])}"}
    elif "THING" in held:
        held = {"THING": f"{held['THING']}{of} {rest}".strip()}
    return _things(InstanceSegmentation, held, "count")


def detect(held: Held, said: Said) -> Question | None:
    return _things(ObjectDetection, held)


def _things(task: Callable[[str], Task], held: Held, want: Want = "map") -> Question | None:
    if "THING" not in held:
        return Question((task("object"),), want, notes=("nothing was named; objects of any sort are asked for",))
    names = names_in(EVERY.sub("", held["THING"]), classes=True)
    return Question(_each(task, names), want, _plain(names)) if names else None


def _each(task: Callable[[str], Task], names: Sequence[str]) -> tuple[Task, ...]:
    """A task a class."""
    return tuple(dict.fromkeys(task(singular_head(NUMBER.sub("", plain(name)))) for name in names))


# ---- mattes and points


def matte(held: Held, said: Said) -> Question | None:
    return _matte(held, "map")


def cutout(held: Held, said: Said) -> Question | None:
    return _matte(held, "cutout")


def _matte(held: Held, want: Want) -> Question | None:
    text = held.get("THING", MAIN)
    names = (MAIN,) if FRONT.fullmatch(text) or text.lower() in ("it", "this") else _plain(names_in(text))
    if not names:
        return None
    return Question(tuple(Matting(name) for name in names), want, names)


def keypoints(held: Held, said: Said) -> Question | None:
    """Of a person, if nothing else is named."""
    points = _plain(names_in(held["POINTS"], classes=True)) if "POINTS" in held else ()
    things = _plain(names_in(held["THING"])) if "THING" in held and not PERSON.fullmatch(held["THING"]) else ()
    if ("POINTS" in held and not points) or ("THING" in held and not things and not PERSON.fullmatch(held["THING"])):
        return None
    if len(things) > 1:
        return None
    options: dict[str, Any] = {"names": points} if points else {}
    task = KeypointDetection(thing=singular(things[0]) if things else "person", **options)
    return Question((task,), names=things, points=points or None)


def listed_points(held: Held, said: Said) -> Question | None:
    """Several points of a person, by their names."""
    return keypoints(held, said) if len(names_in(held["POINTS"], classes=True)) > 1 else None


def face_points(held: Held, said: Said) -> Question | None:
    return _point_set("face", held)


def hand_points(held: Held, said: Said) -> Question | None:
    return _point_set("hand", held)


def _point_set(name: str, held: Held) -> Question | None:
    points, thing = POINT_SETS[name]
    names = _plain(names_in(held["THING"])) if "THING" in held else ()
    if len(names) > 1 or ("THING" in held and not names):
        return None
    return Question((KeypointDetection(points, " of the ".join((thing, *names))),), names=names, points=name)


def _plain(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(plain, names))

"""What people type -> a plan: tidied, modifiers taken out, cut into questions, and each read by the table of forms.

A word of a form that is misspelt is mended; what no form reads is a name (a mask) or a list of names (classes), where
it can be; anything else is refused, with examples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from plantain.codecs.palette import NAMES
from plantain.errors import UsageError
from plantain.tasks.base import Task
from plantain.tasks.keypoints import KeypointDetection
from plantain.tasks.language import external, modifiers, prompts, readings, refusals, units
from plantain.tasks.language.english import EVERY, plain, shield, word_set
from plantain.tasks.language.forms import CLASSES, LEADING, POLITE, TRAILING, forms
from plantain.tasks.language.modifiers import Said
from plantain.tasks.language.patterns import Pattern
from plantain.tasks.language.plan import Plan, Question
from plantain.tasks.language.typos import mendings, slips
from plantain.tasks.legend import LegendTask
from plantain.vocabularies import COCO_17

LONGEST = 600  # letters of a question
PROBE = ("thing",)  # what pronouns mean while it is tried whether a text can be read at all
KEPT = 4096  # readings of parts of texts, which come again and again while a text is cut
SIDE = "left|right|front|back|rear|upper|lower|top|bottom"
CHAT: tuple[tuple[str, str], ...] = (  # how people shorten words, and marks set apart as words of their own
    (r"[‘’]", "'"),
    (r"\b(what|where|how|who|there|it|that|far|close)'s\b", r"\1 is"),
    (r"\b(what|where|how|who)s\b", r"\1 is"),
    (r"\b(what|where|how|who|there|they)'re\b", r"\1 are"),
    (rf"\(\s*(?:in\s+)?({units.ANY})\s*\)", r" in \1 "),
    (r"^(is|are|do|does|did|can|could)n't\b", r"\1"),
    (r"\bi'd\b", "i would"),
    (r"\bi'?m\b", "i am"),
    (r"\blet's\b", "let us"),
    (r"\bgimme\b", "give me"),
    (r"\br (?=there\b|any\b|the\b)", "are "),
    (r"^((?:how|where|what|who|which)\b.*?) r\b", r"\1 are"),
    (r"\bu\b", "you"),
    (r"\bw/o\b", "without"),
    (r"\bw/", "with "),
    (r"\b(?:teh|hte)\b", "the"),
    (r"\b(?:adn|nad)\b", "and"),
    (r"\bhwo\b", "how"),
    (r"\b(?:head\s?count|(?:crowd|people) count(?:ing)?)\b", "count the people"),
    (r"\bbonding(?=\s+box)", "bounding"),
    (rf"\b({SIDE})\s+(?:and|&)\s+({SIDE})\s+([^\W\d]+)", r"\1 \3 and \2 \3"),
    (r"\bppl\b", "people"),
    (r"\band/or\b", "or"),
    (r"[({\[]", " , "),
    (r"[)}\]]", " "),
    (r"(?<=\d)\s*(?:\.{2,3}|[–—~])\s*(?=\d)", " to "),
    (r"\s[–—]\s", " , "),
    (r"(?:^|\s)\d{1,2}[.)]\s+(?=\D)", " ; "),
    (r"!+(?=\s*\S)", " ; "),
    (r"[\s.…!,;]+$", ""),
    (r"[\s.…!]*\?[\s?!.]*", " ? "),
    (r"(?<![<>])[<>](?!=)|[<>]=|(?<!\d)[,;:=]|[,;:=](?!\d)", r" \g<0> "),
    (r"^[\s,;:]+|\s+", " "),
)
SPLIT = re.compile(
    r"\s*(?:[;?+]|(?<=\w\w)\.(?=\s)|,)\s*(?:(?:and|then|also|plus|but|finally)\s+)*|"
    r"\s+(?:and|&|plus|then|as\s+well\s+as|along\s+with|together\s+with|followed\s+by|also|but|after\s+that)\s+"
    r"(?:(?:then|also|finally|please)\s+)*",
    re.I,
)
BINARY = re.compile(r"\bblack\s+(?:and|&)\s+white\s+(?=masks?\b|segmentation\b)", re.I)
PRONOUN = re.compile(r"\b(?:it|them|they|their|its|him|her|he|she|those|these)\b", re.I)
SOMEBODY = re.compile(r"\b(?:he|she|him|her)\b(?!\s+(?!(?:out|off|away|from|in|is)\b)\w)|(?<=\bis\s)(?:he|she)\b", re.I)
A_PERSON = "who is meant is not named: a person is asked for"
VERBS = word_set(  # a bare name does not begin so
    "export import save make take add check verify contain contains sort rank list arrange calibrate align visualize "
    "analyze delete "
    "erase replace convert generate create write tell say describe explain summarize translate recognize classify "
    "colorize denoise upscale enhance resize rotate edit put move find segment detect count locate compare "
    "blur pixelate anonymize censor predict compute cut crop clip isolate extract remove get give show let see look "
    "want need"
)
TASK_NOUNS = word_set(  # nor does it have one of these, or end so
    "depth depths depthmap depthmaps disparity distance distances normals segmentation detection estimation keypoints "
    "geometry"
)
TASK_HEADS = word_set("pose poses skeletons edges landmarks")
TASK_PHRASE = re.compile(r"\b(?:point\s?clouds?|normal\s+maps?|bounding\s+box(?:es)?|surface\s+normals?)\b", re.I)
NOT_COLORED = TASK_NOUNS | word_set("labels label classes categories boxes box mask masks points")  # "classes: orange"
SHADES = rf"{external.SHADE}(?:{'|'.join(sorted(map(re.escape, NAMES), key=len, reverse=True))})(?:\s+colou?r)?"
ENDS = r"\s*(?:[,;.]|$|\band\b)"
PAINTED = re.compile(  # where colors are told, not spoken of
    rf"{external.TRIPLE}|[:=]\s*{SHADES}{ENDS}|\b{external.DONE}\s+(?:in|as|by|with)\b|\bcolou?r", re.I
)
COLORED = re.compile(rf"\s*(?:\bas|->|→|=>)\s+(?={SHADES}{ENDS})", re.I)  # "cat as red and dog as blue"
FILE = re.compile(r"\.(?:jpe?g|png|webp|bmp|tiff?|gif|heic|mp4|npy|npz|json|csv)$", re.I)
QUOTED = re.compile(r"[\"'“‘`]([^\"”’`]+)[\"'”’`]")
EMPTY = 'the question is empty; ask for example "metric depth", "segment the mug" or "count the people"'
GOES_WITH = {
    "unit": 'a unit goes with metric depth or a distance, as in "depth in feet" or "how far is the cup in cm?"',
    "range": 'a range in meters goes with depth, as in "depth up to 10 m"',
    "frame": 'axes go with normals, as in "normals in the OpenCV convention"',
}


@dataclass(frozen=True)
class Read:
    """A question as it was read: what it takes of what is said besides, and what was mended in it."""

    question: Question
    takes: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    bare: bool = False  # whether it is a name alone


def read_plan(text: str) -> Plan:
    """What somebody asks who types this, question by question. UsageError, with examples, for what is not understood.

    >>> plan = read_plan("segment the dog and tell me how far it is, in feet")
    >>> [(question.want, question.names, question.unit) for question in plan.questions]
    [('map', ('dog',), None), ('distance', ('dog',), 'ft')]
    """
    if not text.strip():
        raise UsageError(EMPTY)
    task = prompts.own(text) or _painted(text)
    if task is not None:
        return Plan(text, (of_task(task),))
    if (inner := QUOTED.fullmatch(text.strip())) and _by_form(tidied(inner[1]), Said()):
        return read_plan(inner[1])
    asked = tidied(text)
    if len(asked) > LONGEST:
        raise refusals.error(text)
    if refusals.said_in_another_language(asked):
        raise refusals.error(text, "is not in English")
    if why := refusals.refusal(_cut(asked.rstrip(" ?"), ORDER_PATTERNS, Pattern.without_start), always=True):
        raise refusals.error(text, why.why, why.instead)
    said, rest = modifiers.read(asked)
    rest = _cut(rest.strip(" ,;"), POLITE_PATTERNS, Pattern.without_start)[-1]
    found = _series(rest, said) or _about_a_person(rest, said)
    if not found:
        raise _refused(text, rest)
    _check_taken(text, said, found)
    if any(read.question.names != (readings.MAIN,) for read in found if read.question.want == "cutout"):
        found = tuple(
            read for read in found if read.question.want != "cutout" or read.question.names != (readings.MAIN,)
        )
    mended = (note for read in found for note in read.mended)
    return Plan(text, tuple(read.question for read in found), (*mended, *said.notes))


def tidied(text: str) -> str:
    """The text in full words, quotes shielded, with marks as words of their own.

    >>> tidied("What's (roughly) the depth?!"), tidied("segment cat,dog.")
    ('What is , roughly the depth ?', 'segment cat , dog')
    """
    text = shield(BINARY.sub("binary ", text.strip()))
    for pattern, instead in CHAT:
        text = re.sub(pattern, instead, text, flags=re.I)
    return text.strip()


def of_task(task: Task) -> Question:
    """The question that a task by itself is."""
    if isinstance(task, KeypointDetection):
        things = () if task.thing == "person" else (task.thing,)
        return Question((task,), names=things, points=None if task.points == COCO_17 else task.points)
    colors = task.colors if isinstance(task, LegendTask) else ()
    return Question((task,), names=tuple(map(plain, task.queries)), colors=colors)


def _painted(text: str) -> Task | None:
    """The task of a text that tells colors."""
    pairs = COLORED.sub(": ", text)
    told_apart = external.APART.search(pairs) and re.search("colou?r", pairs, re.I)
    colored = {name.lower() for name, _ in external.pairs(pairs)}
    tells = PAINTED.search(shield(pairs)) and (told_apart or colored) and colored.isdisjoint(NOT_COLORED)
    return external.read(pairs) if tells else None


def _check_taken(text: str, said: Said, found: Sequence[Read]) -> None:
    """UsageError for what was said besides and goes with none of the questions."""
    is_said = {"unit": said.unit, "range": said.has_range, "frame": said.frame}
    for name, where in GOES_WITH.items():
        if is_said[name] and not any(name in read.takes for read in found):
            raise UsageError(f"{text!r}: {where}")


# ---- from a text to its questions


@lru_cache(KEPT)
def _series(text: str, said: Said, names: tuple[str, ...] | None = None) -> tuple[Read, ...]:
    """The questions of a text in order; () where it cannot be read. A question after the first must be one of the
    forms; `names` are those of the question before it, which its pronouns mean."""
    if not _speaks(text) and names is not None:
        return ()
    whole = _by_form(text.rstrip(" ?"), said) if names is None else None
    if whole and not whole.question.names and not whole.question.notes:  # "depth map, without scale" is one question
        return (whole,)
    for cut in SPLIT.finditer(text):
        left, right = text[: cut.start()], text[cut.end() :]
        if not left.strip(" ,;") or not _series(right, said, PROBE):
            continue
        one = _clause(left, said, names, cut[0].strip() == "?")
        others = _series(right, said, (one.question.names if one else ()) or names or ())
        if others and (one is None or one.question.lacks_a_name):
            one = _about(left, said, others[0].question.names) or one
        if one and others:
            return (whole,) if one.bare and whole else (one, *others)  # "nose, eyes keypoints" is one question
    one = _clause(text.rstrip(" ?"), said, names, text.endswith("?"))
    return (one,) if one else ()


def _about_a_person(text: str, said: Said) -> tuple[Read, ...]:
    """The questions of a text whose "he" or "she" was not named before: a person, which is said."""
    told = SOMEBODY.sub("the person", text)
    found = _series(told, said) if told != text else ()
    return tuple(replace(one, question=one.question.noting(A_PERSON)) for one in found if not one.bare)


def _speaks(text: str) -> bool:
    """Whether a text may hold a question: it has words of a form, or nearly."""
    words = _words(text)
    return any(pattern.fits(words) for _, pattern in forms()) or any(map(slips, words))


def _words(text: str) -> frozenset[str]:
    return frozenset(re.split("[ _-]+", text.lower()))


def _about(text: str, said: Said, names: Sequence[str]) -> Read | None:
    """A question whose things are named beside it, as in "detect and count the cups", "count them and give boxes"."""
    things = " and ".join(f"the {name}" for name in names)
    reads = (_by_form(f"{text} {joint}{things}".strip(), said) for joint in ("", "of ")) if names else ()
    return next((read for read in reads if read and read.question.names == tuple(names)), None)


def _clause(text: str, said: Said, names: tuple[str, ...] | None, asked: bool) -> Read | None:
    """One question: by a form, by a form once its words are mended, or as a bare name where it is the first."""
    if names:
        text = PRONOUN.sub(" and ".join(f"the {name}" for name in names), text)
    mended = [
        replace(read, mended=tuple(f"{typed!r} is read as {meant!r}" for typed, meant in changes))
        for new, changes in mendings(text)
        if (read := _by_form(new, said)) and not _names_any(read.question, [meant for _, meant in changes])
    ]
    whole = next((read for read in mended if not read.question.names), None)
    plain_read = _by_form(text, said)
    if names and (plain_read is None or plain_read.question.lacks_a_name):
        plain_read = _about(text, said, names) or plain_read
    return whole or plain_read or next(iter(mended), None) or (_bare(text, asked) if names is None else None)


@lru_cache(KEPT)
def _by_form(text: str, said: Said) -> Read | None:
    """By the first form that reads the text, without as much before and after it as can be left out."""
    for variant in _variants(text):
        words = _words(variant)
        for form, pattern in forms():
            if pattern.fits(words) and (held := pattern.match(variant)) is not None:
                tidy = {slot: value.strip(" ,") for slot, value in held.items()}
                if question := form.read(tidy, said.only(form.takes)):
                    return Read(question, form.takes)
    return None


def _names_any(question: Question, words: Sequence[str]) -> bool:
    """Whether a word is part of a name, which is never mended."""
    points = question.points if isinstance(question.points, tuple) else ()
    named = {word for name in (*question.names, *points) for word in name.lower().split()}
    return not named.isdisjoint(words)


def _bare(text: str, asked: bool) -> Read | None:
    """A name alone is its mask, a list of names classes, "every" name instances; with a question mark, whether it is
    there."""
    name = _cut(text, TRAILING_PATTERNS, Pattern.without_end)[-1]
    name = _cut(name, POLITE_PATTERNS, Pattern.without_start)[-1]
    words = re.findall(r"[\w'’]+", name.lower())
    if refusals.refusal(_variants(name)) or refusals.is_gibberish(name) or FILE.search(name):
        return None
    if words and (words[0] in VERBS or not TASK_NOUNS.isdisjoint(words) or words[-1] in TASK_HEADS):
        return None
    if TASK_PHRASE.search(name):
        return None
    read = readings.presence if asked else readings.instances if EVERY.match(name) else readings.segment
    question = read({"THING": name}, Said())
    return Read(question, bare=True) if question else None


def _refused(text: str, rest: str) -> UsageError:
    """Why a text is not read: by what it asks for, else by the first part of it that asks for something refused."""
    parts = [part.strip(" ?,") for part in (rest, *SPLIT.split(rest))]
    for part in filter(None, parts):
        if why := refusals.refusal((*_variants(part), *_cut(part, ORDER_PATTERNS, Pattern.without_start))):
            return refusals.error(text, why.why, why.instead)
    return refusals.error(text)


# ---- what may stand before and after


POLITE_PATTERNS, LEADING_PATTERNS, TRAILING_PATTERNS = (
    tuple(Pattern(text, CLASSES) for text in texts) for texts in (POLITE, (*POLITE, *LEADING), TRAILING)
)
ORDER_PATTERNS = (*LEADING_PATTERNS, Pattern("(detect|segment|count)", CLASSES))


def _cut(text: str, patterns: Sequence[Pattern], without: Callable[[Pattern, str], str | None]) -> list[str]:
    """The text, then with one more pattern left out at each step."""
    steps = [text]
    while shorter := next((cut for pattern in patterns if (cut := without(pattern, steps[-1]))), None):
        steps.append(shorter)
    return steps


@lru_cache(KEPT)
def _variants(text: str) -> tuple[str, ...]:
    """The text without what may stand before and after, the shortest first."""
    ends = reversed(_cut(text, TRAILING_PATTERNS, Pattern.without_end))
    starts = (reversed(_cut(end, LEADING_PATTERNS, Pattern.without_start)) for end in ends)
    return tuple(dict.fromkeys(variant for group in starts for variant in group))

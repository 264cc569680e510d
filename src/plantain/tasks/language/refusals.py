"""What is refused, and what is said then: why, and whole examples near to what was typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

from plantain.errors import UsageError
from plantain.tasks.language.english import PRIVATE, reveal, word_set
from plantain.tasks.language.forms import CLASSES, FORMS
from plantain.tasks.language.patterns import Pattern

EXAMPLES = 3  # in an error
ABOUT_A_THING = ("segment {}", "where is {}?", "is there {a}?")
STARTING = ("metric depth", "segment {}", "count the people")
PROPERTY = "asks for the name or a property of a thing, which no painting answers"
EDITS = ('plantain edit photo.jpg "colorize"', 'plantain generate "a wooden chair"')


@dataclass(frozen=True, eq=False)
class Refusal:
    """A row: what is said of such a text, its patterns, and what may be asked instead (the nearest forms if none).

    `always`: even where a form would read it."""

    why: str
    texts: tuple[str, ...]
    instead: tuple[str, ...] = ()
    always: bool = False

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(Pattern(text, CLASSES) for text in self.texts)


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "asks for depth of another sort",
        ("[shallow|the] depth of field [REST]", "(bit|color|colour|water|tread) depth [REST]"),
        ("metric depth", "how far is {}?"),
        always=True,
    ),
    Refusal(
        "asks for motion, which one photo does not show",
        (
            "[dense|sparse] optical flow [REST]",
            "[object|multi object|person] tracking",
            "(scene flow|motion|video|flow|trajectory|trajectories|motion (vectors|estimation|detection|field|map))",
            "(track|follow) DET REST",
            "[REST] in the (video|clip|movie)",
        ),
        ("segment {}", "detect {}", "metric depth"),
        always=True,
    ),
    Refusal(
        "asks for the camera itself, which is told and not seen (--fov, --focal)",
        (
            "[the] (camera|lens) (pose|position|height|angle|orientation|location|intrinsics|extrinsics|parameters|"
            "calibration|matrix|model|settings|tilt|pitch|roll) [REST]",
            "[the] (focal length|field of view|fov|intrinsics|extrinsics|vanishing (point|points)|horizon line) [REST]",
        ),
        ("metric depth", "surface normals", "point cloud"),
        always=True,
    ),
    Refusal(
        "names another model, and none is chosen in a question: --model NAME does (plantain models)",
        (
            "[run|use|apply|try|call|do] [the|a] (yolo|yolov5|yolov8|yolov11|sam|sam2|sam 2|sam3|sam 3|midas|zoedepth|"
            "depth anything|depth anything (v2|v3|2|3)|grounding dino|groundingdino|grounded sam|mask r cnn|mask rcnn|"
            "detectron|detectron2|dino|dinov2|dinov3|clip|deeplab|u2net|rembg|marigold|moge|unidepth|dsine|mediapipe|"
            "nano banana|vision banana|gemini|chatgpt|gpt) "
            "[(on|for|to|with) REST]",
        ),
        ("metric depth", "segment {}", "detect {}"),
        always=True,
    ),
    Refusal(
        "asks for all but a thing; ask for the thing, and take the rest",
        ("(invert|negate) REST", "REST (mask|masks) [,] (inverted|inverse|negated)", "(inverse|inverted) mask [REST]"),
        ("segment {}", "segment wall, floor, bed", "remove the background"),
        always=True,
    ),
    Refusal(
        "asks where somebody looks or goes",
        ("(where|what) BE REST (looking|staring|going|heading|running) [at|to|toward|towards]",),
        ABOUT_A_THING,
        always=True,
    ),
    Refusal(
        "asks for one point of the picture; ask for the map, and read it there",
        (
            "[REST] (depth|distance|normal|normals|value) (at|of|in) [the] (pixel|pixels|point|coordinate|coordinates|"
            "location|position) [REST_TOO]",
        ),
        ("metric depth", "surface normals", "how far is {}?"),
    ),
    Refusal(
        "asks for text, which is not read",
        (
            "(read|ocr|transcribe|translate|spell|extract text|extract the text) [REST]",
            "(what|which) does REST (say|mean|spell) [REST_TOO]",
            "what BE (written|printed|the text|the writing) [REST]",
            "(text|character|word|handwriting|qr|barcode|qr code|license plate|number plate) "
            "(recognition|reading|reader|extraction|ocr)",
        ),
        ("segment the sign", "boxes of words", "where is the sign?"),
        always=True,
    ),
    Refusal(
        "asks for a model in three dimensions; of these there are point clouds and depth",
        (
            "[a|the] [3d|height|elevation] (mesh|meshes|heightmap|height map|elevation map|lidar)",
            "[gaussian] (splat|splats|splatting)",
            "(nerf|photogrammetry|stereo [pair])",
            "[the] (height|elevation) above REST",
            "3d [model|map|scan|reconstruction|scene] [REST]",
            "(reconstruct|unproject|model) [REST]",
            "create [a|the] 3d REST",
        ),
        ("point cloud", "metric depth", "surface normals"),
    ),
    Refusal(
        "asks for a measure that is not told; of the size of things there are height, width and length",
        (
            "how (tall|big|long|wide|high|large|thick|broad|small|heavy|deep) [REST]",
            "(size|height|width|length|area|volume|dimensions|dimension|weight|diameter|thickness|angle|slope|tilt|"
            "steepness|radius|depth|perimeter|curvature) of REST",
            "measure [REST]",
        ),
        ("how tall is {}?", "how far is {}?", "width of {}"),
    ),
    Refusal(
        "asks for one of several of a kind",
        ("(what|which|who) REST NEARER",),
        ("which is closer, the cup or the plate?", "relative depth", "how far is {}?"),
    ),
    Refusal(
        PROPERTY,
        (
            "how many (years|days|hours|minutes|times|calories|dollars|euros) [REST]",
            "where (was|were) [REST] (taken|made|shot|built|bought)",
        ),
        ABOUT_A_THING,
        always=True,
    ),
    Refusal(
        PROPERTY,
        (
            "(what|which) (color|colour|breed|brand|species|material|shape|size|age|gender|sex|race|nationality|model|"
            "year|name|"
            "emotion|mood|language|country|city|season|weather|time|day|price|animal|kind|type|sort|style|make|font) "
            "[REST]",
            "(color|colour|breed|brand|species|material|age|gender|name|emotion|mood|price|temperature|speed|weather|"
            "time|"
            "meaning|identity|expression) of REST",
            "how (old|fast|hot|cold|expensive|much|good|bad|dirty|clean|full|ripe|healthy) [REST]",
            "(who|whose|whom) [REST]",
            "(recognize|recognise|classify|categorize) [REST]",
            "(name|guess|rate|judge) DET [REST]",
            "[image|object|face|scene|emotion|age|gender] (classification|recognition|classifier)",
        ),
        ABOUT_A_THING,
    ),
    Refusal(
        "asks for a description, which no painting answers",
        (
            "(describe|caption|summarize|summarise|explain|narrate|analyze|analyse|interpret|understand) [REST]",
            "[image] (captioning|description|summary)",
            "(what|which) [REST]",
            "tell me [more] about [REST]",
        ),
        ("segment everything", *ABOUT_A_THING),
    ),
    Refusal(
        "asks for a reason, a time or a way, which no painting answers",
        ("(why|when) [REST]", "how (to|do|does|did|can|come|should|is|are|would|could) [REST]"),
        ABOUT_A_THING,
    ),
    Refusal(
        "asks for more than what is there and what is nearer",
        (
            "(is|are|was|were|does|do|did|has|have|had|could|would|should) [REST]",
            "(can|will|may) (you|i|we|he|she|they|DET) [REST]",
        ),
        ("is there {a}?", "is the cup closer than the plate?", "how far is {}?"),
    ),
    Refusal(
        "asks for another picture, which is not a question about this one",
        (
            "(add|replace|colorize|colorise|colourize|denoise|deblur|sharpen|upscale|enhance|restore|inpaint|outpaint|"
            "resize|rotate|"
            "brighten|darken|retouch|stylize|stylise|relight|dehaze|edit|remove|erase|delete|recolor|recolour|"
            "transform|convert|make|"
            "generate|create|imagine|improve|beautify|animate|undistort|get rid of|take out|anonymize|anonymise|"
            "pixelate|censor|redact|paint|color|colour) [REST]",
            "(change|swap|blur|crop|flip|mirror|fix|repair|turn|draw|render|put|move|paint|color|colour|zoom|dress|"
            "fill|hide) "
            "(DET|background|bg|sky|photo|image|picture) [REST]",
            "(super resolution|style transfer|image generation|text to "
            "image|inpainting|upscaling|denoising|colorization|face swap)",
        ),
        EDITS,
    ),
    Refusal(
        "asks for no painting",
        (
            "(hello|hi|hey|yo|greetings|good morning|good evening|thanks|thank "
            "you|thx|bye|goodbye|cheers|sorry|ok|okay|yes|no|cool|"
            "great|nice|wow|lol|haha|test|testing|foo|bar|foo bar|foobar|blah|blah blah|lorem "
            "ipsum|help|stop|exit|quit|continue) "
            "[there|all|world|you|so much|a lot|me]",
            "(write|sing|tell|think) [REST]",
            "(play|say|book|buy|order|call|send|open|close|search|google|calculate|solve|wait|go|come|give|let|bring|"
            "stop) DET [REST]",
            "(i|you|he|she|we|they|it) REST",
            "(nice|great|good|cool|beautiful|lovely|awesome) (photo|picture|image|pic|job|work|day|one)",
        ),
        STARTING,
    ),
)
INCOMPLETE = Refusal(
    "names no thing",
    (
        "(segment|seg|mask|masks|find|detect|count|select|highlight|isolate|locate|silhouette|classify|search|refer|"
        "compare|look for|"
        "identify|extract|keep|[image|object|photo|referring] segmentation [map|mask|masks]) "
        "[out|of|for] [the|a|me|it|them|this|that|in|around|please]",
        "(how many|how far|how close|where|number of|is there|are there|any|distance to|mask of|boxes of|boxes "
        "around|which) "
        "[is|are|away] [the|a|any|there|it|they]",
    ),
    always=True,
)
FOREIGN = word_set(  # words that English has not, and that hardly any sentence of another language does without
    "der das ist und wie weit wo sind viele ein eine einen dem auf im mit nicht bitte zeige zähle finde entfernt "
    ""  # German
    "le la les des un où combien quelle quel dans sur avec une du est sont montre trouve compte "  # French
    "el los las una está dónde donde cuántos cuántas cuantos cuantas qué hay cuenta encuentra muestra segmenta cuál "
    ""  # Spanish
    "il gli dov'è dove quanti quante che della sono conta trova mostra "  # Italian
    "het een hoe ver waar hoeveel zijn "  # Dutch
    "onde quantos quantas uma você conte encontre mostre qual são "  # Portuguese
    "gdzie jest ile var nerede hvor hur många"  # Polish, Turkish, Nordic
)
ENGLISH = word_set("the a an of in on to is are with and my this that how what")
STARTS = re.compile(  # of syllables: what English words begin and end with
    r"(?:bl|br|ch|cl|cr|dr|dw|fl|fr|gh|gl|gn|gr|kh|kl|kn|kr|ll|mc|mn|ph|pl|pn|pr|ps|pt|qu|rh|sc|sh|sk|sl|sm|sn|sp|sq|"
    r"sr|st|"
    r"sv|sw|th|tr|ts|tw|wh|wr|zh|zw|[b-df-hj-np-tv-z]?[aeiouy])"
)
ENDS = re.compile(
    r"(?:[aeiouy][b-df-hj-np-tv-z]?|ck|ct|dd|dg|ds|ff|ft|gg|gh|gn|gs|ht|ks|l[bcdfgklmnpstvz]|m[bmnps]|n[cdgknstxz]|th|"
    r"p[hpst]|"
    r"r[bcdfgklmnprstvxyz]|sh|s[kmpst]|t[cstz]|w[dklnsty]|xt|zz|b[sb]|c[hsk]|f[ft]|hs|vs|ys|xs)$"
)


def said_in_another_language(text: str) -> bool:
    """Whether a text is in other letters, or has words that English has not; what is quoted does not count.

    >>> [said_in_another_language(text) for text in ("wie weit ist das Auto?", "深度图", "café")]
    [True, True, False]
    """
    open_text = "".join(c for c in text if ord(c) < PRIVATE)
    if any(c.isalpha() and ord(c) > 0x24F for c in open_text):
        return True
    words = re.findall(r"[\w'’]+", open_text.lower())
    foreign = [word for word in words if word in FOREIGN and word in open_text]
    return len(foreign) > 1 or (len(foreign) == 1 and ENGLISH.isdisjoint(words))


NO_NOUN = (  # what a noun phrase in an example has not
    r"(?:photo|picture|image|scene|text|colou?r|background|is|are|was|were|in|on|at|of|with|to|from|and|or|the|an?|any|"
    r"say|says|"
    r"look|looks|has|have|contain|do|does|that|which|more|less|left|right|open|closed|off|here|there|\w+ing)\b"
)


def is_gibberish(text: str) -> bool:
    """Whether no word of a text could be English, by how its syllables begin and end.

    >>> [is_gibberish(t) for t in ("asdf qwer", "license plate", "tv", "a cat", "???", "qwerty")]
    [True, False, False, False, True, True]
    """
    quoted = any(ord(c) >= PRIVATE for c in text)
    return not quoted and not any(map(_can_be_said, re.findall(r"[^\W\d_]+", text.lower())))


def _can_be_said(word: str) -> bool:
    if not word.isascii():
        return True
    if len(word) > 2 and len(set(word)) == 1:
        return False
    if not re.search("[aeiouy]", word):
        return len(word) < 4  # tv, suv
    return bool(STARTS.match(word) and ENDS.search(word)) and not re.search(r"q[^u]|[^aeiouy]{6}", word)


def refusal(texts: Iterable[str], *, always: bool = False) -> Refusal | None:
    """The row that says why a text, in any of its variants, is refused."""
    rows = [row for row in (INCOMPLETE, *REFUSALS) if row.always or not always]
    variants = [(text, frozenset(re.split("[ _-]+", text.lower()))) for text in texts]
    for row in rows:
        for pattern in row.patterns:
            if any(pattern.fits(words) and pattern.match(text) is not None for text, words in variants):
                return row
    return None


def error(text: str, why: str = "is not understood", instead: Sequence[str] = ()) -> UsageError:
    """The error for a text that is not read: why, and whole examples."""
    thing = thing_in(text)
    said = [_filled(example, thing) for example in instead[:EXAMPLES]] or nearest(text, thing)
    shown = [one if one.startswith("plantain ") else f'"{one}"' for one in dict.fromkeys(said)]
    return UsageError(f"{_short(text)!r} {why}; ask for example {', '.join(shown[:-1])} or {shown[-1]}")


def nearest(text: str, thing: str) -> list[str]:
    """Examples of forms, those first that have most of the words that were typed."""
    typed = re.findall(r"\w+", text.lower())

    def likeness(example: str) -> float:
        words = re.findall(r"\w+", example.lower())
        shared = sum(max((SequenceMatcher(None, a, b).ratio() for b in words), default=0) > 0.75 for a in typed)
        return shared / (len(words) + 1) + 0.1 * SequenceMatcher(None, text.lower(), example).ratio()

    examples = [max(form.examples, key=likeness) for form in FORMS if form.examples]
    ranked = sorted(examples, key=likeness, reverse=True)
    close = [example for example in ranked if likeness(example) > 0.15][:EXAMPLES]
    return [_filled(example, thing) for example in dict.fromkeys((*close, *STARTING))][:EXAMPLES]


def _filled(example: str, thing: str) -> str:
    """An example about a thing, which begins with "the"."""
    noun = thing.removeprefix("the ")
    return example.format(thing, a=f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}")


def thing_in(text: str) -> str:
    """A thing that a text speaks of, for examples; else a cup.

    >>> thing_in("what breed is the small dog?"), thing_in("how are you")
    ('the small dog', 'the cup')
    """
    found = re.search(rf"\b(?:the|an?|my)\s+((?!{NO_NOUN})[^\W\d]+(?:\s+(?!{NO_NOUN})[^\W\d]+)?)", reveal(text), re.I)
    return f"the {found[1]}" if found else "the cup"


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."

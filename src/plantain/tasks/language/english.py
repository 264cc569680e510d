"""The little English that reading questions needs: articles, plurals, lists, and what can be a name at all."""

from __future__ import annotations

import re

from plantain.tasks.language import units

ARTICLE = re.compile(r"^(?:the|a|an|all|every|each|this|that|these|those|my|your|our)\s+", re.I)
QUANTITY = re.compile(
    r"^(?:one\s+of|(?:all|each|every|any|some|both|either|only|just)(?:\s+of)?|single|individual|different|the|an?|this|"
    r"that|these|those|"
    r"my|your|our|his|her|their|its)\s+(?=\S)",
    re.I,
)
EVERY = re.compile(r"^(?:every|each|all)(?:\s+of)?(?:\s+the)?\s+(?:single\s+|individual\s+)?(?=\S)", re.I)
PLURALS = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "teeth": "tooth",
    "knives": "knife",
    "leaves": "leaf",
    "wolves": "wolf",
    "shelves": "shelf",
    "loaves": "loaf",
    "buses": "bus",
    "tomatoes": "tomato",
    "potatoes": "potato",
    "skis": "skis",
    "gas": "gas",
}
COLORS = "black|white|red|green|blue|yellow|orange|purple|violet|pink|brown|gray|grey|silver|gold|golden|beige"
ADJECTIVES = re.compile(rf"\b({COLORS})(\s+(?:and|or|&)\s+)(?=(?:(?:dark|light|pale|bright)\s+)?(?:{COLORS})\b)", re.I)
HEAD = re.compile(
    r"\s+(?:in|on|at|of|with|without|near|by|under|behind|beside|between|from|to|that|which|who|\w+ing)\s", re.I
)
REST = re.compile(
    r"(?:everything|anything|all)\s+else|(?:the\s+)?(?:rest|others?)|(?:the\s+)?(?:image\s+)?background", re.I
)
SEPARATOR = re.compile(
    r"\s*[,;|+\n]\s*(?:(?:and|or)\s+)?|\s+(?:vs\.?|versus)\s+|\s+\.\s*|(?<=\w\w\w)\.\s+|"
    r"(?<=[^\W\d]{2})\s*/\s*(?=[^\W\d]{2})",
    re.I,
)


def word_set(text: str) -> frozenset[str]:
    """The words of a text, for a table of them."""
    return frozenset(text.split())


# ---- what is quoted, and so is one word


def shield(text: str) -> str:
    """The text with what stands in quotes made one word of private characters, which no rule of grammar fits; so is the
    "and" of two colors.

    >>> reveal(shield('segment "a, b" and the black and white cat'))
    'segment a, b and the black and white cat'
    """
    quoted = (
        r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]|«([^»]+)»|`([^`]+)`|'
        r"(?:(?<=\s)|^)['‘]([^'’]+)['’](?=[\s,.;:?!]|$)"
    )
    text = re.sub(quoted, lambda found: _private(next(part for part in found.groups() if part)), text)
    return ADJECTIVES.sub(lambda found: found[1] + _private(found[2]), text)


def reveal(text: str) -> str:
    """The inverse of `shield`, but for the quotes."""
    return "".join(chr(ord(c) - PRIVATE) if ord(c) >= PRIVATE else c for c in text)


PRIVATE = 0xF0000  # the first of Unicode's private planes, large enough for the basic one


def _private(text: str) -> str:
    return "".join(chr(PRIVATE + ord(c)) if ord(c) < 0xFFFE else c for c in text)


# ---- names


def bare(name: str) -> str:
    """The name without its article."""
    return ARTICLE.sub("", name)


def plain(name: str) -> str:
    """The name without all that says which or how many.

    >>> plain("the red mug"), plain("all of the cups"), plain("every single egg"), plain("all")
    ('red mug', 'cups', 'egg', 'all')
    """
    shorter = QUANTITY.sub("", name)
    return shorter if shorter == name else plain(shorter)


def singular(name: str) -> str:
    """The last word of an English name in the singular.

    >>> singular("wine glasses"), singular("people"), singular("red boxes"), singular("bus"), singular("cities")
    ('wine glass', 'person', 'red box', 'bus', 'city')
    """
    head, _, last = name.rpartition(" ")
    low = last.lower()
    if low in PLURALS:
        last = PLURALS[low]
    elif low.endswith("ies") and len(low) > 4:
        last = last[:-3] + "y"
    elif low.endswith(("sses", "shes", "ches", "xes", "zes")):
        last = last[:-2]
    elif low.endswith("s") and len(low) > 2 and not low.endswith(("ss", "us", "is")):
        last = last[:-1]
    return f"{head} {last}".strip()


def singular_head(name: str) -> str:
    """The name with its head in the singular: what each thing of it is called.

    >>> singular_head("cups on the shelves"), singular_head("people wearing hats"), singular_head("red cars")
    ('cup on the shelves', 'person wearing hats', 'red car')
    """
    cut = HEAD.search(name)
    return singular(name) if cut is None else singular(name[: cut.start()]) + name[cut.start() :]


def is_plural(name: str) -> bool:
    """Whether the head of a name is more than one."""
    return singular_head(name).lower() != name.lower()


def names_in(text: str, *, classes: bool = False) -> tuple[str, ...]:
    """The names in a list, quotes kept together; () where a part of it can be no name.

    After an article "and" parts names only before another article or before a plural, unless these are `classes`, which
    it always parts.

    >>> names_in('the red mug and the plate'), names_in('the black and white cat'), names_in('wall, "a, b" and bed')
    (('the red mug', 'the plate'), ('the black and white cat',), ('wall', 'a, b', 'bed'))
    >>> names_in("the cup and saucer"), names_in("the cup and saucer", classes=True), names_in("the cups and plates")
    (('the cup and saucer',), ('the cup', 'saucer'), ('the cups', 'plates'))
    >>> names_in("road/sky/car"), names_in("cat . dog ."), names_in("a cup, or a mug"), names_in("cup and tell me")
    (('road', 'sky', 'car'), ('cat', 'dog'), ('a cup', 'a mug'), ())
    """
    safe = shield(text)
    parts = [name.strip() for part in SEPARATOR.split(safe.strip(" .,;")) for name in _joined(part, classes)]
    return tuple(dict.fromkeys(map(reveal, parts))) if all(map(is_name, parts)) else ()


GOES_ON = (  # what a name has, and how the other half of its clause begins after an "and"
    (re.compile(r"\b(?:who|that|which)\b", re.I), re.compile(r"(?:\w+s|has|is|are|have|was|were)\b", re.I)),
    (re.compile(r"\b(?:in|with|\w\w\w+ing)\b", re.I), re.compile(r"\w\w\w+ing\b", re.I)),
)


def is_rest(name: str) -> bool:
    """Whether a name means everything that is not named."""
    return all(REST.fullmatch(part.strip()) for part in name.split(",") if part.strip())


def _joined(part: str, classes: bool) -> list[str]:
    """The names of a part without commas."""
    first, *others = re.split(r"\s+(?:and|or|&)\s+", part, flags=re.I)
    whole = classes or not ARTICLE.match(first)
    names = [first]
    for other in others:
        if not is_name(other) and any(has.search(names[-1]) and goes.match(other) for has, goes in GOES_ON):
            names[-1] += f" and {other}"
        elif whole or ARTICLE.match(other) or is_plural(other) or not is_name(other) or is_rest(other):
            names.append(other)
        else:
            names[-1] += f" and {other}"
    return names


# ---- what can be a name

NO_START = word_set(
    "i you he she we they it me him them us who what how why when where which whose is are was were am be do does "
    "did has have had could would should shall and or but if because than then so of in on at to from by with for "
    "into onto as around about over under out off up away without except per not there let tell show give make "
    "please more less fewer isn't aren't don't doesn't"
)
NO_END = word_set(
    "the a an of in on at to from by with for and or is are my your into around about over under this these those "
    "that which who as separate individual"
)
NO_NAME = word_set(
    "it them they this that these those him her one ones something anything everything all here there nothing "
    "none center centre middle metric relative absolute left right top bottom corner inf infinity "
    "far near close away deep closer nearer farther further"
)
VERB = r"\b(?:is|are|was|were|am|do|does|did|has|have|had|contain|contains|include|includes)(?:n['’]t)?\b"
CLAUSE = re.compile(VERB, re.I)
RELATIVE = re.compile(rf"\b(?:that|which|who|whose|where|whom)\b.*?{VERB}", re.I)
ASKING = re.compile(r"\b(?:how|what|why|when)\b|\s(?:any|whether)\s", re.I)
PROPERTY = re.compile(  # of a thing, not a thing
    r"(?:the\s+)?(?:colou?r|breed|brand|species|age|gender|emotion|mood|price|meaning|name|identity|"
    r"expression)s?\b(?:\s+of\b.*)?",
    re.I,
)
SECOND = re.compile(
    r"^(?!all\b|both\b|half\b|only\b|just\b|not\b|except\b|every)\w+\s+(?:the|an?|my|your|this|these|those|all|every|"
    r"each|everything|me|it|them|us|him|you|i|we|he|she|they|out|off)\b",
    re.I,
)


def is_name(text: str) -> bool:
    """Whether a text can name a thing: a noun phrase by its form, as no dictionary is asked.

    >>> [is_name(t) for t in ("the red mug", "thing that is red", "the dog is red", "it", "of the dog", "tell me", "7")]
    [True, True, False, False, False, False, False]
    """
    words = re.findall(r"[\w'’]+", text.lower())
    if re.fullmatch(rf"[\d.]+\s*(?:{units.ANY})", text, re.I):
        return False
    if not words:
        return any(ord(c) >= PRIVATE for c in text)
    rest = re.findall(r"[\w'’]+", plain(text).lower())
    if (
        words[0] in NO_START
        or words[-1] in NO_END
        or not re.search(r"[^\W\d]", text)
        or (ord(text[0]) < PRIVATE and re.search(r"^[^\w'\"]", text))
        or re.search(r"[:=<>?*\\{}]", text)
    ):
        return False
    if not rest or (len(rest) == 1 and rest[0] in NO_NAME):
        return False
    main = RELATIVE.sub("", text)
    return not (CLAUSE.search(main) or ASKING.search(main) or SECOND.match(text) or PROPERTY.fullmatch(text))

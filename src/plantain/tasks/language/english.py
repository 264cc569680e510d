"""The little English that reading orders needs: articles, plurals, lists."""

from __future__ import annotations

import re

ARTICLE = re.compile(r"^(?:the|a|an|all|every|each|this|that|these|those|my|your|our)\s+", re.I)
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


def bare(name: str) -> str:
    """The name without its article."""
    return ARTICLE.sub("", name)


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


def is_plural(name: str) -> bool:
    return singular(name).lower() != name.lower()


def listed(text: str) -> list[str]:
    """The names in a list, quotes kept together; after an article "and" parts names only before another article.

    >>> listed('the red mug and the plate'), listed('the black and white cat'), listed('wall, "a, b" and bed')
    (['the red mug', 'the plate'], ['the black and white cat'], ['wall', 'a, b', 'bed'])
    >>> listed("the wall, floor and bed")
    ['the wall', 'floor', 'bed']
    """
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[1] or match[2])
        return f"\0{len(held) - 1}\0"

    safe = re.sub(r'"([^"]+)"|“([^”]+)”', hold, text)
    parts = [name for part in re.split(r"\s*[,;]\s*(?:and\s+)?", safe, flags=re.I) for name in _joined(part)]
    names = [re.sub(r"\0(\d+)\0", lambda m: held[int(m[1])], part).strip() for part in parts]
    return list(dict.fromkeys(name for name in names if name))


def _joined(part: str) -> list[str]:
    before = r"(?=(?:the|a|an|my|this|that|all|every)\s)" if ARTICLE.match(part) else ""
    return re.split(rf"\s+(?:and|&)\s+{before}", part, flags=re.I)

"""The little language that the table of forms is written in: a pattern is read as a regex and can be said in words.

    how (far|close) [away] BE THING

`(a|b)` is one of several, `[a]` may be left out (`[a|b]` too), a word in capitals is a word class, which stands for a
pattern of its own, or a slot, which holds what the person names. Words are matched in any case, with spaces, hyphens or
underscores between them.

>>> near = Pattern("how (far|close) [away] BE THING", {"BE": "is|are"})
>>> near.match("How close are the two dogs")
{'THING': 'the two dogs'}
>>> near.match("how far away is") is None
True
>>> near.say({"THING": "the cup"}, lambda options: options[0])
'how far away is the cup'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from plantain.tasks.language import units

BETWEEN = "[ _-]+"
NUMBER, UNIT = r"(?<![\d.])(?:\d+(?:\.\d+)?|\.\d+)", rf"(?:{units.ANY})(?!\w)"
SLOTS: dict[str, str] = {  # what each may hold
    **dict.fromkeys(("THING", "OTHER", "ELSE", "POINTS", "REST", "REST_TOO", "BEFORE"), r"[^\s,;:].*?"),
    **dict.fromkeys(("NEAR", "FAR"), NUMBER),
    **dict.fromkeys(("UNIT", "NEAR_UNIT", "FAR_UNIT"), UNIT),
}
Choose = Callable[[Sequence["Node"]], "Node"]


@dataclass(frozen=True)
class Word:
    text: str


@dataclass(frozen=True)
class Slot:
    name: str


@dataclass(frozen=True)
class Sequenced:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    options: tuple[Node, ...]


Node = Word | Slot | Sequenced | Choice


@dataclass(frozen=True, eq=False)
class Pattern:
    """One pattern of a table. `classes`: what its words in capitals stand for, where they are no slots."""

    text: str
    classes: Mapping[str, str]

    @cached_property
    def tree(self) -> Node:
        return parse(self.text, self.classes)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(regex(self.tree), re.I)

    @cached_property
    def slots(self) -> frozenset[str]:
        """The slots that it has."""
        return frozenset(node.name for node in nodes(self.tree) if isinstance(node, Slot))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that it can have, outside of slots."""
        return frozenset(node.text for node in nodes(self.tree) if isinstance(node, Word))

    @cached_property
    def needs(self) -> tuple[frozenset[str], ...]:
        """Of each of these sets a text must have a word: what is quicker to ask than the regex is to compile."""
        parts = self.tree.parts if isinstance(self.tree, Sequenced) else (self.tree,)
        return tuple(needed for part in parts if (needed := _needed(part)))

    def fits(self, words: Set[str]) -> bool:
        """Whether a text of these words, in lower case, may be of this pattern."""
        return not any(needed.isdisjoint(words) for needed in self.needs)

    def match(self, text: str) -> dict[str, str] | None:
        """What the slots hold, where all of `text` is of this pattern."""
        found = self.regex.fullmatch(text + " ")
        return None if found is None else {name: value for name, value in found.groupdict().items() if value}

    def cut(self, text: str) -> tuple[dict[str, str], str, str] | None:
        """Where a part of `text` is of this pattern: what its slots hold, the part, and the text without it."""
        found = re.search(rf"(?<!\S){self.regex.pattern}", text + " ", re.I)
        if found is None or not found[0]:
            return None
        held = {name: value for name, value in found.groupdict().items() if value}
        before, after = text[: found.start()], text[found.end() :]
        after = after.removeprefix(", ") if found[0].startswith(",") else after  # both commas of ", in feet, "
        return held, found[0].strip(" ,"), f"{before}{after}".strip()

    def without_end(self, text: str) -> str | None:
        """The text without an ending of this pattern; None where it ends otherwise."""
        found = re.search(rf"(?<=\s){self.regex.pattern}$", text + " ", re.I)
        return text[: found.start()].strip() if found and found[0] else None

    def without_start(self, text: str) -> str | None:
        """The text without a beginning of this pattern; None where it begins otherwise, or nothing follows."""
        found = self.regex.match(text + " ")
        return text[found.end() :].strip() or None if found and found.end() else None

    def say(self, fill: Mapping[str, str], choose: Choose) -> str:
        """The pattern in words: `fill` is what its slots hold, `choose` picks one of several."""
        return " ".join(_say(self.tree, fill, choose))


def parse(text: str, classes: Mapping[str, str]) -> Node:
    """The tree of a pattern."""
    tokens = re.findall(r"[\[\]()|]|[^\s\[\]()|]+", text)
    tree = _options(tokens, classes)
    if tokens:
        raise ValueError(f"a bracket too many in the pattern {text!r}")
    return tree


def _options(tokens: list[str], classes: Mapping[str, str]) -> Node:
    """Alternatives up to the closing bracket, which is left for the caller."""
    options: list[Node] = []
    parts: list[Node] = []
    while tokens and tokens[0] not in ")]":
        token = tokens.pop(0)
        if token == "|":
            options.append(Sequenced(tuple(parts)))
            parts = []
        elif token in "([":
            inner = _options(tokens, classes)
            tokens.pop(0)
            parts.append(inner if token == "(" else Choice((inner, Sequenced(()))))
        elif token in SLOTS:
            parts.append(Slot(token))
        else:
            parts.append(parse(classes[token], classes) if token in classes else Word(token))
    options.append(Sequenced(tuple(parts)))
    return Choice(tuple(options)) if len(options) > 1 else options[0]


def nodes(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for below in node.parts if isinstance(node, Sequenced) else node.options if isinstance(node, Choice) else ():
        yield from nodes(below)


def _needed(node: Node) -> frozenset[str]:
    """The words of which one must be there; none where the node may hold no word."""
    if isinstance(node, Word):
        return frozenset({node.text})
    if isinstance(node, Sequenced):
        return next((needed for part in node.parts if (needed := _needed(part))), frozenset())
    if isinstance(node, Choice):
        each = [_needed(option) for option in node.options]
        return frozenset().union(*each) if all(each) else frozenset()
    return frozenset()


def regex(node: Node) -> str:
    """Of a text that ends in a space."""
    if isinstance(node, Word):
        return re.escape(node.text) + BETWEEN
    if isinstance(node, Slot):
        apart = "[ _-]*" if SLOTS[node.name] == NUMBER else BETWEEN  # "30cm"
        return f"(?P<{node.name}>{SLOTS[node.name]}){apart}"
    if isinstance(node, Sequenced):
        return "".join(map(regex, node.parts))
    return f"(?:{'|'.join(sorted(map(regex, node.options), key=len, reverse=True))})"  # "cut out" before "cut"


def _say(node: Node, fill: Mapping[str, str], choose: Choose) -> Iterator[str]:
    if isinstance(node, Word):
        yield node.text
    elif isinstance(node, Slot):
        yield fill[node.name]
    elif isinstance(node, Sequenced):
        for part in node.parts:
            yield from _say(part, fill, choose)
    else:
        yield from _say(choose(node.options), fill, choose)

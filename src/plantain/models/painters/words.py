"""Prompt text -> tokens of the seedling: word vectors, and colors as tokens of their own. NumPy only.

A color written in the prompt, `<r, g, b>`, `RGB(r, g, b)`, `(r, g, b)`, `[r, g, b]` or `#rrggbb`, becomes one token
that carries its RGB values and the mean vector of the words just before it ("road is (128, 64, 128)" -> road + purple):
the copy head attends to these. All other words are tokens in their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from plantain._shapes import Float
from plantain.errors import PainterError

TABLE = Path(__file__).parent / "seedling" / "words.npz"
MOST_WORDS = 40
MOST_COLORS = 96
TRIPLE = r"[<(\[]\s*(?P<r>\d{1,3})\s*,\s*(?P<g>\d{1,3})\s*,\s*(?P<b>\d{1,3})\s*[>)\]]"
COLOR = re.compile(rf"#(?P<hex>[0-9a-fA-F]{{6}})\b|(?:RGB\s*)?{TRIPLE}", re.IGNORECASE)
WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
CLAUSE = re.compile(r"[.;:,{}\n]\s*(?=\S)|\band\b", re.IGNORECASE)
UNSAID = (
    "a an the is are was be in as of to and or it its this that with by on at from for paint painted shown every each "
    "everything else other colour color coloured colored rgb pixel pixels rest use using into where there if none any "
    "generate make image input picture photo map visualization rendered represented depicted set all"
)
STOP = frozenset(UNSAID.split())
PLACES = frozenset(
    ["in", "on", "at", "of", "with", "by", "from", "to"]
)  # kept inside referring phrases: word order carries place


@dataclass(frozen=True, eq=False)
class Tokens:
    """`words` (n d), and for each color of the prompt its phrase's vector (k d) and its RGB, 0..1 (k 3). `points`:
    whether the colors are those of points rather than of areas."""

    words: Float[np.ndarray, "n d"]
    phrases: Float[np.ndarray, "k d"]
    colors: Float[np.ndarray, "k 3"]
    names: tuple[str, ...]
    points: bool = False


class Words:
    """The shipped table: about 22,000 words, int8; a word that is not in it is a sum of hashed letter trigrams."""

    def __init__(self, path: Path = TABLE) -> None:
        if not path.exists():
            raise PainterError(f"the embedded generator lacks {path.name}; reinstall plantain-vision or train it again")
        with np.load(path) as table:
            self.index = {word: row for row, word in enumerate(str(table["words"]).split("\n"))}
            self.vectors, self.scale = table["vectors"], float(table["scale"])
            self.pieces, self.piece_scale = table["pieces"], float(table["piece_scale"])

    @property
    def width(self) -> int:
        return int(self.vectors.shape[1])

    def vector(self, word: str) -> Float[np.ndarray, " d"]:
        """The word's vector; plural and possessive forms fall back to the stem before the trigrams are asked."""
        word = word.lower()
        for form in (word, word.removesuffix("'s"), word.removesuffix("s"), word.removesuffix("es")):
            row = self.index.get(form)
            if row is not None:
                return self.vectors[row].astype(np.float32) * self.scale
        rows = trigrams(word, len(self.pieces))
        return self.pieces[rows].astype(np.float32).sum(0) * self.piece_scale

    def phrase(self, words: list[str]) -> Float[np.ndarray, " d"]:
        """Mean vector of a phrase, brought to length 1 (zeros for no words)."""
        if not words:
            return np.zeros(self.width, np.float32)
        mean = np.mean([self.vector(w) for w in words], axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)

    def read(self, prompt: str) -> Tokens:
        """Tokens of a prompt. Deterministic; any text is accepted, at most 40 words and 96 colors are kept."""
        plain: list[tuple[str, list[str]]] = []
        phrases: list[list[str]] = []
        colors: list[tuple[int, int, int]] = []
        end = 0
        for match in COLOR.finditer(prompt):
            before, color = prompt[end : match.start()], _rgb(match)
            phrase = owner(before)
            if color not in colors and len(colors) < MOST_COLORS:  # said again, it is the same token
                phrases.append(phrase)
                colors.append(color)
            plain.append((before, phrase))
            end = match.end()
        few = len(phrases) <= 4  # long legends: their words live in the color tokens alone
        words = [w for text, phrase in plain for w in kept(text) if few or w not in phrase] + kept(prompt[end:])
        words = words[:MOST_WORDS]
        vectors = [self.phrase([w]) for w in words]
        return Tokens(
            words=np.array(vectors, np.float32).reshape(-1, self.width),
            phrases=np.array([self.phrase(p) for p in phrases], np.float32).reshape(-1, self.width),
            colors=np.array(colors, np.float32).reshape(-1, 3) / 255,
            names=tuple(" ".join(p) for p in phrases),
            points="keypoints" in prompt.lower(),
        )


def _rgb(match: re.Match[str]) -> tuple[int, int, int]:
    if match["hex"]:
        value = int(match["hex"], 16)
        return value >> 16, value >> 8 & 255, value & 255
    r, g, b = (min(int(match[c]), 255) for c in "rgb")
    return r, g, b


def kept(text: str) -> list[str]:
    """The words that carry meaning or place, lower case.

    >>> kept("Generate a metric depth map of the input image.")
    ['metric', 'depth', 'of']
    """
    return [w for w in (m.lower() for m in WORD.findall(text)) if (w not in STOP or w in PLACES) and not w.isdigit()]


def owner(before: str) -> list[str]:
    """The phrase that a color belongs to: the last clause before it that has words of its own.

    >>> owner("Legend: road is ")
    ['road']
    >>> owner("Segment the red mug: paint it ")
    ['segment', 'red', 'mug']
    """
    for clause in reversed(CLAUSE.split(before)):
        words = [w for w in kept(clause) if w not in PLACES or len(kept(clause)) > 2]
        if words:
            return words
    return []


def by_name(table: Mapping[str, int], phrase: str) -> int | None:
    """What a table has for a phrase, in the singular or plural; None where it does not know it.

    >>> by_name({"cup": 3, "bus": 5}, "Cups"), by_name({"cup": 3, "bus": 5}, "buses"), by_name({"cup": 3}, "owl")
    (3, 5, None)
    """
    name = " ".join(phrase.lower().split())
    forms = (name, name.removesuffix("s"), name.removesuffix("es"))
    return next((table[form] for form in forms if form in table), None)


def trigrams(word: str, buckets: int) -> list[int]:
    """Hash buckets of a word's letter trigrams, with its borders marked."""
    marked = f"<{word}>"
    return [crc32(marked[i : i + 3].encode()) % buckets for i in range(len(marked) - 2)]


@cache
def shipped() -> Words:
    """The table in the package, read once."""
    return Words()

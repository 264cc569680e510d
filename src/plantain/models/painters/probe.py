"""A linear probe of the vision encoder: how likely known classes are in each patch. NumPy only.

The copy head of the seedling learned which pixels a phrase means from a few thousand labeled photographs, and forgets
what it has seen rarely. The frozen encoder tells most classes apart by itself: a ridge regression in closed form
(`plantain.train.probe`) from its features to the share of each class. What the probe says of the classes of a legend is
added to the copy head's logits; of a phrase that it does not know it says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plantain._shapes import Float
from plantain.errors import PainterError
from plantain.models.painters.words import by_name

LEAST = 1e-3  # of a share
ONE_MASK = 0.5  # of the strength: one thing against all else is what the copy head itself does best
ORDERS = frozenset(["segment", "mask"])  # words of a prompt that are no part of a class name
BACKGROUND = "background"
PAINTED_WELL = ("person",)  # as one mask alone: IoU .884 by the copy head, .869 with the probe's half (docs/log.md)


class LinearProbe:
    """`names`: each name that is known, with its column; a class may have several."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise PainterError(f"the embedded generator lacks {path.name}; install Plantain again, or train it again")
        with np.load(path) as table:
            names, columns = str(table["names"]).split("\n"), table["columns"]
            self.names = dict(zip(names, map(int, columns), strict=True))
            self.weights = table["weights"].astype(np.float32)  # features + 1, classes
            self.frequency = table["frequency"].astype(np.float32)
            self.strength = float(table["strength"])
            self.shift, self.shift_with_background = map(float, table["shifts"])

    def column(self, phrase: str) -> int | None:
        """The column of a class by its name, in the singular or plural; None where it is not known."""
        return by_name(self.names, " ".join(word for word in phrase.split() if word.lower() not in ORDERS))

    def logits(self, features: Float[np.ndarray, "n d"], phrases: Sequence[str]) -> Float[np.ndarray, "n k"]:
        """What is added to the copy head's logits of each phrase in each patch: the log of the class's share there,
        against how frequent it is, to a power; 0 for phrases that are not known.

        Where one of the classes must be chosen, rare ones are lifted; beside a background much less, for then a share
        of a half is what decides."""
        out = np.zeros((len(features), len(phrases)), np.float32)
        columns = {i: column for i, phrase in enumerate(phrases) if (column := self.column(phrase)) is not None}
        alone = BACKGROUND in phrases and len(phrases) == 2
        if not columns or (alone and any(self.names.get(name) in columns.values() for name in PAINTED_WELL)):
            return out
        known, ground = list(columns.values()), BACKGROUND in phrases
        shares, usual = features @ self.weights[:-1, known] + self.weights[-1, known], self.frequency[known]
        if ground and len(columns) == len(phrases) - 1:  # every other phrase is known
            columns[phrases.index(BACKGROUND)] = -1
            once = [known.index(column) for column in dict.fromkeys(known)]
            shares = np.concatenate([shares, 1 - shares[:, once].clip(0, 1).sum(1, keepdims=True)], 1)
            usual = np.append(usual, 1 - usual[once].sum())
        shift = self.shift_with_background if ground else self.shift
        odds = np.log(shares.clip(LEAST, 1)) - shift * np.log(usual.clip(LEAST, 1))
        out[:, list(columns)] = self.strength * (ONE_MASK if alone else 1) * odds
        return out

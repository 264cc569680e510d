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

LEAST = 1e-3  # of a share
ORDERS = frozenset(["segment", "mask"])  # words of a prompt that are no part of a class name
BACKGROUND = "background"


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
            self.strength, self.shift = float(table["strength"]), float(table["shift"])

    def column(self, phrase: str) -> int | None:
        """The column of a class by its name, in the singular or plural; None where it is not known."""
        words = [word for word in phrase.lower().split() if word not in ORDERS]
        name = " ".join(words)
        forms = (name, name.removesuffix("s"), name.removesuffix("es"))
        return next((self.names[form] for form in forms if form in self.names), None)

    def logits(self, features: Float[np.ndarray, "n d"], phrases: Sequence[str]) -> Float[np.ndarray, "n k"]:
        """What is added to the copy head's logits of each phrase in each patch: the log of how much likelier the class
        is there than anywhere, to a power; 0 for phrases that are not known."""
        columns = [self.column(phrase) for phrase in phrases]
        known = [column for column in dict.fromkeys(columns) if column is not None]
        out = np.zeros((len(features), len(phrases)), np.float32)
        if not known:
            return out
        weights = self.weights[:, known]
        shares = features @ weights[:-1] + weights[-1]
        for i, column in enumerate(columns):
            if column is not None:
                out[:, i] = self._odds(shares[:, known.index(column)], float(self.frequency[column]))
        others = [i for i, (column, phrase) in enumerate(zip(columns, phrases, strict=True))
                  if column is None and phrase != BACKGROUND]  # fmt: skip
        if BACKGROUND in phrases and not others:
            rest = 1 - shares.clip(0, 1).sum(1)
            out[:, phrases.index(BACKGROUND)] = self._odds(rest, 1 - float(self.frequency[known].sum()))
        return out

    def _odds(self, share: Float[np.ndarray, " n"], frequency: float) -> Float[np.ndarray, " n"]:
        usual = self.shift * np.log(max(frequency, LEAST))
        return np.asarray(self.strength * (np.log(share.clip(LEAST, 1)) - usual), np.float32)

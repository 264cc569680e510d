"""Whether a photo is like those that the network has learned from. NumPy only.

A network is as sure about noise, a blank page or a drawing as about a photograph. How far the encoder's features lie
from those of photographs tells these apart: the Mahalanobis distance along the directions in which photographs differ,
and what is left beside them, each against what is usual (`plantain.train.familiarity` fits it).

Source: Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples", here with the principal
directions of all photographs instead of classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from plantain._shapes import Float
from plantain.errors import PainterError


def summary(features: Float[np.ndarray, "tokens d"]) -> Float[np.ndarray, " s"]:
    """A photo in one vector: the token that stands for the whole, and the mean and deviation of the patches."""
    whole, patches = features[0], features[1:]
    return np.concatenate([whole, patches.mean(0), patches.std(0)])


def distances(
    summaries: Float[np.ndarray, "n s"], mean: Float[np.ndarray, " s"], spread: Float[np.ndarray, " s"],
    axes: Float[np.ndarray, "s k"], variance: Float[np.ndarray, " k"],
) -> Float[np.ndarray, "n 2"]:  # fmt: skip
    """Squared distances from the mean: along the axes, each by its variance, and beside them."""
    away = (summaries - mean) / spread
    along = away @ axes
    beside = away - along @ axes.T
    return np.stack([(along**2 / variance).mean(1), (beside**2).mean(1)], 1)


class Familiarity:
    """`path`: the file that `plantain.train.familiarity` wrote."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise PainterError(f"the embedded generator lacks {path.name}; install Plantain again, or train it again")
        with np.load(path) as stored:
            self.table = {name: stored[name].astype(np.float32) for name in ("mean", "spread", "axes", "variance")}
            self.usual = stored["usual"]  # along and beside
            self.near, self.far = map(float, stored["reach"])

    def distance(self, features: Float[np.ndarray, "tokens d"]) -> float:
        """From photographs, of which it is 2 on average: 1 along the axes, 1 beside them."""
        (parts,) = distances(summary(features)[None], **self.table)
        return float((parts / self.usual).sum())

    def trust(self, features: Float[np.ndarray, "tokens d"]) -> float:
        """1 for what is like photographs, 0 for what is like none, as noise, blank pages and most drawings are."""
        return float(np.clip((self.far - self.distance(features)) / (self.far - self.near), 0, 1))

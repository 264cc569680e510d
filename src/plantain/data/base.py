"""A photo with its truths: what readers give, and what training and evaluation take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plantain.predictions.types import Prediction


@dataclass(frozen=True, eq=False)
class Example:
    """A photo on disk and what is known of it.

    `truths` maps a name ("depth", "normals", "labels", "instances", "keypoints", "mask", "edges", ...) to a function
    that reads it as a kind, at the stored photo's size; nothing is read before it is asked for.
    `facts` holds what is no kind: captions, focal length, the set's own split names.
    """

    source: str  # the set's name: "nyu"
    id: str
    photo: Path
    split: str
    truths: Mapping[str, Callable[[], Prediction]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def truth(self, name: str) -> Prediction:
        """Reads one truth; KeyError when this photo has none of that name."""
        return self.truths[name]()

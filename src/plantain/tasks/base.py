"""What every task is: a frozen dataclass whose fields are its parameters, and three verbs: prompt, encode, decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.errors import UnknownName
from plantain.kinds import Prediction

STYLES = ("imperative", "caption", "json", "terse")


@dataclass(frozen=True)
class Task:
    """A question. `code` None means: the painter's favourite, else `default_code`."""

    code: str | None = None

    name: ClassVar[str]  # the table's key, as in file names: "metric-depth"
    kind: ClassVar[type[Prediction]]
    codes: ClassVar[Mapping[str, str]]  # short name -> versioned id: {"cube": "cube/1"}
    default_code: ClassVar[str]

    def resolve(self, favourites: Mapping[str, str]) -> Self:
        """The same question with its code settled: its own, else the painter's favourite, else the default."""
        if self.code is not None:
            return self
        favourite = favourites.get(self.name, self.default_code)
        return replace(self, code=favourite if favourite in self.codes else self.default_code)

    @property
    def code_id(self) -> str:
        """The versioned id that is written into every painting."""
        code = self.code or self.default_code
        if code not in self.codes:
            raise UnknownName(f"{self.name} code", code, self.codes)
        return self.codes[code]

    def prompt(self, style: str = "imperative") -> str:
        """The words that ask a generator for this painting; `tasks.language.parse` reads them back."""
        raise TypeError(f"{type(self).__name__} has no prompt")

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints a true answer of this task's kind: the training target, and what the oracle paints.

        Raises TruthError where a number has no colour (NaN, negative depth)."""
        raise TypeError(f"{type(self).__name__} cannot encode")

    def decode(self, rgb: Shaped[np.ndarray, "h w 3"], photo: Shaped[np.ndarray, "h w 3"] | None = None) -> Prediction:
        """Reads a painting, uint8 (0..255) or float (0..1), any size. Never raises on a picture: an odd one gives low
        confidence. `photo` (same size), where given, guides edges."""
        raise TypeError(f"{type(self).__name__} cannot decode")

    def parts(self) -> Sequence[Task]:
        """The questions to ask one by one (more than 64 classes go in groups); `merge` joins their answers."""
        return (self,)

    def passes(self, count: int, seed: int) -> Sequence[Task]:
        """`count` differently coloured versions of the question, for unmixing; without a legend: itself."""
        return (self,) * count

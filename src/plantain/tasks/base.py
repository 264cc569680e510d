"""What every task is: a frozen dataclass whose fields are its parameters, and three verbs: prompt, encode, decode."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.errors import UnknownName, UsageError
from plantain.predictions.types import Prediction
from plantain.tasks import decode_utils
from plantain.tasks.language.templates import NUMBER_SLOT, Wording, choice

STYLES = ("imperative", "caption", "json", "terse")


@dataclass(frozen=True)
class Task:
    """A question. `code` None means: the painter's favorite, else `default_code`."""

    code: str | None = field(default=None, kw_only=True)

    name: ClassVar[str]  # the table's key, as in file names: "metric-depth"
    kind: ClassVar[type[Prediction]]
    codes: ClassVar[Mapping[str, str]]  # short name -> versioned id: {"cube": "cube/1"}
    default_code: ClassVar[str]
    title: ClassVar[str]  # how prompts name it: "metric depth"
    code_descriptions: ClassVar[Mapping[str, str]]  # every code in words, as prompts say it
    templates: ClassVar[Mapping[str, str]]  # a style's wording; the json style is the record itself
    scale: ClassVar[Literal["metric", "affine"]] = "affine"  # of the depth that is asked for
    soft: ClassVar[bool] = False  # whether an alpha between 0 and 1 is an answer rather than half a probability
    with_masks: ClassVar[bool] = False  # whether things are asked for with their masks

    def __post_init__(self) -> None:
        if self.code is not None and self.code not in self.codes:
            raise UnknownName(f"{self.name} code", self.code, self.codes)

    def resolve(self, favorites: Mapping[str, str]) -> Self:
        """The same question with its code settled: its own, else the painter's favorite, else the default."""
        if self.code is not None:
            return self
        favorite = favorites.get(self.name, self.default_code)
        return replace(self, code=favorite if favorite in self.codes and self.supports(favorite) else self.default_code)

    def supports(self, code: str) -> bool:
        """Whether this code can paint the question as it was asked, chosen colors and all."""
        return True

    @property
    def queries(self) -> tuple[str, ...]:
        """The names that are asked for, in the answer's order: classes, things, texts or points; () without any."""
        return ()

    @property
    def code_id(self) -> str:
        """The versioned id that is written into every painting."""
        return self.codes[self.code or self.default_code]

    def prompt(self, style: str = "imperative") -> str:
        """The words that ask a generator for this painting; `tasks.language.parse` reads them back."""
        if style not in STYLES:
            raise UnknownName("prompt style", style, STYLES)
        record = self.record() | ({} if self.code is None else {"colours": self.code_descriptions[self.code]})
        if style == "json":
            return json.dumps({"task": self.title} | record, ensure_ascii=False)
        return _wordings(cast(Hashable, type(self)))[style].write(record)

    def record(self) -> dict[str, Any]:
        """The parameters that the prompt says, by slot; those at their silent default are left out."""
        return {}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The inverse of `record`; `code` is among the record where the prompt says one."""
        return cls(**record)

    @classmethod
    def read(cls, prompt: str) -> Self | None:
        """The task whose `prompt` (any style) this is, or None."""
        for way in _wordings(cast(Hashable, cls)).values():
            record = way.read(prompt)
            if record is not None:
                return cls.from_words(record)
        return None

    @classmethod
    def from_words(cls, record: dict[str, Any]) -> Self:
        """The inverse of a prompt's record, code included; UsageError where the colors are none of this task's."""
        described = record.pop("colours", None)
        codes = {words: code for code, words in cls.code_descriptions.items()}
        if described is not None and described not in codes:
            raise UsageError(f"{cls.title} has no colors {described!r}; known: {'; '.join(codes)}")
        return cls.from_record(record if described is None else record | {"code": codes[described]})

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints a true answer of this task's kind: the training target, and what the oracle paints.

        Raises TruthError where a number has no color (NaN, negative depth)."""
        raise TypeError(f"{type(self).__name__} cannot encode")

    def decode(self, rgb: Shaped[np.ndarray, "..."]) -> Prediction:
        """Reads a painting, uint8 (0..255) or float (0..1), any size. Never raises on a picture: an odd one gives low
        confidence, as do pixels that hold NaN.

        Raises UsageError for an array that is no picture, and for a question that is painted in parts."""
        self.require_one_painting()
        picture, odd = decode_utils.clean(rgb)
        answer = self._decode(picture)
        if odd is None:
            return replace(answer, task=self.name)
        return replace(answer, task=self.name, confidence=np.where(odd, np.float32(0), answer.confidence))

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Prediction:
        """`decode` of a clean picture: uint8, or float32 within 0..1."""
        raise TypeError(f"{type(self).__name__} cannot decode")

    def parts(self) -> Sequence[Task]:
        """The questions to ask one by one (more than 64 classes go in groups); `merge` joins their answers."""
        return (self,)

    def require_one_painting(self) -> None:
        """UsageError for a question of more names than one painting has colors for."""
        if (count := len(self.parts())) > 1:
            raise UsageError(f"{len(self.queries)} names do not fit one painting but {count}; paint its .parts()")

    def passes(self, count: int, seed: int) -> Sequence[Task]:
        """`count` differently colored versions of the question, for unmixing; without a legend: itself."""
        return (self,) * count


@cache
def _wordings(cls: Any) -> dict[str, Wording]:
    special = {
        "colours": choice(*cls.code_descriptions.values()),
        "near": choice("bright", "dark"),
        "near_m": NUMBER_SLOT,
        "far_m": NUMBER_SLOT,
    }
    return {style: Wording(template, special, style == "terse") for style, template in cls.templates.items()}

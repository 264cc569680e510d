"""One mask for each thing that is said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.errors import UsageError
from plantain.predictions.types import Alpha
from plantain.tasks import decode_utils
from plantain.tasks import targets as truths
from plantain.tasks.base import Task
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, WHITE, Legend, checked, draw, names_of, rgb_of, said


@dataclass(frozen=True)
class ReferringSegmentation(Task):
    """The mask (0..1) of what `text` says; several texts get several colours and several masks.

    >>> ReferringSegmentation("the red mug").targets
    (('the red mug', (255, 255, 255)),)
    """

    text: str | tuple[str, ...]
    colour: Any = None  # one colour, or one for each text; None: white for one text, palette colours for several
    background: RGB = BLACK

    name: ClassVar[str] = "refer"
    title: ClassVar[str] = "segment"
    kind: ClassVar[type[Alpha]] = Alpha
    default_code: ClassVar[str] = "mask"
    codes: ClassVar[Mapping[str, str]] = {"mask": "mask/1"}
    phrases: ClassVar[Mapping[str, str]] = {"mask": "flat colours, exactly as said"}
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Segment {legend|: paint it } and everything else, the background, {background}; "
        "if there is none, paint everything {background}.[ Colours: {colours}.]",
        "caption": "A picture to segment this photo: {legend| is }; everything else, the background, is {background}, "
        "all of it if there is none[; colours: {colours}].",
        "terse": "segment; {legend|: |; }; background: {background}[; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        texts = names_of(self.text, "the thing to segment")
        background = rgb_of(self.background)
        colours = self._colours(texts, background)
        checked(tuple(zip(texts, colours, strict=True)), background)
        one = len(texts) == 1
        object.__setattr__(self, "text", texts[0] if one else texts)
        object.__setattr__(self, "colour", colours[0] if one else colours)
        object.__setattr__(self, "background", background)

    def _colours(self, texts: tuple[str, ...], background: RGB) -> tuple[RGB, ...]:
        if len(texts) > 64:
            raise UsageError(f"{len(texts)} things at once are more than the 64 colours there are; ask in groups")
        if self.colour is None:
            one = len(texts) == 1 and background != WHITE
            return (WHITE,) if one else tuple(colour for _, colour in draw(texts, background))
        if len(texts) == 1 and (isinstance(self.colour, str) or not isinstance(self.colour[0], (str, tuple, list))):
            return (rgb_of(self.colour),)
        colours = tuple(rgb_of(c) for c in ([self.colour] if isinstance(self.colour, str) else self.colour))
        if len(colours) != len(texts):
            raise UsageError(f"{len(texts)} things were named but {len(colours)} colours given; give one for each")
        return colours

    @property
    def targets(self) -> Legend:
        """(text, colour) of every referent."""
        if isinstance(self.text, str):
            return ((self.text, self.colour),)
        return tuple(zip(self.text, self.colour, strict=True))

    def record(self) -> dict[str, Any]:
        return {"legend": said(self.targets), "background": self.background}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        legend = record["legend"]
        return cls(tuple(legend), tuple(rgb_of(c) for c in legend.values()), record.get("background", BLACK))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Alpha (matched by name, else by order) or masks n h w or h w; soft values mix with the background."""
        stack = truths.mask_like(truth, tuple(text for text, _ in self.targets))
        rgb = np.broadcast_to(np.array(self.background, np.float32), (*stack.shape[1:], 3))
        for alpha, (_, colour) in zip(stack, self.targets, strict=True):
            rgb = rgb + alpha[..., None] * (np.array(colour, np.float32) - rgb)
        return np.round(rgb).astype(np.uint8)

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"], photo: Shaped[np.ndarray, "h w 3"] | None) -> Alpha:
        seen = decode_utils.levels(rgb)
        which, place, off = decode_utils.closest_line(seen, self.background, [colour for _, colour in self.targets])
        confidence = decode_utils.fit(off) * decode_utils.sure(place)
        alpha = np.stack([np.where(which == i, place, np.float32(0)) for i in range(len(self.targets))])
        return Alpha(
            alpha=alpha,
            names=tuple(text for text, _ in self.targets),
            colors=tuple(colour for _, colour in self.targets),
            confidence=confidence,
            presence={
                text: decode_utils.presence(a * confidence) for (text, _), a in zip(self.targets, alpha, strict=True)
            },
        )

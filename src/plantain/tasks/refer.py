"""One mask for each thing that is said in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.errors import UsageError
from plantain.predictions.types import Alpha
from plantain.tasks import decode_utils
from plantain.tasks import targets as truths
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import (
    BLACK,
    CORNERS,
    WHITE,
    Legend,
    LegendTask,
    draw_any,
    legend_of,
    names_of,
    on_corners,
    rgb_of,
    said,
)


@dataclass(frozen=True)
class ReferringSegmentation(LegendTask):
    """The mask (0..1) of what `text` says; several texts get several colors and several masks.

    >>> ReferringSegmentation("the red mug").entries
    (('the red mug', (255, 255, 255)),)
    """

    text: str | tuple[str, ...]
    color: Any = None  # one color, or one for each text; None: white for one text, palette colors for several
    background: RGB = BLACK

    name: ClassVar[str] = "refer"
    title: ClassVar[str] = "segment"
    kind: ClassVar[type[Alpha]] = Alpha
    default_code: ClassVar[str] = "mask"
    codes: ClassVar[Mapping[str, str]] = {"mask": "mask/1", "corners": "mask-corners/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "mask": "flat colours, exactly as said",
        "corners": "flat colours, all exactly as said",  # "all": see SemanticSegmentation
    }
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
        legend = tuple(zip(texts, self._colors(texts, background), strict=True))
        legend = on_corners(legend, background) if self.code == "corners" else legend
        colors = tuple(color for _, color in legend)
        one = len(texts) == 1
        object.__setattr__(self, "text", texts[0] if one else texts)
        object.__setattr__(self, "color", colors[0] if one else colors)
        object.__setattr__(self, "background", background)
        legend_of(legend, background, group=self.group)

    def _colors(self, texts: tuple[str, ...], background: RGB) -> tuple[RGB, ...]:
        if self.color is None:
            one = len(texts) == 1 and background != WHITE
            return (WHITE,) if one else tuple(color for _, color in draw_any(texts, background))
        if len(texts) == 1 and (isinstance(self.color, str) or not isinstance(self.color[0], (str, tuple, list))):
            return (rgb_of(self.color),)
        colors = tuple(rgb_of(c) for c in ([self.color] if isinstance(self.color, str) else self.color))
        if len(colors) != len(texts):
            raise UsageError(f"{len(texts)} things were named but {len(colors)} colors given; give one for each")
        return colors

    def supports(self, code: str) -> bool:
        """Corners are for colors that nobody chose; the few that are corners anyway are what code "mask" has too."""
        return code != "corners" or (not set(self.colors) <= set(CORNERS) and super().supports(code))

    @property
    def entries(self) -> Legend:
        if isinstance(self.text, str):
            return ((self.text, self.color),)
        return tuple(zip(self.text, self.color, strict=True))

    def with_entries(self, entries: Legend, background: RGB | None) -> Self:
        texts, colors = zip(*entries, strict=True)
        return replace(self, text=texts, color=colors, background=BLACK if background is None else background)

    def record(self) -> dict[str, Any]:
        return {"legend": said(self.entries), "background": self.background}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        legend = record["legend"]
        colors, background = tuple(map(rgb_of, legend.values())), record.get("background", BLACK)
        return cls(tuple(legend), colors, background, code=record.get("code"))

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Alpha (matched by name, else by order) or masks n h w or h w; soft values mix with the background."""
        self.require_one_painting()
        stack = truths.mask_like(truth, self.queries)
        rgb = np.broadcast_to(np.array(self.background, np.float32), (*stack.shape[1:], 3))
        for alpha, color in zip(stack, self.colors, strict=True):
            rgb = rgb + alpha[..., None] * (np.array(color, np.float32) - rgb)
        return np.round(rgb).astype(np.uint8)

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Alpha:
        seen = decode_utils.levels(rgb)
        which, place, distance = decode_utils.closest_line(seen, self.background, self.colors)
        confidence = decode_utils.confidence_at(distance) * decode_utils.binary_confidence(place)
        alpha = np.stack([np.where(which == i, place, np.float32(0)) for i in range(len(self.colors))])
        return Alpha(
            alpha=alpha,
            names=self.queries,
            colors=self.colors,
            confidence=confidence,
            presence={n: decode_utils.presence(a * confidence) for n, a in zip(self.queries, alpha, strict=True)},
        )

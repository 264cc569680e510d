"""Which of the named classes every pixel belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

import numpy as np

from plantain._shapes import Shaped, UInt8
from plantain.codecs.palette import nearest, refine
from plantain.codecs.unmix import legends
from plantain.errors import UsageError
from plantain.predictions.types import Labels
from plantain.tasks import decode_utils, targets
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import (
    BLACK,
    GROUP,
    Legend,
    LegendTask,
    draw_any,
    in_groups,
    legend_of,
    names_of,
    on_corners,
    rgb_of,
    said,
)


@dataclass(frozen=True)
class SemanticSegmentation(LegendTask):
    """A class a pixel by a legend of colors.

    With a `background` what is none of the classes has that color and gets -1; without one every pixel belongs to a
    class. A legend entry called "background" is the background. `SemanticSegmentation.of(names)` picks the colors.

    >>> SemanticSegmentation({"road": (128, 64, 128), "sky": "#4682b4"}).classes
    ('road', 'sky')
    """

    legend: Sequence[Any] | Mapping[str, Any] = ()
    background: RGB | None = None

    name: ClassVar[str] = "semantic"
    title: ClassVar[str] = "semantic segmentation"
    kind: ClassVar[type[Labels]] = Labels
    default_code: ClassVar[str] = "legend"
    codes: ClassVar[Mapping[str, str]] = {"legend": "legend/1", "corners": "corners/1"}
    code_descriptions: ClassVar[Mapping[str, str]] = {
        "legend": "flat colours, exactly as listed",
        "corners": "flat colours, all exactly as listed",  # "all" is no token of the embedded generator: words it knows
    }
    templates: ClassVar[Mapping[str, str]] = {
        "imperative": "Make a semantic segmentation of this photo: {legend| is }"
        "[; everything else, the background, is {background}].[ Colours: {colours}.]",
        "caption": "A semantic segmentation of this photo, where {legend| is }"
        "[; everything else, the background, is {background}][; colours: {colours}].",
        "terse": "semantic segmentation; {legend|: |; }[; background: {background}][; {colours}]",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = dict(self.legend) if isinstance(self.legend, Mapping) else None
        given = self.background
        if pairs is not None and "background" in pairs:
            given = _one_background(pairs.pop("background"), given)
        background = None if given is None else rgb_of(given)
        object.__setattr__(self, "background", background)
        object.__setattr__(self, "legend", legend_of(self.legend if pairs is None else pairs, group=1))
        if "background" in self.classes:
            raise UsageError("'background' is no class; give its color as background=(r, g, b)")
        if self.code == "corners":
            object.__setattr__(self, "legend", on_corners(self.entries, background))
        legend_of(self.entries, background, group=self.group)

    @classmethod
    def of(
        cls, names: Sequence[str], background: RGB | None = BLACK, seed: int | None = None, code: str | None = None
    ) -> Self:
        """Draws well-separated palette colors for `names`: always the same ones, or random ones by `seed`."""
        wanted = names_of([n for n in ([names] if isinstance(names, str) else names) if n != "background"])
        return cls(draw_any(wanted, background, seed), background, code=code)

    @property
    def entries(self) -> Legend:
        return cast(Legend, self.legend)

    def with_entries(self, entries: Legend, background: RGB | None) -> Self:
        return replace(self, legend=entries, background=background)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.queries

    def record(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"legend": said(self.entries)}
        return shown if self.background is None else shown | {"background": self.background}

    def encode(self, truth: Any) -> UInt8[np.ndarray, "h w 3"]:
        """Paints Labels (matched by class name) or an array of ids in the legend's order, -1 for none of them.

        Classes of the truth that are not in the legend, and -1, get the background's color, else black."""
        self.require_one_painting()
        ids = targets.ids_of(truth, self.classes)
        return np.array([*self.colors, self.background or BLACK], np.uint8)[ids]

    def _decode(self, rgb: Shaped[np.ndarray, "h w 3"]) -> Labels:
        asked = self.colors if self.background is None else (*self.colors, self.background)
        ids, distance, margin = nearest(rgb, refine(rgb, np.array(asked, np.uint8)))
        confidence = (
            decode_utils.confidence_at(distance)
            * (np.float32(0.5) + np.float32(0.5) * margin)
            * (np.float32(0.4) + np.float32(0.6) * decode_utils.agreement(ids))
        )
        ids = np.where(ids < len(self.entries), ids, np.int16(-1))
        return Labels(
            ids=ids,
            classes=self.classes,
            colors=self.colors,
            confidence=confidence,
            presence=decode_utils.presences(ids, confidence, self.classes),
        )

    def passes(self, count: int, seed: int) -> Sequence[SemanticSegmentation]:
        """The question under `count` legends that unmix well; one pass is the question itself."""
        if count <= 1:
            return (self,)
        ground = self.background or BLACK
        drawn = [legends(len(g), count, background=ground, seed=seed).tolist() for g in in_groups(self.entries, GROUP)]
        colors = [[rgb_of(c) for group in drawn for c in group[i]] for i in range(count)]
        recolored = [tuple(zip(self.classes, own, strict=True)) for own in colors]
        code = "legend" if self.code == "corners" else self.code  # unmixing tells mixtures apart in any colors
        return tuple(SemanticSegmentation(legend, self.background, code=code) for legend in recolored)


def _one_background(entry: Any, given: Any) -> RGB:
    color = rgb_of(entry)
    if given is not None and rgb_of(given) != color:
        raise UsageError(f"the background has two colors, {color} and {rgb_of(given)}; give one")
    return color

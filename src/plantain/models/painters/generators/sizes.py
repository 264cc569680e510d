"""Which canvases a class of pipelines paints without cropping or stretching: the fixed points of its own size rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from plantain.errors import UsageError

MEGAPIXEL = 1024 * 1024
ASPECTS = (1, 5 / 4, 4 / 3, 3 / 2, 16 / 9, 2, 3, 4)  # of training pictures, either way round
Rule = Callable[[int, int], tuple[int, int]]  # what a class makes of a picture of this (width, height)


def nearest_32(width: int, height: int) -> tuple[int, int]:
    """A megapixel at the picture's aspect, sides rounded to 32. Source: diffusers 0.42.1, `calculate_dimensions` of
    pipelines/qwenimage/pipeline_qwenimage_edit_plus.py."""
    ratio = width / height
    across = math.sqrt(MEGAPIXEL * ratio)
    return round(across / 32) * 32, round(across / ratio / 32) * 32


def up_to_16(width: int, height: int) -> tuple[int, int]:
    """A megapixel at the picture's aspect, sides rounded up to 16. Source: diffusers 0.42.1, `calculate_dimensions` of
    pipelines/longcat_image/pipeline_longcat_image_edit.py."""
    ratio = width / height
    across = math.sqrt(MEGAPIXEL * ratio)
    sides = (across, across / ratio)
    wide, high = (side if side % 16 == 0 else (side // 16 + 1) * 16 for side in sides)
    return int(wide), int(high)


@dataclass(frozen=True)
class Size:
    """A row's size rule. Sides are multiples of `multiple` and at least `side`, neither is more than `aspect` times the
    other, and the area lies between `least` and `most` pixels; photos smaller or larger are resized by us. A class with
    a `rule` paints no other areas than its own, about a megapixel."""

    multiple: int = 16
    most: int = MEGAPIXEL
    least: int = MEGAPIXEL // 4
    side: int = 64
    aspect: float = 8.0
    rule: Rule | None = None

    def fits(self, width: int, height: int) -> bool:
        """Whether the class gives back a picture of this size as it got it."""
        if self.rule is not None:
            return self.rule(width, height) == (width, height)
        whole = width % self.multiple == height % self.multiple == 0
        slim = max(width, height) <= self.aspect * min(width, height)
        return whole and slim and min(width, height) >= self.side and width * height <= self.most

    def canvas(self, width: int, height: int, most: int | None = None) -> tuple[int, int]:
        """The canvas that suits a photo: nearest in aspect, and in area as far as that is free. `most`: pixels, where
        fewer are wanted than the class can paint. UsageError where the rule has no such canvas."""
        aspect = min(max(width / height, 1 / self.aspect), self.aspect)
        if self.rule is not None:
            if most is not None and most < MEGAPIXEL:
                raise UsageError(f"this generator always paints about a megapixel, not {most / 1e6:.3g} megapixels")
            return min(fixed_points(self.rule, self.multiple), key=lambda s: abs(math.log(s[0] / s[1] / aspect)))
        most = min(most or self.most, self.most)
        if most < self.side * self.side:
            raise UsageError(
                f"{most} pixels are too few: this generator paints {self.side} x {self.side} at the smallest; give "
                f"megapixels of at least {self.side**2 / 1e6:.3g}"
            )
        area = min(max(width * height, min(self.least, most)), most)
        return self._rounded(math.sqrt(area * aspect), math.sqrt(area / aspect), most)

    def buckets(self, side: int) -> tuple[tuple[int, int], ...]:
        """Canvases for training, about as large as a square of `side` pixels: one for each of ASPECTS, either way
        round, so that pictures of one canvas make a batch. UsageError where the class paints none of that area."""
        sides = [(side * math.sqrt(a), side / math.sqrt(a)) for a in ASPECTS if a <= self.aspect]
        both = [each for wide, high in sides for each in ((wide, high), (high, wide))]
        return tuple(sorted({self.canvas(round(wide), round(high), side * side) for wide, high in both}))

    def _rounded(self, across: float, down: float, most: int) -> tuple[int, int]:
        unit, least = self.multiple, math.ceil(self.side / self.multiple)
        wide, high = (max(least, round(v / unit)) for v in (across, down))
        while wide * high * unit * unit > most or max(wide, high) > self.aspect * min(wide, high):
            if wide > least and (wide / high > across / down or high <= least):
                wide -= 1
            elif high > least:
                high -= 1
            else:
                break
        return wide * unit, high * unit


@lru_cache
def fixed_points(rule: Rule, multiple: int) -> tuple[tuple[int, int], ...]:
    """All sizes, between 1:8 and 8:1, that a rule leaves as they are."""
    found = set[tuple[int, int]]()
    for width in range(multiple, int(math.sqrt(MEGAPIXEL * 8)) + multiple, multiple):
        about = round(MEGAPIXEL / width / multiple)
        heights = ((about + step) * multiple for step in (-2, -1, 0, 1, 2) if about + step > 0)
        found |= {(width, height) for height in heights if rule(width, height) == (width, height)}
    return tuple(sorted(found))

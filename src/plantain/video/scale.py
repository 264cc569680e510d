"""The scale of depth from frame to frame, and how to take its jitter out.

A generator paints every frame by itself, so that the whole of a scene comes nearer and goes farther by a few percent
at random. Along the flow this is one number a frame: the median ratio of what is seen in both (metric depth, in
logarithms), or a scale and a shift (relative depth). Added up it is a path, made smooth by local regression with robust
weights (Cleveland, "Robust Locally Weighted Regression and Smoothing Scatterplots", JASA 1979): straight lines stay as
they are, so a camera that walks forward still comes nearer; only what leaves the smooth path is corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from plantain._shapes import Float, Shaped
from plantain.predictions.types import Depth
from plantain.video.motion import Motion

LEAST = 100  # pixels that both frames must know


@dataclass(frozen=True)
class Step:
    """What the numbers of a frame became: `scale` (logarithm of a factor) and then `shift`. Of metric depth all is
    shift, of its logarithm. A `first` frame has none before it, or follows a cut."""

    scale: float = 0.0
    shift: float = 0.0
    first: bool = False


@dataclass(frozen=True)
class Line:
    """Numbers times `factor`, plus `shift`."""

    factor: float = 1.0
    shift: float = 0.0

    def of(self, values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
        return np.asarray(values * np.float32(self.factor) + np.float32(self.shift), np.float32)


@dataclass(frozen=True)
class Correction:
    """What a frame's numbers need (`now`), and what those of the frame before, so corrected, have become meanwhile, as
    the smooth path says (`before`)."""

    now: Line = Line()
    before: Line = Line()

    def apply(self, answer: Depth) -> Depth:
        """The depth at the clip's steady scale."""
        if answer.scale == "metric":
            return replace(answer, values=(answer.values * np.float32(np.exp(self.now.shift))).astype(np.float32))
        return replace(answer, values=self.now.of(answer.values))


def numbers(answer: Depth) -> Float[np.ndarray, "h w"]:
    """In what depth is compared: logarithms of metres, relative depth as it is; NaN where there is none."""
    values = np.where(answer.valid, answer.values, np.float32(np.nan))
    return np.log(np.maximum(values, 1e-6)) if answer.scale == "metric" else values


def step(now: Depth, before: Depth, motion: Motion | None) -> Step:
    """How the scale of a frame differs from that of the one before, where both see the same."""
    if motion is None or now.size != before.size:
        return Step(first=True)
    mine, theirs = numbers(now), motion.carry(numbers(before))
    both = motion.seen & np.isfinite(mine) & np.isfinite(theirs)
    if both.sum() < LEAST:
        return Step(first=True)
    mine, theirs = mine[both], theirs[both]
    if now.scale == "metric":
        return Step(shift=float(np.median(mine - theirs)))
    here, there = float(np.median(mine)), float(np.median(theirs))
    ratio = max(float(np.abs(mine - here).mean()), 1e-6) / max(float(np.abs(theirs - there).mean()), 1e-6)
    return Step(float(np.log(ratio)), here - ratio * there)


def corrections(steps: Sequence[Step], width: float) -> list[Correction]:
    """What each frame's numbers need; `width` (frames): over how many, before and after, the path is made smooth."""
    starts = [i for i, one in enumerate(steps) if one.first or i == 0]
    made: list[Correction] = []
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        made += _of_shot(steps[start:end], width)
    return made


def _of_shot(steps: Sequence[Step], width: float) -> list[Correction]:
    """Of the frames between two cuts. The path: first frame's numbers x are x * exp(scale) + offset in frame t."""
    scale, offset = path(steps)
    flat, level = smooth(scale, width), smooth(offset, width)
    factor = np.exp(flat - scale)
    growth = np.exp(np.diff(flat, prepend=flat[0]))
    rise = level - growth * np.concatenate([level[:1], level[:-1]])
    rows = zip(factor, level - factor * offset, growth, rise, strict=True)
    return [Correction(Line(float(f), float(o)), Line(float(g), float(r))) for f, o, g, r in rows]


def path(steps: Sequence[Step]) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Steps added up: the logarithm of the scale, and the offset, against the first frame."""
    scale, offset = np.zeros(len(steps)), np.zeros(len(steps))
    for i, one in enumerate(steps[1:], 1):
        scale[i] = scale[i - 1] + one.scale
        offset[i] = offset[i - 1] * np.exp(one.scale) + one.shift
    return scale, offset


def smooth(path: Shaped[np.ndarray, "n"], width: float, rounds: int = 2) -> Float[np.ndarray, "n"]:
    """Robust local regression by straight lines, weights of a Gaussian of this standard deviation. Lines are kept.

    >>> smooth(np.arange(5.0), 2.0).round(6).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    values, trust = np.asarray(path, np.float64), np.ones(len(path))
    fitted = values
    for _ in range(rounds + 1):
        fitted = np.array([_line_at(values, trust, at, width) for at in range(len(values))])
        away = np.abs(values - fitted)
        spread = 6 * max(float(np.median(away)), 1e-9)
        trust = np.square(1 - np.square(np.minimum(away / spread, 1)))
    return fitted


def _line_at(values: Float[np.ndarray, "n"], trust: Float[np.ndarray, "n"], at: int, width: float) -> float:
    low, high = max(0, at - round(4 * width)), min(len(values), at + round(4 * width) + 1)
    x, y = np.arange(low, high) - float(at), values[low:high]
    weight = trust[low:high] * np.exp(-np.square(x / width) / 2)
    total = weight.sum()
    if total < 1e-9:
        return float(values[at])
    middle, level = (weight * x).sum() / total, (weight * y).sum() / total
    across = (weight * np.square(x - middle)).sum()
    slope = (weight * (x - middle) * (y - level)).sum() / across if across > 1e-9 else 0.0
    return float(level - slope * middle)

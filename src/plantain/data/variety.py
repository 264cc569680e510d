"""One question in many dresses: other legends, color codes, ranges and wordings, with the answer painted to match.

A generator that always saw one code learns a picture; one that sees many learns to read the prompt. Legends in corners
of the color cube are as common as those of other colors, and every code that can hold the truth is equally likely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from plantain.codecs.curve import CURVES
from plantain.data.mixture import Asked, Rng
from plantain.predictions.types import Depth
from plantain.tasks import (
    MetricDepth,
    PanopticSegmentation,
    ReferringSegmentation,
    RelativeDepth,
    SemanticSegmentation,
)
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, CORNERS
from plantain.tasks.panoptic import STUFF_COLORS

OWN_ERROR = frozenset({"log-gray-doubt"})  # its blue is the painter's own error, which no truth has
READABLE_M = {"inv-gray": (0.1, 3.0)}  # half a level is 6 % of the distance at 3 m, and more beyond
ON_CORNERS = 0.5  # share of legends in corners of the color cube
UNSAID = 0.2  # share of questions in a task's default code that leave the code out
LIMITED = 0.1  # share of questions about metric depth that say a farthest distance


def varied(asked: Asked, rng: Rng) -> Asked:
    """The same question in a random legend and a random code, with its truth."""
    change = CHANGES.get(type(asked.task))
    changed = asked if change is None else change(asked, rng)
    codes = codes_for(changed)
    return replace(changed, task=replace(changed.task, code=codes[rng.integers(len(codes))]))


def worded(asked: Asked, styles: Sequence[str], rng: Rng) -> tuple[str, str]:
    """The prompt, and the style it is in. The default code may be left unsaid."""
    style = styles[int(rng.integers(len(styles)))]
    task = asked.task
    unsaid = task.code == task.default_code and rng.random() < UNSAID
    return (replace(task, code=None) if unsaid else task).prompt(style), style


def codes_for(asked: Asked) -> list[str]:
    """The codes that can paint this question and hold its truth; at least the default one."""
    task, truth = asked.task, asked.truth
    codes = [code for code in task.codes if code not in OWN_ERROR and task.supports(code)]
    if isinstance(task, MetricDepth) and isinstance(truth, Depth) and truth.valid.any():
        low, high = np.percentile(truth.values[truth.valid], (2, 98))
        codes = [code for code in codes if _range(code)[0] <= low and high <= _range(code)[1]]
    return codes or [task.default_code]


def _range(code: str) -> tuple[float, float]:
    return READABLE_M.get(code, (CURVES[code].near, CURVES[code].far))


def _semantic(asked: Asked, rng: Rng) -> Asked:
    task: Any = asked.task
    ground = None if task.background is None else _ground(rng)
    colors = _corners(len(task.classes), ground, rng)
    if colors is None or rng.random() >= ON_CORNERS:
        return asked
    legend = dict(zip(task.classes, colors, strict=True))
    return replace(asked, task=SemanticSegmentation(legend, ground, code="corners"))


def _refer(asked: Asked, rng: Rng) -> Asked:
    task: Any = asked.task
    ground = _ground(rng)
    colors = _corners(len(task.queries), ground, rng)
    if colors is None or rng.random() >= ON_CORNERS:
        return asked
    return replace(asked, task=ReferringSegmentation(task.text, colors, ground))


def _ground(rng: Rng) -> RGB:
    """A background: black mostly."""
    return BLACK if rng.random() < 0.6 else CORNERS[rng.integers(len(CORNERS))]


def _corners(count: int, ground: RGB | None, rng: Rng) -> tuple[RGB, ...] | None:
    """So many corners of the color cube in random order, none of them the background; None where there are too few."""
    free = [corner for corner in CORNERS if corner != ground]
    return None if count > len(free) else tuple(free[i] for i in rng.permutation(len(free))[:count])


def _relative_depth(asked: Asked, rng: Rng) -> Asked:
    return replace(asked, task=RelativeDepth(near="bright" if rng.random() < 0.5 else "dark"))


def _metric_depth(asked: Asked, rng: Rng) -> Asked:
    """Sometimes with a farthest distance, beyond which the answer is "none"."""
    truth: Depth = asked.truth
    if rng.random() >= LIMITED or not truth.valid.any():
        return replace(asked, task=MetricDepth())
    far = float(np.ceil(10 * np.quantile(truth.values[truth.valid], rng.uniform(0.5, 0.95))) / 10)
    near = replace(truth, valid=truth.valid & (truth.values <= far))
    return replace(asked, task=MetricDepth(far_m=far), truth=near)


def _panoptic(asked: Asked, rng: Rng) -> Asked:
    task: Any = asked.task
    colors = rng.permutation(len(STUFF_COLORS))[: len(task.stuff_names)]
    stuff = {name: STUFF_COLORS[i] for name, i in zip(task.stuff_names, colors, strict=True)}
    return replace(asked, task=PanopticSegmentation(stuff, task.things))


CHANGES: Mapping[type[Any], Callable[[Asked, Rng], Asked]] = {
    SemanticSegmentation: _semantic,
    ReferringSegmentation: _refer,
    RelativeDepth: _relative_depth,
    MetricDepth: _metric_depth,
    PanopticSegmentation: _panoptic,
}

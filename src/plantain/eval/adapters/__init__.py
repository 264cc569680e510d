"""Questions that benchmarks ask: surfaces (depth, normals), regions (classes, masks, edges), things (boxes, points) and
words (is it there, which one is meant)."""

from __future__ import annotations

from plantain.eval.adapters.base import Belief, Question, Rng
from plantain.eval.adapters.regions import Boundaries, Classes, Mask, Matte, Phrase
from plantain.eval.adapters.surfaces import MetricDepth, Normals, RelativeDepth
from plantain.eval.adapters.things import Concepts, Joints, Segmented, Things
from plantain.eval.adapters.words import Presence, Referred

__all__ = [
    "Belief",
    "Boundaries",
    "Classes",
    "Concepts",
    "Joints",
    "Mask",
    "Matte",
    "MetricDepth",
    "Normals",
    "Phrase",
    "Presence",
    "Question",
    "Referred",
    "RelativeDepth",
    "Rng",
    "Segmented",
    "Things",
]

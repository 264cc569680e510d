"""Adapters between data sets, tasks and metrics: surfaces (depth, normals), regions (classes, masks, edges), things
(boxes, points) and words (is it there, which one is meant)."""

from __future__ import annotations

from plantain.eval.adapters.base import EvalAdapter, Rng
from plantain.eval.adapters.regions import EdgesAdapter, MaskAdapter, MatteAdapter, PhraseAdapter, SemanticAdapter
from plantain.eval.adapters.surfaces import MetricDepthAdapter, NormalsAdapter, RelativeDepthAdapter
from plantain.eval.adapters.things import ConceptsAdapter, DetectionAdapter, KeypointsAdapter, PanopticAdapter
from plantain.eval.adapters.words import GroundingAdapter, PresenceAdapter

__all__ = [
    "ConceptsAdapter",
    "DetectionAdapter",
    "EdgesAdapter",
    "EvalAdapter",
    "GroundingAdapter",
    "KeypointsAdapter",
    "MaskAdapter",
    "MatteAdapter",
    "MetricDepthAdapter",
    "NormalsAdapter",
    "PanopticAdapter",
    "PhraseAdapter",
    "PresenceAdapter",
    "RelativeDepthAdapter",
    "Rng",
    "SemanticAdapter",
]

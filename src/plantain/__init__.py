"""Plantain: photo + words -> painting -> numbers. The public surface, loaded lazily.

>>> import plantain
>>> sorted(plantain.TASKS)[:3]
['detect', 'edges', 'instances']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plantain import tasks
    from plantain.answers.ask import ask
    from plantain.answers.types import Answer
    from plantain.errors import PlantainError
    from plantain.models import MODELS, Capabilities, Identity, ModelSpec, Painter
    from plantain.models.painting import Painting, Request
    from plantain.output.verify import Verdict, verify
    from plantain.pipeline.codec import decode
    from plantain.pipeline.jobs import Job, Outcome, PredictOptions
    from plantain.pipeline.predictor import Predictor, edit, generate, load, predict
    from plantain.pipeline.stream import stream
    from plantain.predictions import types as kinds
    from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction
    from plantain.tasks import TASKS

__version__ = "0.1.0"

_HOME = {  # name -> module that has it
    **dict.fromkeys(("predict", "load", "generate", "edit", "Predictor"), "pipeline.predictor"),
    **dict.fromkeys(
        ("Alpha", "Depth", "Instances", "Keypoints", "Labels", "Normals", "Panoptic", "Prediction"), "predictions.types"
    ),
    **dict.fromkeys(("Painting", "Request"), "models.painting"),
    **dict.fromkeys(("Job", "Outcome", "PredictOptions"), "pipeline.jobs"),
    **dict.fromkeys(("Capabilities", "Identity", "ModelSpec", "Painter"), "models"),
    "Answer": "answers.types",
    "ask": "answers.ask",
    "decode": "pipeline.codec",
    "stream": "pipeline.stream",
    **dict.fromkeys(("verify", "Verdict"), "output.verify"),
    "PlantainError": "errors",
    "TASKS": "tasks",
    "MODELS": "models",
}
_MODULES = {"kinds": "predictions.types", "tasks": "tasks"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"plantain.{_MODULES[name]}")
    if name not in _HOME:
        raise AttributeError(f"module 'plantain' has no attribute {name!r}")
    return getattr(import_module(f"plantain.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted((*_HOME, *_MODULES, "__version__"))


__all__ = [
    "MODELS",
    "TASKS",
    "Alpha",
    "Answer",
    "Capabilities",
    "Depth",
    "Identity",
    "Instances",
    "Job",
    "Keypoints",
    "Labels",
    "ModelSpec",
    "Normals",
    "Outcome",
    "Painter",
    "Painting",
    "Panoptic",
    "PlantainError",
    "PredictOptions",
    "Prediction",
    "Predictor",
    "Request",
    "Verdict",
    "ask",
    "decode",
    "edit",
    "generate",
    "kinds",
    "load",
    "predict",
    "stream",
    "tasks",
    "verify",
]

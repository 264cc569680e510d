"""Models, one file each, and the table of them: painters, and specialist models used as baselines."""

from __future__ import annotations

from plantain.models.base import Capabilities, Model, Painter
from plantain.models.identity import Identity
from plantain.models.registry import MODELS, ModelSpec, load, rows
from plantain.models.specialists.base import Specialist

__all__ = ["MODELS", "Capabilities", "Identity", "Model", "ModelSpec", "Painter", "Specialist", "load", "rows"]

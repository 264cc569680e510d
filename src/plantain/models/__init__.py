"""Answerers, one file each, and the table of them: painters, and specialists beside which they are measured."""

from __future__ import annotations

from plantain.models.base import Painter, Specialist
from plantain.models.registry import MODELS, Row, load, rows

__all__ = ["MODELS", "Painter", "Row", "Specialist", "load", "rows"]

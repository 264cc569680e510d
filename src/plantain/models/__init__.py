"""Answerers, one file each, and the table of them. `load(name)` makes the painter of a row; nothing is imported before.

Other packages add painters by an entry point of the group `plantain.models` that names a Row or a factory:

    [project.entry-points."plantain.models"]
    my-painter = "my_package:MyPainter"
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from plantain.errors import MissingExtra, PainterError, UnknownName, UsageError
from plantain.models.base import Painter

GROUP = "plantain.models"


@dataclass(frozen=True)
class Row:
    """One model: `factory` is "module:callable", called with the options of `load`; `extra` is a pip extra it needs."""

    name: str
    factory: str
    summary: str
    kind: str = "painter"
    extra: str | None = None
    licence: str = "Apache-2.0"


MODELS: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            "embedded",
            "plantain.models.embedded:Embedded",
            "The seedling: a small generator in the wheel; a CPU is enough, nothing to download.",
            licence="Apache-2.0 code; weights: research and non-commercial use (LICENSE-WEIGHTS.md)",
        ),
        Row(
            "oracle",
            "plantain.models.oracle:Oracle",
            "Paints a given truth (truth=...), as worn as you like: noise, blur, drift, JPEG, shift. For tests.",
        ),
        Row(
            "function",
            "plantain.models.function:Function",
            "Wraps a callable (paint=...) that takes photo, prompt and seed and gives a picture.",
        ),
        Row(
            "cached",
            "plantain.models.cached:Cached",
            "Another painter (painter=..., folder=...) whose paintings are kept on disk and never painted twice.",
        ),
    )
}


def rows() -> dict[str, Row]:
    """The table with the painters of other packages, which may not take a name of ours."""
    theirs = {p.name: Row(p.name, p.value, f"from the package {p.value.split('.')[0].split(':')[0]}", licence="its own")
              for p in entry_points(group=GROUP)}  # fmt: skip
    return theirs | MODELS


def load(name: str, **options: Any) -> Painter:
    """The painter of a row, made with `options`. UnknownName, MissingExtra, UsageError for options it does not take."""
    table = rows()
    if name not in table:
        raise UnknownName("model", name, table)
    row = table[name]
    module, attribute = row.factory.split(":")
    try:
        factory = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if row.extra is None:
            raise PainterError(f"the model {name!r} cannot be loaded: {error}") from error
        raise MissingExtra(error.name or module, row.extra) from error
    try:
        painter: Painter = factory(**options)
    except TypeError as error:
        raise UsageError(f"the model {name!r} cannot be made like this ({error}); see `plantain models`") from error
    return painter


__all__ = ["MODELS", "Painter", "Row", "load", "rows"]

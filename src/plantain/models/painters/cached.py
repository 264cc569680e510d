"""A painter that never paints the same thing twice: paintings are kept in a folder under the hash of what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plantain.errors import PainterError, PhotoError, PlantainError, UsageError
from plantain.models.base import Painter
from plantain.models.painting import Painting, Request


class Cached:
    """Asks `painter` only for what is not in `folder` yet. Failures are not kept. Files are PNGs with provenance."""

    def __init__(self, painter: Any = None, folder: str | Path | None = None) -> None:
        """`painter`: a painter, or a Predictor that wraps one."""
        if painter is None or folder is None:
            raise UsageError("a cache needs a painter and a folder: plantain.load('cached', painter=..., folder=...)")
        self.painter: Painter = getattr(painter, "painter", painter)
        self.folder = Path(folder)

    @property
    def name(self) -> str:
        return self.painter.name

    @property
    def codes(self) -> Mapping[str, str]:
        return self.painter.codes

    @property
    def calibration(self) -> Mapping[str, Any]:
        return getattr(self.painter, "calibration", {})

    def size(self, width: int, height: int) -> tuple[int, int]:
        return self.painter.size(width, height)

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """Known paintings from disk, the others by the painter, all in order."""
        paths = [self.path(request) for request in requests]
        kept = [_load(path) for path in paths]
        fresh = iter(self.painter.paint([r for r, there in zip(requests, kept, strict=True) if there is None]))
        return [self._keep(next(fresh), path) if there is None else there
                for path, there in zip(paths, kept, strict=True)]  # fmt: skip

    def _keep(self, made: Painting | PlantainError, path: Path) -> Painting | PlantainError:
        if isinstance(made, Painting):
            made.save(path)
        return made

    def path(self, request: Request) -> Path:
        """Where the painting of this request lies: two letters of the hash are the folder."""
        digest = hashlib.sha256()
        asked = (self.name, request.prompt, request.size, request.seed, request.steps, request.perceive)
        digest.update(repr(asked).encode())
        for array in (request.photo, request.mask):
            digest.update(b"none" if array is None else repr(array.shape).encode() + array.tobytes())
        name = digest.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.png"


def _load(path: Path) -> Painting | None:
    """A kept painting; None for none, or for a damaged file, which is painted again."""
    if not path.exists():
        return None
    try:
        return replace(Painting.load(path), seconds=0.0)
    except (PhotoError, PainterError):
        return None

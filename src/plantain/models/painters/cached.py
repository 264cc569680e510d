"""A painter that never paints the same thing twice: paintings are kept in a folder under the hash of what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from plantain.errors import PainterError, PhotoError, PlantainError, UsageError
from plantain.models.base import PainterWrapper, accepted, lazy
from plantain.models.identity import Identity, digest
from plantain.models.painting import Painting, Request, Usage


class Cached(PainterWrapper):
    """Asks `painter` only for what is not in `folder` yet. Failures are not kept. Files are PNGs with provenance.

    A painting is kept under the painter's identity: other weights paint anew."""

    def __init__(self, painter: Any = None, folder: str | Path | None = None, *, replay: bool = False) -> None:
        """`painter`: a painter, or a predictor that wraps one. `replay`: what is not kept is an error."""
        if painter is None or folder is None:
            raise UsageError("a cache needs a painter and a folder: plantain.load('cached', painter=..., folder=...)")
        super().__init__(getattr(painter, "painter", painter))
        self.calibration = getattr(painter, "calibration", {})
        self.folder, self.replay = Path(folder), replay

    @lazy
    def identity(self) -> Identity:
        return self.painter.identity

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """Known paintings from disk, the others by the painter, all in order."""
        paths = [self.path(request) for request in requests]
        made = [_load(path) for path in paths]
        missing = [i for i, there in enumerate(made) if there is None]
        fresh = self._fresh([requests[i] for i in missing]) if missing else ()
        for i, painting in zip(missing, fresh, strict=True):
            made[i] = self._keep(painting, requests[i], paths[i])
        return [painting for painting in made if painting is not None]

    def _fresh(self, requests: Sequence[Request]) -> Sequence[Painting | PlantainError]:
        if self.replay:
            return [PainterError(f"this painting is not kept in {self.folder}; run it again")] * len(requests)
        return self.painter.paint(requests)

    def _keep(self, made: Painting | PlantainError, request: Request, path: Path) -> Painting | PlantainError:
        checked = accepted(made, request, self.identity)
        if isinstance(checked, Painting):
            checked.save(path)
        return checked

    def path(self, request: Request) -> Path:
        """Where the painting of this request lies: two letters of the hash are the folder."""
        name = request_key(self.identity, request)
        return self.folder / name[:2] / f"{name[2:]}.png"


def request_key(painter: Identity, request: Request) -> str:
    """The hash of all that a painting hangs on: who paints, and what is asked."""
    asked = [request.prompt, list(request.size), request.seed, request.purpose, dict(request.sampling)]
    who = painter.to_json() | {"decoding": None}  # a painting is what it is, however it is read
    return digest([who, *asked, list(request.images), request.mask])


def _load(path: Path) -> Painting | PlantainError | None:
    """A kept painting; None for none, or for a damaged file, which is painted again."""
    if not path.exists():
        return None
    try:
        return replace(Painting.load(path), usage=Usage())
    except (PhotoError, PainterError):
        return None

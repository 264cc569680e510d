"""What `plantain doctor -m NAME` measured of a generator, kept by the hash of its identity and undone in its paintings:
how far it moves a picture, and how its autoencoder bends colors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float
from plantain.models.identity import Identity, digest

LEVELS = 5  # of each channel in the ladder of flat colors
PATCH = 32  # pixels a flat color


@dataclass(frozen=True)
class Measured:
    """`shift`: how far right and down the picture's middle moves, as shares of width and height; None where the
    generator did not give the chart back. `zoom`: growth about the middle. `color`: 3 x 4, row by row: what came back
    of a color, and 1, times this is the color; () where that is no nearer. `errors`: of colors, in levels of 255."""

    shift: tuple[float, float] | None = None
    zoom: float = 1.0
    color: tuple[float, ...] = ()
    errors: tuple[tuple[str, float], ...] = ()

    @property
    def registered(self) -> bool:
        return self.shift is not None

    @property
    def key(self) -> str:
        """Short, and another for other figures: a part of what paintings hang on."""
        return digest(asdict(self))[:12]

    @classmethod
    def read(cls, identity: Identity) -> Measured | None:
        """What was measured of this very generator; None where nothing was."""
        try:
            record = json.loads(_place(identity).read_text(encoding="utf-8"))
            shift = record["shift"] and (float(record["shift"][0]), float(record["shift"][1]))
            errors = tuple((str(name), float(value)) for name, value in record["errors"])
            return cls(shift, float(record["zoom"]), tuple(map(float, record["color"])), errors)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None

    def write(self, identity: Identity) -> Path:
        """Keeps it for the painter of this identity. Raises OutputError."""
        from plantain.files import writing

        with writing(_place(identity)) as beside:
            beside.write_text(json.dumps({"identity": identity.to_json(), **asdict(self)}), encoding="utf-8")
        return _place(identity)

    def undo(self, pixels: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
        """A painting put back in its place, each pixel taken from one pixel and none mixed, in its true colors."""
        height, width = pixels.shape[:2]
        if self.shift is not None:
            rows = _sources(height, self.shift[1], self.zoom)
            columns = _sources(width, self.shift[0], self.zoom)
            pixels = pixels[rows[:, None], columns[None]]
        if self.color:
            matrix = np.asarray(self.color, np.float32).reshape(3, 4)
            pixels = np.clip(pixels @ matrix[:, :3].T + matrix[:, 3], 0, 1)
        return np.ascontiguousarray(pixels, np.float32)


def _place(identity: Identity) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "plantain" / "registration" / f"{identity.key}.json"


def _sources(length: int, shift: float, zoom: float) -> np.ndarray:
    """Where the pixels of a side came to lie, after it grew about its middle by `zoom` and moved by `shift` of it."""
    middle = (length - 1) / 2
    moved = middle + zoom * (np.arange(length) - middle) + shift * length
    return np.rint(moved).clip(0, length - 1).astype(int)


# ---- the ladder of colors


def ladder() -> tuple[Float[np.ndarray, "h w 3"], dict[str, Bool[np.ndarray, "h w"]]]:
    """A picture of known colors, and where its parts lie: flat patches, ramps, stripes of 1 to 4 pixels. Borders of
    parts, where an autoencoder mixes neighbors, count nowhere."""
    steps = np.linspace(0, 1, LEVELS, dtype=np.float32)
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(LEVELS, LEVELS**2, 3)
    flat = np.kron(colors, np.ones((PATCH, PATCH, 1), np.float32))
    width = flat.shape[1]
    across = np.linspace(0, 1, width, dtype=np.float32)
    ramps = np.stack([np.outer(np.ones(PATCH), across)[..., None] * np.eye(3, dtype=np.float32)[i] for i in range(3)])
    bands = [flat, ramps.reshape(3 * PATCH, width, 3)]
    names = ["flat", "ramps"]
    pairs = np.array([[[1, 1, 1], [0, 0, 0]], [[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 0]]], np.float32)
    for stripe in (1, 2, 3, 4):
        which = np.arange(width) // stripe % 2
        bands.append(np.concatenate([np.broadcast_to(pair[which], (PATCH, width, 3)) for pair in pairs]))
        names.append(f"stripes of {stripe} px")
    picture = np.concatenate(bands).astype(np.float32)
    parts, top = dict[str, np.ndarray](), 0
    for name, band in zip(names, bands, strict=True):
        y, x = np.mgrid[: picture.shape[0], :width]
        inside = (y >= top) & (y < top + len(band)) & _inner(y - top)
        parts[name] = inside & _inner(x) if name == "flat" else inside
        top += len(band)
    return picture, parts


def _inner(place: np.ndarray) -> np.ndarray:
    """Off the border of its patch."""
    return np.asarray((place % PATCH >= PATCH // 4) & (place % PATCH < PATCH - PATCH // 4))


def measure_colors(round_trip: Callable[[Any], Any]) -> tuple[tuple[float, ...], tuple[tuple[str, float], ...]]:
    """The inverse of what an encoding and decoding does to colors, fitted to the flat patches and ramps by least
    squares, and mean errors by part in levels of 255, as they come and (where it helps) set right."""
    picture, parts = ladder()
    back = np.asarray(round_trip(picture), np.float64)
    errors = [(name, float(np.abs(back - picture)[where].mean() * 255)) for name, where in parts.items()]
    smooth = parts["flat"] | parts["ramps"]
    seen = np.concatenate([back[smooth], np.ones((int(smooth.sum()), 1))], 1)
    matrix = np.linalg.lstsq(seen, picture[smooth].astype(np.float64), rcond=None)[0].T
    better = np.clip(seen @ matrix.T, 0, 1)
    after, before = (float(np.abs(made - picture[smooth]).mean() * 255) for made in (better, back[smooth]))
    if after >= before:
        return (), tuple(errors)
    return tuple(map(float, matrix.ravel())), (*errors, ("flat and ramps, set right", after))

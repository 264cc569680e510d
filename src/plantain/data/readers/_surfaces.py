"""What the readers of depth and normals share: kinds from arrays, lists of files, pictures that come out of a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.data.readers.base import full_confidence, read_lines
from plantain.errors import MissingExtra, PhotoError
from plantain.predictions.types import Depth, Normals


def extra(package: str) -> Any:
    """A package of the extra "eval" (h5py, scipy.io); MissingExtra where it is not installed."""
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingExtra(package.split(".")[0], "eval") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """PhotoError for whatever a library has to say against this file."""
    try:
        yield
    except (OSError, KeyError, ValueError, NotImplementedError) as error:  # the last is scipy on a .mat of version 7.3
        raise PhotoError(f"{path} cannot be read ({error}); is it the file of the set, downloaded whole?") from error


def mat(path: Path) -> dict[str, Any]:
    """The variables of a .mat file of MATLAB 5: structs as dicts, cells and lists as arrays. Needs scipy."""
    load = extra("scipy.io").loadmat
    with reading(path):
        return dict(load(path, simplify_cells=True))


def depth_of(metres: Shaped[np.ndarray, "h w"], known: Bool[np.ndarray, "h w"] | None = None) -> Depth:
    """Metric depth; unknown, and 0, where `metres` is not finite, not above 0, or not `known`."""
    values = np.asarray(metres, np.float32)
    valid = np.isfinite(values) & (values > 0)
    if known is not None:
        valid &= known
    return Depth(values=np.where(valid, values, np.float32(0)), valid=valid, confidence=full_confidence(*valid.shape))


def normals_of(vectors: Float[np.ndarray, "h w 3"], known: Bool[np.ndarray, "h w"] | None = None) -> Normals:
    """Unit normals of vectors in Plantain's frame; unknown where they are no longer than 1/2 or not `known`."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1)
    valid = np.isfinite(length) & (length > 0.5)
    if known is not None:
        valid &= known
    unit = np.where(valid, 1 / np.where(valid, length, 1), 0)[..., None] * np.where(valid[..., None], vectors, 0)
    return Normals(xyz=unit.astype(np.float32), valid=valid, confidence=full_confidence(*valid.shape))


def towards_viewer(
    vectors: Float[np.ndarray, "h w 3"], fx: float, fy: float, cx: float, cy: float
) -> Float[np.ndarray, "h w 3"]:
    """Turns round the vectors (+x right, +y up, +z to the viewer) of surfaces seen from behind.

    The pixel in column u and row v is seen along ((u - cx) / fx, (cy - v) / fy, -1): a surface that faces the camera
    has a normal at more than 90 degrees to that.
    """
    height, width = vectors.shape[:2]
    right = (np.arange(width) - cx) / fx
    up = ((cy - np.arange(height)) / fy)[:, None]
    behind = vectors[..., 0] * right + vectors[..., 1] * up - vectors[..., 2] > 0
    return np.where(behind[..., None], -vectors, vectors)


def words(path: Path) -> list[list[str]]:
    """The words of each line of a list file, without empty lines."""
    return [line.split() for line in read_lines(path)]


def kept(cache: Path | None, name: str, source: Path) -> Path:
    """The folder for pictures taken out of `source`: in `cache`, else in the system's temporary folder.

    Its name changes with the place, size and time of `source`, so that old pictures never pass for new ones.
    """
    state = source.stat()
    key = hashlib.sha256(f"{source.resolve()} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = Path(cache or gettempdir()) / f"plantain-{name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(photo: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Writes a lossless PNG that is there whole or not at all."""
    part = path.with_name(f"{path.stem}-{os.getpid()}.part")
    Image.fromarray(photo).save(part, "PNG", compress_level=1)
    part.replace(path)

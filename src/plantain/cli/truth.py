"""Truths from files, to be painted: .npy, .npz as `save` writes it, and PNGs of depth, labels, masks or instances."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Shaped
from plantain.errors import PhotoError, TruthError, UnknownName
from plantain.imaging.photo import open_picture
from plantain.predictions.boxes import boxes_around
from plantain.predictions.npz import NEEDED, from_npz
from plantain.predictions.types import Alpha, Depth, Instances, Labels, Prediction

UNITS = {"m": 1.0, "mm": 1000.0, "kitti": 256.0}  # steps a metre
IGNORED = 255  # of a label PNG, by custom: none of the classes


def read_truth(path: Path, kind: type[Prediction], unit: str = "mm") -> Any:
    """A truth that a task of this kind can encode: a kind, or a bare array. TruthError says what is wrong with a file.

    `unit` (m, mm, kitti) is what the numbers of a depth PNG mean; arrays are metres."""
    if unit not in UNITS:
        raise UnknownName("unit", unit, UNITS)
    ending = path.suffix.lower()
    if ending not in (".npy", ".npz", ".png"):
        raise TruthError(f"{path} is no truth; wanted a file ending in .npy, .npz or .png")
    if ending == ".npz":
        return from_npz(path, kind)
    try:
        return np.load(path, allow_pickle=False) if ending == ".npy" else _png(path, kind, unit)
    except FileNotFoundError:
        raise TruthError(f"no such file: {path}") from None
    except PhotoError as error:
        raise TruthError(str(error)) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TruthError(f"{path} cannot be read as {path.suffix} ({error}); write it again") from error


def _png(path: Path, kind: type[Prediction], unit: str) -> Any:
    with open_picture(path) as image:
        mode, raw = image.mode, np.asarray(image)
    if raw.ndim != 2:
        raise TruthError(f"{path} is a color picture ({mode}); a truth PNG has one channel (a painting is decoded)")
    if issubclass(kind, Depth):
        if raw.dtype.itemsize < 2:
            raise TruthError(f"{path} has 8 bits or fewer; a depth PNG has 16 (millimetres, or --unit kitti)")
        metres = raw.astype(np.float32) / UNITS[unit]
        return Depth(values=metres, valid=raw > 0, confidence=np.ones(raw.shape, np.float32))
    if issubclass(kind, Labels):
        return np.where(raw == IGNORED, -1, raw.astype(np.int32))
    if issubclass(kind, Alpha):
        return raw.astype(np.float32) / (1 if raw.dtype == bool else np.iinfo(raw.dtype).max)
    if issubclass(kind, Instances):
        return _numbered(raw)
    raise TruthError(f"a PNG cannot hold {kind.kind}; give .npz (keys: {', '.join(NEEDED[kind])}) or .npy")


def _numbered(raw: Shaped[np.ndarray, "h w"]) -> Instances:
    """Things from a picture of their numbers, 0 = none."""
    masks = np.array([raw == number for number in np.unique(raw) if number], bool).reshape(-1, *raw.shape)
    return Instances(
        boxes=boxes_around(masks),
        labels=np.zeros(len(masks), int),
        classes=("thing",),
        scores=np.ones(len(masks), np.float32),
        masks=masks,
        confidence=np.ones(raw.shape, np.float32),
    )

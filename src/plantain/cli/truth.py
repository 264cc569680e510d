"""Truths from files, to be painted: .npy, .npz as `save` writes it, and PNGs of depth, labels, masks or instances."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Shaped
from plantain.errors import TruthError, UnknownName
from plantain.predictions.boxes import boxes_around
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

UNITS = {"m": 1.0, "mm": 1000.0, "kitti": 256.0}  # steps a metre
IGNORED = 255  # of a label PNG, by custom: none of the classes
FIELDS: dict[type[Prediction], tuple[tuple[str, ...], tuple[str, ...]]] = {  # what must be there, what may be
    Normals: (("xyz",), ("valid", "confidence")),
    Panoptic: (("ids", "classes", "segments", "segment_labels"), ("segment_scores", "confidence")),
    Labels: (("ids", "classes"), ("probabilities", "confidence")),
    Instances: (("boxes", "labels", "classes", "scores", "confidence"), ("masks",)),
    Keypoints: (("xy", "visible", "names", "confidence"), ("scores",)),
    Alpha: (("alpha", "names"), ("confidence",)),
}


def read_truth(path: Path, kind: type[Prediction], unit: str = "mm") -> Any:
    """A truth that a task of this kind can encode: a kind, or a bare array. TruthError says what is wrong with a file.

    `unit` (m, mm, kitti) is what the numbers of a depth PNG mean; arrays are metres."""
    if unit not in UNITS:
        raise UnknownName("unit", unit, UNITS)
    readers = {".npy": _npy, ".npz": _npz, ".png": _png}
    if path.suffix.lower() not in readers:
        raise TruthError(f"{path} is no truth; wanted a file ending in .npy, .npz or .png")
    try:
        return readers[path.suffix.lower()](path, kind, unit)
    except FileNotFoundError:
        raise TruthError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, SyntaxError) as error:
        raise TruthError(f"{path} cannot be read as {path.suffix} ({error}); write it again") from error


def _npy(path: Path, kind: type[Prediction], unit: str) -> Any:
    return np.load(path, allow_pickle=False)


def _npz(path: Path, kind: type[Prediction], unit: str) -> Any:
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    return depth_of(arrays, path) if issubclass(kind, Depth) else answer_of(arrays, kind, path)


def depth_of(arrays: Mapping[str, Shaped[np.ndarray, "..."]], path: Path) -> Depth:
    """Depth from its arrays, metric or relative."""
    key = next((name for name in ("metres", "relative") if name in arrays), None)
    if key is None:
        raise TruthError(f"{path} has {sorted(arrays)}; depth wants 'metres' or 'relative'")
    values = arrays[key].astype(np.float32)
    valid = arrays.get("valid", np.ones(values.shape, bool)).astype(bool)
    sure = arrays.get("confidence", np.ones(values.shape, np.float32))
    return Depth(values=values, valid=valid, confidence=sure, scale="metric" if key == "metres" else "affine")


def answer_of(arrays: Mapping[str, Shaped[np.ndarray, "..."]], kind: type[Prediction], path: Path) -> Prediction:
    """An answer from the arrays that `save` wrote: the inverse of `Prediction.arrays`."""
    needed, welcome = FIELDS[kind]
    lacking = [name for name in needed if name not in arrays]
    if lacking:
        raise TruthError(f"{path} lacks {', '.join(lacking)}; {kind.kind} wants {', '.join(needed)}")
    values: dict[str, Any] = {name: arrays[name] for name in (*needed, *welcome) if name in arrays}
    for name in {"classes", "names"} & set(values):
        values[name] = tuple(str(text) for text in values[name])
    plane = next(arrays[name] for name in ("ids", "xyz", "alpha", "confidence") if name in arrays)
    shape = plane.shape[-2:] if "alpha" in arrays and "ids" not in arrays else plane.shape[:2]
    values.setdefault("confidence", np.ones(shape, np.float32))
    if kind is Normals:
        values.setdefault("valid", np.isfinite(values["xyz"]).all(axis=-1))
    if kind is Keypoints:
        values.setdefault("scores", values["visible"].astype(np.float32))
    if kind is Panoptic:
        values.setdefault("segment_scores", np.ones(len(values["segment_labels"]), np.float32))
    return kind(**values)


def _png(path: Path, kind: type[Prediction], unit: str) -> Any:
    with Image.open(path) as image:
        mode, raw = image.mode, np.asarray(image)
    if raw.ndim != 2:
        raise TruthError(f"{path} is a colour picture ({mode}); a truth PNG has one channel (a painting is decoded)")
    if issubclass(kind, Depth):
        if raw.dtype == np.uint8:
            raise TruthError(f"{path} has 8 bits; a depth PNG has 16 (millimetres, or --unit kitti)")
        metres = raw.astype(np.float32) / UNITS[unit]
        return Depth(values=metres, valid=raw > 0, confidence=np.ones(raw.shape, np.float32))
    if issubclass(kind, Labels):
        return np.where(raw == IGNORED, -1, raw.astype(np.int32))
    if issubclass(kind, Alpha):
        return raw.astype(np.float32) / (1 if raw.dtype == bool else np.iinfo(raw.dtype).max)
    if issubclass(kind, Instances):
        return _numbered(raw)
    raise TruthError(f"a PNG cannot hold {kind.kind}; give .npz (keys: {', '.join(FIELDS[kind][0])}) or .npy")


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

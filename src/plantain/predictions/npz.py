"""An answer as one .npz file and back: the only dialect in which Plantain keeps numbers.

Arrays stand under the names of `Prediction.arrays`; beside them are `kind`, `task`, `stem` and, where there are some,
`colors` (k 3), `things` (of panoptics) and `presence_names` with `presence`; `provenance` says in JSON who made it,
with a hash of the other arrays. Files are small and quick to write because they hold what a code can say and no more:
depth as float16 (relative error 5e-4), shares (confidence, alpha, probabilities) as float16 in steps of 1/255, normals
as float16 in steps of 1/127, class numbers in as few bytes as hold them, and masks as packed bits:
`np.unpackbits(masks, axis=2, count=width)`. `from_npz` gives float32 and bool back, and reads files that people write
by hand with plain arrays.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Shaped
from plantain.errors import TruthError
from plantain.files import writing
from plantain.imaging.provenance import CONTENT, KEYWORD, fingerprint
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

LEVEL = 3  # of zlib: on these arrays no slower than 1, and a quarter smaller
NEEDED: dict[type[Prediction], tuple[str, ...]] = {  # the first key tells the kind
    Depth: ("metres",),
    Normals: ("xyz",),
    Panoptic: ("segments", "segment_labels", "ids", "classes"),
    Labels: ("ids", "classes"),
    Instances: ("boxes", "labels", "classes", "scores"),
    Keypoints: ("xy", "visible", "names"),
    Alpha: ("alpha", "names"),
    Edges: ("alpha", "names"),
}
SHARES = ("confidence", "alpha", "probabilities")
WHOLE = {"ids": np.int16, "segments": np.int32}  # and what they become again
Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


# ---- writing


def to_npz(answer: Prediction, path: str | Path, *, exact: bool = False) -> Path:
    """Writes the answer, whole or not at all; its painting is not part of it. Raises OutputError.

    `exact`: every number as it is, for those who compute with it again."""
    with writing(Path(path)) as beside:
        write(answer, beside, exact=exact)
    return Path(path)


def write(answer: Prediction, path: Path | BytesIO, *, exact: bool = False) -> None:
    """`to_npz` without the care for half-written files: for a place that nobody else sees, or a stream of bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, stored in _sealed(answer, exact).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, stored, allow_pickle=False)


def _sealed(answer: Prediction, exact: bool) -> dict[str, np.ndarray]:
    """The arrays as they are stored, and under `provenance` who made them, with a hash of all the others."""
    every = answer.arrays() | _record(answer)
    stored = {name: np.asanyarray(array if exact else _compact(name, array)) for name, array in every.items()}
    record = {**answer.provenance(), CONTENT: fingerprint(stored)}
    return stored | {KEYWORD: np.array(json.dumps(record))}


def _record(answer: Prediction) -> dict[str, np.ndarray]:
    """What is no array of its own."""
    kind = type(answer).__name__.lower() if isinstance(answer, Panoptic | Edges) else answer.kind
    record = {"kind": np.array(kind), "task": np.array(answer.task), "stem": np.array(answer.stem)}
    if colors := getattr(answer, "colors", ()):
        record["colors"] = np.array(colors, np.uint8)
    if (things := getattr(answer, "things", None)) is not None:
        record["things"] = np.array(things, str)
    if answer.presence is not None:
        record["presence_names"] = np.array(list(answer.presence), str)
        record["presence"] = np.array(list(answer.presence.values()), np.float64)
    return record


def _compact(name: str, array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    if name in ("metres", "relative"):
        return _half(array)
    if name in SHARES and _within(array, 0, 1):
        return _LEVELS[(array * np.float32(255) + np.float32(0.5)).astype(np.uint8)]
    if name == "xyz":
        steps = np.nan_to_num(array).clip(-1, 1) * np.float32(127) + np.float32(127.5)
        return np.asfortranarray(_SIGNED[steps.astype(np.uint8)])  # axis by axis: a third smaller
    if name in WHOLE and array.size:
        return array.astype(_smallest(int(array.min()), int(array.max())))
    return np.packbits(array, axis=2) if name == "masks" else array


_LEVELS = (np.arange(256) / 255).astype(np.float16)
_SIGNED = ((np.arange(255) - 127) / 127).astype(np.float16)


def _smallest(low: int, high: int) -> np.dtype[Any]:
    """The signed whole number of the fewest bytes that holds both."""
    return next(np.dtype(f"i{n}") for n in (1, 2, 4, 8) if -(1 << 8 * n - 1) <= low and high < 1 << 8 * n - 1)


def _within(array: Shaped[np.ndarray, "..."], low: float, high: float) -> bool:
    """Whether all of it lies there; never with NaN."""
    return bool(array.size and array.min() >= low and array.max() <= high)


def _half(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """float16, where the values are neither too large nor all too small for it; else as they are."""
    known = np.isfinite(values)
    low, high = (float(values.min(where=known, initial=0)), float(values.max(where=known, initial=0)))
    return values.astype(np.float16) if 0.01 <= max(-low, high) <= 65504 else values


# ---- reading


def from_npz(source: str | Path | bytes, kind: type[Prediction] | None = None) -> Any:
    """The answer that `to_npz` wrote, or that people wrote with the arrays that its kind needs.

    Confidence that is not given is 1. `kind`: what it must be. TruthError where it is not, or is no answer at all."""
    name = "this .npz" if isinstance(source, bytes) else str(source)
    try:
        with np.load(BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as stored:
            arrays = dict(stored)
    except FileNotFoundError:
        raise TruthError(f"no such file: {name}") from None
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise TruthError(f"{name} cannot be read as .npz ({error}); save it again") from error
    if "relative" in arrays:
        arrays |= {"metres": arrays["relative"], "scale": np.array("affine")}
    return _answer(arrays, kind or _kind_of(arrays, name), name)


def origin_of(arrays: Arrays) -> dict[str, Any]:
    """The record in arrays that were read, without the hash and what any answer says; {} where there is none."""
    try:
        record = json.loads(str(arrays[KEYWORD]))
    except (KeyError, ValueError, RecursionError):
        return {}
    said = Prediction(confidence=np.zeros((0, 0), np.float32), task=str(arrays.get("task", ""))).provenance()
    known = record.items() if isinstance(record, dict) else ()
    return {key: value for key, value in known if key != CONTENT and said.get(key) != value}


def _kind_of(arrays: Arrays, name: str) -> type[Prediction]:
    found = next((kind for kind, (first, *_) in NEEDED.items() if first in arrays), None)
    if found is None:
        raise TruthError(f"{name} holds {', '.join(sorted(arrays))}, which is none of Plantain's answers")
    return found


def _answer(arrays: Arrays, kind: type[Prediction], name: str) -> Prediction:
    if kind is Labels and "segments" in arrays:
        kind = Panoptic
    if kind is Alpha and str(arrays.get("kind")) == "edges":
        kind = Edges
    needed = NEEDED[kind]
    if lacking := [key for key in needed if key not in arrays]:
        wanted = "metres or relative" if kind is Depth else ", ".join(needed)
        raise TruthError(f"{name} lacks {', '.join(lacking)}; {kind.kind} wants {wanted}")
    values = {f.name: _restored(f.name, arrays[f.name]) for f in fields(kind) if f.name in arrays}
    if kind is Depth:
        values["values"] = _restored("metres", arrays["metres"])
    values["confidence"] = _confidence(arrays, name)
    values["origin"] = origin_of(arrays)
    if values.get("masks") is not None:
        values["masks"] = unpacked(values["masks"], values["confidence"].shape[1])
    if "presence" in arrays:
        names = arrays["presence_names"].tolist()
        values["presence"] = dict(zip(map(str, names), arrays["presence"].tolist(), strict=True))
    return kind(**(_assumed(kind, values) | values))


def _restored(name: str, array: Shaped[np.ndarray, "..."]) -> Any:
    """A field's value from its array."""
    if name in ("classes", "names", "things"):
        return tuple(map(str, array.tolist()))
    if name == "colors":
        return tuple((r, g, b) for r, g, b in array.tolist())
    if array.dtype.kind == "U":
        return str(array)
    if name in WHOLE:
        return array.astype(np.promote_types(array.dtype, WHOLE[name]))
    if name == "metres":
        return array.astype(np.float32)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def unpacked(masks: Shaped[np.ndarray, "n h x"], width: int) -> Bool[np.ndarray, "n h w"]:
    """Masks from packed bits, or from a plane each."""
    if masks.dtype == np.uint8 and masks.shape[2] != width:
        return np.unpackbits(masks, axis=2, count=width).view(bool)
    return masks > 0


def _confidence(arrays: Arrays, name: str) -> Float[np.ndarray, "h w"]:
    if "confidence" in arrays:
        return arrays["confidence"].astype(np.float32)
    shapes = [arrays[key].shape[:2] for key in ("metres", "xyz", "ids") if key in arrays]
    shapes += [arrays[key].shape[-2:] for key in ("alpha", "masks") if key in arrays]
    if not shapes:
        raise TruthError(f"{name} lacks confidence (height, width), which says how large the photo is")
    return np.ones(shapes[0], np.float32)


def _assumed(kind: type[Prediction], values: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer that was written by hand may leave out."""
    if kind is Depth:
        return {"valid": np.isfinite(values["values"])}
    if kind is Normals:
        return {"valid": np.isfinite(values["xyz"]).all(axis=-1)}
    if kind is Keypoints:
        return {"scores": values["visible"].astype(np.float32)}
    return {"segment_scores": np.ones(len(values["segment_labels"]), np.float32)} if kind is Panoptic else {}

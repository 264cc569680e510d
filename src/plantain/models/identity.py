"""Who answers, to the last weight: what every kept painting and every kept answer hangs on."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from plantain.errors import OutputError
from plantain.files import sweep, writing

DECODING = 1  # goes up whenever a painting of the same pixels may be decoded to other numbers
YOUNG_S = 2.0  # a file changed so lately may change again within one tick of its clock: its hash is not remembered
NOT_WEIGHTS = (".md", ".txt")


@dataclass(frozen=True)
class Identity:
    """A model to the last weight. `revision`: of a model on a hub, or of its code; `weights` and `adapter_weights`:
    SHA-256 of the files; `settings`: options that change what is painted; `decoding`: version of the decoders."""

    name: str
    revision: str = ""
    weights: str = ""
    adapter: str = ""
    adapter_weights: str = ""
    dtype: str = ""
    settings: str = ""
    decoding: int = DECODING

    @property
    def key(self) -> str:
        """SHA-256 of all fields: equal exactly where everything is equal."""
        return digest(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The fields that say something."""
        return {name: value for name, value in asdict(self).items() if value != ""}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Identity:
        """The inverse of `to_json`; what is not known is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{"name": "unknown"} | {key: value for key, value in record.items() if key in known})


def digest(value: Any) -> str:
    """SHA-256 of anything that JSON holds, whatever the order of its keys; arrays by shape, dtype and bytes."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value).tobytes()
        return [str(value.dtype), list(value.shape), hashlib.sha256(content).hexdigest()]
    if hasattr(value, "__dict__"):
        return {"type": type(value).__qualname__, **vars(value)}
    return str(value)


def weights_hash(places: Iterable[str | Path]) -> str:
    """SHA-256 over the names and contents of files, and of all files below folders; "" where there is none."""
    told = [[path.name, file_hash(path)] for place in places for path in files_of(Path(place))]
    return digest(told) if told else ""


def files_of(place: Path) -> Iterator[Path]:
    """A file itself, or the files of a folder in order; not hidden ones, texts, and the calibration of confidence."""
    if place.is_file():
        yield place
        return
    for path in sorted(place.rglob("*")):
        told = path.suffix in NOT_WEIGHTS or path.name == "calibration.json" or path.name.startswith(".")
        if path.is_file() and not told:
            yield path


def file_hash(path: Path) -> str:
    """`content_hash`, remembered between runs by the file's path, size and times of change (nanoseconds): that of the
    content, which copies and archives carry along, and that of the file itself, which nobody can set."""
    state = path.stat()
    entry = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}|{state.st_ctime_ns}"
    known = _Remembered.open()
    if (found := known.hashes.get(entry)) is not None:
        return found
    found = content_hash(path)
    if time.time() - max(state.st_mtime, state.st_ctime) > YOUNG_S:
        known.add(entry, found)
    return found


def content_hash(path: Path) -> str:
    """SHA-256 of a file's content; "" where there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Remembered:
    """Hashes of files in a JSON file of the user's cache folder; where that cannot be written, of this run alone."""

    def __init__(self, path: Path) -> None:
        self.path, self.hashes = path, dict[str, str]()
        try:
            stored = json.loads(path.read_text())
            self.hashes = {str(key): str(value) for key, value in stored.items()}
        except (OSError, ValueError, AttributeError):
            pass

    @classmethod
    def open(cls) -> _Remembered:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return _remembered(home / "plantain" / "hashes.json")

    def add(self, entry: str, found: str) -> None:
        self.hashes[entry] = found
        try:
            with writing(self.path) as beside:
                beside.write_text(json.dumps(self.hashes))
        except OutputError:
            pass


@cache
def _remembered(path: Path) -> _Remembered:
    sweep(path.parent)
    return _Remembered(path)

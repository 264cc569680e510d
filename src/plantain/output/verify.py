"""What a file says of itself, and whether it is still what it was: PNG, .npz and JSON.

`unchanged`: a record of Plantain lies in it, and the hash of its pixels, arrays or numbers is the one that was written.
`changed`: the hash is another one. `unhashed`: a record without a hash (of versions that wrote none). `unknown`: no
record at all: not ours, or taken out. A hash is no signature; one of C2PA is read where it is there.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from plantain.errors import PhotoError, TruthError
from plantain.imaging.deep_png import SIGNATURE, is_deep, read_deep
from plantain.imaging.photo import open_picture
from plantain.imaging.provenance import CONTENT, KEYWORD, fingerprint, fingerprint_of_json, planes
from plantain.output.signing import Signature, read_signature

PAINTING = "plantain"  # the text chunk of paintings
KNOWN = ("task", "model", "prompt", "seed", "code", "version", "note")  # what is told of a record
STATES = ("unchanged", "changed", "unhashed", "unknown")


@dataclass(frozen=True)
class Verdict:
    """What was found. `what`: painting, picture, arrays or data; `record`: who made it; `signature`: of C2PA."""

    path: Path
    what: str
    state: str
    record: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature | None = None

    @property
    def is_ours(self) -> bool:
        return self.state != "unknown"

    @property
    def is_whole(self) -> bool:
        """Whether it is ours and as it was, and a signature, where there is one, holds."""
        return self.state == "unchanged" and (self.signature is None or self.signature.holds is not False)

    def to_json(self) -> dict[str, Any]:
        told = {key: self.record[key] for key in (*KNOWN, "identity", "steadied") if key in self.record}
        signed = {} if self.signature is None else {"signature": self.signature.to_json()}
        return {"file": str(self.path), "what": self.what, "state": self.state, **told, **signed}

    def __str__(self) -> str:
        if not self.is_ours:
            said = f"a {self.what} that is not known: there is no record of Plantain in it"
        else:
            asked = str(self.record.get("task") or "an edit").replace("-", " ")
            by = f"by {self.record.get('model') or 'unknown'}, Plantain {self.record.get('version', '?')}"
            said = f"{self.what} of {asked} {by}, {self.record.get('note', 'no note')}; {SAID[self.state]}"
        return said if self.signature is None else f"{said}; {self.signature}"


SAID = {
    "unchanged": "unchanged since it was written",
    "changed": "CHANGED since it was written",
    "unhashed": "it has no hash, so whether it was changed cannot be said",
}


def verify(path: str | Path) -> Verdict:
    """Reads a file's record and holds it against what is in the file. PhotoError for what cannot be read."""
    place = Path(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot open {place}: {error.strerror or error}") from None
    if not content:
        raise PhotoError(f"{place} is empty (0 bytes)")
    if content[:4] == b"PK\x03\x04":
        return _arrays(place, content)
    if content.lstrip()[:1] in (b"{", b"["):
        return _data(place, content)
    return _picture(place, content)


def _picture(path: Path, content: bytes) -> Verdict:
    if content[: len(SIGNATURE)] == SIGNATURE and is_deep(content):
        return _deep(path, content)
    try:
        with open_picture(content) as image:
            texts = dict(getattr(image, "text", {}))
            found = {} if not _record_in(texts) else planes(image)
            image.load()
    except PhotoError as error:
        raise PhotoError(f"{path} cannot be read as PNG, .npz or JSON, or is damaged: {error}") from None
    return _judged(path, texts, found, content)


def _deep(path: Path, content: bytes) -> Verdict:
    """RGB of 16 bits a channel."""
    with open_picture(content) as image:
        image.load()  # which says what is damaged
        texts = dict(getattr(image, "text", {}))
    levels = read_deep(content)
    if levels is None:
        raise PhotoError(f"{path} has interlaced rows of 16 bits, which are not read here; save it without")
    return _judged(path, texts, {"rgb": levels}, content)


def _judged(path: Path, texts: Mapping[str, str], found: Mapping[str, np.ndarray], content: bytes) -> Verdict:
    what = "painting" if PAINTING in texts else "picture"
    record = _record_in(texts)
    state = _state(record, fingerprint(found) if record else "")
    return Verdict(path, what, state, record, read_signature(content))


def _record_in(texts: Mapping[str, str]) -> dict[str, Any]:
    try:
        record = json.loads(texts.get(PAINTING) or texts.get(KEYWORD) or "")
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _state(record: Mapping[str, Any], found: str) -> str:
    if not record:
        return "unknown"
    if CONTENT not in record:
        return "unhashed"
    return "unchanged" if record[CONTENT] == found else "changed"


def _arrays(path: Path, content: bytes) -> Verdict:
    try:
        with np.load(BytesIO(content), allow_pickle=False) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise TruthError(f"{path} cannot be read as .npz ({error})") from None
    record = _record_in({KEYWORD: str(arrays.pop(KEYWORD, ""))})
    ours = not record and {"kind", "stem", "task"} <= arrays.keys()  # of a version that wrote no record
    record = {"task": str(arrays["task"])} if ours else record
    return Verdict(path, "arrays", _state(record, fingerprint(arrays) if record else ""), record)


def _data(path: Path, content: bytes) -> Verdict:
    try:
        told = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        lines = "; of JSON lines verify the files that they name" if "Extra data" in str(error) else ""
        raise PhotoError(f"{path} cannot be read as JSON ({str(error)[:80]}){lines}") from None
    record = told.pop(KEYWORD, {}) if isinstance(told, dict) else {}
    record = record if isinstance(record, dict) else {}
    return Verdict(path, "data", _state(record, fingerprint_of_json(told) if record else ""), record)

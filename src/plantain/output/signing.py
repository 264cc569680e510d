"""Manifests of C2PA (Coalition for Content Provenance and Authenticity): who made a picture, signed by a certificate.

Nothing is ever fetched: neither manifests that lie elsewhere nor the state of certificates. Whether a certificate is to
be trusted is for whoever reads it to say; here it is only said whose it is and whether the signature holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from plantain import __version__
from plantain.errors import MissingExtra, UsageError
from plantain.files import writing

LABEL = "org.plantain.provenance"
# Source: IPTC NewsCodes, digital source type; C2PA specification 2.2, 18.14 (actions)
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
BOX = b"caBX"  # the chunk of a PNG that holds a manifest
TRUST = ("signingCredential.untrusted",)  # findings about trust, not about what was signed


@dataclass(frozen=True)
class Signature:
    """A manifest: whose certificate (`by`), what it asserts, whether it holds, and what is wrong. `holds` is None where
    the package that reads it is not installed."""

    by: str
    holds: bool | None
    record: Mapping[str, Any]
    wrong: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"by": self.by, "holds": self.holds, "wrong": list(self.wrong), "record": dict(self.record)}

    def __str__(self) -> str:
        if self.holds is None:
            return "a C2PA manifest is in it; to read it: pip install c2pa-python"
        if not self.holds:
            return f"its C2PA signature does NOT hold ({', '.join(self.wrong)})"
        return f"signed by {self.by} (C2PA; whether to trust that certificate is yours to say)"


def sign(path: Path, record: Mapping[str, Any], key: Path, chain: Path, algorithm: str) -> None:
    """Puts a signed manifest with the record into a PNG, in place. `chain`: certificates in PEM, the signer's first.

    MissingExtra; UsageError for keys and certificates that the library refuses; OutputError."""
    c2pa = _library()
    manifest = {
        "claim_generator_info": [{"name": "Plantain", "version": __version__}],
        "title": path.name,
        "format": "image/png",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": TRAINED}]},
            },
            {"label": LABEL, "data": dict(record)},
        ],
    }
    settings = {**OFFLINE, "builder": {"thumbnail": {"enabled": False}}}
    out = BytesIO()
    try:
        info = c2pa.C2paSignerInfo(algorithm.encode(), chain.read_bytes(), key.read_bytes(), None)
        with c2pa.Context(c2pa.Settings.from_dict(settings)) as context, path.open("rb") as source:
            c2pa.Builder(json.dumps(manifest), context).sign(c2pa.Signer.from_info(info), "image/png", source, out)
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None
    except c2pa.C2paError as error:
        raise UsageError(f"{path} cannot be signed with this key and these certificates: {_plain(error)}") from None
    with writing(path) as beside:
        beside.write_bytes(out.getvalue())


def read_signature(content: bytes) -> Signature | None:
    """The manifest in a PNG; None where there is none."""
    if BOX not in content:
        return None
    try:
        c2pa = _library()
    except MissingExtra:
        return Signature("unknown", None, {})
    try:
        with c2pa.Context(c2pa.Settings.from_dict(OFFLINE)) as context:
            told = json.loads(c2pa.Reader("image/png", BytesIO(content), context=context).json())
    except c2pa.C2paError as error:
        return None if "ManifestNotFound" in str(error) else Signature("unknown", False, {}, (_plain(error),))
    manifest = told["manifests"][told["active_manifest"]]
    asserted = [one["data"] for one in manifest.get("assertions", []) if one["label"] == LABEL]
    wrong = tuple(one["code"] for one in told.get("validation_status", []) if one["code"] not in TRUST)
    by = manifest.get("signature_info", {})
    name = ", ".join(str(by[part]) for part in ("common_name", "issuer") if by.get(part))
    return Signature(name or "unknown", not wrong, asserted[0] if asserted else {}, wrong)


def _library() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtra("c2pa-python", "sign") from error
    return c2pa


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:160]

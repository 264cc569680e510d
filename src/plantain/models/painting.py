"""What goes to a generator (Request) and what comes back (Painting), with its provenance kept inside the PNG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from plantain._shapes import Bool, Float, UInt8
from plantain.files import writing
from plantain.imaging import provenance
from plantain.imaging.deep_png import read_deep
from plantain.imaging.photo import open_picture
from plantain.imaging.provenance import NOTE
from plantain.models.identity import Identity

LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "GIF")  # formats that change colors; WebP may or may not
RECORDED = {"task": str, "code": str, "prompt": str, "seed": int, "geometry": dict, "asked": dict, "trust": float}
KEYWORD = "plantain"  # of the text chunk with the record
NOBODY = Identity("unknown")
Purpose = Literal["perceive", "edit", "generate"]


@dataclass(frozen=True, eq=False)
class Request:
    """A question for a generator: words, pictures already brought to the painter's legal size, and what it is for.

    `images`: the query photo first, then example pairs (a photo and its painting, in turn); none for a picture from
    words alone. `purpose`: "perceive" wants the mean, "edit" and "generate" a sample. `sampling`: steps, guidance and
    the like, where the painter's own are not wanted. `mask` (True = paint here) asks for inpainting.
    The same seed, size, images and prompt must give the same painting of a painter that is deterministic.
    """

    prompt: str
    images: tuple[UInt8[np.ndarray, "_h _w 3"], ...]
    size: tuple[int, int]  # (width, height) in pixels
    seed: int = 0
    purpose: Purpose = "perceive"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    mask: Bool[np.ndarray, "h w"] | None = None

    @property
    def photo(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """The query photo, if there is one."""
        return self.images[0] if self.images else None


@dataclass(frozen=True)
class Usage:
    """What a painting cost: time at the painter, and tokens and money of hosted ones."""

    seconds: float = 0.0
    tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted picture and how it came to be.

    `pixels`: uint8, or float32 in 0..1 as the generator gave them, which are decoded before any rounding. `lossy` says
    that they went through JPEG or the like. `trust` (0..1): how far the painter knows such photos; confidence is taken
    times it. A painter may leave out `identity`, `prompt` and `seed`: the pipeline
    fills them in from the request."""

    pixels: UInt8[np.ndarray, "h w 3"] | Float[np.ndarray, "h w 3"]
    identity: Identity = NOBODY
    prompt: str = ""
    seed: int = 0
    usage: Usage = field(default_factory=Usage)
    task: str = ""
    code: str = ""
    geometry: Mapping[str, Any] = field(default_factory=dict)
    lossy: bool = False
    trust: float = 1.0
    asked: Mapping[str, Any] = field(default_factory=dict)  # all that the answer hangs on

    @property
    def model(self) -> str:
        """The painter's name."""
        return self.identity.name

    @property
    def rgb(self) -> UInt8[np.ndarray, "h w 3"]:
        """The pixels as 8 bits."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        return np.round(np.nan_to_num(self.pixels).clip(0, 1) * 255).astype(np.uint8)

    def provenance(self) -> dict[str, Any]:
        """The record that travels in the PNG's text chunk named `plantain`; the hash of its pixels is added there."""
        from plantain import __version__

        return {
            "task": self.task,
            "code": self.code,
            "model": self.model,
            "identity": self.identity.to_json(),
            "prompt": self.prompt,
            "seed": self.seed,
            "version": __version__,
            "geometry": dict(self.geometry),
            "asked": dict(self.asked),
            **({"trust": float(round(self.trust, 3))} if self.trust < 1 else {}),
            "note": NOTE,
        }

    def with_provenance(self, **changes: Any) -> Painting:
        """A copy with some of the record filled in."""
        return replace(self, **changes)

    def answering(self, request: Request, identity: Identity) -> Painting:
        """A copy that says who painted it and what was asked, where it does not say so yet."""
        if self.identity != NOBODY:
            return self
        return replace(self, identity=identity, prompt=self.prompt or request.prompt, seed=self.seed or request.seed)

    def image(self) -> Image.Image:
        return Image.fromarray(self.rgb)

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.image().save(out, format="PNG", compress_level=1)
        return out.getvalue()

    def png(self) -> bytes:
        """A PNG (of 16 bits where the pixels are float) with the provenance and the hash of its pixels inside."""
        picture: Any = Image.fromarray(self.pixels) if self.pixels.dtype == np.uint8 else None
        if picture is None:
            picture = np.round(np.nan_to_num(self.pixels).clip(0, 1) * np.float64(65535)).astype(np.uint16)
        return provenance.png(picture, self.provenance(), keyword=KEYWORD, level=6)

    def save(self, path: str | Path) -> Path:
        """Writes `png`, whole or not at all. Raises OutputError."""
        with writing(Path(path)) as beside:
            beside.write_bytes(self.png())
        return Path(path)

    @classmethod
    def load(cls, source: str | Path | bytes) -> Painting:
        """Reads a painted picture from anywhere; a Plantain PNG gives its provenance back. Raises PhotoError."""
        with open_picture(source) as image:
            content = source if isinstance(source, bytes) else Path(source).read_bytes()
            lossy = image.format in LOSSY or (image.format == "WEBP" and not _lossless_webp(content))
            text = getattr(image, "text", {}).get(KEYWORD, "")
            rgb = _rgb(image)
            deep = read_deep(content) if image.format == "PNG" else None
        pixels = rgb if deep is None else (deep / np.float64(65535)).astype(np.float32)
        return cls(pixels, lossy=lossy, **_recorded(text))


def read_record(path: str | Path | bytes) -> dict[str, Any]:
    """The provenance in a PNG, its pixels not read; {} where there is none."""
    try:
        with open_picture(path) as image:
            record = json.loads(getattr(image, "text", {}).get(KEYWORD, ""))
    except Exception:  # no picture, no record, or a damaged one
        return {}
    return record if isinstance(record, dict) else {}


def _recorded(text: str) -> dict[str, Any]:
    """What a text chunk says of a painting, as far as it can be read."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, dict):
        return {}
    known = {key: record[key] for key, kind in RECORDED.items() if isinstance(record.get(key), kind)}
    who = record.get("identity")
    if isinstance(who, dict) and isinstance(who.get("name"), str):
        known["identity"] = Identity.from_json(who)
    elif isinstance(record.get("model"), str):
        known["identity"] = Identity(record["model"])
    return known


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode.startswith("I;16"):  # Pillow would cut 16-bit gray off at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, -1)
    return np.asarray(image.convert("RGB"))


def _lossless_webp(content: bytes) -> bool:
    """Whether a WebP's pixels are in a `VP8L` chunk. Source: RFC 9649: a chunk is a name, a size and padded bytes."""
    file = BytesIO(content)
    file.seek(12)
    while len(head := file.read(8)) == 8:
        if head[:4] in (b"VP8L", b"VP8 "):
            return head[:4] == b"VP8L"
        size = int.from_bytes(head[4:], "little")
        file.seek(size + size % 2, 1)
    return False

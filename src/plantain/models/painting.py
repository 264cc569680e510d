"""What goes to a generator (Request) and what comes back (Painting), with its provenance kept inside the PNG."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from plantain._shapes import Bool, UInt8
from plantain.errors import PhotoError
from plantain.files import writing

NOTE = "machine-made estimate"
LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "GIF")  # formats that change colours; WebP may or may not
RECORDED = {"task": str, "code": str, "model": str, "prompt": str, "seed": int, "geometry": dict, "asked": dict}


@dataclass(frozen=True, eq=False)
class Request:
    """A question for a generator: words, and the photo already brought to the painter's legal size.

    `photo` None asks for a picture from the words alone; `mask` (True = paint here) asks for inpainting.
    The same seed, size, photo and prompt must give the same painting.
    """

    prompt: str
    photo: UInt8[np.ndarray, "h w 3"] | None
    size: tuple[int, int]  # (width, height) in pixels
    seed: int = 0
    steps: int | None = None
    mask: Bool[np.ndarray, "h w"] | None = None
    perceive: bool = True  # False for edits and text to image, where a sample is wanted rather than the mean


@dataclass(frozen=True, eq=False)
class Painting:
    """A painted picture and how it came to be. `rgb` is uint8; `lossy` says that it went through JPEG or the like."""

    rgb: UInt8[np.ndarray, "h w 3"]
    model: str = "unknown"
    prompt: str = ""
    seed: int = 0
    seconds: float = 0.0
    task: str = ""
    code: str = ""
    geometry: Mapping[str, Any] = field(default_factory=dict)
    lossy: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)  # the whole question, so that a second run knows its answer

    def provenance(self) -> dict[str, Any]:
        """The record that travels in the PNG's text chunk named `plantain`."""
        from plantain import __version__

        return {
            "task": self.task,
            "code": self.code,
            "model": self.model,
            "prompt": self.prompt,
            "seed": self.seed,
            "version": __version__,
            "geometry": dict(self.geometry),
            "asked": dict(self.asked),
            "note": NOTE,
        }

    def marked(self, **changes: Any) -> Painting:
        """A copy with some of the record filled in."""
        return replace(self, **changes)

    def image(self) -> Image.Image:
        return Image.fromarray(self.rgb)

    def _repr_png_(self) -> bytes:
        from plantain.output.show import png_bytes

        return png_bytes(self.image())

    def save(self, path: str | Path) -> Path:
        """Writes a PNG with the provenance inside, whole or not at all. Raises OutputError."""
        target = Path(path)
        record = json.dumps(self.provenance(), ensure_ascii=False)
        info = PngImagePlugin.PngInfo()
        # half letters (lone surrogates) stand as JSON's own \\u escapes
        info.add_itxt("plantain", record.encode("utf-8", "backslashreplace").decode())
        with writing(target) as beside:
            self.image().save(beside, format="PNG", pnginfo=info)
        return target

    @classmethod
    def load(cls, path: str | Path) -> Painting:
        """Reads a painted picture from anywhere; a Plantain PNG gives its provenance back."""
        source = Path(path)
        try:
            with Image.open(source) as image:
                lossy = image.format in LOSSY or (image.format == "WEBP" and not _lossless_webp(source))
                text = getattr(image, "text", {}).get("plantain", "")
                rgb = _rgb(image)
        except FileNotFoundError as error:
            raise PhotoError(f"no such file: {source}") from error
        except Exception as error:  # Pillow raises many kinds; each means that this is not a picture
            raise PhotoError(f"{source} is not a readable picture ({error}); give a PNG, WebP or JPEG") from error
        return cls(rgb=rgb, lossy=lossy, **_recorded(text))


def _recorded(text: str) -> dict[str, Any]:
    """What a text chunk says of a painting, as far as it can be read."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(record, dict):
        return {}
    return {key: record[key] for key, kind in RECORDED.items() if isinstance(record.get(key), kind)}


def _rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode.startswith("I;16"):  # Pillow would cut 16-bit gray off at 255
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, -1)
    return np.asarray(image.convert("RGB"))


def _lossless_webp(path: Path) -> bool:
    """Whether a WebP's pixels are in a `VP8L` chunk. Source: RFC 9649: a chunk is a name, a size and padded bytes."""
    with path.open("rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            if head[:4] in (b"VP8L", b"VP8 "):
                return head[:4] == b"VP8L"
            size = int.from_bytes(head[4:], "little")
            file.seek(size + size % 2, 1)
    return False

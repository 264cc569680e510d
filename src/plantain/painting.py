"""What goes to a generator (Request) and what comes back (Painting), with its provenance kept inside the PNG."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from plantain._shapes import Bool, UInt8
from plantain.errors import OutputError, PhotoError

NOTE = "machine-made estimate"


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
        from plantain.show import png_bytes

        return png_bytes(self.image())

    def save(self, path: str | Path) -> Path:
        """Writes a PNG with the provenance inside; beside first, then renamed, so that no half file is ever seen."""
        target = Path(path)
        info = PngImagePlugin.PngInfo()
        info.add_itxt("plantain", json.dumps(self.provenance(), ensure_ascii=False))
        beside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.image().save(beside, format="PNG", pnginfo=info)
            beside.replace(target)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise OutputError(f"cannot write {target}: {error.strerror or error}; choose another folder") from error
        return target

    @classmethod
    def load(cls, path: str | Path) -> Painting:
        """Reads a painted picture from anywhere; a Plantain PNG gives its provenance back."""
        source = Path(path)
        try:
            with Image.open(source) as image:
                lossy = image.format in ("JPEG", "MPO")
                text = getattr(image, "text", {}).get("plantain", "")
                rgb = np.asarray(image.convert("RGB"))
        except FileNotFoundError as error:
            raise PhotoError(f"no such file: {source}") from error
        except Exception as error:  # Pillow raises many kinds; each means that this is not a picture
            raise PhotoError(f"{source} is not a readable picture ({error}); give a PNG, WebP or JPEG") from error
        try:
            record = json.loads(text) if text else {}
        except ValueError:
            record = {}
        known = {k: record[k] for k in ("task", "code", "model", "prompt", "seed", "geometry", "asked") if k in record}
        return cls(rgb=rgb, lossy=lossy, **known)

"""What a generator would take, before anything is loaded: bytes by component, memory at each precision, how it fits.

Everything here is computed from numbers of parameters, not measured."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

from plantain.models.painters.generators.spec import GeneratorSpec

GB = 1e9
BYTES = {"bf16": 2.0, "int8": 1.0, "nf4": 0.5625}  # a parameter; nf4: 4 bits, and a float32 for each 64 parameters
WORK = 3 * 256 * 4  # bytes a pixel of the canvas: three full-size maps of 256 channels, as the autoencoder decodes
WAYS = (  # what to switch on, in this order
    ("bf16", False, ""),
    ("bf16", True, "--offload"),
    ("int8", False, "--quantize int8"),
    ("int8", True, "--quantize int8 --offload"),
    ("nf4", False, "--quantize nf4"),
    ("nf4", True, "--quantize nf4 --offload"),
)


def parameters(spec: GeneratorSpec, folder: Path | None = None) -> dict[str, int]:
    """Numbers of parameters by component: counted in the headers of a folder's files, else the row's."""
    counted = {name: sum(_counts(folder / name)) for name in spec.params} if folder else {}
    return {name: counted.get(name) or round(billions * 1e9) for name, billions in spec.params.items()}


def _counts(folder: Path) -> Iterator[int]:
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(length))
        yield sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def on_disk(folder: Path) -> int:
    """Bytes of a component's weights."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def memory(counts: Mapping[str, int], how: str, offload: bool, pixels: int) -> float:
    """Bytes of accelerator memory at most. With `offload`, text encoders and denoiser are there in turn."""
    sizes = {name: count * (4.0 if name == "vae" else BYTES[how]) for name, count in counts.items()}
    texts = sum(size for name, size in sizes.items() if name.startswith("text_encoder"))
    painting = sum(sizes.values()) - texts
    work = WORK * pixels
    return max(texts, painting + work) if offload else texts + painting + work


def ways(counts: Mapping[str, int], pixels: int) -> list[tuple[str, float]]:
    """What can be switched on, in order, and GB that it then takes."""
    return [(switch, memory(counts, how, offload, pixels) / GB) for how, offload, switch in WAYS]


def lines(spec: GeneratorSpec, source: str, folder: Path | None, canvas: tuple[int, int]) -> list[str]:
    """The plan for people, a line each."""
    counts, pixels = parameters(spec, folder), canvas[0] * canvas[1]
    gated = ", gated" if spec.gated else ""
    said = [f"{spec.name}: {spec.cls} from {source}, {'on' if folder else 'not on'} this machine"]
    said.append(f"  license of the weights: {spec.license}{gated}")
    for name, count in counts.items():
        kinds = {"float32": 4.0} if name == "vae" else BYTES
        sizes = ", ".join(f"{size(count * each)} {kind}" for kind, each in kinds.items())
        here = f"; {size(on_disk(folder / name))} on disk" if folder else ""
        said.append(f"  {name}: {count / 1e9:.3f} billion parameters, {sizes} (computed){here}")
    for switch, needed in ways(counts, pixels):
        said.append(f"  memory {switch or 'as it is'}: {needed:.1f} GB (computed)")
    return said


def size(count: float) -> str:
    """Bytes for people.

    >>> size(7.75e9), size(4.2e6)
    ('7.75 GB', '4.20 MB')
    """
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.2f} MB"

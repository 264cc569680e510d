"""What a generator would take, before anything is loaded: bytes by component, memory at each precision, how it fits.

Everything here is computed from numbers of parameters, not measured."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path

from plantain.models.painters.generators.spec import GENERATORS, GeneratorSpec

GB = 1e9
BYTES = {"bf16": 2.0, "int8": 1.0, "nf4": 0.5625}  # a parameter; nf4: 4 bits, and a float32 for each 64 parameters
WORK = 3 * 256 * 4  # bytes a pixel of the canvas: three full-size maps of 256 channels, as the autoencoder decodes
CARDS = (8, 12, 24, 80)  # GB of memory
WAYS = (  # what to switch on, in this order
    ("bf16", False, ""),
    ("bf16", True, "--offload"),
    ("int8", False, "--quantize int8"),
    ("int8", True, "--quantize int8 --offload"),
    ("nf4", False, "--quantize nf4"),
    ("nf4", True, "--quantize nf4 --offload"),
)


def parameters(spec: GeneratorSpec, folder: Path | None = None) -> dict[str, int]:
    """Numbers of parameters by component: counted in the files of a folder where there is one, else the row's."""
    counted = {name: counts for name in spec.params if folder and (counts := _counted(folder / name))}
    return counted or {name: round(billions * 1e9) for name, billions in spec.params.items()}


def _counted(folder: Path) -> int:
    """Parameters in the safetensors files of a folder, by their headers."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(length))
        total += sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    return total


def memory(spec: GeneratorSpec, counts: Mapping[str, int], how: str, offload: bool, pixels: int) -> float:
    """Bytes of accelerator memory at most. With `offload`, text encoders and denoiser are there in turn."""
    sizes = {name: count * (4.0 if name == "vae" else BYTES[how]) for name, count in counts.items()}
    texts = sum(size for name, size in sizes.items() if name.startswith("text_encoder"))
    painting = sum(sizes.values()) - texts
    work = WORK * pixels
    return max(texts, painting + work) if offload else texts + painting + work


def ways(spec: GeneratorSpec, counts: Mapping[str, int], pixels: int) -> list[tuple[str, float]]:
    """What can be switched on, in order, and GB that it then takes."""
    return [(switch, memory(spec, counts, how, offload, pixels) / GB) for how, offload, switch in WAYS]


def fitting(spec: GeneratorSpec, counts: Mapping[str, int], pixels: int, gigabytes: float) -> str | None:
    """What to switch on so that it fits a card; "" for nothing, None where it does not fit."""
    return next((switch for switch, needed in ways(spec, counts, pixels) if needed <= gigabytes), None)


def lines(spec: GeneratorSpec, source: str, folder: Path | None, canvas: tuple[int, int]) -> list[str]:
    """The plan for people, a line each."""
    counts, pixels = parameters(spec, folder), canvas[0] * canvas[1]
    here = f"in {folder}" if folder else "not on this machine"
    said = [f"{spec.name}: {spec.cls}, {source}, {here}; license: {spec.license}{', gated' if spec.gated else ''}"]
    for name, count in counts.items():
        by_kind = ", ".join(f"{count * size / GB:.2f} GB {how}" for how, size in BYTES.items())
        said.append(f"  {name}: {count / 1e9:.3f} B parameters: " + (f"{count * 4 / GB:.2f} GB float32" if name == "vae" else by_kind))
    for switch, needed in ways(spec, counts, pixels):
        said.append(f"  memory, computed: {needed:.1f} GB with {switch or 'nothing switched on'}")
    return said


def table() -> str:
    """The rows for docs/generators.md, in Markdown."""
    head = ["model", "billions of parameters", "license", "what its class does to a picture, if let", *(f"{c} GB" for c in CARDS)]
    rows = [head, ["-"] * len(head)]
    for spec in GENERATORS.values():
        counts = parameters(spec)
        fits = [fitting(spec, counts, spec.size.canvas(1024, 1024)[0] ** 2, card) for card in CARDS]
        how = ["-" if fit is None else f"`{fit}`" if fit else "as it is" for fit in fits]
        parts = ", ".join(f"{name} {billions:.3g}" for name, billions in spec.params.items())
        gated = " (gated)" if spec.gated else ""
        rows.append([f"`{spec.name}`", parts, spec.license + gated, spec.does, *how])
    return "".join(f"|{'|'.join(f' {cell} ' if cell != '-' or i != 1 else cell for cell in row)}|\n" for i, row in enumerate(rows))

"""What a generator is told of a sample, made once and kept: text embeddings, latents of the pictures, positions.

They come out of the stock call itself, stopped where it first asks its denoiser, so that a tuned generator is told in
training exactly what it is told afterwards: no class of pipelines is written a second time. Text encoders are needed
for nothing else, and leave the memory before training begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from plantain.data.stream import Stored
from plantain.errors import PhotoError, UsageError
from plantain.files import writing
from plantain.models.painters.generators import latents
from plantain.models.painters.generators.painter import DiffusersPainter, FirstCall, last_cell
from plantain.models.painting import Request

FORMAT = "plantain-condition/1"


@dataclass(frozen=True, eq=False)
class Condition:
    """One row of the denoiser's arguments. `beside`: what its input holds but the latents to be painted; `target`: the
    latents (1 C h w) of the true painting. `shift`: how much the generator's schedule stays at noise (1: not at all).
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    beside: Tensor
    target: Tensor
    shift: float


class Conditions:
    """A folder of conditions by content: of the same generator, words and pictures there is one."""

    def __init__(self, painter: DiffusersPainter, folder: Path) -> None:
        self.painter, self.folder = painter, folder
        self.made_for = f"{FORMAT} {painter.identity.key}"

    def place(self, sample: Stored) -> Path:
        """Where a sample's condition is kept."""
        about = hashlib.sha256(json.dumps([self.made_for, sample.prompt]).encode())
        for picture in (*sample.references, sample.target):
            about.update(np.ascontiguousarray(picture).tobytes() + repr(picture.shape).encode())
        key = about.hexdigest()
        return self.folder / key[:2] / f"{key}.pt"

    def make(self, samples: Iterable[Stored]) -> tuple[int, int]:
        """Makes what is not there yet; gives how many were made, and their bytes. PainterError, UsageError."""
        count = size = 0
        for sample in samples:
            sample = as_told(self.painter, sample)
            place = self.place(sample)
            if place.exists():
                continue
            made = condition(self.painter, sample)
            place.parent.mkdir(parents=True, exist_ok=True)
            with writing(place) as beside:
                torch.save(vars(made), beside)
            count, size = count + 1, size + place.stat().st_size
        return count, size

    def read(self, sample: Stored) -> Condition:
        """PhotoError where it is missing or broken."""
        place = self.place(sample)
        try:
            return Condition(**torch.load(place, map_location="cpu", weights_only=True))
        except Exception as error:  # a cut file raises many kinds
            raise PhotoError(f"{place} cannot be read; remove it and resume, and it is made again") from error


@torch.no_grad()
def condition(painter: DiffusersPainter, sample: Stored) -> Condition:
    """What the stock call tells the denoiser of a sample (`as_told`). UsageError for sides that the class would
    change."""
    require_sides(painter, sample)
    spec, size = painter.spec, (sample.target.shape[1], sample.target.shape[0])
    call = painter.first_call(Request(sample.prompt, sample.references, size))
    hidden = call.args[0] if call.args else call.kwargs["hidden_states"]
    if hidden.shape[0] != 1:
        raise UsageError(f"{spec.name} cannot be tuned: its class always paints {hidden.shape[0]} pictures at once")
    if call.canvas != size:
        raise UsageError(f"{spec.name} would paint {call.canvas}, not {size}; it must be given the sample as told")
    grid = size[1] // spec.unit, size[0] // spec.unit
    rest = latents.beside(spec, hidden, grid)
    require_grids(painter, sample, rest, grid, call)
    target = latents.encode(painter.pipe, spec, shown(sample.target, painter.device))
    args = call.args[1:]
    kwargs = {name: value for name, value in call.kwargs.items() if name != "hidden_states"}
    return Condition(kept(args), kept(kwargs), kept(rest), kept(target.float()), shift(call.times))


def as_told(painter: DiffusersPainter, sample: Stored) -> Stored:
    """The sample as it is told. Where a class takes one picture, examples stand on a grid with the photo and an empty
    cell: the painting is that grid with the answer in its last cell, and nothing else of it counts."""
    if painter.spec.order != "grid" or len(sample.references) < 2:
        return sample
    height, width = sample.target.shape[:2]
    size, (grid,) = painter.shown(Request(sample.prompt, sample.references, (width, height)))
    cell = last_cell(size, len(sample.references))
    sides = cell[1].stop - cell[1].start, cell[0].stop - cell[0].start
    known = np.ones((height, width), np.float32) if sample.weight is None else sample.weight
    target, weight = np.array(grid), np.zeros(size[::-1], np.float32)
    target[cell] = Image.fromarray(sample.target).resize(sides, Image.Resampling.NEAREST)  # codes are never mixed
    weight[cell] = Image.fromarray(known).resize(sides, Image.Resampling.NEAREST)
    return replace(sample, references=(np.asarray(grid),), target=target, weight=weight)


def kept(value: Any) -> Any:
    """Tensors in ordinary memory, each its own."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {key: kept(part) for key, part in value.items()}
    return type(value)(kept(part) for part in value) if isinstance(value, tuple | list) else value


def shown(picture: np.ndarray, device: str) -> Tensor:
    """1 3 h w, 0..1."""
    return torch.from_numpy(picture.transpose(2, 0, 1)[None].astype(np.float32) / 255).to(device)


def shift(times: Sequence[float]) -> float:
    """The factor e^mu by which a schedule is shifted, t e^mu / (1 + (e^mu - 1) t), as its middle shows it.

    >>> round(shift([1.0, 0.75, 0.0]), 6)
    3.0
    """
    steps = len(times) - 1  # the last one is 0
    if steps < 2:
        return 1.0
    even, own = 1 - (steps // 2) / steps, times[steps // 2]
    return float(own * (1 - even) / (even * (1 - own))) if 0 < own < 1 else 1.0


# ---- sides


def require_sides(painter: DiffusersPainter, sample: Stored) -> None:
    """UsageError where a picture is not of the painting's sides, or its class would crop or stretch it."""
    height, width = sample.target.shape[:2]
    for picture in sample.references:
        if picture.shape[:2] != (height, width):
            raise UsageError(
                f"sample {named(sample)}: the painting is {width} x {height} pixels and a picture beside it "
                f"{picture.shape[1]} x {picture.shape[0]}; pictures of a sample have the same sides"
            )
    if not painter.spec.size.fits(width, height):
        near = painter.canvas(width, height)
        raise UsageError(
            f"{painter.spec.name} would resize {width} x {height} pixels to {near[0]} x {near[1]}; build the shards "
            f"with --generator {painter.spec.name}"
        )


def require_grids(
    painter: DiffusersPainter, sample: Stored, rest: Tensor, grid: tuple[int, int], call: FirstCall
) -> None:
    """UsageError where the denoiser sees pictures on another grid than it paints on."""
    count = grid[0] * grid[1] * len(sample.references)
    apart = call.kwargs.get("image_cond_hidden_states") if painter.spec.place == "apart" else rest
    if not sample.references or painter.spec.place in ("channels", "left") or apart is None:
        return
    if apart.shape[1] != count:
        raise UsageError(
            f"sample {named(sample)}: {painter.spec.name} sees its {len(sample.references)} pictures as "
            f"{apart.shape[1]} tokens and paints on {grid[1]} x {grid[0]}; their grids must be equal"
        )


def named(sample: Stored) -> str:
    """A sample's name for people."""
    return f"{sample.record.get('source', '?')}/{sample.record.get('id', '?')}"

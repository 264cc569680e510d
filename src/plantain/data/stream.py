"""Reads shards for training: any sample by its number, and mixtures of shard folders in an order that never changes.

    mixture = Mixture((Shards("shards/"), Shards("replay/")), (0.8, 0.2), seed=0)
    mixture[12_345]                                                  # random access; a torch Dataset needs no more
    for n in step_numbers(step=40, batch=64, rank=0, world=2): mixture[n]

What step 40 sees hangs on the seed, the folders and the size of the whole batch: not on how many processes share it,
nor on where a run was stopped. `Buckets` gives batches of one canvas, for what cannot be stacked otherwise.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.data.schedule import Schedule, in_rounds, seeds
from plantain.data.tars import Row, index_rows, read_member, references
from plantain.errors import PhotoError, UsageError

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Stored:
    """A sample as it was read: pictures shown, the painting, its weight (None: 1 everywhere), and the record."""

    prompt: str
    references: tuple[UInt8[np.ndarray, "_h _w 3"], ...]
    target: UInt8[np.ndarray, "h w 3"]
    weight: Float[np.ndarray, "h w"] | None
    record: Mapping[str, Any]


class Shards:
    """A folder of shards (see `tars`). `shards[i]`: sample i; `rows`: those of the index to keep, all when not said.

    `check` compares every member with its SHA-256 as it is read, and raises PhotoError where one differs."""

    def __init__(self, folder: str | Path, *, check: bool = False, rows: Sequence[Row] | None = None) -> None:
        self.folder, self.check = Path(folder), check
        self.rows = index_rows(self.folder) if rows is None else list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Stored:
        if not -len(self) <= i < len(self):
            raise IndexError(f"sample {i} of {len(self)}")
        return read_sample(self.folder, self.rows[i], self.check)

    def __iter__(self) -> Iterator[Stored]:
        return (self[i] for i in range(len(self)))

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    def by_size(self) -> dict[Size, Shards]:
        """The samples of each canvas."""
        sizes: dict[Size, list[Row]] = {}
        for row in self.rows:
            width, height = row["size"]
            sizes.setdefault((int(width), int(height)), []).append(row)
        return {size: Shards(self.folder, check=self.check, rows=rows) for size, rows in sorted(sizes.items())}


def read_sample(folder: Path, row: Row, check: bool = False) -> Stored:
    """One sample of a row of the index. PhotoError where a shard is missing, cut off or, if checked, changed."""
    record = json.loads(read_member(folder, row, "json"))

    def pixels(ending: str) -> np.ndarray:
        content = read_member(folder, row, ending)
        if check and hashlib.sha256(content).hexdigest() != record["hashes"][ending]:
            raise PhotoError(f"{folder / row['tar']}: {row['key']}.{ending} is not what was written; build it again")
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image if ending == "weight.png" else image.convert("RGB"))

    shown = tuple(pixels(ending) for ending in references(row))
    weight = pixels("weight.png").astype(np.float32) / 255 if "weight.png" in row["members"] else None
    return Stored(record["prompt"], shown, pixels("tgt.png"), weight, record)


class Mixture:
    """Shard folders mixed with exact proportions (see `schedule`); every folder's samples come once a round."""

    def __init__(self, parts: Sequence[Shards], shares: Sequence[float] | None = None, seed: int = 0) -> None:
        """`shares`: how often each folder is drawn; by their numbers of samples when not said."""
        if shares is not None and len(shares) != len(parts):
            raise UsageError(f"{len(parts)} shard folders and {len(shares)} shares were given; give one for each")
        if empty := [part.name for part in parts if not len(part)]:
            raise UsageError(f"the shard folder {empty[0]} holds no samples; leave it out")
        self.parts, self.seed = tuple(parts), seed
        self.shares = tuple(float(len(part)) for part in parts) if shares is None else tuple(map(float, shares))
        self.schedule = Schedule(self.shares, seed)
        self.seeds = seeds(seed, [f"{i}/{part.name}" for i, part in enumerate(parts)])

    def locate(self, n: int) -> tuple[int, int]:
        """The folder of sample n, and which of its samples it is."""
        part, j = self.schedule.locate(n)
        return part, in_rounds(j, len(self.parts[part]), self.seeds[part])

    def row(self, n: int) -> Row:
        """Sample n's row of the index: its canvas, task and code, without reading it."""
        part, i = self.locate(n)
        return self.parts[part].rows[i]

    def __getitem__(self, n: int) -> Stored:
        part, i = self.locate(n)
        return self.parts[part][i]

    def __len__(self) -> int:
        """Samples of all folders: what counts as a round. Numbers beyond it go on."""
        return sum(map(len, self.parts))


class Buckets:
    """Batches of one canvas each. Canvases come as often as their samples are drawn, and inside each canvas the folders
    keep their proportions, both exactly."""

    def __init__(self, mixture: Mixture, batch: int) -> None:
        if batch < 1:
            raise UsageError(f"a batch holds at least one sample, not {batch}")
        self.mixture, self.batch = mixture, batch

    @cached_property
    def sizes(self) -> dict[Size, Mixture]:
        """The mixture of each canvas."""
        apart = [part.by_size() for part in self.mixture.parts]
        every = sorted({size for sizes in apart for size in sizes})
        return {size: self._of(size, apart) for size in every}

    def _of(self, size: Size, apart: list[dict[Size, Shards]]) -> Mixture:
        whole = zip(apart, self.mixture.parts, self.mixture.shares, strict=True)
        rows = [(own[size], share * len(own[size]) / len(part)) for own, part, share in whole if size in own]
        return Mixture([part for part, _ in rows], [share for _, share in rows], self.mixture.seed)

    @cached_property
    def schedule(self) -> Schedule:
        return Schedule(tuple(sum(one.shares) for one in self.sizes.values()), self.mixture.seed + 1)

    def numbers(self, step: int, rank: int = 0, world: int = 1) -> tuple[Mixture, list[int]]:
        """The mixture of this step's canvas, and the numbers of its samples that this process reads."""
        which, j = self.schedule.locate(step)
        return list(self.sizes.values())[which], step_numbers(j, self.batch, rank, world)

    def read(self, step: int, rank: int = 0, world: int = 1) -> list[Stored]:
        """This process's part of the batch of a step, all of one canvas."""
        mixture, numbers = self.numbers(step, rank, world)
        return [mixture[n] for n in numbers]


def step_numbers(step: int, batch: int, rank: int = 0, world: int = 1) -> list[int]:
    """The numbers of the samples that one of `world` processes reads at a step; `batch` is that of all together.

    >>> step_numbers(2, 4), step_numbers(2, 4, rank=1, world=2)
    ([8, 9, 10, 11], [9, 11])
    """
    if batch % world or not 0 <= rank < world:
        raise UsageError(f"a batch of {batch} cannot be shared by {world} processes; make it a multiple of {world}")
    return list(range(step * batch + rank, (step + 1) * batch, world))


def stream(mixture: Mixture, batch: int, step: int = 0, rank: int = 0, world: int = 1) -> Iterator[list[Stored]]:
    """Batches without an end, from a step on: the same ones as if the run had never stopped."""
    while True:
        yield [mixture[n] for n in step_numbers(step, batch, rank, world)]
        step += 1

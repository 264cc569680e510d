"""Training batches: rows of one grid, each with a question of its own, drawn from (seed, step) alone.

Because a batch depends on nothing but the seed and its number, a run that is stopped and resumed sees the same batches.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.utils.data
from PIL import Image
from torch import Tensor

from plantain.data.base import Example
from plantain.data.edits import EDITS
from plantain.data.excerpts import present
from plantain.data.mixture import RECIPES, Sample, caption, edit
from plantain.data.questions import question
from plantain.data.teachers import attach
from plantain.data.views import View
from plantain.models.painters.embedded import prompt_arrays
from plantain.models.painters.grids import GRIDS, PATCH, grid
from plantain.models.painters.words import shipped
from plantain.train.seedling import Prompt
from plantain.train.taps import SEEN, Rows

SHARES: Mapping[str, float] = {  # how often each set is drawn; "edits" and "captions" are the generator's own data
    "nyu": 0.17, "kitti": 0.055, "ade20k": 0.17, "camvid": 0.085, "animals": 0.05, "faceparts": 0.015, "people": 0.03,
    "portraits": 0.015, "salient": 0.03, "coco": 0.05, "panoptic": 0.05, "persons": 0.045, "pose": 0.055,
    "faces": 0.008, "bsds": 0.04, "voc": 0.06, "imagenette": 0.07, "caltech": 0.03, "everyday": 0.05, "photos": 0.025,
    "edits": 0.05, "captions": 0.02,
}  # fmt: skip


MORE = ("photos", "voc", "imagenette", "caltech")  # photographs without labels of their own, or with a few


class Batch(NamedTuple):
    """b samples of one grid; h and w are multiples of 14, n = h w / 196."""

    taps: Tensor  # b 1+n 1536, int8 to be multiplied by tap_scale; empty: the reader runs beside the training
    tap_scale: Tensor  # 1536
    has_photo: Tensor  # b
    photo: Tensor  # b 3 h w, uint8
    t: Tensor  # b; 0: a blank canvas, else how far the canvas is on the way from noise to the target
    prompt: Prompt
    target: Tensor  # b 3 h w, uint8
    weight: Tensor  # b h w, float16
    ids: Tensor  # b h/2 w/2, int8: which colour of the prompt the pixel has, -1 = none
    scale: Tensor  # b
    squared: Tensor  # b, True = squared error, False = absolute
    doubt: Tensor  # b; > 0: blue learns the painting's own error, which is full at this much
    tasks: Sequence[str]


@dataclass(frozen=True, eq=False)
class Seen:
    """A row of a store: whose photo it is, how it is seen, its pixels, and its taps where they are known."""

    source: str
    id: str
    box: tuple[float, float, float, float]
    mirror: bool
    edit: str
    photo: np.ndarray
    taps: np.ndarray | None
    zoom: float | None = None  # see View


@dataclass(frozen=True, eq=False)
class Drawn:
    """One sample before it is batched."""

    sample: Sample
    taps: np.ndarray | None
    photo: np.ndarray
    t: float
    has_photo: bool


class Cached:
    """Rows of a cache of taps: every photo in a few fixed views."""

    def __init__(self, rows: Sequence[Rows], scale: np.ndarray) -> None:
        self.rows, self.scale = rows, scale
        self.where = [(r, i) for r in rows for i in range(len(r.about))]
        self.sets = [_set_of(r.about[i]) for r, i in self.where]
        self.grids = [r.grid for r, _ in self.where]

    def row(self, i: int, rng: np.random.Generator) -> Seen:
        rows, j = self.where[i]
        about = rows.about[j]
        return Seen(about["set"], about["id"], tuple(about["box"]), about["mirror"], about.get("edit", ""),
                    rows.photo[j], rows.taps[j])  # fmt: skip


class Live:
    """Photographs themselves, in a new view each time; the reader runs beside the training, on the accelerator."""

    scale = np.ones(1, np.float32)  # the reader's own numbers

    def __init__(self, examples: Sequence[Example], edits: float = 0.15, odd: float = 0.25) -> None:
        """`edits`: how many spoilt rows there are for each photo; `odd`: how many rows on a canvas of another shape."""
        whole = [(e, _grid_of(e), "") for e in examples]
        spoilt = [(e, g, "edits") for e, g, _ in whole if e.source not in ("captions", "everyday")]
        rng = np.random.default_rng(5)
        others = [(e, _other(g, rng), "") for e, g, _ in whole[:: round(1 / odd)]]
        self.rows = [*whole, *others, *spoilt[:: round(1 / edits)]]
        self.sets = [use or e.source for e, _, use in self.rows]
        self.grids = [g for _, g, _ in self.rows]
        columns = {id(e): g[1] for e, g, _ in whole}
        self.own = [columns[id(e)] for e, _, _ in self.rows]

    def row(self, i: int, rng: np.random.Generator) -> Seen:
        example, (rows, columns), use = self.rows[i]
        mirror = bool(rng.random() < 0.5)
        with Image.open(example.photo) as image:
            box = _box(image.size, columns / rows, rng)
            photo = View((columns * PATCH, rows * PATCH), box, mirror).picture(image.convert("RGB"))
        kind = str(rng.choice(list(EDITS))) if use else ""
        photo = EDITS[kind].spoil(photo, rng) if kind else jittered(photo, rng)
        zoom = (box[2] - box[0]) * self.own[i] / columns  # a thing twice as large on the canvas is half as far
        return Seen(example.source, example.id, box, mirror, kind, photo, None, zoom)


def _other(own: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """A canvas of another shape, at most about twice as wide or as high."""
    near = [g for g in GRIDS if g != own and abs(np.log(g[1] / g[0] * own[0] / own[1])) < 0.75]
    return near[int(rng.integers(len(near)))]


def _box(size: tuple[int, int], shape: float, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A part of a photo (shares of its sides) for a canvas of width : height = `shape`; mostly a crop of it."""
    turn = shape * size[1] / size[0]
    wide, high = (1.0, 1.0) if abs(np.log(turn)) < 0.15 else (min(1.0, turn), min(1.0, 1 / turn))
    share = rng.uniform(0.45, 1.0) if rng.random() < 0.7 else 1.0
    x, y = rng.uniform(0, 1 - share * wide), rng.uniform(0, 1 - share * high)
    return (x, y, x + share * wide, y + share * high)


def training_set(root: Path, teachers: Path | None, limit: int | None = None) -> list[Example]:
    """Every photograph that training sees, with what specialists said of it. The captioned ones come twice: as
    "everyday" photographs, here, and with their captions, in `Source`."""
    found = [e for name in (*SEEN, *MORE) for e in present(root, [name])[:limit]]
    if teachers is None:
        return found
    everyday = [replace(e, source="everyday") for e in attach(present(root, ["captions"])[:limit], teachers)]
    return [e for e in attach(found, teachers) if e.source in RECIPES or "ade" in e.truths] + everyday


def jittered(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast and colour balance a little off; the truths do not change."""
    gain = rng.uniform(0.8, 1.25) * rng.uniform(0.93, 1.07, 3)
    return ((photo.astype(np.float32) - 128) * gain + 128 + rng.uniform(-20, 20)).clip(0, 255).astype(np.uint8)


class Source:
    """Draws batches from a store of rows. `shares` weighs the sets; rows of a set are equally likely."""

    def __init__(
        self, root: Path, store: Cached | Live, size: int, seed: int, shares: Mapping[str, float] = SHARES,
        examples: Sequence[Example] | None = None,
    ) -> None:  # fmt: skip
        self.store, self.size, self.seed = store, size, seed
        shipped()  # read once, before the workers part
        self.examples = {(e.source, e.id): remembered(e) for e in examples or training_set(root, None)}
        self.captioned = present(root, ["captions"])
        count = Counter(store.sets)
        weight = np.array([shares.get(name, 0.0) / count[name] for name in store.sets])
        self.weight = weight / weight.sum()
        self.caption_share = shares.get("captions", 0.0) / sum(shares.values()) if self.captioned else 0.0
        self.by_grid = {g: np.flatnonzero([g == other for other in store.grids]) for g in set(store.grids)}

    def batch(self, step: int) -> Batch:
        """Batch number `step`: the grid of a random row, then rows of that grid."""
        rng = np.random.default_rng((self.seed, step))
        grid = self.store.grids[rng.choice(len(self.weight), p=self.weight)]
        among = self.by_grid[grid]
        p = self.weight[among] / self.weight[among].sum()
        drawn: list[Drawn] = []
        while len(drawn) < self.size:
            if rng.random() < self.caption_share:
                drawn.append(self._from_words(grid, rng))
            else:
                one = self._from_row(grid, self.store.row(int(rng.choice(among, p=p)), rng), rng)
                drawn += [one] if one else []
        return self._stack(drawn)

    def _from_row(self, grid: tuple[int, int], seen: Seen, rng: np.random.Generator) -> Drawn | None:
        view = View((grid[1] * PATCH, grid[0] * PATCH), seen.box, seen.mirror, seen.zoom)
        example = self.examples[seen.source, seen.id]
        if seen.edit:
            with Image.open(example.photo) as image:
                clean = view.picture(image.convert("RGB"))
            made: Sample | None = edit(clean, seen.edit, rng)
        else:
            made = question(example, view, rng)
        if made is None:
            return None
        t = moment(rng) if made.task == "edit" and rng.random() < 0.25 else 0.0
        return Drawn(made, seen.taps, seen.photo, t, True)

    def _from_words(self, grid: tuple[int, int], rng: np.random.Generator) -> Drawn:
        """Text to image. The set's pictures were squashed to squares, so any canvas shape is as true as another."""
        example = self.captioned[rng.integers(len(self.captioned))]
        with Image.open(example.photo) as image:
            view = View((grid[1] * PATCH, grid[0] * PATCH), mirror=bool(rng.random() < 0.5))
            clean = view.picture(image.convert("RGB"))
        blank = np.full(clean.shape, 128, np.uint8)
        return Drawn(caption(clean, example.facts["captions"], rng), None, blank, moment(rng), False)

    def _stack(self, drawn: Sequence[Drawn]) -> Batch:
        tokens = [shipped().read(d.sample.prompt) for d in drawn]
        prompt = Prompt(**{k: torch.from_numpy(v) for k, v in prompt_arrays(tokens).items()})
        ids = [which(d.sample.target, d.sample.weight, t.colours) for d, t in zip(drawn, tokens, strict=True)]
        return Batch(
            taps=self._taps(drawn),
            tap_scale=torch.from_numpy(self.store.scale),
            has_photo=torch.tensor([d.has_photo for d in drawn]),
            photo=_planes([d.photo for d in drawn]),
            t=torch.tensor([d.t for d in drawn], dtype=torch.float32),
            prompt=prompt,
            target=_planes([d.sample.target for d in drawn]),
            weight=torch.from_numpy(np.stack([d.sample.weight for d in drawn]).astype(np.float16)),
            ids=torch.from_numpy(np.stack(ids)),
            scale=torch.tensor([d.sample.scale for d in drawn]),
            squared=torch.tensor([d.sample.loss == "l2" for d in drawn]),
            doubt=torch.tensor([d.sample.doubt for d in drawn]),
            tasks=tuple(d.sample.task for d in drawn),
        )

    def _taps(self, drawn: Sequence[Drawn]) -> Tensor:
        """The cached taps; an empty tensor where the reader is to run beside the training."""
        if isinstance(self.store, Live):
            return torch.empty(0)
        h, w = drawn[0].photo.shape[:2]
        blank = np.zeros((1 + h * w // PATCH**2, len(self.store.scale)), np.int8)
        return torch.from_numpy(np.stack([blank if d.taps is None else d.taps for d in drawn]))

    def stream(self, start: int, workers: int = 1) -> Iterable[Batch]:
        """Batches start, start + 1, ... made ahead in worker processes."""
        return torch.utils.data.DataLoader(
            Steps(self), batch_size=None, sampler=itertools.count(start), num_workers=workers,
            prefetch_factor=4 if workers else None, pin_memory=torch.cuda.is_available(),
        )  # fmt: skip


class Steps(torch.utils.data.Dataset[Batch]):
    """A source as torch's DataLoader wants it: step -> batch."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __getitem__(self, step: int) -> Batch:
        return self.source.batch(step)


def remembered(example: Example) -> Example:
    """The same example with every truth of its own read only once: they fit in memory (about 2 GB for 6,000 photos).
    What specialists said lies in memory already."""
    kept = {n: read if n in ("ade", "voc", "main", "boxes") else cache(read) for n, read in example.truths.items()}
    return replace(example, truths=kept)


def _set_of(about: Mapping[str, Any]) -> str:
    return "edits" if about.get("edit") else str(about["set"])


def _grid_of(example: Example) -> tuple[int, int]:
    with Image.open(example.photo) as image:
        return grid(*image.size)


def _planes(pictures: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)  # the memory stays b h w 3: channels last


def moment(rng: np.random.Generator) -> float:
    """A place on the path from noise (0) to the picture (1); never 0 itself, which is the blank canvas."""
    return float(rng.uniform(1e-3, 0.98))


def which(target: np.ndarray, weight: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """At half size: the index of the prompt's colour that the target has there, -1 where it has none or does not count.

    Source of the idea: supervising the copy attention learns several times faster than the painting alone."""
    half, counts = target[::2, ::2], weight[::2, ::2] > 0
    out = np.full(half.shape[:2], -1, np.int8)
    packed = half.astype(np.int32) @ np.array([65536, 256, 1])
    for k, colour in enumerate((colours * 255).round().astype(np.int32)):
        out[(packed == colour @ np.array([65536, 256, 1])) & counts] = k
    return out

"""What the seedling learns from: photos of one grid, each with a question of its own, drawn from (seed, number) alone.

Because a batch depends on nothing but the seed and its number, a run that is stopped and resumed sees the same batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.augment import jittered
from plantain.data.base import Example
from plantain.data.edits import EDITS
from plantain.data.excerpts import present
from plantain.data.mixture import RECIPES, Sample, caption, edit
from plantain.data.questions import question
from plantain.data.teachers import attach
from plantain.data.views import View
from plantain.models.painters.grids import GRIDS, PATCH
from plantain.train.features import LABELED, Box, FeatureRows, grid_of

OWN: Mapping[str, float] = {"edits": 0.75, "captions": 0.25}  # stage 1: the generator's own data
SHARES: Mapping[str, float] = {  # how often each set is drawn; "edits" and "captions" are the generator's own data
    "nyu": 0.17, "kitti": 0.055, "ade20k": 0.17, "camvid": 0.085, "animals": 0.05, "faceparts": 0.015, "people": 0.03,
    "portraits": 0.015, "salient": 0.03, "coco": 0.05, "panoptic": 0.05, "persons": 0.045, "pose": 0.055,
    "faces": 0.008, "bsds": 0.04, "voc": 0.06, "imagenette": 0.07, "caltech": 0.03, "everyday": 0.05, "photos": 0.025,
    "edits": 0.05, "captions": 0.02,
}  # fmt: skip
MORE = ("photos", "voc", "imagenette", "caltech")  # photographs without labels of their own, or with a few


@dataclass(frozen=True, eq=False)
class StoredPhoto:
    """An entry of a store: whose photo it is, how it is seen, its pixels, and its features where they are known."""

    source: str
    id: str
    view: View
    edit: str
    photo: np.ndarray
    features: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Item:
    """One sample before it is batched: the question with its answer, and what the network sees."""

    sample: Sample
    features: np.ndarray | None  # 1+n 1536 int8; None: blank, or the encoder runs beside the training
    photo: np.ndarray
    t: float  # 0: a blank canvas, else how far the canvas is on the way from noise to the target
    has_photo: bool


class FeatureStore:
    """Cached features: every photo in a few fixed views."""

    def __init__(self, rows: Sequence[FeatureRows]) -> None:
        self.where = [(r, i) for r in rows for i in range(len(r.about))]
        self.sets = ["edits" if r.about[i].get("edit") else r.about[i]["set"] for r, i in self.where]
        self.grids = [r.grid for r, _ in self.where]

    def read(self, i: int, rng: np.random.Generator) -> StoredPhoto:
        rows, j = self.where[i]
        about = rows.about[j]
        view = View((rows.grid[1] * PATCH, rows.grid[0] * PATCH), tuple(about["box"]), about["mirror"])
        return StoredPhoto(about["set"], about["id"], view, about["edit"], rows.photo[j], rows.features[j])


class PhotoStore:
    """Photographs themselves, in a new view each time; the encoder runs beside the training, on the accelerator."""

    def __init__(self, examples: Sequence[Example], edits: float = 0.15, odd: float = 0.25) -> None:
        """`edits`: how many degraded entries there are for each photo; `odd`: how many on a canvas of another shape."""
        whole = [(e, grid_of(e), "") for e in examples]
        degraded = [(e, g, "edits") for e, g, _ in whole if e.source not in ("captions", "everyday")]
        rng = np.random.default_rng(5)
        others = [(e, _other(g, rng), "") for e, g, _ in whole[:: round(1 / odd)]]
        self.rows = [*whole, *others, *degraded[:: round(1 / edits)]]
        self.sets = [use or e.source for e, _, use in self.rows]
        self.grids = [g for _, g, _ in self.rows]
        columns = {id(e): g[1] for e, g, _ in whole}
        self.own = [columns[id(e)] for e, _, _ in self.rows]

    def read(self, i: int, rng: np.random.Generator) -> StoredPhoto:
        example, (rows, columns), use = self.rows[i]
        mirror = bool(rng.random() < 0.5)
        with Image.open(example.photo) as image:
            box = _box(image.size, columns / rows, rng)
            zoom = (box[2] - box[0]) * self.own[i] / columns  # a thing twice as large on the canvas is half as far
            view = View((columns * PATCH, rows * PATCH), box, mirror, zoom)
            photo = view.picture(image.convert("RGB"))
        kind = str(rng.choice(list(EDITS))) if use else ""
        photo = EDITS[kind].degrade(photo, rng) if kind else jittered(photo, rng)
        return StoredPhoto(example.source, example.id, view, kind, photo, None)


def _other(own: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """A canvas of another shape, at most about twice as wide or as high."""
    near = [g for g in GRIDS if g != own and abs(np.log(g[1] / g[0] * own[0] / own[1])) < 0.75]
    return near[int(rng.integers(len(near)))]


def _box(size: tuple[int, int], shape: float, rng: np.random.Generator) -> Box:
    """A part of a photo (shares of its sides) for a canvas of width : height = `shape`; mostly a crop of it."""
    turn = shape * size[1] / size[0]
    wide, high = (1.0, 1.0) if abs(np.log(turn)) < 0.15 else (min(1.0, turn), min(1.0, 1 / turn))
    share = rng.uniform(0.45, 1.0) if rng.random() < 0.7 else 1.0
    x, y = rng.uniform(0, 1 - share * wide), rng.uniform(0, 1 - share * high)
    return (x, y, x + share * wide, y + share * high)


def training_set(root: Path, teachers: Path | None, limit: int | None = None) -> list[Example]:
    """Every photograph that training sees, with what specialists said of it. The captioned ones come twice: as
    "everyday" photographs, here, and with their captions, in `Source`."""
    found = [e for name in (*LABELED, *MORE) for e in present(root, [name])[:limit]]
    if teachers is None:
        return found
    everyday = [replace(e, source="everyday") for e in attach(present(root, ["captions"])[:limit], teachers)]
    return [e for e in attach(found, teachers) if e.source in RECIPES or "ade" in e.truths] + everyday


class Source:
    """Draws samples from a store. `shares` weighs the sets; entries of a set are equally likely."""

    def __init__(
        self, root: Path, store: FeatureStore | PhotoStore, size: int, seed: int,
        shares: Mapping[str, float] = SHARES, examples: Sequence[Example] | None = None,
    ) -> None:  # fmt: skip
        self.store, self.size, self.seed = store, size, seed
        self.examples = {(e.source, e.id): remembered(e) for e in examples or training_set(root, None)}
        self.captioned = present(root, ["captions"])
        count = Counter(store.sets)
        weight = np.array([shares.get(name, 0.0) / count[name] for name in store.sets])
        self.weight = weight / weight.sum()
        self.caption_share = shares.get("captions", 0.0) / sum(shares.values()) if self.captioned else 0.0
        self.by_grid = {g: np.flatnonzero([g == other for other in store.grids]) for g in set(store.grids)}

    def draw(self, number: int) -> list[Item]:
        """The samples of batch `number`: the grid of a random entry, then entries of that grid."""
        rng = np.random.default_rng((self.seed, number))
        grid = self.store.grids[rng.choice(len(self.weight), p=self.weight)]
        among = self.by_grid[grid]
        p = self.weight[among] / self.weight[among].sum()
        drawn: list[Item] = []
        while len(drawn) < self.size:
            if rng.random() < self.caption_share:
                drawn.append(self._from_words(grid, rng))
            else:
                one = self._from_store(self.store.read(int(rng.choice(among, p=p)), rng), rng)
                drawn += [one] if one else []
        return drawn

    def _from_store(self, seen: StoredPhoto, rng: np.random.Generator) -> Item | None:
        example = self.examples[seen.source, seen.id]
        if seen.edit:
            with Image.open(example.photo) as image:
                clean = seen.view.picture(image.convert("RGB"))
            made: Sample | None = edit(clean, seen.edit, rng)
        else:
            made = question(example, seen.view, rng)
        if made is None:
            return None
        t = sample_t(rng) if made.task == "edit" and rng.random() < 0.25 else 0.0
        return Item(made, seen.features, seen.photo, t, True)

    def _from_words(self, grid: tuple[int, int], rng: np.random.Generator) -> Item:
        """Text to image. The set's pictures were squashed to squares, so any canvas shape is as true as another."""
        example = self.captioned[rng.integers(len(self.captioned))]
        with Image.open(example.photo) as image:
            view = View((grid[1] * PATCH, grid[0] * PATCH), mirror=bool(rng.random() < 0.5))
            clean = view.picture(image.convert("RGB"))
        blank = np.full(clean.shape, 128, np.uint8)
        return Item(caption(clean, example.facts["captions"], rng), None, blank, sample_t(rng), False)


def remembered(example: Example) -> Example:
    """The same example with every truth of its own read only once: they fit in memory (about 2 GB for 6,000 photos).
    What specialists said lies in memory already."""
    kept = {n: read if n in ("ade", "voc", "main", "boxes") else cache(read) for n, read in example.truths.items()}
    return replace(example, truths=kept)


def sample_t(rng: np.random.Generator) -> float:
    """A place on the path from noise (0) to the picture (1); never 0 itself, which is the blank canvas."""
    return float(rng.uniform(1e-3, 0.98))

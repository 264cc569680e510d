"""A benchmark of three classes on pictures that are made: three to be tested on, five to train on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.base import Example
from plantain.eval.adapters import SemanticAdapter
from plantain.eval.metrics.labels import Segmentation
from plantain.eval.row import Benchmark
from plantain.predictions.types import Labels

CLASSES = ("wall", "cat", "dog")
SIZE = (84, 56)  # canvases of the embedded generator that need no resampling
LIGHT = {"wall": 40, "cat": 130, "dog": 220}  # how bright a class is, so that it can be learned


def scene(folder: Path, name: str, seed: int) -> None:
    """A photo of three areas, and a label map that says which is which."""
    ids = np.random.default_rng(seed).permutation(np.repeat(np.arange(3, dtype=np.uint8), 2)).reshape(2, 3)
    ids = np.kron(ids, np.ones((SIZE[1] // 2, SIZE[0] // 3), np.uint8))
    photo = np.array([LIGHT[c] for c in CLASSES], np.uint8)[ids] + np.uint8(seed)
    Image.fromarray(np.repeat(photo[..., None], 3, -1)).save(folder / f"{name}.png")
    Image.fromarray(ids).save(folder / f"{name}.label.png")


def scenes(folder: Path) -> Path:
    """The folder with all pictures."""
    folder.mkdir()
    for i in range(3):
        scene(folder, f"test-{i}", i)
    for i in range(5):
        scene(folder, f"train-{i}", 10 + i)
    return folder


def labels(path: Path) -> Labels:
    ids = np.asarray(Image.open(path)).astype(np.int16)
    return Labels(ids=ids, classes=CLASSES, confidence=np.ones(ids.shape, np.float32))


def read(split: str, root: Path) -> list[Example]:
    """The pictures of a half, by their names."""
    return [
        Example("made", path.stem, path, split, {"labels": partial(labels, path.with_suffix(".label.png"))})
        for path in sorted(root.glob(f"{split}-?.png"))
    ]


MADE = Benchmark("made/classes", partial(read, "test"), SemanticAdapter(CLASSES), Segmentation(CLASSES, "truth"),
                 "miou", "made here", baseline=".111", train=partial(read, "train"))  # fmt: skip

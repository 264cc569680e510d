"""Fits what the embedded generator holds to be photographs, from the frozen encoder's features. Minutes on a CPU.

    python -m plantain.train.familiarity DATA OUT/familiarity.npz [--cache FOLDER] [--limit 100]

Every other training photograph gives mean, spread and principal directions. The distances of the rest say what is
usual, and from where on an answer is trusted less: the 99th percentile. From 4/3 of that on it is not trusted at all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.data.base import Example
from plantain.data.excerpts import SETS, read
from plantain.errors import PhotoError
from plantain.files import writing
from plantain.models.painters.embedded import Embedded
from plantain.models.painters.familiarity import distances, summary
from plantain.train.probe import tokens_of

AXES = 40  # principal directions
NEAR, FAR = 0.99, 4 / 3  # the share of photographs that is trusted wholly; times their distance
LEAST = 1e-3  # of a deviation


def fit(photos: Float[np.ndarray, "n s"]) -> dict[str, np.ndarray]:
    """The arrays of the file, from the summaries of photographs."""
    known, others = photos[::2].astype(np.float64), photos[1::2].astype(np.float64)
    mean, spread = known.mean(0), known.std(0) + LEAST
    _, sizes, axes = np.linalg.svd((known - mean) / spread, full_matrices=False)
    table = {"mean": mean, "spread": spread, "axes": axes[:AXES].T, "variance": sizes[:AXES] ** 2 / len(known)}
    parts = distances(others, **table)
    near = np.quantile((parts / parts.mean(0)).sum(1), NEAR)
    return {**table, "usual": parts.mean(0), "reach": np.array([near, FAR * near])}


def write(table: dict[str, np.ndarray], path: Path) -> None:
    """The file, in half precision where that is enough."""
    small = {name: table[name].astype(np.float16) for name in ("mean", "spread", "axes")}
    with writing(path) as file:
        arrays: dict[str, Any] = {**table, **small}
        np.savez(file, **arrays)


def summaries(
    data: Path, encoder: Embedded, names: Sequence[str], limit: int, cache: Path | None
) -> Iterator[Float[np.ndarray, " s"]]:
    """Of so many training photographs of each set at most, evenly over it."""
    for name in names:
        examples: list[Example] = []
        with suppress(PhotoError):  # a set that is not there, or has no training photographs
            examples = read(data, name, "train")
        chosen = sorted({round(i) for i in np.linspace(0, len(examples) - 1, limit)}) if examples else []
        yield from (summary(tokens_of(examples[i], encoder, cache)) for i in chosen)
        print(f"{name}: {len(chosen)} photographs", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, help="a folder that keeps what the encoder saw, a megabyte a photo")
    parser.add_argument("--sets", nargs="+", default=list(SETS), help="some of the sets alone")
    parser.add_argument("--limit", type=int, default=100, help="photographs a set")
    given = parser.parse_args()
    found = np.stack(list(summaries(given.data, Embedded(), given.sets, given.limit, given.cache)))
    write(fit(found), given.out)

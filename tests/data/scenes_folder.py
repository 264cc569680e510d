"""A made folder of people's own photos, whose truths can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HIGH = 120, 90
LEFT_M, RIGHT_M = 2.0, 5.0


def photo(seed: int) -> np.ndarray:
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((WIDTH, HIGH), Image.Resampling.BICUBIC))


def halves(left, right, kind) -> np.ndarray:
    out = np.full((HIGH, WIDTH), left, kind)
    out[:, WIDTH // 2 :] = right
    return out


def write_folder(home: Path, count: int = 6, depth: bool = True, labels: bool = True) -> Path:
    """The left half is a wall 2 m away, the right half floor, 5 m away; class "lamp" is nowhere."""
    for name in ("images", "depth", "labels"):
        (home / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.fromarray(photo(i)).save(home / "images" / f"{i}.png")
        if depth:
            Image.fromarray(halves(1000 * LEFT_M, 1000 * RIGHT_M, np.uint16)).save(home / "depth" / f"{i}.png")
        if labels:
            Image.fromarray(halves(0, 1, np.uint8)).save(home / "labels" / f"{i}.png")
    (home / "classes.txt").write_text("wall\nfloor\nlamp\n")
    (home / "LICENSE").write_text("\nCC0 1.0\n")
    return home


def write_captioned(home: Path, count: int = 3) -> Path:
    home.mkdir(parents=True)
    for i in range(count):
        Image.fromarray(photo(100 + i)).save(home / f"{i}.jpg")
        (home / f"{i}.txt").write_text(f"a picture of number {i}\n")
    return home

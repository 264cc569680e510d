"""What the tests of depth and normals readers write into made folders, and a check that all of them share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.errors import PhotoError


def picture(path: Path, width: int = 8, height: int = 6, seed: int = 0) -> np.ndarray:
    """A photo of noise; gives its pixels, which a JPEG does not keep."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    save(path, pixels)
    return pixels


def save(path: Path, array: np.ndarray) -> None:
    """As .npy, or as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def refused(read, missing: Path, tree: str) -> None:
    """The reader says which file is missing first, and shows a line of the layout."""
    with pytest.raises(PhotoError) as error:
        read()
    assert f"{missing} is missing" in str(error.value)
    assert tree in str(error.value)


def lazy(examples) -> None:
    """Nothing is read before it is asked for: without the files, the truths alone fail."""
    assert len({e.id for e in examples}) == len(examples)
    for example in examples:
        for truth in example.truths.values():
            with pytest.raises((PhotoError, FileNotFoundError)):
                truth()

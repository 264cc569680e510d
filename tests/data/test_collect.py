"""Photographs from a folder tree become a set, without copies of what is reported on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.data import collect
from plantain.data.excerpts import read
from plantain.errors import PhotoError


def picture(path: Path, seed: int, size: tuple[int, int] = (400, 300)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    small = np.random.default_rng(seed).integers(0, 256, (18, 24, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(path)


def test_the_hash_says_which_of_two_neighbors_is_brighter() -> None:
    rising = Image.fromarray(np.repeat(np.arange(17, dtype=np.uint8)[None] * 10, 16, 0))
    assert collect.difference_hash(rising).tolist() == [255] * 32
    falling = collect.difference_hash(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert collect.bits_apart(falling, collect.difference_hash(rising)[None]) == 256


def test_copies_of_test_pictures_and_twins_are_left_out(made: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "salient").mkdir(parents=True)
    (data / "salient" / "index.json").write_text('{"meta": {}, "images": [{"id": "a", "split": "dev_test"}]}')
    picture(data / "salient/images/a.jpg", 1)
    source = tmp_path / "source"
    picture(source / "cups/copy.png", 1, (640, 480))  # the test picture at another size
    for name, seed in (("one", 2), ("two", 3), ("one again", 2)):
        picture(source / f"cups/{name}.jpg", seed)
    picture(source / "tiny.png", 5, (90, 60))
    count = collect.collect(source, data, "voc")
    assert count == {"kept": 2, "near a test picture": 1, "twice": 1, "too small": 1}
    examples = read(data, "voc", "train")
    assert len(examples) == 2
    with Image.open(examples[0].photo) as image:
        assert image.size == (341, 256)


def test_without_test_pictures_nothing_is_collected(tmp_path: Path) -> None:
    picture(tmp_path / "source/a.png", 1)
    with pytest.raises(PhotoError, match="no test pictures"):
        collect.collect(tmp_path / "source", tmp_path / "data", "voc")

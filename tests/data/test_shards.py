"""Shards carry the training halves, whole and in bounded pieces; test pictures stay at home."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile

import pytest

from plantain.data.excerpts import SETS, read
from plantain.data.shards import members, pack, unpack
from plantain.errors import PhotoError

SMALL = 0.04  # megabytes


def held(part):
    with tarfile.open(part) as archive:
        return archive.getnames()


def test_training_halves_come_back_whole(made, tmp_path):
    parts = pack(made, tmp_path / "shards", 24)
    assert [p.name for p in parts] == ["part-00.tar"]
    for part in parts:
        unpack(part, tmp_path / "data")
    for name in set(SETS) - {"refer", "mattes"}:
        there, here = read(tmp_path / "data", name, "train"), read(made, name, "train")
        assert [e.id for e in there] == [e.id for e in here]
        for one, other in zip(there, here, strict=True):
            assert one.photo.read_bytes() == other.photo.read_bytes()
            for key in one.truths:
                assert {k: v.tolist() for k, v in one.truth(key).arrays().items() if v.dtype.kind != "f"} == {
                    k: v.tolist() for k, v in other.truth(key).arrays().items() if v.dtype.kind != "f"
                }


def test_test_pictures_stay_at_home(made, tmp_path):
    names = {str(name) for name in members(made)}
    for name, split in [
        *((n, "dev_test") for n in set(SETS) - {"photos", "nyu", "camvid", "bsds"}),
        ("nyu", "test_dev"), ("camvid", "test_dev"), ("bsds", "test_dev"),
    ]:  # fmt: skip
        for example in read(made, name, split):
            assert str(example.photo.relative_to(made)) not in names
    assert not any(name.startswith(("refer", "mattes")) or "test_dev" in name for name in names)
    assert "photos/food/1.jpg" in names


def test_parts_are_bounded_and_hold_every_file_once(made, tmp_path):
    parts = pack(made, tmp_path, SMALL)
    assert len(parts) > 3
    assert all(part.stat().st_size <= SMALL * 1e6 or len(held(part)) == 1 for part in parts)
    names = [name for part in parts for name in held(part)]
    assert sorted(names) == sorted({str(name) for name in members(made)})


def test_a_file_larger_than_a_part_has_one_of_its_own(tmp_path):
    for name, size in (("a", 100), ("b", 90_000), ("c", 100)):
        (tmp_path / "data" / "set").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "set" / name).write_bytes(b"x" * size)
    parts = pack(tmp_path / "data", tmp_path / "out", 0.05)
    assert [held(part) for part in parts] == [["set/a"], ["set/b"], ["set/c"]]


def test_names_with_dots_and_rows_of_either_kind(tmp_path):
    folder = tmp_path / "coco"
    (folder / "images").mkdir(parents=True)
    for name in ("a.v1.jpg", "a.v2.jpg", "b.jpg"):
        (folder / "images" / name).write_bytes(b"x")
    rows = [
        {"id": "a.v1", "split": "train"},
        {"id": "a.v2", "split": "dev_test"},
        {"file": "images/b.jpg", "split": "train"},
    ]
    (folder / "annotations.json").write_text(json.dumps({"images": rows}))
    names = {str(name) for name in members(tmp_path)}
    assert names == {"coco/annotations.json", "coco/images/a.v1.jpg", "coco/images/b.jpg"}


def test_a_part_cannot_write_outside_its_folder(tmp_path):
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "x", "../outside")
    with pytest.raises(tarfile.OutsideDestinationError):
        unpack(tmp_path / "bad.tar", tmp_path / "data")
    assert not (tmp_path / "outside").exists()


def test_the_commands_of_the_docstring(made, tmp_path):
    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "plantain.data.shards", *map(str, words)], check=True, capture_output=True, text=True
        ).stdout

    said = run("pack", made, tmp_path / "shards", "--megabytes", "24")
    assert said.startswith(str(tmp_path / "shards" / "part-00.tar"))
    run("unpack", tmp_path / "shards" / "part-00.tar", tmp_path / "data")
    assert len(read(tmp_path / "data", "nyu", "train")) == 2
    with pytest.raises(PhotoError):
        read(tmp_path / "data", "nyu", "test_dev")


def test_the_real_folder_is_packed_without_its_tests(excerpts):
    names = {str(name) for name in members(excerpts)}
    for name in ("ade20k", "coco", "captions", "pose"):
        train, test = (
            {str(e.photo.relative_to(excerpts)) for e in read(excerpts, name, s)} for s in ("train", "dev_test")
        )
        assert train <= names
        assert not test & names

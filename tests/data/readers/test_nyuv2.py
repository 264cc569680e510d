"""NYU Depth v2 in its published form: one HDF5 .mat that stores columns first, and splits.mat."""

from __future__ import annotations

import sys
import tempfile

import h5py
import numpy as np
import pytest
from depth_trees import refused
from PIL import Image
from scipy.io import savemat

from plantain.data.readers.nyuv2 import read_nyuv2
from plantain.errors import MissingExtra, PhotoError, UnknownName

HIGH, WIDE = 6, 8


@pytest.fixture
def tree(tmp_path):
    """Three pictures; the second is for training. `images`, `depths` and `labels` are what MATLAB would show."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, HIGH, WIDE, 3), dtype=np.uint8)
    depths = (1 + np.arange(3 * HIGH * WIDE).reshape(3, HIGH, WIDE) / 100).astype(np.float32)
    measured = depths.copy()
    measured[:, 0, 1] = 0
    labels = np.zeros((3, HIGH, WIDE), np.uint16)
    labels[:, 0, 7], labels[:, 5, 0] = 3, 894
    root = tmp_path / "nyu"
    root.mkdir()
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = images.transpose(0, 3, 2, 1)
        for name, stored in (("depths", depths), ("rawDepths", measured), ("labels", labels)):
            file[name] = stored.transpose(0, 2, 1)
    savemat(root / "splits.mat", {"trainNdxs": [[2]], "testNdxs": [[1], [3]]})
    return root, images, depths


def cells(names):
    out = np.empty((1, len(names)), object)
    out[0] = names
    return out


def mappings(root):
    """Stored label 3 is class 2 of the forty and 1 of the thirteen, 894 is 40 and 13; the others do not matter."""
    to40 = np.full((1, 894), 5)
    to40[0, 2], to40[0, 893] = 2, 40
    savemat(root / "classMapping40.mat", {"mapClass": to40, "className": cells([f"forty {i}" for i in range(1, 41)])})
    to13 = np.full((1, 40), 7)
    to13[0, 1], to13[0, 39] = 1, 13
    thirteen = {"labels13": to13, "names": cells([f"thirteen {i}" for i in range(1, 14)])}
    savemat(root / "class13Mapping.mat", {"classMapping13": thirteen})


def test_photos_and_depth_stand_upright(tree, tmp_path):
    root, images, depths = tree
    one, three = read_nyuv2(root, "test", cache=tmp_path / "cache")
    assert [one.id, three.id] == ["0001", "0003"] and set(one.truths) == {"depth"}
    assert [e.id for e in read_nyuv2(root, "train", cache=tmp_path / "cache")] == ["0002"]
    with Image.open(three.photo) as photo:
        assert np.array_equal(np.asarray(photo), images[2])
    depth = three.truth("depth")
    assert depth.size == (WIDE, HIGH) and depth.metres[4, 3] == depths[2, 4, 3] == np.float32(1 + (2 * 48 + 35) / 100)
    assert one.facts["focal_px"] == pytest.approx(518.86, abs=0.01)


def test_measured_depth_has_holes_and_filled_depth_none(tree, tmp_path):
    root, *_ = tree
    assert np.argwhere(~read_nyuv2(root, "test", cache=tmp_path)[0].truth("depth").valid).tolist() == [[0, 1]]
    assert read_nyuv2(root, "test", filled=True, cache=tmp_path)[0].truth("depth").valid.all()


def test_labels_where_the_mappings_lie_beside(tree, tmp_path):
    root, *_ = tree
    mappings(root)
    example = read_nyuv2(root, "test", cache=tmp_path)[0]
    labels, fewer = example.truth("labels"), example.truth("labels13")
    assert (len(labels.classes), len(fewer.classes)) == (40, 13)
    assert labels.ids[[0, 0, 5], [0, 7, 0]].tolist() == [-1, 1, 39] and labels.classes[1] == "forty 2"
    assert fewer.ids[[0, 0, 5], [0, 7, 0]].tolist() == [-1, 0, 12] and fewer.classes[12] == "thirteen 13"


def test_nothing_is_written_into_the_users_folder_and_pictures_are_written_once(tree, tmp_path, monkeypatch):
    root, *_ = tree
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    before = sorted(root.iterdir())
    photo = read_nyuv2(root, "test")[0].photo
    assert photo.is_relative_to(tmp_path / "temp") and sorted(root.iterdir()) == before
    written = photo.stat().st_mtime_ns
    assert read_nyuv2(root, "test")[0].photo == photo and photo.stat().st_mtime_ns == written


def test_what_is_missing_is_named(tree, tmp_path, monkeypatch):
    root, *_ = tree
    with pytest.raises(UnknownName, match="unknown split 'val'"):
        read_nyuv2(root, "val")
    refused(lambda: read_nyuv2(tmp_path, "test"), tmp_path / "nyu_depth_v2_labeled.mat", "splits.mat ")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match="'h5py'"):
        read_nyuv2(root, "test", cache=tmp_path / "new")


def test_another_file_under_the_name_is_refused(tree, tmp_path):
    root, *_ = tree
    savemat(root / "splits.mat", {"other": [[1]]})
    with pytest.raises(PhotoError, match=r"splits.mat cannot be read \('testNdxs'\)"):
        read_nyuv2(root, "test", cache=tmp_path)

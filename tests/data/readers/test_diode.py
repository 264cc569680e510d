"""DIODE: a photo, its depth, the mask of it and normals, in four files."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import lazy, picture, refused, save

from plantain.data.readers.diode import read_diode
from plantain.errors import UnknownName

INDOORS = "val/indoors/scene_00019/scan_00183/00019_00183_indoors_000_010"
OUTDOOR = "val/outdoor/scene_00022/scan_00193/00022_00193_outdoor_010_000"


@pytest.fixture
def tree(tmp_path):
    """Small pictures: with the set's own camera, whose centre is at (512, 384), they show the upper left corner."""
    depth, mask = np.full((6, 8, 1), 2.5, np.float32), np.ones((6, 8), np.float32)
    depth[1, 2], mask[3, 4] = 0.0, 0.0
    for name in (INDOORS, OUTDOOR):
        picture(tmp_path / f"{name}.png")
        save(tmp_path / f"{name}_depth.npy", depth)
        save(tmp_path / f"{name}_depth_mask.npy", mask)
    return tmp_path


def test_depth_is_known_where_the_mask_says_so(tree):
    examples = read_diode(tree, "val")
    assert [e.id for e in examples] == ["00019_00183_indoors_000_010", "00022_00193_outdoor_010_000"]
    depth = examples[0].truth("depth")
    assert np.argwhere(~depth.valid).tolist() == [[1, 2], [3, 4]] and depth.metres[0, 0] == 2.5
    assert set(examples[0].truths) == {"depth"}, "normals are another download"


def test_places_apart(tree):
    assert [e.id for e in read_diode(tree, "val", place="indoors")] == ["00019_00183_indoors_000_010"]
    assert [e.id for e in read_diode(tree, "val", place="outdoor")] == ["00022_00193_outdoor_010_000"]


def test_normals_face_the_viewer(tree):
    """The left wall faces right and the ceiling faces down, however they are stored; so does the wall ahead."""
    stored = np.zeros((6, 8, 3), np.float32)
    stored[0, :4] = [[1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 1, 0]]
    stored[1, :2] = [[0, 0, 1], [0, 0, -1]]
    save(tree / f"{INDOORS}_normal.npy", stored)
    normals = read_diode(tree, "val", place="indoors")[0].truth("normals")
    assert normals.xyz[0, :4].tolist() == [[1, 0, 0], [1, 0, 0], [0, -1, 0], [0, -1, 0]]
    assert normals.xyz[1, :2].tolist() == [[0, 0, 1], [0, 0, 1]]
    assert normals.valid.sum() == 6


def test_what_is_missing_is_named(tree, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refused(lambda: read_diode(empty), empty / "val/indoors", "val/indoors/scene_00019/scan_00183/00019_00183")
    examples = read_diode(tree)
    for name in (INDOORS, OUTDOOR):
        (tree / f"{name}_depth_mask.npy").unlink()
    lazy(examples)
    refused(lambda: read_diode(tree), tree / f"{INDOORS}_depth_mask.npy", "_depth_mask.npy")
    with pytest.raises(UnknownName, match="unknown split 'test'"):
        read_diode(tree, "test")
    with pytest.raises(UnknownName, match="unknown place 'garden'"):
        read_diode(tree, place="garden")

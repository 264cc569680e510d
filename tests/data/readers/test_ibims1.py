"""iBims-1: a .mat a scene, with the photo inside."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import refused
from PIL import Image
from scipy.io import savemat

from plantain.data.readers.ibims1 import read_ibims1
from plantain.errors import PhotoError, UnknownName


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "ibims"
    (root / "ibims1_core_mat").mkdir(parents=True)
    depth = np.full((6, 8), 4.5)
    depth[0, 1] = 0
    masks = np.ones((2, 6, 8), np.uint8)
    masks[0, 2, 3], masks[1, 4, 5] = 0, 0
    camera = np.array([[550.4, 0, 0], [0, 551.5, 0], [300, 240, 1]])
    for seed, scene in enumerate(("corridor_02", "corridor_01")):
        rgb = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        data = {"rgb": rgb, "depth": depth, "calib": camera, "mask_invalid": masks[0], "mask_transp": masks[1]}
        savemat(root / "ibims1_core_mat" / f"{scene}.mat", {"data": data})
    return root


def test_depth_is_known_where_nothing_is_missing_invalid_or_transparent(tree, tmp_path):
    examples = read_ibims1(tree, "test", cache=tmp_path / "cache")
    assert [e.id for e in examples] == ["corridor_01", "corridor_02"]
    depth = examples[0].truth("depth")
    assert np.argwhere(~depth.valid).tolist() == [[0, 1], [2, 3], [4, 5]] and depth.metres[5, 7] == 4.5
    assert examples[0].facts["focal_px"] == 550.4
    with Image.open(examples[1].photo) as photo:
        assert np.array_equal(np.asarray(photo), np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    assert sorted(p.name for p in (tree / "ibims1_core_mat").iterdir()) == ["corridor_01.mat", "corridor_02.mat"]


def test_what_is_missing_is_named(tree, tmp_path):
    refused(lambda: read_ibims1(tmp_path), tmp_path / "ibims1_core_mat/*.mat", "ibims1_core_mat.zip: struct `data`")
    with pytest.raises(UnknownName, match="unknown split 'val'"):
        read_ibims1(tree, "val")
    savemat(tree / "ibims1_core_mat/corridor_01.mat", {"other": 1})
    with pytest.raises(PhotoError, match=r"corridor_01.mat cannot be read \('data'\)"):
        read_ibims1(tree, cache=tmp_path)

"""ScanNet: exported frames, larger in colour than in depth."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import lazy, picture, refused, save, text

from plantain.data.readers.scannet import read_scannet
from plantain.errors import PhotoError

CAMERA = "1170.187988 0 647.75 0\n0 1170.187988 483.75 0\n0 0 1 0\n0 0 0 1\n"


@pytest.fixture
def tree(tmp_path):
    """Photos of 8 x 6 with depth of 4 x 3: a depth pixel covers 2 x 2 pixels of the photo."""
    stored = np.zeros((3, 4), np.uint16)
    stored[1, 2] = 2345
    for number in (0, 20, 100):
        picture(tmp_path / f"scans/scene0011_00/color/{number}.jpg")
        save(tmp_path / f"scans/scene0011_00/depth/{number}.png", stored)
    text(tmp_path / "scans/scene0011_00/intrinsic/intrinsic_color.txt", CAMERA)
    text(tmp_path / "scannetv2_val.txt", "scene0011_00\n")
    return tmp_path


def test_all_frames_of_the_splits_scenes(tree):
    examples = read_scannet(tree, "val")
    assert [e.id for e in examples] == ["scene0011_00_000000", "scene0011_00_000020", "scene0011_00_000100"]
    depth = examples[0].truth("depth")
    assert depth.size == (8, 6) and np.argwhere(depth.valid).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    assert depth.metres[3, 5] == np.float32(2.345)
    assert examples[0].facts["focal_px"] == pytest.approx(1170.188)


def test_listed_frames_alone_with_or_without_leading_zeros(tree):
    listing = text(tree / "list.txt", "scene0011_00/color/000100.jpg scene0011_00/depth/000100.png\n"
                   "scene0011_00/color/20.jpg scene0011_00/depth/20.png\n")  # fmt: skip
    assert [e.id for e in read_scannet(tree, "val", listing=listing)] == ["scene0011_00_000020", "scene0011_00_000100"]
    text(listing, "scene0011_00/color/000100.jpg\n")
    with pytest.raises(PhotoError, match=r"has the line 'scene0011_00/color/000100.jpg'; wanted: photo and depth"):
        read_scannet(tree, "val", listing=listing)


def test_what_is_missing_is_named(tree, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refused(lambda: read_scannet(empty), empty / "scannetv2_val.txt", "scans/scene0011_00/depth/0.png")
    examples = read_scannet(tree)
    truth = tree / "scans/scene0011_00/depth/20.png"
    truth.unlink()
    lazy([e for e in examples if e.id.endswith("20")])
    refused(lambda: read_scannet(tree), truth, "intrinsic/intrinsic_color.txt")

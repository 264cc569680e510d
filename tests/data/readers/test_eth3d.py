"""ETH3D: photos as taken, and depth as float32 without a header under the photo's own name."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import lazy, picture, refused

from plantain.data.readers.eth3d import SCENES, read_eth3d
from plantain.errors import TruthError, UnknownName


@pytest.fixture
def tree(tmp_path):
    values = np.full((6, 8), np.inf, "<f4")
    values[2, 7] = 3.25
    for scene, names in (("pipes", ["DSC_0640", "DSC_0634"]), ("relief_2", ["DSC_0007"])):
        for name in names:
            picture(tmp_path / scene / "images/dslr_images" / f"{name}.JPG")
            path = tmp_path / scene / "ground_truth_depth/dslr_images" / f"{name}.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            values.tofile(path)
    return tmp_path


def test_depth_is_known_where_it_is_finite(tree):
    examples = read_eth3d(tree, "train", scenes=("relief_2", "pipes"))
    assert [e.id for e in examples] == ["pipes_DSC_0634", "pipes_DSC_0640", "relief_2_DSC_0007"]
    depth = examples[0].truth("depth")
    assert depth.size == (8, 6) and np.argwhere(depth.valid).tolist() == [[2, 7]]
    assert depth.metres[2, 7] == 3.25 and depth.metres.sum() == 3.25


def test_depth_of_another_size_is_refused(tree):
    (tree / "relief_2/ground_truth_depth/dslr_images/DSC_0007.JPG").write_bytes(bytes(4 * 47))
    with pytest.raises(TruthError, match="holds 47 numbers and its photo 8 x 6 = 48 pixels"):
        read_eth3d(tree, scenes=["relief_2"])[0].truth("depth")


def test_what_is_missing_is_named(tree):
    assert len(SCENES) == 13
    refused(
        lambda: read_eth3d(tree), tree / "courtyard/images/dslr_images", "courtyard/ground_truth_depth/dslr_images/"
    )
    examples = read_eth3d(tree, scenes=["pipes"])
    truth = tree / "pipes/ground_truth_depth/dslr_images/DSC_0640.JPG"
    truth.unlink()
    refused(lambda: read_eth3d(tree, scenes=["pipes"]), truth, "courtyard_dslr_depth.7z")
    lazy(examples[1:])
    with pytest.raises(UnknownName, match="unknown split 'test'"):
        read_eth3d(tree, "test")

"""Virtual KITTI 2: centimetres in 16 bits, and a sky."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import lazy, picture, refused, save

from plantain.data.readers.vkitti2 import SCENES, VARIATIONS, read_vkitti2
from plantain.errors import UnknownName


@pytest.fixture
def tree(tmp_path):
    stored = np.full((6, 8), 65535, np.uint16)
    stored[5, :2] = 1234, 65534
    for camera in ("Camera_0", "Camera_1"):
        for number in ("00010", "00002"):
            frames = tmp_path / "Scene01/clone/frames"
            picture(frames / "rgb" / camera / f"rgb_{number}.jpg")
            save(frames / "depth" / camera / f"depth_{number}.png", stored)
    return tmp_path


def test_centimetres_without_the_sky(tree):
    examples = read_vkitti2(tree, "val", variations=["clone"])
    assert [e.id for e in examples] == [f"Scene01_clone_Camera_{c}_{n}" for c in "01" for n in ("00002", "00010")]
    depth = examples[0].truth("depth")
    assert np.argwhere(depth.valid).tolist() == [[5, 0], [5, 1]]
    np.testing.assert_allclose(depth.metres[5, :2], [12.34, 655.34])
    assert examples[0].facts["cap_m"] == 80 and examples[0].facts["focal_px"] == 725.0087
    assert len(read_vkitti2(tree, "val", variations=["clone"], cameras=["Camera_1"])) == 2


def test_the_usual_splits():
    """Marigold's lists: 447 x 6 x 2 = 5,364 pictures for validation; no fog and no rain."""
    assert SCENES["val"] == ("Scene01",) and 447 * len(VARIATIONS) * 2 == 5364
    assert (233 + 270 + 339 + 837) * len(VARIATIONS) * 2 == 20148


def test_what_is_missing_is_named(tree):
    refused(lambda: read_vkitti2(tree), tree / "Scene01/15-deg-left/frames/rgb/Camera_0", "vkitti_2.0.3_depth.tar")
    examples = read_vkitti2(tree, variations=["clone"])
    truth = tree / "Scene01/clone/frames/depth/Camera_1/depth_00002.png"
    truth.unlink()
    lazy([examples[2]])
    refused(lambda: read_vkitti2(tree, variations=["clone"]), truth, "Scene01/clone/frames/depth/Camera_0")
    with pytest.raises(UnknownName, match="unknown split 'test'"):
        read_vkitti2(tree, "test")

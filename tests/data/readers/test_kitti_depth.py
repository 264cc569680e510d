"""KITTI's raw photos, annotated depth and Eigen's list."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import lazy, picture, refused, save, text

from plantain.data.readers.kitti_depth import read_kitti_depth
from plantain.errors import PhotoError, UsageError

DRIVE = "2011_09_26_drive_0002_sync"
RAW = f"2011_09_26/{DRIVE}"
TRUTH = f"{DRIVE}/proj_depth/groundtruth"


@pytest.fixture
def tree(tmp_path):
    lines = [
        f"{RAW}/image_02/data/0000000069.png {TRUTH}/image_02/0000000069.png 721.5377",
        f"{RAW}/image_02/data/0000000000.png None 721.5377",
        f"{RAW}/image_03/data/0000000008.png {TRUTH}/image_03/0000000008.png 721.5377",
    ]
    text(tmp_path / "eigen_test_files_with_gt.txt", "\n".join(lines) + "\n")
    calibration = "calib_time: 09-Jan-2012 13:57:47\nP_rect_02: 7.21e+02 0 609 44\nP_rect_03: 7.33e+02 0 609 -339\n"
    text(tmp_path / "raw/2011_09_26/calib_cam_to_cam.txt", calibration)
    stored = np.zeros((6, 8), np.uint16)
    stored[3, 5] = 256 * 12 + 128
    for camera, number in (("image_02", 69), ("image_02", 0), ("image_03", 8)):
        picture(tmp_path / "raw" / RAW / camera / "data" / f"{number:010d}.png")
    save(tmp_path / "data_depth_annotated/val" / TRUTH / "image_02/0000000069.png", stored)
    save(tmp_path / "data_depth_annotated/train" / TRUTH / "image_03/0000000008.png", 2 * stored)
    return tmp_path


def test_photos_with_a_truth_in_metres(tree):
    two, three = read_kitti_depth(tree, "test")
    assert [two.id, three.id] == [f"{DRIVE}_image_02_0000000069", f"{DRIVE}_image_03_0000000008"]
    assert [two.facts["focal_px"], three.facts["focal_px"]] == [721.0, 733.0]
    depth = two.truth("depth")
    assert np.argwhere(depth.valid).tolist() == [[3, 5]] and depth.metres[3, 5] == 12.5
    assert three.truth("depth").metres[3, 5] == 25


def test_truths_as_bts_lays_them_and_nothing_read_before_it_is_asked_for(tree):
    (tree / "data_depth_annotated/val").rename(tree / "gts")
    examples = read_kitti_depth(tree, "test")
    (tree / "gts").rename(tree / "gone")
    lazy(examples[:1])


def test_another_list(tree):
    listing = text(tree / "mine.txt", f"{RAW}/image_02/data/0000000069.png {TRUTH}/image_02/0000000069.png\n")
    assert [e.split for e in read_kitti_depth(tree, "mine", listing=listing)] == ["mine"]
    with pytest.raises(UsageError, match="split 'mine' has no list of its own"):
        read_kitti_depth(tree, "mine")
    text(listing, "2011_09_26/2011_09_26_drive_0002_sync 69 l\n")
    with pytest.raises(PhotoError, match=r"has the line '2011_09_26/2011_09_26_drive_0002_sync 69 l'; wanted: photo"):
        read_kitti_depth(tree, "mine", listing=listing)


def test_what_is_missing_is_named(tree, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refused(lambda: read_kitti_depth(empty), empty / "eigen_test_files_with_gt.txt", "raw/2011_09_26/calib_cam_to_cam")
    truth = tree / "data_depth_annotated/val" / TRUTH / "image_02/0000000069.png"
    truth.unlink()
    refused(lambda: read_kitti_depth(tree), truth, "data_depth_annotated/val/2011_09_26_drive")
    text(tree / "raw/2011_09_26/calib_cam_to_cam.txt", "P0: 1 0 0\n")
    save(truth, np.ones((6, 8), np.uint16))
    with pytest.raises(PhotoError, match="has no line P_rect_02:"):
        read_kitti_depth(tree)

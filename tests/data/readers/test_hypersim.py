"""Hypersim: distances turned into depth, normals of artists turned to the viewer."""

from __future__ import annotations

import sys

import h5py
import numpy as np
import pytest
from depth_trees import lazy, picture, refused, text

from plantain.data.readers.hypersim import planar, read_hypersim
from plantain.errors import MissingExtra, PhotoError, UnknownName

WIDE, HIGH = 8, 6
FOCAL = 886.81 / 128  # of a picture of 8 columns, which shows the same field as 1024
SPLITS = """scene_name,camera_name,frame_id,included_in_public_release,exclude_reason,split_partition_name
ai_001_010,cam_00,0,True,,test
ai_001_010,cam_00,12,True,,test
ai_001_010,cam_01,3,False,people,
ai_003_010,cam_00,0,True,,val
"""
IMAGES = "ai_001_010/images/scene_cam_00"


def stored(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["dataset"] = array.astype(np.float16 if array.ndim == 3 else np.float32)


def rays():
    """x (right) and y (up) of what each pixel sees at depth 1."""
    return np.meshgrid((np.arange(WIDE) - 3.5) / FOCAL, (2.5 - np.arange(HIGH)) / FOCAL)


def room():
    """Distances in a room: a wall 4 m ahead, and a floor 1 m below the camera, where that is nearer."""
    x, y = rays()
    with np.errstate(divide="ignore"):
        depth = np.minimum(4.0, np.where(y < 0, -1 / y, np.inf))
    points = np.stack([x * depth, y * depth, depth], -1)
    return np.linalg.norm(points, axis=-1), depth


@pytest.fixture
def tree(tmp_path):
    text(tmp_path / "metadata_images_split_scene_v1.csv", SPLITS)
    for frame in ("0000", "0012"):
        picture(tmp_path / f"{IMAGES}_final_preview/frame.{frame}.tonemap.jpg")
        stored(tmp_path / f"{IMAGES}_geometry_hdf5/frame.{frame}.depth_meters.hdf5", room()[0])
    return tmp_path


def test_a_picture_at_full_size_has_the_published_focal_length():
    """887 px ahead and 512 px aside: tan 30 degrees, so that the distance there is 2 / sqrt(3) of the depth."""
    distance = np.full((1, 1025), 2.0)
    depth = planar(distance, 886.81)
    assert depth[0, 512] == 2.0
    assert depth[0, 0] == pytest.approx(np.sqrt(3), rel=1e-5)


def test_planes_are_planes_again(tree):
    one, two = read_hypersim(tree, "test")
    assert [one.id, two.id] == ["ai_001_010_cam_00_fr0000", "ai_001_010_cam_00_fr0012"]
    depth = one.truth("depth")
    np.testing.assert_allclose(depth.metres, room()[1], rtol=1e-6)
    assert (depth.metres[:3] == pytest.approx(4.0)) and depth.metres[5, 0] == pytest.approx(FOCAL / 2.5)
    assert depth.valid.all() and set(one.truths) == {"depth"}


def test_no_surface_is_unknown(tree):
    distance = room()[0]
    distance[0, 3] = np.nan
    stored(tree / f"{IMAGES}_geometry_hdf5/frame.0000.depth_meters.hdf5", distance)
    assert np.argwhere(~read_hypersim(tree, "test")[0].truth("depth").valid).tolist() == [[0, 3]]


def test_normals_face_the_viewer_and_are_of_unit_length(tree):
    xyz = np.zeros((HIGH, WIDE, 3))
    xyz[:3] = 0, 0, 1
    xyz[1, 4] = 0, 0, -2  # a wall whose artist had it face away
    xyz[3:] = 0, 1, 0  # the floor
    xyz[4, :4] = 0, -1, 0
    xyz[5, 0] = 0, 0, 0
    stored(tree / f"{IMAGES}_geometry_hdf5/frame.0000.normal_cam.hdf5", xyz)
    normals = read_hypersim(tree, "test")[0].truth("normals")
    assert (normals.xyz[:3] == [0, 0, 1]).all()
    assert (normals.xyz[3:][normals.valid[3:]] == [0, 1, 0]).all()
    assert np.argwhere(~normals.valid).tolist() == [[5, 0]]


def test_what_is_missing_is_named(tree, tmp_path_factory, monkeypatch):
    empty = tmp_path_factory.mktemp("empty")
    refused(lambda: read_hypersim(empty), empty / "metadata_images_split_scene_v1.csv", "frame.0000.tonemap.jpg")
    photo = tree / "ai_003_010/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg"
    refused(lambda: read_hypersim(tree, "val"), photo, "frame.0000.depth_meters.hdf5")
    other = text(empty / "other.csv", "a,b\n1,2\n")
    with pytest.raises(PhotoError, match=r"other.csv cannot be read \('included_in_public_release'\)"):
        read_hypersim(tree, "val", listing=other)
    with pytest.raises(UnknownName, match="unknown split 'tset'; did you mean 'test'"):
        read_hypersim(tree, "tset")
    examples = read_hypersim(tree, "test")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match="'h5py'"):
        examples[0].truth("depth")
    monkeypatch.undo()
    (tree / f"{IMAGES}_geometry_hdf5").rename(tree / "gone")
    lazy(examples)

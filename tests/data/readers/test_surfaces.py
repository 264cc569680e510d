"""What the readers of depth and normals share."""

from __future__ import annotations

import numpy as np
import pytest
from depth_trees import picture

from plantain.data.readers import _surfaces as surfaces
from plantain.errors import MissingExtra, PhotoError


def test_depth_is_known_where_it_is_finite_and_above_zero():
    metres = np.array([[np.nan, np.inf, -1.0], [0.0, 2.5, 4.0]])
    depth = surfaces.depth_of(metres, np.array([[True] * 3, [True, True, False]]))
    assert depth.valid.tolist() == [[False, False, False], [False, True, False]]
    assert depth.metres.tolist() == [[0, 0, 0], [0, 2.5, 0]] and depth.metres.dtype == np.float32
    assert (depth.confidence == 1).all()


def test_normals_are_of_unit_length_where_known():
    stored = np.array([[[0, 0, 2.0], [0, 0, 0], [np.nan, 0, 1], [0.3, 0, 0]]], np.float32)
    normals = surfaces.normals_of(stored)
    assert normals.valid.tolist() == [[True, False, False, False]]
    assert normals.xyz.tolist() == [[[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]]


def test_a_corridor_seen_from_inside():
    """Floor, ceiling and walls: each is seen on its side of the picture, and its normal points inwards."""
    inward = np.zeros((5, 5, 3), np.float32)
    inward[0, 2], inward[4, 2], inward[2, 0], inward[2, 4], inward[2, 2] = (
        (0, -1, 0), (0, 1, 0), (1, 0, 0), (-1, 0, 0), (0, 0, 1),
    )  # fmt: skip
    camera = (3.0, 3.0, 2.0, 2.0)
    assert np.array_equal(surfaces.towards_viewer(inward, *camera), inward)
    assert np.array_equal(surfaces.towards_viewer(-inward, *camera), inward)


def test_pictures_taken_out_of_a_file_lie_apart_for_each_state_of_it(tmp_path):
    source = tmp_path / "set.mat"
    source.write_bytes(b"one")
    first = surfaces.kept(tmp_path / "cache", "set", source)
    assert first == surfaces.kept(tmp_path / "cache", "set", source) and first.is_dir()
    source.write_bytes(b"another")
    assert surfaces.kept(tmp_path / "cache", "set", source) != first


def test_a_kept_picture_is_whole_or_absent(tmp_path):
    pixels = picture(tmp_path / "a.png")
    surfaces.keep(pixels, tmp_path / "out.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "out.png"]


def test_a_missing_package_and_a_broken_file_are_named(monkeypatch, tmp_path):
    with pytest.raises(MissingExtra, match=r"needs the package 'nothere'.*pip install"):
        surfaces.extra("nothere.io")
    (tmp_path / "x.mat").write_bytes(b"no matlab file, and longer than its header of 128 bytes" * 4)
    with pytest.raises(PhotoError, match=r"x.mat cannot be read"):
        surfaces.mat(tmp_path / "x.mat")

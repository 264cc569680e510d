"""Answers brought to another size, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.imaging.geometry import Placement
from plantain.predictions.resample import Grid, resized, restore
from plantain.predictions.types import Depth, Normals

ONE = np.ones((2, 4), np.float32)


def test_depth_at_a_jump_is_that_of_the_side_whose_color_a_pixel_has():
    """Red at 1 m and blue at 4 m; the border lies inside a pixel of the canvas. No pixel gets a depth between them."""
    photo = np.zeros((4, 16, 3), np.uint8)
    photo[:, :7, 0], photo[:, 7:, 2] = 255, 255  # 7 of 16 columns: the fourth canvas column of eight holds both
    values = np.where(np.arange(8) < 4, 1.0, 4.0).astype(np.float32)[None].repeat(2, 0)
    depth = Depth(values=values, valid=np.ones((2, 8), bool), scale="metric", confidence=np.ones((2, 8), np.float32))
    back = restore(depth, Placement((16, 4), (8, 2), (0, 0, 8, 2)), photo).values
    assert back[:, :7] == pytest.approx(1) and back[:, 8:] == pytest.approx(4)
    assert set(np.unique(back[:, 7])) <= {1.0, 4.0}


def test_depth_without_a_photo_takes_the_nearest_side():
    values = np.array([[1, 1, 4, 4], [1, 1, 4, 4]], np.float32)
    depth = Depth(values=values, valid=np.ones((2, 4), bool), scale="metric", confidence=ONE)
    assert resized(depth, 8, 4).values.tolist() == [[1, 1, 1, 1, 4, 4, 4, 4]] * 4


def test_what_is_unknown_stays_so_and_does_not_mix_in():
    values = np.array([[2, 2, 2, 9], [2, 2, 2, 9]], np.float32)
    valid = np.array([[True, True, True, False]] * 2)
    back = resized(Depth(values=values, valid=valid, scale="metric", confidence=ONE), 8, 4)
    assert back.valid.tolist() == [[True] * 6 + [False] * 2] * 4
    assert back.values[:, :6] == pytest.approx(2) and np.isinf(back.values[:, 6:]).all()


def test_normals_have_length_one_between_two_directions():
    """Halfway between right and up lies the diagonal; opposite normals have nothing between them."""
    xyz = np.zeros((1, 2, 3), np.float32)
    xyz[0, 0, 0] = xyz[0, 1, 1] = 1
    one = np.ones((1, 2), np.float32)
    back = resized(Normals(xyz=xyz, valid=np.ones((1, 2), bool), confidence=one), 8, 4).xyz
    assert np.linalg.norm(back, axis=-1) == pytest.approx(1)
    weight = (np.arange(8) + 0.5) / 4 - 0.5  # bilinear: how much of the right pixel
    soft = np.clip(weight, 0, 1)
    expected = np.stack([1 - soft, soft, 0 * soft], -1)
    assert back[2] == pytest.approx(expected / np.linalg.norm(expected, axis=-1, keepdims=True), abs=1e-5)
    opposite = Normals(xyz=np.array([[[1, 0, 0], [-1, 0, 0]]], np.float32), valid=np.ones((1, 2), bool), confidence=one)
    assert np.abs(resized(opposite, 8, 4).xyz[..., 0]) == pytest.approx(1)


def test_the_same_grid_changes_nothing():
    values = np.array([[1, 2, 3, 4]] * 2, np.float32)
    same = Grid(Placement((4, 2), (4, 2), (0, 0, 4, 2)))
    assert same.same and same.soft(values).tolist() == values.tolist()

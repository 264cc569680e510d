"""Error maps: how far off a pixel is, by kind."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.eval.error_maps import UNKNOWN, error_map, errors
from plantain.predictions.types import Alpha, Depth, Instances, Labels, Normals

SURE = np.ones((2, 3), np.float32)


def depth(values, scale="metric", valid=True):
    values = np.array(values, np.float32)
    return Depth(values=values, valid=np.full(values.shape, valid), scale=scale, confidence=SURE)


def test_depth_by_octaves():
    said, true = depth([[2, 4, 1], [2, 2, 2]]), depth([[2, 2, 2], [2, 2, 0]])
    share, known = errors(said, true)
    assert share[0].tolist() == pytest.approx([0, 1, 1]) and known.tolist() == [[True] * 3, [True, True, False]]
    picture = error_map(said, true)
    assert tuple(picture[1, 2]) == UNKNOWN and picture[0, 1].sum() > picture[0, 0].sum()


def test_relative_depth_is_fitted_first():
    said, true = depth([[1, 2, 3], [4, 5, 6]], "affine"), depth([[0, 0.2, 0.4], [0.6, 0.8, 1]], "affine")
    assert errors(said, true)[0] == pytest.approx(0, abs=1e-6)


def test_normals_by_their_angle():
    up, forward = np.array([0, 1, 0], np.float32), np.array([0, 0, 1], np.float32)
    xyz = np.broadcast_to(forward, (2, 3, 3)).copy()
    said = Normals(xyz=xyz, valid=SURE > 0, confidence=SURE)
    turned = xyz.copy()
    turned[0, 0] = up
    share, _ = errors(said, Normals(xyz=turned, valid=SURE > 0, confidence=SURE))
    assert share[0, 0] == pytest.approx(1.5) and share[1, 1] == pytest.approx(0, abs=1e-3)


def test_classes_by_name():
    said = Labels(ids=np.array([[0, 1, -1], [0, 0, 1]]), classes=("cat", "dog"), confidence=SURE)
    true = Labels(ids=np.array([[1, 1, 0], [-1, 1, 2]]), classes=("dog", "cat", "owl"), confidence=SURE)
    share, known = errors(said, true)
    assert share[0].tolist() == [0, 1, 1] and known.tolist() == [[True, True, True], [False, True, False]]


def test_masks_and_kinds_without_a_map():
    on = Alpha(alpha=SURE[None], names=("x",), confidence=SURE)
    off = Alpha(alpha=0 * SURE[None], names=("x",), confidence=SURE)
    assert errors(on, off)[0].max() == 1 and errors(on, on)[0].max() == 0
    none = Instances(boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64), classes=("x",),
                     scores=np.zeros(0, np.float32), confidence=SURE)  # fmt: skip
    assert error_map(none, none) is None and error_map(on, none) is None

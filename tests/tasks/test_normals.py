"""Normals come back within half an 8-bit step, in both conventions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import TruthError
from plantain.predictions.types import Normals
from plantain.tasks import SurfaceNormals


@pytest.mark.parametrize("code", [None, "vb", "gl"])
@settings(max_examples=25)
@given(vector=st.tuples(*[st.floats(-1, 1)] * 2, st.floats(0.05, 1)))
def test_decode_inverts_encode(code, vector) -> None:
    unit = np.array(vector) / np.linalg.norm(vector)
    task = SurfaceNormals(code=code)
    read = task.decode(task.encode(np.broadcast_to(unit, (3, 4, 3))))
    angle = np.degrees(np.arccos(np.clip(read.xyz @ unit, -1, 1)))
    assert angle.max() < 0.6
    assert read.valid.all()
    assert read.confidence.min() > 0.95


def test_published_colors() -> None:
    # Vision Banana v3: to the left pinkish red, up light green, to the camera light blue
    left, up, viewer = SurfaceNormals().encode(np.array([[[-1, 0, 0], [0, 1, 0], [0, 0, 1]]], np.float32))[0].tolist()
    assert (left, up, viewer) == ([255, 128, 128], [128, 255, 128], [128, 128, 255])
    assert SurfaceNormals(code="gl").encode(np.array([[[1, 0, 0]]], np.float32))[0, 0].tolist() == [255, 128, 128]


def test_no_surface_is_magenta_and_not_valid() -> None:
    xyz = np.zeros((2, 2, 3), np.float32)
    painted = SurfaceNormals().encode(xyz)
    assert (painted == (255, 0, 255)).all()
    read = SurfaceNormals().decode(painted)
    assert not read.valid.any()
    assert not read.confidence.any()


def test_lengths_are_brought_to_one_and_nan_refused() -> None:
    assert SurfaceNormals().encode(np.full((1, 1, 3), [0, 0, 7.0])).tolist() == [[[128, 128, 255]]]
    with pytest.raises(TruthError, match="finite"):
        SurfaceNormals().encode(np.full((2, 2, 3), np.nan))
    with pytest.raises(TruthError, match="shape"):
        SurfaceNormals().encode(np.ones((2, 2)))
    still = Normals(xyz=np.zeros((2, 2, 3)), valid=np.ones((2, 2), bool), confidence=np.ones((2, 2)))
    with pytest.raises(TruthError, match="length 0"):
        SurfaceNormals().encode(still)


@pytest.mark.parametrize(
    ("color", "valid", "confidence"),
    [
        ((128, 128, 255), True, 1),
        ((128, 128, 0), True, 0.3),  # faces away
        ((128, 128, 178), True, np.exp(-((0.604 / 0.4) ** 2))),  # (178 - 127.5) / 127.5 = .396 long
        ((128, 128, 170), False, 0),  # .333 long
        ((250, 128, 250), True, np.exp(-((0.359 / 0.4) ** 2))),  # the root of two times .961: 1.359 long
        ((255, 128, 255), False, 0),  # 1.414 long
    ],
)
def test_lengths_from_a_third_to_seven_fifths_are_directions(color, valid, confidence) -> None:
    read = SurfaceNormals().decode(np.array([[color]], np.uint8))
    assert read.valid[0, 0] == valid
    assert read.confidence[0, 0] == pytest.approx(confidence, abs=0.005)

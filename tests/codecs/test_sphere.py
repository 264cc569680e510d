"""Normals as colors: the two conventions, exact pairs, and the length that was painted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantain.codecs import sphere
from plantain.errors import UnknownName

# vb: facing left pinkish red, up light green, to the camera light blue, as in the paper's figure
SHARED = {(0, 1, 0): (128, 255, 128), (0, 0, 1): (128, 128, 255)}
FACES = {
    "vb": {(-1, 0, 0): (255, 128, 128), (1, 0, 0): (0, 128, 128), **SHARED},
    "gl": {(1, 0, 0): (255, 128, 128), (-1, 0, 0): (0, 128, 128), **SHARED},
}


@pytest.mark.parametrize("convention", FACES)
def test_the_faces_have_their_colors(convention: str) -> None:
    for xyz, rgb in FACES[convention].items():
        assert sphere.encode(np.array([[xyz]], float), convention)[0, 0].tolist() == list(rgb)
        read, length = sphere.decode(np.array([[rgb]], np.uint8), convention)
        assert read[0, 0] == pytest.approx(xyz, abs=0.01)
        assert length[0, 0] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("convention", FACES)
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.1))
def test_decode_inverts_encode(convention: str, vector: list[float]) -> None:
    unit = np.array([[vector]]) / np.linalg.norm(vector)
    exact, length = sphere.decode(sphere.encode_float(unit, convention), convention)
    assert np.allclose(exact, unit, atol=1e-5)
    assert length[0, 0] == pytest.approx(1, abs=1e-5)
    rounded = sphere.decode(sphere.encode(unit, convention), convention)[0]
    assert np.degrees(np.arccos(np.clip((rounded * unit).sum(), -1, 1))) < 0.6


@pytest.mark.parametrize("kind", ["bytes", "floats"])
def test_pictures_of_several_chunks_are_read_by_the_formula(kind: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (300, 333, 3), dtype=np.uint8)
    xyz, length = sphere.decode(rgb if kind == "bytes" else rgb / 255.0, "vb")
    vector = (rgb / 255.0 * 2 - 1) * [-1, 1, 1]
    expected = np.linalg.norm(vector, axis=-1)
    assert np.allclose(length, expected, atol=1e-5)
    assert np.allclose(xyz, vector / expected[..., None], atol=1e-4)


def test_magenta_sky_is_far_too_long() -> None:
    # the paper's own painting of a street: sky (253, 3, 252) decodes to |n| = 1.7
    assert sphere.decode(np.array([[(253, 3, 252)]], np.uint8))[1][0, 0] == pytest.approx(1.7, abs=0.05)


def test_gray_is_no_direction_but_no_error() -> None:
    xyz, length = sphere.decode(np.full((2, 2, 3), 0.5, np.float32))
    assert np.isfinite(xyz).all()
    assert length.max() < 1e-6


def test_unknown_conventions_are_refused() -> None:
    with pytest.raises(UnknownName, match="gl"):
        sphere.decode(np.zeros((1, 1, 3), np.uint8), "dx")

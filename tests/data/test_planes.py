"""Normals of depth: planes whose normals are known by hand, seen by a pinhole camera."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from plantain.data.planes import normals_from_depth

FX, FY, CX, CY = 130.0, 140.0, 47.5, 35.5
SIZE = (72, 96)


def rays():
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (x - CX) / FX, (y - CY) / FY


def plane(normal, distance):
    """z of the plane n . P = -distance, with n in our frame (x right, y up, z to the viewer) and P = z (u, -v, -1)."""
    u, v = rays()
    facing = normal[0] * u - normal[1] * v - normal[2]
    with np.errstate(divide="ignore"):
        z = -distance / facing
    return np.where((z > 0.2) & (z < 50), z, 0).astype(np.float32)


def angle_deg(xyz, normal):
    return np.degrees(np.arccos(np.clip(xyz @ np.asarray(normal), -1, 1)))


@pytest.mark.parametrize(
    ("normal", "distance"),
    [
        ((0, 0, 1), 2.0),  # a wall straight ahead
        ((0, 1, 0), 1.5),  # the floor, 1.5 m below the camera
        ((0, -1, 0), 1.0),  # the ceiling
        ((1, 0, 0), 0.8),  # the wall on the left looks to the right
        ((-1, 0, 0), 0.8),  # the wall on the right looks to the left
        ((0.6, 0, 0.8), 2.0),
        ((0, 0.6, 0.8), 2.0),
    ],
)
def test_planes_by_hand(normal, distance):
    z = plane(normal, distance)
    xyz, valid = normals_from_depth(z, FX, FY, CX, CY)
    assert valid.sum() > 0.9 * (z > 0).sum() > 500
    assert not valid[z == 0].any() and not xyz[~valid].any()
    np.testing.assert_allclose(np.linalg.norm(xyz[valid], axis=-1), 1, atol=1e-5)
    assert np.median(angle_deg(xyz[valid], normal)) < 0.1


@settings(max_examples=30)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.3, 1), st.floats(0.5, 8))
def test_any_plane(x, y, z, distance):
    normal = np.array([x, y, z]) / np.linalg.norm([x, y, z])
    depth = plane(normal, distance)
    assume((depth > 0).sum() > 1000)
    xyz, valid = normals_from_depth(depth, FX, FY, CX, CY)
    assert np.median(angle_deg(xyz[valid], normal)) < 0.3
    u, v = rays()
    seen = xyz[..., 0] * u - xyz[..., 1] * v - xyz[..., 2]
    assert (seen[valid] <= 1e-6).all(), "a surface that one sees faces the camera"


def test_noise_is_averaged():
    noisy = plane((0.6, 0, 0.8), 2.0) + np.random.default_rng(0).normal(0, 0.004, SIZE).astype(np.float32)
    xyz, valid = normals_from_depth(noisy, FX, FY, CX, CY)
    assert np.median(angle_deg(xyz[valid], (0.6, 0, 0.8))) < 6


def test_at_a_jump_both_sides_keep_their_own_normal():
    near, far = plane((0.6, 0, 0.8), 1.0), plane((-0.6, 0, 0.8), 4.0)
    left = np.broadcast_to(np.arange(SIZE[1]) < 48, SIZE)
    xyz, valid = normals_from_depth(np.where(left, near, far), FX, FY, CX, CY)
    inner = np.s_[10:-10]
    assert np.median(angle_deg(xyz[inner, 44:48][valid[inner, 44:48]], (0.6, 0, 0.8))) < 1
    assert np.median(angle_deg(xyz[inner, 48:52][valid[inner, 48:52]], (-0.6, 0, 0.8))) < 1


def test_holes_are_unknown_and_do_not_spoil_their_surroundings():
    z = plane((0, 0.6, 0.8), 2.0)
    z[20:40, 30:50] = 0
    xyz, valid = normals_from_depth(z, FX, FY, CX, CY)
    assert not valid[20:40, 30:50].any()
    assert valid[10:18, 30:50].all()
    assert angle_deg(xyz[valid], (0, 0.6, 0.8)).max() < 0.5


def test_nothing_known_is_nothing_known():
    xyz, valid = normals_from_depth(np.zeros((20, 30), np.float32), FX, FY, CX, CY)
    assert not valid.any() and not xyz.any()
    few = np.zeros((20, 30), np.float32)
    few[4, 4:8] = 2
    assert not normals_from_depth(few, FX, FY, CX, CY)[1].any(), "four pixels are no plane"

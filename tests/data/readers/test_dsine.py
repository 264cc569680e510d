"""DSINE's pack: 8-bit and 16-bit PNG and OpenEXR, in a frame whose normals point into the surface."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from depth_trees import lazy, picture, refused, save
from PIL import Image
from test_exr import made, written

from plantain.data.planes import normals_from_depth
from plantain.data.readers.dsine import read_dsine
from plantain.errors import PhotoError, UnknownName
from plantain.predictions.types import Normals

CAMERA = np.array([[5.0, 0, 3.5], [0, 5.0, 2.5], [0, 0, 1]])


def sample(root, name, normal, suffix="png"):
    """A photo, its camera, and `normal`: an array for a PNG, or what writes the file."""
    picture(root / f"{name}_img.{suffix}")
    save(root / f"{name}_intrins.npy", CAMERA)
    if isinstance(normal, np.ndarray):
        save(root / f"{name}_normal.png", normal)


def into_surface(opencv):
    """By the pack's authors (github.com/baegwangbin/DSINE, issue 8): right, down, front, and outward = -inward."""
    return -opencv


def test_walls_and_floor(tmp_path):
    """A wall ahead is (0, 0, 1) in the pack; of a room's left wall and floor x and y, seen from inside, are known."""
    stored = np.zeros((6, 8, 3), np.uint8)
    stored[0, 0] = np.rint((into_surface(np.array([0, 0, -1.0])) + 1) / 2 * 255)
    stored[3, 0] = np.rint((into_surface(np.array([1.0, 0, 0])) + 1) / 2 * 255)
    stored[5, 4] = np.rint((into_surface(np.array([0, -1.0, 0])) + 1) / 2 * 255)
    assert stored[0, 0].tolist() == [128, 128, 255]
    sample(tmp_path, "nyuv2/test/000008", stored)
    (example,) = read_dsine(tmp_path, "test", part="nyuv2")
    normals = example.truth("normals")
    assert np.argwhere(normals.valid).tolist() == [[0, 0], [3, 0], [5, 4]]
    np.testing.assert_allclose(normals.xyz[0, 0], [0, 0, 1], atol=0.006)
    np.testing.assert_allclose(normals.xyz[3, 0], [1, 0, 0], atol=0.006)
    np.testing.assert_allclose(normals.xyz[5, 4], [0, 1, 0], atol=0.006)
    np.testing.assert_allclose(np.linalg.norm(normals.xyz[normals.valid], axis=-1), 1, atol=1e-6)
    assert (example.source, example.id, example.facts["focal_px"]) == ("dsine-nyuv2", "test_000008", 5.0)


def test_a_slanted_plane_agrees_with_a_fit_to_its_depth(tmp_path):
    u, v = np.meshgrid((np.arange(40) - 19.5) / 40, (np.arange(30) - 14.5) / 40)
    depth = (1 / (0.5 + 0.3 * u - 0.2 * v)).astype(np.float32)
    xyz, valid = normals_from_depth(depth, 40, 40, 19.5, 14.5)
    fitted = Normals(xyz=xyz, valid=valid, confidence=np.ones((30, 40), np.float32))
    stored = np.rint((into_surface(fitted.to_opencv()) + 1) / 2 * 255).astype(np.uint8)
    picture(tmp_path / "scannet/scene0532_00/000000_img.png", 40, 30)
    save(tmp_path / "scannet/scene0532_00/000000_intrins.npy", CAMERA)
    save(tmp_path / "scannet/scene0532_00/000000_normal.png", stored)
    (example,) = read_dsine(tmp_path, part="scannet")
    assert example.id == "scene0532_00_000000"
    np.testing.assert_allclose(example.truth("normals").xyz[10:20, 10:30], xyz[10:20, 10:30], atol=0.01)


def png16(path, pixels):
    """An RGB PNG of 16 bits, which Pillow does not write; each line under the next of the five filters of PNG."""
    height, width, _ = pixels.shape
    raw = pixels.astype(">u2").tobytes()
    size, out, before = 6 * width, b"", bytes(6 * width)
    for y in range(height):
        line = raw[y * size : (y + 1) * size]
        out += bytes([y % 5]) + bytes((line[i] - predicted(y % 5, line, before, i)) % 256 for i in range(size))
        before = line
    chunks = (b"IHDR" + struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0), b"IDAT" + zlib.compress(out), b"IEND")
    packed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def predicted(kind, line, before, i):
    """PNG specification, section 9: none, sub, up, average, Paeth."""
    left, up, corner = (line[i - 6], before[i], before[i - 6]) if i >= 6 else (0, before[i], 0)
    guess = left + up - corner
    paeth = min((left, up, corner), key=lambda value: abs(guess - value))
    return (0, left, up, (left + up) // 2, paeth)[kind]


def test_normals_in_sixteen_bits(tmp_path):
    rng = np.random.default_rng(0)
    opencv = rng.normal(size=(6, 8, 3))
    opencv /= np.linalg.norm(opencv, axis=-1, keepdims=True)
    stored = np.rint((into_surface(opencv) + 1) / 2 * 65535).astype(np.uint16)
    stored[2, 3] = 0
    sample(tmp_path, "vkitti/Scene01/000000", None, "jpg")
    png16(tmp_path / "vkitti/Scene01/000000_normal.png", stored)
    with Image.open(tmp_path / "vkitti/Scene01/000000_normal.png") as image:
        assert np.array_equal(np.asarray(image), stored >> 8), "the made file is a PNG of those numbers"
    normals = read_dsine(tmp_path, part="vkitti")[0].truth("normals")
    assert np.argwhere(~normals.valid).tolist() == [[2, 3]]
    expected = opencv * [1, -1, -1]
    np.testing.assert_allclose(normals.xyz[normals.valid], expected[normals.valid], atol=3e-5)


def test_normals_as_openexr(tmp_path):
    """The made picture's vectors longer than 1/2 are normals: x turned round, y and z as they are."""
    sample(tmp_path, "sintel/alley_1/frame_0001", None)
    written(tmp_path, "zip").rename(tmp_path / "sintel/alley_1/frame_0001_normal.exr")
    (example,) = read_dsine(tmp_path, part="sintel")
    expected = made() * [-1, 1, 1]
    length = np.linalg.norm(expected, axis=-1, keepdims=True)
    assert (length > 0.5).all()
    np.testing.assert_allclose(example.truth("normals").xyz, expected / length, atol=1e-6)
    assert example.id == "alley_1_frame_0001"


def test_what_is_missing_is_named(tmp_path):
    refused(lambda: read_dsine(tmp_path, part="ibims"), tmp_path / "ibims", "ibims/ibims/corridor_01_img.png")
    sample(tmp_path, "ibims/ibims/corridor_01", None)
    missing = tmp_path / "ibims/ibims/corridor_01_normal.exr"
    refused(lambda: read_dsine(tmp_path, part="ibims"), missing, "_normal.exr")
    with pytest.raises(UnknownName, match="unknown part 'oasis'"):
        read_dsine(tmp_path, part="oasis")
    with pytest.raises(UnknownName, match="unknown split 'train'"):
        read_dsine(tmp_path, "train", part="scannet")
    sample(tmp_path, "nyuv2/train/000002", np.zeros((6, 8), np.uint8))
    examples = read_dsine(tmp_path, "train", part="nyuv2")
    with pytest.raises(PhotoError, match="in mode L; wanted: normals as RGB"):
        examples[0].truth("normals")
    (tmp_path / "nyuv2/train/000002_normal.png").unlink()
    lazy(examples)

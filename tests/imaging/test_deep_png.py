"""PNGs of 16 bits a channel, checked against Pillow's 8 bits and against rows filtered by hand."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from plantain.imaging.deep_png import deep_png, read_deep
from plantain.models.identity import Identity
from plantain.models.painting import Painting

LEVELS = np.random.default_rng(0).integers(0, 65536, (5, 4, 3)).astype(np.uint16)


@settings(max_examples=40)
@given(levels=arrays(np.uint16, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))))
def test_every_level_comes_back(levels, tmp_path_factory) -> None:
    path = tmp_path_factory.getbasetemp() / "deep.png"
    path.write_bytes(deep_png(levels, {}))
    assert np.array_equal(read_deep(path.read_bytes()), levels)


def test_pillow_reads_the_upper_bytes_and_the_text(tmp_path) -> None:
    (tmp_path / "x.png").write_bytes(deep_png(LEVELS, {"plantain": "straße"}))
    with Image.open(tmp_path / "x.png") as image:
        assert image.text["plantain"] == "straße"
        assert np.array_equal(np.asarray(image.convert("RGB")), (LEVELS >> 8).astype(np.uint8))


def png(rows: list[tuple[int, bytes]], width: int, interlaced: bool = False) -> bytes:
    """A PNG whose rows are given with their filters, as the specification lays it out."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, len(rows), 16, 2, 0, 0, int(interlaced))
    body = zlib.compress(b"".join(bytes([kind]) + content for kind, content in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_rows_filtered_by_none_left_and_above(tmp_path) -> None:
    """Two pixels: 1, 2, 3 and 258 (0x0102), 5, 6. Bytes big end first; differences modulo 256."""
    plain = bytes([0, 1, 0, 2, 0, 3, 1, 2, 0, 5, 0, 6])
    left = bytes([0, 1, 0, 2, 0, 3, 1, 1, 0, 3, 0, 3])
    above = bytes([0] * 12)
    (tmp_path / "x.png").write_bytes(png([(0, plain), (1, left), (2, above), (2, bytes([1] + [0] * 11))], 2))
    want = np.array([[[1, 2, 3], [258, 5, 6]]] * 4, np.uint16)
    want[3, 0, 0] += 256
    assert np.array_equal(read_deep((tmp_path / "x.png").read_bytes()), want)


def test_rows_filtered_by_other_programs() -> None:
    """libpng, through OpenCV, told to use each filter alone and then all of them; OpenCV's channels are blue first."""
    cv2 = pytest.importorskip("cv2")
    y, x = np.mgrid[:37, :53]
    smooth = np.stack([900 * x + 300 * y, 65535 - 700 * y, 20 * x * y], -1).astype(np.uint16)
    noisy = smooth + np.random.default_rng(2).integers(0, 40, smooth.shape).astype(np.uint16)
    for filters in (cv2.IMWRITE_PNG_FILTER_AVG, cv2.IMWRITE_PNG_FILTER_PAETH, cv2.IMWRITE_PNG_ALL_FILTERS):
        done, content = cv2.imencode(".png", noisy[..., ::-1], [cv2.IMWRITE_PNG_FILTER, filters])
        assert done
        assert np.array_equal(read_deep(content.tobytes()), noisy)


def test_what_is_read_at_eight_bits(tmp_path) -> None:
    (tmp_path / "interlaced.png").write_bytes(png([(0, bytes(13))], 2, interlaced=True))
    assert read_deep((tmp_path / "interlaced.png").read_bytes()) is None
    assert Painting.load(tmp_path / "interlaced.png").pixels.dtype == np.uint8
    Image.fromarray((LEVELS >> 8).astype(np.uint8)).save(tmp_path / "eight.png")
    assert read_deep((tmp_path / "eight.png").read_bytes()) is None


def test_a_float_painting_is_kept_to_half_a_level_of_sixteen_bits(tmp_path) -> None:
    pixels = np.random.default_rng(1).random((7, 9, 3), np.float32)
    made = Painting(pixels, Identity("tiny", weights="abc"), "how far", 3, task="normals", code="vb/1")
    back = Painting.load(made.save(tmp_path / "x.png"))
    assert back.pixels.dtype == np.float32
    assert np.abs(back.pixels - pixels).max() <= 0.5 / 65535 + 1e-7
    assert back.provenance() == made.provenance()


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 2.0])
def test_odd_floats_are_kept_inside(tmp_path, value) -> None:
    back = Painting.load(Painting(np.full((2, 2, 3), value, np.float32)).save(tmp_path / "x.png")).pixels
    assert ((back >= 0) & (back <= 1)).all()

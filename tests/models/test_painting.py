"""Paintings keep their provenance inside the PNG, and are read from anywhere, damaged records and all."""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from plantain import __version__
from plantain.errors import OutputError, PhotoError
from plantain.models.identity import Identity
from plantain.models.painting import Painting, Usage, read_record

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
PAINTING = Painting(
    RGB,
    identity=Identity("tiny"),
    prompt='paint "straße" <1, 2, 3>\nнорд 🙂',
    seed=7,
    usage=Usage(1.5),
    task="metric-depth",
    code="cube/1",
    geometry={"photo": [640, 480], "canvas": [294, 224], "box": [0, 0, 294, 224]},
    asked={"near_m": 0.0, "far_m": float("inf"), "code": None},
)


def test_provenance_comes_back(tmp_path):
    path = PAINTING.save(tmp_path / "new" / "room.png")
    back = Painting.load(path)
    assert np.array_equal(back.rgb, RGB)
    for name in ("model", "prompt", "seed", "task", "code", "geometry", "asked"):
        assert getattr(back, name) == getattr(PAINTING, name)
    assert not back.lossy
    assert os.listdir(path.parent) == ["room.png"]


def test_anybody_can_read_the_record(tmp_path):
    """PNG's own layout, read by hand: an iTXt chunk of keyword, flags, language, translated keyword, UTF-8 text."""
    raw = PAINTING.save(tmp_path / "room.png").read_bytes()
    at, texts = 8, {}
    while at < len(raw):
        size, name = struct.unpack(">I4s", raw[at : at + 8])
        if name == b"iTXt":
            keyword, rest = raw[at + 8 : at + 8 + size].split(b"\0", 1)
            assert rest[:2] == b"\0\0", "not compressed"
            texts[keyword.decode()] = rest[2:].split(b"\0", 2)[2].decode("utf-8")
        at += 12 + size
    record = json.loads(texts["plantain"])
    assert "straße" in texts["plantain"]
    assert record["note"] == "machine-made estimate"
    assert record["version"] == __version__
    assert record["prompt"] == PAINTING.prompt


@settings(max_examples=50)
@given(prompt=st.text(st.characters(exclude_characters="\0"), max_size=200), seed=st.integers(0, 2**63))
def test_any_prompt_comes_back(prompt, seed, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.png"
    back = Painting.load(Painting(RGB, prompt=prompt, seed=seed).save(path))
    assert (back.prompt, back.seed) == (prompt, seed)


def test_half_a_letter_from_the_shell_comes_back(tmp_path):
    prompt = os.fsdecode(b"caf\xe9")  # Latin-1 on a UTF-8 terminal: a lone surrogate
    assert Painting.load(Painting(RGB, prompt=prompt).save(tmp_path / "x.png")).prompt == prompt


def with_text(path, text):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("plantain", text)
    Image.fromarray(RGB).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"task": "metric-de', "null", "5", '"task"', "[]", '["task", "code"]', "[" * 100_000, "\x01\x02",
        '{"seed": "seven", "geometry": 4, "asked": null, "model": [], "rgb": 1, "lossy": true, "other": {}}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_no_record(text, tmp_path):
    back = Painting.load(with_text(tmp_path / "x.png", text))
    assert np.array_equal(back.rgb, RGB)
    assert back.provenance() == Painting(RGB).provenance()
    assert not back.lossy


def test_what_is_right_in_a_damaged_record_is_kept(tmp_path):
    back = Painting.load(with_text(tmp_path / "x.png", '{"seed": null, "code": "cube/1", "geometry": "wide"}'))
    assert (back.seed, back.code, back.geometry) == (0, "cube/1", {})


def test_a_damaged_chunk_is_an_error_of_one_line(tmp_path):
    raw = bytearray(PAINTING.save(tmp_path / "x.png").read_bytes())
    at = raw.index(b"iTXt") + 20
    raw[at] ^= 0xFF  # its checksum is wrong now
    (tmp_path / "x.png").write_bytes(raw)
    with pytest.raises(PhotoError, match=r"x\.png is not a readable photo") as refusal:
        Painting.load(tmp_path / "x.png")
    assert "\n" not in str(refusal.value)


def test_a_compressed_record_of_another_program_is_read(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("plantain", '{"seed": 3}', zip=True)
    Image.fromarray(RGB).save(tmp_path / "x.png", pnginfo=info)
    assert Painting.load(tmp_path / "x.png").seed == 3


@pytest.mark.parametrize(
    ("name", "options", "lossy"),
    [
        ("x.png", {}, False),
        ("x.webp", {"lossless": True}, False),
        ("x.webp", {"lossless": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, False),
        ("x.webp", {"lossless": True, "icc_profile": b"seven b"}, False),  # an odd chunk before the pixels
        ("x.webp", {"quality": 95}, True),
        ("x.webp", {"quality": 95, "icc_profile": b"profile"}, True),
        ("x.jpg", {"quality": 100}, True),
        ("x.gif", {}, True),
        ("x.bmp", {}, False),
        ("x.tiff", {}, False),
    ],
)
def test_formats_that_change_colours_are_flagged(name, options, lossy, tmp_path):
    Image.fromarray(RGB).save(tmp_path / name, **options)
    back = Painting.load(tmp_path / name)
    assert back.lossy is lossy
    assert lossy or np.array_equal(back.rgb, RGB)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
def test_paintings_of_other_modes_are_read_as_rgb(mode, tmp_path):
    Image.new(mode, (4, 3), 255 if mode in "L1" else None).save(tmp_path / "x.png")
    back = Painting.load(tmp_path / "x.png").rgb
    assert back.shape == (3, 4, 3)
    assert back.dtype == np.uint8


def test_sixteen_bit_gray_keeps_its_upper_byte(tmp_path):
    Image.fromarray(np.array([[0, 0x0100, 0x80FF, 0xFFFF]], np.uint16)).save(tmp_path / "x.png")
    assert Painting.load(tmp_path / "x.png").rgb[0].tolist() == [[v] * 3 for v in (0, 1, 128, 255)]


def test_large_paintings_are_read_without_a_warning(tmp_path, monkeypatch, recwarn):
    """Pillow warns from MAX_IMAGE_PIXELS on and refuses from twice that on."""
    path = PAINTING.save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", RGB.shape[0] * RGB.shape[1] - 1)
    assert Painting.load(path).prompt == read_record(path)["prompt"] == PAINTING.prompt
    assert not recwarn.list


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "words.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(RGB, 40, 0)).save(buffer, "PNG")
    (tmp_path / "half.png").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    for name, words in {
        "missing.png": "No such file", "words.png": "not a readable", "empty.png": "empty",
        "half.png": "not a readable", ".": "a folder",
    }.items():  # fmt: skip
        with pytest.raises(PhotoError, match=words):
            Painting.load(tmp_path / name)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "taken" / "x.png", tmp_path / "taken" / "deeper" / "x.png", tmp_path / "folder"):
        with pytest.raises(OutputError, match=f"cannot write {target}") as refusal:
            PAINTING.save(target)
        assert "\n" not in str(refusal.value)
        assert ".plantain-" not in str(refusal.value)
    assert sorted(os.listdir(tmp_path)) == ["folder", "taken"]
    assert not os.listdir(tmp_path / "folder")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        PAINTING.save(tmp_path / "x.png")


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_whatever_stops_the_writing_the_old_painting_stays(stop, tmp_path, monkeypatch):
    PAINTING.save(tmp_path / "x.png")
    before = (tmp_path / "x.png").read_bytes()

    def half(self, content):
        with open(self, "wb") as file:
            file.write(content[:50])
        raise stop

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OutputError if isinstance(stop, OSError) else type(stop)):
        PAINTING.save(tmp_path / "x.png")
    assert os.listdir(tmp_path) == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == before


def test_marked_is_a_copy():
    marked = PAINTING.with_provenance(task="normals", code="vb/1")
    assert (marked.task, marked.code, marked.seed) == ("normals", "vb/1", 7)
    assert PAINTING.task == "metric-depth"
    assert marked.image().size == (8, 6)


def test_a_notebook_shows_the_painting():
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(PAINTING._repr_png_()))), RGB)


def test_reading_a_painting_needs_numpy_and_pillow_only(tmp_path):
    ask = "import sys, plantain.models.painting, plantain.imaging.geometry"
    code = f"{ask}; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "onnxruntime", "scipy", "matplotlib", "rich", "cyclopts"} & set(loaded)


def test_no_timestamp_so_that_the_same_painting_is_the_same_file(tmp_path):
    a, b = PAINTING.save(tmp_path / "a.png").read_bytes(), PAINTING.save(tmp_path / "b.png").read_bytes()
    assert a == b
    assert zlib.crc32(a[12:29]) == struct.unpack(">I", a[29:33])[0]

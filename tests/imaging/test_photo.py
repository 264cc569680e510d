"""Photos come in upright, in every form and mode; what is none is refused in one line."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from plantain.errors import PhotoError
from plantain.imaging import photo as reading
from plantain.imaging.photo import photo_size, read_mask, read_photo

UPRIGHT = np.random.default_rng(0).integers(0, 256, (2, 3, 3), dtype=np.uint8)
STORED = {  # EXIF 2.3, tag 0x0112: which side of the scene row 0 and column 0 of the file are
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}


def as_bytes(image, file_format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width, height):
    """A PNG's head that claims a size, with no pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("form", ["bytes", "path", "image"])
def test_photos_are_read_upright(orientation, form, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = as_bytes(Image.fromarray(np.ascontiguousarray(STORED[orientation])), exif=exif)
    (tmp_path / "photo.png").write_bytes(raw)
    given_photo = {"bytes": raw, "path": tmp_path / "photo.png", "image": Image.open(io.BytesIO(raw))}[form]
    assert np.array_equal(read_photo(given_photo), UPRIGHT)


@pytest.mark.parametrize("exif", [b"garbage", b"II*\0\x08\0\0\0\xff\xff\x12", b"MM\0*"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_cost_the_photo(exif):
    assert np.array_equal(read_photo(as_bytes(Image.fromarray(UPRIGHT), exif=exif)), UPRIGHT)


@pytest.mark.parametrize(
    ("mode", "pixel", "seen"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("LA", (0, 255), (0, 0, 0)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (100, 128), (177, 177, 177)),  # 100 * 128 / 255 + 127
        ("RGBA", (200, 100, 0, 51), (244, 224, 204)),  # a fifth of the colour, four fifths of white
        ("RGBa", (40, 20, 0, 51), (244, 224, 204)),  # the same, premultiplied
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
        ("YCbCr", (128, 128, 128), (128, 128, 128)),
        ("HSV", (0, 255, 255), (255, 0, 0)),
        ("RGBX", (1, 2, 3, 0), (1, 2, 3)),
        ("I;16", 0x1234, (0x12, 0x12, 0x12)),
        ("I", 0x1234, (0x12, 0x12, 0x12)),
        ("I", 200, (200, 200, 200)),
        ("F", 0.5, (128, 128, 128)),
        ("F", 128.0, (128, 128, 128)),
    ],
)
def test_pictures_of_any_mode(mode, pixel, seen):
    read = read_photo(Image.new(mode, (3, 2), pixel))
    assert read.shape == (2, 3, 3) and read.dtype == np.uint8
    np.testing.assert_allclose(read.astype(int) - np.array(seen), 0, atol=1)


def test_palettes_with_and_without_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 0])
    image.putpixel((1, 0), 1)
    assert read_photo(image).tolist() == [[[10, 20, 30], [200, 100, 0]]]
    clear = as_bytes(image, transparency=bytes([255, 0]))
    assert read_photo(clear).tolist() == [[[10, 20, 30], [255, 255, 255]]]
    assert read_photo(as_bytes(Image.new("RGB", (1, 1), (7, 8, 9)), transparency=(7, 8, 9))).tolist() == [[[255] * 3]]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_files_keep_their_upper_byte(file_format):
    levels = np.array([[0, 255, 256, 0x80FF, 65535]], np.uint16)
    assert read_photo(as_bytes(Image.fromarray(levels), file_format))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_files_of_many_formats(file_format):
    image = Image.new("RGB", (40, 30), (200, 100, 50))
    np.testing.assert_allclose(read_photo(as_bytes(image, file_format)), np.asarray(image), atol=4)


@pytest.mark.parametrize(
    ("array", "seen"),
    [
        (np.array([[0, 128, 255]], np.uint8), [0, 128, 255]),
        (np.array([[False, True]]), [0, 255]),
        (np.array([[0, 0x0100, 0xFFFF, 200]], np.uint16), [0, 1, 255, 0]),
        (np.array([[0, 0x0100, 0xFFFF, 200]], ">u2"), [0, 1, 255, 0]),
        (np.array([[0, 200, 255]]), [0, 200, 255]),  # what np.array makes of a list of levels: int64
        (np.array([[-5, 99]], np.int8), [0, 99]),
        (np.array([[-5, 256, 70000]], np.int32), [0, 1, 255]),
        (np.array([[0.0, 0.5, 1.0, -2.0, 1.0005]]), [0, 128, 255, 0, 255]),
        (np.array([[0.0, 0.5, 1.08]], np.float32), [0, 128, 255]),  # a sharp resize overshoots
        (np.array([[0.0, 128.0, 255.0]], np.float16), [0, 128, 255]),
        (np.array([[0.0, 500.0, 1000.0]]), [0, 128, 255]),
        (np.array([[np.nan, np.inf, -np.inf, 0.2]]), [0, 255, 0, 51]),
        (np.array([[np.nan, np.inf, -np.inf, 51.0]]), [0, 255, 0, 51]),
        (np.full((1, 2), np.nan), [0, 0]),
    ],
)
def test_arrays_of_any_type(array, seen):
    for shaped in (array, array[..., None], np.repeat(array[..., None], 3, -1)):
        read = read_photo(shaped)
        assert read.dtype == np.uint8 and read.flags.c_contiguous
        assert read.tolist() == [[[v] * 3 for v in seen]]


def test_an_array_with_alpha_lies_on_white():
    assert read_photo(np.array([[[200, 100, 0, 51], [9, 9, 9, 255]]], np.uint8)).tolist() == [
        [[244, 224, 204], [9] * 3]
    ]
    assert read_photo(np.array([[[1.0, 0, 0, 0.0]]])).tolist() == [[[255] * 3]]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0)),
        np.zeros((1, 2, 2, 3)),
        np.full((2, 2), None),
        np.full((2, 2), "red"),
        np.full((2, 2), 1j),
    ],
)
def test_what_is_no_picture_is_refused(array):
    with pytest.raises(PhotoError, match=r"array of .* is no photo; give"):
        read_photo(array)


def refusals(tmp_path):
    photo = as_bytes(Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8)), "JPEG")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "half.jpg").write_bytes(photo[: len(photo) // 2])
    (tmp_path / "words.jpg").write_text("not a photo\nat all")
    (tmp_path / "bomb.png").write_bytes(png_of_size(60_000, 60_000))
    (tmp_path / "nothing.png").write_bytes(png_of_size(0, 7))
    (tmp_path / "hollow.png").write_bytes(png_of_size(8, 8))
    return {
        "empty.png": "is empty",
        "half.jpg": "not a readable photo .*runcated",
        "words.jpg": "not a readable photo .unknown format",
        "bomb.png": "more than 178 megapixels; cut",
        "nothing.png": "not a readable photo",
        "hollow.png": "not a readable photo",
        "missing.jpg": "cannot open .*: No such file",
        ".": "is a folder",
        "words.jpg/photo.png": "cannot open .*: Not a directory",
        "long" * 200: "cannot open .*: File name too long",
        "null\0.png": "cannot open .*null",
    }


def test_a_bad_file_is_one_clear_line(tmp_path):
    for name, words in refusals(tmp_path).items():
        with pytest.raises(PhotoError, match=words) as refusal:
            read_photo(f"{tmp_path}/{name}")
        assert "\n" not in str(refusal.value)
        if "\0" not in name:
            assert str(tmp_path / name) in str(refusal.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "not a readable photo"),
        (png_of_size(60_000, 60_000), "megapixels"),
        (None, "NoneType is no photo; give a path"),
        (5, "int is no photo"),
        (Image.new("RGB", (0, 4)), "0 x 4"),
    ],
)
def test_bad_bytes_and_things_are_refused_too(source, words):
    with pytest.raises(PhotoError, match=words):
        read_photo(source)


def test_a_truncated_picture_that_pillow_has_opened():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8))
    raw = as_bytes(noise, "JPEG")
    with pytest.raises(PhotoError, match="the photo is not a readable photo"):
        read_photo(Image.open(io.BytesIO(raw[: len(raw) // 2])))


def test_the_bound_holds_where_pillow_has_none(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(reading, "MOST_PIXELS", 5_000_000)
    with pytest.raises(PhotoError, match="more than 5 megapixels"):
        read_photo(png_of_size(2500, 2001))


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_orientations_out_of_range_are_ignored(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = as_bytes(Image.fromarray(UPRIGHT), exif=exif)
    assert np.array_equal(read_photo(raw), UPRIGHT)
    assert photo_size(raw) == (3, 2)


@pytest.mark.parametrize("value", ["6", b"\6", (6, 6), 6.5])
def test_orientations_of_another_type_are_ignored(value, monkeypatch):
    monkeypatch.setattr(Image.Image, "getexif", lambda image: {0x0112: value})
    assert np.array_equal(read_photo(as_bytes(Image.fromarray(UPRIGHT))), UPRIGHT)


@pytest.mark.parametrize("orientation", STORED)
def test_the_size_is_that_of_the_upright_photo(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert photo_size(as_bytes(Image.fromarray(np.ascontiguousarray(STORED[orientation])), exif=exif)) == (3, 2)


def test_a_stream_is_as_good_as_its_bytes(tmp_path):
    raw = as_bytes(Image.fromarray(UPRIGHT))
    (tmp_path / "photo.png").write_bytes(raw)
    assert np.array_equal(read_photo(io.BytesIO(raw)), UPRIGHT)
    with (tmp_path / "photo.png").open("rb") as stream:
        assert np.array_equal(read_photo(stream), UPRIGHT)
    with pytest.raises(PhotoError, match="empty"):
        read_photo(io.BytesIO(b""))


def test_large_photos_are_read_without_a_warning(monkeypatch, recwarn, tmp_path):
    """Pillow warns from MAX_IMAGE_PIXELS on and refuses from twice that on."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    Image.fromarray(UPRIGHT).save(tmp_path / "photo.png")
    assert read_photo(tmp_path / "photo.png").shape == (2, 3, 3)
    assert not recwarn.list


# ---- HEIC


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64


@pytest.mark.parametrize("form", ["bytes", "path"])
def test_heic_says_what_to_install(form, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "IMG_1.heic").write_bytes(HEIC)
    with pytest.raises(PhotoError, match=r"is in the format HEIC, .*: pip install pillow-heif") as refusal:
        read_photo(HEIC if form == "bytes" else tmp_path / "IMG_1.heic")
    assert "\n" not in str(refusal.value)


def test_heic_is_read_where_it_can_be(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pixels = np.kron(np.array([[0, 255]], np.uint8), np.ones((64, 32), np.uint8))
    path = tmp_path / "IMG_1.heic"
    pillow_heif.from_pillow(Image.fromarray(pixels).convert("RGB")).save(path, quality=95)
    for source in (path, path.read_bytes()):
        np.testing.assert_allclose(read_photo(source)[:, [8, 56], 0], [[0, 255]] * 64, atol=6)


# ---- masks


ON = np.array([[False, True, True], [False, False, True]])


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "LA", "RGBA", "P"])
def test_masks_without_transparency_go_by_brightness(mode):
    assert np.array_equal(read_mask(as_bytes(Image.fromarray(ON.astype(np.uint8) * 255).convert(mode))), ON)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("ink", [0, 255])
def test_strokes_on_transparency_are_on_whatever_their_color(mode, ink):
    image = Image.new(mode, (3, 2), ink if mode == "L" else (ink,) * 3)
    image.putalpha(Image.fromarray(ON.astype(np.uint8) * 200))
    assert np.array_equal(read_mask(as_bytes(image)), ON)
    assert np.array_equal(read_mask(image), ON)


def test_masks_as_arrays():
    assert np.array_equal(read_mask(ON), ON)
    assert np.array_equal(read_mask(ON.astype(float)), ON)
    black = np.zeros((2, 3, 4), np.uint8)
    black[..., 3] = ON * 255
    assert np.array_equal(read_mask(black), ON)
    assert np.array_equal(read_mask(black / 255), ON)
    assert not read_mask(np.full((2, 3, 4), [0, 0, 0, 255], np.uint8)).any(), "opaque black is off"


def test_a_mask_is_turned_as_its_photo():
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(ON)).astype(np.uint8) * 255)
    assert np.array_equal(read_mask(as_bytes(stored, exif=exif)), ON)

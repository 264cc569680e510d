"""Photos come in upright, answers of every kind come back to the photo's pixels, tiles join without seams."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain import geometry
from plantain.errors import PhotoError
from plantain.geometry import Placement, Tile, blend, feather, place, placement, read_photo, restore, tiles
from plantain.kinds import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

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
sides = st.integers(1, 90)
sizes = st.tuples(sides, sides)


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


# ---- photos in


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
    monkeypatch.setattr(geometry, "MOST_PIXELS", 5_000_000)
    with pytest.raises(PhotoError, match="more than 5 megapixels"):
        read_photo(png_of_size(2500, 2001))


# ---- the canvas


def test_near_aspects_are_stretched_and_others_padded():
    assert placement((640, 480), (294, 224)).box == (0, 0, 294, 224)
    assert placement((100, 50), (200, 200)).box == (0, 50, 200, 150)
    assert placement((50, 100), (200, 200)).box == (50, 0, 150, 200)
    assert placement((1000, 1), (140, 462)).box == (0, 230, 140, 231)  # a line keeps a pixel
    assert placement((1, 5000), (462, 140)).box == (230, 0, 231, 140)


def test_points_by_hand():
    where = placement((100, 50), (200, 200))
    assert where.to_canvas(np.array([[10, 10], [0, 0], [100, 50]])).tolist() == [[20, 70], [0, 50], [200, 150]]
    assert where.to_photo(np.array([[20, 70], [0, 0]])).tolist() == [[10, 10], [0, -25]]


@given(sizes, sizes, st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=5))
def test_points_go_there_and_back(size, canvas, points):
    where = placement(size, canvas)
    xy = np.array(points)
    np.testing.assert_allclose(where.to_photo(where.to_canvas(xy)), xy, atol=1e-6)
    corners = where.to_canvas(np.array([[0, 0], size]))
    np.testing.assert_allclose(corners.ravel(), where.box, atol=1e-9)


@given(sizes, sizes)
def test_the_photo_lies_inside_its_canvas_in_its_shape(size, canvas):
    where = placement(size, canvas)
    x0, y0, x1, y1 = where.box
    assert 0 <= x0 < x1 <= canvas[0] and 0 <= y0 < y1 <= canvas[1]
    assert x1 - x0 == canvas[0] or y1 - y0 == canvas[1]
    assert abs((canvas[0] - x1) - x0) <= 1 and abs((canvas[1] - y1) - y0) <= 1
    sx, sy = where.scale
    whole_pixels = 1 + 1 / min(x1 - x0, y1 - y0)  # a side is a whole number of pixels
    assert 1 / (1.1201 * whole_pixels) < sx / sy < 1.1201 * whole_pixels or min(x1 - x0, y1 - y0) == 1


@given(sizes, sizes)
def test_a_placement_is_kept_as_json(size, canvas):
    where = placement(size, canvas)
    assert Placement.from_json(where.to_json()) == where


def test_padding_repeats_the_border():
    photo = np.zeros((4, 2, 3), np.uint8)
    photo[0], photo[-1], photo[1:3, 0] = 50, 200, 90
    shown = place(np.repeat(np.repeat(photo, 20, 0), 20, 1), placement((40, 80), (80, 80)))
    assert shown.shape == (80, 80, 3)
    assert (shown[:10, :20] == 50).all() and (shown[-10:] == 200).all()
    assert (shown[30:50, :20] == shown[30:50, 20:21]).all()


def test_a_photo_of_the_canvas_size_is_shown_as_it_is():
    photo = np.random.default_rng(0).integers(0, 256, (21, 28, 3), dtype=np.uint8)
    assert np.array_equal(place(photo, placement((28, 21), (28, 21))), photo)


# ---- answers back


def sure(height, width):
    return np.full((height, width), 0.8, np.float32)


def depth(values, valid=None, **changes):
    values = np.asarray(values, np.float32)
    valid = np.ones(values.shape, bool) if valid is None else valid
    return replace(Depth(values=values, valid=valid, confidence=sure(*values.shape)), **changes)


def on_canvas(where, height=None):
    """The photo's coordinates, 0..1 along each side, at the canvas's pixel centres."""
    cw, ch = where.canvas
    (x0, y0, x1, y1) = where.box
    y, x = np.mgrid[:ch, :cw] + 0.5
    return (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)


def on_photo(size):
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    return x / size[0], y / size[1]


PLACES = [
    ((120, 90), (56, 42)),
    ((40, 30), (80, 64)),
    ((150, 40), (70, 70)),
    ((30, 200), (84, 56)),
    ((56, 42), (56, 42)),
]


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_smooth_answers_come_back_where_they_belong(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    x, y = on_photo(size)
    step = 1 / min(*size, where.box[2] - where.box[0], where.box[3] - where.box[1])
    inner = (np.minimum(x, 1 - x) > step) & (np.minimum(y, 1 - y) > step)  # borders are repeated, not continued
    ramp = depth(2 + u + 3 * v)
    back = restore(ramp, where)
    assert back.size == size and back.confidence.shape == back.values.shape
    assert back.valid.all()
    np.testing.assert_allclose(back.values[inner], (2 + x + 3 * y)[inner], rtol=0.005 + step)
    alpha = Alpha(alpha=np.stack([u, v]).clip(0, 1).astype(np.float32), names=("a", "b"), confidence=ramp.confidence)
    seen = restore(alpha, where)
    np.testing.assert_allclose(seen.alpha[0][inner], x[inner], atol=1e-3)
    np.testing.assert_allclose(seen.alpha[1][inner], y[inner], atol=1e-3)
    np.testing.assert_allclose(seen.confidence, 0.8, atol=1e-6)


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_labels_are_those_of_the_nearest_pixel(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    x, y = on_photo(size)
    cells = np.where((u < 0) | (u > 1) | (v < 0) | (v > 1), 9, np.floor(3 * u) + 3 * np.floor(3 * v)).astype(np.int16)
    wanted = (np.floor(3 * x) + 3 * np.floor(3 * y)).astype(int)
    scale = 1 / min(where.box[2] - where.box[0], where.box[3] - where.box[1])
    clear = (np.abs(np.stack([x, y])[..., None] - [1 / 3, 2 / 3]) > scale).all((0, -1))
    labels = Labels(ids=cells, classes=tuple("abcdefghij"), confidence=sure(*cells.shape))
    back = restore(labels, where)
    assert np.array_equal(back.ids[clear], wanted[clear])
    assert set(np.unique(back.ids)) <= set(range(9)), "no class of the padding, none that lies between two numbers"
    assert back.ids.dtype == np.int16
    panoptic = Panoptic(
        ids=cells, classes=labels.classes, confidence=labels.confidence, segments=cells.astype(np.int32),
        segment_labels=np.arange(9), segment_scores=np.ones(9, np.float32),
    )  # fmt: skip
    assert np.array_equal(restore(panoptic, where).segments, back.ids)


def test_soft_labels_follow_their_probabilities():
    where = placement((40, 40), (8, 8))
    share = np.repeat(np.linspace(0, 1, 8, dtype=np.float32)[None], 8, 0)
    ids = (share > 0.5).astype(np.int16)
    ids[:, 0] = -1
    labels = Labels(ids=ids, classes=("a", "b"), confidence=sure(8, 8), probabilities=np.stack([1 - share, share], -1))
    back = restore(labels, where)
    assert back.probabilities.shape == (40, 40, 2)
    np.testing.assert_allclose(back.probabilities.sum(-1), 1, atol=1e-5)
    assert (back.ids[:, :5] == -1).all()
    assert np.array_equal(back.ids[:, 5:], back.probabilities[:, 5:].argmax(-1))


@pytest.mark.parametrize("with_photo", [True, False])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_at_a_jump_depth_is_one_side_or_the_other(with_photo, data):
    size, canvas = (data.draw(st.tuples(st.integers(12, 90), st.integers(12, 90))) for _ in range(2))
    where = placement(size, canvas)
    assume(min(where.box[2] - where.box[0], where.box[3] - where.box[1]) >= 6)
    slant, at = data.draw(st.floats(-0.4, 0.4)), data.draw(st.floats(0.3, 0.7))
    u, v = on_canvas(where)
    x, y = on_photo(size)
    far = x + slant * y > at
    photo = np.where(far[..., None], (40, 90, 200), (220, 120, 30)).astype(np.uint8)
    back = restore(depth(np.where(u + slant * v > at, 9.0, 1.0)), where, photo if with_photo else None)
    off = np.minimum(np.abs(back.values - 1.0) / 1.0, np.abs(back.values - 9.0) / 9.0)
    assert off.max() < 0.05
    near_edge = np.abs(x + slant * y - at) < 2.1 / min(where.box[2] - where.box[0], where.box[3] - where.box[1])
    assert np.array_equal(back.values[~near_edge] > 5, far[~near_edge])


def test_a_jump_lies_where_the_photo_has_its_edge():
    size = (80, 40)
    photo = np.full((40, 80, 3), 20, np.uint8)
    photo[:, 43:] = 230  # the canvas's pixels are 8 wide: its own edge is at 40 or 48
    where = placement(size, (10, 5))
    painted = depth(np.where(np.arange(10) >= 5, 9.0, 1.0)[None].repeat(5, 0))
    back = restore(painted, where, photo)
    edge = (back.values > 5).argmax(1)
    assert np.abs(edge - 43).max() <= 1
    assert ((restore(painted, where).values > 5).argmax(1) == 40).all()


def test_depth_without_an_answer_stays_without():
    where = placement((60, 60), (20, 20))
    valid = np.ones((20, 20), bool)
    valid[:8] = False
    values = np.full((20, 20), 4.0)
    values[:8] = np.nan
    back = restore(depth(values, valid), where, np.full((60, 60, 3), 99, np.uint8))
    assert not back.valid[:24].any() and back.valid[24:].all()
    assert np.isinf(back.values[:24]).all()
    np.testing.assert_allclose(back.values[24:], 4.0, rtol=1e-6)
    nothing = restore(depth(values, np.zeros((20, 20), bool)), where)
    assert not nothing.valid.any() and np.isinf(nothing.values).all()


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_normals_are_unit_vectors_again(size, canvas):
    where = placement(size, canvas)
    u, v = on_canvas(where)
    tilt = 1.2 * (u.clip(0, 1) - 0.5)
    xyz = np.stack([np.sin(tilt), np.zeros_like(u), np.cos(tilt)], -1).astype(np.float32)
    xyz[v > 0.5] = (0, 0, -1)  # opposite to the middle of the upper half: a mean would vanish
    normals = Normals(xyz=xyz, valid=np.ones(u.shape, bool), confidence=sure(*u.shape))
    back = restore(normals, where)
    np.testing.assert_allclose(np.linalg.norm(back.xyz, axis=-1), 1, atol=1e-5)
    x, y = on_photo(size)
    upper = (y < 0.4) & (np.abs(x - 0.5) < 0.4)
    angle = np.degrees(np.arctan2(back.xyz[..., 0], back.xyz[..., 2]))
    np.testing.assert_allclose(angle[upper], np.degrees(1.2 * (x - 0.5))[upper], atol=1.0)


def test_where_opposite_normals_cancel_the_nearest_one_is_taken():
    xyz = np.zeros((10, 10, 3), np.float32)
    xyz[:5, :, 2], xyz[5:, :, 2] = 1, -1
    normals = Normals(xyz=xyz, valid=np.ones((10, 10), bool), confidence=sure(10, 10))
    back = restore(normals, placement((15, 15), (10, 10)))  # the middle row lies between the two halves
    np.testing.assert_allclose(np.abs(back.xyz[..., 2]), 1, atol=1e-5)


def things(boxes, masks=None, canvas=(60, 60), labels=None, scores=None):
    count = len(boxes)
    return Instances(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(count, np.int64) if labels is None else np.array(labels),
        classes=("cup", "plate"),
        scores=np.ones(count, np.float32) if scores is None else np.array(scores, np.float32),
        masks=masks,
        confidence=sure(*canvas[::-1]),
    )


def mask(size, box):
    on = np.zeros(size[::-1], bool)
    x0, y0, x1, y1 = box
    on[y0:y1, x0:x1] = True
    return on


def test_boxes_and_masks_come_back_exactly():
    where = placement((200, 100), (60, 60))  # the photo lies at (0, 15, 60, 45), 0.3 canvas pixels a photo pixel
    boxes = [(6, 21, 30, 33), (0, 0, 60, 60)]
    back = restore(things(boxes, np.stack([mask((60, 60), b) for b in boxes])), where)
    np.testing.assert_allclose(back.boxes, [(20, 20, 100, 60), (0, 0, 200, 100)], atol=1e-4)
    assert back.masks.shape == (2, 100, 200)
    wanted = mask((200, 100), (20, 20, 100, 60))
    assert (back.masks[0] != wanted).sum() <= 4 * 4, "its corners are rounded, by less than a canvas pixel"
    assert back.masks[1].all()


def test_things_on_the_padding_are_none_of_the_photos():
    where = placement((200, 100), (60, 60))
    boxes = [(5, 2, 20, 14), (6, 21, 30, 33), (0, 46, 60, 60)]
    masks = np.stack([mask((60, 60), b) for b in boxes])
    for given_masks in (masks, None):
        back = restore(things(boxes, given_masks, labels=[0, 1, 0], scores=[0.9, 0.8, 0.7]), where)
        assert len(back) == len(back.boxes) == 1
        assert (back.labels.tolist(), back.scores.tolist()) == ([1], [pytest.approx(0.8)])
    assert len(restore(things([], np.zeros((0, 60, 60), bool)), where).masks) == 0


def test_points_come_back_exactly_and_the_unseen_stay_unseen():
    where = placement((100, 50), (200, 200))
    body = Keypoints(
        xy=np.array([[20, 70], [100, 100], [np.nan, np.nan]], np.float32),
        visible=np.array([True, True, False]),
        names=("a", "b", "c"),
        scores=np.ones(3, np.float32),
        confidence=sure(200, 200),
    )
    back = restore(body, where)
    assert back.xy[:2].tolist() == [[10, 10], [50, 25]]
    assert np.isnan(back.xy[2]).all()
    assert back.size == (100, 50)


def test_an_unknown_kind_is_refused():
    odd = Prediction(confidence=sure(4, 4))
    with pytest.raises(TypeError, match="Prediction"):
        restore(odd, placement((4, 4), (4, 4)))
    with pytest.raises(TypeError, match="Prediction"):
        blend([], odd)


@pytest.mark.parametrize(("size", "canvas"), PLACES)
def test_what_was_placed_is_restored(size, canvas):
    """A photo's own brightness, read off the canvas as if it were an answer."""
    x, y = on_photo(size)
    photo = np.repeat((40 + 80 * x + 90 * y).astype(np.uint8)[..., None], 3, -1)
    where = placement(size, canvas)
    shown = place(photo, where)
    back = restore(depth(shown[..., 0]), where, photo)
    step = max(80 / (where.box[2] - where.box[0]), 90 / (where.box[3] - where.box[1]))  # levels a canvas pixel
    np.testing.assert_allclose(back.values, photo[..., 0], atol=2 + 0.75 * step)
    assert np.abs(back.values - photo[..., 0]).mean() < 2


# ---- tiles


@given(sizes, st.integers(1, 60), st.floats(0, 0.8))
def test_tiles_cover_the_photo_and_overlap(size, side, overlap):
    cut = tiles(size, side, overlap)
    covered = np.zeros(size[::-1], int)
    for tile in cut:
        x0, y0, x1, y1 = tile.box
        assert 0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]
        assert (x1 - x0, y1 - y0) == (min(side, size[0]), min(side, size[1]))
        covered[y0:y1, x0:x1] += 1
    assert covered.min() >= 1
    assert len({tile.box for tile in cut}) == len(cut)
    for axis in (0, 1):
        starts = sorted({tile.box[axis] for tile in cut})
        shared = [side - (b - a) for a, b in pairwise(starts)]
        assert all(pixels >= min(overlap * side, side - 1) - 1e-6 for pixels in shared)


def test_a_tile_is_cut_out():
    photo = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    part = Tile((1, 2, 4, 5)).cut(photo)
    assert part.shape == (3, 3, 3)
    assert np.array_equal(part[0, 0], photo[2, 1]) and np.array_equal(part[2, 2], photo[4, 3])


def test_a_feather_falls_only_at_borders_inside_the_photo():
    weights = feather((0, 0, 40, 40), (100, 40))
    assert weights.shape == (40, 40)
    assert (weights[:, :30] == 1).all()
    assert (np.diff(weights[5, 30:]) < 0).all() and weights[5, -1] < 0.06
    assert (feather((0, 0, 7, 9), (7, 9)) == 1).all()


def cut_up(size, side, answer_of):
    """Every tile of a photo with an answer made from the photo's coordinates (0..1) seen in it."""
    x, y = on_photo(size)
    made = []
    for number, tile in enumerate(tiles(size, side)):
        x0, y0, x1, y1 = tile.box
        made.append((tile, answer_of(x[y0:y1, x0:x1], y[y0:y1, x0:x1], number)))
    return made


SIZE = (130, 90)
PHOTO_X, PHOTO_Y = on_photo(SIZE)


def test_depth_tiles_are_brought_to_one_scale():
    truth = 2 + 5 * PHOTO_X + 3 * PHOTO_Y
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((2 + 5 * x + 3 * y) * (0.6 + 0.2 * i)))
    assert len(parts) > 6
    joined = blend(parts, depth(truth))
    np.testing.assert_allclose(joined.values, truth, rtol=1e-4)
    assert joined.valid.all() and joined.size == SIZE


def test_relative_depth_tiles_are_brought_to_one_scale_and_shift():
    truth = 0.1 + 0.4 * PHOTO_X + 0.4 * PHOTO_Y**2
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((0.1 + 0.4 * x + 0.4 * y**2) * (1 + i) - i, scale="affine"))
    joined = blend(parts, depth(truth, scale="affine"))
    np.testing.assert_allclose(joined.values, truth, atol=1e-4)
    assert joined.scale == "affine"


def test_tiles_add_detail_to_the_whole():
    """A coarse look at the whole gives the scale; the tiles give the fine structure; no seams between them."""
    waves = 0.3 * np.sin(60 * PHOTO_X)
    coarse = 4 + 3 * PHOTO_Y
    parts = cut_up(SIZE, 48, lambda x, y, i: depth((4 + 3 * y + 0.3 * np.sin(60 * x)) * (1 + 0.1 * (i % 3))))
    joined = blend(parts, depth(coarse))
    np.testing.assert_allclose(joined.values, coarse + waves, rtol=0.02)


def test_seams_are_soft_where_tiles_disagree():
    parts = [(tile, depth(np.full((40, 40), 5.0 + i))) for i, tile in enumerate(tiles((70, 40), 40))]
    flat = depth(np.full((40, 70), 5.5), np.zeros((40, 70), bool))  # knows nothing: no common scale
    row = blend(parts, flat).values[20]
    assert (row[0], row[-1]) == (5, 6)
    assert np.abs(np.diff(row)).max() < 0.2
    assert (np.diff(row) >= -1e-6).all()


def test_a_tile_without_an_answer_does_not_spoil_its_neighbour():
    left, right = tiles((70, 40), 40)
    blind = np.ones((40, 40), bool)
    blind[:, :15] = False
    junk = np.where(blind, 5.0, 999.0)
    joined = blend([(left, depth(np.full((40, 40), 5.0))), (right, depth(junk, blind))], depth(np.full((40, 70), 5.0)))
    np.testing.assert_allclose(joined.values[joined.valid], 5, rtol=1e-5)
    nothing = [(t, depth(np.full((40, 40), 7.0), np.zeros((40, 40), bool))) for t in (left, right)]
    assert not blend(nothing, depth(np.full((40, 70), 5.0))).valid.any()


def test_a_ramp_that_is_cut_decoded_and_blended_comes_back():
    photo = np.repeat((30 + 200 * PHOTO_X).astype(np.uint8)[..., None], 3, -1)
    canvas = (56, 42)

    def read(painted):  # a code by hand: a metre is 20 levels
        return depth(painted[..., 0] / 20)

    def answer(picture):
        where = placement(picture.shape[1::-1], canvas)
        return restore(read(place(picture, where)), where, picture)

    parts = [(tile, answer(tile.cut(photo))) for tile in tiles(SIZE, 60)]
    joined = blend(parts, answer(photo))
    np.testing.assert_allclose(joined.values, photo[..., 0] / 20, rtol=0.04)


def test_normals_of_tiles_are_unit_vectors():
    def normals(x, y, number):
        tilt = 1.5 * (x - 0.5) + (0.05 if number % 2 else -0.05)
        xyz = np.stack([np.sin(tilt), 0 * x, np.cos(tilt)], -1).astype(np.float32)
        valid = y > 0.2
        xyz[~valid] = 77
        return Normals(xyz=xyz, valid=valid, confidence=sure(*x.shape))

    joined = blend(cut_up(SIZE, 48, normals), normals(PHOTO_X, PHOTO_Y, 0))
    assert np.array_equal(joined.valid, PHOTO_Y > 0.2)
    xyz = joined.xyz[joined.valid]
    np.testing.assert_allclose(np.linalg.norm(xyz, axis=-1), 1, atol=1e-5)
    angle = np.arctan2(xyz[:, 0], xyz[:, 2])
    assert np.abs(angle - (1.5 * (PHOTO_X - 0.5))[joined.valid]).max() <= 0.051


def test_normals_of_a_blind_tile_do_not_turn_those_of_its_neighbour():
    left, right = tiles((70, 40), 40)
    up = np.broadcast_to(np.array([0, 1, 0], np.float32), (40, 40, 3))
    blind = np.ones((40, 40), bool)
    blind[:, :15] = False
    junk = np.where(blind[..., None], up, np.float32([1, 0, 0]))
    parts = [
        (left, Normals(xyz=up, valid=np.ones((40, 40), bool), confidence=sure(40, 40))),
        (right, Normals(xyz=junk, valid=blind, confidence=sure(40, 40))),
    ]
    whole = Normals(xyz=np.zeros((40, 70, 3), np.float32), valid=np.ones((40, 70), bool), confidence=sure(40, 70))
    joined = blend(parts, whole)
    np.testing.assert_allclose(joined.xyz[joined.valid][:, 1], 1, atol=1e-5)


def test_labels_of_tiles_are_voted_on():
    def labels(x, y, number):
        ids = (np.floor(3 * x) - (y > 0.8)).astype(np.int16)
        return Labels(ids=ids, classes=("a", "b", "c"), confidence=sure(*x.shape))

    whole = labels(PHOTO_X, PHOTO_Y, 0)
    parts = cut_up(SIZE, 48, labels)
    wrong = replace(parts[0][1], ids=np.full_like(parts[0][1].ids, 2), confidence=np.zeros((48, 48), np.float32))
    joined = blend([(parts[0][0], wrong), *parts], whole)  # one that says otherwise, without confidence
    assert np.array_equal(joined.ids, whole.ids)
    assert joined.ids.dtype == np.int16 and joined.ids.min() == -1
    assert joined.probabilities is None


def test_soft_masks_of_tiles_are_joined():
    def alpha(x, y, number):
        return Alpha(alpha=np.stack([x, y]).astype(np.float32), names=("x", "y"), confidence=sure(*x.shape))

    joined = blend(cut_up(SIZE, 48, alpha), alpha(PHOTO_X, PHOTO_Y, 0))
    np.testing.assert_allclose(joined.alpha, [PHOTO_X, PHOTO_Y], atol=1e-5)
    np.testing.assert_allclose(joined.confidence, 0.8, atol=1e-5)


def found_in(tile, boxes, with_masks, **more):
    """What somebody who sees only the tile finds of things that lie at `boxes` of the photo."""
    x0, y0, x1, y1 = tile.box
    own = np.array(boxes).clip((x0, y0, x0, y0), (x1, y1, x1, y1)) - (x0, y0, x0, y0)
    seen = [tuple(b) for b in own.tolist() if b[2] > b[0] and b[3] > b[1]]
    size = (x1 - x0, y1 - y0)
    masks = np.array([mask(size, b) for b in seen], bool).reshape(-1, *size[::-1]) if with_masks else None
    return things(seen, masks, size, **more)


@pytest.mark.parametrize("with_masks", [True, False])
def test_a_thing_on_a_seam_is_one_thing(with_masks):
    size = (100, 60)
    boxes = [(5, 5, 20, 20), (30, 10, 70, 50), (80, 30, 95, 55)]  # the middle one lies in both tiles
    parts = [(tile, found_in(tile, boxes, with_masks)) for tile in tiles(size, 64)]
    assert [len(part) for _, part in parts] == [2, 2]
    nothing = things([], np.zeros((0, 60, 100), bool) if with_masks else None, size)
    joined = blend(parts, nothing)
    assert sorted(joined.boxes.tolist()) == [list(b) for b in boxes]
    assert joined.labels.dtype.kind == "i" and len(joined.scores) == 3
    if with_masks:
        order = np.argsort(joined.boxes[:, 0])
        assert np.array_equal(joined.masks[order], np.stack([mask(size, b) for b in boxes]))


def test_things_larger_than_a_tile_come_from_the_whole():
    size, box = (100, 60), (2, 2, 98, 58)
    parts = [(tile, found_in(tile, [box], True, scores=[0.5])) for tile in tiles(size, 64)]
    whole = things([box], mask(size, box)[None], size, scores=[0.9])
    joined = blend(parts, whole)
    assert joined.boxes.tolist() == [list(box)]
    assert joined.scores.tolist() == [pytest.approx(0.9)]


def test_things_of_two_classes_are_never_joined():
    size, box = (100, 60), (30, 10, 70, 50)
    left, right = tiles(size, 64)
    parts = [(left, found_in(left, [box], True, labels=[0])), (right, found_in(right, [box], True, labels=[1]))]
    joined = blend(parts, things([], np.zeros((0, 60, 100), bool), size))
    assert sorted(joined.labels.tolist()) == [0, 1]


def test_what_does_not_add_up_over_tiles_is_seen_at_once():
    body = Keypoints(
        xy=np.zeros((1, 2), np.float32), visible=np.array([True]), names=("a",), scores=np.ones(1, np.float32),
        confidence=sure(90, 130),
    )  # fmt: skip
    assert blend([(Tile((0, 0, 48, 48)), body)], body) is body

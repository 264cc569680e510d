"""People's own folders: depth, masks, labels and lists as cameras, editors and other programs write them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from set_trees import HIGH, WIDE, halves, photo, put, rectangle

from plantain.data.readers import read
from plantain.errors import PhotoError, TruthError


@pytest.fixture
def root(tmp_path):
    photo(tmp_path / "images/a.png")
    return tmp_path


def only(root):
    (example,) = read("folder", root, "all")
    return example


# ---- masks


def cut_out(mode: str) -> Image.Image:
    """An object in the middle on transparency; its colors, and those that nobody sees, are anything."""
    colors = np.random.default_rng(0).integers(0, 255, (HIGH, WIDE, 3), dtype=np.uint8)
    image = Image.fromarray(colors).convert(mode)
    image.putalpha(Image.fromarray(rectangle(2, 1, 5, 4).astype(np.uint8) * 255))
    return image


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_alpha_decides_in_cut_outs(mode, root):
    (root / "masks").mkdir()
    cut_out(mode).save(root / "masks/a.png")
    assert np.array_equal(only(root).truth("mask").masks[0], rectangle(2, 1, 5, 4))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "L", "RGB", "P"])
def test_an_opaque_alpha_channel_says_nothing(mode, root):
    (root / "masks").mkdir()
    Image.fromarray(rectangle(2, 1, 5, 4).astype(np.uint8) * 255).convert(mode).save(root / "masks/a.png")
    assert np.array_equal(only(root).truth("mask").masks[0], rectangle(2, 1, 5, 4))


def test_strokes_on_a_transparent_palette(root):
    image = Image.fromarray(rectangle(0, 0, 8, 2).astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 0, 0, 0])  # nothing is white, the strokes are black
    (root / "masks").mkdir()
    image.save(root / "masks/a.png", transparency=0)
    assert np.array_equal(only(root).truth("mask").masks[0], rectangle(0, 0, 8, 2))


# ---- depth


@pytest.mark.parametrize("name", ["a.png", "a.mm.png", "a.kitti.png"])
@pytest.mark.parametrize(("stored", "words"), [(halves(10, 20), "8 bits"), (halves(0, 1).astype(bool), "1 bit"),
                                               (np.zeros((HIGH, WIDE, 3), np.uint8), "3 channels")])  # fmt: skip
def test_depth_of_eight_bits_is_refused_in_one_line(name, stored, words, root):
    put(root / "depth" / name, stored)
    with pytest.raises(TruthError, match=f"{name} has {words}; depth wants 16 bits") as refusal:
        only(root).truth("depth")
    assert "\n" not in str(refusal.value)


def test_depth_of_sixteen_bits_is_millimeters(root):
    put(root / "depth/a.png", halves(0, 2500, np.uint16))
    depth = only(root).truth("depth")
    assert depth.metres[0, -1] == 2.5 and not depth.valid[0, 0]


# ---- sizes and turns


@pytest.mark.parametrize("orientation", [0, 1, 3, 9, 65535])
def test_orientations_out_of_range_do_not_turn(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    Image.new("RGB", (WIDE, HIGH)).save(tmp_path / "images/a.jpg", exif=exif)
    put(tmp_path / "masks/a.png", halves(0, 1))
    assert only(tmp_path).truth("mask").size == (WIDE, HIGH)


def test_an_answer_has_the_size_of_the_photo_as_people_see_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "images").mkdir()
    Image.new("RGB", (HIGH, WIDE)).save(tmp_path / "images/a.jpg", exif=exif)
    put(tmp_path / "masks/a.png", halves(0, 1))
    assert only(tmp_path).truth("mask").size == (WIDE, HIGH)


# ---- lists


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_in_the_encodings_of_windows(encoding, root):
    put(root / "labels/a.png", halves(0, 1))
    (root / "classes.txt").write_text("café\r\n\r\nWand\r\n", encoding=encoding)
    assert only(root).truth("labels").classes == ("café", "Wand")


def test_a_list_in_another_encoding_is_refused(root):
    put(root / "labels/a.png", halves(0, 1))
    (root / "classes.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(PhotoError, match=r"classes\.txt cannot be read as text .*; save it in UTF-8"):
        only(root).truth("labels")

"""Pictures as services send them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from server import depth_of, street

from plantain.errors import PainterError
from plantain.models.painters.hosted.pictures import decoded, encoded, fetched, fitted, middle, png, read_picture
from plantain.models.painting import Request


@pytest.mark.parametrize(
    ("form", "options", "lossy"),
    [("PNG", {}, False), ("JPEG", {}, True), ("WEBP", {"lossless": True}, False), ("WEBP", {}, True)],
)
def test_bytes_say_what_a_picture_is(form: str, options: dict[str, bool], lossy: bool) -> None:
    out = io.BytesIO()
    Image.fromarray(street()).save(out, form, **options)
    pixels, went = read_picture(out.getvalue())
    assert went is lossy
    assert pixels.shape == street().shape
    assert lossy or np.array_equal(pixels, street())


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", png(street())[:200], b"<html></html>"])
def test_what_is_no_picture_is_said_so(data: bytes) -> None:
    with pytest.raises(PainterError, match="no picture"):
        read_picture(data)


@given(st.binary(max_size=300))
def test_base64_of_either_alphabet(data: bytes) -> None:
    text = encoded(data)
    for form in (text, text.replace("+", "-").replace("/", "_"), text.rstrip("="), f"data:image/png;base64,{text}"):
        assert decoded(form) == data


def test_no_base64_is_an_error() -> None:
    with pytest.raises(PainterError, match="base64"):
        decoded("not base64!")


@pytest.mark.parametrize("link", ["https://elsewhere.example/x.png", "file:///etc/passwd", "ftp://127.0.0.1/x", "x"])
def test_links_lead_to_the_same_server_or_nowhere(link: str) -> None:
    with pytest.raises(PainterError, match="leads elsewhere"):
        fetched(link, "https://here.example/v1", 1)


PHOTO = street(3, (160, 120))
PAINTED = Image.fromarray(np.asarray(depth_of(Image.fromarray(PHOTO))))
REQUEST = Request("metric depth", (PHOTO,), (160, 120))


def test_another_size_of_the_same_shape_is_taken_as_it_is() -> None:
    half = np.asarray(PAINTED.resize((80, 60)))
    assert fitted(half, REQUEST) is half


def test_bars_are_cut_off() -> None:
    wide = Image.new("RGB", (240, 120))
    wide.paste(PAINTED, (40, 0))
    assert np.array_equal(fitted(np.asarray(wide), REQUEST), np.asarray(PAINTED))


def test_a_stretched_painting_is_taken_whole() -> None:
    stretched = np.asarray(PAINTED.resize((150, 120)))
    assert np.array_equal(fitted(stretched, REQUEST), stretched)


@pytest.mark.parametrize("form", ["cut", "square"])
def test_what_shows_a_part_alone_or_lies_unknown_is_refused(form: str) -> None:
    cut = PAINTED.crop((20, 0, 140, 120))
    flat = Image.new("RGB", (120, 120), (90, 90, 90))
    with pytest.raises(PainterError, match="came back where 160 x 120 were asked for"):
        fitted(np.asarray(cut if form == "cut" else flat), REQUEST)


@given(st.integers(1, 999), st.integers(1, 999), st.integers(1, 99), st.integers(1, 99))
def test_the_middle_lies_inside(width: int, height: int, across: int, down: int) -> None:
    x0, y0, x1, y1 = middle((width, height), (across, down))
    assert 0 <= x0 <= x1 <= width
    assert 0 <= y0 <= y1 <= height
    assert x1 - x0 == width or y1 - y0 == height

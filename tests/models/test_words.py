"""Prompts become tokens: words in their order, colours as tokens of their own with the words they belong to."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plantain.errors import PainterError
from plantain.models.painters.grids import GRIDS, PATCH, grid
from plantain.models.painters.words import MOST_COLORS, MOST_WORDS, TABLE, Words, kept, owner, trigrams
from plantain.tasks import ReferringSegmentation, SemanticSegmentation
from plantain.tasks.base import STYLES

LEGEND = {"road": (128, 64, 128), "traffic light": (250, 170, 30), "sky": (70, 130, 180)}


@pytest.fixture(scope="module")
def shipped():
    if not TABLE.exists():
        pytest.skip("the word table is not there")
    return Words()


@pytest.fixture
def made(tmp_path):
    """A table of three words and eight pieces, whose vectors can be seen by eye."""
    np.savez(
        tmp_path / "words.npz",
        words=np.array("cup\nplate\nglass"),
        vectors=np.array([[10, 0, 0], [0, 20, 0], [0, 0, -30]], np.int8),
        scale=np.float32(0.1),
        pieces=np.arange(24, dtype=np.int8).reshape(8, 3),
        piece_scale=np.float32(0.5),
    )
    return Words(tmp_path / "words.npz")


def levels(tokens):
    return [tuple(c) for c in np.rint(tokens.colors * 255).astype(int).tolist()]


def test_a_known_word_is_its_row(made):
    assert made.width == 3
    np.testing.assert_allclose(made.vector("plate"), [0, 2, 0], atol=1e-6)
    np.testing.assert_allclose(made.vector("GLASS"), [0, 0, -3], atol=1e-6)


@pytest.mark.parametrize("form", ["cup", "cups", "cup's", "Cups", "CUP'S"])
def test_plurals_and_possessives_fall_back_to_the_stem(form, made):
    np.testing.assert_allclose(made.vector(form), [1, 0, 0], atol=1e-6)


def test_es_is_a_plural_too(made):
    np.testing.assert_allclose(made.vector("glasses"), [0, 0, -3], atol=1e-6)


def test_an_unknown_word_is_the_sum_of_its_trigrams(made):
    rows = [zlib.crc32(piece) % 8 for piece in (b"<mu", b"mug", b"ug>")]
    assert trigrams("mug", 8) == rows
    np.testing.assert_allclose(made.vector("mug"), 0.5 * made.pieces[rows].astype(float).sum(0), atol=1e-6)
    assert trigrams("a", 8) == [zlib.crc32(b"<a>") % 8]
    assert len(trigrams("é", 8)) == 1


def test_a_phrase_is_a_mean_of_length_one(made):
    np.testing.assert_allclose(made.phrase(["cup", "plate"]), np.array([1, 2, 0]) / 5**0.5, atol=1e-6)
    assert made.phrase([]).tolist() == [0, 0, 0]


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(PainterError, match=r"lacks words\.npz; reinstall"):
        Words(tmp_path / "words.npz")


def test_words_that_mean_alike_lie_close(shipped):
    def alike(a, b):
        return float(shipped.phrase([a]) @ shipped.phrase([b]))

    for a, b, c in [
        ("dog", "cat", "piano"), ("sofa", "couch", "river"), ("road", "street", "banana"), ("bus", "truck", "pillow"),
        ("person", "man", "ceiling"), ("left", "right", "tomato"),
    ]:  # fmt: skip
        assert alike(a, b) > alike(a, c) + 0.1


@pytest.mark.parametrize("style", STYLES)
def test_legends_give_each_colour_its_words(style, shipped):
    tokens = shipped.read(SemanticSegmentation(LEGEND, background=None).prompt(style))
    assert dict(zip(tokens.names, levels(tokens), strict=True)) == LEGEND
    np.testing.assert_allclose(tokens.phrases[1], shipped.phrase(["traffic", "light"]), atol=1e-6)


@pytest.mark.parametrize("style", STYLES)
def test_a_referring_phrase_is_kept_with_its_places(style, shipped):
    task = ReferringSegmentation(("the mug left of the kettle",), ((255, 0, 0),), (0, 0, 0))
    tokens = shipped.read(task.prompt(style))
    assert (255, 0, 0) in levels(tokens)
    name = tokens.names[levels(tokens).index((255, 0, 0))]
    assert "mug left of kettle" in name


@pytest.mark.parametrize(
    ("prompt", "names", "colours"),
    [
        ("", (), []),
        (" \n", (), []),
        ("road is (128, 64, 128)", ("road",), [(128, 64, 128)]),
        ("road = #FF8000.", ("road",), [(255, 128, 0)]),
        ("sky: RGB( 1,2 ,3 ), sea: [4,5,6]; sand <7, 8, 9>", ("sky", "sea", "sand"), [(1, 2, 3), (4, 5, 6), (7, 8, 9)]),
        ("sky (300, 2, 999)", ("sky",), [(255, 2, 255)]),
        ("cup (1,2,3) and again (1,2,3)", ("cup",), [(1, 2, 3)]),
        ("(1, 2, 3)", ("",), [(1, 2, 3)]),
        ("(1, 2, 3", (), []),
        ("(1, 2)", (), []),
        ("(1, 2, 3, 4)", (), []),
        ("#12345 and #1234567", (), []),
        ("(1, 2, 1000)", (), []),
        ("Segment the red mug: paint it (255, 0, 0), everything else (0, 0, 0)", ("segment red mug", ""), None),
    ],
)
def test_colours_by_hand(prompt, names, colours, shipped):
    tokens = shipped.read(prompt)
    assert tokens.names == names
    assert colours is None or levels(tokens) == colours
    assert tokens.phrases.shape == (len(names), shipped.width)


def test_words_stay_in_their_order(shipped):
    tokens = shipped.read("Generate a metric depth map of the input image.")
    wanted = [shipped.phrase([word]) for word in ("metric", "depth", "of")]
    np.testing.assert_allclose(tokens.words, wanted, atol=1e-6)


def test_words_of_long_legends_live_in_their_colours_alone(shipped):
    many = {f"{name} thing": (i, 0, 9) for i, name in enumerate(["red", "blue", "tall", "wide", "old"])}
    few = dict(list(many.items())[:4])
    assert len(shipped.read(SemanticSegmentation(many, None).prompt()).words) == 3  # semantic, segmentation, of
    assert len(shipped.read(SemanticSegmentation(few, None).prompt()).words) == 3 + 8


def test_what_is_kept_is_bounded(shipped):
    tokens = shipped.read(" ".join(f"word{i} ({i}, {i}, 0)" for i in range(200)))
    assert len(tokens.colors) == len(tokens.phrases) == MOST_COLORS == 96
    assert len(shipped.read("cup " * 500).words) == MOST_WORDS == 40


def test_helpers_by_hand():
    assert kept("Paint the cups in the 2 BOXES, e.g. l'été!") == ["cups", "in", "boxes", "e", "g", "l'été"]
    assert owner("sky is blue, and the road is ") == ["road"]
    assert owner("a cup on a table is ") == ["cup", "on", "table"]
    assert owner("in the ") == []
    assert owner("") == []


@settings(max_examples=150)
@given(st.text(st.characters(), max_size=120))
@example("\ud800 cup \udfff")
@example("(" * 5000)
@example("#ffffff" * 300)
@example("١, [١, ٢, ٣]")
def test_any_text_is_accepted(prompt):
    words = Words.__new__(Words)
    words.index, words.vectors, words.scale = {}, np.zeros((0, 4), np.int8), 1.0
    words.pieces, words.piece_scale = np.ones((16, 4), np.int8), 1.0
    tokens = words.read(prompt)
    assert tokens.words.shape[1:] == tokens.phrases.shape[1:] == (4,)
    assert len(tokens.phrases) == len(tokens.colors) == len(tokens.names) <= MOST_COLORS
    assert len(tokens.words) <= MOST_WORDS
    assert np.isfinite(tokens.words).all() and np.isfinite(tokens.phrases).all()
    assert tokens.colors.size == 0 or (tokens.colors.min() >= 0 and tokens.colors.max() <= 1)
    again = words.read(prompt)
    assert np.array_equal(again.words, tokens.words) and np.array_equal(again.colors, tokens.colors)


# ---- grids


def test_every_grid_has_about_330_patches():
    assert all(320 <= rows * columns <= 340 for rows, columns in GRIDS)
    assert {(c, r) for r, c in GRIDS} == set(GRIDS)
    assert PATCH == 14


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_grid_is_the_nearest_in_shape(width, height):
    rows, columns = grid(width, height)
    off = max(columns / rows * height / width, rows / columns * width / height)
    assert all(off <= max(c / r * height / width, r / c * width / height) + 1e-9 for r, c in GRIDS)


@pytest.mark.parametrize(
    ("size", "wanted"), [((100, 100), (18, 18)), ((1600, 900), (14, 24)), ((9, 16), (24, 14)), ((5000, 1), (10, 33))]
)
def test_grids_by_hand(size, wanted):
    assert grid(*size) == wanted

"""The arrays that go into the embedded generator, held against torch's own operations and hand-made ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantain.errors import PainterError
from plantain.models.base import Painter
from plantain.models.painters.embedded import Embedded, patches, places, prompt_arrays, session
from plantain.models.painters.words import Tokens
from plantain.models.painting import Request

RNG = np.random.default_rng(0)


def picture(rows, columns):
    return RNG.random((rows * 14, columns * 14, 3), np.float32)


def test_patches_by_hand():
    canvas = picture(2, 3)
    cut = patches(canvas)
    assert cut.shape == (6, 588)
    assert cut.flags.c_contiguous
    for row in range(2):
        for column in range(3):
            block = canvas[row * 14 : row * 14 + 14, column * 14 : column * 14 + 14]
            wanted = np.concatenate([block[..., channel].ravel() for channel in range(3)])
            assert np.array_equal(cut[row * 3 + column], wanted)


def test_patches_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="held against pixel_unshuffle where torch is installed")
    canvas = picture(5, 4)
    planes = torch.from_numpy(canvas).permute(2, 0, 1)[None]
    wanted = torch.nn.functional.pixel_unshuffle(planes, 14).flatten(2).transpose(1, 2)[0]
    assert np.array_equal(patches(canvas), wanted.numpy())


def test_places_by_hand():
    found = places(2, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found,
        [
            [0, 0, -1 / 2, -2 / 3], [0, 1, -1 / 2, 0], [0, 2, -1 / 2, 2 / 3],
            [1, 0, 1 / 2, -2 / 3], [1, 1, 1 / 2, 0], [1, 2, 1 / 2, 2 / 3],
        ],
        atol=1e-6,
    )  # fmt: skip


def tokens(words, colours, width=4):
    return Tokens(
        words=np.full((words, width), 2, np.float32),
        phrases=np.full((colours, width), 3, np.float32),
        colors=np.full((colours, 3), 0.5, np.float32),
        names=("x",) * colours,
    )


def test_prompts_of_other_lengths_share_a_batch():
    batch = prompt_arrays([tokens(3, 1), tokens(1, 2), tokens(0, 0)])
    assert {name: array.shape for name, array in batch.items()} == {
        "words": (3, 3, 4), "word_mask": (3, 3), "phrases": (3, 2, 4), "colours": (3, 2, 3), "colour_mask": (3, 2),
    }  # fmt: skip
    assert batch["word_mask"].tolist() == [[True] * 3, [True, False, False], [False] * 3]
    assert batch["colour_mask"].tolist() == [[True, False], [True, True], [False, False]]
    assert (batch["words"][batch["word_mask"]] == 2).all() and not batch["words"][~batch["word_mask"]].any()
    assert (batch["phrases"][batch["colour_mask"]] == 3).all() and not batch["phrases"][~batch["colour_mask"]].any()
    assert (batch["colours"][batch["colour_mask"]] == 0.5).all() and not batch["colours"][~batch["colour_mask"]].any()


def test_a_prompt_without_words_has_one_empty_place():
    """An attention over no tokens at all is not a number: a place stays, and its mask says that it is none."""
    alone = prompt_arrays([tokens(0, 0)])
    assert alone["words"].shape == (1, 1, 4)
    assert alone["colours"].shape == (1, 1, 3)
    assert not alone["word_mask"].any() and not alone["colour_mask"].any()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6))
def test_masks_count_the_tokens(counts):
    batch = prompt_arrays([tokens(*pair) for pair in counts])
    assert batch["word_mask"].sum(1).tolist() == [words for words, _ in counts]
    assert batch["colour_mask"].sum(1).tolist() == [colours for _, colours in counts]
    assert all(len(array) == len(counts) for array in batch.values())


# ---- the painter, as far as it goes without its weights


def test_it_is_a_painter_of_multiples_of_fourteen(tmp_path):
    painter = Embedded(tmp_path)
    assert isinstance(painter, Painter)
    for size in [(640, 480), (1, 1), (5000, 10), (10, 5000)]:
        width, height = painter.canvas(*size)
        assert width % 14 == height % 14 == 0
        assert 320 <= width * height / 196 <= 340


def photo(width, height):
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("x", (), (100, 98)), "multiples of 14 pixels, not 100 x 98"),
        (Request("x", (), (0, 98)), "multiples of 14"),
        (Request("x", (), (-14, 98)), "multiples of 14"),
        (Request("x", (photo(70, 98),), (98, 70)), "photo is 70 x 98 pixels, the canvas 98 x 70"),
        (Request("x", (), (98, 70), mask=np.zeros((98, 70), bool)), "mask is 70 x 98 pixels"),
    ],
)
def test_a_bad_request_is_an_error_in_its_place(request_, words, tmp_path):
    answers = Embedded(tmp_path).paint([request_, request_])
    assert len(answers) == 2
    assert all(isinstance(answer, PainterError) and words in str(answer) for answer in answers)


def test_without_weights_the_error_says_what_to_do(tmp_path):
    with pytest.raises(PainterError, match=r"lacks trunk\.onnx; install Plantain again"):
        session(tmp_path / "trunk.onnx")
    with pytest.raises(PainterError, match="install Plantain again"):
        Embedded(tmp_path).paint([Request("a cup", (), (98, 70))])


def test_several_requests_are_painted_as_each_alone_and_a_photo_is_read_once():
    photos = RNG.integers(0, 256, (2, 8 * 14, 10 * 14, 3), dtype=np.uint8)
    prompts = ("Metric depth map.", "Surface normal map.", "Metric depth map.")
    requests = [Request(text, (photos[i],), (140, 112)) for i in (0, 1) for text in prompts]
    with Embedded(threads=1) as one, Embedded(threads=3) as painter:
        alone = [one.paint([request])[0].pixels for request in requests]
        reader = painter._on_one_core.encoder
        reads, read = [], reader._read
        reader._read = lambda photo: reads.append(photo) or read(photo)
        together = [made.pixels for made in painter.paint(requests)]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    assert len(reads) == 2


def test_a_photo_that_could_not_be_read_is_read_again():
    reader = Embedded().encoder
    photo, read = np.zeros((1, 28, 28, 3), np.uint8), reader._read

    def fails(photos):
        raise MemoryError

    reader._read = fails
    with pytest.raises(MemoryError):
        reader.features(photo)
    reader._read = read
    assert reader.features(photo).shape[:2] == (1, 5)

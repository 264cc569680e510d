"""Spoilt photos: each fault is the one that its row says, and no more."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain.data.edits import EDITS, HOLE


def photo(height=90, width=120, seed=0):
    """Smooth colours with some texture."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 226, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return (smooth + rng.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8)


PHOTO = photo()


def spoil(name, rgb=PHOTO, seed=0):
    return EDITS[name].degrade(rgb, np.random.default_rng(seed))


@pytest.mark.parametrize("name", EDITS)
@settings(max_examples=15)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_photos_of_any_size_are_spoilt(name, height, width, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = rgb.copy()
    made = spoil(name, rgb, seed)
    assert made.shape == rgb.shape and made.dtype == np.uint8
    assert np.array_equal(rgb, before), "the photo itself is the answer: it must stay"
    assert np.array_equal(made, spoil(name, rgb, seed)), "the same seed, the same fault"


@pytest.mark.parametrize("name", EDITS)
def test_the_fault_can_be_seen_and_be_asked_about(name):
    assert np.abs(spoil(name).astype(int) - PHOTO).max() > 10
    assert len(set(EDITS[name].prompts)) == len(EDITS[name].prompts) >= 2
    assert all(prompt.strip() for prompt in EDITS[name].prompts)


def test_gray_is_the_luma_that_pillow_has():
    made = spoil("colourise")
    assert (made == made[..., :1]).all()
    assert np.abs(made[..., 0].astype(int) - np.asarray(Image.fromarray(PHOTO).convert("L"))).max() <= 1


def test_noise_is_as_strong_as_it_says():
    flat = np.full((200, 200, 3), 128, np.uint8)
    strengths = [(spoil("denoise", flat, seed).astype(float) - 128).std() for seed in range(40)]
    assert 7 < min(strengths) < 16 and 32 < max(strengths) < 41
    assert abs(spoil("denoise", flat).mean() - 128) < 1


def test_blur_takes_detail_and_keeps_the_mean():
    made = spoil("deblur").astype(float)
    assert np.abs(np.diff(made, axis=1)).mean() < 0.7 * np.abs(np.diff(PHOTO.astype(float), axis=1)).mean()
    np.testing.assert_allclose(made.mean((0, 1)), PHOTO.mean((0, 1)), atol=1)


def test_jpeg_is_one_of_the_low_qualities():
    stored = []
    for quality in range(5, 26):
        buffer = io.BytesIO()
        Image.fromarray(PHOTO).save(buffer, "JPEG", quality=quality)
        stored.append(np.asarray(Image.open(buffer)))
    for seed in range(5):
        assert any(np.array_equal(spoil("restore", seed=seed), one) for one in stored)


def test_a_small_photo_holds_a_sixteenth_of_the_pixels():
    made = Image.fromarray(spoil("super-resolve"))
    again = np.asarray(made.resize((30, 23), Image.Resampling.BICUBIC).resize((120, 90), Image.Resampling.BICUBIC))
    assert np.abs(again.astype(int) - np.asarray(made)).mean() < 3


def test_holes_are_gray_rectangles_and_the_rest_is_untouched():
    clean = photo()
    clean[clean == HOLE] = HOLE + 1
    shares = []
    for seed in range(60):
        made = spoil("inpaint", clean, seed)
        gone = (made == HOLE).all(-1)
        assert np.array_equal(made[~gone], clean[~gone])
        shares.append(gone.mean())
    assert min(shares) > 0.15**2 * 0.8 and max(shares) <= 3 * 0.45**2


def test_a_frame_leaves_the_middle():
    clean = photo()
    clean[clean == HOLE] = HOLE + 1
    for seed in range(20):
        made = spoil("uncrop", clean, seed)
        kept = ~(made == HOLE).all(-1)
        rows, columns = np.flatnonzero(kept.any(1)), np.flatnonzero(kept.any(0))
        inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert kept[inside].all() and kept.sum() == kept[inside].size
        assert np.array_equal(made[inside], clean[inside])
        assert 2 <= rows[0] <= 18 and 90 - 18 <= rows[-1] + 1 <= 88
        assert 3 <= columns[0] <= 24 and 120 - 24 <= columns[-1] + 1 <= 117


def test_dark_photos_are_darker_and_keep_their_order():
    made = spoil("relight").astype(float)
    assert made.mean() < 0.75 * PHOTO.mean()
    steps = np.repeat(np.arange(0, 256, 51, dtype=np.uint8)[None, :, None], 400, 0).repeat(3, 2)
    levels = spoil("relight", steps).astype(float).mean((0, 2))
    assert (np.diff(levels[1:]) > 0).all()
    assert levels[-1] > 250

"""Legends: colors far apart, the nearest color against brute force, and colors as people write them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.color import deltaE_cie76, rgb2lab

from plantain.codecs import palette
from plantain.errors import UsageError

BLACK = (0, 0, 0)
colors = st.tuples(*[st.integers(0, 255)] * 3)


def brute(rgb: np.ndarray, legend: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    away = np.linalg.norm(rgb[:, :, None].astype(float) - legend.astype(float), axis=-1)
    two = np.sort(away, axis=-1)
    second = two[..., 1] if len(legend) > 1 else np.full(two.shape[:2], np.sqrt(3) * 255)
    return away.argmin(-1), two[..., 0], 1 - two[..., 0] / np.maximum(second, 1e-6)


def patches(legend: np.ndarray, size: int, spread: float) -> np.ndarray:
    """Squares of the legend's colors with noise."""
    rng = np.random.default_rng(1)
    flat = legend[np.kron(rng.integers(0, len(legend), (size // 20, size // 20)), np.ones((20, 20), int))]
    return np.clip(flat + rng.normal(0, spread, flat.shape), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 20, 64, 65, 200])
@pytest.mark.parametrize("spread", [3.0, 60.0])
def test_nearest_is_brute_forces_argmin(count: int, spread: float) -> None:
    legend = np.random.default_rng(count).integers(0, 256, (count, 3)).astype(np.uint8)
    rgb = patches(legend, 160, spread)
    ids, distance, margin = palette.nearest(rgb, legend)
    expected = brute(rgb, legend)
    assert np.array_equal(ids, expected[0])
    assert np.allclose(distance, expected[1], atol=1e-3)
    assert np.allclose(margin, expected[2], atol=1e-4)


@settings(max_examples=60)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3))),
    arrays(np.uint8, st.tuples(st.integers(1, 70), st.just(3))),
)
def test_nearest_of_any_colors(rgb: np.ndarray, legend: np.ndarray) -> None:
    ids, distance, _ = palette.nearest(rgb, legend)
    assert np.array_equal(ids, brute(rgb, legend)[0])  # equal colors and ties: the first wins
    assert np.allclose(distance, brute(rgb, legend)[1], atol=1e-3)


def test_floats_are_rounded_to_bytes() -> None:
    rgb = patches(palette.pick(5), 60, 9.0)
    for a, b in zip(palette.nearest(rgb / 255.0, palette.pick(5)), palette.nearest(rgb, palette.pick(5)), strict=True):
        assert np.array_equal(a, b)
    assert palette.nearest(np.full((1, 1, 3), np.nan), np.array([(255, 255, 255), BLACK]))[0].item() == 1


def test_refine_finds_the_painted_colors_by_their_median() -> None:
    asked = palette.pick(6)
    painted = np.clip(asked.astype(int) + np.array([6, -4, 9]), 0, 255).astype(np.uint8)
    rgb = patches(painted, 200, 4.0)
    assert np.abs(palette.refine(rgb, asked).astype(int) - painted).max() <= 1
    ids, distance, _ = brute(rgb, asked)
    for k in range(6):
        expected = np.median(rgb[(ids == k) & (distance < 32)], axis=0)
        assert np.array_equal(palette.refine(rgb, asked)[k], np.round(expected))


def test_refine_leaves_what_is_hardly_there() -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[0, :7] = (250, 5, 5)
    asked = np.array([BLACK, (255, 0, 0)], np.uint8)
    assert np.array_equal(palette.refine(rgb, asked), asked)
    rgb[0, :12] = (250, 5, 5)
    assert palette.refine(rgb, asked)[1].tolist() == [250, 5, 5]


@settings(max_examples=25)
@given(st.integers(0, 64), colors, st.none() | st.integers(0, 10**6))
def test_no_color_comes_near_the_background(count: int, background, seed) -> None:
    chosen = palette.pick(count, background, seed).astype(float)
    assert chosen.shape == (count, 3)
    assert (np.linalg.norm(chosen - background, axis=1) >= 40).all()


def test_the_sixty_four_colors_are_apart_in_levels_and_to_the_eye() -> None:
    assert len(palette.PALETTE) == 64
    apart = np.linalg.norm(palette.PALETTE[:, None].astype(float) - palette.PALETTE, axis=-1) + 999 * np.eye(64)
    assert apart.min() >= 40
    lab = rgb2lab(palette.PALETTE[:, None] / 255.0)
    assert (deltaE_cie76(lab, lab.transpose(1, 0, 2)) + 999 * np.eye(64)).min() > 8  # 2.3 is just noticeable


def test_drawn_palettes_differ_and_repeat_by_seed() -> None:
    assert np.array_equal(palette.pick(9, seed=1), palette.pick(9, seed=1))
    assert not np.array_equal(palette.pick(9, seed=1), palette.pick(9, seed=2))
    assert np.array_equal(palette.pick(9), palette.pick(12)[:9])
    with pytest.raises(UsageError, match="at most 64"):
        palette.pick(65)


@pytest.mark.parametrize(
    ("text", "rgb"),
    [  # all in the paper's published prompts, or their CSS values
        ("#80C000", (128, 192, 0)),
        ("<255, 0, 192>", (255, 0, 192)),
        ("RGB(64, 192, 64)", (64, 192, 64)),
        ("(128, 0, 64)", (128, 0, 64)),
        ("solid yellow", (255, 255, 0)),
        ("pink", (255, 192, 203)),
        ("white color", (255, 255, 255)),
        ("teal", (0, 128, 128)),
        ("#fff", (255, 255, 255)),
    ],
)
def test_colors_as_people_write_them(text: str, rgb: tuple[int, int, int]) -> None:
    assert palette.read_color(text) == rgb


@given(colors)
def test_every_color_can_be_written_and_read(rgb) -> None:
    assert palette.read_color("#{:02x}{:02x}{:02x}".format(*rgb)) == rgb
    assert palette.read_color(str(rgb)) == rgb
    name = palette.name_of(rgb)
    assert name is None or palette.read_color(name) == rgb


@pytest.mark.parametrize("text", ["", "sky", "(300, 0, 0)", "1, 2"])
def test_what_is_no_color_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="color"):
        palette.read_color(text)


def test_oklab_has_its_published_values() -> None:
    # B. Ottosson's post, 2020: white is (1, 0, 0); red (0.628, 0.225, 0.126)
    assert palette.oklab(np.array([255, 255, 255])) == pytest.approx([1, 0, 0], abs=1e-3)
    assert palette.oklab(np.array([255, 0, 0])) == pytest.approx([0.628, 0.225, 0.126], abs=1e-3)

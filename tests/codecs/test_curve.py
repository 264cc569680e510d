"""Depth as colors: the published corners, the nearest point against brute force, and odd pixels."""

import numpy as np
import pytest
from hilbertmap import depth_to_rgb, rgb_to_depth
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.codecs.curve import CURVES, Curve, decode_depth, fits, repair

# Vision Banana's f(d) = 1 - (1 + d/10)^-2 over seven edges: by hand, metres where f = k/7.
CORNER_METRES = (0, 0.801, 1.832, 3.229, 5.275, 8.708, 16.458, np.inf)
RAINBOW = ((0, 0, 0), (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255,) * 3)


def brute(rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances of every pixel to every segment (those of length zero too), float64."""
    pixel = rgb.reshape(-1, 1, 3).astype(float)
    start, step = points[:-1].astype(float), np.diff(points.astype(float), axis=0)
    share = ((pixel - start) * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-12)
    return np.linalg.norm(start + share.clip(0, 1)[..., None] * step - pixel, axis=-1)


def tied(curve, rgb: np.ndarray) -> np.ndarray:
    """Where two segments are equally near: the answer may be on either."""
    distances = np.append(np.sort(brute(rgb, curve.points), axis=1), np.full((rgb[..., 0].size, 1), np.inf), axis=1)
    return (distances[:, 1] - distances[:, 0] < 1e-3).reshape(rgb.shape[:2])


def positions(curve, rgb: np.ndarray) -> np.ndarray:
    """What was decoded, as positions 0..1 on the curve."""
    with np.errstate(divide="ignore"):
        return np.clip(curve.to_position(curve.decode(rgb)[0].astype(np.float64)), 0, 1)


def near(curve, seed: int, spread: float) -> np.ndarray:
    """Pixels around the curve: its own colors, moved by noise."""
    rng = np.random.default_rng(seed)
    line = rng.random((60, 70)) * (len(curve.points) - 1)
    low = np.minimum(line.astype(int), len(curve.points) - 2)
    exact = curve.points[low] + (line - low)[..., None] * (curve.points[low + 1].astype(float) - curve.points[low])
    return np.clip(exact + rng.normal(0, spread, exact.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("metres", "color"), zip(CORNER_METRES, RAINBOW, strict=True))
def test_the_published_corners(metres: float, color: tuple[int, int, int]) -> None:
    painted = np.array([[color]], np.uint8)
    assert CURVES["cube"].decode(painted)[0][0, 0] == pytest.approx(metres, abs=6e-4)
    assert np.abs(CURVES["cube"].encode(np.array([[metres]])).astype(int) - painted).max() <= 1


def test_the_other_order_reads_one_metre_as_almost_eight() -> None:
    assert CURVES["cube-rev"].decode(CURVES["cube"].encode(np.array([[1.0]])))[0][0, 0] == pytest.approx(7.8, abs=0.1)


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("spread", [0.0, 5.0, 40.0])
def test_the_nearest_point_is_that_of_brute_force(name: str, spread: float) -> None:
    curve = CURVES[name]
    rgb = near(curve, 3, spread)
    least = brute(rgb, curve.points).min(1)
    assert np.allclose(curve.decode(rgb)[1].ravel(), least, atol=2e-3)
    if name == "inv-gray":  # its values end before the curve does
        return
    place = positions(curve, rgb).ravel() * (len(curve.points) - 1)
    low = np.minimum(place.astype(int), len(curve.points) - 2)
    there = curve.points[low] + (place - low)[:, None] * (curve.points[low + 1].astype(float) - curve.points[low])
    away = np.linalg.norm(there - rgb.reshape(-1, 3), axis=1)
    assert np.allclose(away, least, atol=0.05)


@pytest.mark.parametrize("name", ["cube", "cube-rev", "log-gray", "viridis", "inferno"])
def test_large_pictures_read_like_small_ones(name: str) -> None:
    # enough pixels for several chunks, of few colors: the tables are used; pixel by pixel they are not
    curve = CURVES[name]
    tile = near(curve, 5, 4.0)
    large = curve.decode(np.tile(tile, (12, 12, 1)))
    small = [np.tile(part, (12, 12)) for part in curve.decode(tile)]
    assert np.allclose(large[1], small[1], atol=2e-3)
    assert (np.isclose(large[0], small[0], rtol=1e-4, atol=2e-3) | np.tile(tied(curve, tile), (12, 12))).all()


@pytest.mark.parametrize("name", CURVES)
def test_floats_read_like_bytes(name: str) -> None:
    curve = CURVES[name]
    rgb = near(curve, 7, 4.0)
    as_float = curve.decode(rgb.astype(np.float32) / 255)
    assert np.allclose(as_float[1], curve.decode(rgb)[1], atol=5e-3)
    same = np.isclose(as_float[0], curve.decode(rgb)[0], rtol=2e-3, atol=1e-3)
    assert (same | tied(curve, rgb)).all()


def test_the_walk_agrees_with_the_public_decoder() -> None:
    rgb = near(CURVES["cube"], 11, 8.0)
    clear = ~tied(CURVES["cube"], rgb)
    with np.errstate(divide="ignore"):
        theirs = rgb_to_depth(rgb / 255.0)
    assert np.allclose(CURVES["cube"].decode(rgb)[0][clear], theirs[clear], rtol=1e-4, atol=1e-4)
    metres = np.random.default_rng(0).uniform(0, 80, (20, 20))
    assert np.allclose(CURVES["cube"].encode_float(metres), depth_to_rgb(metres), atol=1e-6)


@pytest.mark.parametrize("name", [n for n, c in CURVES.items() if c.metric])
@settings(max_examples=40)
@given(share=st.floats(0.02, 0.98))
def test_exact_colors_come_back(name: str, share: float) -> None:
    curve = CURVES[name]
    value = np.array([[float(curve.from_position(np.array(share)))]])
    read, distance = curve.decode(curve.encode_float(value))
    assert curve.to_position(read.astype(np.float64))[0, 0] == pytest.approx(
        float(curve.to_position(value)[0, 0]), abs=1e-5 if len(curve.points) <= 8 else 1.1 / 255
    )  # where a colormap repeats a color, its place is known to one step
    assert distance[0, 0] < 0.01


@settings(max_examples=60)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_any_colors_have_brute_forces_distance(rgb: np.ndarray) -> None:
    for name in ("cube", "cube-rev", "plasma"):
        least = brute(rgb, CURVES[name].points).min(1)
        assert np.allclose(CURVES[name].decode(rgb)[1].ravel(), least, atol=2e-3)


def test_noise_is_benign_on_the_walk() -> None:
    metres = np.random.default_rng(2).uniform(1, 9, (200, 200))
    for sigma, limit in ((5, 0.02), (10, 0.04)):  # design 2: 1.4 % and 2.8 % of mean absolute relative error
        noise = np.random.default_rng(3).normal(0, sigma, (200, 200, 3))
        painted = np.clip(CURVES["cube"].encode(metres) + noise, 0, 255).astype(np.uint8)
        error = np.abs(CURVES["cube"].decode(painted)[0] / metres - 1)
        assert np.mean(np.minimum(error, 1)) < limit


def test_white_and_only_white_is_no_answer() -> None:
    painted = np.array([[(255, 255, 255), (255, 253, 255), (0, 0, 0)]], np.uint8)
    values, valid, confidence = decode_depth(painted, CURVES["cube"])
    assert valid.tolist() == [[False, True, True]]
    assert np.isinf(values[0, 0])
    assert values[0, 1] > 100
    assert confidence.min() == 1


def test_confidence_falls_with_the_distance_to_the_curve() -> None:
    painted = np.array([[(255, 0, 0), (255, 0, 14), (200, 100, 90)]], np.uint8)
    confidence = decode_depth(painted, CURVES["cube"])[2]
    assert confidence[0] == pytest.approx([1, np.exp(-1), 0], abs=1e-3)


def test_a_mixture_takes_a_neighbors_depth() -> None:
    # half red (0.8 m) and half cyan (5.3 m) is gray, which lies nowhere near the walk
    painted = np.zeros((5, 9, 3), np.uint8)
    painted[:, :4], painted[:, 4], painted[:, 5:] = (255, 0, 0), (128, 128, 128), (0, 255, 255)
    values = decode_depth(painted, CURVES["cube"])[0]
    assert np.unique(values) == pytest.approx([0.801, 5.275], abs=1e-3)


def test_repair_takes_the_nearest_to_the_curve_within_reach() -> None:
    values = np.arange(7, dtype=np.float32)[None]
    distance = np.array([[3, 9, 99, 99, 99, 5, 0]], np.float32)  # a pixel of distance counts two levels
    assert repair(values, distance).tolist() == [[0, 1, 0, 5, 6, 5, 6]]
    assert repair(values, np.full((1, 7), 14, np.float32)).tolist() == values.tolist()  # the tolerance still counts
    assert repair(values, np.array([[0, 14.1, 0, 0, 0, 0, 0]], np.float32))[0, 1] in (0, 2)


@pytest.mark.parametrize("name", ["cube", "cube-rev", "log-gray", "viridis"])
def test_a_painting_is_explained_best_by_its_own_code(name: str) -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 80), np.linspace(0, 1, 60))
    painted = CURVES[name].encode(1.5 + 6 * x + 8 * y * (x > 0.5))
    assert next(iter(fits(painted))).split("-indoor")[0].split("-street")[0] == name


@pytest.mark.parametrize(
    "points",
    [
        [(0, 0, 0), (255, 0, 0)],  # an edge of the cube, but no gray scale
        [(10, 10, 10), (200, 200, 200)],
        [(0, 0, 0), (160, 0, 0), (255, 160, 0), (255, 255, 255)],  # few corners, but no walk along edges
        [(0, 0, 0), (255, 0, 0), (255, 255, 0), (0, 255, 0)],
    ],
)
def test_any_polyline_is_read_where_it_was_painted(points) -> None:
    curve = Curve("own/1", np.array(points, np.uint8), lambda d: d / 10, lambda u: 10 * u)
    values = np.linspace(0, 10, 600, dtype=np.float32).reshape(20, 30)
    for painted in (curve.encode(values), curve.encode_float(values)):
        read, distance = curve.decode(painted)
        assert np.abs(read - values).max() < 0.06
        assert distance.max() < 1

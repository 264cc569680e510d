"""Class probabilities from several legends: against non-negative least squares, and against majority voting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize, nnls

from plantain.codecs.palette import nearest
from plantain.codecs.unmix import legends, simplex, unmix


def beliefs(classes: int, seed: int, shape=(24, 30)) -> np.ndarray:
    """Random class probabilities, mostly sure of one class."""
    return np.random.default_rng(seed).dirichlet(np.full(classes, 0.4), shape)


def mean_painter(p: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """What a painter trained with squared error paints: the mean of the classes' colors, 8 bits."""
    return np.round(np.einsum("hwk,nkc->nhwc", p, colors.astype(float))).astype(np.uint8)


@pytest.mark.parametrize(("classes", "passes"), [(3, 1), (6, 2), (10, 4)])
def test_a_mean_painters_beliefs_come_back(classes: int, passes: int) -> None:
    p, colors = beliefs(classes, 1), legends(classes, passes, seed=2)
    found = unmix(mean_painter(p, colors), colors)
    assert np.allclose(found.sum(-1), 1, atol=1e-4)
    assert found.min() >= 0
    assert np.abs(found - p).mean() < 0.02


def test_the_solution_is_that_of_non_negative_least_squares() -> None:
    colors = legends(7, 3, seed=4)
    paintings = np.clip(
        mean_painter(beliefs(7, 5, (4, 6)), colors) + np.random.default_rng(6).normal(0, 9, (3, 4, 6, 3)), 0, 255
    )
    paintings = paintings.astype(np.uint8)
    found = unmix(paintings, colors, rounds=3000)
    matrix = (colors / 255.0).transpose(0, 2, 1).reshape(9, 7)
    for y, x in np.ndindex(4, 6):
        seen = paintings[:, y, x].reshape(9) / 255.0
        heavy = 1e3  # the row that makes the probabilities sum to one
        expected, _ = nnls(np.vstack([matrix, heavy * np.ones(7)]), np.append(seen, heavy))
        ours, best = (np.linalg.norm(matrix @ p - seen) for p in (found[y, x], expected))
        assert ours == pytest.approx(best, abs=2e-3)


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_unmixing_beats_majority_voting_of_a_mean_painter(passes: int) -> None:
    classes = 8
    p, colors = beliefs(classes, 3, (50, 60)), legends(classes, passes, seed=1)
    noise = np.random.default_rng(2).normal(0, 6, (passes, 50, 60, 3))
    paintings = np.clip(mean_painter(p, colors) + noise, 0, 255).astype(np.uint8)
    votes = np.zeros((50, 60, classes))
    for painting, legend in zip(paintings, colors, strict=True):
        votes += np.eye(classes)[nearest(painting, legend)[0]]
    truth = p.argmax(-1)
    voted, unmixed = (votes.argmax(-1) == truth).mean(), (unmix(paintings, colors).argmax(-1) == truth).mean()
    assert unmixed > voted + 0.02
    assert unmixed > {1: 0.6, 2: 0.8, 4: 0.9}[passes]


@settings(max_examples=60)
@given(arrays(np.float32, st.tuples(st.just(1), st.integers(1, 6)), elements=st.floats(-3, 3, width=32)))
def test_simplex_is_the_nearest_probability(points: np.ndarray) -> None:
    found = simplex(points)[0].astype(float)
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert found.min() >= 0
    start = np.full(points.shape[1], 1 / points.shape[1])
    other = minimize(
        lambda q: np.square(q - points[0]).sum(),
        start,
        bounds=[(0, 1)] * len(start),
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
        method="SLSQP",
    ).x
    assert np.square(found - points[0]).sum() <= np.square(other - points[0]).sum() + 1e-4


def test_legends_condition_the_equations_better_than_chance() -> None:
    def condition(colors: np.ndarray) -> float:
        rows = (colors / 255.0).transpose(0, 2, 1).reshape(-1, colors.shape[1])
        return float(np.linalg.cond(np.vstack([rows, np.ones(colors.shape[1])])))

    chance = [np.random.default_rng(s).integers(0, 256, (3, 7, 3)) for s in range(15)]
    assert condition(legends(7, 3, seed=0)) < np.median([condition(c) for c in chance])


def test_legends_keep_clear_of_the_background_and_repeat_by_seed() -> None:
    colors = legends(5, 3, background=(200, 30, 30), seed=9)
    assert colors.shape == (3, 5, 3)
    assert np.linalg.norm(colors.astype(float) - (200, 30, 30), axis=-1).min() >= 40
    assert np.array_equal(colors, legends(5, 3, background=(200, 30, 30), seed=9))


def test_floats_and_missing_values_are_read() -> None:
    colors = legends(4, 2, seed=0)
    painted = mean_painter(beliefs(4, 0, (3, 5)), colors)
    assert np.allclose(unmix(painted / 255.0, colors), unmix(painted, colors), atol=1e-3)
    broken = (painted / 255.0).astype(np.float32)
    broken[0, 0, 0] = np.nan
    assert np.isfinite(unmix(broken, colors)).all()

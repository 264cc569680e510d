"""The regression behind learned examples, held against refits by brute force and hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.models.painters import ridge
from plantain.models.painters.ridge import Cells, Sums, fit, folds, left_out, readings

RNG = np.random.default_rng(0)
TRUE = RNG.standard_normal((6, 3)).astype(np.float32)


def values(count, known=None):
    """A photo whose answers are linear in its features."""
    x = RNG.standard_normal((count, 6)).astype(np.float32)
    return Cells(x, x @ TRUE, np.ones(count, np.float32) if known is None else known)


def classes(count, shown=(0, 1, 2)):
    """A photo whose classes are told apart by one feature each."""
    which = np.array(shown)[RNG.integers(len(shown), size=count)]
    x = np.concatenate([np.eye(3)[which] + 0.1 * RNG.standard_normal((count, 3)), np.ones((count, 3))], 1)
    return Cells(x.astype(np.float32), np.eye(3, dtype=np.float32)[which], np.ones(count, np.float32))


def test_a_linear_answer_is_recovered() -> None:
    found, left = fit([values(80), values(50), values(60)], classes=False)
    np.testing.assert_allclose(found.weights, TRUE, atol=2e-3)
    assert [len(photo) for photo in left] == [80, 50, 60]
    assert found.ridge == min(ridge.RIDGES)
    assert found.power == 1


def test_what_is_not_known_does_not_count() -> None:
    known = (np.arange(60) < 40).astype(np.float32)
    whole = values(60, known)
    wrong = Cells(whole.features, np.where(known[:, None] > 0, whole.targets, 99.0).astype(np.float32), known)
    one, other = (Sums.of(photo, photo.known).solve(0.01) for photo in (whole, wrong))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_leaving_out_is_fitting_without() -> None:
    """By sums, and by stacking the other photos and solving their normal equations in double precision."""
    photos = [classes(n) for n in (30, 50, 40, 20)]
    weights, _ = ridge.balanced(photos, classes=True)
    sums = [Sums.of(photo, weight) for photo, weight in zip(photos, weights, strict=True)]
    for strength in ridge.RIDGES:
        found = left_out(photos, folds(4), sums, strength)
        for i, scores in enumerate(found):
            x, y, w = (np.concatenate([a[j] for j in range(4) if j != i]).astype(np.float64)
                       for a in ([p.features for p in photos], [p.targets for p in photos], weights))  # fmt: skip
            by_hand = np.linalg.solve(x.T * w @ x + strength * w.sum() / 1000 * np.eye(6), x.T * w @ y)
            np.testing.assert_allclose(scores, photos[i].features @ by_hand, atol=1e-4)


def test_many_photos_are_left_out_in_groups() -> None:
    photos = [classes(12) for _ in range(25)]
    found, left = fit(photos, classes=True)
    assert sorted(i for group in folds(25) for i in group) == list(range(25))
    right = [(scores.argmax(1) == p.targets.argmax(1)).mean() for scores, p in zip(left, photos, strict=True)]
    assert np.mean(right) > 0.98
    np.testing.assert_allclose(found.frequency.sum(), 1, rtol=1e-5)


def test_the_order_of_examples_does_not_matter() -> None:
    photos = [classes(n) for n in (30, 50, 40)]
    one, other = fit(photos, classes=True)[0], fit(photos[::-1], classes=True)[0]
    assert (one.ridge, one.shift, one.power) == (other.ridge, other.shift, other.power)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-4)


def test_one_photo_alone_has_nothing_to_be_chosen_by() -> None:
    found, left = fit([classes(40)], classes=True)
    assert left == []
    assert (found.ridge, found.shift, found.power) == ridge.USUAL


def test_a_class_that_no_example_shows_is_never_said() -> None:
    photos = [classes(40, shown=(0, 2)), classes(30, shown=(0, 2))]
    found, left = fit(photos, classes=True)
    assert found.frequency[1] == 0
    assert np.isfinite(found.weights).all()
    for scores in left:
        assert (scores[:, 1] == 0).all()
        np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)


def test_rare_classes_weigh_more_and_are_lifted() -> None:
    photo = Cells(np.ones((100, 1), np.float32), np.repeat(np.eye(2, dtype=np.float32), (96, 4), axis=0),
                  np.ones(100, np.float32))  # fmt: skip
    (weight,), frequency = ridge.balanced([photo], classes=True)
    assert frequency.tolist() == pytest.approx([0.96, 0.04])
    assert weight[-1] / weight[0] == pytest.approx((0.96 / 0.04) ** ridge.BALANCE, rel=1e-4)
    assert weight.mean() == pytest.approx(1, rel=1e-4)
    scores = np.array([[0.5, 0.5]], np.float32)
    plain, lifted = (readings(scores, frequency, shift, 1.0)[0, 1] for shift in (0.0, 0.5))
    assert plain == pytest.approx(0.5)
    assert lifted == pytest.approx(5 / (5 + (1 / 0.96) ** 0.5), rel=1e-4)  # .04 ** -.5 = 5


def test_values_stay_within_bounds() -> None:
    assert readings(np.array([[-1.0, 0.5, 2.0]], np.float32), np.zeros(0, np.float32), 0, 1).tolist() == [[0, 0.5, 1]]


def test_overlap_by_hand() -> None:
    photo = Cells(
        np.zeros((4, 1), np.float32), np.eye(3, dtype=np.float32)[[0, 0, 1, 1]], np.array([1, 1, 1, 0], np.float32)
    )
    said = np.eye(3, dtype=np.float32)[[0, 1, 1, 0]]
    np.testing.assert_allclose(ridge.overlap([photo], [said]), [1 / 2, 1 / 2, np.nan])

"""Proportions are exact over any stretch, any place can be asked for, and nothing falls together with a batch."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.data.schedule import Schedule, in_rounds, seeds
from plantain.errors import UsageError


def parts(schedule: Schedule, count: int) -> list[int]:
    return [schedule.locate(n)[0] for n in range(count)]


@pytest.mark.parametrize(
    ("shares", "wanted"),
    [((0.2, 0.3, 0.5), [2000, 3000, 5000]), ((1, 1, 1), [3333, 3333, 3334]), ((0.001, 0.999), [10, 9990]),
     ((795.0, 116.0, 1507.0, 604.5), None)],
)  # fmt: skip
def test_proportions_are_exact_over_ten_thousand(shares, wanted) -> None:
    counts = Counter(parts(Schedule(shares, seed=3), 10_000))
    exact = [10_000 * Fraction(str(share)) / sum(Fraction(str(s)) for s in shares) for share in shares]
    assert all(abs(counts[i] - each) < 1 for i, each in enumerate(exact))
    if wanted is not None:
        assert [counts[i] for i in range(len(shares))] == wanted


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=6), st.integers(0, 5), st.integers(0, 40))
@settings(max_examples=40)
def test_no_part_is_ever_a_whole_sample_behind_at_the_end_of_a_window(shares, seed, window) -> None:
    schedule = Schedule(tuple(shares), seed)
    n = (window + 1) * schedule.window
    total = sum(Fraction(str(share)) for share in shares)
    for count, share in zip(schedule.counts(n), shares, strict=True):
        assert abs(int(count) - n * Fraction(str(share)) / total) < 1
    assert sum(schedule.counts(n)) == n


def test_every_sample_of_a_part_comes_once_and_in_order() -> None:
    schedule = Schedule((0.7, 0.25, 0.05), seed=1)
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for n in range(1000):
        part, j = schedule.locate(n)
        seen[part].append(j)
    assert all(sorted(js) == list(range(len(js))) for js in seen.values())


def test_the_order_has_no_period_of_a_batch() -> None:
    """Halves that alternated would give each of two processes one part alone."""
    order = np.array(parts(Schedule((1, 1), seed=0), 1000))
    assert 350 < (order[::2] == 0).sum() * 2 < 650
    assert order.tolist() != parts(Schedule((1, 1), seed=1), 1000)
    assert order[:100].tolist() != order[100:200].tolist()


def test_inside_a_window_too_no_part_is_far_behind() -> None:
    order = np.array(parts(Schedule((0.8, 0.2), seed=5), 1000))
    behind = np.cumsum(order == 1) - 0.2 * np.arange(1, 1001)
    assert np.abs(behind).max() < 2


def test_a_round_is_every_sample_once_in_an_order_of_its_own() -> None:
    rounds = [[in_rounds(r * 50 + i, 50, seed=7) for i in range(50)] for r in range(3)]
    assert all(sorted(one) == list(range(50)) for one in rounds)
    assert rounds[0] != rounds[1] != rounds[2]


def test_names_have_seeds_apart() -> None:
    one, two = seeds(0, ["a", "b"]), seeds(1, ["a", "b"])
    assert len({*one, *two}) == 4 and one == seeds(0, ["a", "b"])


@pytest.mark.parametrize("shares", [(), (1.0, 0.0), (1.0, -1.0)])
def test_shares_that_are_none_are_refused(shares) -> None:
    with pytest.raises(UsageError, match="positive"):
        Schedule(shares)

"""Colors by number and by cell: exact bookkeeping."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.codecs import cells

lists = arrays(np.uint8, st.tuples(st.integers(1, 40), st.just(3)))


@given(lists)
def test_a_number_names_one_color(flat: np.ndarray) -> None:
    numbers = cells.number(flat)
    assert len(np.unique(numbers)) == len(np.unique(flat, axis=0))
    found = cells.occurring(numbers)
    assert np.array_equal(cells.colors(found)[cells.places(numbers, found)], flat)
    assert np.array_equal(cells.corners((numbers >> 6).astype(np.int64)), flat // 4 * 4)


@given(lists)
def test_packed_is_the_usual_integer(flat: np.ndarray) -> None:
    wide = flat.astype(np.int64)
    assert np.array_equal(cells.packed(flat), wide[:, 0] + 256 * wide[:, 1] + 65536 * wide[:, 2])


def test_both_ways_give_the_same_answers() -> None:
    rng = np.random.default_rng(0)
    asked = []

    def solve(flat: np.ndarray) -> tuple[np.ndarray, ...]:
        asked.append(len(flat))
        return (flat.astype(int).sum(1), flat[:, 0])

    few, many = rng.integers(0, 4, (100_000, 3), dtype=np.uint8), rng.integers(0, 256, (1000, 3), dtype=np.uint8)
    for flat in (few, many):
        total, red = cells.by_color(flat, solve)
        assert np.array_equal(total, flat.astype(int).sum(1))
        assert np.array_equal(red, flat[:, 0])
    assert asked == [64, 1000]


def test_bytes_of_rounds_and_reads_no_number_as_black() -> None:
    picture = np.array([[[np.nan, -1, 0.5], [np.inf, 2, 127.4 / 255]]])
    assert cells.bytes_of(picture).tolist() == [[[0, 0, 128], [255, 255, 127]]]

"""Connected regions, against SciPy's labels."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage, sparse

from plantain.codecs.regions import components, regions

maps = arrays(np.int16, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 2))


def check(values: np.ndarray) -> None:
    numbers, kinds = regions(values)
    assert np.array_equal(kinds[numbers], values)
    expected = {kind: ndimage.label(values == kind)[0] for kind in np.unique(values)}
    assert len(kinds) == sum(labels.max() for labels in expected.values())
    for number, kind in enumerate(kinds):
        labels = expected[kind][numbers == number]
        assert (labels == labels[0]).all()
        assert (expected[kind] == labels[0]).sum() == labels.size


@settings(max_examples=200)
@given(maps)
def test_regions_are_scipys(values: np.ndarray) -> None:
    check(values)


def test_a_spiral_is_one_region() -> None:
    spiral = np.zeros((41, 41), int)
    y, x, dy, dx = 0, 0, 0, 1
    spiral[0, 0] = 1
    for length in [40, *np.repeat(np.arange(40, 1, -2), 2)]:
        for _ in range(length):
            y, x = y + dy, x + dx
            spiral[y, x] = 1
        dy, dx = dx, -dy
    check(spiral)
    assert ndimage.label(spiral)[1] == 1


def test_large_noise() -> None:
    check(np.random.default_rng(0).integers(0, 2, (60, 90)))


def test_numbers_follow_reading_order() -> None:
    assert regions(np.array([[5, 5, 7], [7, 5, 7]]))[0].tolist() == [[0, 0, 1], [2, 0, 1]]


@settings(max_examples=100)
@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20))
def test_components_are_scipys(count: int, pairs: list[tuple[int, int]]) -> None:
    pairs = [(a, b) for a, b in pairs if a < count and b < count]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    graph = sparse.coo_matrix((np.ones(len(pairs)), (first, second)), shape=(count, count))
    expected = sparse.csgraph.connected_components(graph, directed=False)[1]
    found = components(count, first, second)
    assert np.array_equal(found[:, None] == found, expected[:, None] == expected)
    assert all(found[k] == np.flatnonzero(found == found[k])[0] for k in range(count))

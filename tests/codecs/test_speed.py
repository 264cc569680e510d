"""The speed table's rows compare like with like: both sides run on the same picture and agree."""

import numpy as np
import pytest

import speed

PICTURES = speed.made(96, 72)


@pytest.mark.parametrize("row", [*speed.ROWS, *speed.WHOLE], ids=lambda row: row.name)
def test_every_row_runs(row: speed.Row) -> None:
    ours, other = speed.measure(row, PICTURES[row.picture], repeats=1)
    assert ours > 0
    assert (other is None) == (row.other is None)


def test_the_others_give_the_same_numbers() -> None:
    rows = {row.picture: row for row in speed.ROWS if row.other is not None}
    metres, valid, _ = rows["depth"].ours(PICTURES["depth"])
    sure = valid & (speed.CURVES["cube"].decode(PICTURES["depth"])[1] < 10)  # the rest is repaired
    assert np.allclose(metres[sure], rows["depth"].other(PICTURES["depth"])[sure], rtol=1e-3, atol=1e-3)
    assert np.array_equal(rows["legend"].ours(PICTURES["legend"])[0], rows["legend"].other(PICTURES["legend"])[0])
    xyz = rows["normals"].ours(PICTURES["normals"])[0]
    assert np.allclose(xyz, rows["normals"].other(PICTURES["normals"]), atol=1e-5)

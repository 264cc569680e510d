"""Gray values come back; color where only gray is legal is doubted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.errors import TruthError, UsageError
from plantain.tasks import EdgeDetection, Matting

planes = arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize("task", [EdgeDetection(), Matting(), Matting("the cat", code="alpha")])
@settings(max_examples=20)
@given(values=planes)
def test_decode_inverts_encode(task, values) -> None:
    read = task.decode(task.encode(values))
    assert np.abs(read.alpha[0] - values).max() <= 0.5 / 255 + 1e-6
    assert read.confidence.min() > 0.99


def test_color_is_doubted() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    for task in (EdgeDetection(), Matting()):
        assert task.decode(red).confidence.max() < 0.05


def test_matte_knows_whether_the_thing_is_there() -> None:
    full = Matting("cat").decode(np.full((8, 8, 3), 255, np.uint8))
    none = Matting("cat").decode(np.zeros((8, 8, 3), np.uint8))
    assert full.presence == {"cat": pytest.approx(1.0)}
    assert none.presence == {"cat": pytest.approx(0.0)}


def test_refusals() -> None:
    with pytest.raises(UsageError, match="non-empty"):
        Matting(" ")
    with pytest.raises(TruthError, match="one plane"):
        EdgeDetection().encode(np.zeros((2, 3, 3)))
    with pytest.raises(TruthError, match=r"0\.\.1"):
        Matting().encode(np.full((3, 3), -0.5))
    with pytest.raises(TruthError, match="shape"):
        EdgeDetection().encode(np.zeros(3))

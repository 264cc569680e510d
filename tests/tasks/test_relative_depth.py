"""Relative depth comes back up to scale and shift, growing with depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Depth
from plantain.tasks import RelativeDepth


@pytest.mark.parametrize("near", ["bright", "dark"])
@pytest.mark.parametrize("code", [None, *RelativeDepth.codes])
@settings(max_examples=10)
@given(values=arrays(np.float32, (8, 9), elements=st.floats(0.5, 20, width=32)))
def test_decode_inverts_encode_up_to_scale_and_shift(near, code, values) -> None:
    values = np.round(values, 2)
    low, high = np.percentile(values, (2, 98))
    if high - low < 0.5:
        return
    task = RelativeDepth(near, code=code)
    read = task.decode(task.encode(values))
    expected = np.clip((values - low) / (high - low), 0, 1)
    assert np.abs(read.relative - expected).max() < 0.012
    assert read.valid.all()


@pytest.mark.parametrize(("near", "first"), [("bright", 255), ("dark", 0)])
def test_near_is_painted_as_asked(near, first) -> None:
    ramp = np.linspace(1, 9, 50)[None]
    painted = RelativeDepth(near).encode(ramp)
    assert painted[0, 0].tolist() == [first] * 3
    assert painted[0, -1].tolist() == [255 - first] * 3


def test_unknown_pixels_count_as_far() -> None:
    ramp = np.linspace(1, 9, 50)[None].astype(np.float32)
    valid = np.ones_like(ramp, bool)
    valid[0, 3] = False
    truth = Depth(values=ramp, valid=valid, scale="affine", confidence=np.ones_like(ramp))
    assert RelativeDepth().encode(truth)[0, 3].tolist() == [0, 0, 0]
    ramp[0, 3] = np.inf
    assert RelativeDepth().encode(ramp)[0, 3].tolist() == [0, 0, 0]


def test_refusals() -> None:
    with pytest.raises(UsageError, match="bright"):
        RelativeDepth("red")
    with pytest.raises(TruthError, match="NaN"):
        RelativeDepth().encode(np.full((2, 2), np.nan))
    with pytest.raises(UsageError, match="relative"):
        RelativeDepth().decode(np.zeros((2, 2, 3), np.uint8)).metres  # noqa: B018

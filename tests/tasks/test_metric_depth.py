"""Metres survive the paint; what has no color is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import TruthError, UnknownName, UsageError
from plantain.predictions.types import Depth
from plantain.tasks import MetricDepth

# Largest relative error of a decoded depth: half an 8-bit step of each code, from its formula.
# log-gray: a step is ln(2000)/255 = 3.0 %; indoor ln(40)/255 = 1.4 %; street ln(100)/255 = 1.8 %. Colormaps turn
# slowly in places, where rounding moves them by a whole step.
TOLERANCE = {
    "cube": 0.01,
    "cube-rev": 0.01,
    "log-gray": 0.016,
    "log-gray-indoor": 0.008,
    "log-gray-street": 0.01,
    "plasma": 0.032,
    "inferno": 0.032,
    "viridis": 0.032,
    "log-gray-doubt": 0.016,
}


def plain(metres: float) -> np.ndarray:
    return np.full((6, 7), metres, np.float32)


@pytest.mark.parametrize("code", TOLERANCE)
@settings(max_examples=25)
@given(metres=st.floats(1.0, 11.5))
def test_decode_inverts_encode(code: str, metres: float) -> None:
    task = MetricDepth(code=code)
    read = task.decode(task.encode(plain(metres)))
    assert read.valid.all()
    assert np.allclose(read.metres, metres, rtol=TOLERANCE[code])
    assert read.confidence.min() > 0.8


def test_inverse_gray_keeps_disparity() -> None:
    task = MetricDepth(code="inv-gray")
    read = task.decode(task.encode(plain(0.4)))
    assert np.allclose(1 / read.metres, 2.5, atol=0.02)


def test_the_walk_has_the_published_corners() -> None:
    # Vision Banana's power transform: f(d) = 1 - (1 + d/10)^-2, seven edges: corners at f = k/7.
    corners = [10 * ((1 - k / 7) ** -0.5 - 1) for k in range(7)]
    painted = MetricDepth(code="cube").encode(np.array([corners]))
    expected = [(0, 0, 0), (255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255)]
    assert [tuple(c) for c in painted[0].tolist()] == expected


def test_no_answer_is_white_and_not_valid() -> None:
    truth = Depth(values=plain(3), valid=np.zeros((6, 7), bool), confidence=plain(1))
    for code in ("cube", "log-gray"):
        task = MetricDepth(code=code)
        painted = task.encode(truth)
        assert (painted == 255).all()
        assert not task.decode(painted).valid.any()


def test_the_range_limits_what_is_answered() -> None:
    task = MetricDepth(2, 10, code="log-gray")
    near, inside, far = (task.decode(MetricDepth(code="log-gray").encode(plain(m))) for m in (1, 5, 20))
    assert inside.valid.all()
    assert not near.valid.any()
    assert not far.valid.any()
    assert task.decode(task.encode(plain(1.0))).metres == pytest.approx(2.0, rel=0.02)
    assert not task.decode(task.encode(plain(50.0))).valid.any()


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_numbers_without_a_color_are_refused(bad: float) -> None:
    metres = plain(1.0)
    metres[2, 3] = bad
    with pytest.raises(TruthError, match="NaN or negative"):
        MetricDepth().encode(metres)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (0, 5)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(TruthError, match="shape"):
        MetricDepth().encode(np.ones(shape))


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(UsageError, match="no range"):
        MetricDepth(5, 2)
    with pytest.raises(UnknownName, match="log-gray"):
        MetricDepth(code="log-grey")


def test_resolve_prefers_own_code_then_favorite_then_default() -> None:
    assert MetricDepth(code="plasma").resolve({"metric-depth": "log-gray"}).code == "plasma"
    assert MetricDepth().resolve({"metric-depth": "log-gray"}).code == "log-gray"
    assert MetricDepth().resolve({"metric-depth": "no such code"}).code == "cube"
    assert MetricDepth().code_id == "cube/1"


def test_blue_is_the_doubt_that_the_painter_states() -> None:
    task = MetricDepth(code="log-gray-doubt")
    painting = task.encode(plain(3.0))
    assert (painting[..., 2] == 0).all() and (painting[..., 0] == painting[..., 1]).all()
    painting[2, 3, 2] = 102  # two fifths of 255
    read = task.decode(painting)
    assert read.metres[2, 3] == pytest.approx(3.0, rel=0.016)
    assert read.confidence[2, 3] == pytest.approx(0.6, abs=0.01)
    assert read.confidence[0, 0] == pytest.approx(1.0, abs=0.01)


def test_no_answer_is_white_in_the_code_with_doubt_too() -> None:
    task = MetricDepth(code="log-gray-doubt")
    painting = task.encode(np.array([[np.inf, 2.0]], np.float32))
    assert painting[0, 0].tolist() == [255, 255, 255]
    assert task.decode(painting).valid.tolist() == [[False, True]]

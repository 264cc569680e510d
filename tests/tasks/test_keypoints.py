"""Discs come back as points with sub-pixel places; faint, blurred and absent ones say so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Keypoints
from plantain.tasks import COCO_17, KeypointDetection
from plantain.tasks.keypoints import bright_colors


def truth(points: dict[str, tuple[float, float]], size: tuple[int, int] = (160, 120)) -> Keypoints:
    width, height = size
    names = tuple(points)
    xy = np.array([points[n] for n in names], np.float32).reshape(-1, 2)
    seen = np.ones(len(names), bool)
    sure = np.ones((height, width), np.float32)
    return Keypoints(xy=xy, visible=seen, names=names, scores=seen.astype(np.float32), confidence=sure)


def blur(rgb: np.ndarray, radius: int) -> np.ndarray:
    """A box blur, twice: what a net that paints the mean of its belief does to a disc."""
    out = rgb.astype(np.float64)
    for _ in range(2):
        for axis in (0, 1):
            out = np.mean([np.roll(out, s, axis) for s in range(-radius, radius + 1)], axis=0)
    return out.astype(np.uint8)


@settings(max_examples=25)
@given(x=st.floats(12, 148), y=st.floats(12, 108), radius=st.sampled_from([0, 2, 4]))
def test_a_lone_point_comes_back_within_half_a_pixel(x, y, radius) -> None:
    task = KeypointDetection({"nose": (255, 0, 0), "tail": (0, 0, 255)})
    read = task.decode(blur(task.encode(truth({"nose": (x, y)})), radius))
    assert np.abs(read.xy[0] - (x, y)).max() < 0.6
    assert read.visible.tolist() == [True, False]
    assert np.isnan(read.xy[1]).all()
    assert read.scores[1] == 0


def test_a_whole_body_comes_back() -> None:
    rng = np.random.default_rng(3)
    grid = [(20.0 + 40 * i, 20.0 + 40 * j) for i in range(5) for j in range(4)]
    spots = [(x + rng.uniform(-5, 5), y + rng.uniform(-5, 5)) for x, y in grid][:17]
    task = KeypointDetection()
    read = task.decode(task.encode(truth(dict(zip(COCO_17, spots, strict=True)), (240, 180))))
    assert read.visible.all()
    assert np.abs(read.xy - np.array(spots)).max() < 0.6
    assert read.scores.min() > 0.9
    assert read.presence["person"] > 0.9


def test_faint_discs_score_less() -> None:
    task = KeypointDetection({"nose": (255, 0, 0)})
    painted = task.encode(truth({"nose": (80, 60)}))
    scores = [float(task.decode((painted * share).astype(np.uint8)).scores[0]) for share in (1.0, 0.6, 0.3, 0.05)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.95
    assert 0.5 < scores[1] < 0.7
    assert scores[3] == 0
    faint = task.decode((painted * 0.15).astype(np.uint8))
    assert not faint.visible[0]
    assert np.abs(faint.xy[0] - (80, 60)).max() < 1


def test_a_stray_pixel_does_not_pull_the_point() -> None:
    task = KeypointDetection({"nose": (255, 0, 0)})
    painted = task.encode(truth({"nose": (40, 40)}))
    painted[100:102, 150:152] = (255, 0, 0)
    assert np.abs(task.decode(painted).xy[0] - 40).max() < 0.6


def test_overlapping_discs_are_both_seen() -> None:
    task = KeypointDetection({"left eye": (255, 0, 0), "right eye": (0, 0, 255)})
    read = task.decode(task.encode(truth({"left eye": (60, 60), "right eye": (64, 60)})))
    assert read.visible.all()
    assert np.abs(read.xy - [(60, 60), (64, 60)]).max() < 2.5


def test_default_colors_differ_in_direction() -> None:
    for count in (17, 64):
        rays = np.array(bright_colors(count)) / np.linalg.norm(bright_colors(count), axis=1, keepdims=True)
        closest = (rays @ rays.T - 2 * np.eye(count)).max()
        assert np.degrees(np.arccos(closest)) > (15 if count == 17 else 6)


def test_many_points_go_in_groups() -> None:
    task = KeypointDetection([f"face point {i}" for i in range(1, 69)], "face")
    parts = task.parts()
    assert [len(p.names) for p in parts] == [64, 4]
    assert all(p.thing == "face" for p in parts)
    with pytest.raises(UsageError, match="parts"):
        task.decode(np.zeros((4, 4, 3), np.uint8))


def test_channels_hold_three_points_however_unsure() -> None:
    task = KeypointDetection(("a", "b", "c"), code="channels")
    where = {"a": (60, 60), "b": (62, 60), "c": (120, 30)}
    painted = task.encode(truth(where))
    assert (painted == (255, 255, 0)).all(-1).any(), "discs add up"
    read = task.decode(blur(painted // 2, 3))
    assert np.abs(read.xy - list(where.values())).max() < 1
    assert read.scores.max() < 0.4
    assert task.decode(painted).scores.min() > 0.95


@pytest.mark.parametrize(("level", "visible"), [(230, True), (128, True), (56, True), (46, False)])
def test_the_level_of_a_channel_is_the_score_and_a_fifth_is_seen(level, visible) -> None:
    task = KeypointDetection(("a", "b", "c"), code="channels")
    painted = task.encode(truth({"b": (80, 60)}))
    painted[painted > 0] = level
    read = task.decode(painted)
    painted_of_disc = 76 / (np.pi * 4.8**2)  # pixel centers within 4.8 of a corner, 3 % of 160, over the disc's area
    assert read.scores == pytest.approx([0, level / 255 * painted_of_disc, 0], abs=0.003)
    assert read.visible.tolist() == [False, visible, False]


def test_channels_are_asked_three_at_a_time() -> None:
    task = KeypointDetection().resolve({"keypoints": "channels"})
    assert [len(p.names) for p in task.parts()] == [3, 3, 3, 3, 3, 2]
    assert task.parts()[-1].legend == (("left ankle", (255, 0, 0)), ("right ankle", (0, 255, 0)))
    chosen = KeypointDetection({"nose": (9, 9, 255)})
    assert chosen.resolve({"keypoints": "channels"}).code == "discs", "who gives colors gets them"
    with pytest.raises(UsageError, match="colors out"):
        KeypointDetection({"nose": (9, 9, 255)}, code="channels")


def test_refusals() -> None:
    with pytest.raises(UsageError, match="2 points"):
        KeypointDetection(("a", "b"), colors=((1, 2, 3),))
    with pytest.raises(UsageError, match="same color"):
        KeypointDetection({"a": (0, 0, 0)})
    with pytest.raises(UsageError, match="twice"):
        KeypointDetection(("a", "a"))
    with pytest.raises(TruthError, match="Keypoints"):
        KeypointDetection().encode(np.zeros((3, 2)))
    with pytest.raises(TruthError, match="finite"):
        KeypointDetection().encode(truth({"nose": (np.nan, 3)}))

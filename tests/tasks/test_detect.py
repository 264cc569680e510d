"""Boxes come back to the pixel, filled or framed, and whole where a smaller box hides a side."""

import numpy as np
import pytest

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Instances
from plantain.tasks import ObjectDetection


def truth(boxes, size=(160, 120)) -> Instances:
    count = len(boxes)
    return Instances(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(count, int),
        classes=("cup",),
        scores=np.ones(count, np.float32),
        confidence=np.ones((size[1], size[0]), np.float32),
    )


def match(found: np.ndarray, box) -> float:
    return float(np.abs(found - np.array(box)).max(axis=1).min())


@pytest.mark.parametrize("code", [None, *ObjectDetection.codes])
def test_decode_inverts_encode(code) -> None:
    boxes = [(10, 10, 50, 60), (70, 20, 110, 60), (20, 80, 140, 115)]
    task = ObjectDetection("cup", code=code)
    read = task.decode(task.encode(truth(boxes)))
    assert len(read) == 3
    assert max(match(read.boxes, b) for b in boxes) <= 1.5
    assert read.masks is None
    assert read.scores.min() > 0.5
    assert read.presence["cup"] > 0.8


def test_a_half_hidden_box_is_made_whole() -> None:
    big, small = (20, 20, 120, 100), (70, 10, 130, 110)
    task = ObjectDetection("cup")
    truths = truth([big, (80, 15, 125, 105)])
    read = task.decode(task.encode(truths))
    assert match(read.boxes, big) <= 3, small


@pytest.mark.parametrize(
    ("center", "right"),
    [
        (42, 60),  # 2 of 100 pixels off: a painter is not that exact
        (45, 70),  # 5 off: 20 to 45 is the half that is seen, 45 to 70 the one that may be hidden
        (90, 60),  # not in the box at all: no center of it
    ],
)
def test_a_box_is_stretched_to_its_painted_center(center, right) -> None:
    painted = np.zeros((100, 100, 3), np.uint8)
    painted[30:70, 20:60] = (round(2.55 * center), round(2.55 * 50), 255)
    assert ObjectDetection("cup").decode(painted).boxes[0] == pytest.approx([20, 30, right, 70], abs=0.3)


@pytest.mark.parametrize("code", list(ObjectDetection.codes))
def test_no_box(code) -> None:
    task = ObjectDetection("cup", code=code)
    read = task.decode(task.encode(truth([])))
    assert read.boxes.shape == (0, 4)
    assert read.presence == {"cup": 0.0}


def test_colors_are_the_centers() -> None:
    painted = ObjectDetection("cup").encode(truth([(40, 30, 120, 90)]))  # center of the picture
    assert painted[60, 80].tolist() == [128, 128, 255]
    assert painted[0, 0].tolist() == [0, 0, 0]


def test_refusals() -> None:
    with pytest.raises(UsageError, match="non-empty"):
        ObjectDetection("")
    with pytest.raises(TruthError, match="Instances"):
        ObjectDetection("cup").encode(np.zeros((2, 4)))
    with pytest.raises(TruthError, match="right >= left"):
        ObjectDetection("cup").encode(truth([(5, 5, 1, 9)]))

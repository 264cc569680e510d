"""Things told apart by color: masks, boxes, scores; with the paper's code, ours, and location colors."""

import numpy as np
import pytest

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Instances
from plantain.tasks import InstanceSegmentation

BOXES = [(10, 10, 40, 40), (60, 15, 100, 50), (20, 60, 50, 100), (90, 70, 130, 110)]


def squares(boxes=BOXES, size=(160, 120)) -> np.ndarray:
    masks = np.zeros((len(boxes), size[1], size[0]), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def best_ious(found: np.ndarray, masks: np.ndarray) -> list[float]:
    return [max(((m & f).sum() / (m | f).sum() for f in found), default=0.0) for m in masks]


@pytest.mark.parametrize("code", [None, *InstanceSegmentation.codes])
def test_decode_inverts_encode(code) -> None:
    task = InstanceSegmentation("box", code=code)
    read = task.decode(task.encode(squares()))
    assert len(read) == 4
    assert min(best_ious(read.masks, squares())) > 0.97
    assert read.classes == ("box",)
    assert read.labels.tolist() == [0] * 4
    assert read.presence["box"] > 0.9
    assert read.confidence.mean() > 0.9
    for box in BOXES:
        assert min(np.abs(read.boxes - box).max(axis=1)) <= 1


@pytest.mark.parametrize("code", list(InstanceSegmentation.codes))
def test_nothing_there_is_no_instance(code) -> None:
    task = InstanceSegmentation("box", code=code)
    read = task.decode(task.encode(np.zeros((0, 30, 40), bool)))
    assert len(read) == 0
    assert read.boxes.shape == (0, 4)
    assert read.masks.shape == (0, 30, 40)
    assert read.presence == {"box": 0.0}
    assert read.confidence.min() > 0.9


@pytest.mark.parametrize("code", ["blobs", "blobs-vb"])
def test_a_colored_background_is_kept(code) -> None:
    task = InstanceSegmentation("box", (88, 50, 82), code=code)
    painted = task.encode(squares())
    assert painted[0, 0].tolist() == [88, 50, 82]
    assert len(task.decode(painted)) == 4


def test_only_the_class_that_is_asked_for_is_painted() -> None:
    masks = squares()
    truth = Instances(
        masks=masks,
        boxes=np.array(BOXES, float),
        labels=np.array([0, 1, 1, 0]),
        classes=("cup", "plate"),
        scores=np.ones(4),
        confidence=np.ones(masks.shape[1:]),
    )
    painted = InstanceSegmentation("plate").encode(truth)
    assert np.array_equal(painted.any(-1), masks[1] | masks[2])


def test_an_ordinary_picture_is_doubted() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    for code in InstanceSegmentation.codes:
        assert InstanceSegmentation("cup", code=code).decode(noise).confidence.mean() < 0.6


def test_refusals() -> None:
    with pytest.raises(UsageError, match="non-empty"):
        InstanceSegmentation("")
    with pytest.raises(UsageError, match="black background"):
        InstanceSegmentation("cup", (1, 2, 3), code="centers")
    with pytest.raises(TruthError, match="true or false"):
        InstanceSegmentation("cup").encode(np.full((1, 2, 2), 3))
    with pytest.raises(TruthError, match="shape"):
        InstanceSegmentation("cup").encode(np.zeros((2, 2), bool))
    no_masks = Instances(
        boxes=np.zeros((1, 4)), labels=np.zeros(1, int), classes=("cup",), scores=np.ones(1), confidence=np.ones((3, 3))
    )
    with pytest.raises(TruthError, match="no masks"):
        InstanceSegmentation("cup").encode(no_masks)


def test_a_colored_background_refuses_the_favorite_that_cannot_have_one() -> None:
    favorites = {"instances": "centers"}
    assert InstanceSegmentation("cup").resolve(favorites).code == "centers"
    assert InstanceSegmentation("cup", (9, 9, 9)).resolve(favorites).code == "blobs"

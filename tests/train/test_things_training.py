"""What patches are taught of things: whose center is near, how large it is, and where nobody knows."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from plantain.models.painters.things import boxes_of  # noqa: E402
from plantain.train import things  # noqa: E402

ROWS, COLUMNS = 16, 20
PERSON, DOG = 0, 16


def rows(*boxes: tuple[float, ...]) -> np.ndarray:
    return np.array(boxes, np.float32).reshape(-1, 6)


def test_patches_near_a_center_are_taught_its_box_and_the_smaller_thing_wins() -> None:
    large, small = (0.1, 0.1, 0.9, 0.9, PERSON, 1.0), (0.45, 0.45, 0.6, 0.55, DOG, 0.8)
    classes, sure, targets, unknown = things.assigned(rows(large, small), ROWS, COLUMNS)
    assert unknown == ()
    assert (classes == PERSON).sum() > 20 and (classes == DOG).sum() >= 1
    assert sure[classes == DOG] == pytest.approx(0.8) and (sure[classes == -1] == 0).all()
    told = boxes_of(targets)
    assert told[classes == PERSON] == pytest.approx(np.tile(large[:4], ((classes == PERSON).sum(), 1)), abs=1e-5)
    assert told[classes == DOG] == pytest.approx(np.tile(small[:4], ((classes == DOG).sum(), 1)), abs=1e-5)


def test_of_a_doubtful_box_nothing_is_learned() -> None:
    classes, sure, targets, unknown = things.assigned(rows((0.0, 0.0, 1.0, 1.0, DOG, 0.3)), ROWS, COLUMNS)
    assert (classes == -1).all() and unknown == ((DOG, 0, ROWS, 0, COLUMNS),)
    one = things.Seen(np.zeros((ROWS, COLUMNS, things.DIRECTIONS), np.float16), classes, sure, targets, unknown)
    net = things.Head(things.DIRECTIONS, 8, 1)
    things.loss_of(net, things.batch([one], np.random.default_rng(0))).backward()
    assert float(net.leave.bias.grad[4 + DOG]) == 0 and float(net.leave.bias.grad[4 + PERSON]) > 0


def test_a_mirrored_view_has_mirrored_boxes() -> None:
    box = (0.1, 0.2, 0.3, 0.6, DOG, 1.0)
    features = np.broadcast_to(np.arange(COLUMNS)[None, :, None], (ROWS, COLUMNS, things.DIRECTIONS)).astype(np.float16)
    one = things.Seen(features, *things.assigned(rows(box), ROWS, COLUMNS))
    seen = {}
    for seed in range(8):
        shown, classes, _, targets, _ = things.batch([one], np.random.default_rng(seed))
        told = boxes_of(targets[0].numpy())[classes[0].numpy() == DOG]
        seen[float(shown[0, 0, 0, 0])] = told[0]
    assert seen[0.0] == pytest.approx([0.1, 0.2, 0.3, 0.6], abs=1e-5)
    assert seen[COLUMNS - 1.0] == pytest.approx([0.7, 0.2, 0.9, 0.6], abs=1e-5)


def test_a_crop_shows_what_its_boxes_say() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[80:120, 100:180] = 255
    for seed in range(20):
        part, boxes = things.cropped(photo, rows((100, 80, 180, 120, DOG, 1.0)), seed)
        white = np.argwhere(part[..., 0] == 255)
        if len(boxes) == 0:
            assert len(white) <= 0.02 * 40 * 80 + 80
            continue
        (top, left), (bottom, right) = white.min(0), white.max(0) + 1
        assert boxes[0, :4].tolist() == [left, top, right, bottom]
        assert boxes[0, 5] == (1.0 if len(white) >= things.SEEN * 40 * 80 else pytest.approx(things.UNSURE))


def test_overlaps_are_those_of_the_definition() -> None:
    one = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1]])
    other = torch.tensor([[1.0, 1, 3, 3], [2, 0, 3, 1]])
    iou, generalized = things.overlaps(one, other)
    assert iou.tolist() == pytest.approx([1 / 7, 0])
    assert generalized.tolist() == pytest.approx([1 / 7 - 2 / 9, -1 / 3])

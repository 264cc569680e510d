"""Things one by one: what the small network sees is painted in the codes of boxes and masks, and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plantain.errors import PainterError
from plantain.models.painters.embedded import Embedded
from plantain.models.painters.things import (
    Things,
    ThingsHead,
    around,
    asked,
    paint_boxes,
    paint_masks,
    paint_points,
    raise_mask,
)
from plantain.models.painting import Request
from plantain.tasks import (
    InstanceSegmentation,
    KeypointDetection,
    MetricDepth,
    ObjectDetection,
    ReferringSegmentation,
    Task,
)

ROWS, COLUMNS = 16, 21


def head(folder: Path) -> ThingsHead:
    """A network that says what its features say: four numbers of a box (less 20, since what enters is positive), and
    the logits of two classes (less 20)."""
    path, size = folder / "things.npz", 6
    np.savez(
        path, names=np.array("cup\nmug\nsheep"), classes=np.array([0, 0, 1]), enter=np.eye(size),
        enter_bias=np.zeros(size), around=np.zeros((1, 5, 5, size)), mix=np.zeros((1, size, size)),
        mix_bias=np.zeros((1, size)), leave=np.eye(size), leave_bias=np.full(size, -20.0),
    )  # fmt: skip
    return ThingsHead(path)


def test_names(tmp_path: Path) -> None:
    made = head(tmp_path)
    assert [made.column(name) for name in ("cup", "Cups", "mug", "sheep", "owl")] == [0, 0, 0, 1, None]
    with pytest.raises(PainterError, match=r"lacks things\.npz"):
        ThingsHead(tmp_path / "none" / "things.npz")


def test_a_thing_is_found_once_where_its_patches_say(tmp_path: Path) -> None:
    features = np.full((ROWS, COLUMNS, 6), 11.0, np.float32)
    for row, column in ((4, 5), (4, 6)):  # two patches that see one box around (6, 5), 4 wide and 6 high
        said = [6 - (column + 0.5), 5 - (row + 0.5), np.log(4), np.log(6), 2.0 - (column == 6), -9]
        features[row, column] = np.array(said) + 20
    found = head(tmp_path).find(features, 0)
    assert found.boxes * [COLUMNS, ROWS, COLUMNS, ROWS] == pytest.approx(np.array([[4, 2, 8, 8]]), abs=1e-4)
    assert found.scores == pytest.approx([1 / (1 + np.exp(-2))])
    assert len(head(tmp_path).find(features, 1).scores) == 0


def test_the_network_is_that_of_training(tmp_path: Path) -> None:
    torch, train = pytest.importorskip("torch"), pytest.importorskip("plantain.train.things")
    torch.manual_seed(0)
    net, rng = train.Head(train.DIRECTIONS, 8, 2), np.random.default_rng(0)
    mean, directions = (
        rng.normal(size=12).astype(np.float32),
        rng.normal(size=(12, train.DIRECTIONS)).astype(np.float32),
    )
    train.save(net, mean, directions * 0.2, tmp_path / "things.npz")
    features = rng.normal(size=(5, 7, 12)).astype(np.float32)
    with torch.no_grad():
        raw = net(torch.from_numpy((features - mean) @ (directions * 0.2))[None])[0]
    shares, boxes = ThingsHead(tmp_path / "things.npz").maps(features)
    assert shares == pytest.approx(raw[..., 4:].sigmoid().numpy(), abs=2e-3)
    middle = torch.tensor([[x + 0.5, y + 0.5] for y in range(5) for x in range(7)]).reshape(5, 7, 2).repeat(1, 1, 2)
    true = (train.corners(raw[..., :4]) + middle) / torch.tensor([7, 5, 7, 5])
    assert boxes == pytest.approx(true.clamp(0, 1).numpy(), abs=2e-3)


def test_each_channel_is_convolved_by_itself() -> None:
    signal = pytest.importorskip("scipy.signal")
    rng = np.random.default_rng(0)
    seen, weight = rng.normal(size=(5, 7, 3)), rng.normal(size=(3, 3, 3))
    for channel in range(3):
        theirs = signal.correlate2d(seen[..., channel], weight[..., channel], mode="same")
        assert around(seen, weight)[..., channel] == pytest.approx(theirs)


TWO = Things(np.array([[0.1, 0.2, 0.4, 0.9], [0.45, 0.3, 0.7, 0.8]], np.float32), np.array([0.9, 0.4], np.float32))
SIZE = (294, 224)


def test_boxes_are_painted_as_high_as_they_are_sure() -> None:
    read = ObjectDetection("cup", code="heat").decode(paint_boxes(TWO, SIZE))
    assert read.scores == pytest.approx(TWO.scores, abs=0.02)
    assert read.boxes == pytest.approx(TWO.boxes * np.tile(SIZE, 2), abs=4)


def test_touching_things_get_masks_of_their_own() -> None:
    alpha = np.zeros(SIZE[::-1], np.float32)
    truth = []
    for left, top, right, bottom in np.round(TWO.boxes * np.tile(SIZE, 2)).astype(int):
        mask = np.zeros(alpha.shape, bool)
        mask[top:bottom, left:right] = True
        truth.append(mask)
        alpha[mask] = 1
    read = InstanceSegmentation("cup", code="centers").decode(paint_masks(TWO, alpha))
    assert read.masks is not None and len(read.masks) == 2
    for mask, true in zip(read.masks, truth, strict=True):
        assert (mask & true).sum() / (mask | true).sum() > 0.9
    assert read.scores[0] > read.scores[1]


@pytest.mark.parametrize("style", ["imperative", "caption", "json", "terse"])
def test_questions_about_things_are_known_by_their_words(style: str) -> None:
    boxes = asked(ObjectDetection("old cup", code="heat").prompt(style))
    assert boxes is not None and (boxes.thing, boxes.code) == ("old cup", "heat")
    masks = asked(InstanceSegmentation("cup", code="centers").prompt(style))
    assert masks is not None and (masks.thing, masks.code) == ("cup", "centers")
    others: list[Task] = [
        ObjectDetection("cup", code="boxes"),
        MetricDepth(),
        InstanceSegmentation("cup", code="blobs"),
    ]
    assert [asked(task.prompt(style)) for task in others] == [None, None, None]
    mask = asked(ReferringSegmentation("the old cup", color=(255, 0, 0)).prompt(style))
    assert mask is not None and (mask.thing, mask.code, mask.color) == ("old cup", "mask", (255, 0, 0))


def test_a_faint_mask_is_raised_where_its_thing_is_seen() -> None:
    wanted = asked(ReferringSegmentation("cup", color=(255, 0, 0)).prompt())
    assert wanted is not None
    painted = np.zeros((*SIZE[::-1], 3), np.float32)
    left, top, right, bottom = np.round(TWO.boxes[0] * np.tile(SIZE, 2)).astype(int)
    painted[top:bottom, left:right, 0] = 0.3
    painted[:20, -20:, 0] = 0.3  # as faint, and nothing is seen there
    raised = raise_mask(TWO, painted, wanted)
    assert raised[top:bottom, left:right, 0] == pytest.approx(np.sqrt(0.9), abs=1e-5)
    assert raised[:20, -20:, 0] == pytest.approx(0.3) and raised[..., 1:].max() == 0
    clear = np.where(painted > 0, np.float32(0.9), painted)
    assert raise_mask(TWO, clear, wanted) == pytest.approx(clear)  # what is painted well is left alone


def test_only_who_asks_what_is_there_gets_a_painting_of_things() -> None:
    painter, photo = Embedded(threads=1), np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    request = Request(ObjectDetection("cup", code="heat").prompt(), (photo,), SIZE)
    black = painter._things(request)
    assert black is not None and black.max() < 0.5
    assert painter._things(replace(request, purpose="edit")) is None
    assert painter._things(replace(request, prompt=ObjectDetection("gramophone", code="heat").prompt())) is None


def test_points_of_a_body_are_painted_where_a_body_is_seen() -> None:
    painted = np.full((4, 4, 3), 0.8, np.float32)
    for score, left in ((0.5, 0.8), (0.1, 0.8), (0.07, 0.4), (0.01, 0.0)):
        found = Things(np.zeros((1, 4), np.float32), np.array([score], np.float32))
        assert paint_points(found, painted).max() == pytest.approx(left, abs=1e-6)
    none = Things(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    assert paint_points(none, painted).max() == 0


def test_the_points_of_a_person_are_asked_for_as_such() -> None:
    body, cat = KeypointDetection(code="channels"), KeypointDetection(["nose"], "cat", code="channels")
    assert asked(body.prompt()).code == "channels"
    assert asked(body.prompt()).thing == "person"
    assert asked(cat.prompt()) is None
    assert asked(KeypointDetection(code="discs").prompt()) is None

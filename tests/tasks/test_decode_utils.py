"""What every decoder shares, by numbers worked out by hand."""

import numpy as np
import pytest

from plantain.errors import TruthError
from plantain.predictions.types import Instances, Labels
from plantain.tasks import decode_utils, targets

RED, BLUE, GRAY, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (128, 128, 128), (255, 255, 255), (0, 0, 0)


def test_floats_a_little_outside_are_clipped_and_far_outside_are_no_color() -> None:
    picture, odd = decode_utils.clean(np.array([[[1.05, -0.05, 0.5], [1.2, 0, 0], [0, -0.2, 0], [np.nan, 0, 0]]]))
    assert picture.dtype == np.float32
    assert picture[0, 0].tolist() == [1, 0, 0.5]
    assert odd.tolist() == [[False, True, True, True]]


def test_pictures_of_other_kinds_become_rgb() -> None:
    assert decode_utils.clean(np.array([[7]], np.uint8))[0].tolist() == [[[7, 7, 7]]]
    assert decode_utils.clean(np.array([[[1, 2, 3, 99]]], np.uint8))[0].tolist() == [[[1, 2, 3]]]
    assert decode_utils.clean(np.array([[[0, 65535, 13107]]], np.uint16))[0][0, 0].tolist() == pytest.approx(
        [0, 1, 0.2]
    )
    assert decode_utils.clean(np.array([[True, False]]))[0][0].tolist() == [[255] * 3, [0] * 3]
    picture, odd = decode_utils.clean(np.array([[[256, 0, 0], [255, 0, 0], [0, -1, 0]]]))
    assert picture[0].tolist() == [[255, 0, 0], [255, 0, 0], [0, 0, 0]]
    assert odd.tolist() == [[True, False, True]]


def test_confidence_is_a_bell_of_forty_levels() -> None:
    away = np.array([0, 20, 40, 80], np.float32)
    assert decode_utils.confidence_at(away) == pytest.approx([1, np.exp(-0.25), np.exp(-1), np.exp(-4)])
    assert decode_utils.confidence_at(away, 20.0)[1] == pytest.approx(np.exp(-1))


def test_agreement_is_the_share_of_four_neighbors() -> None:
    assert decode_utils.agreement(np.array([[0, 0], [0, 1]])).tolist() == [[1, 0.75], [0.75, 0.5]]
    lone = np.zeros((3, 3), int)
    lone[1, 1] = 7
    assert decode_utils.agreement(lone)[1].tolist() == [0.75, 0, 0.75]


def test_presence_is_the_mean_of_the_surest_five_hundredth() -> None:
    weight = np.zeros((20, 50), np.float32)  # 1,000 pixels: two count
    weight[3, 4], weight[9, 9], weight[0, 0] = 0.9, 0.5, 0.1
    assert decode_utils.presence(weight) == pytest.approx(0.7)
    assert decode_utils.presence(np.full((1, 1), 0.3, np.float32)) == pytest.approx(0.3)


def test_presences_weigh_sure_pixels_and_want_a_five_hundredth() -> None:
    ids, confidence = np.zeros((10, 100), np.int16), np.ones((10, 100), np.float32)  # 1,000 pixels: two are enough
    ids[0, 0], confidence[0, 0] = 1, 0.5
    ids[5, :3], confidence[5, :3] = 2, (1.0, 1.0, 0.5)
    ids[9] = -1
    found = decode_utils.presences(ids, confidence, ("a", "b", "c", "d"))
    assert found == pytest.approx({"a": 1, "b": 0.5 * 0.5 / 2, "c": 2.25 / 2.5, "d": 0})


@pytest.mark.parametrize(
    ("color", "place", "distance", "forgiven"),
    [
        ((150, 100, 100), 0.5, 0, 0),
        ((150, 103, 104), 0.5, 5, 5),
        ((250, 100, 100), 1, 50, 7.5),  # past the end: .15 of it
        ((70, 100, 140), 0, 50, 50),  # before the start nothing is forgiven
    ],
)
def test_projection_on_a_line_from_100_to_200_in_red(color, place, distance, forgiven) -> None:
    line = ((100, 100, 100), (200, 100, 100))
    rgb = np.array([color], np.float32)
    for weight, wanted in ((1.0, distance), (0.15, forgiven)):
        found = decode_utils.project(rgb, *line, weight)
        assert (found[0][0], found[1][0]) == pytest.approx((place, wanted), abs=1e-3)


def test_a_color_belongs_to_the_line_it_lies_on_and_to_the_purer_of_two() -> None:
    seen = np.array([(200, 0, 0), (0, 0, 51), (0, 12, 255)], np.float32)
    which, place, distance = decode_utils.closest_line(seen, BLACK, [RED, BLUE])
    assert which.tolist() == [0, 1, 1]
    assert place == pytest.approx([200 / 255, 0.2, 1], abs=1e-4)
    assert distance == pytest.approx([0, 0, 12], abs=1e-3)
    grays = np.array([GRAY, WHITE], np.float32)
    for ends, wanted in (([GRAY, WHITE], [0, 1]), ([WHITE, GRAY], [1, 0])):
        assert decode_utils.closest_line(grays, BLACK, ends)[0].tolist() == wanted


def test_a_yes_or_no_answer_is_least_sure_at_one_half() -> None:
    assert decode_utils.binary_confidence(np.array([0, 0.25, 0.5, 1], np.float32)).tolist() == [1, 0.75, 0.5, 1]


def test_one_of_several_is_there_unless_none_is() -> None:
    assert decode_utils.any_of(np.array([0.5, 0.6])) == pytest.approx(0.8)
    assert decode_utils.any_of(np.zeros(0)) == 0


def test_things_are_believed_where_their_color_is() -> None:
    rgb = np.zeros((1, 3, 3), np.uint8)
    rgb[0, 0], rgb[0, 1] = (255, 0, 0), (255, 40, 0)
    masks = np.array([[[True, True, False]]])
    found = decode_utils.thing_confidence(rgb, masks, np.array([RED]), BLACK)
    assert found[0] == pytest.approx([1, np.exp(-1) * (0.4 + 0.6 * 0.75), 0.4 + 0.6 * 0.75])


def test_labels_are_brought_into_the_order_that_is_asked_for() -> None:
    truth = Labels(ids=np.array([[0, 1, 2, -1]]), classes=("a", "b", "c"), confidence=np.ones((1, 4)))
    assert targets.ids_of(truth, ("c", "a")).tolist() == [[1, -1, 0, -1]]
    assert targets.ids_of(np.array([[0, 1, -1]]), ("c", "a")).tolist() == [[0, 1, -1]]
    for wrong in ([[-2]], [[3]]):
        with pytest.raises(TruthError, match="3 classes"):
            targets.ids_of(np.array(wrong), ("a", "b", "c"))


def test_boxes_may_be_empty_but_not_turned_round() -> None:
    def of(box) -> Instances:
        one = np.ones(1, np.float32)
        return Instances(
            boxes=np.array([box], np.float32),
            labels=np.zeros(1, int),
            classes=("a",),
            scores=one,
            confidence=np.ones((7, 9), np.float32),
        )

    assert targets.boxes_of(of((2, 3, 2, 3)))[1] == (7, 9)
    for turned in ((3, 3, 2, 4), (2, 4, 3, 3), (0, 0, np.inf, 1)):
        with pytest.raises(TruthError, match="right >= left"):
            targets.boxes_of(of(turned))

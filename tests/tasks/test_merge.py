"""Several answers become one; their agreement becomes confidence."""

import dataclasses

import numpy as np
import pytest

from plantain.errors import UsageError
from plantain.models.painting import Painting
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals
from plantain.tasks import (
    EdgeDetection,
    InstanceSegmentation,
    KeypointDetection,
    MetricDepth,
    ObjectDetection,
    PanopticSegmentation,
    ReferringSegmentation,
    RelativeDepth,
    SemanticSegmentation,
    SurfaceNormals,
)
from plantain.tasks.merge import merge

from .test_panoptic import scene

SURE = np.ones((8, 9), np.float32)


def depth(metres, valid=True, scale="metric") -> Depth:
    values = np.full((8, 9), metres, np.float32) if np.isscalar(metres) else metres
    return Depth(values=values, valid=np.full((8, 9), valid), scale=scale, confidence=SURE)


def test_one_answer_stays_as_it_is() -> None:
    answer = depth(3)
    assert merge(MetricDepth(), [answer]) is answer


def test_depth_is_the_median_and_spread_is_doubt() -> None:
    close = merge(MetricDepth(), [depth(m) for m in (3.0, 3.1, 2.9)])
    apart = merge(MetricDepth(), [depth(m) for m in (3.0, 9.0, 1.0)])
    assert close.metres == pytest.approx(3.0)
    assert apart.metres == pytest.approx(3.0)
    assert close.confidence == pytest.approx(np.exp(-((0.2 / 3 / 3 / 0.2) ** 2)))  # mean distance .2 / 3 of 3 m
    assert apart.confidence == pytest.approx(np.exp(-((8 / 3 / 3 / 0.2) ** 2)))


def test_depth_counts_only_valid_answers() -> None:
    mixed = merge(MetricDepth(), [depth(3), depth(5), depth(100, valid=False)])
    assert mixed.valid.all()
    assert mixed.metres == pytest.approx(4.0)
    assert not merge(MetricDepth(), [depth(3), depth(4, False), depth(5, False)]).valid.any()


def test_relative_depth_is_brought_to_one_scale() -> None:
    ramp = np.linspace(0, 1, 72, dtype=np.float32).reshape(8, 9)
    merged = merge(RelativeDepth(), [depth(ramp, scale="affine"), depth(0.3 * ramp + 0.2, scale="affine")])
    assert np.abs(merged.relative - ramp).max() < 1e-3
    assert merged.confidence.min() > 0.99


def normal(*vector) -> Normals:
    unit = np.array(vector) / np.linalg.norm(vector)
    return Normals(xyz=np.broadcast_to(unit, (8, 9, 3)).astype(np.float32), valid=SURE > 0, confidence=SURE)


def test_normals_are_averaged() -> None:
    merged = merge(SurfaceNormals(), [normal(1, 0, 1), normal(-1, 0, 1)])
    assert np.allclose(merged.xyz, (0, 0, 1), atol=1e-6)
    assert merged.confidence == pytest.approx(np.sqrt(0.5), abs=1e-3)
    same = merge(SurfaceNormals(), [normal(1, 0, 1)] * 3)
    assert same.confidence == pytest.approx(1)


def labels(ids, classes=("a", "b"), sure=1.0, colors=()) -> Labels:
    confidence = np.full(np.shape(ids), sure, np.float32)
    return Labels(ids=np.array(ids, np.int16), classes=classes, confidence=confidence, colors=colors)


def test_labels_of_one_legend_are_voted_on() -> None:
    task = SemanticSegmentation.of(["a", "b"])
    merged = merge(task, [labels([[0, 1, -1]]), labels([[0, 0, -1]]), labels([[0, 1, 1]])])
    assert merged.ids.tolist() == [[0, 1, -1]]
    assert merged.confidence[0] == pytest.approx([1, 2 / 3, 2 / 3])


def test_groups_of_classes_are_joined() -> None:
    task = SemanticSegmentation.of([f"class {i}" for i in range(70)])
    parts = task.parts()
    truth = np.random.default_rng(0).integers(-1, 70, (12, 15))
    whole = Labels(ids=truth, classes=task.classes, confidence=np.ones(truth.shape, np.float32))
    merged = merge(parts, [p.decode(p.encode(whole)) for p in parts])
    assert merged.classes == task.classes
    assert np.array_equal(merged.ids, truth)
    assert len(merged.colors) == 70


def test_groups_that_both_claim_a_pixel_are_doubted() -> None:
    merged = merge(
        [SemanticSegmentation.of(["a"]), SemanticSegmentation.of(["b"])],
        [labels([[0, 0]], ("a",), 0.9), labels([[0, -1]], ("b",), 0.6)],
    )
    assert merged.ids.tolist() == [[0, 0]]
    assert merged.confidence[0] == pytest.approx([0.9 * 0.9 / 1.5, 0.9])


def test_the_surer_group_wins_and_nobody_has_the_lowest_confidence() -> None:
    asked = [SemanticSegmentation.of(["a", "b"]), SemanticSegmentation.of(["c"])]
    merged = merge(asked, [labels([[1, -1]], ("a", "b"), 0.3), labels([[0, -1]], ("c",), 0.6)])
    assert merged.classes == ("a", "b", "c")
    assert merged.ids.tolist() == [[2, -1]]
    assert merged.confidence[0] == pytest.approx([0.6 * 0.6 / 0.9, 0.3])


def test_a_vote_counts_confidence_not_heads() -> None:
    task = SemanticSegmentation.of(["a", "b"])
    merged = merge(task, [labels([[0]], sure=0.9), labels([[1]], sure=0.4), labels([[1]], sure=0.4)])
    assert merged.ids.tolist() == [[0]]
    assert merged.confidence[0, 0] == pytest.approx(0.9 / 3)


@pytest.mark.parametrize("background", [None, (0, 0, 0)])
@pytest.mark.parametrize("kept", [lambda mean: np.round(mean).astype(np.uint8), lambda mean: mean / np.float32(255)])
def test_paintings_under_several_legends_are_unmixed(background, kept) -> None:
    """A net that paints the mean of its belief: one painting may look like a third class, two passes tell."""
    task = SemanticSegmentation.of([f"class {i}" for i in range(5)], background)
    truth = np.random.default_rng(1).dirichlet(np.ones(5) * 0.3, (10, 12)).astype(np.float32)
    passes = task.passes(3, seed=2)
    answers = []
    for asked in passes:
        painted = kept(truth @ np.array(asked.colors, np.float32))
        answers.append(dataclasses.replace(asked.decode(painted), painting=Painting(painted)))
    merged = merge(passes, answers)
    assert merged.probabilities.shape == (10, 12, 5)
    assert np.abs(merged.probabilities - truth).mean() < 0.03
    assert (merged.ids == truth.argmax(-1)).mean() > 0.95
    assert (answers[0].ids == truth.argmax(-1)).mean() < (merged.ids == truth.argmax(-1)).mean()


def things(boxes, scores, masks=True, size=(120, 160)) -> Instances:
    stack = np.zeros((len(boxes), *size), bool)
    for mask, (left, top, right, bottom) in zip(stack, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return Instances(
        masks=stack if masks else None,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.zeros(len(boxes), np.int64),
        classes=("cup",),
        scores=np.array(scores, np.float32),
        confidence=np.ones(size, np.float32),
        presence={"cup": max(scores, default=0.0)},
    )


@pytest.mark.parametrize("masks", [True, False])
def test_instances_are_matched_and_averaged(masks) -> None:
    answers = [
        things([(10, 10, 50, 50), (80, 20, 120, 60)], [0.9, 0.8], masks),
        things([(12, 10, 52, 50)], [0.9], masks),
        things([(11, 10, 51, 50), (82, 20, 122, 60), (130, 90, 150, 110)], [0.9, 0.7, 0.4], masks),
    ]
    merged = merge(InstanceSegmentation("cup"), answers)
    assert len(merged) == 2  # the third thing is in one of three only
    assert np.allclose(merged.boxes[0], (11, 10, 51, 50), atol=0.2)
    assert merged.scores == pytest.approx([0.9, 0.5])
    if masks:
        assert merged.masks[0].sum() == 1600
    assert merged.presence["cup"] == pytest.approx(0.9)


def test_no_instances_merge_to_none() -> None:
    merged = merge(ObjectDetection("cup"), [things([], [], masks=False)] * 2)
    assert len(merged) == 0
    assert merged.boxes.shape == (0, 4)


def test_answers_about_other_things_are_joined() -> None:
    cups = things([(10, 10, 50, 50)], [0.9])
    plates = dataclasses.replace(things([(60, 10, 90, 50)], [0.8]), classes=("plate",), presence={"plate": 0.8})
    merged = merge([InstanceSegmentation("cup"), InstanceSegmentation("plate")], [cups, plates])
    assert merged.classes == ("cup", "plate")
    assert merged.labels.tolist() == [0, 1]
    assert merged.presence == pytest.approx({"cup": 0.9, "plate": 0.8})


def alpha(value, names=("mug",)) -> Alpha:
    stack = np.full((len(names), 8, 9), value, np.float32)
    return Alpha(alpha=stack, names=names, confidence=SURE, presence=dict.fromkeys(names, float(value)))


def test_alpha_is_averaged() -> None:
    merged = merge(ReferringSegmentation("mug"), [alpha(1.0), alpha(0.0)])
    assert merged.alpha == pytest.approx(0.5)
    assert merged.confidence == pytest.approx(np.exp(-((0.5 / 0.4) ** 2)))  # standard deviation .5
    assert merged.presence == {"mug": 0.5}
    assert merge(EdgeDetection(), [alpha(0.4)] * 3).confidence == pytest.approx(1)
    joined = merge([ReferringSegmentation("mug"), ReferringSegmentation("jug")], [alpha(1.0), alpha(0.0, ("jug",))])
    assert joined.names == ("mug", "jug")
    assert joined.alpha[:, 0, 0].tolist() == [1, 0]


def points(xy, scores, names=("nose", "tail")) -> Keypoints:
    xy, scores = np.array(xy, np.float32), np.array(scores, np.float32)
    return Keypoints(xy=xy, visible=scores > 0.2, names=names, scores=scores, confidence=np.ones((90, 120), np.float32))


def test_keypoints_are_averaged() -> None:
    lost = (np.nan, np.nan)
    merged = merge(
        KeypointDetection(("nose", "tail")), [points([(10, 10), lost], [1, 0]), points([(12, 10), (80, 80)], [1, 1])]
    )
    assert np.allclose(merged.xy[0], (11, 10))
    assert np.allclose(merged.xy[1], (80, 80))
    assert merged.scores[0] == pytest.approx(np.exp(-((1 / 6) ** 2)))  # 1 pixel off, 5 % of 120 are 6
    assert merged.scores[1] == pytest.approx(0.5)
    apart = merge(
        KeypointDetection(("nose", "tail")), [points([(10, 10), lost], [1, 0]), points([(90, 10), lost], [1, 0])]
    )
    assert not apart.visible.any()
    joined = merge(KeypointDetection(), [points([(10, 10)], [1], ("a",)), points([(20, 20)], [1], ("b",))])
    assert joined.names == ("a", "b")


def test_panoptic_answers_are_merged() -> None:
    task = PanopticSegmentation(("sky", "grass"), ("car", "person"))
    read = task.decode(task.encode(scene()))
    merged = merge(task, [read, read])
    assert np.array_equal(merged.ids, read.ids)
    assert sorted(merged.segment_labels.tolist()) == [2, 2, 3]
    halves = (PanopticSegmentation(("sky", "grass"), ("person",)), PanopticSegmentation((), ("car",)))
    joined = merge(halves, [h.decode(h.encode(scene())) for h in halves])
    assert joined.classes == ("sky", "grass", "person", "car")
    assert sorted(joined.segment_labels.tolist()) == [2, 3, 3]


def test_what_cannot_be_merged_is_refused() -> None:
    with pytest.raises(UsageError, match="one answer for each"):
        merge(MetricDepth(), [])
    with pytest.raises(UsageError, match="one answer for each"):
        merge([MetricDepth()], [depth(1), depth(2)])
    with pytest.raises(UsageError, match="one kind and size"):
        merge(MetricDepth(), [depth(1), alpha(1)])

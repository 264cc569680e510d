"""The closed set of answers: what each carries, what it refuses, and in which frame its numbers are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from plantain.errors import UnknownName, UsageError
from plantain.predictions.types import KINDS, Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

SURE = np.full((2, 3), 0.9, np.float32)
METRES = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
CLASSES = ("wall", "floor")
IDS = np.array([[0, 1, -1], [1, 1, -1]])


def depth(**changes):
    return Depth(**{"values": METRES, "valid": METRES < 6, "confidence": SURE} | changes)


def panoptic():
    return Panoptic(
        ids=IDS,
        classes=CLASSES,
        confidence=SURE,
        segments=(IDS == 1).astype(np.int32),
        segment_labels=np.array([1]),
        segment_scores=np.ones(1, np.float32),
    )


def one_of_each():
    return [
        (depth(), {"metres", "valid"}),
        (depth(scale="affine"), {"relative", "valid"}),
        (Normals(xyz=np.ones((2, 3, 3), np.float32), valid=SURE > 0, confidence=SURE), {"xyz", "valid"}),
        (Labels(ids=IDS, classes=CLASSES, confidence=SURE), {"ids", "classes"}),
        (panoptic(), {"ids", "classes", "segments", "segment_labels", "segment_scores"}),
        (
            Instances(
                boxes=np.array([[0, 0, 2, 1]], np.float32),
                labels=np.array([1]),
                classes=CLASSES,
                scores=np.ones(1, np.float32),
                masks=np.ones((1, 2, 3), bool),
                confidence=SURE,
            ),
            {"boxes", "labels", "classes", "scores", "masks"},
        ),
        (
            Keypoints(
                xy=np.array([[1, 0]], np.float32),
                visible=np.array([True]),
                names=("nose",),
                scores=np.ones(1, np.float32),
                confidence=SURE,
            ),
            {"xy", "visible", "names", "scores"},
        ),
        (Alpha(alpha=SURE[None], names=("mug",), confidence=SURE), {"alpha", "names"}),
    ]


def test_the_set_is_closed():
    assert list(KINDS) == ["depth", "normals", "labels", "instances", "keypoints", "alpha"]
    assert all(issubclass(cls, Prediction) and cls.kind == name for name, cls in KINDS.items())
    assert Panoptic.kind == "labels"
    with pytest.raises(TypeError, match="Prediction is not an answer"):
        Prediction(confidence=SURE).arrays()


@pytest.mark.parametrize(("answer", "keys"), one_of_each())
def test_every_kind_gives_its_arrays(answer, keys):
    arrays = answer.arrays()
    assert set(arrays) == keys | {"confidence"}
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in arrays.values())
    assert arrays["confidence"] is answer.confidence
    assert answer.size == (3, 2)
    assert KINDS[answer.kind] in type(answer).__mro__


@pytest.mark.parametrize(("answer", "keys"), one_of_each())
def test_an_answer_is_not_changed(answer, keys):
    with pytest.raises(FrozenInstanceError):
        answer.confidence = SURE


@pytest.mark.parametrize(("answer", "keys"), one_of_each())
def test_every_kind_shows_itself_in_a_notebook(answer, keys):
    assert answer._repr_png_().startswith(b"\x89PNG")


def test_relative_depth_is_never_read_as_metres():
    assert depth().metres is METRES
    assert depth(scale="affine").relative is METRES
    with pytest.raises(UsageError, match=r"relative .*not metres; ask for 'metric depth'"):
        _ = depth(scale="affine").metres
    with pytest.raises(UsageError, match=r"read `.metres`"):
        _ = depth().relative


def test_normals_in_the_frame_of_opencv():
    """Ours: x right, y up, z to the viewer; OpenCV: x right, y down, z away."""
    up_and_toward = np.array([[[0.6, 0.48, 0.64]]], np.float32)
    normals = Normals(xyz=up_and_toward, valid=np.ones((1, 1), bool), confidence=np.ones((1, 1), np.float32))
    np.testing.assert_allclose(normals.to_opencv(), [[[0.6, -0.48, -0.64]]])
    assert normals.to_opencv().dtype == np.float32


def test_the_mask_of_a_class_by_its_name():
    labels = Labels(ids=IDS, classes=CLASSES, confidence=SURE)
    assert labels.mask("floor").tolist() == [[False, True, False], [True, True, False]]
    with pytest.raises(UnknownName, match="unknown class 'flor'; did you mean 'floor'"):
        labels.mask("flor")


def test_masks_are_what_lies_above_a_half():
    alpha = Alpha(
        alpha=np.array([[[0.49, 0.5, 0.51]]], np.float32), names=("a",), confidence=np.ones((1, 3), np.float32)
    )
    assert alpha.masks.tolist() == [[[False, False, True]]]


def test_the_number_of_instances():
    none = Instances(
        boxes=np.zeros((0, 4), np.float32),
        labels=np.zeros(0, np.int64),
        classes=(),
        scores=np.zeros(0, np.float32),
        confidence=SURE,
    )
    assert len(none) == 0
    assert set(none.arrays()) == {"boxes", "labels", "classes", "scores", "confidence"}


def some_things():
    return Instances(
        boxes=np.array([[0, 0, 2, 1], [1, 0, 3, 2], [0, 1, 1, 2]], np.float32),
        labels=np.array([1, 0, 1]),
        classes=CLASSES,
        scores=np.array([0.9, 0.2, 0.6], np.float32),
        masks=np.arange(18).reshape(3, 2, 3) % 2 == 0,
        confidence=SURE,
        presence={"wall": 0.3},
    )


@pytest.mark.parametrize(
    ("which", "places"),
    [
        (np.array([True, False, True]), [0, 2]),
        ([True, False, True], [0, 2]),
        (np.array([2, 0]), [2, 0]),
        ([2, 0], [2, 0]),
        (slice(1, None), [1, 2]),
        (1, [1]),
        (-1, [2]),
        ([], []),
        (np.zeros(3, bool), []),
    ],
)
def test_some_of_the_things(which, places):
    found = some_things()
    chosen = found[which]
    for name in ("boxes", "labels", "scores", "masks"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(found, name)[places])
    assert chosen.classes == CLASSES
    assert chosen.presence == {"wall": 0.3}
    assert replace(found, masks=None)[which].masks is None


def test_things_by_their_score_and_one_by_one():
    found = some_things()
    assert found[found.scores > 0.5].scores.tolist() == pytest.approx([0.9, 0.6])
    assert [thing.labels.tolist() for thing in found] == [[1], [0], [1]]
    for wrong in (3, [0, 5], np.array([True, False])):
        with pytest.raises(IndexError):
            _ = found[wrong]

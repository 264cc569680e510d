"""What holds for every row of the table: no picture breaks a decoder, odd pictures are doubted, values are values."""

import dataclasses
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plantain.errors import UnknownName, UsageError
from plantain.predictions.types import KINDS
from plantain.tasks import (
    TASKS,
    InstanceSegmentation,
    KeypointDetection,
    ObjectDetection,
    PanopticSegmentation,
    ReferringSegmentation,
    SemanticSegmentation,
)

PLAIN = {
    "semantic": SemanticSegmentation.of(["road", "sky", "car"]),
    "instances": InstanceSegmentation("cup"),
    "refer": ReferringSegmentation(("the cup", "the plate")),
    "detect": ObjectDetection("cup"),
    "keypoints": KeypointDetection(("nose", "left eye", "right eye")),
    "panoptic": PanopticSegmentation(("road", "sky"), ("car", "person")),
}
QUESTIONS = [
    part
    for name, cls in TASKS.items()
    for code in cls.codes
    for part in dataclasses.replace(PLAIN[name] if name in PLAIN else cls(), code=code).parts()[:1]
]
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3))
wild = st.floats(allow_nan=True, allow_infinity=True, width=32)
pictures = st.one_of(
    arrays(np.uint8, sizes),
    arrays(np.float32, sizes, elements=st.floats(0, 1, width=32)),
    arrays(np.float32, sizes, elements=wild),
    arrays(np.float64, sizes, elements=st.floats(-2, 2)),
    arrays(np.uint16, sizes),
    arrays(np.int64, sizes, elements=st.integers(-300, 300)),
    arrays(bool, sizes),
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4))),
)


def name_of(task) -> str:
    return f"{task.name}-{task.code}"


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
def test_no_picture_breaks_a_decoder(task) -> None:
    @settings(max_examples=30)
    @given(pictures)
    def check(picture) -> None:
        read = task.decode(picture)
        assert type(read) is task.kind
        assert read.confidence.shape == picture.shape[:2]
        assert read.confidence.dtype == np.float32
        assert ((read.confidence >= 0) & (read.confidence <= 1)).all()
        assert all(0 <= p <= 1 for p in (read.presence or {}).values())
        assert read.task == task.name
        for name, array in read.arrays().items():
            if name not in ("xy",) and array.dtype.kind == "f":
                assert not np.isnan(array).any(), name

    check()


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 2)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_pictures_of_odd_sizes_are_read(task, size, level) -> None:
    read = task.decode(np.full((*size, 3), level, np.uint8))
    assert read.confidence.shape == size


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
def test_float_and_uint8_paintings_read_alike(task) -> None:
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[4:14, 6:20] = (200, 120, 255)
    one, other = task.decode(picture).arrays(), task.decode(picture.astype(np.float32) / 255).arrays()
    assert one.keys() == other.keys()
    for name, array in one.items():
        if array.dtype.kind == "f":
            assert np.allclose(array, other[name], atol=2e-3, rtol=2e-3, equal_nan=True), name
        else:
            assert np.array_equal(array, other[name]), name


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
def test_nan_is_no_confidence(task) -> None:
    picture = np.zeros((9, 9, 3), np.float32)
    picture[2, 3] = np.nan
    assert task.decode(picture).confidence[2, 3] == 0


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
def test_what_is_no_picture_is_refused(task) -> None:
    for wrong in (np.zeros(3), np.zeros((2, 2, 2)), np.zeros((0, 4, 3)), np.array([["a"]]), np.zeros((1, 2, 3, 4))):
        with pytest.raises(UsageError, match="painting is an array"):
            task.decode(wrong)


@pytest.mark.parametrize("name", TASKS)
def test_a_decoder_is_given_the_painting_and_nothing_that_it_does_not_use(name: str) -> None:
    for decode in (TASKS[name].decode, TASKS[name]._decode):
        assert list(inspect.signature(decode).parameters) == ["self", "rgb"]


@pytest.mark.parametrize("name", TASKS)
def test_rows_are_complete(name: str) -> None:
    cls = TASKS[name]
    assert cls.name == name
    assert cls.default_code in cls.codes
    assert cls.codes.keys() == cls.code_descriptions.keys()
    assert cls.kind in KINDS.values() or issubclass(cls.kind, tuple(KINDS.values()))
    assert len(set(cls.codes.values())) == len(cls.codes)
    with pytest.raises(UnknownName, match="code"):
        dataclasses.replace(PLAIN.get(name) or cls(), code="no such code")


def test_questions_are_values() -> None:
    assert len({*QUESTIONS, *(dataclasses.replace(q) for q in QUESTIONS)}) == len(QUESTIONS)


def test_code_ids_are_told_apart_over_all_tasks() -> None:
    ids = [i for cls in TASKS.values() for i in cls.codes.values()]
    assert len(ids) == len(set(ids))


ASKED = {
    "semantic": ("road", "sky", "car"),
    "instances": ("cup",),
    "refer": ("the cup", "the plate"),
    "detect": ("cup",),
    "keypoints": ("nose", "left eye", "right eye"),
    "panoptic": ("road", "sky", "car", "person"),
    "matte": ("main object",),
}


@pytest.mark.parametrize("task", QUESTIONS, ids=name_of)
def test_queries_are_the_names_that_were_asked_for(task) -> None:
    whole = ASKED.get(task.name, ())
    assert task.queries == whole[: len(task.queries)] and (task.queries or not whole)  # the first part's

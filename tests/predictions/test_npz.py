"""Answers in .npz files: everything comes back, to what a code can say; and the arrays mean what they say."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import plantain
from plantain.errors import OutputError, TruthError
from plantain.models.painters.embedded import FOLDER
from plantain.predictions.npz import from_npz, to_npz
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction
from scenes import mask, things

HEIGHT, WIDTH = 11, 13  # no multiples of 8
RNG = np.random.default_rng(1)
SURE = RNG.random((HEIGHT, WIDTH)).astype(np.float32)
IDS = RNG.integers(-1, 3, (HEIGHT, WIDTH)).astype(np.int16)
NAMES = ("wall", "cup", "straße")
COLORS = ((255, 0, 0), (0, 128, 7), (1, 2, 3))


def unit(xyz):
    return (xyz / np.linalg.norm(xyz, axis=-1, keepdims=True)).astype(np.float32)


def one_of_each():
    shared = {"confidence": SURE, "stem": "küche", "task": "some-task"}
    metres = np.exp(RNG.uniform(-2, 4.5, (HEIGHT, WIDTH))).astype(np.float32)
    metres[0, 0] = np.inf
    labels = {"ids": IDS, "classes": NAMES, "colors": COLORS, "presence": {"wall": 0.25, "cup": 1.0}}
    masks = np.stack([mask((WIDTH, HEIGHT), (0, 0, 3, 4)), mask((WIDTH, HEIGHT), (5, 2, 13, 11))])
    found = things([(0, 0, 3, 4), (5, 2, 13, 11)], masks, (WIDTH, HEIGHT), labels=[0, 1], scores=[0.9, 0.3])
    return {
        "metric": Depth(values=metres, valid=np.isfinite(metres), **shared),
        "affine": Depth(values=SURE * 3 - 1, valid=SURE > 0.1, scale="affine", **shared),
        "normals": Normals(xyz=unit(RNG.normal(size=(HEIGHT, WIDTH, 3))), valid=SURE > 0.1, **shared),
        "labels": Labels(**labels, **shared),
        "unmixed": Labels(**labels, probabilities=RNG.random((HEIGHT, WIDTH, 3)).astype(np.float32), **shared),
        "panoptic": Panoptic(
            **labels,
            segments=(IDS == 1).astype(np.int32) * 300,
            segment_labels=np.array([1]),
            segment_scores=np.array([0.5], np.float32),
            things=("cup",),
            **shared,
        ),
        "instances": replace(found, **shared, presence={"cup": 0.125}),
        "boxes": replace(found, masks=None, **shared),
        "nothing": replace(found[:0], **shared),
        "keypoints": Keypoints(
            xy=np.array([[3.25, 4.5], [np.nan, np.nan]], np.float32),
            visible=np.array([True, False]),
            names=("nose", "tail"),
            scores=np.array([0.7, 0.0], np.float32),
            **shared,
        ),
        "edges": Edges(alpha=SURE[None], names=("edges",), **shared),
        "alpha": Alpha(alpha=np.stack([SURE, 1 - SURE]), names=("mug", "pan"), colors=COLORS[:2], **shared),
    }


EVERY = one_of_each()
STEPS = {"confidence": 1 / 255, "alpha": 1 / 255, "probabilities": 1 / 255, "xyz": 1 / 127}  # halves are the errors


@pytest.mark.parametrize("name", EVERY)
def test_everything_comes_back(name, tmp_path):
    answer = EVERY[name]
    back = Prediction.from_npz(answer.to_npz(tmp_path / "a.npz"))
    assert type(back) is type(answer)
    for field in fields(answer):
        before, after = getattr(answer, field.name), getattr(back, field.name)
        if not isinstance(before, np.ndarray):
            assert after == before, field.name
            continue
        assert (after.dtype, after.shape) == (before.dtype, before.shape), field.name
        error = STEPS.get(field.name, 0) / 2 + 3e-4 if field.name in STEPS else 0
        np.testing.assert_allclose(after, before, atol=error, rtol=5e-4 if field.name == "values" else 0)


@pytest.mark.parametrize("name", EVERY)
def test_exactly_every_number_comes_back_where_that_is_asked(name, tmp_path):
    answer = EVERY[name]
    back = type(answer).from_npz(answer.to_npz(tmp_path / "a.npz", exact=True))
    for field in fields(answer):
        np.testing.assert_array_equal(getattr(back, field.name), getattr(answer, field.name))


def test_the_arrays_say_themselves_what_they_are(tmp_path):
    """What somebody gets who has NumPy and not Plantain: metres are metres, shares are shares, masks are NumPy's."""
    stored = dict(np.load(EVERY["metric"].to_npz(tmp_path / "m.npz")))
    assert (stored["metres"].dtype, stored["valid"].dtype, str(stored["kind"])) == (np.float16, bool, "depth")
    known = EVERY["metric"].valid
    np.testing.assert_allclose(stored["metres"][known], EVERY["metric"].values[known], rtol=2**-11)
    assert np.isinf(stored["metres"][0, 0])
    np.testing.assert_allclose(stored["confidence"], SURE, atol=0.0024)
    found = dict(np.load(EVERY["instances"].to_npz(tmp_path / "i.npz")))
    np.testing.assert_array_equal(np.unpackbits(found["masks"], axis=2, count=WIDTH), EVERY["instances"].masks)
    assert (found["presence_names"].tolist(), found["presence"].tolist()) == (["cup"], [0.125])
    assert dict(np.load(EVERY["labels"].to_npz(tmp_path / "l.npz")))["ids"].dtype == np.int8


@pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")
@pytest.mark.parametrize("question", ["relative depth", "surface normals"])  # the largest of all questions
def test_an_answer_of_twelve_megapixels_has_ten_megabytes_at_most(question, tmp_path):
    with Image.open(Path(plantain.__file__).parent / "samples/coffee.jpg") as image:
        photo = image.convert("RGB").resize((4000, 3000))
    answer = plantain.predict(photo, question)
    assert answer.size == (4000, 3000)
    assert answer.to_npz(tmp_path / "a.npz").stat().st_size < 10e6


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(2**-10, 2**20, width=32)))
def test_depth_of_any_range_is_kept_to_half_a_thousandth(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    answer = Depth(values=values, valid=values > 0, confidence=np.ones((3, 5), np.float32))
    np.testing.assert_allclose(Depth.from_npz(to_npz(answer, path)).metres, values, rtol=5e-4)


def test_confidence_outside_its_range_is_not_bent(tmp_path):
    odd = np.array([[np.nan, 2.0, -0.5]], np.float32)
    answer = Depth(values=np.ones((1, 3), np.float32), valid=np.ones((1, 3), bool), confidence=odd)
    np.testing.assert_array_equal(Depth.from_npz(answer.to_npz(tmp_path / "a.npz")).confidence, odd)


def test_what_people_write_by_hand_is_read(tmp_path):
    path = tmp_path / "hand.npz"
    np.savez(path, xyz=EVERY["normals"].xyz)
    assert Normals.from_npz(path).valid.all() and Prediction.from_npz(path).confidence.min() == 1
    np.savez(path, relative=SURE)
    assert (Depth.from_npz(path).scale, Depth.from_npz(path).values.dtype) == ("affine", np.float32)
    np.savez(path, ids=IDS, classes=NAMES)
    assert Labels.from_npz(path).classes == NAMES
    few = {"boxes": EVERY["instances"].boxes, "labels": [0, 1], "classes": NAMES, "scores": [1.0, 1.0]}
    np.savez(path, masks=EVERY["instances"].masks, **few)  # a plane each, as answers were before they were packed
    np.testing.assert_array_equal(Instances.from_npz(path).masks, EVERY["instances"].masks)
    np.savez(path, xy=[[1.0, 2.0]], visible=[True], names=["nose"], confidence=SURE)
    assert Keypoints.from_npz(path).scores.tolist() == [1.0]
    np.savez(path, segments=IDS + 1, segment_labels=[0], ids=IDS, classes=NAMES)
    assert Labels.from_npz(path).segment_scores.tolist() == [1.0]  # segments are labels too


def test_what_is_no_answer_is_refused_in_one_line(tmp_path):
    path = tmp_path / "odd.npz"
    np.savez(path, x=np.zeros(3))
    with pytest.raises(TruthError, match=r"odd\.npz holds x, which is none"):
        Prediction.from_npz(path)
    with pytest.raises(TruthError, match=r"odd\.npz lacks boxes, .*; instances wants boxes"):
        Instances.from_npz(path)
    np.savez(path, xy=[[1.0, 2.0]], visible=[True], names=["nose"])
    with pytest.raises(TruthError, match="lacks confidence"):
        Keypoints.from_npz(path)
    with pytest.raises(TruthError, match="no such file"):
        Prediction.from_npz(tmp_path / "none.npz")
    for junk in (b"", b"junk", to_npz(EVERY["metric"], path).read_bytes()[:-40]):
        path.write_bytes(junk)
        with pytest.raises(TruthError, match="cannot be read") as refusal:
            from_npz(path)
        assert "\n" not in str(refusal.value)


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        EVERY["metric"].to_npz(tmp_path / "taken" / "a.npz")

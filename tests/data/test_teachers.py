"""What specialists said of a photograph, as truths and as questions for training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.data import taught
from plantain.data.base import Example
from plantain.data.mixture import Recipe
from plantain.data.sayings import said
from plantain.data.teachers import attach
from plantain.data.views import View
from plantain.tasks.language.parsing import parse
from plantain.vocabularies import ADE_150, COCO_THINGS, VOC_21

WHOLE = View((112, 112))
SKY, ROAD, DOG = ADE_150.index("sky"), ADE_150.index("road"), VOC_21.index("dog")


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """Sky above road, a dog in the middle of which the specialist is sure, and a doubtful second box."""
    ade = np.full((1, 112, 112), SKY, np.uint8)
    ade[0, 56:] = ROAD
    ade_sure = np.full((1, 112, 112), 230, np.uint8)
    ade_sure[0, 50:62] = 40  # the horizon is not clear
    voc = np.zeros((1, 112, 112), np.uint8)
    voc[0, 40:80, 40:80] = DOG
    planes = {"ade": ade, "ade_sure": ade_sure, "voc": voc, "voc_sure": np.full_like(voc, 250)}
    np.savez(tmp_path / "street.npz", ids=np.array(["7"]), main=(voc > 0) * np.uint8(255), **planes)
    dog = COCO_THINGS.index("dog")
    rows = [[[0.25, 0.25, 0.75, 0.75, dog, 0.9], [0.0, 0.0, 0.2, 0.2, dog, 0.3]]]
    (tmp_path / "street.boxes.json").write_text(json.dumps(rows))
    photo = tmp_path / "7.png"
    Image.new("RGB", (112, 112)).save(photo)
    (told,) = attach([Example("street", "7", photo, "train")], tmp_path)
    return told


def asked(recipe: Recipe, example: Example, view: View = WHOLE, count: int = 40):
    made = [recipe(example, view, np.random.default_rng(seed)) for seed in range(count)]
    return [(s, parse(s.prompt)) for s in made if s is not None]


def test_an_example_that_nobody_spoke_of_stays_as_it_is(tmp_path: Path) -> None:
    plain = Example("street", "8", tmp_path / "8.png", "train")
    assert attach([plain], tmp_path) == [plain]


def test_unsure_pixels_do_not_count_and_sure_ones_as_much_as_they_are(example: Example) -> None:
    for sample, _ in asked(taught.taught_semantic("ade", 0.0), example):
        assert (sample.weight[50:62] == 0).all()
        counts = sample.weight > 0  # a class that the legend leaves out does not count
        assert sample.weight[counts] == pytest.approx(230 / 255) and counts.any()


def test_a_class_is_painted_where_the_specialist_sees_it(example: Example) -> None:
    seen = 0
    for sample, task in asked(taught.taught_class("voc"), example):
        white = (sample.target == task.color).all(-1)
        if task.text.removeprefix("the ") in ("dog", "dogs"):
            assert white[41:79, 41:79].all() and white.mean() == pytest.approx(1600 / 112**2, abs=0.01)
            seen += 1
        elif task.text.removeprefix("the ") in VOC_21:
            assert not white.any()
    assert seen > 5


def test_a_sure_box_is_taught_and_a_doubtful_one_left_open(example: Example) -> None:
    seen = 0
    for sample, task in asked(taught.taught_boxes, example):
        if task.thing in ("dog", "dogs"):
            (box,) = task.decode(sample.target).boxes
            assert box == pytest.approx([28, 28, 84, 84], abs=1.5)
            assert (sample.weight[:22, :22] == 0).all() and sample.weight[100, 100] > 0
            seen += 1
        else:
            assert sample.target.max() == 0
    assert seen > 5


def test_boxes_follow_the_view(example: Example) -> None:
    """The right half, mirrored: the box reaches from the new right border half way in."""
    view = View((112, 112), (0.5, 0.0, 1.0, 1.0), mirror=True)
    for sample, task in asked(taught.taught_boxes, example, view):
        if task.thing in ("dog", "dogs"):
            (box,) = task.decode(sample.target).boxes
            assert box == pytest.approx([56, 28, 112, 84], abs=2.5)


def test_another_word_is_another_word_for_the_same_class() -> None:
    words = {said("sofa", np.random.default_rng(seed)) for seed in range(200)}
    assert words == {"sofa", "couch", "sofas"}

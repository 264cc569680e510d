"""Questions for training: the painting that is asked for says what the truth says, in the words that ask for it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.data import mixture
from plantain.data.base import Example
from plantain.data.excerpts import read as read_fresh
from plantain.data.mixture import ABSENT, ELSEWHERE, RECIPES, SIDES, caption, draw_legend, edit
from plantain.data.questions import answers, question
from plantain.data.views import View
from plantain.predictions.types import Alpha, Instances, Labels
from plantain.tasks import TASKS
from plantain.tasks.language.parsing import parse

SIZE = (56, 42)
VIEWS = (View(SIZE), View(SIZE, mirror=True), View(SIZE, (0.1, 0.2, 0.9, 0.95)), View(SIZE, (0.3, 0.0, 1.0, 0.7), True))
RECIPE_ROWS = [(name, i) for name, rows in RECIPES.items() for i in range(len(rows))]


def read(root, name, split):
    """The set's examples, whose truths are read once: normals take their time."""
    found = read_fresh(root, name, split)
    return [replace(e, truths={key: cache(truth) for key, truth in e.truths.items()}) for e in found]


def rng(seed=0):
    return np.random.default_rng(seed)


def samples(recipe, example, view=VIEWS[0], count=40):
    """Samples of many seeds, each with the task that its prompt says."""
    made = [recipe(example, view, rng(seed)) for seed in range(count)]
    return [(s, parse(s.prompt)) for s in made if s is not None]


def asked_for(task):
    """What a referring question names, without its article, and the colour it is to have."""
    return task.text.removeprefix("the "), task.color


def painted(sample, task):
    return (sample.target == task.color).all(-1)


def check(sample, view):
    width, height = view.size
    assert sample.prompt.strip()
    assert sample.target.shape == (height, width, 3) and sample.target.dtype == np.uint8
    assert sample.weight.shape == (height, width) and sample.weight.dtype == np.float32
    assert np.isfinite(sample.weight).all() and sample.weight.min() >= 0
    assert sample.loss in ("l1", "l2") and sample.scale > 0


@pytest.mark.parametrize(("name", "row"), RECIPE_ROWS)
def test_every_recipe_asks_a_readable_question(name, row, made):
    recipe = RECIPES[name][row][1]
    asked = 0
    for example in read(made, name, "train"):
        if not answers(example, recipe):
            continue
        for view in VIEWS:
            for sample, task in samples(recipe, example, view, 6):
                check(sample, view)
                assert task.name == sample.task and sample.task in TASKS
                assert task.decode(sample.target).size == view.size
                asked += 1
    assert asked > 3


def test_shares_of_a_set_make_one():
    for name, rows in RECIPES.items():
        assert sum(share for share, _ in rows) == pytest.approx(1), name


@pytest.mark.parametrize("name", RECIPES)
def test_questions_are_drawn_by_their_shares_and_by_the_seed(name, made):
    for example in read(made, name, "train"):
        drawn = [question(example, VIEWS[0], rng(seed)) for seed in range(12)]
        again = question(example, VIEWS[0], rng(3))
        assert any(s is not None for s in drawn)
        if drawn[3] is not None:
            assert (again.prompt, again.task) == (drawn[3].prompt, drawn[3].task)
            assert np.array_equal(again.target, drawn[3].target)
            assert np.array_equal(again.weight, drawn[3].weight)


def test_who_has_no_joints_or_clothes_is_not_asked_about_them(made):
    without_joints = read(made, "persons", "train")[1]
    assert "keypoints" not in without_joints.truths
    assert {question(without_joints, VIEWS[0], rng(s)).task for s in range(60)} == {"refer", "instances", "detect"}
    without_clothes = read(made, "people", "train")[1]
    assert {question(without_clothes, VIEWS[0], rng(s)).task for s in range(60)} == {"refer", "matte"}


# ---- the painting says what the truth says


def test_painted_depth_is_the_depth_of_the_view(made):
    example = read(made, "kitti", "train")[0]
    for view in VIEWS:
        truth = view.truth(example.truth("depth"))
        for sample, task in samples(mixture.metric_depth, example, view, 40):
            assert np.array_equal(sample.weight > 0, truth.valid)
            back = task.decode(sample.target)
            np.testing.assert_allclose(back.metres[truth.valid], truth.metres[truth.valid], rtol=0.12)


def test_relative_depth_is_bright_or_dark_where_it_is_near(made):
    example = read(made, "nyu", "train")[0]  # near on the left, far on the right
    polarities = set()
    for sample, task in samples(mixture.relative_depth, example, VIEWS[0], 20):
        left, right = sample.target[20, 10].astype(int).sum(), sample.target[20, -10].astype(int).sum()
        assert (left > right) == (task.near == "bright")
        assert abs(left - right) > 600
        polarities.add(task.near)
    assert polarities == {"bright", "dark"}


def test_painted_normals_are_those_of_the_view(made):
    example = read(made, "nyu", "train")[0]
    for view in VIEWS:
        truth = view.truth(example.truth("normals"))
        for sample, task in samples(mixture.normals, example, view, 20):
            assert np.array_equal(sample.weight > 0, truth.valid)
            back = task.decode(sample.target)
            cosines = (back.xyz * truth.xyz).sum(-1)[truth.valid]
            assert cosines.min() > 0.99


@pytest.mark.parametrize("name", ["ade20k", "animals", "faceparts", "camvid", "panoptic"])
def test_painted_classes_are_those_of_the_view(name, made):
    example = read(made, name, "train")[0]
    for view in VIEWS:
        truth = view.truth(example.truth("labels"))
        names = np.array([*truth.classes, ""])[truth.ids]
        for sample, task in samples(mixture.semantic(), example, view, 25):
            assert len(set(task.classes)) == len(task.classes) >= 2
            assert "background" not in task.classes
            assert set(task.classes) <= set(truth.classes)
            for label, colour in zip(task.classes, task.colors, strict=True):
                assert np.array_equal((sample.target == colour).all(-1), names == label)
            asked = np.isin(names, task.classes)
            counted = truth.ids >= 0 if task.background is not None else asked
            assert np.array_equal(sample.weight > 0, counted)
            if task.background is not None:
                assert (sample.target[~asked] == task.background).all()


def test_legends_name_what_is_there_and_some_of_what_is_not():
    ids = np.zeros((10, 10), np.int16)
    ids[5:] = 3
    classes = ("wall", "floor", "bed", "lamp", "unlabelled", *(f"thing {i}" for i in range(40)))
    seen = Labels(ids=ids, classes=classes, confidence=np.ones((10, 10), np.float32))
    legends, backgrounds = zip(*(draw_legend(seen, rng(s), 14, 0.3) for s in range(300)), strict=True)
    assert all(len(set(legend)) == len(legend) for legend in legends)
    assert all({"wall", "lamp"} & set(legend) for legend in legends)
    assert not any("unlabelled" in legend for legend in legends)
    assert max(map(len, legends)) <= 30 and min(map(len, legends)) >= 1
    assert 0.75 < np.mean(["wall" in legend for legend in legends]) < 0.95
    assert 0.2 < np.mean(backgrounds) < 0.4
    assert len({legend.index("wall") for legend in legends if "wall" in legend}) > 5, "in any order"


def test_of_two_classes_of_one_name_both_are_meant(made):
    """ADE20K has two classes called "screen"; here the photo shows the second."""
    example = read(made, "ade20k", "train")[0]
    seen = VIEWS[0].truth(example.truth("labels"))
    asked = set()
    for sample, task in samples(mixture.refer_class(), example, VIEWS[0], 80):
        name, _ = asked_for(task)
        asked.add(name)
        wanted = seen.ids == 4 if name == "screen" else np.zeros_like(seen.ids, bool)
        assert np.array_equal(painted(sample, task) & (seen.ids >= 0), wanted), name
    assert "screen" in asked and asked > {"screen"}


def test_a_thing_that_is_not_there_is_asked_for_and_painted_black(made):
    example = read(made, "animals", "train")[0]  # a dog, no cat
    absent = []
    for sample, task in samples(mixture.refer_class(), example, VIEWS[0], 300):
        there = asked_for(task)[0] == "dog"
        assert painted(sample, task).any() == there
        absent.append(not there)
    assert abs(np.mean(absent) - ABSENT) < 0.06


@pytest.mark.parametrize(("name", "recipe"), [("portraits", mixture.PERSON), ("salient", mixture.SALIENT)])
def test_masks_are_painted_in_the_colours_of_the_prompt(name, recipe, made):
    example = read(made, name, "train")[0]
    for view in VIEWS:
        mask = view.truth(example.truth("mask")).alpha[0]
        for sample, task in samples(mixture.refer_mask(recipe), example, view, 30):
            text, colour = asked_for(task)
            there = text in next(iter(recipe.values()))
            assert there or text in ELSEWHERE
            assert np.array_equal(painted(sample, task), mask == 1 if there else np.zeros_like(mask, bool))
            far = np.abs(np.array(colour) - np.array(task.background)).sum()
            assert far >= 150, "a mask can be told from its background"


def scene(boxes, labels, **facts):
    """An example of things at boxes of a photo of 56 x 42."""
    masks = np.zeros((len(boxes), 42, 56), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    things = Instances(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        classes=("cup", "boat"),
        scores=np.ones(len(boxes), np.float32),
        masks=masks,
        confidence=np.ones((42, 56), np.float32),
    )
    return Example("coco", "made", Path(__file__), "train", {"instances": lambda: things}, facts), things


def test_places_and_sizes_say_which_one_is_meant():
    boxes = [(2, 20, 10, 28), (40, 2, 52, 14), (20, 30, 24, 34)]  # left; right, top, biggest; bottom, smallest
    example, things = scene(boxes, [0, 0, 0])
    which = {
        "the cup on the left": 0, "the left cup": 0, "the cup on the right": 1, "the right cup": 1, "the top cup": 1,
        "the bottom cup": 2, "the biggest cup": 1, "the smallest cup": 2,
    }  # fmt: skip
    assert {phrase.format("cup") for phrase, _ in SIDES} == set(which)
    asked = set()
    for sample, task in samples(mixture.refer_place, example, View(SIZE), 200):
        asked.add(task.text)
        wanted = things.masks[which[task.text]] if task.text in which else things.masks.any(0)
        assert np.array_equal(painted(sample, task), wanted), task.text
    assert asked == {*which, "cup", "the cup"}


def test_in_a_mirror_left_is_right():
    example, things = scene([(2, 20, 10, 28), (40, 2, 52, 14)], [0, 0])
    for sample, task in samples(mixture.refer_place, example, View(SIZE, mirror=True), 60):
        if "left" in task.text:
            assert np.array_equal(painted(sample, task), things.masks[1][:, ::-1])


def test_instances_and_boxes_are_painted_one_by_one():
    example, things = scene([(4, 4, 20, 18), (30, 22, 50, 38)], [0, 0])
    for recipe in (mixture.instances, mixture.detect):
        counts = set()
        for sample, task in samples(recipe, example, View(SIZE), 40):
            found = task.decode(sample.target)
            there = "cup" in task.thing or task.thing == "mug"
            counts.add((there, len(found)))
            if there:
                order = np.argsort(found.boxes[:, 0])
                np.testing.assert_allclose(found.boxes[order], things.boxes, atol=2.5)
        assert counts == {(True, 2), (False, 0)}


def test_what_is_there_is_never_asked_for_as_absent():
    example, _ = scene([], [], crowd_classes=["sheep", "pizza"])
    asked = {task.thing for _, task in samples(mixture.instances, example, View(SIZE), 200)}
    assert asked >= set(ELSEWHERE) - {"sheep", "pizza", "boat"}
    assert not any(name in thing for thing in asked for name in ("sheep", "pizza", "boat"))


def test_a_crowd_of_the_class_asked_for_does_not_count():
    example, _ = scene([(4, 4, 20, 18), (30, 22, 50, 38)], [0, 1])
    _, crowds = scene([(22, 2, 40, 12)], [0])
    example = replace(example, truths=example.truths | {"crowds": lambda: crowds})
    for recipe in (mixture.instances, mixture.detect, mixture.refer_place):
        weights = set()
        for sample, task in samples(recipe, example, View(SIZE), 40):
            text = task.text if recipe is mixture.refer_place else task.thing
            here = "cup" in text or "mug" in text
            weights.add((here, float(sample.weight[crowds.masks[0]].max() > 0)))
            assert sample.weight[~crowds.masks[0]].min() > 0
        assert weights == {(True, 0.0), (False, 1.0)}


def test_joints_are_painted_where_they_are(made):
    example = read(made, "pose", "train")[0]
    for view in VIEWS[:2]:
        truth = view.truth(example.truth("keypoints"))
        for sample, task in samples(mixture.keypoints, example, view, 15):
            back = task.decode(sample.target)
            assert set(back.names) <= set(truth.names)
            assert len(back.names) == len(truth.names) or len(back.names) <= max(3, len(truth.names) // 2)
            assert sample.weight.mean() == pytest.approx(1, abs=1e-3)
            drawn = sample.target.max(-1) > 0
            assert sample.weight[drawn].min() > sample.weight[~drawn].max() * 20
            hidden = [back.visible[back.names.index(n)] for n, v in zip(truth.names, truth.visible, strict=True)
                      if n in back.names and not v]  # fmt: skip
            assert not any(hidden)


def test_edges_are_thickened_but_not_round_the_border():
    line = np.zeros((1, 42, 56), np.float32)
    line[0, 0, :20] = line[0, 20:, -1] = 1
    drawn = Alpha(alpha=line, names=("edges",), confidence=np.ones((42, 56), np.float32))
    example = Example("bsds", "made", Path(__file__), "train", {"edges": lambda: drawn})
    for sample, _ in samples(mixture.edges, example, View(SIZE), 4):
        bright = sample.target.max(-1) > 128
        assert bright[1, :19].all() and bright[0, 20], "one pixel to each side"
        assert bright[25:, -2].all() and bright[19, -1]
        assert not bright[-1, :20].any(), "what touches the top is not at the bottom"
        assert not bright[21:, 0].any()
        assert sample.weight.mean() == pytest.approx(1, abs=1e-3)
        assert sample.weight[bright].min() > sample.weight[~bright].min() * 3


def test_most_prompts_say_the_colour_code_as_the_pipeline_does(made):
    example = read(made, "salient", "train")[0]
    said = [task.code == "mask" for _, task in samples(mixture.refer_mask(mixture.SALIENT), example, View(SIZE), 200)]
    assert 0.7 < np.mean(said) < 0.9


def test_mattes_are_soft_masks(made):
    example = read(made, "salient", "train")[0]
    for view in VIEWS:
        mask = view.truth(example.truth("mask")).alpha[0]
        for sample, task in samples(mixture.matte, example, view, 4):
            assert task.decode(sample.target).alpha[0] == pytest.approx(mask, abs=0.02)


def test_panoptic_paints_stuff_and_things(made):
    example = read(made, "panoptic", "train")[0]
    for sample, task in samples(mixture.panoptic, example, View(SIZE), 8):
        back = task.decode(sample.target)
        assert {"tree", "person"} <= set(back.classes)
        assert back.mask("tree")[:12].all()
        people = [i for i, label in enumerate(back.segment_labels, 1) if back.classes[label] == "person"]
        assert len(people) == 2, "the crowd is no thing"


# ---- the generator's own data


def test_an_edit_asks_for_the_photo_itself():
    clean = rng().integers(0, 256, (42, 56, 3), dtype=np.uint8)
    for name, row in mixture.EDITS.items():
        sample = edit(clean, name, rng())
        check(sample, View(SIZE))
        assert sample.target is clean and sample.task == "edit"
        assert sample.prompt in row.prompts
        assert len({edit(clean, name, rng(seed)).prompt for seed in range(40)}) == len(row.prompts)


def test_a_caption_asks_for_the_photo():
    clean = rng().integers(0, 256, (42, 56, 3), dtype=np.uint8)
    sample = caption(clean, ["a dog", "it runs"], rng())
    check(sample, View(SIZE))
    assert sample.target is clean and sample.task == "text-to-image"
    assert {caption(clean, ["a dog", "it runs"], rng(s)).prompt for s in range(20)} == {"a dog", "it runs"}


# ---- the real folder, where it is


@pytest.mark.parametrize("name", RECIPES)
def test_real_examples_can_be_asked_about(name, excerpts):
    if not (excerpts / name).is_dir():
        pytest.skip(f"{name} is a set that people collect themselves; it is not in the excerpt folder")
    found = read(excerpts, name, "train")
    asked = 0
    for number, example in enumerate(found[:: max(1, len(found) // 6)]):
        with Image.open(example.photo) as image:
            view = View((98, 70), (0.0, 0.1, 0.9, 1.0), mirror=bool(number % 2))
            assert view.picture(image).shape == (70, 98, 3)
        sample = question(example, view, rng(number))
        if sample is not None:
            check(sample, view)
            assert parse(sample.prompt).name == sample.task
            asked += 1
    assert asked >= 3


def test_absent_things_have_the_names_that_coco_gives_them(excerpts):
    """Else an airplane in the photo would be asked for as something that is not there."""
    import json

    known = json.loads((excerpts / "coco" / "annotations.json").read_text())["meta"]["categories"].values()
    assert set(ELSEWHERE) <= set(known)

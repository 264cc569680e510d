"""Instruction samples: what is painted is what the truth says in the view, in the colors that the prompt says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes_folder import HIGH, LEFT_M, RIGHT_M, WIDTH, write_captioned, write_folder

from plantain.data import excerpts
from plantain.data.base import Example
from plantain.data.inspection import faults
from plantain.data.instructions import OFFERS, Settings, instruct, question, replay
from plantain.data.mixture import ELSEWHERE, absent_names
from plantain.data.readers.captioned import read_captioned
from plantain.data.readers.folder import read_folder
from plantain.data.stream import Stored
from plantain.data.views import View
from plantain.errors import PhotoError
from plantain.predictions.types import Instances
from plantain.tasks import STYLES, TASKS
from plantain.tasks.legend import CORNERS

SETTINGS = Settings(((128, 96), (96, 128)), STYLES, paired=0.3)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("own") / "rooms")


@pytest.fixture(scope="module")
def samples(home):
    """100 samples of the folder, as they are stored."""
    examples = read_folder(home)
    made = [instruct(examples[s % len(examples)], examples, SETTINGS, rng(s)) for s in range(100)]
    return [stored(one) for one in made if one is not None]


def stored(made) -> Stored:
    shown = [{"kind": r.kind} | dict(r.about) for r in made.references]
    record = {"key": "0", "source": "rooms", "id": "0", "license": "", "shown": shown} | dict(made.record)
    weight = None if (made.weight >= 1).all() else made.weight
    return Stored(made.prompt, tuple(r.pixels for r in made.references), made.target, weight, record)


def column_in_photo(sample: Stored) -> np.ndarray:
    """Where in the photo each column of a sample lies, 0..1, worked out from its record."""
    x0, _, x1, _ = sample.record["view"]["box"]
    across = (np.arange(sample.target.shape[1]) + 0.5) / sample.target.shape[1]
    across = 1 - across if sample.record["view"]["mirror"] else across
    return x0 + across * (x1 - x0)


def test_classes_have_the_colors_of_the_legend_in_the_prompt(samples) -> None:
    asked = [s for s in samples if s.record["task"] == "semantic"]
    assert len(asked) > 20
    for sample in asked:
        legend, place = sample.record["legend"], column_in_photo(sample)
        sure = np.abs(place - 0.5) > 0.01
        for x in np.flatnonzero(sure):
            name = "wall" if place[x] < 0.5 else "floor"
            wanted = legend.get(name, sample.record["background"])
            if wanted is not None:
                assert sample.target[10, x].tolist() == wanted
        for color in legend.values():
            assert f"{color[0]}, {color[1]}, {color[2]}" in sample.prompt
    absent = [s for s in asked if "lamp" in s.record["queries"]]
    assert len(absent) > 10 and all("lamp" in s.record["absent"] for s in absent)


def test_a_thing_that_is_not_there_is_painted_as_background(samples) -> None:
    gone = [s for s in samples if s.record["task"] == "refer" and s.record["absent"]]
    assert gone
    for sample in gone:
        assert "lamp" in sample.prompt
        assert (sample.target == sample.record["background"]).all()


def test_gray_depth_is_the_depth_of_the_crop(samples) -> None:
    """Black is 0.1 m, white 200 m, equal steps are equal factors; a crop brings things nearer by its share."""
    asked = [s for s in samples if s.record["code"] == "log-gray/1" and "far" not in s.prompt]
    assert len(asked) >= 2
    for sample in asked:
        place, zoom = column_in_photo(sample), sample.record["view"]["zoom"]
        x0, _, x1, _ = sample.record["view"]["box"]
        scale_whole = np.sqrt(128 * 96 / (WIDTH * HIGH))
        assert zoom == pytest.approx(scale_whole * (x1 - x0) * WIDTH / sample.target.shape[1], rel=1e-3)
        metres = np.where(place < 0.5, LEFT_M, RIGHT_M) * zoom
        levels = 255 * np.log(metres / 0.1) / np.log(2000)
        sure = np.abs(place - 0.5) > 0.01
        assert np.abs(sample.target[5, sure, 0] - levels[sure]).max() < 1


def test_codes_legends_and_styles_vary(samples) -> None:
    codes = Counter(s.record["code"] for s in samples)
    assert {"cube/1", "log-gray/1", "viridis/1", "legend/1", "corners/1", "linear-gray/1", "mask/1"} <= codes.keys()
    assert "log-gray-doubt/1" not in codes, "no truth fits it"
    assert {s.record["style"] for s in samples} == set(STYLES)
    corners = [s for s in samples if s.record["code"] == "corners/1"]
    assert all(tuple(c) in CORNERS for s in corners for c in s.record["legend"].values())
    assert len({json.dumps(s.record["legend"]) for s in corners}) > len(corners) / 2


def test_example_pairs_answer_the_same_question(samples) -> None:
    counts = Counter(len(s.references) for s in samples)
    assert set(counts) == {1, 3, 5}
    for sample in samples:
        kinds = [about["kind"] for about in sample.record["shown"]]
        assert kinds == ["photo", *["example", "painting"] * (len(kinds) // 2)]
        assert all(shown.shape == sample.target.shape for shown in sample.references)
        if sample.record["task"] == "semantic" and len(kinds) > 1:
            legal = {tuple(c) for c in sample.record["legend"].values()} | {
                tuple(sample.record["background"] or (0,) * 3)
            }
            assert {tuple(c) for c in np.unique(sample.references[2].reshape(-1, 3), axis=0).tolist()} <= legal


def test_paintings_read_back_as_their_truth(samples, made) -> None:
    """Every kind of question that the sets of the excerpt folder are asked."""
    asked = Counter(s.record["task"] for s in samples)
    assert [str(f) for s in samples[::4] for f in faults(s)] == []
    tries = {
        "nyu": 6,
        "camvid": 3,
        "people": 4,
        "salient": 4,
        "coco": 10,
        "panoptic": 16,
        "persons": 6,
        "pose": 6,
        "bsds": 2,
    }
    for name, count in tries.items():
        examples = [remembered(e) for e in excerpts.read(made, name, "train")]
        for seed in range(count):
            one = instruct(examples[seed % len(examples)], examples, SETTINGS, rng(seed))
            if one is not None:
                asked[one.record["task"]] += 1
                assert [str(f) for f in faults(stored(one))] == [], (name, seed)
    assert asked.keys() == TASKS.keys()


def remembered(example: Example) -> Example:
    return replace(example, truths={name: cache(read) for name, read in example.truths.items()})


def test_questions_come_from_the_truths_that_are_there(home) -> None:
    example = read_folder(home)[0]
    names = {question(example, View((64, 48)), rng(s))[0] for s in range(40)}
    assert names == {"depth", "labels"}
    assert question(Example("x", "1", example.photo, "all", {}), View((64, 48)), rng()) is None
    assert {"depth", "normals", "labels", "mask", "instances", "keypoints", "edges"} <= OFFERS.keys()


def test_only_what_is_surely_absent_counts_as_absent() -> None:
    def things(labels, classes, source, **facts):
        made = Instances(
            boxes=np.zeros((len(labels), 4), np.float32), labels=np.array(labels, np.int64), classes=classes,
            scores=np.ones(len(labels), np.float32), confidence=np.ones((4, 4), np.float32),
        )  # fmt: skip
        return absent_names(Example(source, "1", Path("1.png"), "all", {}, facts), made, made)

    assert things([0], ("crack", "rust"), "my-folder") == ["rust"], "an elephant may well be there, unlabelled"
    assert things([0], ("crack",), "my-folder") == []
    assert things([0], ("zebra",), "coco") == [name for name in ELSEWHERE if name != "zebra"]
    assert things([0], ("cup", "bed", "sink"), "lvis", absent=("bed",)) == ["bed"]


def test_things_that_are_absent_are_referred_to_as_well(made) -> None:
    for name in ("coco", "portraits"):
        example = remembered(excerpts.read(made, name, "train")[0])
        drawn = [question(example, View((48, 36)), rng(s)) for s in range(80)]
        asked = [one for _, one in filter(None, drawn) if one.task.name == "refer"]
        gone = [one for one in asked if not np.asarray(getattr(one.truth, "alpha", one.truth)).any()]
        assert 0.02 * len(asked) < len(gone) < 0.35 * len(asked)
        assert all(one.task.text.removeprefix("the ") in ELSEWHERE for one in gone)
        assert not any(
            word in one.task.text for one in gone for word in ("person", "boat", "airplane") if name == "coco"
        )


def test_boxes_without_masks_are_asked_for_and_what_a_crop_cuts_off_teaches_nothing(tmp_path) -> None:
    home = write_folder(tmp_path / "street", 2, depth=False, labels=False)
    rows = [
        {"id": i, "image_id": i // 2, "category_id": 1, "bbox": [[6, 20, 40, 30], [70, 35, 36, 40]][i % 2]}
        for i in range(4)
    ]
    images = [{"id": i, "file_name": f"{i}.png", "width": WIDTH, "height": HIGH} for i in range(2)]
    book = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]}
    (home / "annotations.json").write_text(json.dumps(book))
    examples = read_folder(home)
    made = [instruct(examples[s % 2], examples, SETTINGS, rng(s)) for s in range(40)]
    samples = [stored(one) for one in made if one is not None]
    assert {s.record["task"] for s in samples} == {"detect", "refer"}
    assert [str(f) for s in samples for f in faults(s)] == []
    asked = [s for s in samples if s.record["task"] == "detect"]
    assert {s.record["answer"]["count"] for s in asked} >= {0, 1, 2}
    assert any(s.weight is not None for s in asked) and any(s.weight is None for s in asked)
    assert all("bus" in s.prompt for s in samples if s.record["absent"] and s.weight is None)


def test_replayed_pictures_are_whole_for_captions_and_never_mirrored(tmp_path) -> None:
    examples = read_captioned(write_captioned(tmp_path / "pictures"))
    made = [replay(examples[s % 3], SETTINGS, rng(s)) for s in range(60)]
    words = [m for m in made if m.record["task"] == "text-to-image"]
    repairs = [m for m in made if m.record["task"] == "edit"]
    assert len(words) > 15 and len(repairs) > 15
    assert all(not m.references and m.prompt.startswith("a picture of number") for m in words)
    assert all(m.record["view"]["box"] == [0, 0, 1, 1] for m in words)
    assert not any(m.record["view"]["mirror"] for m in made)
    assert len({m.record["edit"] for m in repairs}) > 4
    assert all((m.references[0].pixels != m.target).any() for m in repairs)


def test_captions_in_other_forms(tmp_path) -> None:
    home = tmp_path / "pictures"
    home.mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (20, 20)).save(home / f"{name}.png")
    with pytest.raises(PhotoError, match=r"none of the 2 pictures .* has a caption"):
        read_captioned(home)
    (home / "captions.json").write_text(json.dumps({"a.png": "one", "b.png": ["two", " "]}))
    assert [e.facts["captions"] for e in read_captioned(home)] == [("one",), ("two",)]
    rows = [{"image_id": 7, "caption": "seven"}, {"image_id": 7, "caption": "again "}]
    book = {"images": [{"id": 7, "file_name": "b.png"}], "annotations": rows}
    (home / "captions.json").write_text(json.dumps(book))
    assert [e.facts["captions"] for e in read_captioned(home)] == [(), ("seven", "again")]
    (home / "captions.json").write_text("[1]")
    with pytest.raises(PhotoError, match="no table of captions"):
        read_captioned(home)

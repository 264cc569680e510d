"""COCO's form as annotation tools write it: read rightly, or refused in one line that names the file and the row."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from set_trees import HIGH, WIDE, image, photo, put, rectangle, run_lengths

from plantain.data.readers import read
from plantain.errors import PhotoError, PlantainError, TruthError

SQUARE = [1, 1, 5, 1, 5, 4, 1, 4]
CATEGORIES = [{"id": 3, "name": "dog"}, {"id": 1, "name": "cat"}]
GOOD = {"id": 7, "image_id": 1, "category_id": 3, "segmentation": [SQUARE], "bbox": [1, 1, 4, 3], "iscrowd": 0}


def without(row, *keys):
    return {key: value for key, value in row.items() if key not in keys}


@pytest.fixture
def folder(tmp_path):
    """Writes a set of two photos, a and b, with these rows; b has one good row."""

    def write(*rows, images=None, categories=CATEGORIES, encoding="utf-8"):
        photo(tmp_path / "images/a.jpg")
        photo(tmp_path / "images/b.jpg")
        book = {"images": images or [image(1, "a.jpg"), image(2, "b.jpg")],
                "annotations": [*rows, GOOD | {"id": 99, "image_id": 2}]}  # fmt: skip
        book |= {} if categories is None else {"categories": categories}
        (tmp_path / "annotations.json").write_text(json.dumps(book), encoding=encoding)
        return tmp_path

    return write


def truth(root, name="instances"):
    return read("folder", root, "all")[0].truth(name)


def official(segmentation):
    return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(segmentation, HIGH, WIDE))).astype(bool)


# ---- read rightly


@pytest.mark.parametrize("segmentation", [None, [], [[]], [[3, 3]], [[1, 1, 5, 4]], "missing"])
def test_a_box_without_a_mask_is_a_box(segmentation, folder):
    row = without(GOOD, "segmentation") if segmentation == "missing" else GOOD | {"segmentation": segmentation}
    found = truth(folder(row))
    assert found.masks is None and found.boxes.tolist() == [[1, 1, 5, 4]]
    assert found.classes == ("cat", "dog") and found.labels.tolist() == [1]
    with_mask = truth(folder(row, GOOD | {"id": 8}))
    assert with_mask.masks is None and len(with_mask) == 2, "never an empty mask beside a real box"


@pytest.mark.parametrize("segmentation", [[SQUARE], SQUARE, run_lengths(rectangle(1, 1, 5, 4))])
def test_a_missing_box_is_that_of_the_mask(segmentation, folder):
    found = truth(folder(without(GOOD, "bbox") | {"segmentation": segmentation}))
    assert np.array_equal(found.masks[0], official([SQUARE]))
    ys, xs = np.nonzero(official([SQUARE]))
    assert found.boxes.tolist() == [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]


def test_a_missing_size_is_that_of_the_photo(folder):
    found = truth(folder(GOOD, images=[without(image(1, "a.jpg"), "width", "height"), image(2, "b.jpg", width="8")]))
    assert found.size == (WIDE, HIGH) and np.array_equal(found.masks[0], official([SQUARE]))


def test_ids_as_texts_and_floats(folder):
    row = GOOD | {"image_id": "1", "category_id": "3"}
    images = [image("0001", "a.jpg"), image(2.0, "b.jpg")]
    found = truth(folder(row, images=images, categories=[{"id": "3", "name": "dog"}, {"id": "10", "name": "cat"}]))
    assert found.classes == ("dog", "cat"), "3 before 10"
    assert found.labels.tolist() == [0]
    assert len(read("folder", folder(row, images=images), "all")[1].truth("instances")) == 1
    images = [image("x-ray", "a.jpg"), image(2, "b.jpg")]
    row = GOOD | {"image_id": "x-ray", "category_id": "d"}
    named = truth(folder(row, images=images, categories=[{"id": "d", "name": "dog"}]))
    assert named.classes == ("dog",) and len(named) == 1


def test_two_ids_of_one_class_are_one_class(folder):
    found = truth(folder(GOOD | {"category_id": 4}, categories=[*CATEGORIES, {"id": 4, "name": "cat"}]))
    assert found.classes == ("cat", "dog") and found.labels.tolist() == [0]


def test_crowds_as_texts_and_null(folder):
    example = read("folder", folder(GOOD | {"iscrowd": None}, GOOD | {"id": 8, "iscrowd": "0"}), "all")[0]
    assert len(example.truth("instances")) == 2 and "crowds" not in example.truths
    assert len(truth(folder(GOOD, GOOD | {"id": 8, "iscrowd": "1"}), "crowds")) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_in_the_encodings_of_windows(encoding, folder):
    assert len(truth(folder(GOOD, encoding=encoding))) == 1


def test_paths_of_other_machines(folder):
    root = folder(GOOD, images=[image(1, "C:\\photos\\a.jpg"), image(2, "/home/me/b.jpg")])
    assert len(truth(root)) == 1


def test_rows_of_photos_that_are_not_listed_are_left_out(folder):
    assert len(truth(folder(GOOD, GOOD | {"id": 8, "image_id": 1234}))) == 1


# ---- refused, and the other photos go on

BAD = {
    "an unknown class": (GOOD | {"category_id": 8}, "its category_id is 8, `categories` lists 1, 3"),
    "no class": (without(GOOD, "category_id"), "its category_id is None"),
    "neither box nor mask": (without(GOOD, "bbox", "segmentation"), "neither a bbox nor a mask"),
    "an empty mask and no box": (without(GOOD, "bbox") | {"segmentation": [[]]}, "neither a bbox nor a mask"),
    "a box of three numbers": (GOOD | {"bbox": [1, 1, 4]}, r"its bbox is \[1, 1, 4\]"),
    "a box of texts": (GOOD | {"bbox": ["1", "1", "4", "3"]}, "its bbox is"),
    "a negative box": (GOOD | {"bbox": [5, 4, -4, -3]}, "its bbox is"),
    "a box that is no number": (GOOD | {"bbox": [1, 1, float("nan"), 3]}, "its bbox is"),
    "half a point": (GOOD | {"segmentation": [SQUARE[:-1]]}, "7 coordinates"),
    "points of texts": (GOOD | {"segmentation": [["1", "1", "5", "1", "5", "4"]]}, "no list of numbers"),
    "runs too short": (GOOD | {"segmentation": {"size": [HIGH, WIDE], "counts": [40, 7]}}, "47 pixels together"),
    "runs too long": (GOOD | {"segmentation": {"size": [HIGH, WIDE], "counts": [40, 9]}}, "49 pixels together"),
    "runs of another size": (GOOD | {"segmentation": {"size": [WIDE, HIGH], "counts": [48]}}, "a photo of 8 x 6"),
    "runs that are cut off": (GOOD | {"segmentation": {"size": [HIGH, WIDE], "counts": "P"}}, "cut off"),
    "a text": (GOOD | {"segmentation": "polygon"}, "is a str"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_named_and_the_other_photos_are_read(name, folder):
    row, words = BAD[name]
    root = folder(GOOD | {"id": 6}, row)
    bad, good = read("folder", root, "all")
    with pytest.raises(TruthError, match=words) as refusal:
        bad.truth("instances")
    assert re.match(rf"{re.escape(str(root))}/annotations\.json: annotation id 7 of a\.jpg: ", str(refusal.value))
    assert "\n" not in str(refusal.value)
    assert len(good.truth("instances")) == 1


def test_a_row_without_an_id_is_named_by_its_place(folder):
    with pytest.raises(TruthError, match=r"annotation number 2 of a\.jpg"):
        truth(folder(GOOD, without(GOOD, "id") | {"category_id": 8}))


def test_no_categories(folder):
    with pytest.raises(TruthError, match=r"annotation id 7 of a\.jpg: its category_id is 3, `categories` lists none"):
        truth(folder(GOOD, categories=None))


def test_keypoints_that_do_not_fit_the_joints(folder):
    categories = [{"id": 3, "name": "dog", "keypoints": ["nose", "tail"]}]
    for points, words in (([1, 1, 2], "3 numbers as keypoints, the categories name 2"), (["1", 1, 2], "no list of")):
        with pytest.raises(TruthError, match=f"annotation id 7 of a.jpg: .*{words}"):
            truth(folder(GOOD | {"keypoints": points}, categories=categories), "keypoints")
    assert truth(folder(GOOD | {"keypoints": [1, 1, 2, 0, 0, 0]}, categories=categories), "keypoints").visible[0]
    assert "keypoints" not in read("folder", folder(GOOD | {"keypoints": None}, categories=categories), "all")[0].truths


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([image(1, "a.jpg"), image(2, "a.jpg")], "images 1 and 2 are both the photo a.jpg"),
        ([image(1, "x/a.jpg"), image(2, "y/a.jpg")], "images 1 and 2 are both the photo a.jpg"),
        ([image(1, "a.jpg"), image("1", "b.jpg")], "two image rows of the id 1: a.jpg and b.jpg"),
        ([image(1, "a.jpg"), {"id": 2}], "image number 2 has no 'file_name'"),
        ([image(1, "a.jpg"), {"file_name": "b.jpg"}], "image number 2 has no 'id'"),
        ([image(1, "a.jpg"), image(2, 5)], "image number 2 has the file_name 5"),
        ([image(1, "a.jpg"), "b.jpg"], "image number 2 is 'b.jpg'"),
        ([image(71, "a.jpg"), image(72, "b.jpg")], "no annotation has the image_id of a listed image"),
    ],
)
def test_a_file_whose_photos_are_unclear_is_refused_in_one_line(images, words, folder):
    with pytest.raises(PhotoError, match=re.escape(words)) as refusal:
        read("folder", folder(GOOD, images=images), "all")
    assert "annotations.json" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [[], {"images": 3, "annotations": []}, {"images": [], "annotations": {}},
                                     {"images": [], "annotations": [7]}, {"images": [], "annotations": [{"id": 1}]},
                                     {"images": [], "annotations": [], "categories": [{"id": 1}]}])  # fmt: skip
def test_what_is_no_annotation_file_is_refused(content, tmp_path):
    photo(tmp_path / "images/a.jpg")
    put(tmp_path / "annotations.json", content)
    with pytest.raises(PlantainError, match=r"annotations\.json"):
        read("folder", tmp_path, "all")


# ---- one bad row is not the end of a run


def test_a_run_goes_on(folder, tmp_path_factory):
    from plantain.eval.adapters import DetectionAdapter
    from plantain.eval.metrics.detection import Detection
    from plantain.eval.row import Benchmark
    from plantain.eval.run import Answered, Run, RunConfig
    from plantain.pipeline.jobs import Job, Outcome
    from plantain.predictions.types import Instances

    found = Instances(boxes=np.array([[1, 1, 5, 4]], np.float32), labels=np.zeros(1, int), classes=("dog",),
                      scores=np.ones(1, np.float32), confidence=np.ones((HIGH, WIDE), np.float32))  # fmt: skip
    root = folder(GOOD | {"category_id": 8})
    benchmark = Benchmark("own/dogs", lambda data: read("folder", data, "all"), DetectionAdapter("dog"),
                          Detection(("dog",)), "ap", "boxes")  # fmt: skip
    run = Run(tmp_path_factory.mktemp("run"), benchmark, RunConfig(), root)
    answered = [Answered(sample, [Outcome(Job("x", None, task), found) for task in sample.asked])
                for sample in map(run.sample, run.examples)]  # fmt: skip
    lines = list(map(run.result, answered))
    assert [line["state"] for line in lines] == ["no truth", "ok"]
    assert "annotation id 7 of a.jpg" in lines[0]["error"]


def test_official_photos_larger_than_they_say_are_not_read_for_their_size(tmp_path):
    """The annotated size is the mask's; a photo is opened only where it is missing."""
    Image.new("RGB", (2, 2)).save((tmp_path / "val2017").mkdir() or tmp_path / "val2017/a.jpg")
    book = {"images": [image(1, "a.jpg")], "annotations": [GOOD], "categories": CATEGORIES}
    put(tmp_path / "annotations/instances_val2017.json", book)
    assert read("coco", tmp_path, "val")[0].truth("instances").size == (WIDE, HIGH)

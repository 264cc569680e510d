"""COCO 2017 in its official folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from set_trees import BOX, HIGH, WIDE, image, knows_its_splits, photo, put, rectangle, refuses, run_lengths

from plantain.data.readers import read
from plantain.errors import PhotoError, TruthError
from plantain.eval.adapters import DetectionAdapter
from plantain.eval.metrics.detection import Detection, Detections, Truths
from plantain.eval.metrics.keypoints import KeypointAP, People, Poses
from plantain.eval.metrics.panoptic import PanopticQuality, Segments

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
IMAGES = [image(785, "000000000785.jpg"), image(139, "000000000139.jpg")]


def row(number, picture, category, segmentation, box, area, crowd=0, **more):
    own = {"id": number, "image_id": picture, "category_id": category, "segmentation": segmentation, "bbox": box}
    return own | {"area": area, "iscrowd": crowd} | more


CROWD = {"size": [HIGH, WIDE], "counts": [HIGH * 6, 2, HIGH * 2 - 2]}  # uncompressed: down column 6, two pixels
ROWS = [
    row(7, 139, 90, [BOX], [1, 1, 4.25, 3], 11.5),
    row(8, 139, 1, CROWD, [6, 0, 1, 2], 2, crowd=1),
    row(3, 139, 1, run_lengths(rectangle(0, 4, 3, 6)), [0, 4, 3, 2], 6),
]


@pytest.fixture
def root(tmp_path):
    for one in IMAGES:
        photo(tmp_path / "val2017" / one["file_name"])
    put(
        tmp_path / "annotations/instances_val2017.json",
        {"images": IMAGES, "annotations": ROWS, "categories": CATEGORIES},
    )
    return tmp_path


# ---- instances


def test_every_photo_also_the_empty_one_in_the_order_of_ids(root):
    one, two = read("coco", root, "val")
    assert (one.id, two.id) == ("139", "785")
    assert one.photo == root / "val2017/000000000139.jpg"
    nothing = two.truth("instances")
    assert len(nothing) == 0 and nothing.masks.shape == (0, HIGH, WIDE) and "crowds" not in two.truths


def test_things_have_annotated_boxes_and_classes_by_category_id(root):
    things = read("coco", root, "val")[0].truth("instances")
    assert things.classes == ("person", "dog", "toothbrush")
    assert [things.classes[i] for i in things.labels] == ["toothbrush", "person"], "in the order of the file"
    np.testing.assert_allclose(things.boxes, [[1, 1, 5.25, 4], [0, 4, 3, 6]])
    assert things.masks[0, 2, 2] and not things.masks[0, 5, 7]
    assert np.array_equal(things.masks[1], rectangle(0, 4, 3, 6))


def test_crowds_are_apart(root):
    example = read("coco", root, "val")[0]
    crowds = example.truth("crowds")
    assert [crowds.classes[i] for i in crowds.labels] == ["person"]
    assert np.array_equal(crowds.masks[0], rectangle(6, 0, 7, 2))
    assert [a["area"] for a in example.facts["annotations"]] == [11.5, 6]
    assert [a["id"] for a in example.facts["crowds"]] == [8]
    assert example.facts["names"] == {1: "person", 18: "dog", 90: "toothbrush"}


def test_the_official_scorer_finds_its_areas_and_crowds(root):
    example = read("coco", root, "val")[0]
    things, crowds = example.truth("instances"), example.truth("crowds")
    rows = example.facts["annotations"] + example.facts["crowds"]
    truth = Truths(
        np.concatenate([things.boxes, crowds.boxes]).astype(float),
        np.concatenate([things.labels, crowds.labels]),
        np.array([r["area"] for r in rows], float),
        np.array([bool(r["iscrowd"]) for r in rows]),
        np.concatenate([things.masks, crowds.masks]),
    )
    pred = Detections(things.boxes.astype(float), things.labels, np.array([0.9, 0.8]), things.masks)
    metric = Detection(things.classes, "masks")
    assert metric.reduce([metric.measure(pred, truth)])["ap"] == pytest.approx(1)


def test_a_question_about_persons_can_be_asked(root):
    for example in read("coco", root, "val"):
        truth = DetectionAdapter("person", masks=True).truth(example, [])
        assert len(truth.boxes) == (2 if example.id == "139" else 0)
        assert truth.crowds.tolist() == ([False, True] if example.id == "139" else [])


def test_a_wrong_folder(root, tmp_path):
    refuses("coco", tmp_path / "none", "val", "val2017", "annotations/instances_{train,val}2017.json")
    refuses("coco-keypoints", root, "val", "annotations/person_keypoints_val2017.json", "{train,val}2017.json")
    refuses("coco-captions", root, "val", "annotations/captions_val2017.json", "{train,val}2017.json")
    refuses("coco-panoptic", root, "val", "annotations/panoptic_val2017.json", "{train,val}2017.json")
    refuses("coco", root, "train", "train2017", "annotations/")
    (root / "val2017/000000000785.jpg").unlink()
    refuses("coco", root, "val", "val2017/000000000785.jpg", "annotations/")
    knows_its_splits("coco", root)
    put(root / "annotations/instances_val2017.json", {"images": []})
    with pytest.raises(PhotoError, match="has no 'annotations'"):
        read("coco", root, "val")


# ---- keypoints


JOINTS = ["nose", "left_eye", "right_eye"]


def pose(number, picture, points, crowd=0):
    seen = sum(v > 0 for v in points[2::3])
    return row(number, picture, 1, [BOX], [1, 1, 4, 3], 12, crowd, keypoints=points, num_keypoints=seen)


@pytest.fixture
def posed(root):
    people = [pose(1, 139, [3, 2, 2, 0, 0, 0, 5, 1.5, 1]), pose(2, 139, [0] * 9), pose(4, 785, [1, 1, 2] * 3)]
    people += [pose(5, 785, [2, 2, 1] * 3)]
    book = {"images": IMAGES, "annotations": people}
    category = {"id": 1, "name": "person", "keypoints": JOINTS, "skeleton": [[1, 2]]}
    put(root / "annotations/person_keypoints_val2017.json", book | {"categories": [category]})
    return root


def test_joints_of_the_one_person_who_has_some(posed):
    one, two = read("coco-keypoints", posed, "val")
    joints = one.truth("keypoints")
    assert joints.names == ("nose", "left eye", "right eye") == one.facts["joints"]
    assert joints.visible.tolist() == [True, False, True], "hidden joints are labelled ones"
    np.testing.assert_allclose(joints.xy[[0, 2]], [[3.5, 2.5], [5.5, 2]])  # in the middle of COCO's pixels
    assert "keypoints" not in two.truths, "whose would they be?"
    assert [a["num_keypoints"] for a in two.facts["annotations"]] == [3, 3]
    assert len(one.truth("instances")) == 2


def test_the_official_scorer_finds_its_people(posed):
    example = read("coco-keypoints", posed, "val")[1]
    rows = example.facts["annotations"] + example.facts["crowds"]
    points = np.array([r["keypoints"] for r in rows], float).reshape(len(rows), -1, 3)
    truth = People(
        points[..., :2],
        points[..., 2] > 0,
        example.truth("instances").boxes.astype(float),
        np.array([r["area"] for r in rows], float),
        np.array([bool(r["iscrowd"]) for r in rows]),
    )
    metric = KeypointAP((0.03, 0.03, 0.03))
    assert metric.measure(Poses(points[..., :2], np.array([0.9, 0.8])), truth)


# ---- captions


def test_captions_by_their_ids(root):
    texts = [{"id": 9, "image_id": 139, "caption": "A room. \n"}, {"id": 4, "image_id": 139, "caption": "A den."}]
    put(root / "annotations/captions_val2017.json", {"images": IMAGES, "annotations": texts})
    one, two = read("coco-captions", root, "val")
    assert one.facts["captions"] == ["A den.", "A room."]
    assert two.facts["captions"] == []


# ---- panoptic


def colored(numbers):
    return np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], -1).astype(np.uint8)


@pytest.fixture
def parted(tmp_path):
    ids = np.zeros((HIGH, WIDE), np.int64)
    ids[:3], ids[3:, :3], ids[3:, 3:6] = 3226956, 257, 66051  # the sky; a person; persons that nobody counted
    segments = [
        {"id": 257, "category_id": 1, "area": 9, "bbox": [0, 3, 3, 3], "iscrowd": 0},
        {"id": 3226956, "category_id": 187, "area": 24, "bbox": [0, 0, 8, 3], "iscrowd": 0},
        {"id": 66051, "category_id": 1, "area": 9, "bbox": [3, 3, 3, 3], "iscrowd": 1},
    ]
    categories = [
        {"id": 187, "name": "sky-other-merged", "isthing": 0},
        {"id": 1, "name": "person", "isthing": 1},
        {"id": 18, "name": "dog", "isthing": 1},
    ]
    pages = [{"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}]
    photo(tmp_path / "val2017/000000000139.jpg")
    put(tmp_path / "annotations/panoptic_val2017/000000000139.png", colored(ids))
    book = {"images": IMAGES[1:], "annotations": pages, "categories": categories}
    put(tmp_path / "annotations/panoptic_val2017.json", book)
    return tmp_path


def test_segments_are_numbered_in_the_order_of_their_rows(parted):
    (example,) = read("coco-panoptic", parted, "val")
    whole = example.truth("panoptic")
    assert whole.classes == ("person", "dog", "sky")
    assert whole.segments[[0, 3, 3, 3], [0, 0, 3, 7]].tolist() == [2, 1, 3, 0]
    assert [whole.classes[i] for i in whole.segment_labels] == ["person", "sky", "person"]
    assert whole.ids[[0, 3, 3, 3], [0, 0, 3, 7]].tolist() == [2, 0, 0, -1]
    assert np.array_equal(example.truth("labels").ids, whole.ids)
    assert example.facts["things"] == ("person", "dog")


def test_panoptic_things_and_crowds(parted):
    (example,) = read("coco-panoptic", parted, "val")
    things, crowds = example.truth("instances"), example.truth("crowds")
    assert things.boxes.tolist() == [[0, 3, 3, 6]] and things.labels.tolist() == [0]
    assert crowds.boxes.tolist() == [[3, 3, 6, 6]]


def test_the_official_scorer_finds_its_segments(parted):
    (example,) = read("coco-panoptic", parted, "val")
    whole, rows = example.truth("panoptic"), example.facts["segments"]
    crowds = tuple(number for number, one in enumerate(rows, 1) if one["iscrowd"])
    kinds = dict(enumerate(whole.segment_labels.tolist(), 1))
    metric = PanopticQuality(whole.classes, frozenset({0, 1}))
    truth = Segments(whole.segments, kinds, crowds)
    scores = metric.reduce([metric.measure(Segments(whole.segments, kinds), truth)])
    assert scores["pq"] == 1 and np.isnan(scores["pq:dog"])


def panoptic(parted, change):
    """The example after `change` of the annotation file's content."""
    path = parted / "annotations/panoptic_val2017.json"
    content = json.loads(path.read_text())
    change(content)
    put(path, content)
    return read("coco-panoptic", parted, "val")[0]


def test_segments_of_an_unknown_class_are_named(parted):
    def change(content):
        content["annotations"][0]["segments_info"][1]["category_id"] = 7

    example = panoptic(parted, change)
    for name in ("panoptic", "labels", "instances", "crowds"):
        with pytest.raises(TruthError, match=r"panoptic_val2017\.json: segment 3226956 has the category_id 7"):
            example.truth(name)


@pytest.mark.parametrize(("number", "words"), [(257, "segment 257, which segments_info does not list"),
                                               (None, "no pixel of segment 5")])  # fmt: skip
def test_a_png_and_a_list_that_differ_are_refused(number, words, parted):
    """As panopticapi's evaluation refuses them."""

    def change(content):
        page = content["annotations"][0]
        page["segments_info"] = [row for row in page["segments_info"] if row["id"] != number]
        if number is None:
            page["segments_info"].append({"id": 5, "category_id": 1, "iscrowd": 0})

    example = panoptic(parted, change)
    for name in ("panoptic", "instances"):
        with pytest.raises(TruthError, match=rf"000000000139\.png has {words}"):
            example.truth(name)


def test_a_photo_without_segments_is_named(parted):
    with pytest.raises(PhotoError, match=r"panoptic_val2017\.json: the list of annotations has no 139"):
        panoptic(parted, lambda content: content["annotations"].clear())


def test_a_panoptic_png_of_one_channel_is_refused(parted):
    put(parted / "annotations/panoptic_val2017/000000000139.png", np.zeros((HIGH, WIDE), np.uint8))
    with pytest.raises(TruthError, match="has one channel"):
        read("coco-panoptic", parted, "val")[0].truth("panoptic")


def test_a_panoptic_png_that_is_missing(parted):
    (parted / "annotations/panoptic_val2017/000000000139.png").unlink()
    refuses("coco-panoptic", parted, "val", "panoptic_val2017/000000000139.png", "annotations/panoptic")

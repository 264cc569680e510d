"""Readers of the excerpt folder: made sets whose truths are known by eye, and the real ones against their README."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

from plantain.data import excerpts as readers
from plantain.data.excerpts import FACE_POINTS, SETS, keypoints, present, read
from plantain.errors import PhotoError, UnknownName
from plantain.predictions.boxes import boxes_around

TEST_SPLIT = {"nyu": "test_dev", "camvid": "test_dev", "bsds": "test_dev"}
NO_TRAIN, NO_TEST = {"refer", "mattes"}, {"photos"}


def first(root, name, split="train"):
    return read(root, name, split)[0]


# ---- every set, made


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_read_by_its_split(name, made):
    test = TEST_SPLIT.get(name, "dev_test")
    counts = {split: _count(made, name, split) for split in ("train", test)}
    assert counts == {"train": 0 if name in NO_TRAIN else 2, test: 0 if name in NO_TEST else 1}


def _count(root, name, split):
    try:
        return len(read(root, name, split))
    except PhotoError:
        return 0


@pytest.mark.parametrize("name", SETS)
def test_truths_are_of_the_photos_size(name, made):
    for split in ("train", TEST_SPLIT.get(name, "dev_test")):
        for example in read(made, name, split) if _count(made, name, split) else []:
            assert example.source == name and example.split == split
            with Image.open(example.photo) as image:
                size = image.size
            for key in example.truths:
                truth = example.truth(key)
                assert truth.size == size, key
                assert (truth.confidence == 1).all()


def test_unknown_sets_and_splits_are_refused(made, tmp_path):
    with pytest.raises(UnknownName, match="unknown set 'nyuu'; did you mean 'nyu'"):
        read(made, "nyuu", "train")
    with pytest.raises(PhotoError, match="set 'nyu' has no split 'trian'"):
        read(made, "nyu", "trian")
    for name in SETS:
        with pytest.raises(PhotoError, match=f"no set {name!r} under|set {name!r} has no split"):
            read(tmp_path, name, "train")
    with pytest.raises(KeyError):
        first(made, "captions").truth("depth")


def test_sets_that_are_there(made, tmp_path):
    assert {e.source for e in present(made, ["nyu", "pose"])} == {"nyu", "pose"}
    (tmp_path / "pose").symlink_to(made / "pose")
    assert [e.id for e in present(tmp_path, ["nyu", "pose"])] == ["a", "b"]


def test_depth_in_metres_without_the_frame(made):
    depth = first(made, "nyu").truth("depth")
    assert depth.scale == "metric"
    np.testing.assert_allclose(depth.metres[100, [20, 300]], [2.0, 3.5])
    assert depth.valid[6:-7, 5:-6].all()
    assert depth.valid.sum() == (240 - 13) * (320 - 11), "the white frame is no scene"


def test_lidar_depth_is_known_where_it_hit(made):
    example = first(made, "kitti")
    depth = example.truth("depth")
    assert not depth.valid[:, :24].any() and depth.valid[:, 24:].all()
    assert (depth.metres[:, 24:] == 12).all()
    assert example.facts["focal_px"] == 300.5


def test_normals_of_a_wall_face_the_camera(made):
    normals = first(made, "nyu").truth("normals")
    np.testing.assert_allclose(normals.xyz[120, 40], [0, 0, 1], atol=1e-3)
    assert not normals.valid[0].any()


@pytest.mark.parametrize(
    ("name", "key", "left", "right"),
    [
        ("nyu", "labels", "wall", None),
        ("nyu", "labels13", "wall", None),
        ("camvid", "labels", "pole", None),
        ("ade20k", "labels", None, "screen"),
        ("animals", "labels", None, "dog"),
        ("faceparts", "labels", "left eye", "right eye"),
        ("people", "labels", "background", "boots"),
    ],
)
def test_labels_by_name(name, key, left, right, made):
    labels = first(made, name).truth(key)
    for ids, wanted in ((labels.ids[:, 0], left), (labels.ids[:, -1], right)):
        assert (ids == ids[0]).all()
        assert (labels.classes[ids[0]] if ids[0] >= 0 else None) == wanted
    assert labels.ids.dtype == np.int16


def test_camvid_speaks_plain_words(made):
    assert {"traffic sign", "pole", "sky"} < set(first(made, "camvid").truth("labels").classes)


@pytest.mark.parametrize(("name", "thing"), [("portraits", "person"), ("salient", "main object"), ("people", "person")])
def test_masks_by_name(name, thing, made):
    for example in read(made, name, "train"):
        mask = example.truth("mask")
        assert mask.names == (thing,)
        assert set(np.unique(mask.alpha)) == {0, 1}
        assert not mask.masks[0, :, 0].any() and mask.masks[0, :, -1].all()
    assert ["labels" in e.truths for e in read(made, "people", "train")] == [True, False]


def test_mattes_are_soft(made):
    example = first(made, "mattes", "dev_test")
    np.testing.assert_allclose(example.truth("alpha").alpha[0, 0, [0, -1]], [0.2, 1.0])
    assert example.facts["trimap"].exists()


def test_edges_are_the_share_of_annotators(made):
    one, two = (e.truth("edges").alpha[0] for e in read(made, "bsds", "train"))
    assert (one[:, 0] == 2 / 4).all() and (one[:, -1] == 0).all()
    np.testing.assert_allclose(two[:, 0], 2 / 5)
    np.testing.assert_allclose(first(made, "bsds", "test_dev").truth("edges").alpha[0, 0, 0], 2 / 9)


def test_things_of_coco(made):
    example = first(made, "coco")
    things = example.truth("instances")
    assert things.classes == ("person", "boat")
    assert things.labels.tolist() == [0, 1]
    np.testing.assert_allclose(things.boxes, [[3.5, 6, 20.5, 30], [0, 0, 1, 2]])  # as annotated, not of the mask
    assert things.masks[1].sum() == 2 and things.masks[1, :2, 0].all()
    assert example.facts["captions"] == ["a person", "somebody"]
    assert [a["c"] for a in example.facts["crowds"]] == [5]
    assert example.facts["crowd_classes"] == ["airplane"]
    crowds = example.truth("crowds")
    assert crowds.classes == ("airplane",) and crowds.masks.sum() == 9
    nothing = read(made, "coco", "train")[1].truth("instances")
    assert len(nothing) == 0 and nothing.masks.shape == (0, 36, 48) and nothing.boxes.shape == (0, 4)


def test_panoptic_labels_and_things(made):
    example = first(made, "panoptic")
    labels, things = example.truth("labels"), example.truth("instances")
    assert [labels.classes[i] if i >= 0 else None for i in labels.ids[[0, 13, 25, 35], [0, 0, 0, 0]]] == [
        "tree", "person", "person", None,
    ]  # fmt: skip
    assert labels.mask("person")[13].all(), "the crowd is of the class"
    assert [things.classes[i] for i in things.labels] == ["person", "person"], "neither crowd nor stuff nor nothing"
    assert things.boxes.tolist() == [[0, 12, 24, 24], [0, 24, 48, 30]]
    crowds = example.truth("crowds")
    assert [crowds.classes[i] for i in crowds.labels] == ["person"]
    assert not (crowds.masks.any(0) & things.masks.any(0)).any()
    assert example.facts["crowd_classes"] == ["person"]


def test_persons_have_a_mask_and_some_have_joints(made):
    one, two = read(made, "persons", "train")
    assert one.truth("instances").boxes.tolist() == [[4, 6, 20, 30]]
    assert "keypoints" not in two.truths
    joints = one.truth("keypoints")
    assert joints.names[1] == "left eye"
    assert joints.visible.tolist() == [False, True, True, False, True, True, False]
    assert np.isnan(joints.xy[~joints.visible]).all()
    np.testing.assert_allclose(joints.xy[1], [11, 10])


def test_six_points_of_a_face(made):
    face = first(made, "faces").truth("keypoints")
    assert face.names == tuple(FACE_POINTS)
    np.testing.assert_allclose(face.xy[0], [np.mean(range(36, 42)) / 2, np.mean(range(36, 42)) / 4])
    np.testing.assert_allclose(face.xy[2], [15, 7.5])  # the tip of the nose is point 31, counted from 1
    np.testing.assert_allclose(face.xy[5], [4, 2])  # the chin is point 9
    assert face.visible.all()


def test_points_without_a_third_number_are_seen():
    read_points = keypoints([[1, 2], [3, 4, 0]], ("a", "b"), (10, 8))
    assert read_points.visible.tolist() == [True, False]
    assert read_points.size == (10, 8)


def test_words_are_facts(made):
    assert first(made, "captions").facts["captions"] == ["a dog", "it runs"]
    assert first(made, "refer", "dev_test").facts["expressions"][0]["text"] == "the left cup"
    assert [e.photo.parent.name for e in read(made, "photos", "train")] == ["food", "rooms"]


# ---- the real folder, where it is


README = {  # shared/data/README-photos.md and README-labelled.md: photos of each split
    "nyu": {"train": 795, "test_dev": 327},
    "camvid": {"train": 367, "val": 101, "test_dev": 117},
    "bsds": {"train": 200, "val": 100},
    "ade20k": {"train": 1507, "dev_test": 234},
    "kitti": {"train": 116, "dev_test": 26},
    "panoptic": {"train": 134, "dev_test": 38},
    "coco": {"train": 228, "dev_test": 68},
    "persons": {"train": 251, "dev_test": 60},
    "pose": {"train": 369, "dev_test": 65},
    "faces": {"train": 156, "dev_test": 43},
    "faceparts": {"train": 275, "dev_test": 72},
    "people": {"train": 477, "dev_test": 179},
    "portraits": {"train": 195, "dev_test": 69},
    "salient": {"train": 432, "dev_test": 99},
    "animals": {"train": 451, "dev_test": 114},
    "mattes": {"dev_test": 18},
    "refer": {"dev_test": 156},
    "captions": {"train": 1198, "dev_test": 84},
    "photos": {"train": 493},
}


@pytest.mark.parametrize("name", SETS)
def test_the_real_sets_are_as_their_readme_says(name, excerpts):
    for split, count in README[name].items():
        found = read(excerpts, name, split)
        assert len(found) == count
        assert len({e.id for e in found}) == count
        for example in found[:: max(1, count // 3)]:
            with Image.open(example.photo) as image:
                size = image.size
            for key in example.truths:
                assert example.truth(key).size == size


def test_real_instances_are_counted_as_the_readme_counts_them(excerpts):
    for split, count in (("train", 2095), ("dev_test", 630)):
        things = [len(e.facts["annotations"]) + len(e.facts["crowds"]) for e in read(excerpts, "coco", split)]
        assert sum(things) == count


def test_real_boxes_agree_with_their_masks(excerpts):
    overlaps = []
    for example in read(excerpts, "coco", "dev_test")[::6]:
        things = example.truth("instances")
        for box, stored in zip(boxes_around(things.masks), things.boxes, strict=True):
            if min(stored[2:] - stored[:2]) > 8:
                low, high = np.maximum(box[:2], stored[:2]), np.minimum(box[2:], stored[2:])
                shared = np.prod(np.maximum(high - low, 0))
                overlaps.append(shared / (np.prod(box[2:] - box[:2]) + np.prod(stored[2:] - stored[:2]) - shared))
    assert len(overlaps) > 20
    assert np.median(overlaps) > 0.85


def test_real_indoor_depth_has_the_percentiles_of_the_readme(excerpts):
    rows, columns = readers.NYU_CROP
    metres = [e.truth("depth").metres[rows, columns][::4, ::4] for e in read(excerpts, "nyu", "test_dev")[::4]]
    found = np.percentile(metres, [5, 25, 50, 75, 95])
    np.testing.assert_allclose(found, [1.10, 1.80, 2.47, 3.28, 5.36], rtol=0.08)


def test_real_normals_are_those_of_the_data_makers_script(excerpts):
    spec = importlib.util.spec_from_file_location("make_normals", excerpts / "nyu" / "make_normals.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    example = first(excerpts, "nyu", "test_dev")
    with Image.open(example.photo.parents[1] / "depth" / f"{example.id}.png") as image:
        theirs, _ = script.normals(np.asarray(image))
    ours = example.truth("normals")
    np.testing.assert_allclose(ours.to_opencv()[ours.valid], theirs[ours.valid], atol=1e-5)


def test_real_floors_point_up(excerpts):
    ups = []
    for example in read(excerpts, "nyu", "test_dev")[::20]:
        normals, labels = example.truth("normals"), example.truth("labels13")
        floor = labels.mask("floor") & normals.valid
        if floor.sum() > 3000:
            ups.append(np.median(normals.xyz[floor], axis=0))
    assert len(ups) >= 3
    assert np.median(ups, axis=0)[1] > 0.85


def test_real_left_is_left(excerpts):
    """The person's own left: on pictures of faces it lies to the right, for most of frontal faces."""
    face = [e.truth("keypoints").xy for e in read(excerpts, "faces", "dev_test")]
    assert np.mean([points[1, 0] > points[0, 0] for points in face]) > 0.95
    assert np.mean([points[5, 1] > points[2, 1] > points[0, 1] for points in face]) > 0.95


def test_the_index_names_every_real_split(excerpts):
    found = {r["split"] for r in json.loads((excerpts / "ade20k" / "index.json").read_text())["images"]}
    assert found == set(README["ade20k"])

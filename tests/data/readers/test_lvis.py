"""LVIS v1 beside COCO's photos."""

from __future__ import annotations

import numpy as np
import pytest
from set_trees import BOX, HIGH, WIDE, filled, knows_its_splits, photo, put, refuses

from plantain.data.readers import read

CATEGORIES = [
    {"id": 2, "name": "alarm_clock", "synset": "alarm_clock.n.01", "frequency": "f"},
    {"id": 1, "name": "aerosol_can", "synset": "aerosol.n.02", "frequency": "c"},
    {"id": 31, "name": "bow_(weapon)", "synset": "bow.n.04", "frequency": "r"},
]


def picture(number, folder, absent, partly):
    url = f"http://images.cocodataset.org/{folder}/{number:012d}.jpg"
    own = {"id": number, "coco_url": url, "width": WIDE, "height": HIGH}
    return own | {"neg_category_ids": absent, "not_exhaustive_category_ids": partly}


@pytest.fixture
def root(tmp_path):
    images = [picture(446522, "val2017", [31], []), picture(30, "train2017", [], [2])]
    rows = [{"id": 1, "image_id": 30, "category_id": 31, "segmentation": [BOX], "bbox": [1, 1, 4, 3], "area": 12.0}]
    put(tmp_path / "lvis_v1_val.json", {"images": images, "annotations": rows, "categories": CATEGORIES})
    photo(tmp_path / "val2017/000000446522.jpg")
    photo(tmp_path / "train2017/000000000030.jpg")
    return tmp_path


def test_photos_lie_where_coco_has_them(root):
    one, two = read("lvis", root, "val")
    assert (one.id, one.photo) == ("30", root / "train2017/000000000030.jpg")
    assert (two.id, two.photo) == ("446522", root / "val2017/000000446522.jpg")


def test_things_and_what_the_federated_score_needs(root):
    one, two = read("lvis", root, "val")
    things = one.truth("instances")
    assert things.classes == ("aerosol can", "alarm clock", "bow (weapon)")
    assert [things.classes[i] for i in things.labels] == ["bow (weapon)"]
    np.testing.assert_allclose(things.boxes, [[1, 1, 5, 4]])
    assert np.array_equal(things.masks[0], filled(BOX))
    assert one.facts["not_exhaustive"] == ("alarm clock",) and one.facts["absent"] == ()
    assert two.facts["absent"] == ("bow (weapon)",)
    assert one.facts["frequency"] == {"aerosol can": "c", "alarm clock": "f", "bow (weapon)": "r"}
    assert one.facts["annotations"][0]["area"] == 12.0


def test_the_file_may_lie_in_annotations(root):
    (root / "annotations").mkdir()
    (root / "lvis_v1_val.json").rename(root / "annotations/lvis_v1_val.json")
    assert len(read("lvis", root, "val")) == 2


def test_a_wrong_folder(root, tmp_path):
    refuses("lvis", tmp_path / "none", "val", "lvis_v1_val.json", "train2017/")
    (root / "train2017/000000000030.jpg").unlink()
    refuses("lvis", root, "val", "train2017/000000000030.jpg", "lvis_v1_{train,val}.json")
    knows_its_splits("lvis", root)

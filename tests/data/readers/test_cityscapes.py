"""Cityscapes in its official folder."""

from __future__ import annotations

import numpy as np
import pytest
from set_trees import halves, knows_its_splits, photo, put, refuses

from plantain.data.excerpts import png
from plantain.data.readers import read
from plantain.data.readers.cityscapes import CLASSES, EVALUATED
from plantain.eval.metrics.labels import CITYSCAPES_IDS, CITYSCAPES_NAMES, Cityscapes

STEMS = ("lindau_000001_000019", "frankfurt_000001_000019", "frankfurt_000000_000294")


@pytest.fixture
def root(tmp_path):
    labels = halves(7, 26)
    labels[0] = 9  # parking: labelled, but ignored
    labels[1, :2] = 0
    things = labels.astype(np.uint16)
    things[2:4, 4:6], things[4:, 4:], things[1, 7] = 26001, 26000, 24  # two cars; a group of cars; persons, a group
    for stem in STEMS:
        city = stem.split("_")[0]
        photo(tmp_path / f"leftImg8bit/val/{city}/{stem}_leftImg8bit.png")
        put(tmp_path / f"gtFine/val/{city}/{stem}_gtFine_labelIds.png", labels)
        put(tmp_path / f"gtFine/val/{city}/{stem}_gtFine_instanceIds.png", things)
    photo(tmp_path / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png")
    return tmp_path


def test_photos_of_all_cities_in_order(root):
    examples = read("cityscapes", root, "val")
    assert [e.id for e in examples] == sorted(STEMS)
    assert [e.facts["city"] for e in examples] == ["frankfurt", "frankfurt", "lindau"]
    assert all(e.photo.name == f"{e.id}_leftImg8bit.png" and e.photo.exists() for e in examples)


def test_labels_are_the_19_classes(root):
    labels = read("cityscapes", root, "val")[0].truth("labels")
    assert len(labels.classes) == 19
    assert (labels.ids[0] == -1).all() and (labels.ids[1, :2] == -1).all()
    assert labels.mask("road")[2:, :4].all() and labels.mask("car")[2:, 4:].all()


def test_the_classes_are_those_of_the_metric():
    assert tuple(EVALUATED) == CITYSCAPES_IDS
    assert tuple(CITYSCAPES_NAMES[i] for i in CITYSCAPES_IDS) == CLASSES


def test_things_and_groups(root):
    example = read("cityscapes", root, "val")[0]
    things, groups = example.truth("instances"), example.truth("crowds")
    assert things.classes == ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
    assert [things.classes[i] for i in things.labels] == ["car", "car"]
    assert things.boxes.tolist() == [[4, 4, 8, 6], [4, 2, 6, 4]]  # by number: 26000, then 26001
    assert [groups.classes[i] for i in groups.labels] == ["person", "car"]
    assert groups.masks.sum((1, 2)).tolist() == [1, 3 + 2 * 2]


def test_the_official_scorer_finds_its_arrays(root):
    example = read("cityscapes", root, "val")[0]
    labels, things = png(example.facts["label_ids"]), png(example.facts["instance_ids"])
    metric = Cityscapes()
    scores = metric.reduce([metric.measure(labels, (labels, things))])
    assert scores["miou"] == scores["iiou"] == 1


def test_of_the_test_photos_nothing_is_known(root):
    (example,) = read("cityscapes", root, "test")
    assert example.id == "berlin_000000_000019"
    assert not example.truths and set(example.facts) == {"city"}


def test_a_wrong_folder(root, tmp_path):
    refuses("cityscapes", tmp_path / "none", "val", "leftImg8bit/val/*/*_leftImg8bit.png", "gtFine/{train,val}/")
    gone = root / "gtFine/val/lindau/lindau_000001_000019_gtFine_instanceIds.png"
    gone.unlink()
    refuses("cityscapes", root, "val", str(gone), "gtFine/{train,val}/")
    knows_its_splits("cityscapes", root)

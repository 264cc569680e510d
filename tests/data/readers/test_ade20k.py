"""ADE20K in its official folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from set_trees import halves, knows_its_splits, photo, put, refuses

import golden
from plantain.data.readers import read
from plantain.errors import PhotoError
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.ceiling import ceiling
from plantain.vocabularies import ADE20K_150

NAMES = """Idx\tRatio\tTrain\tVal\tName
1\t0.1576\t11664\t1172\twall
2 \t0.1072\t6046\t612\tbuilding, edifice
3\t0.08\t8265\t796\tbed\x20
"""


@pytest.fixture
def root(tmp_path):
    stored = halves(2, 3)
    stored[0] = 0
    for number in (10, 2):
        photo(tmp_path / f"ADEChallengeData2016/images/validation/ADE_val_{number:08d}.jpg")
        put(tmp_path / f"ADEChallengeData2016/annotations/validation/ADE_val_{number:08d}.png", stored)
    put(tmp_path / "ADEChallengeData2016/objectInfo150.txt", NAMES)
    return tmp_path / "ADEChallengeData2016"


def test_labels_by_their_first_names(root):
    examples = read("ade20k", root, "validation")
    assert [e.id for e in examples] == ["ADE_val_00000002", "ADE_val_00000010"]
    labels = examples[0].truth("labels")
    assert labels.classes == ("wall", "building", "bed")
    assert (labels.ids[0] == -1).all() and labels.mask("building")[1:, :4].all() and labels.mask("bed")[1:, 4:].all()
    assert examples[0].facts["synonyms"]["building"] == ("building", "edifice")


def test_the_folder_around_is_as_good(root):
    assert [e.photo for e in read("ade20k", root.parent, "validation")] == [
        e.photo for e in read("ade20k", root, "validation")
    ]


def test_the_highest_class_is_the_last(root):
    put(root / "annotations/validation/ADE_val_00000002.png", np.full((6, 8), 150, np.uint8))
    assert (read("ade20k", root, "validation")[0].truth("labels").ids == 149).all()


def test_a_wrong_folder(root, tmp_path):
    refuses("ade20k", tmp_path / "none", "validation", "images/validation/*.jpg", "objectInfo150.txt")
    refuses("ade20k", root, "training", "images/training/*.jpg", "objectInfo150.txt")
    (root / "annotations/validation/ADE_val_00000010.png").unlink()
    refuses("ade20k", root, "validation", "annotations/validation/ADE_val_00000010.png", "objectInfo150.txt")
    knows_its_splits("ade20k", root)


def test_another_list_of_classes(root):
    put(root / "objectInfo150.txt", "Idx\tName\n1\twall\n3\tsky\n")
    with pytest.raises(PhotoError, match="number the classes from 1"):
        read("ade20k", root, "validation")


# ---- the official names. Source of golden/ade20k_names.txt: CSAILVision/sceneparsing, objectInfo150.txt, column Name


@pytest.fixture
def official(tmp_path):
    """A folder whose objectInfo150.txt has the official names, and a photo with nine classes, each of which a cut to
    the first word calls by another name or the name of another class."""
    names = (Path(golden.__file__).parent / "ade20k_names.txt").read_text().splitlines()
    rows = [f"{number}\t0.0\t0\t0\t{name}" for number, name in enumerate(names, 1)]
    put(tmp_path / "objectInfo150.txt", "Idx\tRatio\tTrain\tVal\tName\n" + "\n".join(rows) + "\n")
    classes = np.array([[45, 57, 59], [65, 76, 110], [131, 137, 142]], np.uint8)
    put(tmp_path / "annotations/validation/ADE_val_00000001.png", np.kron(classes, np.ones((64, 64), np.uint8)))
    photo(tmp_path / "images/validation/ADE_val_00000001.jpg", (192, 192))
    return tmp_path


def test_the_vocabulary_is_that_of_the_official_file(official):
    (example,) = read("ade20k", official, "validation")
    assert example.truth("labels").classes == ADE20K_150
    assert len(set(ADE20K_150)) == 150
    assert [ADE20K_150[i - 1] for i in (59, 65, 76, 131, 137, 142)] == [
        "screen door", "coffee table", "swivel chair", "screen", "traffic light", "crt screen",
    ]  # fmt: skip


def test_an_oracle_is_right_on_every_class_that_is_there(official):
    scores = ceiling(BENCHMARKS["ade20k/classes"], read("ade20k", official, "validation"), draws=2)
    assert scores["failed"] == 0
    there = [scores["parts"][f"iou:{ADE20K_150[i - 1]}"] for i in (45, 57, 59, 65, 76, 110, 131, 137, 142)]
    assert there == [1.0] * 9
    assert scores["scores"]["accuracy"][0] == 1

"""ADE20K in its official folder."""

from __future__ import annotations

import numpy as np
import pytest
from set_trees import halves, knows_its_splits, photo, put, refuses

from plantain.data.readers import read
from plantain.errors import PhotoError

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

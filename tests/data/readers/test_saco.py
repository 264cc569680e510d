"""SA-Co Gold and Silver: annotation files as sam3's README describes them."""

from __future__ import annotations

import numpy as np
import pytest
from set_trees import HIGH, WIDE, image, knows_its_splits, photo, put, rectangle, refuses, run_lengths

from plantain.data.readers import read
from plantain.data.readers.saco import GOLD, SILVER
from plantain.errors import PhotoError
from plantain.eval.metrics.concepts import Annotated, Concepts, Predicted

LEFT, RIGHT = rectangle(0, 0, 4, 6), rectangle(6, 3, 8, 6)
CHILI, FISH = 10000000, 10000001
PLACE = "1/1001/metaclip_1_1001_c12.jpeg"


def row(number, pair, mask, box, crowd=0):
    own = {"id": number, "image_id": pair, "segmentation": run_lengths(mask), "bbox": box, "category_id": 1}
    return own | {"area": float(mask.mean()), "iscrowd": crowd, "source": "manual"}


def book(rows, exhaustive=(1, 1), pairs=(FISH, CHILI)):
    words = {CHILI: "chili", FISH: "the fish ball"}
    known = dict(zip(sorted(pairs), exhaustive, strict=True))
    images = [
        image(pair, PLACE, text_input=words[pair], is_instance_exhaustive=known[pair], is_pixel_exhaustive=1)
        for pair in pairs
    ]
    return {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "object"}]}


BOXES = {"left": [0.0, 0.0, 0.5, 1.0], "right": [0.75, 0.5, 0.25, 0.5]}  # shares of 8 and of 6 pixels
A = book([row(1, CHILI, LEFT, BOXES["left"]), row(2, CHILI, RIGHT, BOXES["right"])])
B = book([row(1, CHILI, LEFT | RIGHT, [0, 0, 1, 1], crowd=1)], exhaustive=(0, 1))
C = book([row(1, CHILI, LEFT, BOXES["left"]), row(2, FISH, RIGHT, BOXES["right"])])


@pytest.fixture
def gold(tmp_path):
    for letter, content in zip("abc", (A, B, C), strict=True):
        put(tmp_path / f"gt-annotations/gold_fg_food_merged_{letter}_release_test.json", content)
    photo(tmp_path / "metaclip-images" / PLACE)
    return tmp_path


def test_a_pair_of_photo_and_phrase_is_an_example(gold):
    chili, fish = read("saco-gold", gold, "fg_food")
    assert (chili.id, fish.id) == (f"fg_food-{CHILI}", f"fg_food-{FISH}")
    assert (chili.facts["phrase"], fish.facts["phrase"]) == ("chili", "the fish ball")
    assert chili.photo == fish.photo == gold / "metaclip-images" / PLACE
    assert (chili.source, chili.split, chili.facts["pair"]) == ("saco-gold", "fg_food", CHILI)


def test_each_annotator_has_a_truth(gold):
    chili, fish = read("saco-gold", gold, "fg_food")
    assert chili.facts["annotators"] == ("instances", "instances-b", "instances-c") == tuple(chili.truths)
    first = chili.truth("instances")
    assert first.classes == ("chili",) and first.labels.tolist() == [0, 0]
    assert np.array_equal(first.masks, np.stack([LEFT, RIGHT]))
    np.testing.assert_allclose(first.boxes, [[0, 0, 4, 6], [6, 3, 8, 6]])
    assert [len(chili.truth(name)) for name in chili.facts["annotators"]] == [2, 0, 1], "crowds are left out"
    assert chili.facts["crowds"] == (0, 1, 0)
    assert [len(fish.truth(name)) for name in fish.facts["annotators"]] == [0, 0, 1]
    assert fish.truth("instances").masks.shape == (0, HIGH, WIDE)
    assert fish.facts["present"] == (False, False, True)
    assert chili.facts["exhaustive"] == (True, False, True) and fish.facts["exhaustive"] == (True, True, True)


def test_the_official_scorer_finds_its_annotators(gold):
    rows, metric = [], Concepts()
    for example in read("saco-gold", gold, "fg_food"):
        truths = [example.truth(name).masks for name in example.facts["annotators"]]
        marked = [Annotated(m, e) for m, e in zip(truths, example.facts["exhaustive"], strict=True)]
        rows.append(metric.measure(Predicted(truths[-1], np.ones(len(truths[-1]))), marked))
    assert [bool(one["counted"]) for one in rows] == [False, True]
    assert metric.reduce(rows)["pmf1"] == pytest.approx(1, abs=1e-3)


def test_annotators_who_answered_unlike_questions(gold):
    one_pair = book([], exhaustive=(1,), pairs=(CHILI,))
    put(gold / "gt-annotations/gold_fg_food_merged_c_release_test.json", one_pair)
    with pytest.raises(PhotoError, match=r"_c_release_test\.json has other pairs"):
        read("saco-gold", gold, "fg_food")


def test_sa1b_has_photos_of_its_own(gold):
    for letter in "abc":
        put(gold / f"gt-annotations/gold_sa1b_merged_{letter}_release_test.json", A)
    refuses("saco-gold", gold, "sa1b", f"sa1b-images/{PLACE}", "metaclip-images/")
    photo(gold / "sa1b-images" / PLACE)
    assert len(read("saco-gold", gold, "sa1b")) == 2


@pytest.mark.parametrize("subset", SILVER)
def test_silver_has_one_annotator(subset, tmp_path):
    name = "silver_fathomnet_test.json" if subset == "fathomnet" else f"silver_{subset}_merged_test.json"
    put(tmp_path / "gt-annotations" / name, A)
    photo(tmp_path / SILVER[subset] / PLACE)
    chili, fish = read("saco-silver", tmp_path, subset)
    assert chili.facts["annotators"] == ("instances",) and chili.facts["exhaustive"] == (True,)
    assert len(chili.truth("instances")) == 2 and len(fish.truth("instances")) == 0


def test_seven_and_ten_subsets():
    assert (len(GOLD), len(SILVER)) == (7, 10)


def test_a_wrong_folder(gold, tmp_path):
    refuses(
        "saco-gold", tmp_path / "none", "crowded", "gold_crowded_merged_a_release_test.json", "subsets: metaclip, sa1b"
    )
    refuses("saco-silver", tmp_path / "none", "nga_art", "silver_nga_art_merged_test.json", "subsets: bdd100k")
    (gold / "gt-annotations/gold_fg_food_merged_b_release_test.json").unlink()
    refuses("saco-gold", gold, "fg_food", "gold_fg_food_merged_b_release_test.json", "three annotators")
    knows_its_splits("saco-gold", gold)
    knows_its_splits("saco-silver", gold)

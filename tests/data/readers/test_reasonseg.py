"""ReasonSeg in its official folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from set_trees import HIGH, WIDE, knows_its_splits, photo, put, rectangle, refuses

from plantain.data.readers import read
from plantain.data.readers.reasonseg import drawn
from plantain.errors import PhotoError
from plantain.eval.metrics.referring import Referring


def shape(label, x0, y0, x1, y1):
    """A rectangle with its border: pixels x0..x1 and y0..y1; fractions are dropped."""
    points = [[x0 + 0.9, y0], [x1, y0 + 0.9], [x1, y1], [x0, y1]]
    return {"label": label, "points": points, "shape_type": "polygon"}


SHAPES = [
    shape("target", 2, 2, 3, 3),
    shape("ignore", 0, 0, 5, 4),
    shape("flag", 0, 0, 7, 5),
    shape("Target", 6, 5, 7, 5),
]


@pytest.fixture
def root(tmp_path):
    for stem, texts in (("9_b", [" Which one barks? ", "the dog"]), ("10_a", ["the pet"])):
        photo(tmp_path / f"ReasonSeg/val/{stem}.jpg")
        put(tmp_path / f"ReasonSeg/val/{stem}.json", {"text": texts, "is_sentence": len(texts) > 1, "shapes": SHAPES})
    return tmp_path / "ReasonSeg"


def test_texts_and_ids(root):
    question, phrase = read("reasonseg", root, "val")
    assert (question.id, phrase.id) == ("9_b", "10_a")
    assert question.facts["expression"] == "Which one barks?"
    assert question.facts["texts"] == ["Which one barks?", "the dog"]
    assert question.facts["is_sentence"] and not phrase.facts["is_sentence"]
    assert question.photo == read("reasonseg", root.parent, "val")[0].photo, "the folder around is as good"


def test_small_shapes_lie_on_large_ones(root):
    example = read("reasonseg", root, "val")[0]
    mask, ignored = example.truth("mask"), example.truth("ignored")
    target = rectangle(2, 2, 4, 4) | rectangle(6, 5, 8, 6)
    assert mask.names == ("Which one barks?",)
    assert np.array_equal(mask.masks[0], target)
    assert np.array_equal(ignored.masks[0], rectangle(0, 0, 6, 5) & ~target)


def test_a_large_target_under_a_small_ignored_part():
    values = drawn([shape("ignore", 1, 1, 2, 2), shape("target", 0, 0, 4, 4)], WIDE, HIGH)
    assert values[1, 1] == values[2, 2] == 255 and values[0, 0] == values[4, 4] == 1 and values[5, 5] == 0
    assert not drawn([], WIDE, HIGH).any()


def test_the_official_scorer_finds_its_mask(root):
    example = read("reasonseg", root, "val")[0]
    mask, ignored = example.truth("mask").masks[0], example.truth("ignored").masks[0]
    metric = Referring()
    row = metric.measure(mask | ignored, np.where(ignored, 255, mask).astype(np.uint8))
    assert row["overlap"] == row["union"] == mask.sum() == 6


def test_windows_letters(root):
    text = json.dumps({"text": ["the caf\xe9"], "is_sentence": False, "shapes": []}, ensure_ascii=False)
    (root / "val/10_a.json").write_bytes(text.encode("cp1252"))
    assert read("reasonseg", root, "val")[1].facts["expression"] == "the caf\xe9"


def test_a_wrong_folder(root, tmp_path):
    refuses("reasonseg", tmp_path / "none", "val", "val/*.jpg", "is_sentence")
    refuses("reasonseg", root, "test", "test/*.jpg", "is_sentence")
    put(root / "val/9_b.json", "{")
    with pytest.raises(PhotoError, match="cannot be read as JSON"):
        read("reasonseg", root, "val")
    put(root / "val/9_b.json", {"shapes": []})
    with pytest.raises(PhotoError, match="no text, is_sentence and shapes"):
        read("reasonseg", root, "val")
    (root / "val/9_b.json").unlink()
    refuses("reasonseg", root, "val", "val/9_b.json", "is_sentence")
    knows_its_splits("reasonseg", root)

"""What all readers of published sets share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from set_trees import halves, photo, put

from plantain.data.base import Example
from plantain.data.readers import READERS, read
from plantain.data.readers.base import (
    Layout,
    first_missing,
    in_order,
    instances_of,
    natural,
    need,
    read_json,
    step_in,
)
from plantain.errors import PhotoError, UnknownName, UsageError
from plantain.predictions.boxes import boxes_around

LAYOUT = Layout("Toys", "toys/\n  {a,b}/1.png\n", ("{split}/*.png", "names.txt"), ("a", "b"))


def test_the_first_missing_file_is_named_and_the_tree_is_shown(tmp_path):
    with pytest.raises(PhotoError) as caught:
        LAYOUT.check(tmp_path, "a")
    assert str(caught.value) == (
        f"this is no folder of Toys: {tmp_path}/a/*.png is missing; wanted\ntoys/\n  {{a,b}}/1.png"
    )
    photo(tmp_path / "a" / "7.png")
    with pytest.raises(PhotoError, match=r"names\.txt is missing"):
        LAYOUT.check(tmp_path, "a")
    put(tmp_path / "names.txt", "")
    LAYOUT.check(tmp_path, "a")
    with pytest.raises(PhotoError, match=r"b/\*\.png is missing"):
        LAYOUT.check(tmp_path, "b")
    with pytest.raises(UnknownName, match="unknown split 'c'"):
        LAYOUT.check(tmp_path, "c")


def test_first_missing_goes_by_order_and_takes_patterns_and_paths(tmp_path):
    put(tmp_path / "x" / "1.txt", "")
    assert first_missing(tmp_path, ["x", "x/*.txt", tmp_path / "x" / "1.txt"]) is None
    assert first_missing(tmp_path, ["x/*.txt", "x/2.txt", "y"]) == tmp_path / "x" / "2.txt"
    assert need(tmp_path / "x", LAYOUT) == tmp_path / "x"
    with pytest.raises(PhotoError, match=r"y is missing"):
        need(tmp_path / "y", LAYOUT)


def test_a_relative_path_is_not_taken_twice(tmp_path, monkeypatch):
    """`conftest.py` has every reader read by a relative path too."""
    photo(tmp_path / "rel" / "toys" / "a" / "7.png")
    put(tmp_path / "rel" / "toys" / "names.txt", "")
    monkeypatch.chdir(tmp_path)
    LAYOUT.check(Path("rel/toys"), "a")
    assert need(Path("rel/toys/a/7.png"), LAYOUT) == Path("rel/toys/a/7.png")
    with pytest.raises(PhotoError) as caught:
        need(Path("rel/toys/a/8.png"), LAYOUT)
    assert "Toys: rel/toys/a/8.png is missing" in str(caught.value)


def test_one_of_several_names(tmp_path):
    put(tmp_path / "new.json", {})
    assert LAYOUT.either(tmp_path, "old.json", "new.json") == tmp_path / "new.json"
    with pytest.raises(PhotoError, match=r"old\.json is missing"):
        LAYOUT.either(tmp_path, "old.json", "older.json")


def test_the_folder_around_is_as_good(tmp_path):
    (tmp_path / "BSR" / "data").mkdir(parents=True)
    assert step_in(tmp_path, "BSR", "BSDS500", "data") == tmp_path / "BSR" / "data"
    assert step_in(tmp_path / "BSR" / "data", "BSR", "BSDS500", "data") == tmp_path / "BSR" / "data"


def test_broken_json_and_another_json(tmp_path):
    assert read_json(put(tmp_path / "a.json", {"images": [1]}), "images") == {"images": [1]}
    with pytest.raises(PhotoError, match="cannot be read as JSON"):
        read_json(put(tmp_path / "b.json", '{"images": ['))
    with pytest.raises(PhotoError, match="has no 'annotations'"):
        read_json(tmp_path / "a.json", "images", "annotations")
    with pytest.raises(PhotoError, match="cannot be read"):
        read_json(tmp_path / "none.json")


def test_ids_are_in_order_and_unlike(tmp_path):
    def examples(*ids):
        return [Example("toys", id, tmp_path / id, "a") for id in ids]

    assert [e.id for e in in_order(examples("10", "9", "100"), LAYOUT)] == ["9", "10", "100"]
    assert [e.id for e in in_order(examples("b10", "b9", "a20"), LAYOUT)] == ["a20", "b9", "b10"]
    with pytest.raises(PhotoError, match="two pictures of the id '9'"):
        in_order(examples("9", "10", "9"), LAYOUT)
    with pytest.raises(PhotoError, match="has no picture"):
        in_order([], LAYOUT)
    assert natural("") == [""]


def test_boxes_end_after_the_last_pixel():
    masks = np.stack([halves(0, 1), halves(0, 0), halves(1, 1)]).astype(bool)
    assert boxes_around(masks).tolist() == [[4, 0, 8, 6], [0, 0, 0, 0], [0, 0, 8, 6]]
    assert boxes_around(masks[:0]).shape == (0, 4)


def test_things_without_masks_have_their_photos_size():
    boxes = instances_of(None, [1], ("cat", "dog"), (8, 6), np.array([[1, 2, 3, 4]]))
    assert boxes.size == (8, 6) and boxes.masks is None and boxes.boxes.dtype == np.float32
    assert len(instances_of(None, [], ("cat",), (8, 6))) == 0


def test_the_table_names_every_set(tmp_path):
    assert {"cityscapes", "ade20k", "coco", "lvis", "refcocog", "reasonseg", "saco-gold", "bsds500"} <= set(READERS)
    with pytest.raises(UnknownName, match="did you mean 'cityscapes'"):
        read("cityscape", tmp_path, "val")


@pytest.mark.parametrize("name", READERS)
def test_an_empty_folder_is_refused_with_the_layout(name, tmp_path):
    """Every row of the table, also those that others add."""
    splits = ("val", "validation", "test", "1600", "basic", "metaclip", "bdd100k", "all", "mini", "train")
    seen = []
    for split in splits:
        try:
            READERS[name](tmp_path, split)
        except UsageError:  # no such split, or one that needs a list
            continue
        except PhotoError as error:
            seen.append(str(error))
    assert seen, f"no split of {name} is known here"
    for message in seen:
        first, _, tree = message.partition("\n")
        assert str(tmp_path) in first and "is missing" in first
        assert tree.strip()

"""RefCOCO, RefCOCO+ and RefCOCOg in the folder of lichengunc/refer."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from set_trees import BOX, filled, image, knows_its_splits, photo, put, rectangle, refuses, run_lengths

from plantain.data.readers import read
from plantain.data.readers.refer import read_pickle
from plantain.errors import PhotoError, TruthError

PHOTOS = "images/mscoco/images/train2014"
FOLDERS = {
    "refcoco": ("refcoco", "unc", "testA"),
    "refcoco+": ("refcoco+", "unc", "testB"),
    "refcocog": ("refcocog", "umd", "test"),
}


def sentence(number, text):
    return {"sent_id": number, "raw": text, "sent": text, "tokens": text.split()}


def ref(number, picture, annotation, split, *sentences):
    own = {"ref_id": number, "image_id": picture, "ann_id": annotation, "category_id": 1, "split": split}
    return own | {"file_name": f"x_{annotation}.jpg", "sentences": list(sentences), "sent_ids": []}


@pytest.fixture
def root(tmp_path):
    names = [f"COCO_train2014_{number:012d}.jpg" for number in (581857, 9)]
    for name in names:
        photo(tmp_path / PHOTOS / name)
    whole = rectangle(2, 1, 5, 3)
    rows = [
        {"id": 40, "image_id": 581857, "category_id": 1, "segmentation": [BOX], "bbox": [1, 1, 4, 3], "area": 12.5},
        {
            "id": 41,
            "image_id": 9,
            "category_id": 1,
            "segmentation": run_lengths(whole),
            "bbox": [2, 1, 3, 2],
            "area": 6,
        },
    ]
    book = {"images": [image(581857, names[0]), image(9, names[1])], "annotations": rows}
    book["categories"] = [{"id": 1, "name": "person"}]
    for folder, by, split in FOLDERS.values():
        refs = [
            ref(0, 581857, 40, split, sentence(12, " THE lady in blue "), sentence(3, "left one")),
            ref(1, 9, 41, split, sentence(20, "boy")),
            ref(2, 9, 41, "train", sentence(21, "never this")),
        ]
        put(tmp_path / folder / "instances.json", book)
        (tmp_path / folder / f"refs({by}).p").write_bytes(pickle.dumps(refs, protocol=0))
    return tmp_path


@pytest.mark.parametrize("name", FOLDERS)
def test_one_example_an_expression(name, root):
    examples = read(name, root, FOLDERS[name][2])
    assert [e.id for e in examples] == ["3", "12", "20"]
    assert [e.facts["expression"] for e in examples] == ["left one", "the lady in blue", "boy"]
    assert examples[0].photo == examples[1].photo == root / PHOTOS / "COCO_train2014_000000581857.jpg"
    assert {e.source for e in examples} == {name}


def test_masks_and_facts(root):
    left, _, boy = read("refcoco", root, "testA")
    mask = left.truth("mask")
    assert mask.names == ("left one",)
    assert np.array_equal(mask.masks[0], filled(BOX))
    assert np.array_equal(boy.truth("mask").masks[0], rectangle(2, 1, 5, 3))
    assert boy.facts["box"] == (2, 1, 5, 3) and left.facts["area"] == 12.5
    assert (left.facts["ref_id"], left.facts["ann_id"], left.facts["image_id"]) == (0, 40, 581857)
    assert left.facts["category"] == "person"


def test_a_wrong_folder(root, tmp_path):
    refuses("refcocog", tmp_path / "none", "val", "refcocog/refs(umd).p", PHOTOS)
    refuses("refcoco", root / "refcoco", "val", "refcoco/refs(unc).p", PHOTOS)
    (root / PHOTOS / "COCO_train2014_000000000009.jpg").unlink()
    refuses("refcoco", root, "testA", "COCO_train2014_000000000009.jpg", "instances.json")
    knows_its_splits("refcoco", root)
    with pytest.raises(PhotoError, match="no picture in this split"):
        read("refcoco", root, "testB")


# ---- pickles


class Evil:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_something_is_refused_before_it_does(protocol, tmp_path):
    path = tmp_path / "refs(unc).p"
    path.write_bytes(pickle.dumps([Evil(tmp_path / "made")], protocol))
    with pytest.raises(PhotoError, match="mkdir, and plain data never does"):
        read_pickle(path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("asks", [b"cbuiltins\neval\n(S'1'\ntR.", b"c__builtin__\ngetattr\n.", b"cos\nsystem\n."])
def test_dangerous_builtins_are_refused(asks, tmp_path):
    (tmp_path / "a.p").write_bytes(asks)
    with pytest.raises(PhotoError, match="plain data never does"):
        read_pickle(tmp_path / "a.p")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_read(protocol, tmp_path):
    data = [{"a": 1, "b": (2.5, None, True, "é")}, {3, 4}, [10**30]]
    (tmp_path / "a.p").write_bytes(pickle.dumps(data, protocol))
    assert read_pickle(tmp_path / "a.p") == data


def test_texts_of_python_2_are_read(tmp_path):
    (tmp_path / "a.p").write_bytes(b"\x80\x02}q\x00U\x04sentq\x01U\x05caf\xc3\xa9q\x02s.")
    assert read_pickle(tmp_path / "a.p") == {"sent": "café"}
    (tmp_path / "b.p").write_bytes(b"\x80\x02U\x04caf\xe9.")
    assert read_pickle(tmp_path / "b.p") == "caf\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("broken", [b"", b"no pickle", b"\x80\x02]q\x00", b"\x80\x63."])
def test_a_broken_pickle(broken, tmp_path):
    (tmp_path / "a.p").write_bytes(broken)
    with pytest.raises(PhotoError, match="not the published file"):
        read_pickle(tmp_path / "a.p")


def test_an_object_without_a_mask_is_named(root):
    import json

    path = root / "refcoco/instances.json"
    book = json.loads(path.read_text())
    book["annotations"][0]["segmentation"] = [[1, 1, 5, 4]]
    put(path, book)
    examples = {example.id: example for example in read("refcoco", root, "testA")}
    with pytest.raises(TruthError, match=r"refcoco/instances\.json: annotation id 40 of COCO_train2014.*no mask"):
        examples["3"].truth("mask")
    assert examples["20"].truth("mask").masks.any()
    book["annotations"] = book["annotations"][1:]
    put(path, book)
    with pytest.raises(PhotoError, match=r"instances\.json: the list of annotations has no 40"):
        read("refcoco", root, "testA")

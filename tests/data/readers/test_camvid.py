"""CamVid in its own folder and in SegNet's."""

from __future__ import annotations

import numpy as np
import pytest
from set_trees import HIGH, WIDE, halves, knows_its_splits, photo, put, refuses

from plantain.data.readers import read
from plantain.data.readers.camvid import CLASSES, MERGED, read_colors, split_of
from plantain.errors import PhotoError
from plantain.vocabularies import CAMVID_11

# The 32 lines of CamVid's label_colors.txt
COLOURS = """\
64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\t\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\t\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\t\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\t\tTrafficCone
0 64 64\t\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\t\tTunnel
192 192 0\tVegetationMisc
0 0 0\t\tVoid
64 192 0\tWall
"""
STEMS = {"train": ("0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08640"),
         "val": ("0016E5_07959", "0016E5_08159"),
         "test": ("0001TP_008550", "Seq05VD_f00000")}  # fmt: skip


@pytest.fixture
def root(tmp_path):
    rgb = np.zeros((HIGH, WIDE, 3), np.uint8)
    for row, colour in enumerate([(128, 128, 128), (64, 192, 0), (128, 0, 192), (0, 0, 0), (1, 2, 3), (192, 0, 192)]):
        rgb[row] = colour  # Sky, Wall, LaneMkgsDriv, Void, no class at all, MotorcycleScooter
    for stem in sum(STEMS.values(), ()):
        photo(tmp_path / f"701_StillsRaw_full/{stem}.png")
        put(tmp_path / f"LabeledApproved_full/{stem}_L.png", rgb)
    put(tmp_path / "label_colors.txt", COLOURS)
    return tmp_path


@pytest.mark.parametrize("split", STEMS)
def test_the_split_is_segnets(split, root):
    assert [e.id for e in read("camvid", root, split)] == list(STEMS[split])


def test_real_frames_are_of_the_split_of_segnets_lists(excerpts):
    """The excerpt folder has SegNet's split: 367, 101, and half of the test frames."""
    for split, folder in {"train": "train", "val": "val", "test": "test_dev"}.items():
        stems = [path.stem for path in (excerpts / "camvid" / folder / "images").glob("*.jpg")]
        assert len(stems) > 100 and {split_of(stem) for stem in stems} == {split}


def test_32_classes_become_11(root):
    example = read("camvid", root, "val")[0]
    labels = example.truth("labels")
    assert labels.classes == CLASSES == CAMVID_11
    assert [labels.classes[i] if i >= 0 else None for i in labels.ids[:, 0]] == [
        "sky", "building", "road", None, None, "bicyclist",
    ]  # fmt: skip
    every = example.truth("labels32")
    assert len(every.classes) == 31 and "Void" not in every.classes
    assert [every.classes[i] if i >= 0 else None for i in every.ids[:, 3]] == [
        "Sky", "Wall", "LaneMkgsDriv", None, None, "MotorcycleScooter",
    ]  # fmt: skip


def test_every_class_but_void_is_merged_into_one(root):
    merged = [name for names in MERGED.values() for name in names]
    assert sorted(merged) == sorted(set(read_colors(root / "label_colors.txt")) - {"Void"})


def test_another_colour_file(root):
    put(root / "label_colors.txt", "name,r,g,b\nSky,1,2,3\n")
    with pytest.raises(PhotoError, match="red, green, blue and a class name"):
        read("camvid", root, "val")


def test_segnets_folder(tmp_path):
    for stem in ("0016E5_08011", "0016E5_07959"):
        photo(tmp_path / f"val/{stem}.png")
        put(tmp_path / f"valannot/{stem}.png", halves(3, 11))
    examples = read("camvid-segnet", tmp_path, "val")
    assert [e.id for e in examples] == ["0016E5_07959", "0016E5_08011"]
    labels = examples[0].truth("labels")
    assert labels.classes == CAMVID_11
    assert labels.mask("road")[:, :4].all() and (labels.ids[:, 4:] == -1).all()
    refuses("camvid-segnet", tmp_path, "test", "test/*.png", "{train,val,test}annot/")
    (tmp_path / "valannot/0016E5_08011.png").unlink()
    refuses("camvid-segnet", tmp_path, "val", "valannot/0016E5_08011.png", "{train,val,test}annot/")
    knows_its_splits("camvid-segnet", tmp_path)


def test_a_wrong_folder(root, tmp_path):
    refuses("camvid", tmp_path / "none", "val", "701_StillsRaw_full/*.png", "LabeledApproved_full/")
    (root / "LabeledApproved_full/0016E5_08159_L.png").unlink()
    refuses("camvid", root, "val", "LabeledApproved_full/0016E5_08159_L.png", "701_StillsRaw_full/")
    knows_its_splits("camvid", root)

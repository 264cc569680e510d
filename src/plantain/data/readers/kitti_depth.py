"""KITTI depth, Eigen's test split: 697 photographs of which 652 have a truth.

read_kitti_depth(root, "test")
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from plantain.data.base import Example
from plantain.data.excerpts import depth
from plantain.data.readers._surfaces import words
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import PhotoError, UsageError

LAYOUT = Layout(
    "KITTI depth",
    """\
eigen_test_files_with_gt.txt    697 lines: photo, truth or None, focal length (github.com/cleinc/bts, train_test_inputs)
raw/2011_09_26/calib_cam_to_cam.txt
raw/2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png
data_depth_annotated/val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png    or .../train/...
""",
)
ANNOTATED = ("data_depth_annotated/val", "data_depth_annotated/train", "gts")  # KITTI's two folders; as in BTS


def read_kitti_depth(root: Path, split: str = "test", *, listing: Path | None = None) -> list[Example]:
    """Photographs with depth in metres (16-bit PNG / 256, 0 = unknown) and the fact `focal_px` from the calibration.

    `listing` names the photos and truths of another split, in the form of eigen_test_files_with_gt.txt; lines whose
    truth is None are left out, as everywhere. Neither crop nor cap is applied: they belong to the metric. Raises
    PhotoError where a file is missing.
    """
    if split != "test" and listing is None:
        raise UsageError(f"KITTI's split {split!r} has no list of its own; give listing=, or split 'test'")
    names = need(listing or root / "eigen_test_files_with_gt.txt", LAYOUT)
    rows = words(names)
    if broken := [row for row in rows if len(row) < 2 or len(Path(row[0]).parts) < 5]:
        raise PhotoError(f"{names} has the line {' '.join(broken[0])!r}; wanted: photo, truth or None, focal length")
    return in_order((_example(root, row[0], row[1], split) for row in rows if row[1] != "None"), LAYOUT)


def _example(root: Path, photo: str, truth: str, split: str) -> Example:
    date, drive, camera, data, name = Path(photo).parts[-5:]
    path = need(root / "raw" / date / drive / camera / data / name, LAYOUT)
    metres = LAYOUT.either(root, *(f"{folder}/{truth}" for folder in ANNOTATED))
    facts = {"focal_px": _focal(root / "raw" / date / "calib_cam_to_cam.txt", camera)}
    number = Path(name).stem
    return Example(
        "kitti-depth", f"{drive}_{camera}_{number}", path, split, {"depth": partial(depth, metres, 256.0)}, facts
    )


def _focal(path: Path, camera: str) -> float:
    """fx of the rectified camera: the first number of P_rect_02 for image_02. Source: KITTI raw data, devkit readme."""
    key = f"P_rect_{camera[-2:]}:"
    for row in words(need(path, LAYOUT)):
        if row[0] == key:
            return float(row[1])
    raise PhotoError(f"{path} has no line {key}; take the calibration of the raw data from cvlibs.net")

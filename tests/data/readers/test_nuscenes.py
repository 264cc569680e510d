"""nuScenes in miniature: two scenes, one car, two cameras; LiDAR points whose pixels are worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from depth_trees import lazy, picture, refused

from plantain.data.readers.nuscenes import CAMERAS, VAL, read_nuscenes
from plantain.errors import PhotoError, UnknownName

HALF = 0.5**0.5
WIDE, HIGH = 32, 24
QUARTER = [HALF, 0, 0, HALF]  # the car, and what is mounted as it stands, looks along the world's y
FORWARD = [0.5, -0.5, 0.5, -0.5]  # a camera that looks along the car's x: its x is the car's -y, its y the car's -z
# The LiDAR stands at (1, 0, 2) in the car and the camera at (1.5, 0, 1.5); between their shots the car, which looks
# along the world's y, drives 1 m from (100, 50) to (100, 51). A point at (11.5, -1, -1) of the LiDAR is at
# (12.5, -1, 1) of the car then, (101, 62.5, 1) of the world, (11.5, -1, 1) of the car at the camera's moment, and so
# at (1, 0.5, 10) of the camera: with f = 20 and centre (16, 12) in column 16 + 2 = 18, row 12 + 1 = 13.
POINTS = [
    (11.5, -1.0, -1.0),
    (22.5, -2.0, -1.5),  # (2, 1, 20) of the camera: the same pixel, behind
    (6.5, 0.5, -0.25),  # (-0.5, -0.25, 5): column 14, row 11
    (2.0, 0.0, -0.5),  # (0, 0, 0.5): nearer than 1 m
    (-8.5, 0.0, -0.5),  # (0, 0, -10): behind the camera
    (11.5, 7.4, -0.5),  # (-7.4, 0, 10): column 1.2, which is 1
    (11.5, 7.6, -0.5),  # (-7.6, 0, 10): column 0.8, in the margin
]


def table(root, version, name, rows):
    path = root / version / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=0))


def row(token, **more):
    return {"token": token, **more}


@pytest.fixture
def tree(tmp_path):
    version = "v1.0-mini"
    for name, rows in {
        "scene": [row("s1", name="scene-0103"), row("s2", name="scene-0061")],
        "sample": [row("k1", scene_token="s1", timestamp=5), row("k2", scene_token="s2", timestamp=6)],
        "sensor": [row(f"sensor {c}", channel=c) for c in ("LIDAR_TOP", "CAM_FRONT", "CAM_BACK")],
        "calibrated_sensor": [mount("LIDAR_TOP", [1, 0, 2], [1, 0, 0, 0], []),
                              mount("CAM_FRONT", [1.5, 0, 1.5], FORWARD, [[20, 0, 16], [0, 20, 12], [0, 0, 1]]),
                              mount("CAM_BACK", [0, 0, 1.5], FORWARD, [[10, 0, 16], [0, 10, 12], [0, 0, 1]])],
        "ego_pose": [row("then", rotation=QUARTER, translation=[100, 50, 0]),
                     row("now", rotation=QUARTER, translation=[100, 51, 0]),
                     row("never", rotation=QUARTER, translation=[0, 0, 0])],
    }.items():  # fmt: skip
        table(tmp_path, version, name, rows)
    shots = [shot(s, channel) for s in ("k1", "k2") for channel in ("LIDAR_TOP", "CAM_FRONT", "CAM_BACK")]
    between = shot("k1", "CAM_FRONT") | {"token": "between", "is_key_frame": False, "ego_pose_token": "never"}
    table(tmp_path, version, "sample_data", [*shots, between])
    for one in shots:
        path = tmp_path / one["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            picture(path, WIDE, HIGH)
        else:
            np.array([(*point, 7, 1) for point in POINTS], "<f4").tofile(path)
    return tmp_path


def mount(channel, translation, rotation, camera):
    more = {"translation": translation, "rotation": rotation, "camera_intrinsic": camera}
    return row(f"mount {channel}", sensor_token=f"sensor {channel}", **more)


def shot(sample, channel):
    lidar = channel == "LIDAR_TOP"
    name = f"samples/{channel}/n008__{channel}__{sample}.{'pcd.bin' if lidar else 'jpg'}"
    return row(f"{sample} {channel}", sample_token=sample, calibrated_sensor_token=f"mount {channel}", filename=name,
               ego_pose_token="then" if lidar else "now", is_key_frame=True, width=WIDE * (not lidar),
               height=HIGH * (not lidar))  # fmt: skip


def test_points_fall_where_they_should(tree):
    (example,) = read_nuscenes(tree, "mini_val")
    assert example.id == "n008__CAM_FRONT__k1"
    assert example.facts == {"focal_px": 20.0, "camera": "CAM_FRONT", "scene": "scene-0103"}
    depth = example.truth("depth")
    assert depth.size == (WIDE, HIGH)
    assert np.argwhere(depth.valid).tolist() == [[11, 14], [12, 1], [13, 18]]
    np.testing.assert_allclose(depth.metres[depth.valid], [5, 10, 10], rtol=1e-6)


def test_points_on_the_car_by_its_limit(tree):
    (example,) = read_nuscenes(tree, "mini_val", near_m=0.25)
    assert example.truth("depth").metres[12, 16] == pytest.approx(0.5)


def test_splits_cameras_and_scenes(tree):
    assert [e.facts["scene"] for e in read_nuscenes(tree, "mini_train")] == ["scene-0061"]
    two = read_nuscenes(tree, "mini_val", cameras=CAMERAS)
    assert [e.facts["camera"] for e in two] == ["CAM_BACK", "CAM_FRONT"]
    assert [e.facts["scene"] for e in read_nuscenes(tree, "mini_val", scenes=["scene-0061"])] == ["scene-0061"]
    with pytest.raises(PhotoError, match="nuScenes has no picture in this split"):
        read_nuscenes(tree, "mini_val", scenes=["scene-9999"])


def test_val_is_the_devkits():
    """150 scenes; some that are in and some whose neighbours are."""
    assert len(VAL) == 150
    assert {"scene-0003", "scene-0018", "scene-0103", "scene-0916", "scene-1073"} <= VAL
    assert not {"scene-0004", "scene-0037", "scene-0628", "scene-0801", "scene-0918", "scene-1074"} & VAL


def test_what_is_missing_is_named(tree, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    refused(lambda: read_nuscenes(empty, "val"), empty / "v1.0-trainval", "samples/LIDAR_TOP/n015")
    examples = read_nuscenes(tree, "mini_val")
    sweep = tree / "samples/LIDAR_TOP/n008__LIDAR_TOP__k1.pcd.bin"
    sweep.unlink()
    lazy(examples)
    refused(lambda: read_nuscenes(tree, "mini_val"), sweep, "v1.0-trainval/scene.json")
    (tree / "v1.0-mini/sensor.json").write_text("[")
    with pytest.raises(PhotoError, match=r"sensor.json cannot be read"):
        read_nuscenes(tree, "mini_val")
    with pytest.raises(UnknownName, match="unknown camera 'CAM_TOP'"):
        read_nuscenes(tree, "mini_val", cameras=["CAM_TOP"])
    with pytest.raises(UnknownName, match="unknown split 'minival'; did you mean 'mini_val'"):
        read_nuscenes(tree, "minival")

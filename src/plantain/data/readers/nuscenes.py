"""nuScenes: driving pictures of six cameras with the depth of LiDAR points.

read_nuscenes(root, "val")                            # CAM_FRONT of 6,019 key frames
read_nuscenes(root, "mini_val", cameras=CAMERAS)      # all six, of v1.0-mini
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.data.base import Example
from plantain.data.readers._surfaces import depth_of, reading
from plantain.data.readers.base import Layout, in_order, need
from plantain.errors import UnknownName
from plantain.predictions.types import Depth

Row = dict[str, Any]

LAYOUT = Layout(
    "nuScenes",
    """\
v1.0-trainval/scene.json    also sample, sample_data, ego_pose, calibrated_sensor, sensor; v1.0-mini, v1.0-test likewise
samples/CAM_FRONT/n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg
samples/LIDAR_TOP/n015-2018-07-24-11-22-45+0800__LIDAR_TOP__1532402927647951.pcd.bin
""",
)
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
LIDAR = "LIDAR_TOP"
VERSIONS = {"train": "v1.0-trainval", "val": "v1.0-trainval", "test": "v1.0-test", "mini_train": "v1.0-mini",
            "mini_val": "v1.0-mini"}  # fmt: skip
# the 150 scenes of val, first and last numbers of each run; nutonomy/nuscenes-devkit, nuscenes/utils/splits.py
VAL_RUNS = ((3, 3), (12, 18), (35, 36), (38, 39), (92, 110), (221, 221), (268, 278), (329, 332), (344, 346), (519, 524),
            (552, 565), (625, 627), (629, 630), (632, 638), (770, 771), (775, 775), (777, 778), (780, 784), (794, 800),
            (802, 802), (904, 917), (919, 931), (962, 963), (966, 969), (971, 972), (1059, 1073))  # fmt: skip
VAL = frozenset(f"scene-{number:04d}" for first, last in VAL_RUNS for number in range(first, last + 1))
MINI_VAL = frozenset({"scene-0103", "scene-0916"})


def read_nuscenes(
    root: Path, split: str = "val", *, cameras: Sequence[str] = ("CAM_FRONT",), scenes: Collection[str] | None = None,
    near_m: float = 1.0,
) -> list[Example]:  # fmt: skip
    """Key frames with the depth of the LiDAR sweep that belongs to each: sparse, no cap.

    `scenes` names scenes instead of those of the split. Points nearer than `near_m` are left out, as by the devkit
    (they lie on the car itself). Facts: `focal_px`, `camera`, `scene`. Raises PhotoError where a file is missing.
    """
    if split not in VERSIONS:
        raise UnknownName("split", split, VERSIONS)
    if unknown := [name for name in cameras if name not in CAMERAS]:
        raise UnknownName("camera", unknown[0], CAMERAS)
    tables = _read(need(root / VERSIONS[split], LAYOUT), split, {*cameras, LIDAR}, scenes)
    photos = (shot for shot in tables.shots if tables.channel(shot) != LIDAR)
    return in_order((_example(root, tables, shot, split, near_m) for shot in photos), LAYOUT)


@dataclass(frozen=True)
class _Tables:
    """The rows of nuScenes's tables that a split needs, by token. Source: nuscenes-devkit, docs/schema_nuscenes.md."""

    scenes: dict[str, Row]
    samples: dict[str, Row]
    mounts: dict[str, Row]  # calibrated_sensor, with the sensor's channel
    poses: dict[str, Row]
    shots: list[Row]  # sample_data
    sweeps: dict[str, Row]  # those of the LiDAR, by the token of their sample

    def channel(self, shot: Row) -> str:
        return str(self.mounts[shot["calibrated_sensor_token"]]["channel"])

    def sample(self, shot: Row) -> Row:
        return self.samples[shot["sample_token"]]

    def to_world(self, shot: Row) -> Float[np.ndarray, "4 4"]:
        """From the sensor, by its place on the car and the car's place at that moment, to the world."""
        return placed(self.poses[shot["ego_pose_token"]]) @ placed(self.mounts[shot["calibrated_sensor_token"]])


def _read(folder: Path, split: str, channels: set[str], scenes: Collection[str] | None) -> _Tables:
    read = partial(_table, folder)
    wanted = read("scene", lambda row: _chosen(row["name"], split, scenes))
    samples = read("sample", lambda row: row["scene_token"] in wanted)
    sensors = read("sensor")
    placements = read("calibrated_sensor")
    mounts = {key: row | {"channel": sensors[row["sensor_token"]]["channel"]} for key, row in placements.items()}
    used = {key for key, row in mounts.items() if row["channel"] in channels}
    shots = read("sample_data", lambda row: row["is_key_frame"] and row["calibrated_sensor_token"] in used
                 and row["sample_token"] in samples).values()  # fmt: skip
    moments = {shot["ego_pose_token"] for shot in shots}
    poses = read("ego_pose", lambda row: row["token"] in moments)
    sweeps = {s["sample_token"]: s for s in shots if mounts[s["calibrated_sensor_token"]]["channel"] == LIDAR}
    return _Tables(wanted, samples, mounts, poses, list(shots), sweeps)


def _chosen(name: str, split: str, scenes: Collection[str] | None) -> bool:
    if scenes is not None:
        return name in scenes
    held = {"val": VAL, "train": VAL, "mini_val": MINI_VAL, "mini_train": MINI_VAL}.get(split)
    return held is None or (name in held) == split.endswith("val")


def _table(folder: Path, name: str, wanted: Callable[[Row], bool] = lambda row: True) -> dict[str, Row]:
    """The wanted rows by their token; others are dropped while the file is parsed, since some tables have millions."""
    path = need(folder / f"{name}.json", LAYOUT)
    with reading(path), path.open(encoding="utf-8-sig") as file:
        rows = json.load(file, object_hook=lambda row: row if wanted(row) else None)
        return {row["token"]: row for row in rows if row is not None}


def _example(root: Path, tables: _Tables, shot: Row, split: str, near_m: float) -> Example:
    sweep = tables.sweeps[shot["sample_token"]]
    camera = np.array(tables.mounts[shot["calibrated_sensor_token"]]["camera_intrinsic"], np.float64)
    move = np.linalg.inv(tables.to_world(shot)) @ tables.to_world(sweep)
    scene = tables.scenes[tables.sample(shot)["scene_token"]]
    points = need(root / sweep["filename"], LAYOUT)
    truth = partial(lidar_depth, points, move, camera, (shot["width"], shot["height"]), near_m)
    facts = {"focal_px": float(camera[0, 0]), "camera": tables.channel(shot), "scene": scene["name"]}
    photo = need(root / shot["filename"], LAYOUT)
    return Example("nuscenes", photo.stem, photo, split, {"depth": truth}, facts)


def placed(row: Row) -> Float[np.ndarray, "4 4"]:
    """The matrix that takes points of a sensor or car to what its `rotation` (w x y z) and `translation` refer to.

    >>> (placed({"rotation": [0.5**0.5, 0, 0, 0.5**0.5], "translation": [10, 0, 0]}) @ [3, 2, 1, 1]).round(6).tolist()
    [8.0, 3.0, 1.0, 1.0]
    """
    w, x, y, z = np.array(row["rotation"], np.float64) / np.linalg.norm(row["rotation"])
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, 3] = row["translation"]
    return out


def lidar_depth(
    path: Path, move: Float[np.ndarray, "4 4"], camera: Float[np.ndarray, "3 3"], size: tuple[int, int], near_m: float
) -> Depth:
    """Depth at the pixels on which LiDAR points fall; of several, the nearest. 0 and unknown elsewhere.

    `path`: float32 rows of x, y, z, intensity, ring. `move`: from LiDAR to camera (+x right, +y down, +z forward).
    As in the devkit (nuscenes.py, map_pointcloud_to_image), a margin of one pixel counts as outside.
    """
    with reading(path):
        points = np.fromfile(path, "<f4").reshape(-1, 5)[:, :3].astype(np.float64)
    seen = points @ move[:3, :3].T + move[:3, 3]
    seen = seen[seen[:, 2] > near_m]
    u, v = (seen @ camera.T)[:, :2].T / seen[:, 2]
    width, height = size
    inside = (u > 1) & (u < width - 1) & (v > 1) & (v < height - 1)
    column, row = np.rint(u[inside]).astype(int), np.rint(v[inside]).astype(int)
    metres = np.full((height, width), np.inf)
    np.minimum.at(metres, (row, column), seen[inside, 2])
    return depth_of(metres)

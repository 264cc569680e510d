"""Photographs with depth, seen by a camera that moves: frames, and the true depth of every pixel of them.

A pixel of a new view finds its depth by projecting all points of the photo (z-buffer), and its color by going back from
there into the photo. What no point lands on was hidden behind something: it is filled in for the eye, and its depth is
not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FRAME = 7  # pixels of the white frame around NYU's photographs
MARGIN = 0.9  # of the photo's side that the camera sees at first, so that it can move
FINE = 3  # points along a pixel's side that are projected


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with its depth in metres, the part of it that is scored (left, top, right, bottom), and its camera: focal
    lengths and middle in pixels."""

    name: str
    photo: np.ndarray
    depth: np.ndarray
    scored: tuple[int, int, int, int]
    focal: tuple[float, float]
    middle: tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Where the camera is (metres: right, down, forward) and how it is turned (radians: down, right, clockwise)."""

    place: tuple[float, float, float]
    turn: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class View:
    """A frame, its true depth in metres, and where that is known."""

    pixels: np.ndarray
    depth: np.ndarray
    known: np.ndarray


def nyu(folder: Path, count: int) -> list[Scene]:
    """Photographs of NYU's test half spread over the list, without their white frame."""
    about = json.loads((folder / "nyu" / "meta.json").read_text())
    camera, crop = about["intrinsics_320x240"], about["eval_crop_320x240"]
    scored = tuple(crop[key] - FRAME for key in ("x0", "y0", "x1", "y1"))
    inner = (slice(FRAME, -FRAME), slice(FRAME, -FRAME))
    paths = sorted((folder / "nyu" / "test_dev" / "images").glob("*.jpg"))
    chosen = paths[len(paths) // (2 * count) :: max(1, len(paths) // count)][:count]
    scenes = []
    for path in chosen:
        photo = np.asarray(Image.open(path).convert("RGB"))[inner]
        raw = np.asarray(Image.open(path.parents[1] / "depth" / f"{path.stem}.png"))[inner]
        focal, middle = (camera["fx"], camera["fy"]), (camera["cx"] - FRAME, camera["cy"] - FRAME)
        scenes.append(Scene(path.stem, photo, raw.astype(np.float32) / 1000, scored, focal, middle))
    return scenes


def walk(count: int, seed: int, depth: float) -> list[Pose]:
    """A hand-held camera that goes forward by 8 % of the depth, sways and trembles; smooth, as hands are."""
    chance, t = np.random.default_rng(seed), np.linspace(0, 1, count)
    sway = [chance.uniform(0.7, 1.3, 3) * (0.02 * depth, 0.01 * depth, 0.0), chance.uniform(0, 2 * np.pi, 3)]
    trembling = np.stack([np.convolve(chance.normal(0, 1, count + 12), np.hanning(13) / 6.5, "valid")
                          for _ in range(6)], -1)  # fmt: skip
    place = np.sin(2 * np.pi * t[:, None] * (1.0, 1.7, 0.0) + sway[1]) * sway[0]
    place[:, 2] += 0.08 * depth * t
    place += trembling[:, :3] * 0.002
    turn = np.radians(np.stack([np.sin(4 * t + seed), 2.5 * np.sin(3 * t + 2 * seed), 0.4 * np.sin(5 * t)], -1))
    turn += np.radians(0.06) * trembling[:, 3:]
    return [Pose(tuple(p), tuple(r)) for p, r in zip(place.tolist(), turn.tolist(), strict=True)]


def turned(turn: tuple[float, float, float]) -> np.ndarray:
    """The rotation matrix of a pose (x right, y down, z forward)."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(turn), np.cos(turn)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return about_x @ about_y @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])


def view(scene: Scene, pose: Pose, size: tuple[int, int]) -> View:
    """The scene from a pose, at a size (width, height)."""
    import cv2

    height, width = scene.depth.shape
    matrix, place = turned(pose.turn), np.array(pose.place)
    scale = np.array([size[0] / (MARGIN * width), size[1] / (MARGIN * height)])
    focal, middle = np.array(scene.focal) * scale, np.array(size) / 2
    rows, columns = (np.arange(FINE * side) / FINE + 0.5 / FINE - 0.5 for side in (height, width))
    u, v = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    z = cv2.remap(scene.depth, u, v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    points = np.stack([(u - scene.middle[0]) / scene.focal[0] * z, (v - scene.middle[1]) / scene.focal[1] * z, z], -1)
    seen = (points - place) @ matrix
    at = np.rint(seen[..., :2] / seen[..., 2:] * focal + middle - 0.5).astype(int)
    inside = (at >= 0).all(-1) & (at < size).all(-1) & (seen[..., 2] > 0.1)
    nearest = np.full(size[0] * size[1], np.inf)
    np.minimum.at(nearest, at[inside][:, 1] * size[0] + at[inside][:, 0], seen[inside][:, 2])
    depth = nearest.reshape(size[1], size[0]).astype(np.float32)
    known = np.isfinite(depth)
    x, y = _sources(scene, depth, known, matrix, place, focal, middle)
    made = cv2.remap(scene.photo, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    pixels = filled(made, known)
    left, top, right, bottom = scene.scored
    known &= (x >= left) & (x <= right - 1) & (y >= top) & (y <= bottom - 1)
    return View(pixels, np.where(known, depth, 0), known)


def filled(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Unknown pixels as the mean of what is known around them, from the border of the known inwards."""
    import cv2

    colors, there = np.where(known[..., None], pixels, 0).astype(np.float32), known.astype(np.float32)
    while not there.all():
        near, mean = cv2.blur(there, (3, 3)), cv2.blur(colors, (3, 3))
        new = (there == 0) & (near > 0)
        colors[new], there[new] = mean[new] / near[new][:, None], 1
    return np.rint(colors).clip(0, 255).astype(np.uint8)


def _sources(
    scene: Scene, depth: np.ndarray, known: np.ndarray, matrix: np.ndarray, place: np.ndarray, focal: np.ndarray,
    middle: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Where each pixel of a view lies in the photo."""
    rows, columns = np.indices(depth.shape, dtype=np.float32)
    z = np.where(known, depth, 1)
    rays = np.stack([(columns + 0.5 - middle[0]) / focal[0], (rows + 0.5 - middle[1]) / focal[1], np.ones_like(z)], -1)
    world = (rays * z[..., None]) @ matrix.T + place
    x = world[..., 0] / world[..., 2] * scene.focal[0] + scene.middle[0]
    y = world[..., 1] / world[..., 2] * scene.focal[1] + scene.middle[1]
    return x.astype(np.float32), y.astype(np.float32)


def views(scenes: list[Scene], frames: int, size: tuple[int, int], noise: float = 1.5) -> Iterator[View]:
    """Every scene for `frames` frames, one after the other, with the noise of a sensor (levels)."""
    for number, scene in enumerate(scenes):
        chance = np.random.default_rng(number)
        for pose in walk(frames, number, float(np.median(scene.depth))):
            made = view(scene, pose, size)
            noisy = made.pixels + chance.normal(0, noise, made.pixels.shape)
            yield View(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), made.depth, made.known)

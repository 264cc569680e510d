"""The control of the study: a plain U-Net with one head a task, trained by `plantain train unet_cpu` and its like.

plantain.load("unet", weights="runs/unet/onnx")
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from PIL import Image

from plantain._shapes import Float, UInt8
from plantain.models.painters.embedded import MEAN, STD, Embedded, VisionEncoder, session
from plantain.models.painters.grids import PATCH, grid
from plantain.models.specialists.base import Specialist, located
from plantain.models.specialists.outputs import (
    DepthOutput,
    EdgeOutput,
    KeypointOutput,
    LabelOutput,
    MatteOutput,
    NormalsOutput,
    SpecialistOutput,
)
from plantain.predictions.types import Alpha, Depth, Edges, Keypoints, Normals, Prediction
from plantain.vocabularies import ADE_150, CAMVID_11, LSP_14, NYU_13


@dataclass(frozen=True)
class Head:
    """One head: what its channels are, their names, and how much a pixel that is on outweighs one that is off."""

    kind: Literal["log", "vectors", "classes", "soft"]
    channels: int
    names: tuple[str, ...] = ()
    rare: float = 1.0


HEADS: Mapping[str, Head] = MappingProxyType({
    "metric-depth": Head("log", 1),
    "normals": Head("vectors", 3),
    "nyu-13": Head("classes", 13, NYU_13),
    "camvid": Head("classes", 11, CAMVID_11),
    "ade20k": Head("classes", 150, ADE_150),
    "person": Head("soft", 1, ("person",)),
    "main object": Head("soft", 1, ("main object",)),
    "edges": Head("soft", 1, rare=4.0),
    "joints": Head("soft", 14, LSP_14, rare=40.0),
})  # fmt: skip


class UNet(Specialist):
    """Answers each task by its head; classes by the head that knows most of them."""

    name = "unet"
    supported_tasks: Mapping[str, str] = MappingProxyType({
        "metric-depth": "metres", "relative-depth": "depth up to scale and shift", "normals": "unit normals",
        "semantic": "NYU's 13, CamVid's 11 and ADE20K's 150 classes", "refer": "person and main object",
        "matte": "person and main object", "edges": "strength 0..1", "keypoints": "LSP's 14 joints of one person",
    })  # fmt: skip

    def __init__(self, weights: str | Path | None = None, threads: int | None = None) -> None:
        super().__init__()
        self.weights, self.threads = located(weights, "unet.onnx", self.name), threads
        about = json.loads(self.weights.with_name("unet.json").read_text())
        self.name = "unet-reader" if about["reader"] else "unet"
        self.reads = bool(about["reader"])

    @cached_property
    def network(self) -> Any:
        assert self.weights is not None
        return session(self.weights, self.threads)

    @cached_property
    def encoder(self) -> VisionEncoder:
        return Embedded(threads=self.threads).encoder

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> Heads:
        rows, columns = grid(photo.shape[1], photo.shape[0])
        small = np.asarray(Image.fromarray(photo).resize((columns * PATCH, rows * PATCH), Image.Resampling.BICUBIC))
        blank = np.zeros((1, 1 + rows * columns, 1536), np.float32)
        taps = self.encoder.features(small[None]) if self.reads else blank
        planes = ((small.astype(np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)[None]
        maps = self.network.run(None, {"photo": np.ascontiguousarray(planes), "taps": taps})
        size = (photo.shape[1], photo.shape[0])
        return Heads({name: large(v[0], size) for name, v in zip(HEADS, maps, strict=True)})


@dataclass(frozen=True, eq=False)
class Heads:
    """The maps (c h w) of every head at the photo's size."""

    maps: Mapping[str, Float[np.ndarray, "c h w"]]

    def answer(self, task: Any) -> Prediction:
        return self.output(task).answer(task)

    def output(self, task: Any) -> SpecialistOutput:
        """That of the head that the kind of answer wants."""
        if issubclass(task.kind, Depth):
            return DepthOutput(np.exp(self.maps["metric-depth"][0]), "metric")
        if issubclass(task.kind, Normals):
            return NormalsOutput(self.maps["normals"].transpose(1, 2, 0))
        if issubclass(task.kind, Edges):
            return EdgeOutput(sigmoid(self.maps["edges"][0]))
        if issubclass(task.kind, Keypoints):
            return spots(sigmoid(self.maps["joints"]))
        if issubclass(task.kind, Alpha):
            name = "main object" if "object" in task.queries[0] else "person"
            return MatteOutput(sigmoid(self.maps[name][0]), name)
        return vocabulary(self.maps, task.queries)


def vocabulary(maps: Mapping[str, np.ndarray], asked: tuple[str, ...]) -> LabelOutput:
    """The classes of the head that knows most of what is asked, chosen among these alone."""
    head = max(("nyu-13", "camvid", "ade20k"), key=lambda name: sum(c in HEADS[name].names for c in asked))
    names = HEADS[head].names
    among = [i for i, name in enumerate(names) if name in asked] or list(range(len(names)))
    scores = maps[head][among]
    share = np.exp(scores - scores.max(0))
    ids = np.array(among, np.int32)[scores.argmax(0)]
    return LabelOutput(ids, names, share.max(0) / share.sum(0))


def spots(maps: Float[np.ndarray, "c h w"]) -> KeypointOutput:
    """The brightest place of each joint's map."""
    peaks = [np.unravel_index(int(m.argmax()), m.shape) for m in maps]
    xy = np.array([(x + 0.5, y + 0.5) for y, x in peaks], np.float32)
    return KeypointOutput(xy, maps.max((1, 2)).astype(np.float32), LSP_14, maps.shape[1:])


def large(values: Float[np.ndarray, "c h w"], size: tuple[int, int]) -> Float[np.ndarray, "c y x"]:
    """Maps at the photo's (width, height), bilinear."""

    def one(v: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(v.astype(np.float32), mode="F").resize(size, Image.Resampling.BILINEAR))

    return np.stack([one(v) for v in values])


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values.clip(-30, 30))), np.float32)

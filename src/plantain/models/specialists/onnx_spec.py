"""Any ONNX or TFLite file as a specialist, by a short spec; and the specs of small published networks.

name = "my-depth"                    # spec.toml; plantain.load("file", spec="spec.toml")
file = "my_depth.onnx"
reads = "depth"                      # what comes out, see READERS

[feed]                               # how a photo goes in, see tensors.Feed
size = [256, 192]
mean = [0.485, 0.456, 0.406]
spread = [0.229, 0.224, 0.225]

[about]                              # what the reader needs to know
unit = 0.01                          # metres a unit
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, UnknownName, UsageError
from plantain.files import read_text
from plantain.models.specialists.base import Specialist, located
from plantain.models.specialists.outputs import Classes, Lines, Points, Seen, Slopes, Soft, Surface, Things
from plantain.models.specialists.tensors import IMAGENET, Feed, Network
from plantain.predictions.boxes import nms
from plantain.vocabularies import COCO_17, COCO_THINGS, VOC_21

LIKELY = 0.01  # boxes below this score are not kept: average precision needs the unsure ones too
DOUBLE = 0.6


@dataclass(frozen=True)
class Spec:
    """A network file: how photos go in (`feed`), what comes out (`reads`, a key of READERS) and what the reader needs
    to know of it: `unit` (metres a unit), `classes`, `thing`, `output` (which one), `frame` of normals."""

    name: str
    file: str
    reads: str
    feed: Feed
    unit: float | None = None
    classes: tuple[str, ...] = ()
    thing: str = ""
    output: int = 0
    frame: str = "opengl"

    def __post_init__(self) -> None:
        if self.reads not in READERS:
            raise UnknownName("reader of outputs", self.reads, READERS)
        wanted = READERS[self.reads].wants
        if wanted and not getattr(self, wanted):
            raise UsageError(f"the spec of {self.name} reads {self.reads}, so it must say {wanted!r}")

    @classmethod
    def load(cls, path: str | Path) -> Spec:
        """From a TOML file. UsageError for a file that is none, or says what no spec has."""
        try:
            said = tomllib.loads(read_text(Path(path)))
        except OSError as error:
            raise UsageError(f"no spec at {path}; give a .toml file that says name, file, reads and [feed]") from error
        except ValueError as error:
            raise UsageError(f"{path} is no TOML ({error})") from error
        flat = {**said, **said.pop("about", {})}
        flat.pop("about", None)
        try:
            feed = Feed(**_tuples(flat.pop("feed")))
            spec = cls(feed=feed, **_tuples(flat))
        except KeyError as error:
            raise UsageError(f"{path} has no [feed], which says how a photo goes in") from error
        except TypeError as error:
            names = ", ".join(f.name for f in (*fields(cls), *fields(Feed)))
            raise UsageError(f"{path} is no spec ({error}); it may say: {names}") from error
        return spec


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    """TOML's lists as tuples, at any depth."""
    return {k: _tupled(v) for k, v in said.items()}


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


class File(Specialist):
    """A network file with its spec. `spec`: a TOML file or a Spec; `weights`: where the network lies, when not beside
    the spec."""

    def __init__(self, spec: str | Path | Spec | None = None, *, weights: str | Path | None = None,
                 threads: int | None = None) -> None:  # fmt: skip
        super().__init__()
        if spec is None:
            raise UsageError("a network file needs a spec: plantain.load('file', spec='my_depth.toml')")
        self.spec = spec if isinstance(spec, Spec) else Spec.load(spec)
        beside = None if isinstance(spec, Spec) else Path(spec).parent
        self.weights, self.threads = located(weights or beside, self.spec.file, self.spec.name), threads
        self.name = self.spec.name
        self.reader = READERS[self.spec.reads]
        self.supported_tasks = {
            task: words.format(spec=self.spec) for task, words in self.reader.supported_tasks.items()
        }
        if self.spec.reads == "depth" and self.spec.unit is None:
            self.supported_tasks = {"relative-depth": "depth up to scale and shift"}

    @cached_property
    def network(self) -> Network:
        assert self.weights is not None
        return Network(self.weights, self.threads)

    def see(self, photo: UInt8[np.ndarray, "h w 3"]) -> Seen:
        outputs = self.network(self.spec.feed.tensor(photo, self.network.kind))
        if self.spec.output >= len(outputs):
            raise PainterError(f"{self.name} has {len(outputs)} outputs, its spec asks for number {self.spec.output}")
        return self.reader.read(outputs, self.spec, (photo.shape[1], photo.shape[0]))


# ---- outputs -> what was seen


def depth(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    values = spec.feed.map_back(plane(outputs[spec.output]), photo)
    return Surface(values * (spec.unit or 1.0), "metric" if spec.unit else "affine")


def inverse_depth(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    """Disparity: large is near. Disparity up to scale and shift is no depth up to scale and shift, so the far end is
    held at a tenth of the range above zero."""
    near = spec.feed.map_back(plane(outputs[spec.output]), photo)
    low, high = np.percentile(near, (1, 99))
    return Surface(1 / ((near - low) / max(high - low, 1e-9) + 0.1).clip(0.1), "affine")


def normals(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    xyz = outputs[spec.output].squeeze()
    xyz = xyz if xyz.shape[0] == 3 else xyz.transpose(2, 0, 1)
    flip = {"opengl": (1, 1, 1), "opencv": (1, -1, -1), "dsine": (-1, 1, 1)}
    if spec.frame not in flip:
        raise UnknownName("frame of normals", spec.frame, flip)
    return Slopes(np.stack([spec.feed.map_back(v, photo) for v in xyz], -1) * np.array(flip[spec.frame], np.float32))


def ids(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    return Classes(spec.feed.ids_back(outputs[spec.output].squeeze().astype(np.int32), photo), spec.classes)


def class_scores(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    scores = outputs[spec.output].squeeze()
    scores = scores if scores.shape[0] == len(spec.classes) else scores.transpose(2, 0, 1)
    maps = np.stack([spec.feed.map_back(v, photo) for v in scores])
    maps = np.exp(maps - maps.max(0))
    return Classes(maps.argmax(0).astype(np.int32), spec.classes, maps.max(0) / maps.sum(0))


def mask(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    return Soft(spec.feed.map_back(plane(outputs[spec.output]), photo), spec.thing)


def mask_stretched(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    """A mask whose least and largest value are brought to 0 and 1, as U-2-Net's own code does."""
    values = plane(outputs[spec.output])
    values = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    return Soft(spec.feed.map_back(values, photo), spec.thing)


def edges(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    return Lines(spec.feed.map_back(plane(outputs[spec.output]), photo))


def points(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    """n x (y, x, score), places 0..1 of the input."""
    found = outputs[spec.output].reshape(-1, 3)
    xy = spec.feed.points_back(found[:, 1::-1] * spec.feed.size, photo)
    return Points(xy.astype(np.float32), found[:, 2], spec.classes, (photo[1], photo[0]))


def yolo(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    """(4 + classes [+ 32]) x n: centre, width and height as shares of the input, class scores, mask coefficients; with
    the latter a second output of 32 prototypes. Source: Ultralytics' YOLOv8 export."""
    rows = outputs[spec.output].squeeze(0).T
    k = len(spec.classes)
    every = rows[:, 4 : 4 + k]
    labels, scores = every.argmax(1), every.max(1)
    centre, half = rows[:, :2] * spec.feed.size, rows[:, 2:4] * spec.feed.size / 2
    boxes = np.concatenate([centre - half, centre + half], 1)
    keep = _kept(boxes, scores, labels)
    if rows.shape[1] == 4 + k:
        return _things(boxes[keep], scores[keep], labels[keep], spec, photo)
    prototypes = next(o for o in outputs if o.ndim == 4).squeeze(0)
    maps = prototypes @ rows[keep, 4 + k :].T  # y x n
    return _things(boxes[keep], scores[keep], labels[keep], spec, photo, maps.transpose(2, 0, 1))


def nanodet(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> Seen:
    """Pairs of class scores (n x classes) and distributions of the four distances (n x 4 x bins), for strides 8, 16 and
    32. Source: NanoDet, arXiv 2006.04388 for the distributions."""
    scores = [o.squeeze(0) for o in outputs if o.shape[-1] == len(spec.classes)]
    spreads = [o.squeeze(0) for o in outputs if o.shape[-1] != len(spec.classes)]
    boxes = []
    for stride, spread in zip((8, 16, 32), sorted(spreads, key=lambda o: -len(o)), strict=True):
        columns = -(-spec.feed.size[0] // stride)
        bins = np.exp(spread.reshape(len(spread), 4, -1))
        away = (bins / bins.sum(-1, keepdims=True)) @ np.arange(bins.shape[-1]) * stride
        y, x = np.divmod(np.arange(len(spread)), columns)
        centre = np.stack([x, y], 1) * stride + 0.5 * (stride - 1)
        boxes.append(np.concatenate([centre - away[:, :2], centre + away[:, 2:]], 1))
    whole = np.concatenate(boxes)
    every = np.concatenate(sorted(scores, key=lambda o: -len(o)))
    labels, best = every.argmax(1), every.max(1)
    keep = _kept(whole, best, labels)
    return _things(whole[keep], best[keep], labels[keep], spec, photo)


def _kept(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The hundred surest boxes without doubles."""
    likely = np.flatnonzero(scores > LIKELY)
    likely = likely[np.argsort(-scores[likely], kind="stable")][:1000]
    return likely[nms(boxes[likely], scores[likely], labels[likely], DOUBLE)[:100]]


def _things(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, spec: Spec, photo: tuple[int, int],
    maps: np.ndarray | None = None,
) -> Things:  # fmt: skip
    """Boxes and masks on the photo; a mask is where its map is above 0, inside its box."""
    corners = spec.feed.points_back(boxes.reshape(-1, 2), photo).reshape(-1, 4)
    corners = corners.clip(0, (photo[0], photo[1], photo[0], photo[1])).astype(np.float32)
    masks = None
    if maps is not None:
        masks = np.zeros((len(corners), photo[1], photo[0]), bool)
        for own, values, box in zip(masks, maps, corners, strict=True):
            x0, y0, x1, y1 = np.floor(box[:2]).astype(int).tolist() + np.ceil(box[2:]).astype(int).tolist()
            own[y0:y1, x0:x1] = (spec.feed.map_back(values, photo) > 0)[y0:y1, x0:x1]
    return Things(
        corners, scores.astype(np.float32), labels.astype(np.int64), spec.classes, (photo[1], photo[0]), masks
    )


def plane(values: np.ndarray) -> np.ndarray:
    """The one map of an output of whatever shape. PainterError where there are several."""
    out = np.asarray(values, np.float32).squeeze()
    if out.ndim != 2:
        raise PainterError(f"a map was expected (height x width), the output has the shape {values.shape}")
    return out


@dataclass(frozen=True)
class Reader:
    """How outputs are read, what may be claimed then, and what the spec must say for it."""

    read: Callable[[list[np.ndarray], Spec, tuple[int, int]], Seen]
    supported_tasks: Mapping[str, str] = field(default_factory=dict)
    wants: str = ""


READERS: dict[str, Reader] = {
    "depth": Reader(depth, {"metric-depth": "metres", "relative-depth": "depth up to scale and shift"}),
    "inverse-depth": Reader(inverse_depth, {"relative-depth": "disparity up to scale and shift"}),
    "normals": Reader(normals, {"normals": "unit normals"}),
    "ids": Reader(ids, {"semantic": "its classes alone", "refer": "one of its classes"}, "classes"),
    "class-scores": Reader(class_scores, {"semantic": "its classes alone", "refer": "one of its classes"}, "classes"),
    "mask": Reader(mask, {"refer": "{spec.thing} alone", "matte": "{spec.thing} alone"}, "thing"),
    "mask-stretched": Reader(mask_stretched, {"refer": "{spec.thing} alone", "matte": "{spec.thing} alone"}, "thing"),
    "edges": Reader(edges, {"edges": "strength 0..1"}),
    "points": Reader(points, {"keypoints": "its own names, one person"}, "classes"),
    "yolo": Reader(yolo, {"detect": "its classes alone"}, "classes"),
    "yolo-masks": Reader(yolo, {name: "its classes alone" for name in ("detect", "instances", "refer")}, "classes"),
    "nanodet": Reader(nanodet, {"detect": "its classes alone"}, "classes"),
}

# ---- small published networks; files and figures: docs/specialists.md

NANODET_MEAN, NANODET_SPREAD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
NYU_FRAME = ((640, 480), (8, 6, 7, 5))  # the white border of NYU's frames, with which METER was trained
KNOWN: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec("meter", "meter_nyu_xxs.onnx", "depth", unit=0.01,
             feed=Feed((256, 192), mean=IMAGENET[0], spread=IMAGENET[1], frame=NYU_FRAME)),
        Spec("deeplab-voc", "deeplabv3_mnv2_pascal_quant.tflite", "ids", classes=VOC_21,
             feed=Feed((513, 513), layout="nhwc")),
        Spec("u2netp", "u2netp.onnx", "mask-stretched", thing="main object",
             feed=Feed((320, 320), mean=IMAGENET[0], spread=IMAGENET[1])),
        Spec("selfie", "selfie_segmentation.tflite", "mask", thing="person", feed=Feed((256, 256), layout="nhwc")),
        Spec("movenet", "movenet_single_pose_lightning_ptq.tflite", "points", classes=COCO_17,
             feed=Feed((192, 192), fit="letterbox", layout="nhwc")),
        Spec("nanodet", "nanodet_m.onnx", "nanodet", classes=COCO_THINGS,
             feed=Feed((416, 416), fit="letterbox", order="bgr", scale=1.0, mean=NANODET_MEAN, spread=NANODET_SPREAD)),
        Spec("yolov8n", "yolov8n_int8.tflite", "yolo", classes=COCO_THINGS,
             feed=Feed((640, 640), fit="letterbox", pad=114, layout="nhwc")),
        Spec("yolov8n-seg", "yolov8n-seg_int8.tflite", "yolo-masks", classes=COCO_THINGS,
             feed=Feed((640, 640), fit="letterbox", pad=114, layout="nhwc")),
    )
}  # fmt: skip


class Known(File):
    """A published network by its name; `weights` is its file, or the folder that it lies in."""

    def __init__(self, name: str, weights: str | Path | None = None, threads: int | None = None) -> None:
        super().__init__(KNOWN[name], weights=weights, threads=threads)

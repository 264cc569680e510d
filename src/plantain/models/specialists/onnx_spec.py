"""Any ONNX or TFLite file as a specialist, by a short spec; and the specs of small published networks.

name = "my-depth"                    # spec.toml; plantain.load("file", spec="spec.toml")
file = "my_depth.onnx"
reads = "depth"                      # what comes out, see PARSERS

[preprocess]                         # how a photo goes in, see tensors.Preprocess
size = [256, 192]
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]

[about]                              # what the parser needs to know
unit = 0.01                          # metres a unit
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, UnknownName, UsageError
from plantain.models.specialists.base import Specialist, located, read_spec
from plantain.models.specialists.outputs import (
    DepthOutput,
    EdgeOutput,
    InstanceOutput,
    KeypointOutput,
    LabelOutput,
    MatteOutput,
    NormalsOutput,
    SpecialistOutput,
    from_disparity,
)
from plantain.models.specialists.tensors import IMAGENET, Network, Preprocess
from plantain.predictions.boxes import nms
from plantain.vocabularies import COCO_17, COCO_THINGS, VOC_21

MIN_SCORE, MAX_IOU = 0.01, 0.6  # of the boxes that are kept: average precision needs those of low scores too


@dataclass(frozen=True)
class Spec:
    """A network file: how photos go in (`preprocess`), what comes out (`reads`, a key of PARSERS) and what the
    parser needs to know of it: `unit` (metres a unit), `classes`, `thing`, `output` (which one), `frame` of normals."""

    name: str
    file: str
    reads: str
    preprocess: Preprocess
    unit: float | None = None
    classes: tuple[str, ...] = ()
    thing: str = ""
    output: int = 0
    frame: str = "opengl"

    def __post_init__(self) -> None:
        if self.reads not in PARSERS:
            raise UnknownName("output parser", self.reads, PARSERS)
        wanted = PARSERS[self.reads].wants
        if wanted and not getattr(self, wanted):
            raise UsageError(f"the spec of {self.name} reads {self.reads}, so it must say {wanted!r}")

    @classmethod
    def load(cls, path: str | Path) -> Spec:
        """From a TOML file. UsageError for a file that is none, or says what no spec has."""
        said = read_spec(path)
        flat = said.pop("about", {}) | said
        try:
            preprocess = Preprocess(**_tuples(flat.pop("preprocess")))
            spec = cls(preprocess=preprocess, **_tuples(flat))
        except KeyError as error:
            raise UsageError(f"{path} has no [preprocess], which says how a photo goes in") from error
        except TypeError as error:
            names = ", ".join(f.name for f in (*fields(cls), *fields(Preprocess)))
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
        self.parser = PARSERS[self.spec.reads]
        self.supported_tasks = {
            task: words.format(spec=self.spec) for task, words in self.parser.supported_tasks.items()
        }
        if self.spec.reads == "depth" and self.spec.unit is None:
            self.supported_tasks = {"relative-depth": "depth up to scale and shift"}

    @cached_property
    def network(self) -> Network:
        assert self.weights is not None
        return Network(self.weights, self.threads)

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        outputs = self.network(self.spec.preprocess.tensor(photo, self.network.kind))
        if self.spec.output >= len(outputs):
            raise PainterError(f"{self.name} has {len(outputs)} outputs, its spec asks for number {self.spec.output}")
        return self.parser.read(outputs, self.spec, (photo.shape[1], photo.shape[0]))


# ---- the arrays of a network -> an output


def depth(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    values = spec.preprocess.map_back(plane(outputs[spec.output]), photo)
    return DepthOutput(values * (spec.unit or 1.0), "metric" if spec.unit else "affine")


def inverse_depth(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    near = spec.preprocess.map_back(plane(outputs[spec.output]), photo)
    return DepthOutput(from_disparity(near), "affine")


def normals(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    xyz = outputs[spec.output].squeeze()
    xyz = xyz if xyz.shape[0] == 3 else xyz.transpose(2, 0, 1)
    flip = {"opengl": (1, 1, 1), "opencv": (1, -1, -1), "dsine": (-1, 1, 1)}
    if spec.frame not in flip:
        raise UnknownName("frame of normals", spec.frame, flip)
    return NormalsOutput(
        np.stack([spec.preprocess.map_back(v, photo) for v in xyz], -1) * np.array(flip[spec.frame], np.float32)
    )


def ids(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    return LabelOutput(spec.preprocess.ids_back(outputs[spec.output].squeeze().astype(np.int32), photo), spec.classes)


def class_scores(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    scores = outputs[spec.output].squeeze()
    scores = scores if scores.shape[0] == len(spec.classes) else scores.transpose(2, 0, 1)
    maps = np.stack([spec.preprocess.map_back(v, photo) for v in scores])
    maps = np.exp(maps - maps.max(0))
    return LabelOutput(maps.argmax(0).astype(np.int32), spec.classes, maps.max(0) / maps.sum(0))


def mask(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    return MatteOutput(spec.preprocess.map_back(plane(outputs[spec.output]), photo), spec.thing)


def mask_stretched(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    """A mask whose least and largest value are brought to 0 and 1, as U-2-Net's own code does."""
    values = plane(outputs[spec.output])
    values = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    return MatteOutput(spec.preprocess.map_back(values, photo), spec.thing)


def edges(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    return EdgeOutput(spec.preprocess.map_back(plane(outputs[spec.output]), photo))


def points(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    """n x (y, x, score), places 0..1 of the input."""
    found = outputs[spec.output].reshape(-1, 3)
    xy = spec.preprocess.points_back(found[:, 1::-1] * spec.preprocess.size, photo)
    return KeypointOutput(xy.astype(np.float32), found[:, 2], spec.classes, (photo[1], photo[0]))


def yolo(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    """(4 + classes [+ 32]) x n: center, width and height as shares of the input, class scores, mask coefficients; with
    the latter a second output of 32 prototypes. Source: Ultralytics' YOLOv8 export."""
    rows = outputs[spec.output].squeeze(0).T
    k = len(spec.classes)
    every = rows[:, 4 : 4 + k]
    labels, scores = every.argmax(1), every.max(1)
    center, half = rows[:, :2] * spec.preprocess.size, rows[:, 2:4] * spec.preprocess.size / 2
    boxes = np.concatenate([center - half, center + half], 1)
    keep = _kept(boxes, scores, labels)
    if rows.shape[1] == 4 + k:
        return _things(boxes[keep], scores[keep], labels[keep], spec, photo)
    prototypes = next(o for o in outputs if o.ndim == 4).squeeze(0)
    maps = prototypes @ rows[keep, 4 + k :].T  # y x n
    return _things(boxes[keep], scores[keep], labels[keep], spec, photo, maps.transpose(2, 0, 1))


def nanodet(outputs: list[np.ndarray], spec: Spec, photo: tuple[int, int]) -> SpecialistOutput:
    """Pairs of class scores (n x classes) and distributions of the four distances (n x 4 x bins), for strides 8, 16 and
    32. Source: NanoDet, arXiv 2006.04388 for the distributions."""
    scores = [o.squeeze(0) for o in outputs if o.shape[-1] == len(spec.classes)]
    distances = [o.squeeze(0) for o in outputs if o.shape[-1] != len(spec.classes)]
    boxes = []
    for stride, distance in zip((8, 16, 32), sorted(distances, key=lambda o: -len(o)), strict=True):
        columns = -(-spec.preprocess.size[0] // stride)
        bins = np.exp(distance.reshape(len(distance), 4, -1))
        away = (bins / bins.sum(-1, keepdims=True)) @ np.arange(bins.shape[-1]) * stride
        y, x = np.divmod(np.arange(len(distance)), columns)
        center = np.stack([x, y], 1) * stride + 0.5 * (stride - 1)
        boxes.append(np.concatenate([center - away[:, :2], center + away[:, 2:]], 1))
    whole = np.concatenate(boxes)
    every = np.concatenate(sorted(scores, key=lambda o: -len(o)))
    labels, best = every.argmax(1), every.max(1)
    keep = _kept(whole, best, labels)
    return _things(whole[keep], best[keep], labels[keep], spec, photo)


def _kept(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The hundred boxes of the highest scores after non-maximum suppression."""
    likely = np.flatnonzero(scores > MIN_SCORE)
    likely = likely[np.argsort(-scores[likely], kind="stable")][:1000]
    return likely[nms(boxes[likely], scores[likely], labels[likely], MAX_IOU)[:100]]


def _things(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, spec: Spec, photo: tuple[int, int],
    maps: np.ndarray | None = None,
) -> InstanceOutput:  # fmt: skip
    """Boxes and masks on the photo; a mask is where its map is above 0, inside its box."""
    corners = spec.preprocess.points_back(boxes.reshape(-1, 2), photo).reshape(-1, 4)
    corners = corners.clip(0, (photo[0], photo[1], photo[0], photo[1])).astype(np.float32)
    masks = None
    if maps is not None:
        masks = np.zeros((len(corners), photo[1], photo[0]), bool)
        for own, values, box in zip(masks, maps, corners, strict=True):
            x0, y0, x1, y1 = np.floor(box[:2]).astype(int).tolist() + np.ceil(box[2:]).astype(int).tolist()
            own[y0:y1, x0:x1] = (spec.preprocess.map_back(values, photo) > 0)[y0:y1, x0:x1]
    return InstanceOutput(
        corners, scores.astype(np.float32), labels.astype(np.int64), spec.classes, (photo[1], photo[0]), masks
    )


def plane(values: np.ndarray) -> np.ndarray:
    """The one map of an output of whatever shape. PainterError where there are several."""
    out = np.asarray(values, np.float32).squeeze()
    if out.ndim != 2:
        raise PainterError(f"a map was expected (height x width), the output has the shape {values.shape}")
    return out


@dataclass(frozen=True)
class OutputParser:
    """How arrays become an output, which tasks it supports, and what the spec must say for it."""

    read: Callable[[list[np.ndarray], Spec, tuple[int, int]], SpecialistOutput]
    supported_tasks: Mapping[str, str] = field(default_factory=dict)
    wants: str = ""


CLASSES = {"semantic": "its classes alone", "refer": "one of its classes"}
ALONE = dict.fromkeys(("refer", "matte"), "{spec.thing} alone")
PARSERS: dict[str, OutputParser] = {
    "depth": OutputParser(depth, {"metric-depth": "metres", "relative-depth": "depth up to scale and shift"}),
    "inverse-depth": OutputParser(inverse_depth, {"relative-depth": "disparity up to scale and shift"}),
    "normals": OutputParser(normals, {"normals": "unit normals"}),
    "ids": OutputParser(ids, CLASSES, "classes"),
    "class-scores": OutputParser(class_scores, CLASSES, "classes"),
    "mask": OutputParser(mask, ALONE, "thing"),
    "mask-stretched": OutputParser(mask_stretched, ALONE, "thing"),
    "edges": OutputParser(edges, {"edges": "strength 0..1"}),
    "points": OutputParser(points, {"keypoints": "its own names, one person"}, "classes"),
    "yolo": OutputParser(yolo, {"detect": "its classes alone"}, "classes"),
    "yolo-masks": OutputParser(yolo, dict.fromkeys(("detect", "instances", "refer"), "its classes alone"), "classes"),
    "nanodet": OutputParser(nanodet, {"detect": "its classes alone"}, "classes"),
}

# ---- small published networks; files and figures: docs/specialists.md

BGR_MEAN, BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)  # in levels, as NanoDet takes them
NYU_FRAME = ((640, 480), (8, 6, 7, 5))  # the white border of NYU's frames, with which METER was trained
KNOWN: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec("meter", "meter_nyu_xxs.onnx", "depth", unit=0.01,
             preprocess=Preprocess((256, 192), mean=IMAGENET[0], std=IMAGENET[1], frame=NYU_FRAME)),
        Spec("deeplab-voc", "deeplabv3_mnv2_pascal_quant.tflite", "ids", classes=VOC_21,
             preprocess=Preprocess((513, 513), layout="nhwc")),
        Spec("u2netp", "u2netp.onnx", "mask-stretched", thing="main object",
             preprocess=Preprocess((320, 320), mean=IMAGENET[0], std=IMAGENET[1])),
        Spec("selfie", "selfie_segmentation.tflite", "mask", thing="person",
             preprocess=Preprocess((256, 256), layout="nhwc")),
        Spec("movenet", "movenet_single_pose_lightning_ptq.tflite", "points", classes=COCO_17,
             preprocess=Preprocess((192, 192), fit="letterbox", layout="nhwc")),
        Spec("nanodet", "nanodet_m.onnx", "nanodet", classes=COCO_THINGS,
             preprocess=Preprocess((416, 416), "letterbox", scale=1.0, mean=BGR_MEAN, std=BGR_STD, order="bgr")),
        Spec("yolov8n", "yolov8n_int8.tflite", "yolo", classes=COCO_THINGS,
             preprocess=Preprocess((640, 640), fit="letterbox", pad=114, layout="nhwc")),
        Spec("yolov8n-seg", "yolov8n-seg_int8.tflite", "yolo-masks", classes=COCO_THINGS,
             preprocess=Preprocess((640, 640), fit="letterbox", pad=114, layout="nhwc")),
    )
}  # fmt: skip


class Known(File):
    """A published network by its name; `weights` is its file, or the folder that it lies in."""

    def __init__(self, name: str, weights: str | Path | None = None, threads: int | None = None) -> None:
        super().__init__(KNOWN[name], weights=weights, threads=threads)

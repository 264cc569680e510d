"""What specialists say of every photograph, for `plantain train --teachers`: four networks, in batches.

The folder of answers becomes what `plantain.data.teachers` reads; its teachers.json says who answered: each file by its
SHA-256, and how good it was measured to be. Needs the packages tflite and onnx2torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.utils.data
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from plantain.data.base import Example
from plantain.data.excerpts import read
from plantain.data.teachers import GRID, PLANES
from plantain.errors import MissingExtra, UsageError
from plantain.files import writing
from plantain.predictions.boxes import nms
from plantain.train.tflite import TFLiteNet


class Teacher(NamedTuple):
    """A specialist's file: its SHA-256, license, and what it scored on held-out photographs (docs/specialists.md)."""

    sha256: str
    license: str
    measured: str


TEACHERS: Mapping[str, Teacher] = {
    "deeplab_ade20k.tflite": Teacher(
        "9476784566f88bf0bdc3169f0012fb7d08857b325811d8c1aaf5ada1c0d4e4f9", "Apache-2.0 (upstream)",
        "ADE20K: accuracy of pixels .721, mIoU of the 30 commonest classes .496",
    ),
    "deeplabv3_mnv2_pascal_quant.tflite": Teacher(
        "350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398", "Apache-2.0", "VOC animals: mIoU .584",
    ),
    "u2netp.onnx": Teacher(
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8", "Apache-2.0 (upstream)",
        "main objects: IoU .848",
    ),
    "nanodet_m.onnx": Teacher(
        "4b82da9944b88577175ee23a459dce2e26e6e4be573def65b1055dc2d9720186", "Apache-2.0 (upstream)",
        "COCO persons: box AP50 .611",
    ),
}  # fmt: skip
BIG, SMALL, BOXES = 513, 320, 416  # pixels of the squares that DeepLab, U2NetP and NanoDet see
BATCH = 40
FAINTEST = 0.2  # score of a box that is kept; `plantain.data.teachers` says which are believed
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BGR_MEAN, BGR_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)


class TeacherInput(NamedTuple):
    """A photo as each network sees it, and the share of the big square that it fills."""

    big: np.ndarray
    small: np.ndarray
    boxes: np.ndarray
    filled: tuple[float, float]


class Photos(torch.utils.data.Dataset[TeacherInput]):
    """Photographs, read in worker processes."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> TeacherInput:
        with Image.open(self.examples[i].photo) as file:
            image = file.convert("RGB")
        big, (width, height) = letterboxed(image, BIG, 127)
        boxes, _ = letterboxed(image, BOXES, 0)
        small = np.asarray(image.resize((SMALL, SMALL), Image.Resampling.BILINEAR))
        return TeacherInput(big, small, boxes, (width / BIG, height / BIG))


def letterboxed(image: Image.Image, side: int, fill: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The photo in the upper left of a square, and its size there."""
    scale = side / max(image.size)
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    square = np.full((side, side, 3), fill, np.uint8)
    square[:height, :width] = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return square, (width, height)


class Teachers(nn.Module):
    """The four networks; `told` gives planes by name and boxes for a batch of photographs."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        super().__init__()
        try:
            from onnx2torch import convert
        except ImportError:
            raise MissingExtra("onnx2torch", "train") from None
        ade, voc, main, boxes = (weights / name for name in TEACHERS)
        self.ade = TFLiteNet(ade, skip_last=2)  # logits of a quarter of the size
        self.voc = TFLiteNet(voc, skip_last=3)
        self.main = convert(str(main))
        self.boxes = convert(batched_nanodet(boxes))
        self.device = device
        self.eval().to(device)
        for net in (self.ade, self.voc):
            net.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def told(self, seen: Sequence[TeacherInput]) -> tuple[dict[str, np.ndarray], list[list[list[float]]]]:
        """Planes n GRID GRID uint8, and a list of boxes a photo."""
        big, small, boxes = (self._pictures([getattr(s, key) for s in seen]) for key in ("big", "small", "boxes"))
        filled = torch.tensor([s.filled for s in seen], device=self.device)
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
            scaled = (big / 127.5 - 1).contiguous(memory_format=torch.channels_last)
            classes = {"ade": self.ade(scaled).float().softmax(1), "voc": self.voc(scaled).float().softmax(1)}
        planes = {}
        for name, shares in classes.items():
            sure, ids = _on_grid(shares, filled)[:, 1 if name == "ade" else 0 :].max(1)
            planes[name], planes[f"{name}_sure"] = _bytes(ids), _bytes(sure * 255)
        planes["main"] = _bytes(self._main(small) * 255)
        outputs = self.boxes((boxes.flip(1) - self._column(BGR_MEAN)) / self._column(BGR_STD))
        return planes, [nanodet_boxes(*one, s.filled) for one, s in zip(nanodet_outputs(outputs), seen, strict=True)]

    def _main(self, small: Tensor) -> Tensor:
        largest = small.amax((1, 2, 3), keepdim=True).clamp(min=1)
        out = self.main((small / largest - self._column(MEAN)) / self._column(STD))[0]
        low, high = out.amin((1, 2, 3), keepdim=True), out.amax((1, 2, 3), keepdim=True)
        return F.interpolate((out - low) / (high - low).clamp(min=1e-6), size=(GRID, GRID), mode="area")[:, 0]

    def _pictures(self, pictures: Sequence[np.ndarray]) -> Tensor:
        stack = torch.from_numpy(np.stack(pictures)).to(self.device, non_blocking=True)
        return stack.permute(0, 3, 1, 2).float()

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, device=self.device).view(3, 1, 1)


def _bytes(values: Tensor) -> np.ndarray:
    return np.asarray(values.to(torch.uint8).cpu().numpy())


def _on_grid(shares: Tensor, filled: Tensor) -> Tensor:
    """The photo's part of the square, stretched to GRID x GRID."""
    places = (torch.arange(GRID, device=shares.device) + 0.5) / GRID
    x, y = (places[None] * filled[:, axis, None] * 2 - 1 for axis in (0, 1))
    size = (len(shares), GRID, GRID)
    where = torch.stack([x[:, None].expand(size), y[:, :, None].expand(size)], -1)
    return F.grid_sample(shares, where, align_corners=False)


def nanodet_outputs(outputs: Sequence[Tensor]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Class scores (n 80) and boxes (n 4, pixels of the square) of each photo."""
    ordered = sorted(outputs, key=lambda t: (-t.shape[1], t.shape[2] != 80))
    scores, boxes = [], []
    for stride, score, sides in zip((8, 16, 32), ordered[::2], ordered[1::2], strict=True):
        cells = torch.arange(BOXES // stride, device=score.device)
        y, x = torch.meshgrid(cells, cells, indexing="ij")
        middle = torch.stack([x, y], -1).reshape(-1, 2) * stride + 0.5 * (stride - 1)
        bins = torch.arange(8.0, device=score.device)
        far = (sides.float().view(*sides.shape[:2], 4, 8).softmax(-1) @ bins) * stride
        scores.append(score.float())
        boxes.append(torch.cat([middle - far[..., :2], middle + far[..., 2:]], -1))
    return list(zip(torch.cat(scores, 1).cpu().numpy(), torch.cat(boxes, 1).cpu().numpy(), strict=True))


def nanodet_boxes(scores: np.ndarray, boxes: np.ndarray, filled: tuple[float, float]) -> list[list[float]]:
    """Left, top, right, bottom as shares of the photo, class and score, one a thing."""
    label, top = scores.argmax(1), scores.max(1)
    some = np.flatnonzero(top > FAINTEST)
    kept = some[nms(boxes[some], top[some], label[some])][:200]
    shares = (boxes[kept] / BOXES / np.tile(filled, 2)).clip(0, 1)
    return [[*map(float, b.round(4)), int(c), round(float(s), 3)]
            for b, c, s in zip(shares, label[kept], top[kept], strict=True)]  # fmt: skip


def batched_nanodet(path: Path) -> Any:
    """NanoDet's graph for batches: the file says a batch of one in its reshapes and resizes."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in onnx.shape_inference.infer_shapes(model).graph.value_info}  # fmt: skip
    held = {t.name: t for t in graph.initializer}
    for given in [v for v in graph.input if v.name in held]:
        graph.input.remove(given)
    made = {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant"}
    for node in graph.node:
        if node.op_type == "Reshape":
            tensor = held.get(node.input[1]) or made[node.input[1]]
            shape = numpy_helper.to_array(tensor).copy()
            shape[0] = 0 if shape[0] == 1 else shape[0]  # as many as come in
            tensor.CopyFrom(numpy_helper.from_array(shape, tensor.name))
        elif node.op_type == "Resize" and len(node.input) > 3:
            factor = shapes[node.output[0]][2] / shapes[node.input[0]][2]
            name = f"{node.output[0]}_scales"
            graph.initializer.append(numpy_helper.from_array(np.array([1, 1, factor, factor], np.float32), name))
            del node.input[3]
            node.input[2] = name
    return model


def require_known(weights: Path) -> None:
    """UsageError where a teacher's file is missing, or is not the one whose quality was measured."""
    for name, teacher in TEACHERS.items():
        if not (weights / name).is_file():
            raise UsageError(f"{weights} has no {name}; the teachers are {', '.join(TEACHERS)}")
        found = hashlib.sha256((weights / name).read_bytes()).hexdigest()
        if found != teacher.sha256:
            raise UsageError(f"{weights / name} is not the teacher that was measured: its SHA-256 begins with "
                             f"{found[:12]}, not {teacher.sha256[:12]}")  # fmt: skip


def teach(
    data: Path, weights: Path, told: Path, names: Sequence[str], workers: int = 8, limit: int | None = None,
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Asks all teachers about the training photographs of the named sets; sets that are told already are left alone.
    UsageError, MissingExtra."""
    require_known(weights)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    told.mkdir(parents=True, exist_ok=True)
    about = {name: teacher._asdict() for name, teacher in TEACHERS.items()}
    (told / "teachers.json").write_text(json.dumps(about, indent=1))
    teachers = Teachers(weights, device)
    for name in names:
        if (told / f"{name}.boxes.json").exists():
            continue
        examples = read(data, name, "train")[:limit]
        planes = {key: np.zeros((len(examples), GRID, GRID), np.uint8) for key in PLANES}
        boxes: list[list[list[float]]] = []
        loader = torch.utils.data.DataLoader(Photos(examples), BATCH, num_workers=workers, collate_fn=list)
        for seen in loader:
            found, more = teachers.told(seen)
            for key, plane in found.items():
                planes[key][len(boxes) : len(boxes) + len(more)] = plane
            boxes += more
        arrays: dict[str, Any] = {"ids": np.array([e.id for e in examples]), **planes}
        with writing(told / f"{name}.npz") as beside, beside.open("wb") as file:
            np.savez(file, **arrays)
        with writing(told / f"{name}.boxes.json") as beside:
            beside.write_text(json.dumps(boxes))
        say(f"{name}: {len(examples)} photographs")

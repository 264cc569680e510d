"""Photos as networks want them, and network files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw

from plantain._shapes import Float, UInt8
from plantain.errors import MissingExtra, PainterError
from plantain.predictions.resample import nearest

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Preprocess:
    """How a photo becomes a network's input of `size` (width, height).

    `fit`: stretched, or whole within a border of level `pad` ("letterbox"). Every value is then (level * scale - mean)
    / std; 8-bit inputs get the levels as they are. `frame`: ((width, height), (left, top, right, bottom)): the photo
    is first brought to that size and its border painted white, as in the frames a network was trained on.
    """

    size: tuple[int, int]
    fit: Literal["stretch", "letterbox"] = "stretch"
    pad: int = 0
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    order: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    frame: tuple[tuple[int, int], tuple[int, int, int, int]] | None = None

    def box(self, photo: tuple[int, int]) -> tuple[float, float, float, float]:
        """Where a photo (width, height) lies on the input: x0, y0, x1, y1."""
        if self.fit == "stretch":
            return 0.0, 0.0, float(self.size[0]), float(self.size[1])
        zoom = min(self.size[0] / photo[0], self.size[1] / photo[1])
        width, height = max(1, round(photo[0] * zoom)), max(1, round(photo[1] * zoom))
        left, top = (self.size[0] - width) // 2, (self.size[1] - height) // 2
        return float(left), float(top), float(left + width), float(top + height)

    def picture(self, photo: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "y x 3"]:
        """The photo at the input's size."""
        image = Image.fromarray(photo)
        if self.frame is not None:
            image = image.resize(self.frame[0], Image.Resampling.BILINEAR)
            _whiten(image, self.frame[1])
        x0, y0, x1, y1 = (round(v) for v in self.box(image.size))
        sheet = Image.new("RGB", self.size, (self.pad,) * 3)
        sheet.paste(image.resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR), (x0, y0))
        return np.asarray(sheet)

    def tensor(self, photo: UInt8[np.ndarray, "h w 3"], kind: np.dtype[Any]) -> np.ndarray:
        """A batch of one, of the network's own number type."""
        levels = self.picture(photo)
        levels = levels[..., ::-1] if self.order == "bgr" else levels
        if kind != np.uint8:
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
            levels = ((levels.astype(np.float32) * np.float32(self.scale) - mean) / std).astype(kind)
        return np.ascontiguousarray(levels.transpose(2, 0, 1)[None] if self.layout == "nchw" else levels[None])

    def map_back(self, values: Float[np.ndarray, "y x"], photo: tuple[int, int]) -> Float[np.ndarray, "h w"]:
        """A map over the input, of any resolution, as a map over the photo (width, height), bilinear."""
        sx, sy = values.shape[1] / self.size[0], values.shape[0] / self.size[1]
        x0, y0, x1, y1 = self.box(photo)
        image = Image.fromarray(np.asarray(values, np.float32), mode="F")
        return np.asarray(image.resize(photo, Image.Resampling.BILINEAR, box=(x0 * sx, y0 * sy, x1 * sx, y1 * sy)))

    def ids_back(self, ids: np.ndarray, photo: tuple[int, int]) -> np.ndarray:
        """The same for class numbers, nearest."""
        x0, y0, x1, y1 = self.box(photo)
        sx, sy = ids.shape[1] / self.size[0], ids.shape[0] / self.size[1]
        return nearest(ids, photo, (x0 * sx, y0 * sy, x1 * sx, y1 * sy))

    def points_back(self, xy: Float[np.ndarray, "n 2"], photo: tuple[int, int]) -> Float[np.ndarray, "n 2"]:
        """Points on the input, in its pixels, as points on the photo."""
        x0, y0, x1, y1 = self.box(photo)
        return (xy - (x0, y0)) * (photo[0] / (x1 - x0), photo[1] / (y1 - y0))


def _whiten(image: Image.Image, border: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = border
    draw = ImageDraw.Draw(image)
    w, h = image.size
    for box in ((0, 0, left - 1, h), (0, 0, w, top - 1), (w - right, 0, w, h), (0, h - bottom, w, h)):
        if box[2] >= box[0] and box[3] >= box[1]:
            draw.rectangle(box, fill=(255, 255, 255))


class Network:
    """An ONNX or TFLite file with one input: array in, arrays out. PainterError for a file that is none."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._run = _tflite(path, threads) if path.suffix == ".tflite" else _onnx(path, threads)
        self.kind: np.dtype[Any] = self._run.kind

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        return self._run(x)


class _onnx:
    def __init__(self, path: Path, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = threads
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base of their own
            raise PainterError(f"{path} is no ONNX network that runs here ({error})") from error
        first = self.session.get_inputs()[0]
        self.name = first.name
        self.kind = np.dtype({"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}.get(first.type, np.float32))

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(out) for out in self.session.run(None, {self.name: x})]


class _tflite:
    def __init__(self, path: Path, threads: int | None) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtra("ai-edge-litert", "tflite") from error
        try:
            self.interpreter = Interpreter(model_path=str(path), num_threads=threads)
            self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise PainterError(f"{path} is no TFLite network that runs here ({error})") from error
        first = self.interpreter.get_input_details()[0]
        self.index, self.kind = first["index"], np.dtype(first["dtype"])

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        self.interpreter.set_tensor(self.index, x)
        self.interpreter.invoke()
        return [self._plain(detail) for detail in self.interpreter.get_output_details()]

    def _plain(self, detail: dict[str, Any]) -> np.ndarray:
        """An output in real numbers, where the file stores it in 8 bits."""
        values = np.array(self.interpreter.get_tensor(detail["index"]))
        scale, zero = detail["quantization"]
        return (values.astype(np.float32) - zero) * scale if scale and values.dtype.itemsize == 1 else values

"""A float or quantized TFLite graph as a torch module: batches, on an accelerator.

Weights are multiplied out; activations that the file keeps in 8 bits are clamped to the range that those can hold. So
DeepLab agrees with the interpreter on 97 to 99 % of the pixels. The package `tflite` reads the file's schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from plantain.errors import MissingExtra, PainterError

KINDS = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 9: np.int8}
RELU, RELU6 = 1, 3  # the schema's ActivationFunctionType
PASSED = ("ARG_MAX", "QUANTIZE")  # the classes stay logits; quantizing is the clamp


@dataclass(frozen=True)
class Step:
    """One operation: its name, the tensors it takes and gives, and its options."""

    name: str
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, Any]


class TFLiteNet(nn.Module):
    """Pictures b 3 h w in the graph's own real numbers -> its last output that is no arg max, b c h w."""

    def __init__(self, path: Path, skip_last: int = 0) -> None:
        """`skip_last`: operations at the end to leave out, such as the resizing to the picture's full size."""
        super().__init__()
        try:
            import tflite
        except ImportError:
            raise MissingExtra("tflite", "train") from None
        self.schema = tflite
        model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        graph = model.Subgraphs(0)
        self.first = int(graph.InputsAsNumpy()[0])
        self.numbers: dict[int, np.ndarray] = {}
        self.ranges: dict[int, tuple[float, float]] = {}
        self.steps: list[Step] = []
        for i in range(graph.OperatorsLength() - skip_last):
            self._add(model, graph, graph.Operators(i))

    def _add(self, model: Any, graph: Any, operator: Any) -> None:
        code = model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = next(k for k, v in vars(self.schema.BuiltinOperator).items() if v == number)
        inputs = tuple(int(j) for j in operator.InputsAsNumpy() if j >= 0)
        output = int(operator.OutputsAsNumpy()[0])
        for j in inputs:
            constant = _constant(model, graph, j)
            if constant is not None:
                self.numbers[j] = constant
        if name == "DEQUANTIZE" and inputs[0] in self.numbers:
            self.numbers[output] = self.numbers[inputs[0]]
            return
        limits = _limits(graph.Tensors(output))
        if limits is not None:
            self.ranges[output] = limits
        step = Step(name, inputs, output, _options(self.schema, name, operator))
        self.steps.append(step)
        self._keep(step)

    def _keep(self, step: Step) -> None:
        """Weights and constants of a step as buffers, which move with the module."""
        if step.name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            turned = (0, 3, 1, 2) if step.name == "CONV_2D" else (3, 0, 1, 2)
            weight = self.numbers[step.inputs[1]].transpose(turned)
            self.register_buffer(f"weight{step.output}", torch.tensor(np.ascontiguousarray(weight)))
            self.register_buffer(f"bias{step.output}", torch.tensor(self.numbers[step.inputs[2]]))
        elif step.name in ("ADD", "MUL"):
            for j in step.inputs:
                if j in self.numbers and f"constant{j}" not in self._buffers:
                    self.register_buffer(f"constant{j}", torch.tensor(self.numbers[j]).view(1, -1, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        values = {self.first: pictures}
        for step in self.steps:
            given = [values[j] if j in values else self._buffers.get(f"constant{j}") for j in step.inputs]
            out = self._run(step, given)
            limits = self.ranges.get(step.output)
            values[step.output] = out if limits is None else out.clamp(*limits)
        return values[self.steps[-1].output]

    def _run(self, step: Step, given: list[Any]) -> Tensor:
        x = given[0]
        match step.name:
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                return self._convolve(step, x)
            case "ADD":
                return _activated(x + given[1], step.options["activation"])
            case "MUL":
                return _activated(x * given[1], step.options["activation"])
            case "SPACE_TO_BATCH_ND" | "BATCH_TO_SPACE_ND":
                block = int(self.numbers[step.inputs[1]][0])
                edges = self.numbers[step.inputs[2]].tolist()
                return (_spread if step.name[0] == "S" else _gathered)(x, block, edges)
            case "AVERAGE_POOL_2D":
                return torch.as_tensor(x.mean((2, 3), keepdim=True))
            case "RESIZE_BILINEAR":
                size = self.numbers[step.inputs[1]].tolist()
                return F.interpolate(x, size=size, mode="bilinear", align_corners=step.options["align_corners"])
            case "CONCATENATION":
                return torch.cat(given, 1)
            case name if name in PASSED:
                return torch.as_tensor(x)
        raise PainterError(f"the operation {step.name} of this TFLite file is not known here")

    def _convolve(self, step: Step, x: Tensor) -> Tensor:
        weight, bias = getattr(self, f"weight{step.output}"), getattr(self, f"bias{step.output}")
        stride, dilation = step.options["stride"], step.options["dilation"]
        if step.options["same"]:
            x = _padded(x, weight.shape[2:], stride, dilation)
        groups = x.shape[1] if step.name[0] == "D" else 1
        return _activated(F.conv2d(x, weight, bias, stride, 0, dilation, groups), step.options["activation"])


def _constant(model: Any, graph: Any, j: int) -> np.ndarray | None:
    """A tensor that the file holds, as real numbers where it is quantized; None for one that is computed."""
    tensor = graph.Tensors(j)
    buffer = model.Buffers(tensor.Buffer())
    if buffer.DataLength() == 0:
        return None
    array = np.frombuffer(buffer.DataAsNumpy().tobytes(), KINDS[tensor.Type()])
    array = array.reshape(tensor.ShapeAsNumpy()) if tensor.ShapeLength() else array
    coding = tensor.Quantization()
    if array.dtype.kind in "iu" and coding is not None and coding.ScaleLength():
        shape = [1] * array.ndim
        if coding.ScaleLength() > 1:
            shape[coding.QuantizedDimension()] = -1
        scale, zero = coding.ScaleAsNumpy().reshape(shape), coding.ZeroPointAsNumpy().reshape(shape)
        return ((array.astype(np.float32) - zero) * scale).astype(np.float32)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _limits(tensor: Any) -> tuple[float, float] | None:
    """The real numbers that 8 unsigned bits stand for here."""
    coding = tensor.Quantization()
    if KINDS.get(tensor.Type()) is not np.uint8 or coding is None or not coding.ScaleLength():
        return None
    scale, zero = float(coding.ScaleAsNumpy()[0]), int(coding.ZeroPointAsNumpy()[0])
    return -zero * scale, (255 - zero) * scale


def _options(schema: Any, name: str, operator: Any) -> dict[str, Any]:
    tables = {
        "CONV_2D": schema.Conv2DOptions, "DEPTHWISE_CONV_2D": schema.DepthwiseConv2DOptions, "ADD": schema.AddOptions,
        "MUL": schema.MulOptions, "RESIZE_BILINEAR": schema.ResizeBilinearOptions,
    }  # fmt: skip
    if name not in tables:
        return {}
    read, raw = tables[name](), operator.BuiltinOptions()
    read.Init(raw.Bytes, raw.Pos)
    if name == "RESIZE_BILINEAR":
        return {"align_corners": bool(read.AlignCorners())}
    out = {"activation": read.FusedActivationFunction()}
    if name.endswith("CONV_2D"):
        out |= {"stride": (read.StrideH(), read.StrideW()), "dilation": read.DilationHFactor()}
        out["same"] = read.Padding() == schema.Padding.SAME
    return out


def _padded(x: Tensor, kernel: Any, stride: tuple[int, int], dilation: int) -> Tensor:
    """TensorFlow's SAME: the odd pixel goes behind."""
    sides = []
    for size, k, s in ((x.shape[3], kernel[1], stride[1]), (x.shape[2], kernel[0], stride[0])):
        lacking = max((-(-size // s) - 1) * s + (k - 1) * dilation + 1 - size, 0)
        sides += [lacking // 2, lacking - lacking // 2]
    return F.pad(x, sides) if any(sides) else x


def _spread(x: Tensor, block: int, edges: list[list[int]]) -> Tensor:
    """Space to batch: every block-th row and column a picture of its own."""
    (top, bottom), (left, right) = edges
    x = F.pad(x, (left, right, top, bottom))
    b, c, h, w = x.shape
    x = x.view(b, c, h // block, block, w // block, block).permute(3, 5, 0, 1, 2, 4)
    return x.reshape(-1, c, h // block, w // block)


def _gathered(x: Tensor, block: int, edges: list[list[int]]) -> Tensor:
    """The inverse of `_spread`."""
    (top, bottom), (left, right) = edges
    n, c, h, w = x.shape
    b = n // block**2
    x = x.view(block, block, b, c, h, w).permute(2, 3, 4, 0, 5, 1).reshape(b, c, h * block, w * block)
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def _activated(x: Tensor, activation: int) -> Tensor:
    if activation == RELU:
        return x.relu()
    return x.clamp(0, 6) if activation == RELU6 else x

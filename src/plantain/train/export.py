"""Trained weights -> the ONNX files that the embedded generator runs, and what that costs.

python -m plantain.train.export OLD NEW 0.75 OUT     # three quarters new, one quarter old, each parameter
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plantain.errors import PainterError
from plantain.train.network import PATCH, Decoder, Prompt, Seedling, Size, Trunk
from plantain.train.presets import SEEDLINGS

Axes = tuple[int | str, ...]
# of the axes that may have any size, while a graph is traced
SIZES = {"b": 2, "h": 3 * PATCH, "w": 4 * PATCH, "rows": 3, "columns": 4, "n": 12, "n1": 13, "l": 5, "k": 4}


class TrunkFile(nn.Module):
    """The trunk with its inputs laid out flat, as ONNX wants them; the files' own names for them are in `write`."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(
        self, features: Tensor, has_photo: Tensor, canvas: Tensor, place: Tensor, t: Tensor, *prompt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        out: tuple[Tensor, Tensor, Tensor] = self.trunk(features, has_photo, canvas, place, t, Prompt(*prompt))
        return out


class DecoderFile(nn.Module):
    """The decoder, giving the painting alone."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *inputs: Tensor) -> Tensor:
        painted: Tensor = self.decoder(*inputs).rgb
        return painted


def write(net: Seedling, folder: Path, quantized: bool = True) -> list[Path]:
    """Writes trunk.onnx and decoder.onnx; any batch, grid and prompt length. `quantized`: matrices as int8."""
    folder.mkdir(parents=True, exist_ok=True)
    size, picture = net.size, ("b", 3, "h", "w")
    legend: dict[str, Axes] = {"colours": ("b", "k", 3), "colour_mask": ("b", "k")}
    given: dict[str, Axes] = {"keys": ("b", "k", size.query), "said": ("b", size.words)}  # by the trunk to the decoder
    trunk_inputs: dict[str, Axes] = {
        "taps": ("b", "n1", size.features), "has_photo": ("b",), "canvas": ("b", "n", 3 * PATCH**2),
        "place": ("n", 4), "t": ("b",), "words": ("b", "l", size.words), "word_mask": ("b", "l"),
        "phrases": ("b", "k", size.words), **legend,
    }  # fmt: skip
    decoder_inputs: dict[str, Axes] = {
        "features": ("b", size.width, "rows", "columns"), **given, "photo": picture, "canvas": picture, **legend,
        "probed": ("b", "k", "rows", "columns"),
    }  # fmt: skip
    trunk, decoder = folder / "trunk.onnx", folder / "decoder.onnx"
    write_onnx(TrunkFile(net.trunk), trunk, trunk_inputs, {"features": ("b", "n", size.width), **given}, quantized)
    write_onnx(DecoderFile(net.decoder), decoder, decoder_inputs, {"rgb": picture}, quantized)
    return [trunk, decoder]


def read(folder: Path, size: Size) -> Seedling:
    """What `write` wrote, back as a network to go on from: matrices as their int8 says, tables as their float16.

    ONNX gives matrices names of its own, so they are told by their place: a network of random weights is written too,
    in which each is found by its values. PainterError where the files are of another size."""
    twin = Seedling(size).eval()
    for parameter in twin.parameters():
        torch.nn.init.normal_(parameter)  # some begin at zero, and could not be told apart
    with tempfile.TemporaryDirectory() as place:
        write(twin, Path(place), quantized=False)
        state: dict[str, Tensor] = {}
        for half in ("trunk", "decoder"):
            state |= _matched(folder / f"{half}.onnx", Path(place) / f"{half}.onnx", twin)
    net = Seedling(size)
    mine = net.state_dict()
    wrong = [name for name, value in mine.items() if name not in state or state[name].shape != value.shape]
    if wrong:
        raise PainterError(f"{folder} holds a generator of another size ({wrong[0]} differs); name its own preset")
    net.load_state_dict(state)
    return net


def _matched(path: Path, twin_path: Path, twin: Seedling) -> dict[str, Tensor]:
    """The stored tables of one file by the network's own names."""
    import onnx

    stored, twins = (_tables(onnx.load(str(p)).graph) for p in (path, twin_path))
    own = twin.state_dict()
    out = {name: value for name, value in stored.items() if name in own}
    matrices = [[v for name, v in tables.items() if name not in own and v.ndim == 2] for tables in (stored, twins)]
    for mine, theirs in zip(*matrices, strict=False):
        name = next((n for n, v in own.items() if v.shape == theirs.T.shape and torch.equal(v, theirs.T)), None)
        if name is not None:
            out[name] = mine.T.contiguous()
    return out


def _tables(graph: Any) -> dict[str, Tensor]:
    """Every learned table of a file in the order in which it is used, int8 multiplied out."""
    from onnx import numpy_helper

    raw = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
    whole = {}
    for name, values in raw.items():
        stem = name.removesuffix(".int8").removesuffix(".f16")
        if name.endswith(".int8"):
            whole[stem] = values * raw[f"{stem}.scale"]
        elif values.is_floating_point() and not name.endswith(".scale"):
            whole[stem] = values.float()
    used = dict.fromkeys(name for node in graph.node for name in node.input)
    return {name: whole[name] for name in used if name in whole and whole[name].numel() > 1}


def mix(old: Path, new: Path, share: float, size: Size, target: Path) -> list[Path]:
    """Writes the weighted mean of two exported generators of one size: `share` of the new one. Where the new weights
    were trained from the old ones, the mean keeps what both know (model soups, arXiv 2203.05482)."""
    first, second = (read(folder, size).state_dict() for folder in (old, new))
    net = Seedling(size).eval()
    net.load_state_dict({name: (1 - share) * first[name] + share * value for name, value in second.items()})
    return write(net, target)


def write_onnx(
    module: nn.Module, target: Path, inputs: dict[str, Axes], outputs: dict[str, Axes], quantized: bool = True
) -> None:
    """Writes a module as ONNX (opset 17); axes with names may have any size. Then quantizes it."""
    shapes = {name: [SIZES[a] if isinstance(a, str) else a for a in axes] for name, axes in inputs.items()}
    masks = ("has_photo", "word_mask", "colour_mask")
    tensors = [torch.zeros(shape, dtype=torch.bool if name in masks else None) for name, shape in shapes.items()]
    named = {
        name: {i: a for i, a in enumerate(axes) if isinstance(a, str)} for name, axes in (inputs | outputs).items()
    }
    torch.onnx.export(
        module.eval(), tuple(tensors), str(target), input_names=[*inputs], output_names=[*outputs],
        dynamic_axes=named, opset_version=17, dynamo=False,
    )  # fmt: skip
    if quantized:
        quantize(target)


def quantize(path: Path, smallest: int = 4096) -> None:
    """Stores matrices as int8 with a scale an output, other large tables as float16; both are cast back on loading."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(path))
    graph = model.graph
    into = {n.input[1]: 0 for n in graph.node if n.op_type == "MatMul"}  # matrix -> the axis that is summed over
    into |= {n.input[1]: 1 for n in graph.node if n.op_type == "Gemm" and any(a.name == "transB" for a in n.attribute)}
    tensors, casts, cast = [], [], partial(helper.make_node, "Cast", to=TensorProto.FLOAT)
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < smallest:
            tensors.append(tensor)
        elif tensor.name in into and values.ndim == 2:
            scale = np.maximum(np.abs(values).max(into[tensor.name], keepdims=True), 1e-8) / 127
            tensors.append(numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{tensor.name}.int8"))
            tensors.append(numpy_helper.from_array(scale.astype(np.float32), f"{tensor.name}.scale"))
            casts.append(cast([f"{tensor.name}.int8"], [f"{tensor.name}.f32"]))
            casts.append(helper.make_node("Mul", [f"{tensor.name}.f32", f"{tensor.name}.scale"], [tensor.name]))
        else:
            tensors.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.f16"))
            casts.append(cast([f"{tensor.name}.f16"], [tensor.name]))
    nodes = list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(tensors)
    graph.node.extend(casts + nodes)
    onnx.save(model, str(path))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("share", type=float, help="of the new weights, 0 to 1")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for path in mix(given.old, given.new, given.share, SEEDLINGS["seedling_gpu"].size, given.out):
        print(path)

"""Trained weights -> the ONNX files that the embedded generator runs, and what that costs.

python -m plantain.train.export OLD NEW 0.75 OUT     # three quarters new, one quarter old, each parameter
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plantain.errors import PainterError
from plantain.models.painters.embedded import FOLDER
from plantain.train.loop import CHECKPOINT
from plantain.train.presets import PRESETS, Preset
from plantain.train.reader import export
from plantain.train.seedling import PATCH, Decoder, Prompt, Seedling, Size, Trunk, places

BATCH = {0: "b"}


class TrunkFile(nn.Module):
    """The trunk with its inputs laid out flat, as ONNX wants them."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(
        self, taps: Tensor, has_photo: Tensor, canvas: Tensor, place: Tensor, t: Tensor, words: Tensor,
        word_mask: Tensor, phrases: Tensor, colours: Tensor, colour_mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        prompt = Prompt(words, word_mask, phrases, colours, colour_mask)
        features, keys, said = self.trunk(taps, has_photo, canvas, place, t, prompt)
        return features, keys, said


class DecoderFile(nn.Module):
    """The decoder, giving the painting alone."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, features: Tensor, keys: Tensor, said: Tensor, photo: Tensor, canvas: Tensor, colours: Tensor,
        colour_mask: Tensor,
    ) -> Tensor:  # fmt: skip
        painted: Tensor = self.decoder(features, keys, said, photo, canvas, colours, colour_mask).rgb
        return painted


def write(net: Seedling, folder: Path = FOLDER, shrunk: bool = True) -> list[Path]:
    """Writes trunk.onnx and decoder.onnx; any batch, grid and prompt length. `shrunk`: matrices as int8."""
    folder.mkdir(parents=True, exist_ok=True)
    size, rows, columns = net.size, 3, 4
    n, words, k = rows * columns, 5, 4
    flat = {
        "taps": torch.zeros(2, 1 + n, size.taps),
        "has_photo": torch.ones(2, dtype=torch.bool),
        "canvas": torch.zeros(2, n, 3 * PATCH**2),
        "place": places(rows, columns),
        "t": torch.zeros(2),
        "words": torch.zeros(2, words, size.words),
        "word_mask": torch.ones(2, words, dtype=torch.bool),
        "phrases": torch.zeros(2, k, size.words),
        "colours": torch.zeros(2, k, 3),
        "colour_mask": torch.ones(2, k, dtype=torch.bool),
    }
    axes: dict[str, dict[int, str]] = {
        "taps": {0: "b", 1: "n1"}, "has_photo": BATCH, "canvas": {0: "b", 1: "n"}, "place": {0: "n"}, "t": BATCH,
        "words": {0: "b", 1: "l"}, "word_mask": {0: "b", 1: "l"}, "phrases": {0: "b", 1: "k"},
        "colours": {0: "b", 1: "k"}, "colour_mask": {0: "b", 1: "k"},
        "features": {0: "b", 1: "n"}, "keys": {0: "b", 1: "k"}, "said": BATCH,
    }  # fmt: skip
    trunk = folder / "trunk.onnx"
    export(TrunkFile(net.trunk), tuple(flat.values()), trunk, axes, ["features", "keys", "said"], shrunk)
    square = torch.zeros(2, size.width, rows, columns)
    picture = torch.zeros(2, 3, rows * PATCH, columns * PATCH)
    pictures = {0: "b", 2: "h", 3: "w"}
    decoder_axes: dict[str, dict[int, str]] = {
        "features": {0: "b", 2: "rows", 3: "columns"}, "keys": {0: "b", 1: "k"}, "said": BATCH, "photo": pictures,
        "canvas": pictures, "colours": {0: "b", 1: "k"}, "colour_mask": {0: "b", 1: "k"}, "rgb": pictures,
    }  # fmt: skip
    decoder = folder / "decoder.onnx"
    said = torch.zeros(2, size.words)
    inputs = (square, torch.zeros(2, k, size.query), said, picture, picture, flat["colours"], flat["colour_mask"])
    export(DecoderFile(net.decoder), inputs, decoder, decoder_axes, ["rgb"], shrunk)
    return [trunk, decoder]


def read(folder: Path, size: Size) -> Seedling:
    """What `write` wrote, back as a network to go on from: matrices as their int8 says, tables as their float16.

    ONNX gives matrices names of its own, so they are told by their place: a network of random weights is written too,
    in which each is found by its values. PainterError where the files are of another size."""
    twin = Seedling(size).eval()
    for parameter in twin.parameters():
        torch.nn.init.normal_(parameter)  # some begin at zero, and could not be told apart
    with tempfile.TemporaryDirectory() as place:
        write(twin, Path(place), shrunk=False)
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
    """Every learnt table of a file in the order in which it is used, int8 multiplied out."""
    from onnx import numpy_helper

    raw = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in graph.initializer}
    whole = {n: v for n, v in raw.items() if v.is_floating_point() and not n.endswith((".scale", ".f16"))}
    whole |= {n.removesuffix(".f16"): v.float() for n, v in raw.items() if n.endswith(".f16")}
    whole |= {
        n.removesuffix(".int8"): v * raw[n.removesuffix(".int8") + ".scale"]
        for n, v in raw.items()
        if n.endswith(".int8")
    }
    used = dict.fromkeys(name for node in graph.node for name in node.input)
    return {name: whole[name] for name in used if name in whole and whole[name].numel() > 1}


def load(folder: Path, preset: Preset) -> Seedling:
    """The averaged weights of a run's checkpoint, on the CPU."""
    net = Seedling(preset.size)
    net.load_state_dict(torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)["average"])
    return net.eval()


def mix(old: Path, new: Path, share: float, size: Size, target: Path) -> list[Path]:
    """Writes the weighted mean of two exported generators of one size: `share` of the new one. Where the new weights
    were trained from the old ones, the mean keeps what both know (model soups, arXiv 2203.05482)."""
    first, second = (read(folder, size).state_dict() for folder in (old, new))
    net = Seedling(size).eval()
    net.load_state_dict({name: (1 - share) * first[name] + share * value for name, value in second.items()})
    return write(net, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("share", type=float, help="of the new weights, 0 to 1")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for path in mix(given.old, given.new, given.share, PRESETS["seedling_gpu"].size, given.out):
        print(path)

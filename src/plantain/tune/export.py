"""Trained weights -> the ONNX files that the embedded generator runs, and what that costs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from plantain.models.embedded import FOLDER
from plantain.tune.loop import CHECKPOINT
from plantain.tune.presets import Preset
from plantain.tune.reader import export
from plantain.tune.seedling import PATCH, Decoder, Prompt, Seedling, Trunk, places

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


def write(net: Seedling, folder: Path = FOLDER) -> list[Path]:
    """Writes trunk.onnx and decoder.onnx; any batch, grid and prompt length."""
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
    export(TrunkFile(net.trunk), tuple(flat.values()), trunk, axes, ["features", "keys", "said"])
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
    export(DecoderFile(net.decoder), inputs, decoder, decoder_axes, ["rgb"])
    return [trunk, decoder]


def load(folder: Path, preset: Preset) -> Seedling:
    """The averaged weights of a run's checkpoint, on the CPU."""
    net = Seedling(preset.size)
    net.load_state_dict(torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)["average"])
    return net.eval()

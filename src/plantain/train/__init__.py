"""Training of the seedling: `train("seedling_cpu", data=..., out=..., minutes=60)`. torch is imported only in here."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plantain.errors import MissingExtra, UnknownName, UsageError

if TYPE_CHECKING:
    from plantain.train.batches import Cached
    from plantain.train.loop import Run
    from plantain.train.presets import Preset

OWN = {"edits": 0.75, "captions": 0.25}  # stage 1: the generator's own data


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
    rate: float | None = None,
    teachers: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains a seedling and exports it; gives the folder of its ONNX files.

    Stage 1 (the preset's `pretrain` share): edits and text to image alone. Stage 2: the whole mixture. `start` is
    another run's folder whose averaged weights this run begins with, at stage 2, or a folder of exported files (the
    shipped ones, say); parts it lacks are new, and batches go on where that run's ended. `rate`: the largest learning
    rate, where not the preset's. `teachers`: what specialists said (`train/teach.py`), for live presets. `data` is
    the excerpt folder; the reader's taps are cached in `cache` (default `out`/taps) at the first run. SIGTERM saves a
    checkpoint and ends the process. The presets unet_* train the control (`train/unet.py`), from the start each time.
    """
    _need_torch()
    from plantain.train import unet

    if preset in unet.PRESETS:
        return unet.train(preset, Path(data), Path(out), minutes, say)
    from plantain.train import export
    from plantain.train.batches import SHARES, Live, Source, training_set
    from plantain.train.loop import Run
    from plantain.train.presets import PRESETS
    from plantain.train.reader import load_reader

    if preset not in PRESETS:
        raise UnknownName("preset", preset, [*PRESETS, *unet.PRESETS])
    chosen = PRESETS[preset]
    if teachers and not chosen.live:
        raise UsageError(f"{preset} trains on cached features and hears no teachers; use a preset such as seedling_gpu")
    chosen = replace(chosen, minutes=minutes or chosen.minutes, steps=steps or chosen.steps, rate=rate or chosen.rate)
    root, folder = Path(data), Path(out)
    examples = training_set(root, Path(teachers) if teachers else None, chosen.limit)
    store = Live(examples) if chosen.live else _cached(chosen, root, Path(cache) if cache else folder / "taps", say)
    run = Run(chosen, folder, resume, load_reader() if chosen.live else None)
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopped", True))  # a machine that is taken back says so
    if start is not None and run.step == 0:
        _take_over(run, Path(start), chosen)
    for until, shares in ((chosen.pretrain if start is None else 0.0, OWN), (1.0, SHARES)):
        if run.progress < until:
            source = Source(root, store, chosen.batch, chosen.seed, shares, examples)
            run.train(source.stream(run.earlier + run.step, chosen.workers), until, say)
        if run.stopped:
            raise SystemExit(f"stopped at step {run.step}; the checkpoint is in {folder}; --resume goes on from there")
    ready = folder / "onnx"
    export.write(export.load(folder, chosen), ready)
    return ready


def _need_torch() -> None:
    try:
        import torch  # noqa: F401 (asks only whether it is there)
    except ImportError:
        raise MissingExtra("torch", "train") from None


def _cached(preset: Preset, root: Path, kept: Path, say: Callable[[str], None]) -> Cached:
    """Views of every labelled photo with the reader's features, made in `kept` at the first run."""
    from plantain.train import taps
    from plantain.train.batches import Cached

    taps.build(root, kept, preset.views, preset.edits, preset.limit, say)
    return Cached(*taps.load(kept, [*map(str, range(preset.views)), "edits"]))


def _take_over(run: Run, start: Path, preset: Preset) -> None:
    """Begins with exported weights, or with another run's averaged ones."""
    from plantain.train import export

    if (start / "trunk.onnx").exists():
        run.take(export.read(start, preset.size).state_dict())
    else:
        run.begin_with(start)

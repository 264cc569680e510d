"""Training of the seedling: `train("seedling_cpu", data=..., out=..., minutes=60)`. torch is imported only in here."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from plantain.errors import MissingExtra, UnknownName

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
    compiled: int = 0,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains a seedling and exports it; gives the folder of its ONNX files.

    Stage 1 (the preset's `pretrain` share of the run): edits and text to image alone. Stage 2: the whole mixture.
    `start` is another run's folder whose averaged weights this run begins with, at stage 2, or a folder of exported
    files (the shipped ones, say); parts it lacks are new, and
    batches go on where that run's ended. `rate`: the largest learning rate, where not the preset's.
    `teachers`: the folder of what specialists said of the photographs.
    `data` is the excerpt folder; the reader's taps are cached in `cache` (default `out`/taps) at the first run.
    SIGTERM saves a checkpoint and ends the process. The presets unet_* train the control (`train/unet.py`), from the
    start each time.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtra("torch", "train") from None
    from plantain.train import unet

    if preset in unet.PRESETS:
        return unet.train(preset, Path(data), Path(out), minutes, say)
    from plantain.train import export, taps
    from plantain.train.batches import SHARES, Cached, Live, Source, training_set
    from plantain.train.loop import Run
    from plantain.train.presets import PRESETS
    from plantain.train.reader import load_reader

    if preset not in PRESETS:
        raise UnknownName("preset", preset, [*PRESETS, *unet.PRESETS])
    chosen = PRESETS[preset]
    chosen = replace(chosen, minutes=minutes or chosen.minutes, steps=steps or chosen.steps, rate=rate or chosen.rate)
    chosen = replace(chosen, compiled=compiled)
    root, folder = Path(data), Path(out)
    if chosen.live:
        examples = training_set(root, Path(teachers) if teachers else None, chosen.limit)
        store: Cached | Live = Live(examples)
        run = Run(chosen, folder, resume, load_reader())
    else:
        examples = None
        kept = Path(cache) if cache else folder / "taps"
        taps.build(root, kept, chosen.views, chosen.edits, chosen.limit, say)
        store = Cached(*taps.load(kept, [*map(str, range(chosen.views)), "edits"]))
        run = Run(chosen, folder, resume)
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopped", True))  # a machine that is taken back says so
    stages = ((chosen.pretrain if start is None else 0.0, OWN), (1.0, SHARES))
    if start is not None and run.step == 0:
        if (Path(start) / "trunk.onnx").exists():
            run.take(export.read(Path(start), chosen.size).state_dict())
        else:
            run.begin_with(Path(start))
    for until, shares in stages:
        if run.progress < until:
            source = Source(root, store, chosen.batch, chosen.seed, shares, examples)
            run.train(source.stream(run.earlier + run.step, chosen.workers), until, say)
        if run.stopped:
            raise SystemExit(f"stopped at step {run.step}; the checkpoint is in {folder}; --resume goes on from there")
    ready = folder / "onnx"
    export.write(export.load(folder, chosen), ready)
    return ready

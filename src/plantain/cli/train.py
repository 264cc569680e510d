"""`plantain train`: the embedded generator, and the control."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.reporting import emit
from plantain.errors import UsageError


def train(
    preset: str,
    /,
    *,
    data: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs/seedling"),
    minutes: float | None = None,
    resume: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    start: Path | None = None,
    cache: Path | None = None,
    lr: float | None = None,
    teachers: Path | None = None,
) -> int:
    """Trains the embedded generator (needs the extra `train`) and exports it.

    Parameters
    ----------
    preset
        How large and how long: seedling_debug, seedling_cpu or seedling_gpu; or the control: unet_cpu, unet_reader_cpu,
        unet_gpu, unet_reader_gpu.
    data
        The folder of labeled photographs.
    out
        The run's folder: checkpoints, log, and the exported generator.
    minutes
        Time to train; the preset's own when not said.
    resume
        Go on from the run's last checkpoint.
    start
        Another run's folder, whose weights this one begins with, or a folder of exported files.
    cache
        Where the encoder's features are kept between runs; OUT/features when not said.
    lr
        The largest learning rate; the preset's own when not said.
    teachers
        The folder of what specialists said of the photographs.
    """
    from plantain.train import train as run

    if data is None:
        raise UsageError("say where the labeled photographs are: plantain train PRESET --data FOLDER")
    if not data.is_dir():
        raise UsageError(f"no such folder: {data}; give the folder of labeled photographs with --data")
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes must be above 0, not {minutes:g}")
    if lr is not None and not 0 < lr < 1:
        raise UsageError(f"--lr must lie between 0 and 1, not {lr:g}")
    if start is not None and not start.is_dir():
        raise UsageError(f"no such run: {start}; give the folder of an earlier run with --start")
    tell = partial(print, file=sys.stderr, flush=True)
    made = run(
        preset, data, out, minutes=minutes, resume=resume, start=start, cache=cache, lr=lr, teachers=teachers, say=tell,
    )  # fmt: skip
    emit({"preset": preset, "out": str(out), "generator": str(made)})
    return 0

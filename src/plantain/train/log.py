"""The log of a training run: OUT/log.csv, and the same for TensorBoard where it is installed.

A run that was killed goes on from its last checkpoint: rows after that step are dropped, and losses that no row told
yet come out of the checkpoint, so that the log is that of a run which nobody disturbed."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plantain.files import writing
from plantain.train.parallel import World

if TYPE_CHECKING:
    from plantain.train.loop import Losses

HEAD = ("step", "seconds", "lr", "task", "loss")
ByTask = Mapping[str, Sequence[float]]


class Log:
    """Rows of step, seconds, learning rate, task and mean loss, over all processes. Only the first one writes."""

    def __init__(self, folder: Path, world: World, step: int = 0, losses: ByTask | None = None) -> None:
        """`step`, `losses`: of the checkpoint that the run goes on from, and those since the last row before it."""
        self.folder, self.path, self.world, self.step = folder, folder / "log.csv", world, step
        self.earlier = dict(losses or {})
        self.seen: list[Losses] = []  # on the device: to ask for them at each step would make an accelerator wait

    def losses(self) -> dict[str, list[float]]:
        """Those since the last row, by task, of all processes, which must all call it."""
        found, every = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        for task, values in self.earlier.items() if self.world.first else ():
            found[task] += values
        for losses in self.seen:
            for task, loss in zip(losses.names, losses.values.tolist(), strict=True):
                found[task].append(loss)
        for part in self.world.gathered(dict(found)):
            for task, values in part.items():
                every[task] += values
        return dict(every)

    def row(self, step: int, seconds: float, lr: float, minutes: float) -> str:
        """Writes the mean losses since the last row; gives the line for people."""
        means = {task: math.fsum(values) / len(values) for task, values in sorted(self.losses().items())}
        self.seen.clear()
        self.earlier.clear()
        if self.world.first:
            self._write([[step, f"{seconds:.0f}", f"{lr:.2e}", task, f"{mean:.5f}"] for task, mean in means.items()])
            self._show(step, means)
        shown = " ".join(f"{task} {mean:.3f}" for task, mean in means.items())
        return f"step {step} · {seconds / 60:.1f} of {minutes:g} min · {shown}"

    @cached_property
    def board(self) -> Any:
        """TensorBoard's writer; None where it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return None
        return SummaryWriter(str(self.folder), purge_step=self.step + 1)

    @cached_property
    def file(self) -> Path:
        """log.csv without rows after the step that the run goes on from."""
        rows = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.reader(file) if len(row) == len(HEAD) and row[0].isdecimal()]
        with writing(self.path) as beside, beside.open("w", newline="") as file:
            csv.writer(file).writerows([HEAD, *(row for row in rows if int(row[0]) <= self.step)])
        return self.path

    def _write(self, rows: Iterable[Sequence[Any]]) -> None:
        with self.file.open("a", newline="") as file:
            csv.writer(file).writerows(rows)

    def _show(self, step: int, means: Mapping[str, float]) -> None:
        if self.board is not None:
            for task, mean in means.items():
                self.board.add_scalar(f"loss/{task}", mean, step)

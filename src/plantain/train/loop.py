"""The one training loop: batches in, weights out; stopped and resumed without a trace.

A run is a folder: preset.json, log.csv, a TensorBoard log, and checkpoint.pt (weights, average, optimiser, step,
seconds spent), written beside and renamed once a minute.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plantain.errors import UsageError
from plantain.models.painters.embedded import BLANK, MEAN, SPREAD
from plantain.train.batches import Batch
from plantain.train.precision import half_precision
from plantain.train.presets import Preset
from plantain.train.seedling import HALF, PATCH, Painted, Seedling, Window

CHECKPOINT = "checkpoint.pt"
PAUSE = 90  # seconds between checkpoints


def losses(painted: Painted, batch: Batch) -> Tensor:
    """One loss a sample: error of the painting (squared or absolute, weighted by pixel), and cross-entropy of the copy
    attention where the prompt's colour is known. Noisy canvases are weighted towards their clean end (v-loss)."""
    rgb = painted.rgb.float()
    error = rgb - batch.target
    squared = error.square()
    each = torch.where(batch.squared[:, None, None, None], squared, error.abs())
    doubtful = (batch.doubt > 0)[:, None, None]
    own = squared[:, :2].sum(1).detach().sqrt() / batch.doubt.clamp(min=1e-6)[:, None, None]
    known = batch.target[:, 2] < 0.99  # white answers nothing: there is nothing to doubt
    doubt = torch.where(doubtful & known, (rgb[:, 2] - own.clamp(max=1)).square(), each[:, 2])
    error = (each[:, 0] + each[:, 1] + doubt) / 3
    total = batch.weight.sum((1, 2)).clamp(min=1)
    painting = (error * batch.weight).sum((1, 2)) / total
    path = (1 - batch.t).clamp(min=0.4) ** -2
    half = batch.weight[:, ::2, ::2] * (batch.ids >= 0)
    logits = painted.attention.float().log_softmax(1)
    chosen = -logits.gather(1, batch.ids.clamp(min=0)[:, None])[:, 0]
    copying = (chosen * half).sum((1, 2)) / half.sum((1, 2)).clamp(min=1)
    known = half.mean((1, 2)) / batch.weight.mean((1, 2)).clamp(min=1e-6)  # soft answers have few exact colours
    return painting * batch.scale * path + 0.5 * copying * known.clamp(max=1)


class Run:
    """A training run in a folder."""

    def __init__(self, preset: Preset, folder: Path, resume: bool = False, reader: nn.Module | None = None) -> None:
        self.preset, self.folder = preset, folder
        self.reader = reader.to(preset.device).eval() if reader else None
        torch.manual_seed(preset.seed)
        self.device = torch.device(preset.device)
        self.net = Seedling(preset.size, preset.drop).to(self.device)
        self.net.decoder.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.step, self.spent = 0, 0.0
        self.earlier = 0  # steps of the runs that this one began with
        self.settled = False
        self.stopped = False  # set from outside: save after this step and return
        self.mean, self.spread = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (MEAN, SPREAD))
        self.optimiser = torch.optim.AdamW(groups(self.net, preset.decay), preset.rate, betas=(0.9, 0.98), fused=True)
        if resume and (folder / CHECKPOINT).exists():
            self._load(torch.load(folder / CHECKPOINT, map_location=self.device, weights_only=True))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "preset.json").write_text(json.dumps(asdict(preset), indent=1))

    def _load(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent, self.earlier = state["step"], state["spent"], state["earlier"]

    def begin_with(self, folder: Path) -> None:
        """Takes over the averaged weights of another run, where names and shapes agree."""
        state = torch.load(folder / CHECKPOINT, map_location=self.device, weights_only=True)
        self.earlier = state["earlier"] + state["step"]
        mine = self.net.state_dict()
        self.take({k: v for k, v in state["average"].items() if k in mine and mine[k].shape == v.shape})

    def take(self, weights: dict[str, Tensor]) -> None:
        """Takes over weights, for the network and its average; what they lack stays as it is."""
        for net in (self.net, self.average):
            net.load_state_dict(weights, strict=False)

    def save(self) -> None:
        state = {"net": self.net.state_dict(), "average": self.average.state_dict(), "step": self.step,
                 "optimiser": self.optimiser.state_dict(), "spent": self.spent, "earlier": self.earlier}  # fmt: skip
        beside = self.folder / f"{CHECKPOINT}.part"
        torch.save(state, beside)
        beside.replace(self.folder / CHECKPOINT)

    @property
    def progress(self) -> float:
        """0..1: the larger of the shares of steps and minutes spent."""
        return min(1.0, max(self.step / self.preset.steps, self.spent / 60 / self.preset.minutes))

    def rate(self) -> float:
        """Warm-up, then half a cosine."""
        warm = min(1.0, (self.step + 1) / self.preset.warmup)
        return self.preset.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def update(self, batch: Batch) -> Tensor:
        """One optimiser step; gives the loss of each sample."""
        torch.manual_seed((self.preset.seed << 32) + self.step)  # noise and dropped paths hang on the step alone
        batch = unpacked(to(batch, self.device))
        window = self.window(*(side // PATCH for side in batch.photo.shape[-2:]))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        with half_precision(self.device):
            batch = batch if batch.taps.numel() else batch._replace(taps=self.read(batch.photo))
            self.settle(batch)
            painted = self.net(batch.taps, batch.has_photo, batch.photo, noised(batch), batch.t, batch.prompt, window)
        each = losses(painted, seen_through(batch, window))
        self.optimiser.zero_grad(set_to_none=True)
        each.mean().backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self._follow()
        self.step += 1
        return each.detach()

    def window(self, rows: int, columns: int) -> Window:
        """A half of the canvas, full width or full height, by seed and step."""
        rng = np.random.default_rng((self.preset.seed, self.step, 1))
        if rng.random() < 0.5:
            top = int(rng.integers(0, rows // 2 + 1))
            return Window(top, min(rows, top + (rows + 1) // 2), 0, columns)
        left = int(rng.integers(0, columns // 2 + 1))
        return Window(0, rows, left, min(columns, left + (columns + 1) // 2))

    def settle(self, batch: Batch) -> None:
        """Once, from the first photos: the spread of the taps, for the weights and their average."""
        if self.settled:
            return
        if batch.has_photo.any() and bool((self.net.trunk.tap_spread == 1).all()):
            for net in (self.net, self.average):
                net.trunk.settle(batch.taps[batch.has_photo])
        self.settled = bool((self.net.trunk.tap_spread != 1).any())

    @torch.no_grad()
    def read(self, photo: Tensor) -> Tensor:
        """Taps of photos b 3 h w (0..1) by the reader beside the training."""
        if self.reader is None:
            raise UsageError("these batches have no cached taps; give the run a reader")
        taps: Tensor = self.reader((photo - self.mean) / self.spread)
        return taps

    def _follow(self) -> None:
        """Moves the average of the weights, faster at the start."""
        keep = min(self.preset.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_([*self.average.parameters()], [*self.net.parameters()], 1 - keep)

    def train(self, batches: Iterable[Batch], until: float = 1.0, say: Callable[[str], None] = print) -> None:
        """Trains until `until` of the preset's steps or minutes is spent; logs every 50 steps, saves every PAUSE."""
        log, saved, began = Log(self.folder), time.monotonic(), time.monotonic()
        before = self.spent
        for batch in batches:
            log.add(batch.tasks, self.update(batch))
            self.spent = before + time.monotonic() - began
            done = self.progress >= until or self.stopped
            if self.step % 50 == 0 or done:
                say(log.row(self.step, self.spent, self.rate(), self.preset.minutes))
            if time.monotonic() - saved > PAUSE or done:
                self.save()
                saved = time.monotonic()
            if done:
                return


def groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Matrices decay, vectors do not."""
    wide = [p for p in net.parameters() if p.ndim >= 2]
    return [{"params": wide, "weight_decay": decay},
            {"params": [p for p in net.parameters() if p.ndim < 2], "weight_decay": 0.0}]  # fmt: skip


def unpacked(batch: Batch) -> Batch:
    """Pictures as 0..1, weights and indices as the losses want them, taps as the reader gave them; batches travel as
    bytes."""
    taps = batch.taps.float() * batch.tap_scale if batch.taps.numel() else batch.taps
    pictures = {name: getattr(batch, name).float() / 255 for name in ("photo", "target")}
    return batch._replace(taps=taps, weight=batch.weight.float(), ids=batch.ids.long(), **pictures)


def noised(batch: Batch) -> Tensor:
    """The canvases b 3 h w: blank at t = 0, else on the straight path from noise to the target, as samplers walk it."""
    t = batch.t[:, None, None, None]
    noise = BLANK + 0.5 * torch.randn_like(batch.target)
    return torch.where(t > 0, t * batch.target + (1 - t) * noise, torch.full_like(noise, BLANK))


def seen_through(batch: Batch, window: Window) -> Batch:
    """What the loss compares with: the window's part of the target."""
    parts = {name: window.cut(getattr(batch, name), PATCH) for name in ("target", "weight")}
    return batch._replace(**parts, ids=window.cut(batch.ids, HALF))


def to(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    prompt = type(batch.prompt)(*(x.to(device, non_blocking=True) for x in batch.prompt))
    moved = {k: v.to(device, non_blocking=True) for k, v in batch._asdict().items() if isinstance(v, Tensor)}
    return batch._replace(prompt=prompt, **moved)


class Log:
    """log.csv (step, seconds, rate, one column a task) and the same for TensorBoard where it is installed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.csv"
        self.seen: list[tuple[Sequence[str], Tensor]] = []
        try:
            from torch.utils.tensorboard import SummaryWriter

            self.board: Any = SummaryWriter(str(folder))
        except ImportError:
            self.board = None

    def add(self, tasks: Sequence[str], losses: Tensor) -> None:
        """Keeps the losses of a step where they are: to ask for them at once would make an accelerator wait."""
        self.seen.append((tasks, losses))

    def row(self, step: int, seconds: float, rate: float, minutes: float) -> str:
        """Writes the mean losses since the last row; gives the line for people."""
        by_task = defaultdict(list)
        for tasks, losses in self.seen:
            for task, loss in zip(tasks, losses.tolist(), strict=True):
                by_task[task].append(loss)
        self.seen.clear()
        means = {task: sum(v) / len(v) for task, v in sorted(by_task.items())}
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            out = csv.writer(file)
            if new:
                out.writerow(["step", "seconds", "rate", "task", "loss"])
            out.writerows([step, f"{seconds:.0f}", f"{rate:.2e}", t, f"{m:.5f}"] for t, m in means.items())
        if self.board is not None:
            for task, mean in means.items():
                self.board.add_scalar(f"loss/{task}", mean, step)
        shown = " ".join(f"{t} {m:.3f}" for t, m in means.items())
        return f"step {step} · {seconds / 60:.1f} of {minutes:g} min · {shown}"


__all__ = ["Run", "losses"]

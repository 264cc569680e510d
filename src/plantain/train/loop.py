"""The one training loop: batches in, weights out; stopped and resumed without a trace.

What is trained is a `Trainee`: the seedling (`train/seedling.py`), the control (`train/unet.py`). The loop owns the
rest: optimizer, moving average of the weights (EMA), learning rate, gradient accumulation, precision, log, checkpoints.
A run is a folder: preset.json, log.csv, a TensorBoard log, and checkpoint.pt, written beside and renamed.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
import torch.utils.data
from torch import Tensor, nn

from plantain.errors import MissingExtra, OutputError, UsageError
from plantain.files import locked, sweep, writing
from plantain.train.log import Log
from plantain.train.parallel import World, as_sharded, is_shard, lost_ones, whole
from plantain.train.presets import Preset

CHECKPOINT = "checkpoint.pt"
VERSION = 2  # of the checkpoint's format
PAUSE = 90.0  # seconds between checkpoints
LOGGED = 50  # steps between rows of the log
CHECKED = 500  # steps between checks on held-out samples
BETAS = (0.9, 0.98)  # of AdamW

ALONE = World()
S = TypeVar("S")  # a sample
B = TypeVar("B")  # a batch: a tensor, or tuples and mappings of them
Draw = Callable[[int], Sequence[S]]  # a batch's number -> its samples, the same ones each time
Stages = Sequence[tuple[float, Draw[S]]]  # up to which share of the run each draw is for


class Losses(NamedTuple):
    """A loss a sample, or a loss a truth where samples have several. A step lowers the mean of values times weights."""

    values: Tensor  # n
    names: Sequence[str]  # n, the task that the log counts each under
    weights: Tensor | float = 1.0  # n


class Trainee(ABC, Generic[S, B]):
    """What is trained: a network on the preset's device, perhaps with frozen ones beside it.

    All that the loop knows of it are these five methods, so an adapter of a few tensors in a large frozen generator
    trains, resumes and is saved like a small network that trains as a whole.
    """

    @abstractmethod
    def collate(self, samples: Sequence[S]) -> B:
        """A batch in ordinary memory. Called in worker processes: it must not touch the device."""

    @abstractmethod
    def losses(self, batch: B) -> Losses:
        """The losses of a batch on the device, under autocast. Noise comes from torch, which the loop has seeded."""

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """What the optimizer moves, as torch.optim takes it; frozen weights are in no group."""

    @abstractmethod
    def state(self) -> Mapping[str, Tensor]:
        """What a checkpoint holds: the tensors themselves, by name, in float32 where they are trained. Those that
        require a gradient are averaged, others (buffers) follow; frozen weights that can be had elsewhere stay out."""

    @abstractmethod
    def export(self, folder: Path) -> Path:
        """Writes the files that painters and specialists load, with the weights as they are; gives their folder."""


class TrainingRun(Generic[S, B]):
    """A training run in a folder. UsageError where it cannot go on from the checkpoint that is there."""

    def __init__(
        self, trainee: Trainee[S, B], preset: Preset, folder: Path, resume: bool = False, world: World = ALONE
    ) -> None:
        self.trainee, self.preset, self.folder, self.world = trainee, preset, folder, world
        self.device = torch.device(preset.device)
        self.state = dict(trainee.state())
        self.ema = {name: value.detach().clone() for name, value in self.state.items()}
        self.optimizer = optimizer(preset, trainee.parameter_groups())
        self.step, self.spent = 0, 0.0
        self.earlier = 0  # steps of the runs that this one began with
        self.stopped = False  # set from outside: save after this step and return
        losses: Mapping[str, Sequence[float]] = {}  # since the log's last row
        if resume and (folder / CHECKPOINT).exists():
            losses = self._load(read_checkpoint(folder, self.device))
        self.log = Log(folder, world, self.step, losses)
        if world.first:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "preset.json").write_text(json.dumps(asdict(preset), indent=1))

    def _load(self, held: dict[str, Any]) -> Mapping[str, Sequence[float]]:
        shapes = [{name: value.shape for name, value in state.items()} for state in (held["state"], self.state)]
        if shapes[0] != shapes[1]:
            raise UsageError(f"the run in {self.folder} is of another preset; name that one, or another folder")
        self.take(held["state"])
        self.ema = {name: as_sharded(value, self.state[name]) for name, value in held["ema"].items()}
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        own = held["optimizer"]["state"]
        for number, like in enumerate(trained):
            if number in own:
                own[number] = {name: as_sharded(part, like) for name, part in own[number].items()}
        self.optimizer.load_state_dict(held["optimizer"])
        self.step, self.spent, self.earlier = held["step"], held["spent"], held["earlier"]
        return dict(held.get("losses", {}))

    def begin_with(self, folder: Path) -> None:
        """Takes over the averaged weights of another run; batches go on where that one's ended."""
        held = read_checkpoint(folder, self.device)
        self.earlier = held["earlier"] + held["step"]
        self.take(held["ema"])

    @torch.no_grad()
    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Takes over weights and their average where names and shapes agree; what they lack stays as it is."""
        for name, value in self.state.items():
            if name in weights and weights[name].shape == value.shape:
                value.copy_(as_sharded(weights[name], value))
                self.ema[name].copy_(as_sharded(weights[name], value))

    def save(self) -> None:
        """Writes a checkpoint; the one before stays until this one is whole. OutputError."""
        state = {name: value.detach() for name, value in self.state.items()}
        held = whole({"version": VERSION, "state": state, "ema": self.ema, "optimizer": self.optimizer.state_dict(),
                      "step": self.step, "spent": self.spent, "earlier": self.earlier,
                      "losses": self.log.losses()})  # fmt: skip
        if not self.world.first:
            return
        path = self.folder / CHECKPOINT
        try:
            with writing(path) as beside:
                torch.save(held, beside)
        except RuntimeError as error:  # torch's own word for a full disk
            raise OutputError(f"cannot write {path}; free some space; the checkpoint before it is whole") from error

    def export(self, folder: Path) -> Path:
        """Writes what the averaged weights make, which take the place of the last ones."""
        self.take(self.ema)
        return self.trainee.export(folder)

    @property
    def progress(self) -> float:
        """0..1: the larger of the shares of steps and minutes spent."""
        return min(1.0, max(self.step / self.preset.steps, self.spent / 60 / self.preset.minutes))

    def lr(self) -> float:
        """Warm-up, then half a cosine."""
        warm = min(1.0, (self.step + 1) / self.preset.warmup)
        return self.preset.lr * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))

    def update(self, batches: Iterable[B]) -> list[Losses]:
        """One optimizer step on the mean gradient of the preset's `accumulate` batches; gives their losses."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr()
        self.optimizer.zero_grad(set_to_none=True)
        found, share = [], 1 / self.preset.accumulate
        for number, batch in enumerate(batches, self._next()):
            torch.manual_seed((self.preset.seed << 32) + number)  # noise hangs on the batch's number alone
            with half_precision(self.device):
                losses = self.trainee.losses(to(batch, self.device))
            (share * (losses.values * losses.weights).mean()).backward()
            found.append(losses._replace(values=losses.values.detach()))
        trained = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.world.average(p.grad for p in trained if p.grad is not None)
        nn.utils.clip_grad_norm_(trained, 1.0)
        self.optimizer.step()
        self._follow()
        self.step += 1
        return found

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the average of the weights, faster at the start."""
        keep = min(self.preset.ema, (1 + self.step) / (10 + self.step))
        trained = [name for name, value in self.state.items() if value.requires_grad]
        torch._foreach_lerp_([self.ema[n] for n in trained], [self.state[n] for n in trained], 1 - keep)
        for name in self.state.keys() - trained:
            self.ema[name].copy_(self.state[name])

    def train(
        self, draw: Draw[S], until: float = 1.0, say: Callable[[str], None] = print,
        check: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        """Trains until `until` of the preset's steps or minutes is spent; logs every LOGGED steps, saves every PAUSE.
        `check` is called with the step before the first one, every CHECKED steps, and at the end. OutputError;
        PlantainError where another process of the run was lost."""
        if self.progress >= until:
            return
        if check is not None and self.step == 0:
            check(0)
        with lost_ones(f"the checkpoint in {self.folder} is whole, and --resume goes on from there"):
            self._train(iter(self._batches(draw)), until, say, check)

    def _train(
        self, batches: Iterator[B], until: float, say: Callable[[str], None], check: Callable[[int], None] | None
    ) -> None:
        saved, began, ended = self.spent, time.monotonic() - self.spent, False
        while not (ended or self.stopped):
            self.log.seen += self.update(itertools.islice(batches, self.preset.accumulate))
            self.spent = self.world.agreed(time.monotonic() - began)
            self.stopped = self.world.any(self.stopped or self.world.orphaned)
            ended = self.progress >= until
            if self.step % LOGGED == 0 or ended:
                say(self.log.row(self.step, self.spent, self.lr(), self.preset.minutes))
            if check is not None and (self.step % CHECKED == 0 or ended):
                check(self.step)
            if self.spent - saved > PAUSE or ended or self.stopped:
                self.save()
                saved = self.spent

    def _next(self) -> int:
        """The number of the next batch; those of earlier runs count."""
        return (self.earlier + self.step) * self.preset.accumulate

    def _batches(self, draw: Draw[S]) -> Iterable[B]:
        """Batches from the next one on, made ahead in worker processes."""
        dataset, workers = Batches(draw, self.trainee.collate), self.preset.workers
        return torch.utils.data.DataLoader(
            dataset, batch_size=None, sampler=itertools.count(self._next()), num_workers=workers,
            prefetch_factor=4 if workers else None, pin_memory=self.device.type == "cuda",
        )  # fmt: skip


class Batches(torch.utils.data.Dataset[B], Generic[S, B]):
    """Batches by number, as torch's DataLoader wants them."""

    def __init__(self, draw: Draw[S], collate: Callable[[Sequence[S]], B]) -> None:
        self.draw, self.collate = draw, collate

    def __getitem__(self, number: int) -> B:
        return self.collate(self.draw(number))


def own(folder: Path, resume: bool) -> int:
    """Makes the folder of a run this process's own (`files.locked`), without what killed ones left half-written.
    UsageError where another process trains there, or where a new run would take the place of an old one."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = locked(folder, forks=True)
    sweep(folder)
    if (folder / CHECKPOINT).exists() and not resume:
        raise UsageError(f"{folder} holds a run already; go on with --resume, or choose another folder with -o")
    return handle


def read_checkpoint(folder: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What a run saved: state, ema, optimizer, step, spent (seconds), earlier. UsageError where there is none."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise UsageError(f"no {CHECKPOINT} in {folder}; give the folder of a training run")
    held: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    if held.get("version") != VERSION:
        raise UsageError(f"{path} is of another version of Plantain; train again, or start from what it exported")
    return held


def optimizer(preset: Preset, groups: list[dict[str, Any]]) -> Any:
    """AdamW, as it is or with a state of 8 bits. MissingExtra."""
    sharded = any(is_shard(p) for group in groups for p in group["params"])
    if preset.optimizer == "adamw":
        return torch.optim.AdamW(groups, preset.lr, betas=BETAS, fused=not sharded)
    if preset.optimizer != "adamw8bit":
        raise UsageError(f"an optimizer is adamw or adamw8bit, not {preset.optimizer!r}")
    if sharded:
        raise UsageError("the optimizer adamw8bit knows no shards; take adamw")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise MissingExtra("bitsandbytes", "tune") from error
    return AdamW8bit(groups, preset.lr, betas=BETAS)


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on an accelerator, and on a CPU with AVX-512 bfloat16 or AMX; others emulate it, many times
    slower than float32, and stay at float32."""
    able = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def decay_groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameter groups of all that is not frozen: matrices decay, vectors do not."""
    trained = [p for p in net.parameters() if p.requires_grad]
    return [{"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}]  # fmt: skip


def to(batch: Any, device: torch.device) -> Any:
    """A batch with all its tensors on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: to(part, device) for name, part in batch.items()}
    if isinstance(batch, tuple):
        parts = [to(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    return batch

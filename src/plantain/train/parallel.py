"""Several processes that train one network: `torchrun --nproc-per-node 4 -m plantain train ...`.

Each sees its part of every batch; gradients are averaged before a step, so that all hold the same weights, and one of
them (`World.first`) writes. A network that is too large for one card is cut into shards (`shard`, FSDP2), of which each
process holds its own; checkpoints are whole, and go on in any number of processes. Alone, all of this does nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plantain.errors import PlantainError

BUCKET = 1 << 24  # numbers that are averaged at a time


@dataclass(frozen=True)
class World:
    """This process and how many there are. `parent`: the process that started all, where one did."""

    rank: int = 0
    size: int = 1
    parent: int = 0

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def orphaned(self) -> bool:
        """Whether torchrun has ended, and nobody would end this process or start it again."""
        return self.parent != 0 and os.getppid() != self.parent

    def average(self, gradients: Iterable[Tensor]) -> None:
        """The mean over all processes, in place."""
        if self.size == 1:
            return
        waiting: list[Tensor] = []
        for gradient in gradients:
            if is_shard(gradient):  # averaged on its way back already
                continue
            waiting.append(gradient)
            if sum(one.numel() for one in waiting) >= BUCKET:
                self._average(waiting)
                waiting = []
        if waiting:
            self._average(waiting)

    def _average(self, parts: list[Tensor]) -> None:
        flat = torch.cat([part.reshape(-1) for part in parts])
        torch.distributed.all_reduce(flat)
        flat /= self.size
        for part, mean in zip(parts, flat.split([part.numel() for part in parts]), strict=True):
            part.copy_(mean.view_as(part))

    def agreed(self, value: float) -> float:
        """The first process's number."""
        if self.size == 1:
            return value
        held = torch.tensor(value, dtype=torch.float64, device=device())
        torch.distributed.broadcast(held, 0)
        return float(held)

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        if self.size == 1:
            return flag
        held = torch.tensor(float(flag), dtype=torch.float64, device=device())
        torch.distributed.all_reduce(held)
        return float(held) > 0

    def gathered(self, value: Any) -> list[Any]:
        """What every process holds, in the order of processes."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            torch.distributed.barrier()


@contextmanager
def lost_ones(where: str) -> Iterator[None]:
    """A process of the run, or one that makes its batches, which was killed: PlantainError in one line."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.distributed.DistError) or any(word in text for word in ("gloo", "NCCL")):
            who = "another process of this run"
        elif "DataLoader worker" in text:
            who = "a process that makes batches"
        else:
            raise
        raise PlantainError(f"{who} has ended (killed, or out of memory); {where}") from error


# ---- shards of a network


def shard(net: nn.Module, parts: Iterable[nn.Module]) -> None:
    """Cuts the parts of a network, and what is left of it, into shards over all processes."""
    from torch.distributed.fsdp import fully_shard

    for part in parts:
        fully_shard(part)
    fully_shard(net)


def is_shard(value: Any) -> bool:
    """Whether this process holds a part of a tensor alone."""
    return hasattr(value, "full_tensor")


def whole(value: Any) -> Any:
    """A tensor put together from its shards, in every process; also in mappings and lists."""
    if isinstance(value, Mapping):
        return {key: whole(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(part) for part in value)
    return value.full_tensor() if is_shard(value) else value


def as_sharded(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor cut as another one is."""
    if not is_shard(like) or is_shard(value) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    held: Any = like
    return distribute_tensor(value.to(like.device), held.device_mesh, held.placements)


def device() -> str:
    return f"cuda:{torch.cuda.current_device()}" if torch.distributed.get_backend() == "nccl" else "cpu"


def restarted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun has started this again after a process was lost (`--max-restarts`)."""
    return int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def join(environment: Mapping[str, str] = os.environ) -> World:
    """The world that torchrun or accelerate made, of one process where neither did."""
    size = int(environment.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    if not torch.distributed.is_initialized():
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(int(environment.get("LOCAL_RANK", "0")))
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    return World(torch.distributed.get_rank(), size, os.getppid())

"""What is tuned: an adapter of an open generator, its last blocks, or its whole denoiser, for any row of GENERATORS."""

from __future__ import annotations

import gc
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from plantain.data.stream import Buckets, Stored
from plantain.errors import MissingExtra, UnknownName, UsageError
from plantain.models.painters.generators import latents
from plantain.models.painters.generators.lockstep import join, signature
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import GENERATORS
from plantain.train import parallel
from plantain.train.loop import Losses, Stages, Trainee, decay_groups
from plantain.train.tuning import objective, result
from plantain.train.tuning.conditions import Condition, Conditions, as_told
from plantain.train.tuning.presets import TuningPreset

ALL = 1_000  # blocks: more than any denoiser has


@dataclass(frozen=True, eq=False)
class Item:
    """A sample with what the generator is told of it; its noise and time follow from its seed. `once`: stage 2."""

    sample: Stored
    condition: Condition
    seed: int
    once: bool


class Group(NamedTuple):
    """Samples that go through the denoiser together: equal canvases, numbers of pictures, lengths of prompts."""

    once: bool
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    beside: Tensor
    target: Tensor  # B C h w
    noise: Tensor  # B C h w
    time: Tensor  # B
    pictures: Tensor  # B 3 H W, 0..1
    weight: Tensor  # B H W
    records: tuple[Mapping[str, Any], ...]


class Batch(NamedTuple):
    groups: tuple[Group, ...]


class EditorTrainee(Trainee[Item, Batch]):
    """UsageError where nothing of a generator is tuned."""

    updates = 0  # steps so far, for the model card
    data: Mapping[str, Any] = MappingProxyType({})  # what it is tuned on, likewise

    def __init__(self, preset: TuningPreset, painter: DiffusersPainter) -> None:
        self.preset, self.painter, self.spec = preset, painter, painter.spec
        torch.manual_seed(preset.seed)
        self.pipe = painter.pipe
        self.denoiser = getattr(self.pipe, self.spec.denoiser)
        for part in self.pipe.components.values():
            if isinstance(part, torch.nn.Module):
                part.requires_grad_(False).eval()
        self._open()
        for part in (self.denoiser, self.pipe.vae) if preset.checkpointing else ():
            if getattr(part, "_supports_gradient_checkpointing", False):
                part.enable_gradient_checkpointing()
        if preset.sharded and torch.distributed.is_initialized():
            parallel.shard(self.denoiser, last_blocks(self.denoiser, ALL))
        if preset.compiled:
            self.denoiser.compile_repeated_blocks()

    def _open(self) -> None:
        """Makes what is tuned: in float32, since small steps of bfloat16 weights round to nothing."""
        preset = self.preset
        if preset.method == "lora":
            try:
                from peft import LoraConfig
            except ImportError as error:
                raise MissingExtra("peft", "tune") from error
            config = LoraConfig(r=preset.rank, lora_alpha=preset.alpha, target_modules=self.spec.lora_targets)
            self.denoiser.add_adapter(config)
        else:
            chosen = last_blocks(self.denoiser, preset.blocks) if preset.method == "blocks" else [self.denoiser]
            for part in chosen:
                part.requires_grad_(True)
        for value in self.state().values():
            value.data = value.data.float()
        if not self.state():
            raise UsageError(f"nothing of {self.spec.name} is tuned by {preset.method} with {preset.blocks} blocks")

    # ---- what the loop asks for

    def state(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.denoiser.named_parameters() if value.requires_grad}

    def parameter_groups(self) -> list[dict[str, Any]]:
        return decay_groups(self.denoiser, self.preset.decay)

    def collate(self, samples: Sequence[Item]) -> Batch:
        alike: dict[Any, list[Item]] = {}
        for item in samples:
            held = item.condition
            alike.setdefault((item.once, signature((held.args, held.kwargs, held.beside), 1)), []).append(item)
        return Batch(tuple(grouped(items) for items in alike.values()))

    def losses(self, batch: Batch) -> Losses:
        found = [(self._once if group.once else self._flow)(group) for group in batch.groups]
        names = [record["task"] + "/once" * group.once for group in batch.groups for record in group.records]
        return Losses(torch.cat([each for each, _ in found]), names, torch.cat([counts for _, counts in found]))

    def export(self, folder: Path) -> Path:
        return result.write(self, folder)

    # ---- the two objectives

    def velocity(self, z: Tensor, group: Group, time: Tensor) -> Tensor:
        """What the denoiser says of latents (B C h w) at a time, as the stock call would ask."""
        hidden, grid = latents.put(self.spec, z, group.beside.to(z)), (z.shape[2], z.shape[3])
        if group.args:  # a U-Net: latents, time, ...
            made = self.denoiser(hidden, time, *group.args[1:], **group.kwargs)
        else:
            made = self.denoiser(**{**group.kwargs, "hidden_states": hidden, "timestep": time})
        made = made[0] if isinstance(made, tuple) else made.sample
        return latents.taken(self.spec, made, grid).float()

    def _flow(self, group: Group) -> tuple[Tensor, Tensor]:
        z, wanted, time = objective.noised(self.pipe, self.spec, group.target, group.noise, group.time)
        error = (self.velocity(z, group, time) - wanted).square().mean(1)
        return objective.weighted(error, objective.on_grid(group.weight, tuple(error.shape[1:])))

    def _once(self, group: Group) -> tuple[Tensor, Tensor]:
        z = torch.zeros_like(group.target)
        z = z - self.velocity(z, group, torch.full_like(group.time, self.spec.time))
        rows = zip(z.split(1), group.pictures, group.records, strict=True)
        errors = [checkpoint(self._decoded, *row, use_reentrant=False) for row in rows]  # one in memory at a time
        return objective.weighted(torch.stack(errors), group.weight)

    def _decoded(self, z: Tensor, target: Tensor, record: Mapping[str, Any]) -> Tensor:
        """Errors (H W) of what painted latents (1 C h w) say."""
        with torch.autocast(z.device.type, enabled=False):  # the autoencoder is exact
            painted = latents.unbounded(self.pipe, self.spec, z)
        return objective.decoded_errors(painted[0], target, record)


def last_blocks(denoiser: Any, count: int) -> list[Any]:
    """The last transformer blocks of a denoiser, in the order in which it runs them."""
    named = [one for name, one in denoiser.named_modules() if re.fullmatch(r".*blocks\.\d+", name)]
    return named[len(named) - count :] if count else []


def grouped(items: Sequence[Item]) -> Group:
    """Rows of one shape, joined."""
    held = [item.condition for item in items]
    seeds, spare = [item.seed for item in items], torch.ones(items[0].sample.target.shape[:2])
    args, kwargs, rest = join([(one.args, one.kwargs, one.beside) for one in held], 1)
    weights = [item.sample.weight for item in items]
    return Group(
        items[0].once,
        args,
        kwargs,
        rest,
        torch.cat([one.target for one in held]),
        torch.cat([objective.noise(seed, one.target) for seed, one in zip(seeds, held, strict=True)]),
        objective.times(seeds, [one.shift for one in held]),
        torch.from_numpy(np.stack([item.sample.target for item in items])).permute(0, 3, 1, 2).float() / 255,
        torch.stack([spare if weight is None else torch.from_numpy(weight) for weight in weights]),
        tuple(item.sample.record for item in items),
    )


# ---- from shards to batches


class Drawn:
    """Batch number -> its items. Noise and time of a sample hang on the run's seed and its number, so that they are
    the same in however many processes a batch is shared."""

    def __init__(self, buckets: Buckets, conditions: Conditions, seed: int, once: bool, rank: int, world: int) -> None:
        self.buckets, self.conditions, self.seed, self.once = buckets, conditions, seed, once
        self.rank, self.world = rank, world

    def __call__(self, number: int) -> list[Item]:
        samples = [as_told(self.conditions.painter, one) for one in self.buckets.read(number, self.rank, self.world)]
        places = itertools.count(number * self.buckets.batch + self.rank, self.world)
        return [
            Item(sample, self.conditions.read(sample), objective.seed_of(self.seed, place), self.once)
            for sample, place in zip(samples, places, strict=False)
        ]


def needed(buckets: Buckets, batches: int, rank: int, world: int) -> Iterator[Stored]:
    """The samples that a run of so many batches sees, each once, of one of several processes."""
    seen, most = set[tuple[int, int, int]](), len(buckets.mixture)
    for number in range(batches):
        mixture, numbers = buckets.numbers(number)
        for n in numbers:
            key = (id(mixture), *mixture.locate(n))
            if key not in seen:
                seen.add(key)
                if len(seen) % world == rank:
                    yield mixture[n]
        if len(seen) >= most:
            return


def prepare(
    preset: TuningPreset, buckets: Buckets, painter: DiffusersPainter, conditions: Conditions,
    say: Callable[[str], None], rank: int = 0, world: int = 1,
) -> tuple[EditorTrainee, Stages[Item]]:  # fmt: skip
    """The generator told of every sample, its text encoders out of memory, and the stages of its tuning."""
    if preset.once and not painter.spec.flow:
        raise UsageError(f"{painter.spec.name} cannot paint in one step; tune it with --once 0")
    made, size = conditions.make(needed(buckets, preset.steps * preset.accumulate, rank, world))
    if made:
        say(f"{made} samples told, {size / 1e6:.0f} MB in {conditions.folder}")
    forget_texts(painter)
    if not preset.sharded:  # shards are moved block by block
        getattr(painter.pipe, painter.spec.denoiser).to(painter.device)
    trainee = EditorTrainee(preset, painter)
    count = sum(value.numel() for value in trainee.state().values())
    say(f"{painter.spec.name}: {count / 1e6:.3g} million parameters are tuned ({preset.method})")
    many, once = (Drawn(buckets, conditions, preset.seed, stage, rank, world) for stage in (False, True))
    if not preset.once:
        return trainee, [(1.0, many)]
    return trainee, [(1.0, once)] if preset.once >= 1 else [(1 - preset.once, many), (1.0, once)]


def forget_texts(painter: DiffusersPainter) -> None:
    """Takes text encoders out of memory."""
    for name in [name for name in painter.pipe.components if name.startswith("text_encoder")]:
        setattr(painter.pipe, name, None)
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def painter_of(preset: TuningPreset, weights: Path | None) -> DiffusersPainter:
    """The generator of a preset. UnknownName, UsageError for a distilled one."""
    if preset.generator not in GENERATORS:
        raise UnknownName("generator", preset.generator, GENERATORS)
    if base := GENERATORS[preset.generator].base:
        raise UsageError(f"{preset.generator} is distilled; tune {base}, whose adapters run on both")
    return DiffusersPainter(
        preset.generator, weights, device=preset.device, quantize=preset.quantize, waiting=preset.quantize is None
    )

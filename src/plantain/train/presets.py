"""Named ways to train. A preset is a frozen dataclass; the command line changes minutes, learning rate and folders."""

from __future__ import annotations

from dataclasses import dataclass, field

from plantain.train.network import Size


@dataclass(frozen=True)
class Preset:
    """What the loop needs to know. A run takes `minutes` of wall time or `steps`, whichever ends first; the learning
    rate falls with the larger share spent."""

    batch: int = 12
    accumulate: int = 1  # batches a step
    steps: int = 1_000_000
    minutes: float = 60.0
    lr: float = 8e-4
    warmup: int = 150
    decay: float = 0.02
    ema: float = 0.998
    limit: int | None = None  # photos a set, for rehearsals
    seed: int = 0
    device: str = "cpu"
    workers: int = 1  # processes that make batches
    optimizer: str = "adamw"  # or adamw8bit, whose state is a quarter as large (needs bitsandbytes)


@dataclass(frozen=True)
class SeedlingPreset(Preset):
    size: Size = field(default_factory=Size)
    drop: float = 0.0  # share of samples that skip the last block (earlier ones less): against learning by heart
    pretrain: float = 0.05  # share of the run that is stage 1: the generator's own data alone
    views: int = 2
    edits: int = 1200
    live: bool = False  # the encoder runs beside the training, on new views each time, instead of cached features


@dataclass(frozen=True)
class UNetPreset(Preset):
    batch: int = 8
    minutes: float = 12.0
    lr: float = 1e-3
    warmup: int = 100
    encoder: bool = False  # the frozen vision encoder's features join at the bottom
    width: int = 16


TINY = Size(width=64, depth=2, heads=2, smooth=6, detail=2, stem=8, mix=16, query=16)
SEEDLINGS: dict[str, SeedlingPreset] = {
    "seedling_debug": SeedlingPreset(
        size=TINY, batch=4, steps=20, minutes=1.0, warmup=2, views=1, edits=16, limit=4,
    ),
    "seedling_cpu": SeedlingPreset(),
    "seedling_gpu_debug": SeedlingPreset(  # the rehearsal of seedling_gpu: the encoder beside the training, on a CPU
        size=TINY, batch=4, steps=8, minutes=2.0, warmup=2, drop=0.15, limit=4, live=True,
    ),
    "seedling_gpu": SeedlingPreset(
        size=Size(width=384, depth=10, heads=6, smooth=32, detail=16, stem=48, mix=96, query=64), batch=128,
        minutes=10.0, lr=7e-4, warmup=200, decay=0.05, drop=0.15, ema=0.999, device="cuda", live=True, workers=15,
    ),
}  # fmt: skip
UNETS: dict[str, UNetPreset] = {
    "unet_debug": UNetPreset(width=8, batch=2, steps=3, limit=2),
    "unet_reader_debug": UNetPreset(encoder=True, width=8, batch=2, steps=3, limit=2),
    "unet_cpu": UNetPreset(),
    "unet_reader_cpu": UNetPreset(encoder=True),
    "unet_gpu": UNetPreset(width=96, batch=96, minutes=10.0, device="cuda", workers=15),
    "unet_reader_gpu": UNetPreset(encoder=True, width=96, batch=96, minutes=10.0, device="cuda", workers=15),
}
PRESETS: dict[str, SeedlingPreset | UNetPreset] = {**SEEDLINGS, **UNETS}

"""Named ways to train a seedling. A preset is a frozen dataclass; the command line changes minutes, data and folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from plantain.train.seedling import Size


@dataclass(frozen=True)
class Preset:
    """`minutes` of wall time or `steps`, whichever ends first; the learning rate falls with the larger share spent."""

    size: Size = field(default_factory=Size)
    batch: int = 12
    steps: int = 1_000_000
    minutes: float = 60.0
    rate: float = 8e-4
    warmup: int = 150
    decay: float = 0.02
    drop: float = 0.0  # share of samples that skip the last block (earlier ones less): against learning by heart
    ema: float = 0.998
    pretrain: float = 0.05  # share of the run that is stage 1: the generator's own data alone
    views: int = 2
    edits: int = 1200
    limit: int | None = None  # photos a set, for rehearsals
    seed: int = 0
    device: str = "cpu"
    live: bool = False  # the reader runs beside the training, on new views each time, instead of cached taps
    workers: int = 1  # processes that make batches


TINY = Size(width=64, depth=2, heads=2, smooth=6, detail=2, stem=8, mix=16, query=16)
PRESETS: dict[str, Preset] = {
    "seedling_debug": Preset(
        size=TINY, batch=4, steps=20, minutes=1.0,
        warmup=2, views=1, edits=16, limit=4,
    ),
    "seedling_cpu": Preset(),
    "seedling_gpu_debug": Preset(  # the rehearsal of seedling_gpu: the reader beside the training, on a CPU
        size=TINY, batch=4, steps=8, minutes=2.0,
        warmup=2, drop=0.15, limit=4, live=True,
    ),
    "seedling_gpu": Preset(
        size=Size(width=384, depth=10, heads=6, smooth=32, detail=16, stem=48, mix=96, query=64), batch=128,
        minutes=10.0, rate=7e-4, warmup=200, decay=0.05, drop=0.15, ema=0.999, device="cuda", live=True, workers=15,
    ),
}  # fmt: skip

"""Named ways to tune. A preset says for which memory it is made; the command line changes time, data and folders.

Memory is computed by `plantain train PRESET --plan`; nobody has measured it yet (docs/training-queue.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from plantain.train.presets import Preset

Method = Literal["lora", "full", "blocks"]


@dataclass(frozen=True)
class TuningPreset(Preset):
    """`generator`: a row of `GENERATORS`. `method`: "lora" adds matrices of `rank` to every linear layer (times
    `alpha` / `rank`), "full" tunes the whole denoiser, "blocks" its last `blocks`. `quantize`: how the frozen weights
    are held. `once`: the share of the run, at its end, that is one deterministic step on decoded values; 0 where a
    generator is to go on painting in many steps. `sharded`: the denoiser is cut over all processes (FSDP2), where it is
    too large for one card. `side`: of a square canvas, for the plan. `card`: GB it is made for.
    """

    generator: str = "flux2-klein-base-4b"
    method: Method = "lora"
    rank: int = 64
    alpha: int = 64
    blocks: int = 0
    quantize: str | None = None
    once: float = 0.2
    checkpointing: bool = True
    compiled: bool = False
    sharded: bool = False
    side: int = 512
    card: int = 24
    batch: int = 1
    accumulate: int = 8
    minutes: float = 8 * 60
    lr: float = 1e-4
    warmup: int = 50
    decay: float = 0.0
    ema: float = 0.99
    device: str = "cuda"
    workers: int = 2


TUNINGS: dict[str, TuningPreset] = {
    "flux2_klein_lora": TuningPreset(side=768),
    "flux2_klein_lora_16gb": TuningPreset(card=16, optimizer="adamw8bit"),
    "flux2_klein_qlora_8gb": TuningPreset(rank=32, alpha=32, side=384, quantize="nf4", card=8, optimizer="adamw8bit"),
    "flux2_klein_lora_80gb": TuningPreset(rank=128, alpha=128, side=1024, card=80, batch=8, accumulate=2,
                                          compiled=True, workers=8),
    "flux2_klein_blocks_24gb": TuningPreset(method="blocks", blocks=4, lr=2e-5, card=24, optimizer="adamw8bit"),
    "flux2_klein_full_80gb": TuningPreset(method="full", lr=1e-5, side=768, card=80, batch=4, accumulate=4,
                                          optimizer="adamw8bit", workers=8),
    "flux2_klein_9b_qlora_24gb": TuningPreset(generator="flux2-klein-base-9b", quantize="nf4", card=24,
                                              optimizer="adamw8bit"),
    "flux2_klein_9b_lora_80gb": TuningPreset(generator="flux2-klein-base-9b", rank=128, alpha=128, side=1024, card=80,
                                             batch=4, accumulate=4, workers=8),
    "tuning_debug": TuningPreset(rank=4, alpha=4, batch=2, accumulate=1, steps=8, minutes=5, warmup=2, device="cpu",
                                 workers=0, once=0.5, side=128, card=8, lr=1e-3),
}  # fmt: skip

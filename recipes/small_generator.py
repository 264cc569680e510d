"""A generator of the FLUX.2 kind that is small enough for a CPU: diffusers' transformer class and pipeline, on TAEF2's
latents, with vectors of words in place of a text encoder. For the recipes; `plantain.train.tuning` tunes it as any."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import taef2
from plantain.models.identity import Identity
from plantain.models.painters.generators import latents
from plantain.models.painters.generators.lockstep import joinable
from plantain.models.painters.generators.painter import DiffusersPainter
from plantain.models.painters.generators.spec import KLEIN_BASE

WORDS, WIDTH = 64, 96  # tokens of a prompt, numbers of each
TOKEN = re.compile(r"#[0-9a-f]{6}|\(\d+, \d+, \d+\)|[a-z]+|\d+(?:\.\d+)?|[^\w\s]")


@dataclass(frozen=True)
class Size:
    """How large and how long: width of the transformer, its blocks, steps of pretraining and of tuning, batch."""

    heads: int
    double: int
    single: int
    pretraining: int
    tuning: int
    batch: int
    device: str
    samples: int | None = None  # of each held-out task


class Autoencoder(nn.Module):
    """TAEF2 as the pipelines of FLUX.2 want an autoencoder; statistics of its latents are measured on photographs."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        for half in ("encoder", "decoder"):
            held = torch.load(data / "weights" / f"taef2_{half}.pth", map_location="cpu", weights_only=True)
            setattr(self, f"{half}_weights", {name: value.float() for name, value in held.items()})
        self.bn = nn.BatchNorm2d(128, affine=False)
        self.config = SimpleNamespace(block_out_channels=(1, 1, 1, 1), batch_norm_eps=1e-4, latent_channels=32)
        self.dtype = torch.float32

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        for half in ("encoder_weights", "decoder_weights"):
            setattr(self, half, {name: fn(value) for name, value in getattr(self, half).items()})
        return super()._apply(fn, recurse)

    def encode(self, x: Tensor) -> Any:
        return SimpleNamespace(latents=taef2._encode(x / 2 + 0.5, self.encoder_weights))

    def decode(self, z: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        return (taef2._decode(z, self.decoder_weights) * 2 - 1,)

    @property
    def device(self) -> torch.device:
        return self.bn.running_mean.device

    @torch.no_grad()
    def measure(self, pictures: Sequence[np.ndarray]) -> None:
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
        z = latents.patched(self.encode(x).latents, 2)
        self.bn.running_mean.copy_(z.mean((0, 2, 3)))
        self.bn.running_var.copy_(z.var((0, 2, 3)))


class SmallPipeline(Flux2KleinPipeline):
    """FLUX.2 klein's pipeline with vectors of words in place of a text encoder."""

    def encode_prompt(self, prompt: Any, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        texts = [prompt] if isinstance(prompt, str) else prompt
        made = torch.from_numpy(np.stack([vectors(text) for text in texts])).to(self.transformer.device)
        return made, self._prepare_text_ids(made).to(made.device)


def vectors(text: str) -> np.ndarray:
    """A vector a word: random, but always the same; of a color or number its value."""
    out = np.zeros((WORDS, WIDTH), np.float32)
    for row, word in enumerate(TOKEN.findall(text.lower())[:WORDS]):
        hexadecimal = [int(word[i : i + 2], 16) for i in (1, 3, 5)] if word[0] == "#" and len(word) == 7 else []
        numbers = hexadecimal or list(map(float, re.findall(r"\d+(?:\.\d+)?", word)))
        seed = hashlib.sha256(("number" if numbers else word).encode()).digest()[:8]
        out[row] = np.random.default_rng(int.from_bytes(seed, "big")).normal(0, 1, WIDTH)
        if len(numbers) == 3:
            turns = np.pi * np.outer((0.5, 1, 2, 4), numbers).ravel() / 255
            out[row, :24] = np.concatenate([np.sin(turns), np.cos(turns)])
    return out


class SmallPainter(DiffusersPainter):
    """The small generator behind the interface of all open ones."""

    def __init__(self, data: Path, size: Size, pictures: Sequence[np.ndarray]) -> None:
        super().__init__("flux2-klein-base-4b", device=size.device)
        self.spec = replace(KLEIN_BASE, tokenizer="", name="small-flux2", params={})
        self.size, self.data, self.pictures = size, data, pictures
        self.unmeasured = Identity("small-flux2", weights=json.dumps(asdict(size)))

    @cached_property
    def pipe(self) -> Any:
        torch.manual_seed(0)
        size = self.size
        denoiser = Flux2Transformer2DModel(
            in_channels=128, num_layers=size.double, num_single_layers=size.single, attention_head_dim=32,
            num_attention_heads=size.heads, joint_attention_dim=WIDTH, axes_dims_rope=(8, 8, 8, 8),
            guidance_embeds=False,
        )  # fmt: skip
        vae = Autoencoder(self.data)
        vae.measure(self.pictures)
        scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        made = SmallPipeline(scheduler, vae, None, None, denoiser)
        made.set_progress_bar_config(disable=True)
        denoiser.forward = joinable(denoiser.forward, torch.float32)
        for part in (vae, denoiser):
            part.to(size.device)
        return made

"""The losses of tuning, a value a sample.

Stage 1 is the generator's own: noise is taken off latents at any time (rectified flow; noise prediction for the older
U-Nets). Stage 2 is one deterministic step: zeros in, the painting out, and the error is that of what it says, decoded:
brightness of depth codes, angles of normals, the class that a color is read as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from plantain.models.painters.generators.spec import GeneratorSpec

SHARPNESS = 12.0  # of reading a color: the logit that a squared distance of 1 in RGB is worth
COLORS = 0.3  # share of plain color error, which keeps colors near their codes


def seed_of(*numbers: int) -> int:
    """A seed of 64 bits from numbers of any size, far from those of their neighbors.

    >>> seed_of(0, 1) == seed_of(0, 1) != seed_of(1, 0)
    True
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def times(seeds: Sequence[int], shifts: Sequence[float]) -> Tensor:
    """A time for each sample, 1 is pure noise: the middle mostly (logistic normal), shifted as the generator does it.

    Source: Esser et al. 2024, arXiv 2403.03206, sections 3.1 and 5.3.2."""
    generators = [torch.Generator().manual_seed(seed_of(seed, 1)) for seed in seeds]  # not those of `noise`
    drawn = [torch.randn((), generator=generator).sigmoid() for generator in generators]
    even, factor = torch.stack(drawn), torch.tensor(list(shifts))
    return even * factor / (1 + (factor - 1) * even)


def noise(seed: int, like: Tensor) -> Tensor:
    """Of one sample, by its seed alone: whatever its batch and process, it is the same."""
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def noised(pipe: Any, spec: GeneratorSpec, z: Tensor, e: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Latents with noise, what the denoiser should say of them, and the time as it is told: B C h w, twice, and B."""
    at = t.view(-1, 1, 1, 1)
    if is_flow(pipe):
        return (1 - at) * z + at * e, e - z, t * spec.time
    steps = (t * spec.time).long().clamp(max=len(pipe.scheduler.alphas_cumprod) - 1)
    kept = pipe.scheduler.alphas_cumprod.to(z.device)[steps].view(-1, 1, 1, 1)
    wanted = e if pipe.scheduler.config.prediction_type == "epsilon" else kept.sqrt() * e - (1 - kept).sqrt() * z
    return kept.sqrt() * z + (1 - kept).sqrt() * e, wanted, steps


def is_flow(pipe: Any) -> bool:
    """Whether a generator moves straight from noise to pictures."""
    return "FlowMatch" in type(pipe.scheduler).__name__


def on_grid(weight: Tensor, grid: tuple[int, int]) -> Tensor:
    """Weights of pixels (B H W) on the grid of latents: the least of a cell, so that one with a hole never teaches."""
    cell = weight.shape[-2] // grid[0], weight.shape[-1] // grid[1]
    return -F.max_pool2d(-weight[:, None], cell)[:, 0]


def weighted(each: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of a sample's errors (B h w) by their weights, and whether anything counts: B, B."""
    total = weight.flatten(1).sum(1)
    mean = (each * weight).flatten(1).sum(1) / total.clamp(min=1e-6)
    return mean, (total > 0).to(mean.dtype)


def decoded_errors(painted: Tensor, target: Tensor, record: Mapping[str, Any]) -> Tensor:
    """How far what a painting says is from what the true one says, at each pixel (h w). Both are 3 h w, 0..1."""
    plain = (painted - target).abs().mean(0)
    code, legend = str(record.get("code", "")), legend_of(record)
    if "gray" in code:
        return (painted.mean(0) - target.mean(0)).abs() + COLORS * plain
    if record.get("task") == "normals":
        one, other = painted * 2 - 1, target * 2 - 1
        return (1 - F.cosine_similarity(one, other, dim=0)) + COLORS * plain
    if len(legend) > 1 and record.get("task") in ("semantic", "refer"):
        return crossed(painted, target, legend.to(painted)) + COLORS * plain
    return plain


def crossed(painted: Tensor, target: Tensor, colors: Tensor) -> Tensor:
    """Cross-entropy of the color that a painting is read as, against the nearest one of the true painting: h w."""
    logits = -SHARPNESS * away(painted, colors)
    wanted = away(target, colors).argmin(0)
    return F.cross_entropy(logits[None], wanted[None], reduction="none")[0]


def away(picture: Tensor, colors: Tensor) -> Tensor:
    """Squared distance of each pixel to each color: k h w."""
    return (picture[None] - colors[:, :, None, None]).square().sum(1)


def legend_of(record: Mapping[str, Any]) -> Tensor:
    """The colors that a sample's answer is made of (k 3, 0..1), the background's last."""
    rows = [*record.get("legend", {}).values()]
    rows += [record["background"]] if record.get("background") is not None else []
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 3) / 255

"""PiDiNet-small, edges: convolutions on differences of pixels. Written from the paper (arXiv 2108.07009, sections 3.1
to 3.3 and table 5); the published weights are for research alone and do not ship.

    plantain.load("pidinet", weights="pidinet_small_table5.pth")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import MissingExtra, PainterError
from plantain.models.specialists.base import Specialist, located
from plantain.models.specialists.outputs import EdgeOutput, SpecialistOutput
from plantain.models.specialists.tensors import IMAGENET

KINDS = ("central", "angular", "radial", "plain")  # of the 16 convolutions in turn
TURNED = (3, 0, 1, 6, 4, 2, 7, 8, 5)  # each of a 3 x 3 kernel's places, its neighbor around the center
OUTER, INNER = (0, 2, 4, 10, 14, 20, 22, 24), (6, 7, 8, 11, 13, 16, 17, 18)  # the two rings of a 5 x 5 kernel
WIDE = (5, 7, 9, 11)  # dilations


class PiDiNet(Specialist):
    """Edges by PiDiNet-small at the photo's own size."""

    name = "pidinet"
    supported_tasks: Mapping[str, str] = MappingProxyType({"edges": "strength 0..1"})

    def __init__(self, weights: str | Path | None = None, threads: int | None = None) -> None:
        super().__init__()
        self.weights, self.threads = located(weights, "pidinet_small_table5.pth", self.name), threads

    @cached_property
    def state(self) -> dict[str, Any]:
        try:
            import torch
        except ImportError as error:
            raise MissingExtra("torch", "train") from error
        if self.threads:
            torch.set_num_threads(self.threads)
        stored = torch.load(self.weights, map_location="cpu", weights_only=True)
        state = stored.get("state_dict", stored)
        if not any(name.endswith("init_block.weight") for name in state):
            raise PainterError(f"{self.weights} holds no PiDiNet")
        return {name.removeprefix("module."): value.float() for name, value in state.items()}

    def infer(self, photo: UInt8[np.ndarray, "h w 3"]) -> SpecialistOutput:
        state = self.state
        import torch

        mean, std = (torch.tensor(v).view(3, 1, 1) for v in IMAGENET)
        with torch.inference_mode():
            x = torch.from_numpy(photo.copy()).permute(2, 0, 1).float() / 255
            return EdgeOutput(strength(((x - mean) / std)[None], state)[0, 0].numpy())


def strength(x: Any, state: dict[str, Any]) -> Any:
    """The network: a picture b 3 h w -> edges b 1 h w, 0..1."""
    import torch
    from torch.nn import functional as F

    size = x.shape[-2:]
    x = differences(x, state["init_block.weight"], KINDS[0])
    levels, turn = [], 1
    for stage in range(1, 5):
        for block in range(1, 5):
            name = f"block{stage}_{block}"
            if f"{name}.conv1.weight" not in state:
                continue
            short = x
            if stage > 1 and block == 1:
                x = F.max_pool2d(x, 2)
                short = F.conv2d(x, state[f"{name}.shortcut.weight"], state[f"{name}.shortcut.bias"])
            inner = differences(x, state[f"{name}.conv1.weight"], KINDS[turn % 4], groups=x.shape[1])
            x = F.conv2d(inner.relu(), state[f"{name}.conv2.weight"]) + short
            turn += 1
        levels.append(side(x, state, stage - 1, size))
    fused = F.conv2d(torch.cat(levels, 1), state["classifier.weight"], state["classifier.bias"])
    return fused.sigmoid()


def differences(x: Any, weight: Any, kind: str, groups: int = 1) -> Any:
    """A convolution on differences: of each pixel to the center, to its neighbor around the center, or of an outer to
    an inner ring. Differences of pixels are differences of weights, so each is one plain convolution."""
    from torch.nn import functional as F

    flat = weight.flatten(2)
    if kind == "central":
        weight = weight.clone()
        weight[..., 1, 1] -= flat.sum(-1)
    elif kind == "angular":
        weight = (flat - flat[..., TURNED]).view_as(weight)
    elif kind == "radial":
        ring = weight.new_zeros(*weight.shape[:2], 25)
        ring[..., OUTER], ring[..., INNER] = flat[..., 1:], -flat[..., 1:]
        return F.conv2d(x, ring.view(*weight.shape[:2], 5, 5), padding=2, groups=groups)
    return F.conv2d(x, weight, padding=1, groups=groups)


def side(x: Any, state: dict[str, Any], i: int, size: tuple[int, int]) -> Any:
    """One stage's own edges at full size: four dilations, an attention over places, one channel."""
    from torch.nn import functional as F

    name = f"dilations.{i}"
    x = F.conv2d(x.relu(), state[f"{name}.conv1.weight"], state[f"{name}.conv1.bias"])
    x = sum(F.conv2d(x, state[f"{name}.conv2_{j + 1}.weight"], padding=d, dilation=d) for j, d in enumerate(WIDE))
    name = f"attentions.{i}"
    where = F.conv2d(x.relu(), state[f"{name}.conv1.weight"], state[f"{name}.conv1.bias"])
    x = x * F.conv2d(where, state[f"{name}.conv2.weight"], padding=1).sigmoid()
    name = f"conv_reduces.{i}.conv"
    x = F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"])
    return F.interpolate(x, size, mode="bilinear", align_corners=False)

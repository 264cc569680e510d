"""An editor that gives every picture back, in the place of a pipeline's own autoencoder and denoiser: what is left is
how its class handles pictures."""

from __future__ import annotations

from functools import wraps
from types import SimpleNamespace
from typing import Any

import torch


class Keeping:
    """Stands in for an autoencoder: latents say where in the picture they are, and which picture; decoding looks there.
    So nothing is blurred, and whatever is done to latents or pixels shows."""

    def __init__(self, channels: int, factor: int) -> None:
        self.channels, self.factor, self.pictures = channels, factor, list[Any]()

    def encode(self, x: Any, *_: Any, **__: Any) -> Any:
        flat = (x[:, :, 0] if x.ndim == 5 else x)[:, :3].float()
        batch, _, height, width = flat.shape
        high, wide = height // self.factor, width // self.factor
        z = torch.zeros(batch, self.channels, high, wide)
        z[:, 0] = ((torch.arange(high) + 0.5) / high * 2 - 1)[:, None]
        z[:, 1] = (torch.arange(wide) + 0.5) / wide * 2 - 1
        for i in range(batch):
            z[i, 2] = len(self.pictures)
            self.pictures.append(flat[i])
        z = z[:, :, None] if x.ndim == 5 else z
        return SimpleNamespace(latents=z, latent_dist=SimpleNamespace(mode=lambda: z))

    def decode(self, z: Any, *_: Any, **__: Any) -> Any:
        flat = (z[:, :, 0] if z.ndim == 5 else z).float()
        size = [side * self.factor for side in flat.shape[-2:]]
        edge = self.factor
        for axis in (2, 3):  # goes on evenly beyond the border, so that it is even up to the border
            ends = [2 * flat.narrow(axis, i, 1) - flat.narrow(axis, j, 1) for i, j in ((0, 1), (-1, -2))]
            flat = torch.cat([ends[0], flat, ends[1]], axis)
        fine = torch.nn.functional.interpolate(flat[:, :2], scale_factor=edge, mode="bilinear", align_corners=False)
        where = fine[:, :, edge : edge + size[0], edge : edge + size[1]].permute(0, 2, 3, 1).flip(-1)
        pictures = [self.pictures[round(float(one[2].mean()))] for one in flat]
        made = torch.cat([
            torch.nn.functional.grid_sample(one[None], at[None], padding_mode="border", align_corners=False)
            for one, at in zip(pictures, where, strict=True)
        ])  # fmt: skip
        return (made[:, :, None] if z.ndim == 5 else made,)


def copying(spec: Any, vae: Any) -> Any:
    """Stands in for a denoiser: the velocity (or what the scheduler is made to take as the answer) that leads straight
    from what is there to the reference's latents."""

    def forward(*args: Any, **kwargs: Any) -> Any:
        x = args[0] if args else kwargs.get("hidden_states")
        if not spec.flow:  # of its three rows for guidance, the second sees the photo in both classes
            reference = x[:, 4:] * vae.config.scaling_factor if spec.place == "channels" else x[..., x.shape[-1] // 2 :]
            answer = reference[1:2].expand_as(reference)
            return (answer if spec.place == "channels" else torch.cat([answer, answer], -1),)
        other = kwargs.get("image_cond_hidden_states")
        count = x.shape[1] if other is not None else x.shape[1] // 2
        first, rest = x[:, :count], x[:, count:]
        target, reference = (rest, first) if spec.place == "last" else (first, rest if other is None else other)
        velocity = (target - reference) / kwargs["timestep"].view(-1, 1, 1)
        return (torch.cat([velocity, velocity], 1) if other is None else velocity,)

    return forward


def made_to_copy(model: Any) -> Keeping:
    """Puts the stand-ins into a painter's pipeline."""
    spec, vae = model.spec, model.pipe.vae
    channels = vae.config.get("latent_channels", vae.config.get("z_dim"))
    stand_in = Keeping(channels, 16 if spec.name == "qwen-image-2.1" else 8)
    vae.encode, vae.decode = stand_in.encode, stand_in.decode
    denoiser = getattr(model.pipe, spec.denoiser)
    denoiser.forward = wraps(denoiser.forward)(copying(spec, vae))  # some classes read its signature
    if not spec.flow:
        model.pipe.scheduler.step = lambda answer, *_, **__: (answer,)
    return stand_in

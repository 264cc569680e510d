"""Between pictures and the latents that denoisers work on: for the one-step recipe, the color ladder, and training.

Latents here are normalized and patched as the denoiser sees them, on their grid: B C h w. Most transformers take them
as tokens, `tokens(z)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plantain.models.painters.generators.spec import GeneratorSpec


def encode(pipe: Any, spec: GeneratorSpec, rgb: Any) -> Any:
    """Latents (B C h w) of pictures (B 3 H W, 0..1): the mode of the autoencoder's distribution, so always the same."""
    import torch

    vae, x = pipe.vae, rgb * 2 - 1
    if spec.alpha:
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    if spec.frames:
        x = x[:, :, None]
    coded = vae.encode(x)
    z = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latents
    z = z[:, :, 0] if spec.frames else z
    if hasattr(vae, "bn"):  # FLUX.2's autoencoder: statistics of patched channels
        mean, deviation = statistics(vae, z)
        return (patched(z, spec.patch) - mean) / deviation
    mean, deviation = statistics(vae, z)
    return patched((z - mean) / deviation, spec.patch)


def decode(pipe: Any, spec: GeneratorSpec, z: Any) -> Any:
    """Pictures (B 3 H W, 0..1) of latents (B C h w)."""
    return unbounded(pipe, spec, z).clamp(0, 1)


def unbounded(pipe: Any, spec: GeneratorSpec, z: Any) -> Any:
    """As the decoder gives them: also colors below 0 and above 1, which still have a gradient."""
    vae = pipe.vae
    mean, deviation = statistics(vae, z)
    if hasattr(vae, "bn"):
        z = unpatched(z * deviation + mean, spec.patch)
    else:
        z = unpatched(z, spec.patch) * deviation + mean
    picture = vae.decode(z[:, :, None] if spec.frames else z, return_dict=False)[0]
    picture = picture[:, :, 0] if spec.frames else picture
    return picture[:, :3] / 2 + 0.5


def statistics(vae: Any, like: Any) -> tuple[Any, Any]:
    """Mean and deviation of the latents as the class normalizes them, broadcast over B C h w."""
    import torch

    if hasattr(vae, "bn"):
        mean, deviation = vae.bn.running_mean, torch.sqrt(vae.bn.running_var + vae.config.batch_norm_eps)
    elif getattr(vae.config, "latents_mean", None) is not None:
        mean, deviation = torch.tensor(vae.config.latents_mean), torch.tensor(vae.config.latents_std)
        deviation = deviation / (getattr(vae.config, "scaling_factor", None) or 1.0)
    else:
        mean = torch.tensor([getattr(vae.config, "shift_factor", None) or 0.0])
        deviation = torch.tensor([1 / vae.config.scaling_factor])
    return tuple(v.view(1, -1, 1, 1).to(like.device, like.dtype) for v in (mean, deviation))


def patched(z: Any, patch: int) -> Any:
    """B C h w as B (C p p) h/p w/p."""
    batch, channels, height, width = z.shape
    z = z.reshape(batch, channels, height // patch, patch, width // patch, patch).permute(0, 1, 3, 5, 2, 4)
    return z.reshape(batch, channels * patch * patch, height // patch, width // patch)


def unpatched(z: Any, patch: int) -> Any:
    """The inverse of `patched`."""
    batch, channels, height, width = z.shape
    z = z.reshape(batch, channels // patch**2, patch, patch, height, width).permute(0, 1, 4, 2, 5, 3)
    return z.reshape(batch, channels // patch**2, height * patch, width * patch)


def tokens(z: Any) -> Any:
    """B C h w as B (h w) C."""
    return z.flatten(2).transpose(1, 2)


def zeros(pipe: Any, spec: GeneratorSpec, size: tuple[int, int]) -> Any:
    """What the stock call takes as `latents` where a one-step model starts from nothing: zeros for a canvas of (width,
    height), as tokens or on their grid."""
    import torch

    channels = getattr(pipe, spec.denoiser).config.in_channels
    width, height = size[0] // spec.unit, size[1] // spec.unit
    if spec.zeros == "grid":
        return torch.zeros(1, channels, height, width)
    return torch.zeros(1, width * height, channels)


# ---- where the latents to be painted lie in what the denoiser takes and gives


def beside(spec: GeneratorSpec, hidden: Any, grid: tuple[int, int]) -> Any:
    """What a denoiser's input holds but the latents to be painted, on a `grid` of (rows, columns): the references."""
    count = grid[0] * grid[1]
    if spec.place == "channels":
        return hidden[:, hidden.shape[1] // 2 :]
    if spec.place == "left":
        return hidden[..., grid[1] :]
    return hidden[:, :-count] if spec.place == "last" else hidden[:, count:]


def put(spec: GeneratorSpec, z: Any, rest: Any) -> Any:
    """The denoiser's input: latents to be painted (B C h w) and what stands `beside` them."""
    import torch

    if spec.place in ("channels", "left"):
        return torch.cat([z, rest], 1 if spec.place == "channels" else -1)
    return torch.cat([rest, tokens(z)] if spec.place == "last" else [tokens(z), rest], 1)


def taken(spec: GeneratorSpec, made: Any, grid: tuple[int, int]) -> Any:
    """What a denoiser says of the latents to be painted: B C h w."""
    count = grid[0] * grid[1]
    if spec.place == "channels":
        return made
    if spec.place == "left":
        return made[..., : grid[1]]
    own = made[:, -count:] if spec.place == "last" else made[:, :count]
    return own.transpose(1, 2).reshape(made.shape[0], -1, *grid)

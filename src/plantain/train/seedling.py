"""The seedling as the loop trains it: batches, what a painting costs, and the files that come out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plantain.models.painters.embedded import BLANK, prompt_arrays
from plantain.models.painters.words import shipped
from plantain.train import export, features
from plantain.train.batches import OWN, SHARES, FeatureStore, Item, PhotoStore, Source, training_set
from plantain.train.encoder import load_encoder, normalized
from plantain.train.loop import Losses, Stages, Trainee, decay_groups
from plantain.train.network import HALF, PATCH, Painted, Prompt, Seedling, Window
from plantain.train.presets import SeedlingPreset


class Batch(NamedTuple):
    """b samples of one grid, as they travel between processes; h and w are multiples of 14, n = h w / 196."""

    features: Tensor  # b 1+n 1536, int8; empty: the encoder runs beside the training
    has_photo: Tensor  # b
    photo: Tensor  # b 3 h w, uint8
    t: Tensor  # b; 0: a blank canvas, else how far the canvas is on the way from noise to the target
    prompt: Prompt
    target: Tensor  # b 3 h w, uint8
    weight: Tensor  # b h w, float16
    ids: Tensor  # b h/2 w/2, int8: which color of the prompt the pixel has, -1 = none
    scale: Tensor  # b
    squared: Tensor  # b, True = squared error, False = absolute
    doubt: Tensor  # b; > 0: blue learns the painting's own error, which is full at this much
    tasks: Sequence[str]


class SeedlingTrainee(Trainee[Item, Batch]):
    """Everything but the encoder trains. Its features come with the batches, or, in live presets, from itself."""

    def __init__(self, preset: SeedlingPreset, scale: np.ndarray | None = None) -> None:
        """`scale`: what cached features (int8) are multiplied by, 1536 float32; 1 when not said."""
        torch.manual_seed(preset.seed)
        self.preset, device = preset, torch.device(preset.device)
        self.net = Seedling(preset.size, preset.drop).to(device)
        self.net.decoder.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.encoder = load_encoder().to(device).eval() if preset.live else None
        self.scale = (torch.ones(1) if scale is None else torch.from_numpy(scale)).to(device)
        self.fitted = False

    def collate(self, samples: Sequence[Item]) -> Batch:
        tokens = [shipped().read(item.sample.prompt) for item in samples]
        pairs = zip(samples, tokens, strict=True)
        return Batch(
            features=self._cached(samples),
            has_photo=torch.tensor([item.has_photo for item in samples]),
            photo=_planes([item.photo for item in samples]),
            t=torch.tensor([item.t for item in samples], dtype=torch.float32),
            prompt=Prompt(*map(torch.from_numpy, prompt_arrays(tokens).values())),
            target=_planes([item.sample.target for item in samples]),
            weight=torch.from_numpy(np.stack([item.sample.weight for item in samples]).astype(np.float16)),
            ids=torch.from_numpy(np.stack([which(i.sample.target, i.sample.weight, t.colors) for i, t in pairs])),
            scale=torch.tensor([item.sample.scale for item in samples]),
            squared=torch.tensor([item.sample.loss == "l2" for item in samples]),
            doubt=torch.tensor([item.sample.doubt for item in samples]),
            tasks=tuple(item.sample.task for item in samples),
        )

    def _cached(self, samples: Sequence[Item]) -> Tensor:
        if self.preset.live:
            return torch.empty(0)
        h, w = samples[0].photo.shape[:2]
        blank = np.zeros((1 + h * w // PATCH**2, self.preset.size.features), np.int8)
        return torch.from_numpy(np.stack([blank if item.features is None else item.features for item in samples]))

    def losses(self, batch: Batch) -> Losses:
        batch = self._unpacked(batch)
        self._fit_feature_stats(batch)
        window = random_window(*(side // PATCH for side in batch.photo.shape[-2:]))
        canvas = noised(batch)
        painted = self.net(batch.features, batch.has_photo, batch.photo, canvas, batch.t, batch.prompt, window)
        return Losses(painting_losses(painted, windowed(batch, window)), batch.tasks)

    def _unpacked(self, batch: Batch) -> Batch:
        """Pictures as 0..1, weights and indices as the losses want them, features as the encoder gives them."""
        photo, target = batch.photo.float() / 255, batch.target.float() / 255
        with torch.no_grad():
            seen = batch.features.float() * self.scale if self.encoder is None else self.encoder(normalized(photo))
        weight, ids = batch.weight.float(), batch.ids.long()
        return batch._replace(features=seen, photo=photo, target=target, weight=weight, ids=ids)

    def _fit_feature_stats(self, batch: Batch) -> None:
        """Once in a network's life, from the first photos."""
        if self.fitted or not batch.has_photo.any():
            return
        if (self.net.trunk.tap_spread == 1).all():
            self.net.trunk.fit_feature_stats(batch.features[batch.has_photo])
        self.fitted = True

    def parameter_groups(self) -> list[dict[str, Any]]:
        return decay_groups(self.net, self.preset.decay)

    def state(self) -> dict[str, Tensor]:
        return self.net.state_dict(keep_vars=True)

    def export(self, folder: Path) -> Path:
        export.write(copy.deepcopy(self.net).cpu().eval(), folder)
        return folder


def prepare(
    preset: SeedlingPreset, root: Path, cache: Path, teachers: Path | None, say: Callable[[str], None]
) -> tuple[SeedlingTrainee, Stages[Item]]:
    """A new seedling and its stages: the generator's own data alone, then the whole mixture. Where the preset is not
    live, the encoder's features of every labeled photo are made in `cache` at the first run."""
    examples = training_set(root, teachers, preset.limit)
    if preset.live:
        store: FeatureStore | PhotoStore = PhotoStore(examples)
        trainee = SeedlingTrainee(preset)
    else:
        features.build(root, cache, preset, say)
        rows, scale = features.load(cache, [*map(str, range(preset.views)), "edits"])
        store, trainee = FeatureStore(rows), SeedlingTrainee(preset, scale)
    shipped()  # read once, before the workers part
    stages = ((preset.pretrain, OWN), (1.0, SHARES))
    return trainee, [(until, Source(root, store, preset.batch, preset.seed, s, examples).draw) for until, s in stages]


def painting_losses(painted: Painted, batch: Batch) -> Tensor:
    """One loss a sample: error of the painting (squared or absolute, weighted by pixel), and cross-entropy of the copy
    attention where the prompt's color is known. Noisy canvases are weighted towards their clean end (v-loss)."""
    rgb = painted.rgb.float()
    error = rgb - batch.target
    squared = error.square()
    each = torch.where(batch.squared[:, None, None, None], squared, error.abs())
    doubtful = (batch.doubt > 0)[:, None, None]
    own = squared[:, :2].sum(1).detach().sqrt() / batch.doubt.clamp(min=1e-6)[:, None, None]
    known = batch.target[:, 2] < 0.99  # white answers nothing: there is nothing to doubt
    doubt = torch.where(doubtful & known, (rgb[:, 2] - own.clamp(max=1)).square(), each[:, 2])
    error = (each[:, 0] + each[:, 1] + doubt) / 3
    total = batch.weight.sum((1, 2)).clamp(min=1)
    painting = (error * batch.weight).sum((1, 2)) / total
    path = (1 - batch.t).clamp(min=0.4) ** -2
    half = batch.weight[:, ::2, ::2] * (batch.ids >= 0)
    logits = painted.attention.float().log_softmax(1)
    chosen = -logits.gather(1, batch.ids.clamp(min=0)[:, None])[:, 0]
    copying = (chosen * half).sum((1, 2)) / half.sum((1, 2)).clamp(min=1)
    known = half.mean((1, 2)) / batch.weight.mean((1, 2)).clamp(min=1e-6)  # soft answers have few exact colors
    return painting * batch.scale * path + 0.5 * copying * known.clamp(max=1)


def random_window(rows: int, columns: int) -> Window:
    """A half of the canvas, full width or full height, by torch's random numbers."""
    wide, place = torch.rand(2).tolist()
    if wide < 0.5:
        top = int(place * (rows // 2 + 1))
        return Window(top, min(rows, top + (rows + 1) // 2), 0, columns)
    left = int(place * (columns // 2 + 1))
    return Window(0, rows, left, min(columns, left + (columns + 1) // 2))


def noised(batch: Batch) -> Tensor:
    """The canvases b 3 h w: blank at t = 0, else on the straight path from noise to the target, as samplers walk it."""
    t = batch.t[:, None, None, None]
    noise = BLANK + 0.5 * torch.randn_like(batch.target)
    return torch.where(t > 0, t * batch.target + (1 - t) * noise, torch.full_like(noise, BLANK))


def windowed(batch: Batch, window: Window) -> Batch:
    """What the loss compares with: the window's part of the target."""
    parts = {name: window.cut(getattr(batch, name), PATCH) for name in ("target", "weight")}
    return batch._replace(**parts, ids=window.cut(batch.ids, HALF))


def which(target: np.ndarray, weight: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """At half size: the index of the prompt's color that the target has there, -1 where it has none or does not count.

    Source of the idea: supervising the copy attention learns several times faster than the painting alone."""
    half, counts = target[::2, ::2], weight[::2, ::2] > 0
    out = np.full(half.shape[:2], -1, np.int8)
    packed = half.astype(np.int32) @ np.array([65536, 256, 1])
    for k, color in enumerate((colors * 255).round().astype(np.int32)):
        out[(packed == color @ np.array([65536, 256, 1])) & counts] = k
    return out


def _planes(pictures: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)  # the memory stays b h w 3: channels last

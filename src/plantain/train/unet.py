"""The control: a plain U-Net with one head a task, on the seedling's photographs, with and without its encoder.

    plantain train unet_reader_cpu --data DATA -o runs/unet-reader
    plantain bench run nyu-excerpt/metric-depth --model unet --weights runs/unet-reader/onnx --data DATA

What it is for: whatever a painter gets by painting, a specialist of the same size and data gets without; the difference
is the price of generality. Every head has a fixed vocabulary and its own loss; nothing is asked in words.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from plantain.data.augment import jittered
from plantain.data.base import Example
from plantain.data.excerpts import present
from plantain.data.views import View
from plantain.models.painters.grids import PATCH
from plantain.models.specialists.unet import HEADS, Head
from plantain.train.batches import remembered
from plantain.train.encoder import load_encoder, normalized
from plantain.train.export import Axes, write_onnx
from plantain.train.features import box_of, grid_of
from plantain.train.loop import Losses, Stages, Trainee, decay_groups
from plantain.train.presets import UNetPreset

ASKED: Mapping[str, tuple[str, ...]] = {  # which heads a set's photographs teach
    "nyu": ("metric-depth", "normals", "nyu-13"), "kitti": ("metric-depth",), "camvid": ("camvid",),
    "ade20k": ("ade20k",), "people": ("person",), "portraits": ("person",), "salient": ("main object",),
    "bsds": ("edges",), "pose": ("joints",),
}  # fmt: skip
SHARES = {"nyu": 0.3, "kitti": 0.08, "camvid": 0.14, "ade20k": 0.22, "people": 0.06, "portraits": 0.03, "salient": 0.05,
          "bsds": 0.05, "pose": 0.07}  # fmt: skip
DISC = 0.02  # sigma of a joint's spot, as a share of the canvas


class ConvBlock(nn.Module):
    """Two convolutions with group norm."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(into, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(8, out), nn.GroupNorm(8, out)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm2(self.two(F.gelu(self.norm1(self.one(x))))))


class UNet(nn.Module):
    """Four halvings and back (Ronneberger et al. 2015, arXiv 1505.04597), heads of 1 x 1 at half size. Input:
    ImageNet-normalized RGB b 3 h w; `features` b 1+n 1536 of the same picture, or an empty tensor."""

    def __init__(self, width: int, encoder: bool) -> None:
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down = nn.ModuleList(ConvBlock(a, b) for a, b in zip([3, *sizes], sizes, strict=False))
        self.join = nn.Conv2d(1536, sizes[-1], 1) if encoder else None
        into = sizes[-1] * (2 if encoder else 1)
        self.up = nn.ModuleList()
        for skip in sizes[-2:0:-1]:
            self.up.append(ConvBlock(into + skip, skip))
            into = skip
        self.heads = nn.ModuleDict({key(name): nn.Conv2d(into, head.channels, 1) for name, head in HEADS.items()})

    def forward(self, photo: Tensor, features: Tensor) -> dict[str, Tensor]:
        """What each head says, b c h w, by the head's name with _ for spaces and dashes."""
        skips, x = [], photo
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2, ceil_mode=True) if i else x)
            skips.append(x)
        if self.join is not None:
            rows, columns = photo.shape[-2] // PATCH, photo.shape[-1] // PATCH
            grid = features[:, 1:].transpose(1, 2).reshape(photo.shape[0], 1536, rows, columns)
            x = torch.cat([x, F.interpolate(self.join(grid), size=x.shape[-2:], mode="bilinear")], 1)
        for block, skip in zip(self.up, skips[-2:0:-1], strict=True):
            x = block(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="bilinear"), skip], 1))
        said = {name: head(x) for name, head in self.heads.items()}
        if self.training:  # at half size: neighboring pixels teach much the same
            return said
        return {name: F.interpolate(v, size=photo.shape[-2:], mode="bilinear") for name, v in said.items()}


def key(name: str) -> str:
    """A head's name as torch and ONNX take it."""
    return name.replace(" ", "_").replace("-", "_")


# ---- what it learns from


@dataclass(frozen=True, eq=False)
class LabeledView:
    """A photo (uint8 h w 3), and the truth of each of its heads: values, and where they count."""

    photo: np.ndarray
    truths: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def truth(name: str, example: Example, view: View) -> tuple[np.ndarray, np.ndarray]:
    """What a head should say (c h w, or class numbers h w), and where that is known (h w)."""
    everywhere = np.ones(view.size[::-1], bool)
    if name == "metric-depth":
        depth: Any = view.truth(example.truth("depth"))
        return np.log(np.maximum(depth.values, 1e-2))[None].astype(np.float32), depth.valid
    if name == "normals":
        normals: Any = view.truth(example.truth("normals"))
        return normals.xyz.transpose(2, 0, 1).astype(np.float32), normals.valid
    if name in ("person", "main object", "edges"):
        soft: Any = view.truth(example.truth("edges" if name == "edges" else "mask"))
        return soft.alpha[:1].astype(np.float32), everywhere
    if name == "joints":
        return spots(view.truth(example.truth("keypoints")), HEADS[name].names), everywhere
    labels: Any = view.truth(example.truth("labels13" if name == "nyu-13" else "labels"))
    place = {own: i for i, own in reversed(list(enumerate(HEADS[name].names)))}
    ids = np.array([*(place.get(own, -1) for own in labels.classes), -1])[labels.ids]
    return ids.astype(np.int64), ids >= 0


def spots(points: Any, names: Sequence[str]) -> np.ndarray:
    """A soft spot for each joint that is seen: c h w, 0..1."""
    height, width = points.confidence.shape
    y, x = np.mgrid[:height, :width] + 0.5
    out = np.zeros((len(names), height, width), np.float32)
    for name, (px, py), there in zip(points.names, points.xy, points.visible, strict=True):
        if there and name in names:
            away = ((x - px) ** 2 + (y - py) ** 2) / (DISC * max(height, width)) ** 2
            out[names.index(name)] = np.exp(-away / 2)
    return out


class LabeledViews:
    """Batch number -> views of one grid, drawn from (seed, number) alone."""

    def __init__(self, root: Path, preset: UNetPreset) -> None:
        self.preset = preset
        sets = {name: present(root, [name])[: preset.limit] for name in ASKED}
        self.examples = [remembered(e) for rows in sets.values() for e in rows]
        weight = np.array([SHARES[e.source] / len(sets[e.source]) for e in self.examples])
        self.weight = weight / weight.sum()
        self.grids = [grid_of(e) for e in self.examples]

    def draw(self, number: int) -> list[LabeledView]:
        rng = np.random.default_rng((self.preset.seed, number))
        rows, columns = grid = self.grids[rng.choice(len(self.examples), p=self.weight)]
        among = np.flatnonzero([g == grid for g in self.grids])
        p = self.weight[among] / self.weight[among].sum()
        out = []
        for i in rng.choice(among, self.preset.batch, p=p):
            box = box_of(rng.uniform(0.45, 1.0) if rng.random() < 0.7 else 1.0, rng)
            view = View((columns * PATCH, rows * PATCH), box, bool(rng.random() < 0.5))
            out.append(_labeled(self.examples[int(i)], view, rng))
        return out


def _labeled(example: Example, view: View, rng: np.random.Generator) -> LabeledView:
    with Image.open(example.photo) as image:
        photo = jittered(view.picture(image.convert("RGB")), rng)
    return LabeledView(photo, {name: truth(name, example, view) for name in ASKED[example.source]})


# ---- how it learns


class HeadTruth(NamedTuple):
    """What one head should say of the samples that have its truth."""

    rows: Tensor  # m, which samples of the batch
    values: Tensor  # m c h w, or class numbers m h w
    known: Tensor  # m h w


class UNetBatch(NamedTuple):
    photo: Tensor  # b h w 3, uint8
    truths: dict[str, HeadTruth]


class UNetTrainee(Trainee[LabeledView, UNetBatch]):
    """All heads weigh the same in a batch, however many samples have their truths."""

    def __init__(self, preset: UNetPreset) -> None:
        torch.manual_seed(preset.seed)
        self.preset, device = preset, torch.device(preset.device)
        self.net = UNet(preset.width, preset.encoder).to(device, memory_format=torch.channels_last)
        self.encoder = load_encoder().to(device).eval() if preset.encoder else None

    def collate(self, samples: Sequence[LabeledView]) -> UNetBatch:
        truths = {}
        for name in HEADS:
            rows = [i for i, sample in enumerate(samples) if name in sample.truths]
            if rows:
                parts = zip(*(samples[i].truths[name] for i in rows), strict=True)
                truths[name] = HeadTruth(torch.tensor(rows), *(torch.from_numpy(np.stack(part)) for part in parts))
        return UNetBatch(torch.from_numpy(np.stack([sample.photo for sample in samples])), truths)

    def losses(self, batch: UNetBatch) -> Losses:
        photo = normalized(batch.photo.permute(0, 3, 1, 2).float() / 255)
        photo = photo.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            features = photo.new_zeros(0) if self.encoder is None else self.encoder(photo)
        said = self.net(photo, features)
        parts = {name: head_losses(HEADS[name], said[key(name)][t.rows], t) for name, t in batch.truths.items()}
        count = sum(map(len, parts.values()))
        weights = torch.cat([torch.full_like(each, count / len(each)) for each in parts.values()])
        names = [name for name, each in parts.items() for _ in each]
        return Losses(torch.cat([*parts.values()]), names, weights)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return decay_groups(self.net, self.preset.decay)

    def state(self) -> dict[str, Tensor]:
        return self.net.state_dict(keep_vars=True)

    def export(self, folder: Path) -> Path:
        return write(copy.deepcopy(self.net).cpu().eval(), self.preset.encoder, folder)


def prepare(preset: UNetPreset, root: Path) -> tuple[UNetTrainee, Stages[LabeledView]]:
    """A new control and its one stage."""
    return UNetTrainee(preset), [(1.0, LabeledViews(root, preset).draw)]


def head_losses(head: Head, said: Tensor, truth: HeadTruth) -> Tensor:
    """A loss a sample, the mean of its known pixels; what is said (m c h w) may be at half size."""
    said, step = said.float(), truth.values.shape[-1] // said.shape[-1]
    values, known = truth.values[..., ::step, ::step], truth.known[..., ::step, ::step]
    if head.kind == "classes":
        each = F.cross_entropy(said, values.clamp(min=0), reduction="none")
    elif head.kind == "vectors":
        each = 1 - F.cosine_similarity(said, values, dim=1)
    elif head.kind == "log":
        each = (said - values).abs()[:, 0]
    else:
        weight = 1 + (head.rare - 1) * values
        each = (F.binary_cross_entropy_with_logits(said, values, reduction="none") * weight).mean(1)
    return (each * known).sum((1, 2)) / known.sum((1, 2)).clamp(min=1)


class UNetFile(nn.Module):
    """The net with its outputs in the order of HEADS."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        said = self.net(photo, features)
        # an input that nothing uses would vanish from the file
        return tuple(said[key(name)] + 0 * features.sum() for name in HEADS)


def write(net: UNet, encoder: bool, folder: Path) -> Path:
    """unet.onnx, any grid, and unet.json; the files' own words for encoder and features are reader and taps."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs: dict[str, Axes] = {key(name): (1, head.channels, "h", "w") for name, head in HEADS.items()}
    write_onnx(UNetFile(net), folder / "unet.onnx", {"photo": (1, 3, "h", "w"), "taps": (1, "n1", 1536)}, outputs)
    (folder / "unet.json").write_text(json.dumps({"reader": encoder}))
    return folder

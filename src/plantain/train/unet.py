"""The control: a plain U-Net with one head a task, on the seedling's photographs, with and without its reader.

    plantain train unet_reader_cpu --data DATA -o runs/unet-reader
    plantain bench run nyu-excerpt/metric-depth --model unet --weights runs/unet-reader/onnx --data DATA

What it is for: whatever a painter gets by painting, a specialist of the same size and data gets without; the difference
is the price of generality. Every head has a fixed vocabulary and its own loss; nothing is asked in words.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils.data
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from plantain.data.base import Example
from plantain.data.excerpts import present
from plantain.data.views import View
from plantain.models.painters.embedded import MEAN, SPREAD
from plantain.models.painters.grids import PATCH, grid
from plantain.models.specialists.unet import HEADS, Head
from plantain.train.batches import jittered, remembered
from plantain.train.precision import half_precision
from plantain.train.reader import export, load_reader

ASKED: Mapping[str, tuple[str, ...]] = {  # which heads a set's photographs teach
    "nyu": ("metric-depth", "normals", "nyu-13"), "kitti": ("metric-depth",), "camvid": ("camvid",),
    "ade20k": ("ade20k",), "people": ("person",), "portraits": ("person",), "salient": ("main object",),
    "bsds": ("edges",), "pose": ("joints",),
}  # fmt: skip
SHARES = {"nyu": 0.3, "kitti": 0.08, "camvid": 0.14, "ade20k": 0.22, "people": 0.06, "portraits": 0.03, "salient": 0.05,
          "bsds": 0.05, "pose": 0.07}  # fmt: skip
DISC = 0.02  # sigma of a joint's spot, as a share of the canvas


@dataclass(frozen=True)
class UNetPreset:
    """`reader`: the frozen vision encoder's taps join at the bottom."""

    reader: bool = False
    width: int = 16
    batch: int = 8
    minutes: float = 12.0
    steps: int = 1_000_000
    rate: float = 1e-3
    warmup: int = 100
    decay: float = 0.02
    ema: float = 0.998
    limit: int | None = None
    seed: int = 0
    device: str = "cpu"
    workers: int = 1


PRESETS: dict[str, UNetPreset] = {
    "unet_debug": UNetPreset(width=8, batch=2, steps=3, limit=2),
    "unet_reader_debug": UNetPreset(reader=True, width=8, batch=2, steps=3, limit=2),
    "unet_cpu": UNetPreset(),
    "unet_reader_cpu": UNetPreset(reader=True),
    "unet_gpu": UNetPreset(width=96, batch=96, minutes=10.0, device="cuda", workers=15),
    "unet_reader_gpu": UNetPreset(reader=True, width=96, batch=96, minutes=10.0, device="cuda", workers=15),
}


class Double(nn.Module):
    """Two convolutions with group norm."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(into, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(8, out), nn.GroupNorm(8, out)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm2(self.two(F.gelu(self.norm1(self.one(x))))))


class UNet(nn.Module):
    """Four halvings and back (Ronneberger et al. 2015, arXiv 1505.04597), heads of 1 x 1 at half size. Input:
    ImageNet-normalised RGB b 3 h w; `taps` b 1+n 1536 of the same picture, or an empty tensor."""

    def __init__(self, width: int, reader: bool) -> None:
        super().__init__()
        sizes = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.down = nn.ModuleList(Double(a, b) for a, b in zip([3, *sizes], sizes, strict=False))
        self.join = nn.Conv2d(1536, sizes[-1], 1) if reader else None
        into = sizes[-1] * (2 if reader else 1)
        self.up = nn.ModuleList()
        for skip in sizes[-2:0:-1]:
            self.up.append(Double(into + skip, skip))
            into = skip
        self.heads = nn.ModuleDict({name: nn.Conv2d(into, head.channels, 1) for name, head in _heads().items()})

    def forward(self, photo: Tensor, taps: Tensor) -> dict[str, Tensor]:
        """What each head says, b c h w, by the head's name with _ for spaces and dashes."""
        skips, x = [], photo
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2, ceil_mode=True) if i else x)
            skips.append(x)
        if self.join is not None:
            rows, columns = photo.shape[-2] // PATCH, photo.shape[-1] // PATCH
            read = self.join(taps[:, 1:].transpose(1, 2).reshape(photo.shape[0], 1536, rows, columns))
            x = torch.cat([x, F.interpolate(read, size=x.shape[-2:], mode="bilinear")], 1)
        for block, skip in zip(self.up, skips[-2:0:-1], strict=True):
            x = block(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="bilinear"), skip], 1))
        said = {name: head(x) for name, head in self.heads.items()}
        if self.training:  # at half size: neighbouring pixels teach much the same
            return said
        return {name: F.interpolate(v, size=photo.shape[-2:], mode="bilinear") for name, v in said.items()}


def _heads() -> dict[str, Head]:
    return {key(name): head for name, head in HEADS.items()}


def key(name: str) -> str:
    """A head's name as torch and ONNX take it."""
    return name.replace(" ", "_").replace("-", "_")


# ---- what is learnt from


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo (uint8 h w 3), whose set it is of, and the truth of each of its heads: values, and where they count."""

    photo: np.ndarray
    truths: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


def look(example: Example, view: View, rng: np.random.Generator) -> Seen:
    """One view of an example."""
    with Image.open(example.photo) as image:
        photo = jittered(view.picture(image.convert("RGB")), rng)
    return Seen(photo, {name: truth(name, example, view) for name in ASKED[example.source]})


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


class Looks(torch.utils.data.Dataset[list[Seen]]):
    """Batch number -> views of one grid, drawn from (seed, number) alone."""

    def __init__(self, root: Path, preset: UNetPreset) -> None:
        self.preset = preset
        sets = {name: present(root, [name])[: preset.limit] for name in ASKED}
        self.examples = [remembered(e) for rows in sets.values() for e in rows]
        weight = np.array([SHARES[e.source] / len(sets[e.source]) for e in self.examples])
        self.weight = weight / weight.sum()
        self.grids = [_grid_of(e) for e in self.examples]

    def __getitem__(self, step: int) -> list[Seen]:
        rng = np.random.default_rng((self.preset.seed, step))
        first = self.grids[rng.choice(len(self.examples), p=self.weight)]
        among = np.flatnonzero([g == first for g in self.grids])
        p = self.weight[among] / self.weight[among].sum()
        out = []
        for i in rng.choice(among, self.preset.batch, p=p):
            share = rng.uniform(0.45, 1.0) if rng.random() < 0.7 else 1.0
            x, y = rng.uniform(0, 1 - share, 2)
            view = View((first[1] * PATCH, first[0] * PATCH), (x, y, x + share, y + share), bool(rng.random() < 0.5))
            out.append(look(self.examples[int(i)], view, rng))
        return out

    def stream(self, start: int) -> Iterator[list[Seen]]:
        """Batches made ahead in worker processes."""
        workers = self.preset.workers
        return iter(torch.utils.data.DataLoader(
            self, batch_size=None, sampler=Forever(start), num_workers=workers, prefetch_factor=4 if workers else None,
        ))  # fmt: skip


class Forever(torch.utils.data.Sampler[int]):
    """start, start + 1, ..."""

    def __init__(self, start: int) -> None:
        self.start = start

    def __iter__(self) -> Iterator[int]:
        step = self.start
        while True:
            yield step
            step += 1


def _grid_of(example: Example) -> tuple[int, int]:
    with Image.open(example.photo) as image:
        return grid(*image.size)


# ---- learning


def losses(said: Mapping[str, Tensor], batch: Sequence[Seen], device: torch.device) -> dict[str, Tensor]:
    """The loss of each head over the samples that have its truth; what is said may be at half size."""
    out = {}
    for name, head in HEADS.items():
        rows = [i for i, seen in enumerate(batch) if name in seen.truths]
        if not rows:
            continue
        values = torch.from_numpy(np.stack([batch[i].truths[name][0] for i in rows])).to(device)
        known = torch.from_numpy(np.stack([batch[i].truths[name][1] for i in rows])).to(device)
        mine = said[key(name)][rows].float()
        step = values.shape[-1] // mine.shape[-1]
        values, known = values[..., ::step, ::step], known[..., ::step, ::step]
        if head.kind == "classes":
            each = F.cross_entropy(mine, values.clamp(min=0), reduction="none")
        elif head.kind == "vectors":
            each = 1 - F.cosine_similarity(mine, values, dim=1)
        elif head.kind == "log":
            each = (mine - values).abs()[:, 0]
        else:
            weight = 1 + (head.rare - 1) * values
            each = (F.binary_cross_entropy_with_logits(mine, values, reduction="none") * weight).mean(1)
        out[name] = (each * known).sum() / known.sum().clamp(min=1)
    return out


def train(name: str, root: Path, folder: Path, minutes: float | None, say: Callable[[str], None]) -> Path:
    """Trains a control and exports it; gives the folder of its ONNX file."""
    preset = PRESETS[name]
    torch.manual_seed(preset.seed)
    device = torch.device(preset.device)
    net = UNet(preset.width, preset.reader).to(device, memory_format=torch.channels_last)
    average = {k: v.detach().clone() for k, v in net.state_dict().items()}
    reader = load_reader().to(device).eval() if preset.reader else None
    optimiser = torch.optim.AdamW(net.parameters(), preset.rate, weight_decay=preset.decay, betas=(0.9, 0.98))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preset.json").write_text(json.dumps(asdict(preset), indent=1))
    began, allowed = time.monotonic(), 60 * (minutes or preset.minutes)
    told: dict[str, float] = {}
    for step, batch in enumerate(Looks(root, preset).stream(0)):
        share = max(step / preset.steps, (time.monotonic() - began) / allowed)
        if share >= 1:
            break
        warm = min(1.0, (step + 1) / preset.warmup)
        for group in optimiser.param_groups:
            group["lr"] = preset.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        photo = normalised([seen.photo for seen in batch], device)
        with half_precision(device):
            with torch.no_grad():
                taps = reader(photo) if reader is not None else photo.new_zeros(0)
            said = net(photo, taps)
        parts = losses(said, batch, device)
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        keep = min(preset.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in net.state_dict().items():
                average[k].lerp_(v, 1 - keep)
        told |= {k: 0.9 * told.get(k, v.item()) + 0.1 * v.item() for k, v in parts.items()}
        if step % 50 == 0:
            say(f"step {step} · {share:.0%} · " + " ".join(f"{k} {v:.3f}" for k, v in sorted(told.items())))
    net.load_state_dict(average)
    return write(net.cpu().eval(), preset, folder / "onnx")


def normalised(photos: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """b 3 h w as the reader and the net take them."""
    planes = torch.from_numpy(np.stack(photos)).to(device).permute(0, 3, 1, 2).float() / 255
    mean, spread = (torch.tensor(v, device=device).view(3, 1, 1) for v in (MEAN, SPREAD))
    return ((planes - mean) / spread).contiguous(memory_format=torch.channels_last)


class Flat(nn.Module):
    """The net with its outputs in the order of HEADS."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, photo: Tensor, taps: Tensor) -> tuple[Tensor, ...]:
        said = self.net(photo, taps)
        # an input that nothing uses would vanish from the file
        return tuple(said[key(name)] + 0 * taps.sum() for name in HEADS)


def write(net: UNet, preset: UNetPreset, folder: Path) -> Path:
    """unet.onnx, any grid."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, taps = torch.zeros(1, 3, 3 * PATCH, 4 * PATCH), torch.zeros(1, 13, 1536)
    axes = {"photo": {2: "h", 3: "w"}, "taps": {1: "n1"}}
    axes |= {key(name): {2: "h", 3: "w"} for name in HEADS}
    export(Flat(net), (photo, taps), folder / "unet.onnx", axes, [key(name) for name in HEADS])
    (folder / "unet.json").write_text(json.dumps({"reader": preset.reader}))
    return folder

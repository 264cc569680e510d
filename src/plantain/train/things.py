"""Trains the embedded generator's sight of things: which of COCO's 80 classes has its center in each patch, and how
large the thing is, by a small convolutional network on the features of the frozen encoder.

    python -m plantain.train.things gather DATA WEIGHTS CACHE [--sets coco captions ...] [--part 0/2]
    python -m plantain.train.things fit CACHE OUT/things.npz [--minutes 15]

`gather` reads every training photograph once, whole and in crops that enlarge small things, and asks NanoDet
(WEIGHTS/nanodet_m.onnx) about it; where a set has true boxes of all its classes, these stand. It can be stopped, and
several parts may run side by side. `fit` needs PyTorch, the network that comes out NumPy alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from plantain._shapes import Float, UInt8
from plantain.data.base import Example
from plantain.data.excerpts import read
from plantain.files import writing
from plantain.imaging.geometry import place, placement
from plantain.imaging.photo import read_photo
from plantain.models.painters.embedded import Embedded, session
from plantain.models.painters.grids import PATCH
from plantain.train.probe import table
from plantain.train.teach import BGR_MEAN, BGR_STD, BOXES, letterboxed, nanodet_boxes, nanodet_outputs
from plantain.vocabularies import COCO_THINGS

SETS = (
    "coco", "panoptic", "persons", "captions", "pose", "people", "animals", "salient", "ade20k", "portraits", "nyu",
    "camvid",
)  # fmt: skip
LABELED = ("coco", "panoptic")  # sets that name every thing of the 80 classes
CROPPED = ("coco", "panoptic", "persons", "captions")  # sets that are also seen in crops
CROPS = 2
SEEN = 0.3  # of a thing: the share that a crop must show of it
SURE, UNSURE = 0.45, 0.2  # NanoDet's score of a box that is believed; from UNSURE on nobody knows

Box = tuple[float, float, float, float, int, float]  # shares of the canvas, class, score


# ---- what is seen, once


def gather(data: Path, weights: Path, cache: Path, names: Sequence[str], part: tuple[int, int]) -> Iterator[str]:
    """Writes CACHE/SET/ID-VIEW.npz: `features` (rows columns channels), and `boxes` (n 6) as shares of the canvas."""
    encoder, teacher = Embedded(threads=1), session(weights / "nanodet_m.onnx", 1)
    for name in names:
        examples = [e for i, e in enumerate(read(data, name, "train")) if i % part[1] == part[0]]
        for example in examples:
            views = 1 + CROPS * (name in CROPPED)
            paths = [cache / name / f"{example.id.replace('/', '_')}-{view}.npz" for view in range(views)]
            if all(path.exists() for path in paths):
                continue
            photo = read_photo(example.photo)
            boxes = true_boxes(example) if name in LABELED else told_boxes(photo, teacher)
            for view, path in enumerate(paths):
                seen, shown = cropped(photo, boxes, crc32(f"{example.id}-{view}".encode())) if view else (photo, boxes)
                write_view(path, seen, shown, encoder)
        yield f"{name}: {len(examples)} photographs"


def true_boxes(example: Example) -> Float[np.ndarray, "n 6"]:
    """The boxes of a set that names every thing, in pixels; crowds are unsure boxes."""
    rows: list[list[float]] = []
    for label, score in (("instances", 1.0), ("crowds", UNSURE)):
        truth: Any = example.truth(label) if label in example.truths else None
        for box, i in zip(truth.boxes, truth.labels, strict=True) if truth is not None else ():
            if truth.classes[i] in COCO_THINGS:
                rows.append([*map(float, box), COCO_THINGS.index(truth.classes[i]), score])
    return np.array(rows, np.float32).reshape(-1, 6)


def told_boxes(photo: UInt8[np.ndarray, "h w 3"], teacher: Any) -> Float[np.ndarray, "n 6"]:
    """NanoDet's boxes, in pixels."""
    square, (width, height) = letterboxed(Image.fromarray(photo), BOXES, 0)
    shown = (square[..., ::-1].astype(np.float32) - BGR_MEAN) / np.array(BGR_STD, np.float32)
    outputs = teacher.run(None, {teacher.get_inputs()[0].name: shown.transpose(2, 0, 1)[None].astype(np.float32)})
    ((scores, boxes),) = nanodet_outputs([torch.from_numpy(o) for o in outputs])
    rows = np.array(nanodet_boxes(scores, boxes, (width / BOXES, height / BOXES)), np.float32).reshape(-1, 6)
    rows[:, :4] *= np.tile([photo.shape[1], photo.shape[0]], 2)
    return rows


def cropped(
    photo: UInt8[np.ndarray, "h w 3"], boxes: Float[np.ndarray, "n 6"], seed: int
) -> tuple[UInt8[np.ndarray, "y x 3"], Float[np.ndarray, "m 6"]]:
    """A part of .35 to .7 of each side, about one of the things where there are any, and what it shows of the boxes."""
    rng = np.random.default_rng(seed)
    size = np.array(photo.shape[1::-1])
    part = np.maximum((size * rng.uniform(0.35, 0.7)).astype(int), 48).clip(max=size)
    middle = rng.uniform(0, 1, 2) * size
    if len(boxes) and rng.random() < 0.8:
        one = boxes[rng.integers(len(boxes))]
        middle = (one[:2] + one[2:4]) / 2 + rng.normal(0, 0.15, 2) * part
    corner = (middle - part / 2).clip(0, size - part).astype(int)
    (x, y), (w, h) = corner, part
    moved = boxes.copy()
    moved[:, :4] -= np.tile(corner, 2)
    inside = moved.copy()
    inside[:, :4] = moved[:, :4].clip(0, np.tile(part, 2))
    share = _areas(inside) / np.maximum(_areas(moved), 1e-6)
    inside[share < SEEN, 5] = np.minimum(inside[share < SEEN, 5], UNSURE)  # a sliver of a thing: nobody knows
    return np.ascontiguousarray(photo[y : y + h, x : x + w]), inside[share > 0.02]


def _areas(boxes: Float[np.ndarray, "n 6"]) -> Float[np.ndarray, " n"]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def write_view(path: Path, photo: np.ndarray, boxes: np.ndarray, encoder: Embedded) -> None:
    """What the encoder sees of a picture, and the boxes on the canvas."""
    where = placement((photo.shape[1], photo.shape[0]), encoder.canvas(photo.shape[1], photo.shape[0]))
    seen = encoder.encoder.features(place(photo, where)[None])[0, 1:]
    rows, columns = where.canvas[1] // PATCH, where.canvas[0] // PATCH
    corners = where.to_canvas(boxes[:, :4].reshape(-1, 2)).reshape(-1, 4) / np.tile(where.canvas, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path) as file:
        np.savez(
            file, features=seen.reshape(rows, columns, -1).astype(np.float16),
            boxes=np.concatenate([corners, boxes[:, 4:]], 1).astype(np.float32),
        )  # fmt: skip


# ---- the fit


@dataclass(frozen=True, eq=False)
class Seen:
    """A view: its features, and what each patch should say.

    `classes`: (rows columns) class, -1 for none; `sure`: how sure that is, 0..1; `targets`: (rows columns 4), see
    `things.boxes_of`; `unknown`: (class, top, bottom, left, right) of patches where that class does not count."""

    features: np.ndarray
    classes: np.ndarray
    sure: np.ndarray
    targets: np.ndarray
    unknown: tuple[tuple[int, int, int, int, int], ...]


DIRECTIONS = 192  # of features, that are looked in
REACH = 5  # patches of a convolution
CENTER = 0.22  # of a box's side: how far from its middle patches still see it as theirs
NEAREST = 0.75  # patches: at least so far


def assigned(
    boxes: Float[np.ndarray, "n 6"], rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """The class, certainty and box that each patch should say; of several boxes the smallest has it. Unsure boxes are
    given back as (class, top, bottom, left, right) of patches where that class does not count."""
    scaled = boxes.copy()
    scaled[:, :4] *= np.array([columns, rows, columns, rows])
    classes, sure = np.full((rows, columns), -1), np.zeros((rows, columns), np.float32)
    targets = np.zeros((rows, columns, 4), np.float32)
    y, x = np.arange(rows) + 0.5, np.arange(columns) + 0.5
    unknown = []
    for left, top, right, bottom, label, score in scaled[np.argsort(-_areas(scaled), kind="stable")].tolist():
        w, h = max(right - left, 0.05), max(bottom - top, 0.05)
        cx, cy = (left + right) / 2, (top + bottom) / 2
        if score < SURE:
            unknown.append((int(label), max(0, int(top)), int(np.ceil(bottom)), max(0, int(left)), int(np.ceil(right))))
            continue
        mine = (np.abs(y - cy) <= max(CENTER * h, NEAREST))[:, None] & (np.abs(x - cx) <= max(CENTER * w, NEAREST))
        classes[mine], sure[mine] = int(label), score
        at_y, at_x = np.nonzero(mine)
        targets[at_y, at_x] = np.stack(
            [cx - x[at_x], cy - y[at_y], np.full(len(at_x), np.log(w)), np.full(len(at_x), np.log(h))], -1
        )
    return classes, sure, targets, tuple(unknown)


def view(path: Path, mean: np.ndarray, directions: np.ndarray) -> Seen:
    """What was gathered of a view."""
    with np.load(path) as file:
        shape = file["features"].shape[:2]
        flat = file["features"].reshape(-1, len(mean)).astype(np.float32) - mean
        features = (flat @ directions).reshape(*shape, -1)
        return Seen(features.astype(np.float16), *assigned(file["boxes"], *features.shape[:2]))


class Head(nn.Module):
    """Features of patches to 4 numbers of a box and a logit for each class: the network of
    `plantain.models.painters.things`, read in a few directions of the features first (their principal components)."""

    def __init__(self, width: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.around = nn.ModuleList(
            nn.Conv2d(hidden, hidden, REACH, padding=REACH // 2, groups=hidden, bias=False) for _ in range(blocks)
        )
        self.mix = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(blocks))
        self.leave = nn.Linear(hidden, 4 + len(COCO_THINGS))
        nn.init.constant_(self.leave.bias.data[4:], -5.0)  # things are rare

    def forward(self, features: Tensor) -> Tensor:
        seen = F.gelu(self.enter(features), approximate="tanh")
        for around, mix in zip(self.around, self.mix, strict=True):
            near = around(seen.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            seen = seen + F.gelu(mix(near), approximate="tanh")
        return self.leave(seen)


def batch(some: Sequence[Seen], rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Views of one grid, some of them mirrored (their features too, which is nearly what the encoder would see)."""
    rows = []
    for one in some:
        features, classes, sure, targets = one.features, one.classes, one.sure, one.targets
        counts = np.ones((*classes.shape, len(COCO_THINGS)), np.float32)
        for label, top, bottom, left, right in one.unknown:
            part = counts[top:bottom, left:right, label]
            part[classes[top:bottom, left:right] != label] = 0
        if rng.random() < 0.5:
            features, classes, sure, counts = (a[:, ::-1] for a in (features, classes, sure, counts))
            targets = targets[:, ::-1] * np.array([-1, 1, 1, 1], np.float32)
        rows.append((features, classes, sure, targets, counts))
    return tuple(torch.from_numpy(np.ascontiguousarray(np.stack(part))) for part in zip(*rows, strict=True))


def loss_of(net: Head, parts: tuple[Tensor, ...]) -> Tensor:
    """Quality focal loss of classes, whose target is the IoU of the box that the patch sees (Li et al. 2020, arXiv
    2006.04388), and generalized IoU of boxes (Rezatofighi et al. 2019, arXiv 1902.09630), over the number of patches
    that see a thing."""
    features, classes, sure, targets, counts = parts
    seen = net(features.float())
    logits, raw = seen[..., 4:], seen[..., :4]
    has = classes >= 0
    overlap, generalized = overlaps(corners(raw[has]), corners(targets[has]))
    good = torch.zeros_like(sure)
    good[has] = sure[has] * overlap.detach()
    wanted = F.one_hot(classes.clamp(min=0), logits.shape[-1]) * good[..., None]
    gap = (wanted - logits.sigmoid()).abs() ** 2
    about = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * gap * counts
    boxes = (1 - generalized) * sure[has]
    near = F.smooth_l1_loss(raw[has], targets[has], reduction="none", beta=0.2).mean(-1) * sure[has]
    return (about.sum() + 1.5 * boxes.sum() + 0.5 * near.sum()) / has.sum().clamp(min=1)


def corners(raw: Tensor) -> Tensor:
    """Left, top, right, bottom in patches, from the patch's own middle."""
    sides = raw[..., 2:].clamp(-3, 4).exp()
    return torch.cat([raw[..., :2] - sides / 2, raw[..., :2] + sides / 2], -1)


def overlaps(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """IoU (0..1) and generalized IoU (-1..1) of pairs of boxes."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - shared
    around = (torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2])).prod(1)
    return shared / union, shared / union - (around - union) / around


def fit(
    cache: Path, out: Path, minutes: float, hidden: int = 128, blocks: int = 3, size: int = 24, lr: float = 3e-3
) -> Iterator[str]:
    """Trains for so many minutes, and writes the network, averaged over its last part."""
    rng, paths = np.random.default_rng(0), sorted(cache.glob("*/*.npz"))
    directions = principal([paths[i] for i in rng.permutation(len(paths))[:400]])
    grids: dict[tuple[int, ...], list[Seen]] = {}
    for path in paths:
        one = view(path, *directions)
        grids.setdefault(one.classes.shape, []).append(one)
    yield f"{len(paths)} views, {sum((v.classes >= 0).any() for own in grids.values() for v in own)} with things"
    shapes = list(grids)
    odds = np.array([len(grids[shape]) for shape in shapes]) / len(paths)
    torch.manual_seed(0)
    net = Head(DIRECTIONS, hidden, blocks)
    average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimizer = torch.optim.AdamW(net.parameters(), lr, weight_decay=0.05)
    begun, share, losses = time.monotonic(), 0.0, list[float]()
    while share < 1:
        own = grids[shapes[rng.choice(len(shapes), p=odds)]]
        loss = loss_of(net, batch([own[i] for i in rng.integers(len(own), size=size)], rng))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, (len(losses) + 1) / 100) * max(0.5 * (1 + np.cos(np.pi * share)), 0.02)
        optimizer.step()
        average.update_parameters(net)
        losses.append(float(loss.detach()))
        share = (time.monotonic() - begun) / (60 * minutes)
        if len(losses) % 100 == 0:
            yield f"{len(losses)} steps, {share:.0%}: loss {np.mean(losses[-100:]):.3f}"
            save(average.module, *directions, out)
    save(average.module, *directions, out)


def principal(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the features, and the directions (d DIRECTIONS) in which they differ most, each scaled to 1."""
    some = []
    for path in paths:
        with np.load(path) as file:
            some.append(file["features"].reshape(-1, file["features"].shape[-1]).astype(np.float32)[::5])
    every = np.concatenate(some)
    mean, spread = every.mean(0), every.std(0) + 1e-3
    values, vectors = np.linalg.eigh(np.cov((every - mean) / spread, rowvar=False))
    best = np.argsort(-values)[:DIRECTIONS]
    return mean, (vectors[:, best] / np.sqrt(values[best]) / spread[:, None]).astype(np.float32)


def save(net: Any, mean: np.ndarray, directions: np.ndarray, out: Path) -> None:
    """The network as NumPy reads it, in half precision, mean and directions of the features in its first layer."""
    own = {name: value.detach().double().numpy() for name, value in net.state_dict().items()}
    count = len(net.mix)
    enter = directions @ own["enter.weight"].T
    arrays = {
        "enter": enter,
        "enter_bias": own["enter.bias"] - mean @ enter,
        "around": np.stack([own[f"around.{i}.weight"][:, 0].transpose(1, 2, 0) for i in range(count)]),
        "mix": np.stack([own[f"mix.{i}.weight"].T for i in range(count)]),
        "mix_bias": np.stack([own[f"mix.{i}.bias"] for i in range(count)]),
        "leave": own["leave.weight"].T,
        "leave_bias": own["leave.bias"],
    }
    known = table(COCO_THINGS)
    kept: dict[str, Any] = {
        name: value.astype(np.float32 if "bias" in name else np.float16) for name, value in arrays.items()
    }
    with writing(out) as file:
        np.savez(file, names=np.array("\n".join(known)), classes=np.array(list(known.values()), np.int16), **kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("gather")
    one.add_argument("data", type=Path)
    one.add_argument("weights", type=Path)
    one.add_argument("cache", type=Path)
    one.add_argument("--sets", nargs="+", default=SETS)
    one.add_argument("--part", default="0/1")
    two = verbs.add_parser("fit")
    two.add_argument("cache", type=Path)
    two.add_argument("out", type=Path)
    two.add_argument("--minutes", type=float, default=15)
    two.add_argument("--hidden", type=int, default=128)
    two.add_argument("--blocks", type=int, default=3)
    given = parser.parse_args()
    if given.verb == "fit":
        lines = fit(given.cache, given.out, given.minutes, given.hidden, given.blocks)
    else:
        first, of = map(int, given.part.split("/"))
        lines = gather(given.data, given.weights, given.cache, given.sets, (first, of))
    for line in lines:
        print(line, flush=True)

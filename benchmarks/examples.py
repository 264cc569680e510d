"""How well a question is answered after 1, 3, 5, 10, 30 and 100 examples, beside three controls.

    python benchmarks/examples.py DATA [--cache FOLDER] [--draws 5] [--only camvid defects] [--unet-minutes 1]
    python benchmarks/examples.py DATA --write        writes docs/generated/examples.md and its picture of what is kept

A set takes a quarter of an hour on two cores. Its figures are kept in docs/generated/examples.json, with the hash of
the weights that made them; a set that has figures of other weights is measured again.

Sets of labeled photographs, and one of defects on surfaces that is made here with known truth. Examples are drawn from
the training half, figures are those of the test half. What the encoder sees of a photo is kept in the cache, so that a
sweep is linear algebra. Controls: the class of the most similar cell of the examples (nearest neighbor, the same
features), the generator asked by words without examples, and a small U-Net trained on the same examples.

The generator was trained on the training halves of all sets but the defects: what its words add there is not learned
from the examples. So each figure is also given for examples alone, without words.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from plantain import tasks
from plantain.data import excerpts
from plantain.imaging.geometry import place, placement
from plantain.imaging.photo import read_photo
from plantain.models.painters import learned, ridge
from plantain.models.painters.embedded import Embedded
from plantain.predictions.types import Labels
from plantain.tasks.asked import as_asked
from plantain.vocabularies import ADE_30, CAMVID_11, FACE_19, VOC_21

KEPT = Path(__file__).parent.parent / "docs/generated/examples.json"
COUNTS = (1, 3, 5, 10, 30, 100)
DRAWS = {30: 3, 100: 2}  # at most so many draws of the examples: those of 100 come from a pool of 110
DEFECTS = ("scratch", "crack", "stain")
SIZE = (320, 240)  # of a picture of defects


# ---- defects on surfaces


def fractal(
    rng: np.random.Generator, size: tuple[int, int], octaves: int = 6, squeeze: tuple[float, float] = (1, 1)
) -> np.ndarray:
    """Smooth noise of several sizes, 0..1, h w; `squeeze` makes it longer one way."""
    total = np.zeros(size[::-1], np.float32)
    for octave in range(octaves):
        cells = [max(2, round(2 ** (octave + 1) * s)) for s in squeeze]
        noise = Image.fromarray(rng.random(cells[::-1], np.float32))
        total += np.asarray(noise.resize(size, Image.Resampling.BICUBIC)) / 2**octave
    low, high = np.quantile(total, (0.01, 0.99))
    return ((total - low) / (high - low)).clip(0, 1)


def surface(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Concrete, wood, cloth or brushed metal: h w 3, 0..1."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    kind = rng.integers(4)
    if kind == 0:
        gray = 0.45 + 0.25 * fractal(rng, size, 8) + 0.1 * rng.random(size[::-1])
    elif kind == 1:
        rings = fractal(rng, size, 4, (0.5, 2)) * rng.uniform(20, 60) + y / rng.uniform(15, 40)
        gray = 0.5 + 0.15 * np.sin(rings) + 0.15 * fractal(rng, size, 8, (0.3, 8))
    elif kind == 2:
        pitch = rng.uniform(2.5, 6)
        gray = 0.5 + 0.12 * np.sin(x * 2 * np.pi / pitch) * np.sin(y * 2 * np.pi / pitch) + 0.12 * fractal(rng, size)
    else:
        gray = 0.55 + 0.2 * fractal(rng, size, 7, (0.1, 20)) + 0.1 * fractal(rng, size, 3)
    tint = rng.uniform(0.55, 1.1, 3) * np.array([(1, 1, 1), (1, 0.75, 0.5), (1, 1, 1), (0.95, 1, 1.05)][kind])
    return (gray[..., None] * tint).clip(0, 1).astype(np.float32)


def strokes(rng: np.random.Generator, size: tuple[int, int], lines: Sequence[tuple[np.ndarray, float]]) -> np.ndarray:
    """Lines (points n 2, width in pixels) drawn with soft borders: h w, 0..1."""
    big = Image.new("L", (4 * size[0], 4 * size[1]))
    for points, width in lines:
        ImageDraw.Draw(big).line((4 * points).ravel().tolist(), fill=255, width=max(1, round(4 * width)), joint="curve")
    return np.asarray(big.resize(size, Image.Resampling.BOX), np.float32) / 255


def walk(rng: np.random.Generator, start: np.ndarray, angle: float, steps: int, wobble: float) -> np.ndarray:
    """A path of steps of 4 pixels that turns a little at each."""
    angles = angle + np.cumsum(rng.normal(0, wobble, steps))
    return start + np.concatenate([np.zeros((1, 2)), np.cumsum(4 * np.stack([np.cos(angles), np.sin(angles)], -1), 0)])


def defect(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A photo of a surface, uint8 h w 3, and what is on it: 0 nothing, then DEFECTS."""
    rng = np.random.default_rng((20261128, seed))
    rgb, ids = surface(rng, size), np.zeros(size[::-1], np.int16)
    wanted = rng.random(3) < 0.55
    anywhere = partial(rng.uniform, (0, 0), size)
    if wanted[2]:
        x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        for _ in range(rng.integers(1, 3)):
            center, spread = anywhere(), rng.uniform(20, 55)
            bump = np.exp(-((x - center[0]) ** 2 + (y - center[1]) ** 2) / (2 * spread**2))
            soft = ((bump * (0.6 + 0.8 * fractal(rng, size, 5)) - 0.5) * 8 + 0.5).clip(0, 1)
            color, strength = rng.uniform(0, 0.6, 3), rng.uniform(0.25, 0.6)
            rgb = rgb + (soft * strength)[..., None] * (color - rgb)
            ids[soft > 0.5] = 3
    if wanted[0]:
        turn = rng.uniform(0, np.pi)
        lines = [
            (walk(rng, anywhere(), turn + rng.normal(0, 0.3), rng.integers(10, 40), 0.02), rng.uniform(0.8, 2))
            for _ in range(rng.integers(1, 5))
        ]
        on = strokes(rng, size, lines)
        rgb = rgb + (on * rng.uniform(0.4, 0.9))[..., None] * (rng.choice([0.95, 0.1]) - rgb)
        ids[on > 0.3] = 1
    if wanted[1]:
        trunk = walk(rng, anywhere(), rng.uniform(0, 2 * np.pi), rng.integers(25, 60), 0.35)
        lines = [(trunk, rng.uniform(1.5, 3.5))]
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(5, len(trunk) - 2))
            way = trunk[at + 1] - trunk[at]
            angle = np.arctan2(way[1], way[0]) + rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
            lines.append((walk(rng, trunk[at], angle, rng.integers(8, 25), 0.35), rng.uniform(1, 2)))
        on = strokes(rng, size, lines)
        rgb = rgb + (on * rng.uniform(0.6, 0.95))[..., None] * (0.06 - rgb)
        ids[on > 0.3] = 2
    return lit(rng, rgb), ids


def lit(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """Under a lamp from somewhere, through a lens and a sensor."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    turn = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.4) * (np.cos(turn) * x + np.sin(turn) * y) - rng.uniform(0, 0.25) * (x**2 + y**2)
    shine = np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) / rng.uniform(0.05, 0.5))
    seen = rgb * (rng.uniform(0.6, 1.15) * light)[..., None] + (rng.uniform(0, 0.3) * shine)[..., None]
    levels = (255 * seen + rng.normal(0, rng.uniform(1, 5), rgb.shape)).clip(0, 255).astype(np.uint8)
    return np.asarray(Image.fromarray(levels).filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.8))))


# ---- what is asked


@dataclass(frozen=True)
class Row:
    """A set, and what is asked of it. `metric`: "miou" over the classes in the truth, pooled; or "iou", the mean over
    photos of the IoU of the one mask."""

    name: str
    title: str
    test: str
    task: Any
    label: str = "labels"
    metric: str = "miou"
    pool: int = 110  # photos of the training half that examples are drawn from
    tests: int = 32

    def photos(self, root: Path, split: str) -> list[tuple[str, Callable[[], tuple[np.ndarray, Any]]]]:
        """(id, what reads photo and truth) of the pool ("train") or of the test photos, always the same ones."""
        count, start = (self.pool, 0) if split == "train" else (self.tests, 10_000)
        if self.name == "defects":
            return [(f"{split}-{i}", partial(made, self.task, start + i)) for i in range(count)]
        found = [e for e in excerpts.read(root, self.name, split) if self.label in e.truths]
        order = np.random.default_rng(0).permutation(len(found))[:count]
        return [(found[i].id, partial(stored, self.task, self.label, found[i])) for i in order]


def made(task: Any, seed: int) -> tuple[np.ndarray, Any]:
    photo, ids = defect(seed)
    sure = np.ones(ids.shape, np.float32)
    return photo, as_asked(task, Labels(ids=ids - 1, classes=DEFECTS, confidence=sure))


def stored(task: Any, label: str, example: Any) -> tuple[np.ndarray, Any]:
    return read_photo(example.photo), as_asked(task, example.truth(label))


def semantic(names: Sequence[str], background: Any = (0, 0, 0)) -> Any:
    return tasks.SemanticSegmentation.of([n for n in names if n != "background"], background=background)


PERSON = tasks.ReferringSegmentation("person")
ROWS = (
    Row("camvid", "CamVid, 11 classes", "test_dev", semantic(CAMVID_11, None)),
    Row("defects", "defects on surfaces, 3 classes and background", "test", semantic(DEFECTS)),
    Row("animals", "VOC animals, 20 classes and background", "dev_test", semantic(VOC_21)),
    Row("portraits", "portraits, person", "dev_test", PERSON, "mask", "iou"),
    Row("people", "people, person", "dev_test", PERSON, "mask", "iou"),
    Row("faceparts", "face parts, 18 and background", "dev_test", semantic(FACE_19)),
    Row("ade20k", "ADE20K, 30 commonest classes", "dev_test", semantic(ADE_30, None)),
)


# ---- what is seen, once


@dataclass(frozen=True, eq=False)
class Shot:
    """A photo of a set. `truth`: class numbers at its own size, -1 = not counted. `cells`: what a fit is given of it.
    `maps`: what is seen, the finer maps at the photo's size."""

    photo: np.ndarray
    truth: np.ndarray
    cells: ridge.Cells
    maps: tuple[np.ndarray, ...]

    def scores(self, weights: np.ndarray, widths: Sequence[int]) -> np.ndarray:
        """As `learned.Seen.scores`, of the maps that have a width."""
        size = self.photo.shape[1], self.photo.shape[0]
        parts = np.split(weights, np.cumsum([w for w in widths if w])[:-1])
        own = [m.astype(np.float32) for m, w in zip(self.maps, widths, strict=True) if w]
        return np.asarray(sum(learned.enlarged(m @ part, size) for m, part in zip(own, parts, strict=True)))


def shot(row: Row, encoder: Embedded, cache: Path, name: str, read: Callable[[], tuple[np.ndarray, Any]]) -> Shot:
    """Reads a photo of a set; what the networks see comes from the cache, or goes there."""
    photo, truth = read()
    size = photo.shape[1], photo.shape[0]
    across, down = encoder.canvas(*size)
    where = placement(size, (learned.FINE * across, learned.FINE * down))
    path, shown = cache / row.name / f"{name}.npz", place(photo, where)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = learned.look(encoder, shown, tuple(part.prompt() for part in row.task.parts()))
        levels = np.round(255 * (seen.maps[1] / learned.WORDS).clip(0, 1)).astype(np.uint8)
        np.savez(path.with_suffix(".part.npz"), seen=seen.maps[0].astype(np.float16), painted=levels)
        path.with_suffix(".part.npz").replace(path)
    with np.load(path) as kept:
        painted = kept["painted"].astype(np.float32) * np.float32(learned.WORDS / 255)
        maps = kept["seen"].astype(np.float32), painted, learned.LINES * learned.lines(shown)
    count, rest = len(row.task.queries), row.metric == "iou" or row.task.background is not None
    wanted, known = learned.targets(row.task, truth, count, rest)
    counts = learned.on_canvas(known, where) & learned.inside(where)
    targets = learned.shares(learned.on_canvas(wanted, where), counts, count + rest)
    cells = ridge.Cells(learned.Seen(maps).cells().astype(np.float16), *targets)
    x0, y0, x1, y1 = where.box
    fine = [m[y0 * m.shape[0] // where.canvas[1] : -(-y1 * m.shape[0] // where.canvas[1]),
              x0 * m.shape[1] // where.canvas[0] : -(-x1 * m.shape[1] // where.canvas[0])] for m in maps]  # fmt: skip
    finer = [learned.enlarged(m, size).astype(np.float16) for m in fine[1:]]
    ids = wanted if wanted.ndim == 2 else wanted.argmax(-1)
    return Shot(photo, np.where(known, ids, -1), cells, (fine[0], *finer))


# ---- figures


def figure(row: Row, answers: Sequence[np.ndarray], shots: Sequence[Shot], classes: int) -> float:
    """The row's metric of class numbers."""
    if row.metric == "iou":
        pairs = [(answer == 0, s.truth == 0) for answer, s in zip(answers, shots, strict=True)]
        return float(np.mean([(a & t).sum() / max((a | t).sum(), 1) for a, t in pairs]))
    table = np.zeros((classes, classes), np.int64)
    for answer, s in zip(answers, shots, strict=True):
        counts = s.truth >= 0
        both = s.truth[counts].astype(np.int64) * classes + answer[counts]
        table += np.bincount(both, minlength=classes**2).reshape(classes, -1)
    hit, there = np.diag(table), table.sum(1)
    return float((hit / np.maximum(there + table.sum(0) - hit, 1))[there > 0].mean())


def learned_figure(row: Row, own: Sequence[Shot], tests: Sequence[Shot], maps: Sequence[bool]) -> tuple[float, float]:
    """The figure of a fit to examples, of those maps of features that are used, and the seconds that it took."""
    widths = [m.shape[-1] * use for m, use in zip(own[0].maps, maps, strict=True)]
    kept = np.repeat(maps, [m.shape[-1] for m in own[0].maps])
    cells = [replace(s.cells, features=np.ascontiguousarray(s.cells.features[:, kept])) for s in own]
    start = time.perf_counter()
    fit, _ = ridge.fit(cells, classes=True)
    seconds = time.perf_counter() - start
    answers = [fit.read(s.scores(fit.weights, widths)).argmax(-1) for s in tests]
    return figure(row, answers, tests, len(fit.frequency)), seconds


def neighbor_figure(row: Row, own: Sequence[Shot], tests: Sequence[Shot], rng: np.random.Generator) -> float:
    """Each cell gets the commonest class of the most similar cell (of 8,000 at most) of the examples."""
    width = own[0].maps[0].shape[-1] - 5  # without its place
    features = np.concatenate([s.cells.features[s.cells.known > 0.5, :width] for s in own])
    classes = np.concatenate([s.cells.targets[s.cells.known > 0.5].argmax(1) for s in own])
    some = rng.permutation(len(features))[:8000]
    known, count = features[some].astype(np.float32).T, own[0].cells.targets.shape[1]
    answers = []
    for s in tests:
        near = (s.maps[0][..., :width] @ known).argmax(-1)
        votes = np.eye(count, dtype=np.float32)[classes[some][near]]
        answers.append(learned.enlarged(votes, (s.photo.shape[1], s.photo.shape[0])).argmax(-1))
    return figure(row, answers, tests, count)


def words_figure(row: Row, tests: Sequence[Shot]) -> float:
    """What the generator copies most, asked by words: the color of a class, or of the background."""
    return figure(row, [s.maps[1][..., 3:].argmax(-1) for s in tests], tests, tests[0].cells.targets.shape[1])


def unet_figure(row: Row, own: Sequence[Shot], tests: Sequence[Shot], minutes: float) -> float:
    """A U-Net of the size of the control of training, from nothing, on crops and mirror images of the same examples."""
    import torch
    from torch.nn import functional as F

    from plantain.train.unet import UNet

    torch.manual_seed(0)
    torch.set_num_threads(2)
    rng, count, side = np.random.default_rng(0), own[0].cells.targets.shape[1], 160
    net = UNet(16, encoder=False)
    net.heads = torch.nn.ModuleDict({"answer": torch.nn.Conv2d(32, count, 1)})
    totals = np.bincount(np.concatenate([s.truth[s.truth >= 0] for s in own]), minlength=count)
    weight = torch.tensor(np.where(totals > 0, np.maximum(totals / totals.sum(), 1e-6) ** -0.5, 0), dtype=torch.float32)
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.02)

    def crop() -> tuple[np.ndarray, np.ndarray]:
        s = own[rng.integers(len(own))]
        y, x = (int(rng.integers(max(n - side, 0) + 1)) for n in s.truth.shape)
        pad = [(0, max(side - n, 0)) for n in s.truth.shape]
        photo = np.pad(s.photo, (*pad, (0, 0)), mode="edge")[y : y + side, x : x + side]
        truth = np.pad(s.truth, pad, constant_values=-1)[y : y + side, x : x + side]
        return (photo[:, ::-1], truth[:, ::-1]) if rng.random() < 0.5 else (photo, truth)

    begun, share = time.monotonic(), 0.0
    while share < 1:
        photos, truths = zip(*(crop() for _ in range(8)), strict=True)
        shown = torch.tensor(np.stack(photos), dtype=torch.float32).permute(0, 3, 1, 2) / 127.5 - 1
        wanted = torch.tensor(np.stack(truths), dtype=torch.long)[:, ::2, ::2]
        loss = F.cross_entropy(net(shown, shown.new_zeros(0))["answer"], wanted, weight, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        share = (time.monotonic() - begun) / (60 * minutes)
        optimizer.param_groups[0]["lr"] = 1e-3 * max(1 - share, 0.02)
        optimizer.step()
    answers = []
    with torch.inference_mode():
        net.eval()
        for s in tests:
            height, width = (-(-n // 16) * 16 for n in s.truth.shape)
            pad = ((0, height - s.truth.shape[0]), (0, width - s.truth.shape[1]), (0, 0))
            shown = (
                torch.tensor(np.pad(s.photo, pad, mode="edge"), dtype=torch.float32).permute(2, 0, 1)[None] / 127.5 - 1
            )
            said = net(shown, shown.new_zeros(0))["answer"][0].argmax(0).numpy()
            answers.append(said[: s.truth.shape[0], : s.truth.shape[1]])
    return figure(row, answers, tests, count)


# ---- the sweep


def sweep(row: Row, root: Path, cache: Path, draws: int, minutes: float) -> dict[str, Any]:
    """All figures of a set: lists over draws, by method and number of examples."""
    encoder = Embedded(threads=1)
    own, tests = ([shot(row, encoder, cache, *one) for one in row.photos(root, s)] for s in ("train", row.test))
    out: dict[str, Any] = {"words": words_figure(row, tests), "tests": len(tests), "pool": len(own)}
    for count in [c for c in COUNTS if c <= len(own)]:
        for draw in range(min(draws, DRAWS.get(count, draws))):
            rng = np.random.default_rng((draw, count))
            some = [own[i] for i in rng.permutation(len(own))[:count]]
            found = {}
            found["learned"], found["seconds"] = learned_figure(row, some, tests, (True, True, True))
            found["alone"], _ = learned_figure(row, some, tests, (True, False, True))
            if draw < 2:
                found["neighbor"] = neighbor_figure(row, some, tests, rng)
            if draw < 1 and minutes and count in (10, 100):
                found["unet"] = unet_figure(row, some, tests, minutes)
            for name, value in found.items():
                out.setdefault(name, {}).setdefault(str(count), []).append(round(value, 4))
        print(
            row.name,
            count,
            {n: v[str(count)] for n, v in out.items() if isinstance(v, dict) and str(count) in v},
            flush=True,
        )
    return out


# ---- the page


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of the 95 % interval of the mean over draws (Student's t)."""
    t = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
    spread = t.get(len(values), 2.0) * np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return float(np.mean(values)), float(spread)


METHODS = {
    "learned": "examples and words",
    "alone": "examples alone",
    "neighbor": "nearest neighbor",
    "unet": "U-Net, same examples",
}


def page(found: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    minutes = max(told["unet_minutes"] for told in found.values())
    lines = [
        "# Examples: figures against their number",
        "",
        f"{__doc__.split(chr(10) * 2, 3)[3].strip()}",
        "",
        "Mean over five draws of the examples (three of 30, two of 100, which come from a pool of 110), with half of",
        "the 95 % interval (Student's t over draws). Nearest neighbor: two draws; U-Net: one draw and",
        f"{minutes:g} minutes of training on two cores. Made by `python benchmarks/examples.py DATA --write`.",
        "",
        "![figures against the number of examples](pictures/examples.png)",
    ]
    for row in ROWS:
        if row.name in found:
            lines += ["", f"## {row.title}", "", *table(row, found[row.name])]
    lines += [
        "",
        "## Seconds to fit",
        "",
        "| set | " + " | ".join(map(str, COUNTS)) + " |",
        "|-|" + "-:|" * len(COUNTS),
    ]
    for row in ROWS:
        if row.name in found:
            told = [f"{np.median(found[row.name]['seconds'].get(str(c), [np.nan])):.2f}" for c in COUNTS]
            lines.append(f"| {row.title} | " + " | ".join(told) + " |")
    return "\n".join(lines) + "\n"


def table(row: Row, told: dict[str, Any]) -> list[str]:
    """A set's figures by method and number of examples."""
    kind = "mIoU" if row.metric == "miou" else "mean IoU of photos"
    lines = [f"{kind}, {told['tests']} test photos. Asked by words alone: {told['words']:.3f}.", ""]
    lines += ["| method | " + " | ".join(map(str, COUNTS)) + " |", "|-|" + "-:|" * len(COUNTS)]
    for name, title in METHODS.items():
        cells = []
        for count in COUNTS:
            values = told.get(name, {}).get(str(count))
            mean, half = interval(values) if values else (np.nan, np.nan)
            cells.append(
                "" if not values else f"{mean:.3f}" if np.isnan(half) or len(values) < 3 else f"{mean:.3f} ± {half:.3f}"
            )
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def picture(found: dict[str, dict[str, Any]], path: Path) -> None:
    """A plot a set: figures against the number of examples."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = [row for row in ROWS if row.name in found]
    shape = (-(-len(rows) // 4), min(4, len(rows)))
    figure, axes = plt.subplots(*shape, figsize=(3.4 * shape[1], 3.0 * shape[0]), squeeze=False, layout="constrained")
    for axis in axes.flat[len(rows) :]:
        axis.set_axis_off()
    for axis, row in zip(axes.flat, rows, strict=False):
        told = found[row.name]
        axis.axhline(told["words"], color="0.6", linestyle=":", label="asked by words")
        for (name, title), color in zip(METHODS.items(), ("C0", "C2", "C1", "C3"), strict=True):
            counts = [c for c in COUNTS if str(c) in told.get(name, {})]
            if counts:
                means, halves = zip(*(interval(told[name][str(c)]) for c in counts), strict=True)
                bars = [h if len(told[name][str(c)]) > 2 else 0 for h, c in zip(halves, counts, strict=True)]
                axis.errorbar(counts, means, bars, color=color, marker="o", markersize=3, capsize=2, label=title)
        axis.set(xscale="log", xticks=COUNTS, title=row.title)
        axis.set_xticklabels(map(str, COUNTS))
        axis.minorticks_off()
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
    handles = {text: line for axis in axes.flat for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, fontsize=8, frameon=False)
    figure.supxlabel("examples", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("data", type=Path)
    ask.add_argument("--cache", type=Path, default=Path("runs/examples"), help="what was seen")
    ask.add_argument("--only", nargs="*", help="names of sets: " + " ".join(row.name for row in ROWS))
    ask.add_argument("--draws", type=int, default=5)
    ask.add_argument("--unet-minutes", type=float, default=1.0)
    ask.add_argument("--write", action="store_true", help="measures nothing: the page and its picture, of what is kept")
    told = ask.parse_args()
    every = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    weights = Embedded().identity.weights
    for row in ROWS if not told.write else ():
        fresh = every.get(row.name, {}).get("weights") == weights
        if (told.only is None or row.name in told.only) and not fresh:
            found = sweep(row, told.data, told.cache / str(weights)[:12], told.draws, told.unet_minutes)
            every = json.loads(KEPT.read_text()) if KEPT.exists() else {}
            every[row.name] = {"weights": weights, "unet_minutes": told.unet_minutes, **found}
            KEPT.write_text(json.dumps(every, indent=1) + "\n")
    if told.write:
        (KEPT.parent / "examples.md").write_text(page(every))
        picture(every, KEPT.parent / "pictures/examples.png")


if __name__ == "__main__":
    main()

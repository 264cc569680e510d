"""Legend unmixing against majority voting at equal numbers of paintings: mIoU and calibration.

    python benchmarks/unmixing.py                          synthetic painters of the mean, no data needed
    python benchmarks/unmixing.py --data DATA --limit 60   also the embedded generator on CamVid's test_dev

Every pass paints the photo under another random legend. Voting: nearest color a pass, share of the votes. Unmixing:
class probabilities that explain all paintings at once. Both get the same paintings. ECE: expected calibration error of
the probability of the winning class, 15 bins.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plantain.codecs.palette import nearest, pick
from plantain.codecs.unmix import legends, unmix

PASSES = (1, 2, 4, 8, 16)
BINS = 15


@dataclass
class Tally:
    """Pooled confusion and calibration of one method at one number of passes."""

    classes: int
    confusion: np.ndarray = field(init=False)
    bins: np.ndarray = field(init=False)  # count, sum of confidence, hits

    def __post_init__(self) -> None:
        self.confusion = np.zeros((self.classes, self.classes), np.int64)
        self.bins = np.zeros((BINS, 3))

    def add(self, probabilities: np.ndarray, truth: np.ndarray) -> None:
        """`probabilities` h w k; `truth` h w, -1 = not counted."""
        known = truth >= 0
        p, true = probabilities[known], truth[known]
        answer, sure = p.argmax(-1), p.max(-1)
        both = true.astype(np.int64) * self.classes + answer
        self.confusion += np.bincount(both, minlength=self.classes**2).reshape(self.classes, -1)
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        for column, weight in enumerate((np.ones_like(sure), sure, answer == true)):
            self.bins[:, column] += np.bincount(place, weight, minlength=BINS)

    @property
    def miou(self) -> float:
        hit = np.diag(self.confusion)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hit
        here = self.confusion.sum(1) > 0
        return float((hit[here] / union[here]).mean())

    @property
    def ece(self) -> float:
        count, sure, hits = self.bins.T
        return float(np.abs(sure - hits).sum() / count.sum())


def votes(paintings: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Share of the passes in which each class has the nearest color: h w k."""
    classes = colors.shape[1]
    won = [nearest(p, c)[0] for p, c in zip(paintings, colors, strict=True)]
    return np.mean([np.eye(classes, dtype=np.float32)[w] for w in won], axis=0)


Method = Callable[[np.ndarray, np.ndarray], np.ndarray]
METHODS: dict[str, Method] = {"voting": votes, "unmixing": unmix}


def compare(
    scenes: Iterator[tuple[np.ndarray, Callable[[np.ndarray, int], np.ndarray]]], classes: int, legend: str
) -> dict[tuple[str, int], Tally]:
    """Each scene: its truth, and a painter (colors k 3, pass) -> painting. `legend`: random or chosen."""
    tallies = {(m, n): Tally(classes) for m in METHODS for n in PASSES}
    for number, (truth, paint) in enumerate(scenes):
        for n in PASSES if legend == "chosen" else (max(PASSES),):
            colors = drawn(classes, n, legend, number)
            paintings = np.stack([paint(c, i) for i, c in enumerate(colors)])
            for m, method in METHODS.items():
                for few in (n,) if legend == "chosen" else PASSES:
                    tallies[m, few].add(method(paintings[:few], colors[:few]), truth)
    return tallies


def drawn(classes: int, count: int, legend: str, seed: int) -> np.ndarray:
    if legend == "chosen":
        return legends(classes, count, seed=seed)
    return np.stack([pick(classes, seed=1000 * seed + i) for i in range(count)])


# ---- painters


def synthetic(classes: int, scenes: int, sharp: float, noise: float) -> Iterator[tuple[np.ndarray, Any]]:
    """Beliefs drawn from Dirichlet(sharp), the truth drawn from the belief: a calibrated painter of the mean."""
    rng = np.random.default_rng(classes)
    for _ in range(scenes):
        belief = rng.dirichlet(np.full(classes, sharp), (60, 80))
        truth = (belief.cumsum(-1) > rng.random((60, 80, 1))).argmax(-1)

        def paint(colors: np.ndarray, number: int, belief: np.ndarray = belief) -> np.ndarray:
            mean = belief @ colors.astype(float)
            worn = mean + np.random.default_rng(number).normal(0, noise, mean.shape)
            return np.asarray(worn.round().clip(0, 255), np.uint8)

        yield truth, paint


def camvid(root: Path, limit: int) -> tuple[int, Iterator[tuple[np.ndarray, Any]]]:
    """The embedded generator on test photographs, at the size of its canvas; the truth is brought there (nearest)."""
    from plantain.data.excerpts import read
    from plantain.imaging.geometry import place, placement
    from plantain.imaging.photo import read_photo
    from plantain.models import load
    from plantain.models.painting import Painting, Request
    from plantain.predictions.resample import Grid
    from plantain.tasks import SemanticSegmentation

    examples = read(root, "camvid", "test_dev")
    chosen = [examples[i] for i in np.random.default_rng(0).permutation(len(examples))[:limit]]
    first: Any = chosen[0].truth("labels")
    names = [c for c in first.classes if c not in ("unlabelled", "background")]
    painter = load("embedded")

    def scenes() -> Iterator[tuple[np.ndarray, Any]]:
        for example in chosen:
            photo = read_photo(example.photo)
            size = (photo.shape[1], photo.shape[0])
            where = placement(size, painter.size(*size))
            shown = place(photo, where)
            true: Any = example.truth("labels")
            table = np.array([*(names.index(c) if c in names else -1 for c in true.classes), -1])
            ids = table[Grid(placement(where.canvas, true.ids.shape[::-1])).nearest(true.ids)]

            def paint(colors: np.ndarray, number: int, shown: np.ndarray = shown) -> np.ndarray:
                task = SemanticSegmentation(dict(zip(names, map(tuple, colors.tolist()), strict=True)))
                (made,) = painter.paint([Request(task.prompt(), (shown,), shown.shape[1::-1], seed=number)])
                if not isinstance(made, Painting):
                    raise made
                return made.rgb

            yield ids, paint

    return len(names), scenes()


def table(title: str, tallies: dict[tuple[str, int], Tally]) -> str:
    lines = [
        f"### {title}",
        "",
        "| paintings | voting mIoU | unmixing mIoU | voting ECE | unmixing ECE |",
        "|-|-|-|-|-|",
    ]
    for n in PASSES:
        v, u = tallies["voting", n], tallies["unmixing", n]
        lines.append(f"| {n} | {v.miou:.3f} | {u.miou:.3f} | {v.ece:.3f} | {u.ece:.3f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, help="the excerpt folder: also paint CamVid")
    args.add_argument("--limit", type=int, default=60, help="photographs")
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    parts = []
    for classes, sharp, noise in ((4, 0.5, 4.0), (11, 0.2, 4.0), (11, 0.2, 12.0), (30, 0.1, 4.0)):
        title = f"Synthetic painter of the mean: {classes} classes, Dirichlet {sharp}, noise {noise:g} levels"
        parts.append(table(title, compare(synthetic(classes, 6, sharp, noise), classes, "random")))
        print(parts[-1], flush=True)
    title = "The same with legends chosen to unmix well: 11 classes, Dirichlet 0.2, noise 12 levels"
    parts.append(table(title, compare(synthetic(11, 6, 0.2, 12.0), 11, "chosen")))
    print(parts[-1], flush=True)
    if given.data:
        classes, scenes = camvid(given.data, given.limit)
        parts.append(table(f"The embedded generator, CamVid test_dev, {given.limit} photographs, random legends",
                           compare(scenes, classes, "random")))  # fmt: skip
        print(parts[-1], flush=True)
    if given.out:
        data = f" --data DATA --limit {given.limit}" if given.data else ""
        head = f"# Legend unmixing against majority voting\n\nMade by `python benchmarks/unmixing.py{data}`.\n"
        given.out.write_text("\n".join([head, *parts]))


if __name__ == "__main__":
    main()

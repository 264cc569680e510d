"""How answers hold under corruptions: a benchmark under every corruption and severity, and pictures that
show no scene.

Every cell is a run of its own (a folder, resumed like any other). What is asked: how the figure falls, whether the
confidence falls with it, and whether it still says which pixels are wrong (ECE, AUSE).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from plantain._shapes import UInt8
from plantain.errors import UnknownName
from plantain.eval.corruptions import LEVELS, PAINTED, Corruption
from plantain.eval.metrics.presence import ranked
from plantain.eval.row import CALIBRATION
from plantain.eval.run import Run, RunConfig, find_benchmark
from plantain.eval.scores import rows_of
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import Predictor
from plantain.pipeline.stream import stream


class Cell(NamedTuple):
    """A benchmark under one corruption at one severity (0: as it is)."""

    corruption: str
    severity: int
    figure: float
    low: float
    high: float
    ece: float
    ause: float
    confidence: float  # the mean
    right: float  # the share that is right


@dataclass(frozen=True)
class Sweep:
    """A benchmark under all corruptions."""

    benchmark: str
    primary: str
    better: str
    model: str
    n: int
    cells: tuple[Cell, ...]

    @property
    def clean(self) -> Cell:
        return self.cells[0]

    def of(self, corruption: str) -> list[Cell]:
        """Severity 0 and up."""
        return [self.clean, *(cell for cell in self.cells if cell.corruption == corruption)]

    @property
    def corruptions(self) -> list[str]:
        return list(dict.fromkeys(cell.corruption for cell in self.cells[1:]))

    @property
    def retained(self) -> float:
        """The mean figure under corruption over the clean one (above 1 is worse where low is better)."""
        return float(np.mean([cell.figure for cell in self.cells[1:]]) / self.clean.figure)

    def follows(self) -> float:
        """Spearman's correlation, over the cells, of confidence with the share that is right; NaN where either
        never changes."""
        confidence, right = (np.array([getattr(c, name) for c in self.cells]) for name in ("confidence", "right"))
        if np.ptp(confidence) < 1e-9 or np.ptp(right) < 1e-9:
            return float("nan")
        return float(np.corrcoef(order(confidence), order(right))[0, 1])

    def told(self) -> str:
        """A sentence on what the confidence does."""
        worst = min(self.cells, key=lambda cell: cell.right)
        fall, notice = self.clean.right - worst.right, self.clean.confidence - worst.confidence
        return (
            f"{self.benchmark}: {self.primary} {self.clean.figure:.3f} as it is, {self.retained:.0%} of it in the mean "
            f"of all corruptions. At worst ({worst.corruption}:{worst.severity}) the share that is right falls by "
            f"{fall:.3f} and the confidence by {notice:.3f}; over all cells the two go together with rank correlation "
            f"{self.follows():.2f}."
        )


def order(values: np.ndarray) -> np.ndarray:
    """Ranks, ties at their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def select_corruptions(names: Sequence[str], model: Predictor) -> list[str]:
    """The corruptions that are wanted; all that the model can suffer where none is named."""
    every = [*LEVELS, *(PAINTED if model.paints else ())]
    for name in names:
        if name not in every:
            raise UnknownName("corruption", name, every)
    return list(names) or every


def sweep(
    benchmark: str, model: Predictor, config: RunConfig, data: Path, out: Path, corruptions: Sequence[str],
    severities: Sequence[int], step: Callable[[], None] = lambda: None,
) -> Sweep:  # fmt: skip
    """Runs what is not run yet. `step` is called after every picture."""
    cells = []
    for what in (None, *(Corruption(c, s) for c in corruptions for s in severities)):
        one = replace(config, corrupt=None if what is None else f"{what.name}:{what.severity}")
        run = Run(one.folder(out, benchmark), find_benchmark(benchmark), one, data)
        run.run(model, step)
        cells.append(cell(run, what))
    row = find_benchmark(benchmark)
    return Sweep(benchmark, row.primary, row.better, config.model, len(run.examples), tuple(cells))


def cell(run: Run, what: Corruption | None) -> Cell:
    """What a run says, as a cell."""
    scores = run.scores()
    mean, right, share = CALIBRATION.curve(rows_of(run.lines(), "calibration"))
    confidence = scores["confidence"]
    means = [float(np.nansum(values * share)) for values in (mean, right)]
    figure, low, high = scores["scores"][scores["primary"]]
    name, severity = (what.name, what.severity) if what else ("", 0)
    ece, ause = (confidence.get(key, np.nan) for key in ("ece", "ause"))
    return Cell(name, severity, figure, low, high, ece, ause, means[0], means[1])


# ---- other words, other colors

STYLES, SEEDS = ("imperative", "caption", "json", "terse"), (0, 1, 2)


@dataclass(frozen=True)
class Variants:
    """A benchmark's figure in other wordings of the prompt, and under other seeds, which draw other legends (and, of a
    painter that samples, other paintings); `sd_*`: the standard deviation over them."""

    benchmark: str
    styles: tuple[float, ...]
    seeds: tuple[float, ...]

    @property
    def sd_styles(self) -> float:
        return float(np.std(self.styles, ddof=1))

    @property
    def sd_seeds(self) -> float:
        return float(np.std(self.seeds, ddof=1))


def variants(benchmark: str, model: Predictor, config: RunConfig, data: Path, out: Path) -> Variants:
    """Runs what is not run yet."""

    def figure(**other: Any) -> float:
        one = replace(config, corrupt=None, predict=replace(config.predict, **other))
        run = Run(one.folder(out, benchmark), find_benchmark(benchmark), one, data)
        scores = run.run(model)
        return float(scores["scores"][scores["primary"]][0])

    styles = tuple(figure(style=style) for style in STYLES)
    return Variants(benchmark, styles, tuple(figure(seed=config.predict.seed + seed) for seed in SEEDS))


# ---- pictures that show no scene


def blank(photo: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """One color."""
    return np.full_like(photo, rng.integers(30, 226, 3))


def static(photo: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """Noise alone."""
    return rng.integers(0, 256, photo.shape, np.uint8)


def scrambled(photo: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """The photo in 8 x 8 pieces, shuffled: right colors, no scene."""
    height, width = (side // 8 * 8 for side in photo.shape[:2])
    parts = photo[:height, :width].reshape(8, height // 8, 8, width // 8, 3).transpose(0, 2, 1, 3, 4)
    mixed = parts.reshape(64, height // 8, width // 8, 3)[rng.permutation(64)].reshape(parts.shape)
    out = photo.copy()
    out[:height, :width] = mixed.transpose(0, 2, 1, 3, 4).reshape(height, width, 3)
    return out


def flat(photo: UInt8[np.ndarray, "h w 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "h w 3"]:
    """A print of the photo on a wall: a scene that is not there."""
    height, width = photo.shape[:2]
    wall = np.full((height, width, 3), (206, 201, 192), float) + rng.normal(0, 3, (height, width, 1))
    small = np.asarray(Image.fromarray(photo).resize((width * 11 // 20, height * 11 // 20)))
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    wall[top - 4 : top + small.shape[0] + 4, left - 4 : left + small.shape[1] + 4] = 40
    wall[top : top + small.shape[0], left : left + small.shape[1]] = small
    return wall.clip(0, 255).astype(np.uint8)


OOD_PICTURES = {"blank": blank, "static": static, "scrambled": scrambled, "flat": flat}


@dataclass(frozen=True)
class OODResult:
    """Mean confidence on photos and on one sort of pictures that show no scene, and how well it tells them apart
    (area under the ROC curve; .5 is not at all)."""

    benchmark: str
    sort: str
    real: float
    fake: float
    auc: float


def ood_results(benchmark: str, model: Predictor, config: RunConfig, data: Path) -> Iterator[OODResult]:
    """Asks the benchmark's questions about its photos, and about the same many pictures that show nothing."""
    run = Run(Path("unused"), find_benchmark(benchmark), replace(config, corrupt=None), data)
    means: dict[str, list[float]] = {name: [] for name in ("", *OOD_PICTURES)}

    def jobs() -> Iterator[Job]:
        samples = (sample for example in run.examples if (sample := run.sample(example)).asked)
        for number, sample in enumerate(samples):
            photo, rng = run.photo(sample.example), np.random.default_rng((config.predict.seed, number))
            for name in means:
                shown = OOD_PICTURES[name](photo, rng) if name else photo
                yield Job(name, shown, sample.asked[0], config.predict)

    for outcome in stream(jobs(), model):
        means[outcome.job.id].append(float(outcome.unwrap().confidence.mean()))
    real = np.array(means.pop(""))
    for name, values in means.items():
        fake = np.array(values)
        yield OODResult(benchmark, name, float(real.mean()), float(fake.mean()), ranked(real, fake))

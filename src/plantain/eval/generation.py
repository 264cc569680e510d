"""Generation kept: is a tuned generator still one? Held-out repairs, denoising, and pictures from words.

    plantain bench run generation/kept --model A --base B --data DATA

Everything is fixed: photos (the captions' test half), what is degraded and how, prompts and seeds. A run is a folder
like any other: paintings are kept, a line a photo, scores with intervals; with a base, paired differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from PIL import Image

from plantain import __version__
from plantain._shapes import Float, UInt8
from plantain.data.base import Example
from plantain.data.edits import EDITS
from plantain.data.excerpts import read
from plantain.errors import UsageError
from plantain.eval.answers import with_cache
from plantain.eval.compare import paired
from plantain.eval.folder import RunFolder
from plantain.eval.metrics.base import Row, Scores
from plantain.eval.metrics.pictures import feature_distance, frechet, kernel_distance, psnr, ssim
from plantain.eval.scores import SampleResult, bootstrap
from plantain.imaging.photo import read_photo
from plantain.models.identity import content_hash, digest, file_hash
from plantain.models.painters.embedded import FOLDER, Embedded, VisionEncoder
from plantain.models.painting import Painting, Request
from plantain.pipeline.predictor import PainterPredictor

NAME, VERSION = "generation/kept", 1
TIMES = (0.2, 0.5, 0.8)  # of denoising: 0 is noise, 1 the picture
REPAIRS = ("psnr", "ssim", "features")
FIGURES = (*REPAIRS, "denoising", "frechet", "kernel")  # of the first two high is good, of the others low
DRAWS = 100  # Frechet distances are dear


@dataclass(frozen=True)
class GenerationConfig:
    """What is asked of whom: photos, edits of each photo, seed."""

    model: str
    options: Mapping[str, Any]
    limit: int | None = None
    edits: int = 2
    seed: int = 0


class GenerationRun(RunFolder):
    """A run of generation/kept in a folder."""

    def __init__(self, folder: Path, asked: GenerationConfig, data: Path) -> None:
        self.asked = asked
        self.examples = read(data, "captions", "dev_test")[: asked.limit]
        record = {"benchmark": NAME, "version": VERSION, "n": len(self.examples), "setting": asdict(asked)}
        super().__init__(folder, record, data)

    @cached_property
    def encoder(self) -> VisionEncoder:
        """The vision encoder whose features are compared: that of the seedling, whoever paints."""
        return Embedded().encoder

    def run(self, model: Any, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Asks about every photo that has no line yet; gives and writes the scores."""
        if not isinstance(model, PainterPredictor):
            raise UsageError(f"{self.asked.model} makes no pictures; generation/kept is for painters")
        self.start(model)
        kept: Any = with_cache(model, self.folder)
        missing = self.missing(((one.id, self.hashes(one), one) for one in self.examples), step)
        self.append((self.line(one, kept, model.painter) for one in missing), step)
        return self.score()

    def hashes(self, example: Example) -> dict[str, str]:
        """What a line hangs on beside the painter: the photo, its captions, and the encoder of features."""
        return {
            "photo": content_hash(example.photo),
            "question": digest(example.facts["captions"]),
            "rules": digest([VERSION, __version__, file_hash(FOLDER / "reader.onnx")]),
        }

    def line(self, example: Example, model: PainterPredictor, painter: Any) -> dict[str, Any]:
        """Repairs, denoising and one picture from words, of one photo."""
        true = self.canvas(example, model)
        rng = np.random.default_rng((self.asked.seed, crc32(example.id.encode())))
        kinds = [str(kind) for kind in rng.permutation(sorted(EDITS))[: self.asked.edits]]
        words = str(example.facts["captions"][0])
        made = model.generate(words, size=(true.shape[1], true.shape[0]), seed=self.asked.seed).rgb
        return {
            "id": example.id,
            "hashes": self.hashes(example),
            "edits": {kind: self.repaired(true, kind, rng, model) for kind in kinds},
            "denoising": self.denoised(true, words, painter),
            "made": self.read(made)[0, -384:].round(4).tolist(),
            "real": self.read(true)[0, -384:].round(4).tolist(),
        }

    def canvas(self, example: Example, model: PainterPredictor) -> UInt8[np.ndarray, "h w 3"]:
        """The photo at the painter's own size, so that nothing but the painting is compared."""
        photo = read_photo(example.photo)
        size = model.painter.canvas(photo.shape[1], photo.shape[0])
        return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))

    def repaired(
        self, true: np.ndarray, kind: str, rng: np.random.Generator, model: PainterPredictor
    ) -> dict[str, float]:
        """Distances of the repair from the photo that was degraded."""
        degraded = EDITS[kind].degrade(true, rng)
        request = Request(EDITS[kind].prompts[0], (degraded,), (true.shape[1], true.shape[0]), self.asked.seed, "edit")
        (made,) = model.paint([request])
        if not isinstance(made, Painting):
            raise made
        distance = feature_distance(self.read(made.rgb)[1:], self.read(true)[1:])
        return {"psnr": psnr(made.rgb, true), "ssim": ssim(made.rgb, true), "features": distance}

    def denoised(self, true: np.ndarray, words: str, painter: Any) -> float | None:
        """Mean squared error (0..1) of the clean picture guessed from noised ones, same noise for every model; None for
        painters that cannot be asked so."""
        if not hasattr(painter, "denoise"):
            return None
        clean = true.astype(np.float32) / 255
        errors = []
        for i, t in enumerate(TIMES):
            noise = 0.5 + 0.5 * np.random.default_rng((self.asked.seed, i)).standard_normal(clean.shape, np.float32)
            guess = painter.denoise(words, t * clean + (1 - t) * noise, t)
            errors.append(float(np.mean((guess - clean) ** 2)))
        return float(np.mean(errors))

    def read(self, rgb: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "tokens channels"]:
        """The encoder's features; sides are multiples of its patch already, or are cut to them."""
        height, width = (side // 14 * 14 for side in rgb.shape[:2])
        return np.asarray(self.encoder.features(np.ascontiguousarray(rgb[None, :height, :width]))[0])

    def score(self) -> dict[str, Any]:
        """Means with 95 % intervals, written to scores.json."""
        lines = self.ordered()
        figures, spread = METRIC.reduce(lines), bootstrap(METRIC, lines, FIGURES, DRAWS)
        told = {name: [figures[name], *spread[name]] for name in FIGURES}
        scores = {"benchmark": NAME, "version": VERSION, "n": len(lines), "scores": told, "edits": by_edit(lines)}
        self.write("scores.json", scores)
        return scores

    def ordered(self) -> list[SampleResult]:
        return sorted(self.lines(), key=lambda line: str(line["id"]))


class Generated:
    """The figures of some lines: means of repairs and of denoising, distances of what was made from words."""

    def reduce(self, rows: Sequence[Row]) -> Scores:
        """psnr (decibels), ssim, features, denoising (squared error of 0..1), frechet, kernel."""
        repairs = {name: float(np.mean([np.mean([edit[name] for edit in row["edits"].values()]) for row in rows]))
                   for name in REPAIRS}  # fmt: skip
        noise = [np.nan if row["denoising"] is None else row["denoising"] for row in rows]
        made, real = (np.array([row[name] for row in rows], float) for name in ("made", "real"))
        several = len({row["id"] for row in rows}) > 2
        apart = (frechet(made, real), kernel_distance(made, real)) if several else (np.nan, np.nan)
        return repairs | {"denoising": float(np.mean(noise)), "frechet": apart[0], "kernel": apart[1]}


METRIC = Generated()


def against(run: GenerationRun, base: GenerationRun) -> dict[str, list[float]]:
    """The run minus its base on their common photos: every figure with its paired interval."""
    theirs = {line["id"]: line for line in base.lines()}
    mine = [line for line in run.ordered() if line["id"] in theirs]
    if not mine:
        raise UsageError(f"{run.folder} and {base.folder} have no photo in common")
    other = [theirs[line["id"]] for line in mine]
    ours, old = METRIC.reduce(mine), METRIC.reduce(other)
    spread = paired(METRIC, FIGURES, other, mine, DRAWS)
    return {name: [ours[name] - old[name], *spread[name]] for name in FIGURES}


def by_edit(lines: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The means of every kind of repair."""
    kinds = sorted({kind for line in lines for kind in line["edits"]})
    return {kind: {name: float(np.mean([line["edits"][kind][name] for line in lines if kind in line["edits"]]))
                   for name in REPAIRS} for kind in kinds}  # fmt: skip

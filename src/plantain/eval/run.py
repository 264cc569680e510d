"""A run: one benchmark, one model, one folder. Every answer is kept, every picture is a line, everything else follows.

    run.json     what was asked of whom, by which rules, on which pictures
    paintings/   or answers/: what came back, under the hash of what was asked
    rows.jsonl   a line a picture: its state, and the sufficient statistics of its answer
    scores.json  the figures with intervals, made from rows.jsonl alone

A run that is stopped goes on with the pictures that have no line; `score` reads the kept answers again, by today's
decoders and metrics, and asks no model.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from plantain import __version__
from plantain.data.base import Example
from plantain.errors import PhotoError, PlantainError, TruthError, UnknownName, UsageError
from plantain.eval.answers import keep
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.corruptions import CorruptedPainter, Corruption
from plantain.eval.row import Benchmark
from plantain.eval.scores import SampleResult, score
from plantain.files import writing
from plantain.imaging.photo import read_photo
from plantain.pipeline.predictor import PainterPredictor
from plantain.tasks import Task


@dataclass(frozen=True)
class RunConfig:
    """Who is asked, and how. `limit`: so many pictures, drawn by a fixed seed; `corrupt`: "fog:3", see corruptions."""

    model: str = "embedded"
    options: Mapping[str, Any] = field(default_factory=dict)
    samples: int = 1
    passes: int = 1
    seed: int = 0
    style: str = "imperative"
    limit: int | None = None
    corrupt: str | None = None

    def __post_init__(self) -> None:
        if self.corrupt is not None:
            Corruption.parse(self.corrupt)

    @property
    def corruption(self) -> Corruption | None:
        """What befalls the photo or the painter."""
        return None if self.corrupt is None else Corruption.parse(self.corrupt)

    def home(self, out: Path, benchmark: str) -> Path:
        """Where the run of a benchmark lies under a folder of runs."""
        other = [] if self.corrupt is None else [self.corrupt.replace(":", "-")]
        other += [self.style] if self.style != "imperative" else []
        other += [f"seed-{self.seed}"] if self.seed else []
        return out / self.model / "+".join([benchmark.replace("/", "-"), *other])

    @property
    def asking(self) -> dict[str, Any]:
        """The options of `predict`."""
        return {name: getattr(self, name) for name in ("samples", "passes", "seed", "style")}


class Folder:
    """A folder with run.json, what is asked of whom, and rows.jsonl, a line a picture."""

    def __init__(self, folder: Path, record: Mapping[str, Any], data: Path) -> None:
        self.folder, self.record, self.data = folder, dict(record), data

    def begin(self, answerer: Any) -> None:
        """Writes run.json, or checks that the one that is there says the same."""
        if (self.folder / "run.json").exists():
            stored = read_record(self.folder)
            self._agree(stored)
            if stored.get("model") != weights_hash(answerer):
                raise UsageError(
                    f"{self.folder} holds a run by other weights of {answerer.name}; choose another folder"
                )
            return
        about = {"data": str(self.data), "model": weights_hash(answerer), "plantain": __version__,
                 "numpy": np.__version__, "python": platform.python_version(), "machine": platform.machine(),
                 "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}  # fmt: skip
        self.write("run.json", self.record | about)

    def _agree(self, stored: Mapping[str, Any]) -> None:
        for key, mine in self.record.items():
            if stored.get(key) != mine:
                raise UsageError(f"{self.folder} holds a run with another {key} ({stored.get(key)!r}, not {mine!r}); "
                                 "choose another folder")  # fmt: skip

    def lines(self) -> list[SampleResult]:
        """The lines of rows.jsonl; what a killed run left of a line is cut off."""
        path = self.folder / "rows.jsonl"
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(path, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def fill(
        self,
        examples: Sequence[Example],
        line: Callable[[Example], SampleResult],
        step: Callable[[], None] = lambda: None,
    ) -> None:
        """Writes the lines that are not there yet, each safe on disk before the next."""
        done = {one["id"] for one in self.lines()}
        with (self.folder / "rows.jsonl").open("ab") as file:
            for example in examples:
                if example.id not in done:
                    file.write(json.dumps(line(example)).encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                step()

    def write(self, name: str, record: Mapping[str, Any]) -> None:
        with writing(self.folder / name) as path:
            path.write_text(json.dumps(record, indent=1) + "\n")


class Run(Folder):
    """A run's folder. UsageError where it belongs to another benchmark, version or setting."""

    def __init__(self, folder: Path, benchmark: Benchmark, setting: RunConfig, data: Path) -> None:
        self.benchmark, self.config = benchmark, setting
        self.examples = chosen(benchmark, data, setting.limit)
        record = {
            "benchmark": benchmark.id,
            "version": benchmark.version,
            "split": split_hash(self.examples),
            "n": len(self.examples),
            "protocol": benchmark.protocol,
            "setting": asdict(setting),
        }
        super().__init__(folder, record, data)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run that lies in a folder. UsageError where there is none, or its benchmark has another version now."""
        stored = read_record(folder)
        benchmark = named(stored["benchmark"])
        if stored["version"] != benchmark.version:
            raise UsageError(f"{folder} was run by version {stored['version']} of {benchmark.id}, which is at version "
                             f"{benchmark.version} now; run it again")  # fmt: skip
        run = cls(folder, benchmark, RunConfig(**stored["setting"]), Path(stored["data"]))
        run._agree(stored)
        return run

    def _worst(self, example: Example, asked: Sequence[Task]) -> dict[str, Mapping[str, Any]]:
        """The rows of the worst answer. UsageError where the truth itself cannot be scored: no answer is to blame."""
        try:
            return self.benchmark.worst(self.benchmark.adapter.truth(example, asked))
        except UsageError as error:
            raise UsageError(f"picture {example.id} of {self.benchmark.id}: {error}") from error

    @property
    def who(self) -> str:
        """The name of who answered; before anybody did, that of the table."""
        if not (self.folder / "run.json").exists():
            return self.config.model
        return str(read_record(self.folder).get("model", {}).get("name", self.config.model))

    def run(self, answerer: Any, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Asks about every picture that has no line yet; gives and writes the scores."""
        self.begin(answerer)
        kept = self.kept(answerer)
        self.fill(self.examples, lambda example: self.line(example, kept), step)
        return self.score()

    def rescore(self, answerer: Any, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Decodes and measures the kept answers anew; asks nobody."""
        kept, lines = self.kept(answerer, replay=True), []
        for example in self.examples:
            lines.append(self.line(example, kept))
            step()
        with writing(self.folder / "rows.jsonl") as path:
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return self.score()

    def kept(self, answerer: Any, replay: bool = False) -> Any:
        """Who answers, with what was answered before, and what befalls the paintings after that."""
        kept, change = keep(answerer, self.folder, replay), self.config.corruption
        if change is None or not change.of_painter:
            return kept
        if not isinstance(kept, PainterPredictor):
            raise UsageError(f"{change.name} befalls painters; {self.config.model} is a specialist")
        return PainterPredictor(CorruptedPainter(kept.painter, change))

    def photo(self, example: Example) -> np.ndarray:
        """The photo as it is shown, spoilt where the setting says so; the same every time."""
        pixels, change = read_photo(example.photo), self.config.corruption
        if change is None:
            return pixels
        known: Any = example.truth("depth") if "depth" in example.truths else None
        dense = known is not None and known.valid.mean() > 0.8
        depth = np.where(known.valid, known.values, np.median(known.values[known.valid])) if dense else None
        return change(pixels, np.random.default_rng((self.config.seed, crc32(example.id.encode()), 7)), depth)

    def asked(self, example: Example) -> list[Task]:
        """What is asked about a picture; legends are drawn from the seed and the picture's id."""
        rng = np.random.default_rng((self.config.seed, crc32(example.id.encode())))
        return self.benchmark.adapter.ask(example, rng)

    def line(self, example: Example, answerer: Any) -> SampleResult:
        """What became of one picture. A failure counts as the worst answer, and is named; a picture whose truth cannot
        be read is named too, and does not count."""
        start = time.perf_counter()
        try:
            asked = self.asked(example)
            truth = self.benchmark.adapter.truth(example, asked) if asked else None
        except (TruthError, PhotoError) as error:
            return {"id": example.id, "state": "no truth", "error": str(error)}
        if not asked:
            return {"id": example.id, "state": "nothing to ask"}
        try:
            pixels = self.photo(example)
            answers = [answerer.predict(pixels, task, **self.config.asking) for task in asked]
            rows = self.benchmark.measure(answers, truth, asked)
            told: dict[str, Any] = {"state": "ok"}
        except PlantainError as error:
            rows = self._worst(example, asked)
            told = {"state": "failed", "error": str(error)}
        seconds = round(time.perf_counter() - start, 3)
        return {"id": example.id, **told, "seconds": seconds, "rows": {name: plain(row) for name, row in rows.items()}}

    def score(self) -> dict[str, Any]:
        """The scores of the lines that are there, written to scores.json."""
        wanted = {example.id: place for place, example in enumerate(self.examples)}
        lines = sorted((line for line in self.lines() if line["id"] in wanted), key=lambda line: wanted[line["id"]])
        scores = {key: self.record[key] for key in ("benchmark", "version", "split")} | score(self.benchmark, lines)
        self.write("scores.json", scores)
        return scores

    def scores(self) -> dict[str, Any]:
        """What scores.json says; made first where it is missing."""
        path = self.folder / "scores.json"
        kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else self.score()
        return kept


def read_record(folder: Path) -> dict[str, Any]:
    """run.json. UsageError where there is none."""
    path = folder / "run.json"
    if not path.is_file():
        raise UsageError(f"no run in {folder}: run.json is missing; give a folder made by `plantain bench run`")
    stored: dict[str, Any] = json.loads(path.read_text())
    return stored


def named(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        raise UnknownName("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name]


def chosen(benchmark: Benchmark, data: Path, limit: int | None) -> list[Example]:
    """The benchmark's pictures, or `limit` of them, always the same."""
    examples = benchmark.read(data)
    check_split(benchmark, examples, data)
    if limit is None or limit >= len(examples):
        return examples
    return [examples[i] for i in sorted(np.random.default_rng(5).permutation(len(examples))[:limit])]


def check_split(benchmark: Benchmark, examples: Sequence[Example], data: Path) -> None:
    """UsageError where a folder holds other pictures than the row is scored on."""
    found = split_hash(examples)
    if benchmark.split and not found.startswith(benchmark.split):
        raise UsageError(f"{data} holds another split of {benchmark.id}: {len(examples)} pictures with hash "
                         f"{found[: len(benchmark.split)]}, wanted {benchmark.n} with {benchmark.split}; "
                         "take the folder as it was published")  # fmt: skip


def split_hash(examples: Sequence[Example]) -> str:
    """SHA-256 of the ids, in order."""
    return hashlib.sha256("\n".join(example.id for example in examples).encode()).hexdigest()


def weights_hash(answerer: Any) -> dict[str, Any]:
    """Name of who answers, and a hash of its files where it has a folder or a file of weights."""
    place = getattr(answerer.model, "weights", None)
    digest = hashlib.sha256()
    for path in files_of(place):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return {"name": answerer.name, "weights": digest.hexdigest() if place else None}


def files_of(place: Any) -> Iterator[Path]:
    """A file, or the files of a folder, in order; not what is told of them (calibration, licence)."""
    if place is not None and Path(place).is_file():
        yield Path(place)
    elif place is not None:
        told = (".json", ".md")
        yield from sorted(p for p in Path(place).glob("*") if p.is_file() and p.suffix not in told)


def plain(row: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """A row as JSON holds it."""
    return {name: np.asarray(value).tolist() for name, value in row.items()}

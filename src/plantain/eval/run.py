"""A run: one benchmark, one model, one folder. Every answer is kept, every picture is a line, everything else follows.

A run that is stopped goes on with the pictures that have no line. A line holds a hash of everything that it hangs on:
where a photo, a label, a question, an example, the rules or the calibration of confidence have changed, the picture is
answered or scored afresh. `rescore` reads the kept answers again, by today's decoders and metrics, and asks no model.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from plantain import __version__
from plantain.data.base import Example
from plantain.errors import OutputError, PainterError, PainterGone, PlantainError, UnknownName, UsageError
from plantain.eval.answers import with_cache
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.corruptions import CorruptedPainter, Corruption
from plantain.eval.folder import RunFolder, read_record
from plantain.eval.own import OWN, is_own, row_of
from plantain.eval.row import Benchmark
from plantain.eval.scores import COSTS, SampleResult, costs, score
from plantain.eval.shots import Shots, Shown, draw, read_shots
from plantain.imaging.photo import read_photo
from plantain.models.identity import DECODING, content_hash, digest
from plantain.pipeline.jobs import Context, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import PainterPredictor, Predictor
from plantain.pipeline.stream import stream
from plantain.predictions.types import Prediction
from plantain.tasks import Task

CHANGED = {  # what a line hangs on -> how it is called, and the verb that sets it right
    "photo": ("the photo", "run"),
    "question": ("the question", "run"),
    "examples": ("an example of those shown before the question", "run"),
    "truth": ("the label", "score"),
    "rules": ("the scoring", "score"),
    "calibration": ("the calibration of confidence", "score"),
}
HOW = (  # options of painters behind a service that change no answer: a run goes on with a higher budget
    "budget", "batch", "concurrency", "dry_run", "kept", "patience_s", "pause_s", "resend", "timeout_s", "tries",
)  # fmt: skip
ASKED = [key for key, (_, verb) in CHANGED.items() if verb == "run"]  # what the answer itself hangs on


@dataclass(frozen=True)
class RunConfig:
    """Which model is asked, and how. `code`: a color code, where the painter's favorite is not wanted; `limit`: so many
    pictures, drawn by a fixed seed; `corrupt`: "fog:3", see corruptions; `shots`: so many examples of the training half
    are shown before the questions, drawn by the seed. UsageError for a corruption that is none, and fewer than 0."""

    model: str = "embedded"
    options: Mapping[str, Any] = field(default_factory=dict)
    predict: PredictOptions = field(default_factory=PredictOptions)
    code: str | None = None
    limit: int | None = None
    corrupt: str | None = None
    shots: int = 0

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> RunConfig:
        """The inverse of `to_json`."""
        own = {field.name for field in fields(cls)} - {"predict"}
        given = PredictOptions.of({key: value for key, value in record.items() if key not in own})
        return cls(predict=given, **{key: value for key, value in record.items() if key in own})

    def to_json(self) -> dict[str, Any]:
        """All options side by side, as run.json holds them."""
        record = asdict(self)
        return record | record.pop("predict")

    def __post_init__(self) -> None:
        if self.corrupt is not None:
            Corruption.parse(self.corrupt)
        if self.shots < 0:
            raise UsageError(f"shots must be at least 0, not {self.shots}")

    @property
    def corruption(self) -> Corruption | None:
        """What happens to the photo or the painter."""
        return None if self.corrupt is None else Corruption.parse(self.corrupt)

    @property
    def variant(self) -> list[str]:
        """What is not as it is by default, in words that tell runs of one model apart."""
        other = [] if self.corrupt is None else [self.corrupt.replace(":", "-")]
        other += [self.code] if self.code else []
        other += [self.predict.style] if self.predict.style != "imperative" else []
        other += [self.predict.quality] if self.predict.quality != "usual" else []
        other += [f"shots-{self.shots}"] if self.shots else []
        other += [f"seed-{self.predict.seed}"] if self.predict.seed else []
        return other

    def folder(self, out: Path, benchmark: str) -> Path:
        """Where the run of a benchmark lies under a folder of runs."""
        return out / self.model / "+".join([benchmark.replace("/", "-"), *self.variant])


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture with what is asked about it, its truth as the metric takes it, and hashes of what its line hangs on.

    `error`: why its truth cannot be read; then nothing is asked."""

    example: Example
    asked: Sequence[Task]
    truth: Any
    hashes: Mapping[str, str]
    error: str = ""


@dataclass(frozen=True, eq=False)
class Answered:
    """A sample with what became of each of its questions."""

    sample: Sample
    outcomes: Sequence[Outcome] = ()

    @property
    def predictions(self) -> list[Prediction]:
        """The answers. Raises the first error among them."""
        return [outcome.unwrap() for outcome in self.outcomes]

    @property
    def error(self) -> PlantainError | None:
        """The first error."""
        return next((outcome.error for outcome in self.outcomes if outcome.error), None)

    @property
    def costs(self) -> dict[str, float]:
        """Seconds, and USD where the model names a price."""
        usd = [outcome.cost_usd for outcome in self.outcomes if outcome.cost_usd is not None]
        seconds = round(sum(outcome.seconds for outcome in self.outcomes), 3)
        return {"seconds": seconds} | ({"usd": round(sum(usd), 6)} if usd else {})


class Run(RunFolder):
    """A run's folder. UsageError where it belongs to another benchmark, version or setting."""

    def __init__(self, folder: Path, benchmark: Benchmark, config: RunConfig, data: Path) -> None:
        self.benchmark, self.config = benchmark, config
        self.examples = select_examples(benchmark, data, config.limit)
        self.drawn = draw(benchmark, data, config.shots, config.predict.seed)  # shown before the questions
        self._fresh = False  # whether every line is known to hang on what is there now
        record = {
            "benchmark": benchmark.id,
            "version": benchmark.version,
            "split": split_hash(self.examples),
            "n": len(self.examples),
            "protocol": benchmark.protocol,
            "setting": config.to_json(),
            **({"examples": [example.id for example in self.drawn]} if self.drawn else {}),
        }
        super().__init__(folder, record, data)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run that lies in a folder. UsageError where there is none, or its benchmark has another version now."""
        stored = read_record(folder)
        benchmark = find_benchmark(stored["benchmark"], Path(stored["data"]))
        if stored["version"] != benchmark.version:
            raise UsageError(f"{folder} was run by version {stored['version']} of {benchmark.id}, which is at version "
                             f"{benchmark.version} now; run it again")  # fmt: skip
        run = cls(folder, benchmark, RunConfig.from_json(stored["setting"]), Path(stored["data"]))
        run.require_same_setting(stored)
        return run

    def require_same_setting(self, stored: Mapping[str, Any]) -> None:
        """UsageError for another setting. An older run was made as usual in all that it does not name."""
        setting = RunConfig.from_json(stored.get("setting", {})).to_json()
        told = {name: value for name, value in setting["options"].items() if name not in HOW}
        now = {name: value for name, value in self.config.options.items() if name in HOW}
        super().require_same_setting({**stored, "setting": setting | {"options": told | now}})

    @cached_property
    def shots(self) -> Shots | None:
        """The examples with their truths, read once. PhotoError, TruthError."""
        return read_shots(self.benchmark, self.drawn, self.config.code) if self.drawn else None

    @property
    def model_name(self) -> str:
        """The name of the model that answered; before any did, that of the table."""
        if not (self.folder / "run.json").exists():
            return self.config.model
        return str(read_record(self.folder).get("model", {}).get("name", self.config.model))

    # ---- asking and scoring

    def run(self, model: Predictor, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Asks about every picture that has no line that still holds; gives and writes the scores."""
        asked = self.with_kept_answers(model)  # first, so that a model that cannot be shown examples leaves no folder
        self.start(model)
        before = {line["id"]: line for line in self.lines()}
        samples = (self.sample(example, model) for example in self.examples)
        missing = self.missing(((one.example.id, one.hashes, one) for one in samples), step)
        self.append((self.line(one, before) for one in self.answers(missing, asked)), step)
        self._fresh = True
        return self.score()

    def rescore(self, model: Predictor, step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Decodes and measures the kept answers of all lines anew; asks no model.

        UsageError where a photo, a question or the weights have changed, or an answer is lost: run it again."""
        self.require_same_weights(model)
        before = {line["id"]: line for line in self.lines()}
        samples = (self.sample(example, model) for example in self.examples if example.id in before)
        lines = []
        for answered in self.answers(samples, self.with_kept_answers(model, replay=True)):
            was = before[answered.sample.example.id]
            if "hashes" in was:
                self._require_unchanged(answered.sample, was, *ASKED)
            line = self.line(answered, before)
            if isinstance(answered.error, PainterError):  # nobody was asked: what was kept is all there is
                if was["state"] != "failed":
                    raise UsageError(f"the answer to picture {was['id']} is not kept in {self.folder} any more; "
                                     "remove that folder and run the benchmark again")  # fmt: skip
                line["error"] = was["error"]
            lines.append(line)
            step()
        self.replace_lines(lines)
        self._fresh = True
        return self.score()

    def require_fresh(self, model: Predictor | None = None) -> None:
        """UsageError where a line hangs on something that has changed since; with a model, on its weights too."""
        if model is not None:
            self.require_same_weights(model)
        if self._fresh:
            return
        known = {line["id"]: line for line in self.lines()}
        keys = CHANGED if model is not None else [key for key in CHANGED if key != "calibration"]
        for example in self.examples:
            if example.id in known:
                self._require_unchanged(self.sample(example, model), known[example.id], *keys)
        self._fresh = True

    def _require_unchanged(self, sample: Sample, line: SampleResult, *keys: str) -> None:
        stored = line.get("hashes", {})
        for key in keys:
            if stored.get(key) != sample.hashes.get(key):
                what, verb = CHANGED[key]
                again = self.benchmark.id if verb == "run" else self.folder
                raise UsageError(f"{what} of picture {line['id']} has changed since {self.folder} was scored; "
                                 f"do it again: plantain bench {verb} {again}")  # fmt: skip

    # ---- one picture

    def sample(self, example: Example, model: Predictor | None = None) -> Sample:
        """What is asked about a picture (legends are drawn from the seed and the picture's id), and its truth."""
        adapter, rng = (
            self.benchmark.adapter,
            np.random.default_rng((self.config.predict.seed, crc32(example.id.encode()))),
        )
        asked: Sequence[Task] = ()
        truth, error = None, ""
        try:
            asked = [replace(task, code=self.config.code or task.code) for task in adapter.ask(example, rng)]
            truth = adapter.truth(example, asked) if asked else None
        except PlantainError as broken:
            asked, error = (), str(broken)
        hashes = {
            "photo": digest([content_hash(example.photo), self._fog_depth(example) if self.config.corrupt else None]),
            "question": digest([task.prompt("json") for task in asked]),
            "truth": digest([truth, error]),
            "rules": digest([adapter, self.benchmark.metric, __version__, DECODING]),
            "calibration": digest(dict(model.calibration) if model else {}),
            **({} if self.shots is None else {"examples": self.shots.hash}),
        }
        return Sample(example, asked, truth, hashes, error)

    def with_kept_answers(self, model: Predictor, replay: bool = False) -> Predictor:
        """The model after its examples, with what it answered before, and what happens to its paintings after that."""
        context = Context()
        if self.shots is not None:
            model, context = self.shots.shown_to(model, self.folder / "learned")
        kept, change = with_cache(model, self.folder, replay), self.config.corruption
        if change is not None and change.of_painter:
            if not isinstance(kept, PainterPredictor):
                raise UsageError(f"{change.name} happens to painters; {self.config.model} is a specialist")
            kept = PainterPredictor(CorruptedPainter(kept.painter, change))
        return Shown(kept, context) if isinstance(kept, PainterPredictor) and context.examples else kept

    def photo(self, example: Example) -> np.ndarray:
        """The photo as it is shown, corrupted where the setting says so; the same every time."""
        pixels, change = read_photo(example.photo), self.config.corruption
        if change is None:
            return pixels
        rng = np.random.default_rng((self.config.predict.seed, crc32(example.id.encode()), 7))
        return change(pixels, rng, self._fog_depth(example))

    def _fog_depth(self, example: Example) -> np.ndarray | None:
        """The scene's depth, where nearly all of it is known."""
        known: Any = example.truth("depth") if "depth" in example.truths else None
        if known is None or known.valid.mean() <= 0.8:
            return None
        return np.where(known.valid, known.values, np.median(known.values[known.valid]))

    def answers(self, samples: Iterable[Sample], model: Predictor) -> Iterator[Answered]:
        """What the model says about each picture, in order: pictures are read, asked about and decoded side by side.

        Raises what ends a run, so that the other pictures do not count as failed: UsageError for a task that the model
        does not answer and for a model that cannot run here, OutputError for a full disk, PainterGone."""
        waiting: deque[Sample] = deque()

        def jobs() -> Iterator[Job]:
            for sample in samples:
                waiting.append(sample)
                shown = cache(partial(self.photo, sample.example))
                for number, task in enumerate(sample.asked):
                    model.resolve_task(task)
                    yield Job(f"{sample.example.id}/{number}", shown, task, self.config.predict)

        outcomes: list[Outcome] = []
        for outcome in stream(jobs(), model):
            if isinstance(outcome.error, OutputError | PainterGone | UsageError):
                raise outcome.error
            while not waiting[0].asked:
                yield Answered(waiting.popleft())
            outcomes.append(outcome)
            if len(outcomes) == len(waiting[0].asked):
                yield Answered(waiting.popleft(), outcomes)
                outcomes = []
        yield from map(Answered, waiting)

    def line(self, answered: Answered, before: Mapping[str, SampleResult]) -> SampleResult:
        """The line of a picture. An answer that was kept cost what the line before says."""
        line = self.result(answered)
        was, now = before.get(line["id"], {}), line["hashes"]
        then: Any = was.get("hashes") or now
        same = all(now.get(key) == then.get(key) for key in ASKED)
        return line | {name: was[name] for name in COSTS if same and name in was}

    def result(self, answered: Answered) -> SampleResult:
        """The line of a picture. A failure counts as the worst answer, and is named; so is a truth that cannot be
        scored, which counts neither way: no answer is to blame."""
        sample, error, rows = answered.sample, answered.error, None
        line: dict[str, Any] = {"id": sample.example.id, "state": "ok", "hashes": dict(sample.hashes)}
        if sample.error:
            return line | {"state": "no truth", "error": sample.error}
        if not sample.asked:
            return line | {"state": "nothing to ask"}
        try:
            if error is None:
                rows = self.benchmark.measure(answered.predictions, sample.truth, sample.asked)
        except PlantainError as failure:
            error = failure
        if rows is None:
            line |= {"state": "failed", "error": str(error)}
            try:
                rows = self.benchmark.worst(sample.truth)
            except UsageError as unscorable:
                return line | {"state": "no truth", "error": str(unscorable)}
        rows = {name: {key: np.asarray(value).tolist() for key, value in row.items()} for name, row in rows.items()}
        return line | answered.costs | {"rows": rows}

    # ---- scores

    def ordered_lines(self) -> list[SampleResult]:
        """The lines in the order of the pictures."""
        known = {line["id"]: line for line in self.lines()}
        return [known[example.id] for example in self.examples if example.id in known]

    def score(self) -> dict[str, Any]:
        """The scores of the lines that are there, written to scores.json."""
        lines = self.ordered_lines()
        about = {key: self.record[key] for key in ("benchmark", "version", "split")}
        scores = about | score(self.benchmark, lines) | {"lines": lines_hash(lines)}
        self.write("scores.json", scores)
        return scores

    def costs(self) -> dict[str, float | None]:
        """Seconds and USD a picture, as far as they are known."""
        return costs(self.lines())

    def scores(self) -> dict[str, Any]:
        """What scores.json says; made first where it is missing, or other lines are there now."""
        path = self.folder / "scores.json"
        kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return kept if kept.get("lines") == lines_hash(self.ordered_lines()) else self.score()


def lines_hash(lines: Sequence[SampleResult]) -> str:
    """A hash of lines, without the time and the money that they took."""
    return digest([{key: value for key, value in line.items() if key not in COSTS} for line in lines])


def find_benchmark(name: str, data: Path | None = None) -> Benchmark:
    """The row of a name; those of people's own folders are made from `data`. UnknownName."""
    if data is not None and is_own(name):
        return row_of(name, data)
    if name not in BENCHMARKS:
        raise UnknownName("benchmark", name, [OWN, *BENCHMARKS])
    return BENCHMARKS[name]


def select_examples(benchmark: Benchmark, data: Path, limit: int | None) -> list[Example]:
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

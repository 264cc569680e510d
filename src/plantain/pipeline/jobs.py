"""One question about one photo (Job), how it is put (PredictOptions), and what became of it (Outcome)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from plantain import errors
from plantain._shapes import Bool, UInt8
from plantain.errors import PlantainError, UnknownName, UsageError
from plantain.imaging.photo import read_photo
from plantain.models.painting import Painting
from plantain.predictions.headline import headline
from plantain.predictions.types import Prediction
from plantain.tasks import STYLES, Task

RECORD = ("image", "task", "prompt", "model", "painting", "arrays", "overlay", "confidence", "presence", "seconds")
QUALITIES = ("usual", "high")
LEAST = {"samples": 1, "passes": 1, "seed": 0, "tile": 64}


@dataclass(frozen=True)
class PredictOptions:
    """How a question is put: `samples` seeds, `passes` under different legends, in tiles of `tile` photo pixels, in the
    words of `style`, with the painter's own `sampling` (steps, guidance, ...), and whether what takes several times as
    long is done where it helps (`quality`). UsageError for what makes no sense."""

    samples: int = 1
    passes: int = 1
    seed: int = 0
    tile: int | None = None
    style: str = "imperative"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    quality: str = "usual"

    def __post_init__(self) -> None:
        for name in LEAST:
            _check_number(name, getattr(self, name))
        if self.style not in STYLES:
            raise UnknownName("prompt style", self.style, STYLES)
        if self.quality not in QUALITIES:
            raise UnknownName("quality", self.quality, QUALITIES)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> PredictOptions:
        """From keyword arguments. UnknownName, with the nearest names, for an option that is none."""
        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownName("option", name, known)
            if name in LEAST:
                _check_number(name, given[name])
        return cls(**given)

    def variants(self, task: Task) -> list[tuple[Task, int]]:
        """All paintings that are wanted of one view, as (question, seed), none twice."""
        every = (
            (part, self.seed + sample)
            for sample in range(self.samples)
            for version in task.passes(self.passes, self.seed)
            for part in version.parts()
        )
        return list(dict.fromkeys(every))


def _check_number(name: str, value: Any) -> None:
    """UsageError for what is no whole number, or too small."""
    if value is None and name == "tile":
        return
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise UsageError(f"{name} must be a whole number, not {value!r}")
    if value < LEAST[name]:
        raise UsageError(f"{name} must be at least {LEAST[name]}, not {value}")


@dataclass(frozen=True, eq=False)
class Edit:
    """An order to change a photo; `mask` (True = paint here) limits the change. `references`: other pictures that the
    order speaks of, for painters that take several."""

    text: str
    mask: Bool[np.ndarray, "h w"] | None = None
    references: tuple[UInt8[np.ndarray, "_h _w 3"], ...] = ()


@dataclass(frozen=True)
class Generate:
    """A picture from words; `size` is (width, height) in pixels, without it the painter's own."""

    text: str
    size: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Context:
    """What is given with a question: `examples`, photos with their true answers (`pipeline.examples.paired`), which a
    painter is shown beside the photo."""

    examples: tuple[tuple[UInt8[np.ndarray, "_h _w 3"], Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Job:
    """One question about one photo. `id`: how it is told apart, and where its answer lies below a Store's folder
    ("street/17"). `photo`: anything `read_photo` takes; None for a picture from words. `question`: a task, what people
    type, an edit, or a picture from words. `pixels`: the photo, where it has been read already."""

    id: str
    photo: Any
    question: Task | str | Edit | Generate
    options: PredictOptions = field(default_factory=PredictOptions)
    context: Context = field(default_factory=Context)
    pixels: UInt8[np.ndarray, "_h _w 3"] | None = None

    def read(self) -> UInt8[np.ndarray, "_h _w 3"]:
        """The photo's pixels. Raises PhotoError."""
        return read_photo(self.photo) if self.pixels is None else self.pixels

    @property
    def stem(self) -> str:
        """The last part of the id: how the answer's files begin."""
        return self.id.rsplit("/", 1)[-1]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a job: an answer (a Prediction, or the Painting of an edit or of words), or an error; how long it
    took and what it cost in USD (None where the model names no price), the files by role where they were written, and
    the model's name. `record`: the JSON line of an answer that was there already."""

    job: Job
    answer: Prediction | Painting | None = None
    error: PlantainError | None = None
    seconds: float = 0.0
    files: Mapping[str, Path] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    cost_usd: float | None = None

    @property
    def prediction(self) -> Prediction | None:
        """The answer in numbers, if it is one."""
        return self.answer if isinstance(self.answer, Prediction) else None

    @property
    def skipped(self) -> bool:
        """Whether the answer was there already."""
        return bool(self.record.get("skipped"))

    def unwrap(self) -> Any:
        """The answer; raises the error where there is none."""
        if self.error is not None:
            raise self.error
        return self.answer

    def to_json(self) -> dict[str, Any]:
        """The JSON line: all keys of RECORD in order (None where there is nothing to say), then any others.

        `confidence` is that of what was asked for (`predictions.headline`); a failure has `error` and `error_type`."""
        if self.record:
            return dict(self.record)
        known: dict[str, Any] = {"image": self.image, "seconds": self.seconds, **paths_of(self.files)}
        known["model"] = self.model or None
        if self.error is not None:
            known |= {"task": getattr(self.job.question, "name", None)}
            known |= {"error": str(self.error), "error_type": type(self.error).__name__}
        elif isinstance(self.answer, Prediction):
            known |= _of_prediction(self.answer)
        elif self.answer is not None:
            known |= {"task": self.answer.task, "prompt": self.answer.prompt, "model": self.answer.model}
            known |= {"code": self.answer.code} if self.answer.code else {}
            known |= {"provenance": in_short(self.answer.provenance())}
        return result(**known)

    @property
    def image(self) -> str | None:
        """The photo's path, if it is a file."""
        return str(self.job.photo) if isinstance(self.job.photo, str | Path) else None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Outcome:
        """The inverse of `to_json`, but for the answer itself, which lies in its files."""
        photo = record.get("image")
        job = Job(Path(photo).stem if photo else str(record.get("task")), photo, str(record.get("prompt") or ""))
        roles = {role: record.get(role) for role in ("painting", "overlay", "arrays")} | dict(record.get("files") or {})
        files = {role: Path(path) for role, path in roles.items() if path}
        kind = getattr(errors, str(record.get("error_type")), PlantainError)
        error = _revived(kind, str(record["error"])) if record.get("error") else None
        seconds, model = float(record.get("seconds") or 0), str(record.get("model") or "")
        return cls(job, None, error, seconds, files, dict(record), model)


def _revived(kind: Any, text: str) -> PlantainError:
    """An error of its class with a text, whatever its constructor takes."""
    if not (isinstance(kind, type) and issubclass(kind, PlantainError)):
        kind = PlantainError
    made = kind.__new__(kind)
    made.args = (text,)
    return made


def _of_prediction(answer: Prediction) -> dict[str, Any]:
    painting = answer.painting
    made = {"prompt": painting.prompt, "model": painting.model} if painting else {}
    told = {"task": answer.task, **made, "confidence": headline(answer), "presence": answer.presence}
    return told | {"provenance": in_short(answer.provenance())}


def in_short(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON line says of a record beside task, model and prompt: seed, code, version, and what it is."""
    return {key: record[key] for key in ("seed", "code", "version", "note") if key in record}


def paths_of(files: Mapping[str, Path]) -> dict[str, Any]:
    """Paths for a record: the three files by role, any others together."""
    three = {role: files.get(role) for role in ("painting", "arrays", "overlay")}
    more = {name: path for name, path in files.items() if name not in three}
    return three | ({"files": more} if more else {})


def result(**known: Any) -> dict[str, Any]:
    """A record: all keys of RECORD in order (None where there is nothing to say), then any others."""
    return {key: _plain(known.pop(key, None)) for key in RECORD} | {key: _plain(value) for key, value in known.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold: paths as text, numbers with six digits, NaN as null."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) or (hasattr(value, "dtype") and value.dtype.kind == "f"):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value

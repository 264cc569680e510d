"""A clip from the first frame to the film. Twice through it, so that memory holds a few frames, however long it is.

First every frame is asked about, through `stream` and a store: what was painted lies in `BASE.frames/raw`, and is never
asked for again. What changes from frame to frame is measured on the way. Then, with the whole path of scales known,
answers are steadied, written and drawn. The second time is worked out from the files of the first alone, so that after
any end the same command gives the same numbers; the film, the lines and the summary appear whole at its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plantain import __version__
from plantain.errors import OutputError, PainterGone, PlantainError, TruthError, UsageError
from plantain.files import sweep, writing
from plantain.imaging.provenance import NOTE, sealed
from plantain.models.identity import content_hash, digest
from plantain.models.painting import Painting
from plantain.pipeline.examples import paired
from plantain.pipeline.jobs import Context, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import Predictor
from plantain.pipeline.store import Store, base_of
from plantain.pipeline.stream import stream
from plantain.predictions.headline import headline
from plantain.predictions.npz import from_npz
from plantain.predictions.types import Instances, Prediction
from plantain.tasks import Task
from plantain.video.beside import Beside, Extent
from plantain.video.clip import Clip, Frame, FrameRange, require_av
from plantain.video.film import Film, filming
from plantain.video.flicker import Gauge, number
from plantain.video.motion import Tracker
from plantain.video.scale import Correction, corrections
from plantain.video.steady import FILTERS, Filter

SMOOTH_S = 0.4  # standard deviation of the weights that make the path of scales smooth, in seconds
LEAST_WIDTH = 3.0  # frames, of the same
ALONE = Context()
PAIR = 3  # pictures of a request that shows the frame before: the photo, and the other one with its painting


@dataclass(frozen=True)
class Order:
    """What is asked of a clip. `steady`: whether answers are steadied; `paintings`: whether the paintings are kept as a
    film without loss; `context`: whether a painter that takes several pictures is shown the frame before."""

    clip: Path
    task: Task
    folder: Path
    wanted: FrameRange = field(default_factory=FrameRange)
    options: PredictOptions = field(default_factory=PredictOptions)
    steady: bool = True
    paintings: bool = False
    context: bool = True
    redo: bool = False


@dataclass(frozen=True, eq=False)
class Row:
    """What became of one frame the first time: `raw`, where its answer lies as it was painted, or an error."""

    number: int
    seconds: float
    raw: Path | None = None
    error: PlantainError | None = None


@dataclass(eq=False)
class Asked:
    """What is known after the first time through."""

    rows: list[Row] = field(default_factory=list)
    gauge: Gauge = field(default_factory=Gauge)
    extent: Extent = field(default_factory=Extent)

    @property
    def answers(self) -> list[Path]:
        return [row.raw for row in self.rows if row.raw is not None]

    @property
    def errors(self) -> list[PlantainError]:
        return [row.error for row in self.rows if row.error is not None]


class Run:
    """One order. `did` is called once a frame and time through it."""

    def __init__(self, order: Order, model: Predictor, did: Callable[[], None] = lambda: None) -> None:
        require_av()
        if order.paintings and not model.paints:
            raise UsageError(f"{model.name} is a specialist and paints nothing; leave out --paintings")
        self.order, self.model, self.did = order, model, did
        self.clip = Clip(order.clip, order.wanted)
        self.task = model.resolve_task(order.task)
        self.whole = self._whole()
        self.base = self._base()
        self.frames = order.folder / f"{self.base}.frames"
        self.shows_before = order.context and model.paints and model.capabilities.max_images >= PAIR
        self.damaged = 0
        self.cost_usd: float | None = None

    # ---- names

    def _whole(self) -> str:
        order, model = self.order, self.model
        who = [model.identity.to_json(), dict(model.calibration), __version__]
        put = [self.task.prompt(order.options.style), self.task.code, vars(order.options)]
        how = [vars(order.wanted), order.steady, order.paintings, order.context]
        return digest([content_hash(order.clip), put, who, how])

    def _base(self) -> str:
        """How all names begin: clip, task and what is asked; another clip that is called so has a hash more."""
        order = self.order
        base = base_of(Job(order.clip.stem, None, order.task, order.options), order.task)
        there = read_summary(self.order.folder / f"{base}.json").get("clip", {}).get("place")
        mine = self._place()
        return base if there in (None, mine) else f"{base}.{mine[:8]}"

    def _place(self) -> str:
        return hashlib.sha256(str(self.order.clip.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def files(self) -> dict[str, Path]:
        """The files of the whole clip by role; the summary comes last and says that all are there."""
        folder, base = self.order.folder, self.base
        films = {"film": folder / f"{base}.mp4"}
        films |= {"paintings": self._paintings} if self.order.paintings else {}
        return {**films, "lines": folder / f"{base}.jsonl", "summary": folder / f"{base}.json"}

    @property
    def _paintings(self) -> Path:
        return self.order.folder / f"{self.base}.paintings.mkv"

    # ---- the whole

    def done(self) -> dict[str, Any] | None:
        """The summary of an earlier run, where it is of this order and all files are there."""
        summary = read_summary(self.files["summary"])
        there = all(path.exists() for path in self.files.values())
        return summary if there and summary.get("whole") == self.whole and not self.order.redo else None

    def make(self) -> dict[str, Any]:
        """Does all of it and gives the summary; a frame that failed is counted, and the others go on.

        PhotoError for a clip that gives no frame, PainterGone, OutputError."""
        self.frames.mkdir(parents=True, exist_ok=True)
        for folder in (self.order.folder, self.frames, self.frames / "raw"):
            sweep(folder)
        asked = self.ask()
        if not asked.answers:
            raise asked.errors[0]
        for older in (self.files["summary"], self._paintings):  # of another order of this clip
            older.unlink(missing_ok=True)
        return self.write(asked)

    # ---- the first time

    def ask(self) -> Asked:
        """Asks about every frame that has no answer yet; measures what there is."""
        asked, tracker = Asked(), Tracker()
        for frame, outcome in self._outcomes():
            if isinstance(outcome.error, PainterGone | OutputError | UsageError):
                raise outcome.error
            if outcome.cost_usd is not None:
                self.cost_usd = (self.cost_usd or 0.0) + outcome.cost_usd
            raw = None if outcome.error is not None else outcome.files["arrays"]
            asked.rows.append(Row(frame.number, frame.seconds, raw, outcome.error))
            if raw is not None:
                answer = from_npz(raw)
                asked.gauge.add(answer, tracker.step(frame.pixels))
                asked.extent.add(answer)
            self.did()
        self.damaged = self.clip.damaged
        return asked

    def _outcomes(self) -> Iterator[tuple[Frame, Outcome]]:
        files = {self.task.name: ("painting",) if self.order.paintings else ()}
        store = Store(self.frames / "raw", self.model, files=files, redo=self.order.redo)
        if self.shows_before:
            yield from self._one_by_one(store)
            return
        waiting: list[Frame] = []

        def jobs() -> Iterator[Job]:
            for frame in self.clip.frames():
                waiting.append(frame)
                yield self._job(frame)

        for outcome in stream(jobs(), self.model, store=store):
            yield waiting.pop(0), outcome

    def _one_by_one(self, store: Store) -> Iterator[tuple[Frame, Outcome]]:
        """Each frame after the one before, which is shown with its answer."""
        context = Context()
        for frame in self.clip.frames():
            outcome = next(stream([self._job(frame, context)], self.model, store=store))
            context = Context() if outcome.error is not None else self._shown(frame, outcome)
            yield frame, outcome

    def _shown(self, frame: Frame, outcome: Outcome) -> Context:
        try:
            return Context(paired(self.task, [(frame.pixels, from_npz(outcome.files["arrays"]))]))
        except TruthError:  # an answer that cannot be painted again
            return Context()

    def _job(self, frame: Frame, context: Context = ALONE) -> Job:
        return Job(self._stem(frame.number), frame.pixels, self.order.task, self.order.options, context)

    def _stem(self, number: int) -> str:
        return f"{self.order.clip.stem}.{number:06}"

    # ---- the second time

    def write(self, asked: Asked) -> dict[str, Any]:
        """Steadies, draws and writes; the summary last."""
        width = max(LEAST_WIDTH, SMOOTH_S * float(self.clip.fps))
        first = from_npz(asked.answers[0])
        right = corrections(asked.gauge.steps, width) or [Correction()] * len(asked.answers)
        beside = Beside(first.size, self.task.title, self.model.name, asked.extent.scale())
        after, names, lines = Gauge(), set[str](), []
        with ExitStack() as stack:
            films = self._films(stack, beside, first, asked.answers[0])
            for frame, row, answer in self._steadied(asked, right, after):
                films["film"].add(beside.draw(frame.pixels, answer), frame.seconds)
                if "paintings" in films and row.raw is not None:
                    films["paintings"].add(_painting(row.raw), frame.seconds)
                line = self._line(row, answer)
                names.add(str(line.get("arrays")))
                lines.append(line)
                self.did()
        with writing(self.files["lines"]) as there:
            there.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        self._clear(names)
        return self._summed(asked, after, first, width)

    def _steadied(
        self, asked: Asked, right: list[Correction], after: Gauge
    ) -> Iterator[tuple[Frame, Row, Prediction | None]]:
        """Every frame with its row and its answer; the arrays are written."""
        tracker, corrected = Tracker(), iter(right)
        filters: dict[type[Prediction], Filter] = {}
        for frame, row in zip(self.clip.frames(), asked.rows, strict=True):
            if row.raw is None:
                yield frame, row, None
                continue
            answer, motion, correction = from_npz(row.raw), tracker.step(frame.pixels), next(corrected)
            if self.order.steady:
                steady = filters.setdefault(type(answer), FILTERS[type(answer)]())
                origin = {**answer.origin, "steadied": True}
                answer = replace(steady.step(answer, motion, correction), origin=origin)
            after.add(answer, motion)
            answer.to_npz(self.frames / row.raw.name)
            yield frame, row, answer

    def _films(self, stack: ExitStack, beside: Beside, first: Prediction, raw: Path) -> dict[str, Film]:
        about = {"title": f"{self.task.title}, {NOTE}", "comment": f"{NOTE}; {self.model.name}; plantain {__version__}"}
        blank = next(self.clip.frames()).pixels
        height, width = beside.draw(blank, first).shape[:2]
        films = {"film": stack.enter_context(filming(self.files["film"], (width, height), self.clip.fps, about))}
        if self.order.paintings:
            pixels = _painting(raw)
            size, deep = (pixels.shape[1], pixels.shape[0]), pixels.dtype != "uint8"
            place = self.files["paintings"]
            film = filming(place, size, self.clip.fps, about, lossless=True, deep=deep)
            films["paintings"] = stack.enter_context(film)
        return films

    def _line(self, row: Row, answer: Prediction | None) -> dict[str, Any]:
        """What is said of one frame."""
        line: dict[str, Any] = {"frame": row.number, "seconds": round(row.seconds, 6)}
        if answer is None or row.raw is None:
            return line | {"error": str(row.error), "error_type": type(row.error).__name__}
        line |= {"arrays": f"{self.frames.name}/{row.raw.name}", "confidence": number(headline(answer))}
        present = answer.presence or {}
        line |= {"presence": {name: number(chance) for name, chance in present.items()}} if present else {}
        return line | ({"things": things_of(answer)} if isinstance(answer, Instances) else {})

    def _clear(self, names: set[str]) -> None:
        """Arrays of frames that belong to another order of this clip."""
        for path in self.frames.glob("*.npz"):
            if f"{self.frames.name}/{path.name}" not in names:
                path.unlink()

    def _summed(self, asked: Asked, after: Gauge, first: Prediction, width: float) -> dict[str, Any]:
        order = self.order
        clip = {"name": order.clip.name, "place": self._place(), "size": list(first.size), "fps": number(self.clip.fps)}
        summary = {
            "clip": clip | {"every": order.wanted.every, "first": asked.rows[0].number, "last": asked.rows[-1].number},
            "task": self.task.name,
            "model": self.model.name,
            "frames": len(asked.rows),
            "failed": len(asked.errors),
            "damaged": self.damaged,
            "steadied": order.steady,
            "shown_before": self.shows_before,
            "unit": after.unit,
            "before": asked.gauge.report(width),
            "after": after.report(width),
            "files": {role: path.name for role, path in self.files.items()} | {"frames": self.frames.name},
            "whole": self.whole,
        }
        told = sealed(summary, self._record())
        with writing(self.files["summary"]) as beside:
            beside.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return told

    def _record(self) -> dict[str, Any]:
        """Who made it and how."""
        options = self.order.options
        who = {"model": self.model.name, "identity": self.model.identity.to_json()}
        asked = {"prompt": self.task.prompt(options.style), "seed": options.seed, "code": self.task.code_id}
        return {"task": self.task.name, **who, **asked, "version": __version__, "note": NOTE}


def things_of(answer: Instances) -> list[dict[str, Any]]:
    """Things with the numbers that they keep."""
    tracks = answer.tracks if answer.tracks is not None else range(1, len(answer) + 1)
    rows = zip(tracks, answer.labels, answer.scores, answer.boxes, strict=True)
    return [
        {"id": int(i), "class": answer.classes[label], "score": number(score), "box": [round(float(v), 2) for v in box]}
        for i, label, score, box in rows
    ]


def read_summary(path: Path) -> dict[str, Any]:
    """A summary; {} for none, and for a file of somebody else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("clip"), dict) else {}


def _painting(raw: Path) -> Any:
    """The pixels that were painted for a frame, of 8 or 16 bits."""
    made = Painting.load(raw.with_suffix(".png"))
    if made.pixels.dtype == "uint8":
        return made.pixels
    return (made.pixels * 65535 + 0.5).astype("uint16")

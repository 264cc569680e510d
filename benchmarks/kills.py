"""Kills `plantain` (SIGKILL, its whole process group) at random moments, looks at what it left, and lets it go on.

    python benchmarks/kills.py [--kills 20] [--photos 60] [--only predict] [--seed 0] [--data DATA]

predict: two questions about photos cut from the bundled ones, with COCO, panoptics and depth PNGs, into one folder.
bench: two benchmarks: of the excerpt folder with DATA, else of a folder in DIODE's form whose depth is made up. Each is
killed so many times by the clock, anywhere between its start and its end, and as many times before a random one of all
that it does to files (creating, renaming, removing); each time the same command then goes on in the same folder, at
last to its end. Exit code 1 where a file is half-written, what was complete is lost, changed or painted again, anything
is left over, or the end is unlike that of a run that nobody killed.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import plantain
from plantain.models.painters.embedded import Embedded
from plantain.models.painting import Painting

SAMPLES = Path(plantain.__file__).parent / "samples"
PREDICT = {"segment person, cat, cup, table": "coco,panoptic", "metric depth": "mm,kitti"}
ENDINGS = {  # of the files of a complete answer, by task
    "semantic": (".png", ".overlay.png", ".coco.json", ".panoptic.png", ".panoptic.json", ".npz"),
    "metric-depth": (".png", ".overlay.png", ".mm.png", ".kitti.png", ".npz"),
}
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR
TIMES = {"run.json": ("started",), "rows.jsonl": ("seconds",)}  # what differs between equal runs


# ---- in the process that is killed: the model `logged`


def key(prompt: str, pixels: np.ndarray) -> str:
    """What a painting is told apart by."""
    return hashlib.sha256(prompt.encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


class Logged(Embedded):
    """The embedded generator, which writes down what it paints and what it does to files, and dies where it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.log, self.last = os.environ["KILLS_LOG"], int(os.environ.get("KILLS_AT", 0))
        self.operations = itertools.count(1)
        self._note("loaded", time.monotonic())
        sys.addaudithook(self._watch)
        atexit.register(lambda: self._note("operations", next(self.operations) - 1))

    def _watch(self, event: str, given: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(given[2], int) and given[2] & WRITING and str(given[0]) != self.log
        if (opened or event in CHANGES) and next(self.operations) == self.last:
            os.killpg(0, signal.SIGKILL)

    def _note(self, what: str, value: object) -> None:
        with open(self.log, "a") as file:
            file.write(f"{what} {value}\n")

    def paint(self, requests: Sequence[Any]) -> list[Any]:
        made = super().paint(requests)
        for request, one in zip(requests, made, strict=True):
            self._note("painted", key(request.prompt, one.pixels) if isinstance(one, Painting) else one)
        return made


# ---- what is run


@dataclass(frozen=True)
class Work:
    """Commands that answer into one folder (their -o), and what of a folder must stay as it is: the files of complete
    answers."""

    name: str
    commands: Sequence[Sequence[str]]
    complete: Callable[[Path], list[Path]]


def predict_work(photos: Path) -> Work:
    """Both questions of PREDICT about a folder of photos."""
    words = [sys.executable, "-m", "plantain", str(photos)]
    asked = [[*words, question, "--model", "logged", "--format", form] for question, form in PREDICT.items()]
    return Work("predict", asked, answered)


def answered(out: Path) -> list[Path]:
    """All files of the answers whose .npz is there: it is written last."""
    bases = [path.with_suffix("") for path in visible(out) if path.suffix == ".npz"]
    return [base.with_name(base.name + ending) for base in bases for ending in ENDINGS[base.name.split(".")[1]]]


def bench_work(data: Path, benchmarks: Sequence[str], limit: int) -> Work:
    """Two benchmarks, one after the other."""
    words = [sys.executable, "-m", "plantain", "bench", "run", *benchmarks, "--model", "logged"]
    return Work("bench", [[*words, "--data", str(data), "--limit", str(limit)]], finished)


def finished(out: Path) -> list[Path]:
    """What was asked, kept paintings, and the lines of pictures."""
    return [path for path in visible(out) if path.name in TIMES or "paintings" in path.parts]


def cut_photos(folder: Path, count: int, ending: str = ".jpg") -> list[Path]:
    """Photos cut from the bundled ones, all unlike, of a few shapes."""
    folder.mkdir(parents=True)
    made, rng = [], np.random.default_rng(0)
    for number, sample in zip(range(count), itertools.cycle(sorted(SAMPLES.glob("*.jpg"))), strict=False):
        with Image.open(sample) as whole:
            width, height = [(200, 150), (150, 200), (220, 140)][number // 3 % 3]
            left, top = (int(rng.integers(0, room + 1)) for room in (whole.width - width, whole.height - height))
            made.append(folder / f"{number:03d}{ending}")
            whole.convert("RGB").crop((left, top, left + width, top + height)).save(made[-1])
    return made


def made_up_diode(root: Path, count: int) -> Path:
    """A folder in DIODE's form: what is brighter is nearer, by no law of nature."""
    for photo in cut_photos(root / "val/indoors/scene_00001/scan_00001", count, ".png"):
        gray = np.asarray(Image.open(photo).convert("L"), np.float32)
        np.save(photo.with_name(f"{photo.stem}_depth.npy"), 1 + 9 * (1 - gray[..., None] / 255))
        np.save(photo.with_name(f"{photo.stem}_depth_mask.npy"), np.ones_like(gray))
    return root


# ---- what lies in a folder


def visible(folder: Path) -> list[Path]:
    """All files but hidden ones and those in hidden folders: these are the writer's own business."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def whole_lines(raw: bytes) -> bytes:
    """JSON lines without the last where it is cut."""
    return raw[: raw.rfind(b"\n") + 1]


def fault_of(path: Path) -> str:
    """Why a file cannot be read to its last byte; "" where it can. A last JSON line that is cut is no fault."""
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return "" if [arrays[name] for name in arrays.files] else f"{path.name} is empty"
        if path.suffix in (".json", ".jsonl"):
            raw = path.read_bytes()
            for document in [raw] if path.suffix == ".json" else whole_lines(raw).splitlines():
                json.loads(document)
        else:
            with Image.open(path) as image:
                image.load()
    except Exception as error:  # each way of failing means the same
        return f"{path.name} is not whole: {type(error).__name__}: {error}"
    return ""


def content(path: Path) -> Any:
    """What two runs must agree in: bytes, arrays, or JSON without times."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: (arrays[name].dtype.str, arrays[name].shape, arrays[name].tobytes()) for name in arrays.files}
    if path.name not in TIMES:
        return path.read_bytes()
    text = path.read_text()
    rows = map(json.loads, text.splitlines() if path.suffix == ".jsonl" else [text])
    return [{name: value for name, value in row.items() if name not in TIMES[path.name]} for row in rows]


def unlike(out: Path, unbroken: Path) -> list[str]:
    """The files in which two folders differ."""
    mine, wanted = ({path.relative_to(root): path for path in visible(root)} for root in (out, unbroken))
    wrong = [f"{name} is in one of two folders" for name in mine.keys() ^ wanted.keys()]
    both = sorted(mine.keys() & wanted.keys())
    return wrong + [str(name) for name in both if content(mine[name]) != content(wanted[name])]


# ---- killing


class Trial:
    """A folder in which some work is done, begun again as often as it is killed."""

    def __init__(self, work: Work, home: Path) -> None:
        self.work, self.home, self.out, self.log = work, home, home / "out", home / "log.txt"
        self.kept = dict[Path, bytes]()  # the files of complete answers, as they were at the last look
        self.wrong, self.counts = list[str](), Counter[str]()
        home.mkdir()
        self.log.touch()

    def notes(self, what: str) -> list[str]:
        """What the model wrote down."""
        return [line.split(" ", 1)[1] for line in self.log.read_text().splitlines() if line.startswith(f"{what} ")]

    @property
    def operations(self) -> int:
        """What was done to files by processes that came to their end."""
        return sum(map(int, self.notes("operations")))

    def go(self, seconds: float | None = None, operations: int | None = None) -> bool:
        """Runs the commands to their end (True), or kills them after so many seconds or operations; then looks."""
        before, painted, done = self.paintings(), len(self.notes("painted")), self.operations
        end = None if seconds is None else time.monotonic() + seconds
        lines = self.home / "lines.jsonl"
        lines.unlink(missing_ok=True)
        for command in self.work.commands:
            at = 0 if operations is None else max(1, operations - (self.operations - done))
            ended = self._run(command, lines, end, at)
            if not ended:
                break
        self._count("painted twice", [key for key in self.notes("painted")[painted:] if key in before])
        self._look(lines)
        return ended

    def _run(self, command: Sequence[str], lines: Path, end: float | None, at: int) -> bool:
        """One command; False where it was killed."""
        known = {"KILLS_LOG": str(self.log), "KILLS_AT": str(at), "XDG_CACHE_HOME": str(self.home / "cache")}
        with lines.open("ab") as out, tempfile.TemporaryFile() as errors:
            child = subprocess.Popen([*command, "-o", str(self.out)], stdout=out, stderr=errors,
                                     env=os.environ | known, start_new_session=True)  # fmt: skip
            try:
                code = child.wait(None if end is None else max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                code = child.wait()
            if code not in (0, -signal.SIGKILL):
                errors.seek(0)
                self._count("failed", [f"exit code {code}: {errors.read().decode()[-300:]}"])
        return code == 0

    def _count(self, what: str, names: Sequence[object]) -> None:
        """Something that is wrong."""
        self.counts[what] += len(names)
        self.wrong += [f"{what}: {name}" for name in names]

    def paintings(self) -> set[str]:
        """The paintings of complete answers, by their keys."""
        made = [Painting.load(path) for path in self.work.complete(self.out) if path.suffix == ".png" and path.exists()]
        return {key(one.prompt, one.pixels) for one in made if one.prompt}

    def _look(self, lines: Path) -> None:
        """Whether every visible file is whole, and what was complete is as it was."""
        there, complete = visible(self.out), self.work.complete(self.out)
        told = [json.loads(line) for line in whole_lines(lines.read_bytes()).splitlines()]
        said = [path for line in told for role in ("arrays", "painting", "overlay") if (path := line.get(role))]
        self._count("not whole", [fault for path in there if (fault := fault_of(path))])
        self._count("missing", [path for path in complete if path not in there])
        self._count("said to be there", [path for path in said if not Path(path).exists()])
        now = {path: path.read_bytes() for path in complete if path in there}
        as_it_was = {path: now.get(path, b"")[: len(raw) if path.suffix == ".jsonl" else None]  # lines are added
                     for path, raw in self.kept.items()}  # fmt: skip
        self._count("lost or changed", [path for path, raw in self.kept.items() if as_it_was[path] != raw])
        self.kept = {path: whole_lines(raw) if path.suffix == ".jsonl" else raw for path, raw in now.items()}

    def hidden(self) -> list[Path]:
        """Hidden files and folders of writers, and what is beside the remembered hashes of weights."""
        beside = [path for path in self.home.glob("cache/plantain/*") if path.name != "hashes.json"]
        return [path for path in self.out.rglob("*") if path.name.startswith(".")] + beside

    def end(self, unbroken: Trial) -> None:
        """Goes on to the end, compares, and goes on once more, when there is nothing to do."""
        if not self.go():
            self._count("not gone on", [self.work.name])
            return
        self._count("left over", self.hidden())
        self._count("unlike the unbroken run's", unlike(self.out, unbroken.out))
        before = self.notes("painted"), self.kept
        self.go()
        self._count("done again", [self.work.name] if (self.notes("painted"), self.kept) != before else [])


@dataclass(frozen=True)
class Unbroken:
    """The run that nobody kills: how long it takes, until the model is loaded and in all, and what it does."""

    trial: Trial
    start_s: float
    seconds: float
    operations: int
    paintings: int

    @classmethod
    def of(cls, work: Work, home: Path) -> Unbroken:
        trial, start = Trial(work, home), time.monotonic()
        if not trial.go() or trial.wrong:
            sys.exit(f"{work.name} does not come to its end: {trial.wrong}")
        loaded = float(trial.notes("loaded")[0])
        return cls(trial, loaded - start, time.monotonic() - start, trial.operations, len(trial.notes("painted")))


def killed(work: Work, home: Path, unbroken: Unbroken, how: str, kills: int, rng: np.random.Generator) -> Trial:
    """Kills some work at moments drawn so that they are spread over what is left of it, and lets it end."""
    trial = Trial(work, home)
    for number in range(1, 2 * kills + 1):  # one that comes too late, when all is done, is none
        if (to_come := kills - trial.counts["kills"]) == 0:
            break
        left = 1 - len(trial.paintings()) / unbroken.paintings
        share = left * min(1.0, 2 / to_come)
        if how == "clock":
            seconds = float(rng.uniform(0, unbroken.start_s + share * unbroken.seconds + 0.2))
            told, ended = f"after {seconds:.2f} s", trial.go(seconds=seconds)
        else:
            count = int(rng.integers(1, 6 + round(share * unbroken.operations)))
            told, ended = f"before operation {count}", trial.go(operations=count)
        hidden, paintings = len(trial.hidden()), len(trial.paintings())
        trial.counts["kills"] += not ended
        trial.counts["while writing"] += bool(hidden) and not ended
        state = f"{paintings} of {unbroken.paintings} complete, {hidden} hidden, {len(trial.wrong)} wrong"
        print(f"  {number}: {'at its end' if ended else 'killed'} {told}: {state}", flush=True)
    trial.end(unbroken.trial)
    return trial


WRONG = ("not whole", "missing", "said to be there", "lost or changed", "painted twice", "left over",
         "unlike the unbroken run's", "done again", "failed", "not gone on")  # fmt: skip


def report(work: Work, how: str, trial: Trial, unbroken: Unbroken) -> str:
    """One line of figures."""
    extra = len(trial.notes("painted")) - unbroken.paintings
    told = ", ".join(f"{trial.counts[what]} {what}" for what in WRONG if trial.counts[what] or WRONG.index(what) < 8)
    kills = f"{trial.counts['kills']} kills, {trial.counts['while writing']} of them while something was written"
    paintings = f"{unbroken.paintings} paintings wanted, {extra} more for those that were on their way"
    return f"{work.name}, {how}: {kills}; {paintings}; {told}"


@contextmanager
def logged() -> Iterator[None]:
    """The model `logged` is known to every `plantain` that is started: by an entry point, as of any other package."""
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder) / "kills-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kills\nVersion: 1\n")
        (about / "entry_points.txt").write_text("[plantain.models]\nlogged = kills:Logged\n")
        source = Path(plantain.__file__).parents[1]
        places = (folder, Path(__file__).parent, source, os.environ.get("PYTHONPATH", ""))
        before = dict(os.environ)
        os.environ["PYTHONPATH"] = os.pathsep.join(str(place) for place in places if place)
        yield
        os.environ.clear()
        os.environ.update(before)


def works(home: Path, photos: int, data: Path | None) -> list[Work]:
    """What is killed."""
    folder = home / "photos"
    cut_photos(folder, photos)
    if data is not None:
        rows = bench_work(data, ("nyu-excerpt/metric-depth", "camvid-excerpt/classes"), 40)
    else:
        made = made_up_diode(home / "diode", 20)
        rows = bench_work(made, ("diode-indoors/metric-depth", "diode-indoors/relative-depth"), 20)
    return [predict_work(folder), rows]


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--kills", type=int, default=20, help="by the clock, and as many before operations")
    args.add_argument("--photos", type=int, default=60, help="for predict")
    args.add_argument("--only", choices=("predict", "bench"))
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--data", type=Path, help="the excerpt folder")
    given = args.parse_args()
    told, wrong = [], []
    with tempfile.TemporaryDirectory() as folder, logged():
        home = Path(folder)
        for work in works(home, given.photos, given.data):
            if given.only not in (None, work.name):
                continue
            unbroken = Unbroken.of(work, home / work.name)
            print(f"{work.name}: {unbroken.seconds:.1f} s, {unbroken.paintings} paintings, "
                  f"{unbroken.operations} operations on files", flush=True)  # fmt: skip
            for number, how in enumerate(("clock", "operation")):
                rng = np.random.default_rng((given.seed, number))
                trial = killed(work, home / f"{work.name}-{how}", unbroken, how, given.kills, rng)
                told.append(report(work, f"by the {how}", trial, unbroken))
                wrong += trial.wrong
    print(*told, *(f"WRONG: {line}" for line in wrong), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

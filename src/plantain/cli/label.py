"""`plantain label FOLDER --classes classes.txt --format coco -o OUT`: photos labeled for other people's tools."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.batch import BatchArgs, found, shared, work_off
from plantain.cli.options import PaintArgs, Quiet, Whole
from plantain.cli.reporting import duration, emit, exit_code
from plantain.errors import PlantainError, UnknownName, UsageError

if TYPE_CHECKING:
    from plantain.batch.sources import Source
    from plantain.batch.worker import Order
    from plantain.label.corrections import Corrected
    from plantain.label.run import Run
    from plantain.tasks import Task

TASKS = ("segmentation", "masks", "boxes")
Found = dict[str, list[Path] | PlantainError]  # by photo
TOLD = 20  # photos without labels that are named on the terminal


@Parameter(name="*")
@dataclass(frozen=True)
class LabelArgs:
    """What becomes a label."""

    task: str = "segmentation"
    "segmentation (a class a pixel), masks (things one by one), or boxes."
    corrections: Annotated[tuple[Path, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "A folder of corrected labels: they stand, and the rest is learned from them. May be said several times."
    min_presence: float = 0.5
    "A class must be in the photo with at least this probability."
    min_confidence: float = 0.5
    "A label must be at least this sure. What is less sure goes to the review."
    review: Whole = 10
    "How many photos are laid out to be corrected."
    shown: Whole = 100
    "How many photos are on the review sheet, the most doubtful first."

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UnknownName("task", self.task, TASKS)
        if not (0 <= self.min_presence <= 1 and 0 <= self.min_confidence <= 1):
            raise UsageError("--min-presence and --min-confidence lie between 0 and 1")
        if self.review < 0 or self.shown < 0:
            raise UsageError("--review and --shown are at least 0")


def label(
    *folder: Annotated[str, Parameter(name="FOLDER...")],
    classes: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    format: str = "coco",
    what: LabelArgs = LabelArgs(),
    asking: PaintArgs = PaintArgs(),
    how: BatchArgs = BatchArgs(),
    quiet: Quiet = False,
) -> int:
    """Labels photos in the format of a labeling tool; corrections of a few are learned, and the rest labeled again.

    plantain label photos/ --classes classes.txt --format yolo -o labels
    plantain label photos/ --classes classes.txt --format yolo --corrections labels/review/after-0 -o labels

    Parameters
    ----------
    folder
        Photos: folders, patterns, files.
    classes
        A text file with a class a line.
    out
        The folder of the set: photos, labels, review.html, photos.jsonl (what became of every photo).
    format
        coco, yolo, voc, labelme, cvat or fiftyone.
    """
    start = time.monotonic()
    if asking.batch or asking.dry_run or how.column:
        raise UsageError("--batch, --dry-run and --column go with `plantain predict` and `plantain batch`")
    names, photos = read_classes(classes), found_photos(folder, (out, *what.corrections))
    run = answered(photos, names, out, format, what, asking, how, quiet=quiet)
    told = _Told(quiet)
    figures = run.write(told.line, lambda review: again(folder, classes, out, format, what, review))
    if told.count > TOLD:
        told.say(f"and {told.count - TOLD} more photos without labels: {out / 'photos.jsonl'}")
    for place in figures.pop("changed by hand"):
        told.say(f"note: {out / place} was changed by hand and is left so; give it as --corrections")
    notes = figures.pop("notes")
    emit({"out": str(out), "format": format, **figures})
    told.say(f"{notes[0]}; {duration(time.monotonic() - start)}; look at {figures['sheet']}")
    told.say(f"open it: {run.wanted.format.shown_by.replace('OUT', str(out))}")
    return exit_code(len(photos) - len(told.errors), told.errors)


class _Told:
    """What is said of photos that got no label, the first of them by name."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.count, self.errors = quiet, 0, list[PlantainError]()

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def line(self, line: Mapping[str, Any]) -> None:
        from plantain.pipeline.jobs import Outcome

        if error := Outcome.from_json(line).error:
            self.errors.append(error)
        elif not line["labels"] and "doubt" in line:
            self.count += 1
            unsure = [f"not sure of {', '.join(line['unsure'])}"] if line["unsure"] else []
            absent = [f"no {', no '.join(line['not_found'])}"] if line["not_found"] else []
            if self.count <= TOLD:
                self.say(f"{line['image']}: {'; '.join([*unsure, *absent])}")


def again(folder: Sequence[str], classes: Path, out: Path, format: str, what: LabelArgs, review: Path) -> str:
    """The command that learns from what was corrected."""
    words = ["plantain", "label", *folder, "--classes", str(classes), "--format", format]
    words += [] if what.task == TASKS[0] else ["--task", what.task]
    for place in dict.fromkeys([*what.corrections, review]):
        words += ["--corrections", str(place)]
    return shlex.join([*words, "-o", str(out)])


# ---- what is asked, and of which photos


def read_classes(path: Path) -> tuple[str, ...]:
    """The names of a file, a line each; "background" is what is none of them. UsageError for none, and for doubles."""
    from plantain.files import read_text

    try:
        names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(
            f"cannot read the classes in {path}: {error}; wanted is a text file, a class a line"
        ) from error
    names = [name for name in names if name.casefold() != "background"]
    if not names:
        raise UsageError(f"{path} names no class; wanted is a text file, a class a line")
    if twice := [name for i, name in enumerate(names) if name in names[:i]]:
        raise UsageError(f"{path} names {twice[0]!r} twice")
    return tuple(names)


def found_photos(words: Sequence[str], aside: Sequence[Path]) -> dict[str, Source]:
    """The photos by id, but for those in folders of ours that lie among them. UsageError for none."""
    from plantain.batch.sources import is_url, shards

    if not words:
        raise UsageError("name the folder of photos, as in: plantain label photos/ --classes classes.txt -o labels")
    for word in words:
        if is_url(word) or shards(word):
            raise UsageError(f"labels are made of photos in folders, not of {word}; unpack it first")
        if not set("*?[") & set(word) and not Path(word).exists():
            raise UsageError(f"no such folder or photo: {word}")
    homes = [Path(word).resolve() for word in words]
    inner = [one.resolve() for one in aside]
    skipped = [one for one in inner if one not in homes]
    every = found(words, None)
    photos = {one.id: one for one in every if not any(Path(one.url).resolve().is_relative_to(s) for s in skipped)}
    if not photos:
        raise UsageError(f"no photo in {', '.join(words)} beside those in {', '.join(map(str, aside))}")
    return photos


def questions(names: tuple[str, ...], task: str, *, learned: bool) -> list[Task]:
    """What the model is asked: all classes in one question, or a question for each class of things."""
    from plantain.tasks import InstanceSegmentation, ObjectDetection, SemanticSegmentation

    if learned or task == "segmentation":
        return [SemanticSegmentation.of(names)]
    kind = ObjectDetection if task == "boxes" else InstanceSegmentation
    return [kind(name) for name in names]


def answered(
    photos: Mapping[str, Source], names: tuple[str, ...], out: Path, format: str, what: LabelArgs, asking: PaintArgs,
    how: BatchArgs, *, quiet: bool,
) -> Run:  # fmt: skip
    """Asks about all photos that are not corrected."""
    from plantain.label.areas import Limits, supervision
    from plantain.label.corrections import read_all
    from plantain.label.formats import FORMATS
    from plantain.label.run import RECORD, Run, Wanted
    from plantain.label.sets import read_record, require_unchanged

    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    supervision()
    require_unchanged(out, FORMATS[format], read_record(out / RECORD).get("files", {}))
    apart = what.task != "segmentation"
    paths = {id: Path(one.url) for id, one in photos.items()}
    corrected = read_all(what.corrections, paths, names, FORMATS[format], apart=apart)
    tasks = questions(names, what.task, learned=bool(corrected))
    orders = [order_of(task, names, out, asking, how) for task in tasks]
    if corrected:
        orders = [taught(orders[0], paths, corrected, names, asking, quiet=quiet)]
    sources = [one for id, one in photos.items() if id not in corrected]
    answers: Found = {one.id: [] for one in sources}
    for order in orders:
        collect(order, sources, how, answers, quiet=quiet)
    limits = Limits(what.min_presence, what.min_confidence)
    by = "examples" if corrected else "words"
    wanted = Wanted(FORMATS[format], names, limits, what.task == "boxes", apart, by, what.review, what.shown)
    return Run(out, wanted, paths, answers, corrected)


def order_of(task: Task, names: Sequence[str], out: Path, asking: PaintArgs, how: BatchArgs) -> Order:
    """A batch below the folder of labels, in a place that is its question's own."""
    from plantain.batch.worker import Order
    from plantain.models.identity import digest

    given = shared(asking.model, asking.given, how.workers)
    options = asking.options()
    place = out / "answers" / digest([task, options, asking.model, asking.given])[:12]
    return Order(task, place, asking.model, given, options, files=())


def collect(order: Order, sources: Sequence[Source], how: BatchArgs, answers: Found, *, quiet: bool) -> None:
    """Works off a batch, and notes the arrays of every photo, or what went wrong with it."""
    from plantain.batch.book import Book
    from plantain.pipeline.jobs import Outcome

    with Book(order, again=how.retry_failed) as book:
        work_off(order, sources, how, book, quiet=quiet)
    with (order.folder / "rows.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            before = answers.get(line["id"])
            if isinstance(before, list) and (error := Outcome.from_json(line).error):
                answers[line["id"]] = error
            elif isinstance(before, list):
                before.append(order.folder / line["arrays"])


def taught(
    order: Order, photos: Mapping[str, Path], corrected: Mapping[str, Corrected], names: Sequence[str],
    asking: PaintArgs, *, quiet: bool,
) -> Order:  # fmt: skip
    """The batch that knows what was corrected: the embedded generator learns it, others see it with each photo."""
    from plantain.models.identity import digest
    from plantain.pipeline.examples import paired, report
    from plantain.pipeline.jobs import Context

    pairs = paired(order.task, [(photos[id], own.truth(names)) for id, own in corrected.items()])
    folder = order.folder.parent / digest([order.folder.name, pairs])[:12]
    if asking.model != "embedded":
        return replace(order, folder=folder, context=Context(pairs))
    from plantain.models.painters import learned
    from plantain.models.painters.embedded import Embedded

    path = folder / "learned.npz"
    if not path.exists():
        encoder = Embedded() if asking.weights is None else Embedded(asking.weights)
        with encoder:
            learned.save(learned.learn(encoder, order.task, pairs).lesson, path)
    if not quiet:
        for line in report(learned.load(path).left_out, len(pairs)):
            print(line, file=sys.stderr, flush=True)
    given = {} if asking.weights is None else {"weights": str(asking.weights)}
    return replace(order, folder=folder, model=str(path), given=given)

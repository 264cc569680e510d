"""What the verbs say: JSON lines on stdout, progress on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from plantain.cli.terminal import print_error
from plantain.errors import OutputError, PainterError, PainterGone, PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.pipeline.jobs import Outcome

EVERY_S = 10.0  # between plain lines of progress


def emit(record: Mapping[str, Any]) -> None:
    """One JSON line on stdout, in letters that stdout can write."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        line = json.dumps(record)
    print(line, flush=True)


def exit_code(answered: int, errors: list[PlantainError]) -> int:
    """0: nothing failed. 2: every photo was bad input, or the painter cannot be asked at all (its service is down, its
    budget is spent). 1: others went on, or a painter failed.

    >>> exit_code(3, []), exit_code(3, [PlantainError()]), exit_code(0, [PlantainError()])
    (0, 1, 2)
    >>> exit_code(0, [PainterGone()]), exit_code(3, [PainterGone()]), exit_code(0, [PainterError()])
    (2, 1, 1)
    """
    if not errors:
        return 0
    failed = any(isinstance(error, PainterError) and not isinstance(error, PainterGone) for error in errors)
    return 1 if answered or failed else 2


class Progress:
    """How far a loop over many photos is: this one says nothing."""

    def step(self) -> None:
        """One more is done."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A moment in which other lines may be written to the terminal."""
        yield


class Plain(Progress):
    """A line now and then, for logs."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0
        self.start = self.said = time.monotonic()

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.said >= EVERY_S and self.done < self.total:
            self.said = now
            rate = self.done / (now - self.start)
            left = duration((self.total - self.done) / rate)
            line = f"{self.done} of {self.total} {self.what}, {rate:.2g} a second, {left} left"
            print(line, file=sys.stderr, flush=True)


class Bar(Progress):
    """A live bar of rich, taken away while lines are written to the same terminal."""

    def __init__(self, bar: Any, task: Any) -> None:
        self.bar, self.task = bar, task

    def step(self) -> None:
        self.bar.advance(self.task)

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.bar.stop()
        yield
        self.bar.start()


@contextmanager
def progress(total: int, what: str, *, quiet: bool) -> Iterator[Progress]:
    """A bar with rate and time left on a terminal; plain lines elsewhere; nothing for one photo, or when quiet."""
    if quiet or total < 2:
        yield Progress()
        return
    if not sys.stderr.isatty():
        yield Plain(total, what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.2g} a second" if task.speed else "")

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        yield Bar(bar, bar.add_task(what, total=total))


@contextmanager
def notes(*, quiet: bool) -> Iterator[None]:
    """What models have to say on stderr (licenses, keys of adapters) is left out when quiet."""
    log = logging.getLogger("plantain")
    before = log.level
    log.setLevel(logging.ERROR if quiet else before)
    try:
        yield
    finally:
        log.setLevel(before)


def duration(seconds: float) -> str:
    """Time for people.

    >>> duration(42.4), duration(200), duration(9000)
    ('42 s', '3 min 20 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def run_jobs(
    outcomes: Iterable[Outcome],
    total: int,
    what: str,
    *,
    quiet: bool,
    fatal: tuple[type[PlantainError], ...] = (OutputError, UsageError),
    more: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Says what becomes of every job, a JSON line each, with `more` at its end; gives the exit code.

    A failure is one line on stderr too and the others go on, but a `fatal` one ends the run: the next would meet it
    as well."""
    start, counts, errors = time.monotonic(), Counter[str](), list[PlantainError]()
    with progress(total, what, quiet=quiet) as bar, notes(quiet=quiet):
        for outcome in outcomes:
            with bar.aside():
                emit({**outcome.to_json(), **more})
                if outcome.error is not None:
                    if not (errors and isinstance(outcome.error, PainterGone) and isinstance(errors[-1], PainterGone)):
                        print_error(outcome.error, outcome.image)  # what ends a painter is said once
                    errors.append(outcome.error)
            counts["failed" if outcome.error else "already there" if outcome.skipped else "done"] += 1
            if isinstance(outcome.error, fatal):
                break
            bar.step()
    if not quiet:
        ordered = {state: counts[state] for state in ("done", "already there", "failed")}
        summary(what, ordered, time.monotonic() - start)
    return exit_code(counts["done"] + counts["already there"], errors)


def summary(what: str, counts: Mapping[str, int], seconds: float) -> None:
    """The last line for people: how many were answered, left alone and refused, and how long one took."""
    total = sum(counts.values())
    if total < 2:
        return
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    each = f", {seconds / counts['done']:.2f} s each" if counts["done"] else ""
    print(f"{total} {what}: {told}; {duration(seconds)}{each}", file=sys.stderr, flush=True)

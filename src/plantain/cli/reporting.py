"""What the verbs say: JSON lines on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plantain.cli import complain
from plantain.errors import OutputError, PainterError, PlantainError, UsageError

RESULT = ("image", "task", "prompt", "model", "painting", "arrays", "overlay", "confidence", "presence", "seconds")
EVERY_S = 10.0  # between plain lines of progress


def result(**known: Any) -> dict[str, Any]:
    """A result's record: all keys of RESULT in order (None where there is nothing to say), then any others."""
    return {key: _plain(known.pop(key, None)) for key in RESULT} | {key: _plain(value) for key, value in known.items()}


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


def emit(record: Mapping[str, Any]) -> None:
    """One JSON line on stdout, in letters that stdout can write."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        line = json.dumps(record)
    print(line, flush=True)


def exit_code(answered: int, errors: list[PlantainError]) -> int:
    """0: nothing failed. 2: every photo was bad input. 1: others went on, or a painter failed.

    >>> exit_code(3, []), exit_code(3, [PlantainError()]), exit_code(0, [PlantainError()])
    (0, 1, 2)
    """
    if not errors:
        return 0
    return 1 if answered or any(isinstance(error, PainterError) for error in errors) else 2


class Progress(Protocol):
    """How far a loop over many photos is."""

    def step(self) -> None:
        """One more is done."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A moment in which other lines may be written to the terminal."""


class Silent:
    def step(self) -> None: ...

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield


class Plain(Silent):
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
            print(
                f"{self.done} of {self.total} {self.what}, {rate:.2g} a second, {left} left",
                file=sys.stderr,
                flush=True,
            )


class Bar(Silent):
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
        yield Silent()
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


def duration(seconds: float) -> str:
    """Time for people.

    >>> duration(42.4), duration(200), duration(9000)
    ('42 s', '3 min 20 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def relay(
    old: Sequence[Mapping[str, Any]],
    work: Iterable[tuple[Path, Callable[[], Mapping[str, Any]]]],
    total: int,
    what: str,
    *,
    quiet: bool,
    fatal: tuple[type[PlantainError], ...] = (OutputError, UsageError),
) -> int:
    """Says the records that are there already, then does the rest one by one; gives the exit code.

    A failure is one line on stderr and the others go on, but a `fatal` one ends the run: the next would meet it too."""
    start, done, errors = time.monotonic(), 0, list[PlantainError]()
    for record in old:
        emit(record)
    with progress(total, what, quiet=quiet) as bar:
        for path, do in work:
            try:
                record = do()
                with bar.aside():
                    emit(record)
                done += 1
            except PlantainError as error:
                errors.append(error)
                with bar.aside():
                    complain(error if str(path) in str(error) else f"{path}: {error}")
                if isinstance(error, fatal):
                    break
            bar.step()
    seconds = time.monotonic() - start
    if not quiet:
        summary(what, {"done": done, "already there": len(old), "failed": len(errors)}, seconds)
    return exit_code(done + len(old), errors)


def summary(what: str, counts: Mapping[str, int], seconds: float) -> None:
    """The last line for people: how many were answered, left alone and refused, and how long one took."""
    total = sum(counts.values())
    if total < 2:
        return
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    each = f", {seconds / counts['done']:.2f} s each" if counts["done"] else ""
    print(f"{total} {what}: {told}; {duration(seconds)}{each}", file=sys.stderr, flush=True)

"""`plantain batch INPUT "question" -o runs/x`: a great many pictures, which may lie in shards or stores."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import Output, PredictArgs, Whole
from plantain.cli.photos import find
from plantain.cli.predict import read_task, split
from plantain.cli.reporting import emit, exit_code, progress, summary
from plantain.cli.terminal import print_error
from plantain.errors import PlantainError, UsageError

if TYPE_CHECKING:
    from plantain.batch.book import Book
    from plantain.batch.sources import Source
    from plantain.batch.worker import Order


@Parameter(name="*")
@dataclass(frozen=True)
class BatchArgs:
    """How a batch is worked on."""

    workers: Whole = 1
    "Processes, each with the model."
    ray: str | None = None
    "local, or the address of a Ray cluster whose nodes see the pictures and the folder: --workers actors there."
    retries: Whole = 1
    "How often a picture is tried again that the model failed at."
    patience: float = 600.0
    "Seconds in which a worker must say something; one that does not is replaced."
    column: str | None = None
    "The column of a Parquet table that holds the pictures."
    retry_failed: Annotated[bool, Parameter(negative="", show_default=False)] = False
    "Ask again about pictures that failed in an earlier run into this folder."

    def __post_init__(self) -> None:
        if self.workers < 1 or self.retries < 0 or self.patience <= 0:
            raise UsageError("--workers must be at least 1, --retries at least 0, --patience more than 0")


def batch(
    *words: Annotated[str, Parameter(name="INPUT... TASK")],
    asking: PredictArgs = PredictArgs(),
    how: BatchArgs = BatchArgs(),
    output: Output = Output(),
) -> int:
    """Answers a question about a great many pictures, in worker processes; goes on where it was after any end.

    The folder of answers gets answers/, rows.jsonl (an outcome a picture) and index.parquet. A picture that ends its
    worker twice is recorded as failed and passed over. Standard output gets one JSON line at the end.

    Parameters
    ----------
    words
        Folders, patterns, tar shards, Parquet tables, addresses for fsspec (s3://bucket/photos), and then the question.
        A folder that holds shards is read as shards.
    """
    if asking.examples or asking.plan or asking.batch or asking.dry_run or output.redo or output.files:
        raise UsageError("--examples, --plan, --batch, --dry-run, --redo and --files go with `plantain predict`")
    places, question = split_input(words)
    task, formats = read_task(question, asking.code, quiet=output.quiet), tuple(output.formats)
    from plantain.batch.worker import Order
    from plantain.output.save import check_formats

    check_formats(formats, task.kind.kind, output.camera)
    given = shared(asking.model, asking.given, how.workers)
    order = Order(task, output.folder, asking.model, given, asking.options(), formats, output.camera)
    return run(order, list(found(places, how.column)), how, quiet=output.quiet)


def split_input(words: Sequence[str]) -> tuple[list[str], str]:
    """Places and the question; addresses are no files that must be there."""
    from plantain.batch.sources import is_url

    if len(words) < 2:
        raise UsageError('give pictures and a question, as in: plantain batch photos/ "metric depth" -o runs/x')
    if files := [word for word in words[:-1] if not is_url(word)]:
        split([*files, words[-1]])  # which says what is wrong with them
    return list(words[:-1]), words[-1]


def found(places: Iterable[str], column: str | None) -> Iterator[Source]:
    """The pictures of all places, none twice."""
    from plantain.batch.sources import Source, is_url, shards, sources

    ids: set[str] = set()
    for word in places:
        inside: Iterable[Source]
        if is_url(word) or shards(word):
            inside = sources(word, column)
        else:
            inside = (Source(one.id, str(one.photo)) for one in find([word]) if isinstance(one.photo, Path))
        for one in inside:
            if one.id in ids:
                raise UsageError(f"two pictures would be called {one.id!r}; give their places to runs of their own")
            ids.add(one.id)
            yield one


def shared(model: str, given: dict[str, object], workers: int) -> dict[str, object]:
    """The model's options, with its share of the cores for the embedded generator."""
    from plantain.models.painters.embedded import cores

    if model != "embedded" or workers == 1 or "threads" in given:
        return given
    return given | {"threads": max(1, cores() // workers)}


def run(order: Order, sources: Sequence[Source], how: BatchArgs, *, quiet: bool = False) -> int:
    """Does what is not done yet, and says how it went."""
    from plantain.batch.book import Book

    start = time.monotonic()
    with Book(order, again=how.retry_failed) as book:
        there, failed = len(book.done), book.failed
        work_off(order, sources, how, book, quiet=quiet)
        index = book.index()
        new, bad = len(book.done) - there, book.failed - failed
        counts = {"done": new - bad, "already there": there, "failed": bad}
        emit({"out": str(order.folder), "pictures": len(book.done), **counts, "index": str(index)})
        if not quiet:
            summary("pictures", counts, time.monotonic() - start)
        return exit_code(len(book.done) - book.failed, [PlantainError()] * book.failed)


def work_off(order: Order, sources: Sequence[Source], how: BatchArgs, book: Book, *, quiet: bool) -> None:
    """Asks about the pictures that the book does not have yet."""
    if wanted := [one for one in sources if one.id not in book.done]:
        with closing((on_ray if how.ray else here)(order, wanted, how, book)) as told:
            listen(told, book, len(wanted), quiet=quiet)


Lines = Generator[Mapping[str, Any], None, None]


def here(order: Order, wanted: Sequence[Source], how: BatchArgs, book: Book) -> Lines:
    """The lines of workers of this machine."""
    from plantain.batch.driver import Driver, Patience

    driver = Driver(order, min(how.workers, len(wanted)), Patience(how.retries, how.patience))
    try:
        book.claim(driver.model or {})
        yield from (told.line for told in driver.outcomes(wanted))
    finally:
        driver.close()


def on_ray(order: Order, wanted: Sequence[Source], how: BatchArgs, book: Book) -> Lines:
    """The lines of actors of a cluster."""
    from plantain.batch.cluster import outcomes
    from plantain.batch.driver import Patience

    absolute = replace(order, folder=order.folder.resolve())
    patience = Patience(how.retries, how.patience)
    for line, model in outcomes(absolute, wanted, how.workers, how.ray or "", patience):
        book.claim(model)
        yield line


def listen(lines: Lines, book: Book, total: int, *, quiet: bool) -> None:
    """Writes what becomes of the pictures into the book."""
    with progress(total, "pictures", quiet=quiet) as bar:
        for line in lines:
            book.add(line)
            if "error" in line:
                with bar.aside():
                    print_error(line["error"], line["image"])
            bar.step()

"""The one loop over many jobs, which command line, benchmarks and everything else share.

Three stages that overlap, each in threads of its own: reading, asking the model, and decoding and writing. What is read
waits in buckets of requests that may go to the model in one call. Outcomes come in the order of the jobs; a bad job is
one outcome with an error, and the others go on. A server, whose jobs come one by one from many clients, keeps the
stages themselves open (`Stages`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from plantain.errors import OutputError, PainterGone, PlantainError
from plantain.models.painting import Painting
from plantain.pipeline.jobs import Job, Outcome
from plantain.pipeline.predictor import Predictor
from plantain.pipeline.prepare import Prepared
from plantain.pipeline.store import AnswerKey, Store

WRITERS = 2  # threads that decode and write
PATIENCE_S = 30.0  # for a painter that is still busy when nobody waits for its painting any more


def stream(
    jobs: Iterable[Job], model: Predictor, batch: int | None = None, *, store: Store | None = None
) -> Iterator[Outcome]:
    """One outcome a job, in order.

    `batch`: requests that go to the model in one call at most; its own number when not said, and never more than that.
    `store`: answers that lie there already are not asked for again, new ones are written there. A job's photo may be a
    function without arguments, which is called when the job is read. Memory is bounded by a few batches. After
    PainterGone the remaining jobs fail at once; after OutputError nothing more is written."""
    stages, output = Stages(model, batch), None if store is None else Output(store)
    source = iter(jobs)
    waiting: deque[Item] = deque()
    try:
        while True:
            while len(waiting) < stages.window and (job := next(source, None)) is not None:
                waiting.append(stages.put(job, output))
            if not waiting:
                return
            yield waiting.popleft().wait()
    finally:
        stages.close()


@dataclass(eq=False)
class Output:
    """Where the answers of some jobs go. `broken`: why nothing more can be written there."""

    store: Store
    broken: PlantainError | None = None


class Item:
    """A job on its way through the stages. `then` is called once, by the thread that ends it."""

    def __init__(self, job: Job, output: Output | None = None, then: Callable[[Item], None] | None = None) -> None:
        self.job, self.output, self.then, self.seconds = job, output, then, 0.0
        self.cost_usd: float | None = None
        self.prepared: Prepared | None = None
        self.key: AnswerKey | None = None
        self.painted: list[Any] = []
        self.missing = 0
        self._outcome: Outcome | None = None
        self._crash: BaseException | None = None
        self._done, self._once = threading.Event(), threading.Lock()

    @property
    def ended(self) -> bool:
        return self._done.is_set()

    def end(self, outcome: Outcome | BaseException) -> None:
        """An outcome, or what must be raised where somebody waits (Ctrl-C). Only the first end counts."""
        with self._once:
            if self.ended:
                return
            if isinstance(outcome, Outcome):
                self._outcome = outcome
            else:
                self._crash = outcome
            self._done.set()
        if self.then is not None:
            self.then(self)

    def fail(self, error: BaseException) -> None:
        """An error of this job alone; anything that is no error of Plantain is told as one."""
        if isinstance(error, Exception) and not isinstance(error, PlantainError):
            told = PlantainError(f"{type(error).__name__}: {error}; this is a fault of Plantain: please report it")
            told.__cause__ = error
            error = told
        if isinstance(error, PlantainError):
            self.end(Outcome(self.job, None, error, self.seconds, cost_usd=self.cost_usd))
        else:
            self.end(error)

    def wait(self) -> Outcome:
        """The outcome, once there is one."""
        self._done.wait()
        if self._crash is not None:
            raise self._crash
        assert self._outcome is not None
        return self._outcome


@dataclass(frozen=True, eq=False)
class _Asked:
    """A request on its way to the model: the place-th of its item."""

    item: Item
    place: int
    request: Any
    bucket: Hashable


class _Buckets:
    """Requests that wait for the model. A bucket is given out when it is full, or when nothing more is being read."""

    def __init__(self, full: int) -> None:
        self.full, self.reading, self.closed = full, 0, False
        self.entries: list[_Asked] = []
        self.change = threading.Condition()

    def expect(self) -> None:
        """One more job is going to be read."""
        with self.change:
            self.reading += 1

    def put(self, asked: list[_Asked]) -> None:
        """The requests of a job that was read; none for one that needs none."""
        with self.change:
            self.reading -= 1
            self.entries += [entry for entry in asked if not entry.item.ended]
            self.change.notify_all()

    def drop(self, item: Item) -> None:
        """Takes out what waits of a job that nobody wants any more."""
        with self.change:
            self.entries = [entry for entry in self.entries if entry.item is not item]

    def take(self) -> list[_Asked]:
        """The requests of one call; [] when all is over."""
        with self.change:
            while not self.closed:
                if group := self._ready():
                    self.entries = [entry for entry in self.entries if entry not in group]
                    return group
                self.change.wait()
            return []

    def _ready(self) -> list[_Asked]:
        buckets: dict[Hashable, list[_Asked]] = {}
        for entry in self.entries:
            buckets.setdefault(entry.bucket, []).append(entry)
        full = (group for group in buckets.values() if len(group) >= self.full or not self.reading)
        return next(full, [])[: self.full]

    def close(self) -> None:
        with self.change:
            self.closed = True
            self.change.notify_all()


def _unheard(count: int, seconds: float) -> None:
    """Nobody wants to know how many requests a call had."""


class Stages:
    """The threads, and what flows between them, until `close`. Not bounded: who puts jobs in bounds them (`window`
    keeps the model busy). `heard` is told of every call how many requests it had, and its seconds."""

    def __init__(
        self, model: Predictor, batch: int | None = None, *, heard: Callable[[int, float], None] = _unheard
    ) -> None:
        able = model.capabilities
        self.model, self.mixed, self.heard = model, able.mixed_batch, heard
        full = max(1, able.batch if batch is None else min(batch, able.batch))
        self.window = (3 if full > 1 else 2) * full * able.concurrency + 2
        self.buckets = _Buckets(full)
        self.to_read: SimpleQueue[Item | None] = SimpleQueue()
        self.to_write: SimpleQueue[Item | None] = SimpleQueue()
        self.gone: PlantainError | None = None
        self.closed = False
        self.last: tuple[Any, Any] | None = None  # the photo that was read last, and its pixels, for the next question
        self.painters = [self._thread(self._paint_all, "paint") for _ in range(able.concurrency)]
        self.others = [self._thread(self._read_all, "read")]
        self.others += [self._thread(self._write_all, "write") for _ in range(WRITERS)]

    def _thread(self, work: Any, name: str) -> threading.Thread:
        thread = threading.Thread(target=work, name=f"plantain-{name}", daemon=True)
        thread.start()
        return thread

    def put(self, job: Job, output: Output | None = None, then: Callable[[Item], None] | None = None) -> Item:
        """Begins a job. Its outcome: `Item.wait`, or `then`, which must be quick."""
        item = Item(job, output, then)
        self.buckets.expect()
        self.to_read.put(item)
        return item

    def drop(self, item: Item, why: PlantainError) -> None:
        """Ends a job that nobody wants any more; what has not gone to the model of it will not go there."""
        item.fail(why)
        self.buckets.drop(item)

    def close(self) -> None:
        """Ends all threads; what was not begun is left undone."""
        self.closed = True
        self.buckets.close()
        self.to_read.put(None)
        for _ in range(WRITERS):
            self.to_write.put(None)
        until = time.monotonic() + PATIENCE_S
        for thread in (*self.others, *self.painters):
            thread.join(max(0.0, until - time.monotonic()))

    # ---- reading

    def _read_all(self) -> None:
        while (item := self.to_read.get()) is not None:
            asked: list[_Asked] = []
            try:
                if not self.closed and not item.ended:
                    asked = self._read(item)
            except BaseException as error:
                item.fail(error)
            self.buckets.put(asked)

    def _read(self, item: Item) -> list[_Asked]:
        start = time.perf_counter()
        if callable(item.job.photo):
            item.job = replace(item.job, photo=item.job.photo())
        kept_in = item.output.store if item.output is not None and item.output.store.keeps(item.job) else None
        if kept_in is not None and (old := self._kept(item, kept_in)) is not None:
            item.end(old)
            return []
        if self.gone is not None:
            raise PainterGone(f"not asked: {self.gone}")
        known = self.last[1] if self.last is not None and self.last[0] is item.job.photo else None
        item.prepared = self.model.prepare(replace(item.job, pixels=known))
        self.last = item.job.photo, item.prepared.pixels
        requests = item.prepared.requests
        item.painted, item.missing = [None] * len(requests), len(requests)
        item.seconds += time.perf_counter() - start
        if not requests:
            self.to_write.put(item)
        return [_Asked(item, place, request, self._bucket(item, request)) for place, request in enumerate(requests)]

    def _kept(self, item: Item, store: Store) -> Outcome | None:
        """The answer that is there already."""
        try:
            item.key = store.key(item.job)
        except OSError:  # whoever reads the photo says what is wrong
            return None
        return store.find(item.job, item.key)

    def _bucket(self, item: Item, request: Any) -> Hashable:
        return self.model.bucket(request), None if self.mixed else id(item)

    # ---- asking the model

    def _paint_all(self) -> None:
        while group := self.buckets.take():
            start = time.perf_counter()
            made = self._paint([entry.request for entry in group])
            each = (time.perf_counter() - start) / len(group)
            self.heard(len(group), each * len(group))
            for entry, one in zip(group, made, strict=True):
                self._painted(entry, one, each)

    def _paint(self, requests: list[Any]) -> list[Any]:
        if self.gone is not None:
            return [PainterGone(f"not asked: {self.gone}")] * len(requests)
        try:
            made = self.model.paint(requests)
        except BaseException as error:  # SystemExit and the like: a painter must not end the program
            gone = PainterGone(f"{self.model.name!r} ended: {type(error).__name__}: {error}")
            made = [error if isinstance(error, PainterGone) else gone] * len(requests)
        self.gone = self.gone or next((one for one in made if isinstance(one, PainterGone)), None)
        return made

    def _painted(self, entry: _Asked, made: Any, seconds: float) -> None:
        item = entry.item
        with self.buckets.change:
            item.painted[entry.place] = made
            item.seconds += seconds
            item.cost_usd = added(item.cost_usd, made)
            item.missing -= 1
            whole = item.missing == 0
        if whole:
            self.to_write.put(item)

    # ---- decoding and writing

    def _write_all(self) -> None:
        while (item := self.to_write.get()) is not None:
            if not self.closed and not item.ended:
                try:
                    item.end(self._finish(item))
                except BaseException as error:
                    item.fail(error)

    def _finish(self, item: Item) -> Outcome:
        start = time.perf_counter()
        assert item.prepared is not None
        answer = item.prepared.finish(item.painted)
        item.seconds += time.perf_counter() - start
        outcome = Outcome(item.job, answer, None, item.seconds, model=self.model.name, cost_usd=item.cost_usd)
        if item.output is None or item.key is None:
            return outcome
        if item.output.broken is not None:
            raise item.output.broken
        try:
            return item.output.store.save(outcome, item.key, item.prepared.pixels)
        except OutputError as error:
            item.output.broken = error
            raise


def added(usd: float | None, made: Any) -> float | None:
    """A sum of USD and what one more painting cost, if that is known."""
    more = made.usage.cost_usd if isinstance(made, Painting) else None
    return usd if more is None else (usd or 0.0) + more

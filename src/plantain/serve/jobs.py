"""Long work: many pictures, one order. It goes on where it was after any end of the server.

Pictures and answers lie below the state folder, `jobs/ID/photos` and `jobs/ID/answers`; what was answered is not asked
again, since the answers are a `Store`. A job has at most as many pictures at the model as keep it busy, so that
requests of others do not wait behind a thousand. Several servers may share the table and the folder: each does the jobs
that it has claimed.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from plantain.errors import OutputError, PainterGone, PhotoError, PlantainError, UsageError
from plantain.files import writing
from plantain.pipeline.store import Store
from plantain.pipeline.stream import Output
from plantain.serve.database import Unavailable
from plantain.serve.errors import LATER, ApiError
from plantain.serve.ledger import OPEN, JobRow, Ledger
from plantain.serve.orders import Order, Work
from plantain.serve.queue import Engine
from plantain.serve.settings import Settings
from plantain.serve.watch import LOG

SWEEP_S, RETRY_S, AGAIN_S, LOOK_S = 3600.0, 60.0, 5.0, 1.0
UPLOAD_S, DAY_S = 3600.0, 86_400.0
P = ParamSpec("P")
R = TypeVar("R")


class Jobs:
    """All jobs of a server, and the one task that does them, one after the other."""

    def __init__(self, state: Path, settings: Settings) -> None:
        """OutputError where the folder cannot be written or the table not be kept; UsageError, MissingExtra for an
        address that is none of ours."""
        self.folder, self.settings, self.worker = state / "jobs", settings, uuid.uuid4().hex
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write in {state}: {error.strerror or error}; choose another --state") from error
        self.ledger = Ledger(settings.jobs or str(state / "jobs.sqlite"))
        self.engines: Mapping[str, Engine] = {}
        self.change = asyncio.Condition()
        self.draining = False
        self._thread = ThreadPoolExecutor(1, "plantain-jobs")  # the table may be far away, and slow
        self._task: asyncio.Task[None] | None = None

    def start(self, engines: Mapping[str, Engine]) -> None:
        self.engines = engines
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends the work; what is at the model is waited for and kept, the rest is done after the next start."""
        await self.drain()
        if self._task is not None:
            await self._task
        self._thread.shutdown()
        self.ledger.close()

    async def drain(self) -> None:
        self.draining = True
        await self._changed()

    async def _changed(self) -> None:
        async with self.change:
            self.change.notify_all()

    async def _told(self, question: Callable[P, R], *values: P.args, **named: P.kwargs) -> R:
        """What the table says; its calls come one after the other, in a thread of their own."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(question, *values, **named))

    # ---- what clients do

    async def add(
        self, owner: str, model: str, order: Order, photos: Sequence[tuple[str, bytes]], mask: bytes | None = None
    ) -> JobRow:
        """A new job: its pictures are on disk before it counts. ApiError where there are too many jobs."""
        most = self.settings.limits.jobs
        if len(await self._told(self.ledger.open)) >= most:
            raise ApiError(429, "too_many_jobs", f"{most} jobs are waiting", kind=LATER, retry_s=60)
        names = [name for name, _ in photos for _ in range(order.copies)]
        names = names or [f"picture-{i}" for i in range(order.copies)]
        job = await self._told(self.ledger.add, owner, model, order.words, order.to_json(), names)
        try:
            await asyncio.to_thread(self._write, job, [content for _, content in photos], mask)
            await self._told(self.ledger.turn, job, "queued")
        except OutputError:
            await self._forget(job)
            raise
        await self._changed()
        return await self.of(owner, job)

    def _write(self, job: str, contents: Sequence[bytes], mask: bytes | None) -> None:
        files = {self._photo(job, place): content for place, content in enumerate(contents)}
        files |= {} if mask is None else {self._mask(job): mask}
        for path, content in files.items():
            with writing(path) as beside:
                beside.write_bytes(content)

    def _photo(self, job: str, number: int) -> Path:
        return self.folder / job / "photos" / f"{number:06}"

    def _mask(self, job: str) -> Path:
        return self.folder / job / "mask"

    async def _forget(self, job: str) -> None:
        """Removes a job and its files; where the table cannot be written, the sweep does later."""
        await asyncio.to_thread(shutil.rmtree, self.folder / job, ignore_errors=True)
        with suppress(OutputError):
            await self._told(self.ledger.forget, job)

    async def of(self, owner: str, job: str) -> JobRow:
        """A job of an owner. ApiError 404 for any other's."""
        row = await self._told(self.ledger.find, job)
        if row is None or row.owner != owner or row.state == "uploading":
            raise ApiError(404, "job_not_found", f"no job {job[:64]!r}", param="id")
        return row

    async def all_of(self, owner: str) -> list[JobRow]:
        """All jobs of an owner, the newest first."""
        return await self._told(self.ledger.of, owner)

    async def cancel(self, owner: str, job: str) -> JobRow:
        """Ends a job early; what was answered stays. An ended one is removed with its files."""
        row = await self.of(owner, job)
        if not await self._told(self.ledger.turn, job, "cancelled"):
            await self._forget(job)
            return row
        await self._changed()
        return await self.of(owner, job)

    async def results(self, owner: str, job: str, first: int, most: int) -> list[dict[str, Any]]:
        """What became of the pictures from a place on, in order."""
        await self.of(owner, job)
        return await self._told(self.ledger.items, job, done=True, first=first, most=most)

    async def file(self, owner: str, job: str, place: int, role: str, task: str | None = None) -> Path:
        """A file of an answer; `task`: which of several paintings, the first where none is said. ApiError 404."""
        found = await self.results(owner, job, place, 1)
        files = found[0]["record"].get("files", {}) if found and found[0]["place"] == place else {}
        if files and all(isinstance(own, dict) for own in files.values()):  # of a text: by task
            files = files.get(task or next(iter(files)), {})
        path = self.folder / job / "answers" / files.get(role, "")
        if role not in files or not path.is_file():
            raise ApiError(404, "file_not_found", f"no {role[:32]!r} of picture {place}")
        return path

    async def events(self, owner: str, job: str) -> AsyncIterator[JobRow]:
        """The job now, after each change, and at its end; also ends when the server does."""
        row: JobRow | None = await self.of(owner, job)
        told = None
        while row is not None:
            if row != told:
                told = row
                yield row
            if row.state not in OPEN or self.draining:
                return
            await self._pause(LOOK_S)  # another server may be at work on it
            with suppress(Unavailable):
                row = await self._told(self.ledger.find, job)

    # ---- the work

    async def _run(self) -> None:
        swept = -SWEEP_S
        while not self.draining:
            try:
                if time.monotonic() - swept >= SWEEP_S:
                    swept = time.monotonic()
                    await self._sweep()
                wait = await self._next()
            except OutputError as error:  # the table cannot be used now
                LOG.error("jobs wait", extra={"fields": {"message": str(error)}})
                wait = AGAIN_S
            if wait:
                await self._pause(wait)

    async def _next(self) -> float:
        """Does a job that is free; gives the seconds until it is worth another look."""
        for row in await self._told(self.ledger.open):
            if self._can(row) and await self._claim(row.id):
                return await self._guarded(row)
        return self.settings.lease_s

    def _can(self, row: JobRow) -> bool:
        """Whether its model is there; where it is not, the job waits for another start of the server."""
        engine = self.engines.get(row.model)
        return engine is not None and engine.gone is None

    async def _claim(self, job: str) -> bool:
        return await self._told(self.ledger.claim, job, self.worker, self.settings.lease_s)

    async def _claim_on(self, job: str) -> None:
        """Keeps a job for as long as its work lasts."""
        while True:
            await asyncio.sleep(self.settings.lease_s / 3)
            with suppress(OutputError):
                await self._claim(job)

    async def _pause(self, seconds: float) -> None:
        """Until something changes, or for so long."""
        if self.draining:
            return
        async with self.change:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.change.wait(), seconds)

    async def _sweep(self) -> None:
        now = time.time()
        for row in await self._told(self.ledger.stale, now - self.settings.kept_days * DAY_S, now - UPLOAD_S):
            await self._forget(row.id)

    async def _guarded(self, row: JobRow) -> float:
        """Does a job; gives the seconds to wait where it has to: for room on the disk, or another start with its
        model."""
        claims = asyncio.create_task(self._claim_on(row.id))
        try:
            error = await self._do(row)
            if error is not None:
                await self._told(self.ledger.turn, row.id, "queued", str(error))
        except (UsageError, PhotoError) as wrong:
            error = None
            await self._told(self.ledger.turn, row.id, "failed", str(wrong))
        except OutputError:
            raise
        except Exception:
            error = None
            LOG.exception("job", extra={"fields": {"job": row.id}})
            await self._told(self.ledger.turn, row.id, "failed", "a fault inside; the log has more")
        finally:
            claims.cancel()
            with suppress(OutputError):
                await self._told(self.ledger.release, row.id, self.worker)
            await self._changed()
        if isinstance(error, Unavailable):
            return AGAIN_S
        return 0.0 if error is None else RETRY_S

    async def _do(self, row: JobRow) -> PlantainError | None:
        """Asks about every picture that has no outcome yet; what stops all of them."""
        await self._told(self.ledger.turn, row.id, "running")
        await self._changed()
        engine = self.engines[row.model]
        output = Output(Store(self.folder / row.id / "answers", engine.model))
        work = await asyncio.to_thread(self._work, row, engine)
        errors: list[PlantainError] = []

        async def one(item: Mapping[str, Any]) -> None:
            number = work.photo_of(item["place"])
            jobs = work.jobs(item["place"], None if number is None else self._photo(row.id, number))
            outcomes = await asyncio.gather(*(asyncio.wrap_future(engine.begin(job, output)) for job in jobs))
            stop = [own.error for own in outcomes if isinstance(own.error, PainterGone | OutputError)]
            if stop:  # no fault of the picture
                errors.extend(stop)
                return
            line = await asyncio.to_thread(work.line, outcomes, item["name"])
            try:
                await self._told(self.ledger.record, row.id, item["place"], line)
            except OutputError as error:
                errors.append(error)
            await self._changed()

        inside: set[asyncio.Future[None]] = set()
        try:
            for item in await self._told(self.ledger.items, row.id, done=False):
                if len(inside) >= engine.stages.window:
                    done, inside = await asyncio.wait(inside, return_when=asyncio.FIRST_COMPLETED)
                    await asyncio.gather(*done)
                if self.draining or errors or not await self._is_ours(row.id):
                    break
                inside.add(asyncio.ensure_future(one(item)))
        finally:  # what is at the model is kept, whatever has happened
            await asyncio.gather(*inside)
        if not errors and not await self._told(self.ledger.items, row.id, done=False, most=1):
            await self._told(self.ledger.turn, row.id, "done")
        return errors[0] if errors else None

    def _work(self, row: JobRow, engine: Engine) -> Work:
        order, mask = Order.from_json(row.question, json.loads(row.options)), self._mask(row.id)
        return Work.of(order, engine.model, mask.read_bytes() if mask.exists() else None)

    async def _is_ours(self, job: str) -> bool:
        """Whether a job is still to be done, and by us."""
        row = await self._told(self.ledger.find, job)
        return row is not None and row.state in OPEN and await self._claim(job)

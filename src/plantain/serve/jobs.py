"""Long work: many pictures, one question. It goes on where it was after any end of the server.

Pictures and answers lie below the state folder, `jobs/ID/photos` and `jobs/ID/answers`; what was answered is not asked
again, since the answers are a `Store`. A job has at most as many pictures at the model as keep it busy, so that
requests of others do not wait behind a thousand.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from plantain.errors import OutputError, PainterGone, PlantainError, UsageError
from plantain.files import writing
from plantain.pipeline.jobs import Job, Outcome, PredictOptions
from plantain.pipeline.store import Store
from plantain.pipeline.stream import Output
from plantain.serve.errors import LATER, ApiError
from plantain.serve.ledger import OPEN, JobRow, Ledger
from plantain.serve.queue import Engine
from plantain.serve.watch import LOG
from plantain.tasks.language.parsing import interpret

ROLES = {"painting": "image/png", "overlay": "image/png", "arrays": "application/x-npz"}
SWEEP_S, RETRY_S, DAY_S = 3600.0, 60.0, 86_400.0


class Jobs:
    """All jobs of a server, and the one task that does them, one after the other."""

    def __init__(self, state: Path, engines: Mapping[str, Engine], most: int, kept_days: float) -> None:
        self.folder, self.engines, self.most, self.kept_days = state / "jobs", engines, most, kept_days
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write in {state}: {error.strerror or error}; choose another --state") from error
        self.ledger = Ledger(state / "jobs.sqlite")
        self.change = asyncio.Condition()
        self.draining = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends the work; what is at the model is waited for and kept, the rest is done after the next start."""
        await self.drain()
        if self._task is not None:
            await self._task
        self.ledger.close()

    async def drain(self) -> None:
        self.draining = True
        await self._changed()

    async def _changed(self) -> None:
        async with self.change:
            self.change.notify_all()

    # ---- what clients do

    async def add(
        self, owner: str, model: str, question: str, options: Mapping[str, Any], photos: Sequence[tuple[str, bytes]]
    ) -> JobRow:
        """A new job: its pictures are on disk before it counts. ApiError where there are too many jobs."""
        if len(self.ledger.open()) >= self.most:
            raise ApiError(429, "too_many_jobs", f"{self.most} jobs are waiting", kind=LATER, retry_s=60)
        job = self.ledger.add(owner, model, question, options, [name for name, _ in photos])
        await asyncio.to_thread(self._write, job, [content for _, content in photos])
        self.ledger.turn(job, "queued")
        await self._changed()
        return self.of(owner, job)

    def _write(self, job: str, contents: Sequence[bytes]) -> None:
        for place, content in enumerate(contents):
            with writing(self._photo(job, place)) as beside:
                beside.write_bytes(content)

    def _photo(self, job: str, place: int) -> Path:
        return self.folder / job / "photos" / f"{place:06}"

    def of(self, owner: str, job: str) -> JobRow:
        """A job of an owner. ApiError 404 for any other's."""
        row = self.ledger.find(job)
        if row is None or row.owner != owner or row.state == "uploading":
            raise ApiError(404, "job_not_found", f"no job {job[:64]!r}", param="id")
        return row

    async def cancel(self, owner: str, job: str) -> JobRow:
        """Ends a job early; what was answered stays. An ended one is removed with its files."""
        row = self.of(owner, job)
        if not self.ledger.turn(job, "cancelled"):
            self.ledger.forget(job)
            await asyncio.to_thread(shutil.rmtree, self.folder / job, ignore_errors=True)
            return row
        await self._changed()
        return self.of(owner, job)

    def file(self, owner: str, job: str, place: int, role: str) -> Path:
        """A file of an answer. ApiError 404."""
        self.of(owner, job)
        found = self.ledger.items(job, first=place, most=1)
        files = (found[0]["record"] or {}).get("files", {}) if found and found[0]["place"] == place else {}
        if role not in files:
            raise ApiError(404, "file_not_found", f"no {role[:32]!r} of picture {place}")
        return self.folder / job / "answers" / files[role]

    async def events(self, owner: str, job: str) -> AsyncIterator[JobRow]:
        """The job now, after each change, and at its end; also ends when the server does."""
        row = self.of(owner, job)
        while True:
            yield row
            if row.state not in OPEN or self.draining:
                return
            async with self.change:
                while (new := self.ledger.find(job)) == row and not self.draining:
                    await self.change.wait()
            if new is None:
                return
            row = new

    # ---- the work

    async def _run(self) -> None:
        swept = -SWEEP_S
        while not self.draining:
            if time.monotonic() - swept >= SWEEP_S:
                swept = time.monotonic()
                await asyncio.to_thread(self._sweep)
            row = next((one for one in self.ledger.open() if self._can(one)), None)
            if row is None:
                await self._pause(SWEEP_S)
            elif not await self._guarded(row):
                await self._pause(RETRY_S)

    def _can(self, row: JobRow) -> bool:
        """Whether its model is there; where it is not, the job waits for another start of the server."""
        engine = self.engines.get(row.model)
        return engine is not None and engine.gone is None

    async def _pause(self, seconds: float) -> None:
        """Until something changes, or for so long."""
        async with self.change:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.change.wait(), seconds)

    def _sweep(self) -> None:
        for row in self.ledger.stale(time.time() - self.kept_days * DAY_S):
            self.ledger.forget(row.id)
            shutil.rmtree(self.folder / row.id, ignore_errors=True)

    async def _guarded(self, row: JobRow) -> bool:
        """Does a job. False where it has to wait: for room on the disk, or another start with its model."""
        error = None
        try:
            error = await self._do(row)
        except UsageError as wrong:
            self.ledger.turn(row.id, "failed", str(wrong))
        except Exception:
            LOG.exception("job", extra={"fields": {"job": row.id}})
            self.ledger.turn(row.id, "failed", "a fault inside; the log has more")
        if error is not None:
            self.ledger.turn(row.id, "queued", str(error))
        await self._changed()
        return error is None

    async def _do(self, row: JobRow) -> PlantainError | None:
        """Asks about every picture that has no outcome yet; what stops all of them."""
        self.ledger.turn(row.id, "running")
        await self._changed()
        engine = self.engines[row.model]
        output = Output(Store(self.folder / row.id / "answers", engine.model))
        task, options = interpret(row.question), PredictOptions(**json.loads(row.options))
        errors: list[PlantainError] = []

        async def one(item: Mapping[str, Any]) -> None:
            job = Job(f"{item['place']:06}", self._photo(row.id, item["place"]), task, options)
            outcome = await asyncio.wrap_future(engine.begin(job, output))
            if isinstance(outcome.error, PainterGone | OutputError):  # no fault of the picture
                errors.append(outcome.error)
                return
            self.ledger.record(row.id, item["place"], _record(outcome, item["name"]))
            await self._changed()

        inside: set[asyncio.Future[None]] = set()
        for item in self.ledger.items(row.id, done=False):
            if len(inside) >= engine.stages.window:
                done, inside = await asyncio.wait(inside, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*done)
            if self.draining or errors or not self._is_open(row.id):
                break
            inside.add(asyncio.ensure_future(one(item)))
        await asyncio.gather(*inside)
        if not errors and not self.ledger.items(row.id, done=False, most=1):
            self.ledger.turn(row.id, "done")
        return errors[0] if errors else None

    def _is_open(self, job: str) -> bool:
        row = self.ledger.find(job)
        return row is not None and row.state in OPEN


def _record(outcome: Outcome, name: str) -> dict[str, Any]:
    """The line of a picture, with the client's name for it, and the names of its files."""
    line = outcome.to_json()
    files = {role: path.name for role, path in outcome.files.items() if role in ROLES}
    keep = ("task", "prompt", "model", "confidence", "presence", "seconds", "error", "error_type")
    error = {"error": _named(str(outcome.error), outcome, name)} if outcome.error is not None else {}
    return {"image": name} | {key: line[key] for key in keep if key in line} | error | {"files": files}


def _named(text: str, outcome: Outcome, name: str) -> str:
    """An error that says the client's name of the picture, not where it lies."""
    return text.replace(str(outcome.job.photo), name)

"""The table of jobs, in whose rows a killed server finds all that was said to a client; several servers may share it.

Who works on a job has claimed it for some seconds, and claims it again while it works: a job of a server that died is
free a few seconds later."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plantain.serve.database import opened

TABLES = (
    "CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, created DOUBLE PRECISION NOT NULL,"
    " ended DOUBLE PRECISION, state TEXT NOT NULL, model TEXT NOT NULL, question TEXT NOT NULL, options TEXT NOT NULL,"
    " total INTEGER NOT NULL, error TEXT)",
    "CREATE TABLE IF NOT EXISTS items (job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,"
    " place INTEGER NOT NULL, name TEXT NOT NULL, record TEXT, failed INTEGER, PRIMARY KEY (job, place))",
    "CREATE TABLE IF NOT EXISTS claims (job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,"
    " worker TEXT NOT NULL, ends DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX IF NOT EXISTS waiting ON jobs (state, created)",
)
OPEN = ("queued", "running")
FIELDS = "jobs.id, owner, created, ended, state, model, question, options, total, error"
COUNTS = "count(items.record) AS done, coalesce(sum(items.failed), 0) AS failed"
ALL = 2**31 - 1


@dataclass(frozen=True)
class JobRow:
    """One job. `state`: queued, running, done, cancelled or failed; `done` of `total` pictures have an outcome,
    `failed` of these an error. `question` and `options`: an `Order`, as it is kept."""

    id: str
    owner: str
    created: float
    ended: float | None
    state: str
    model: str
    question: str
    options: str
    total: int
    error: str | None
    done: int
    failed: int

    def to_json(self) -> dict[str, Any]:
        kind = json.loads(self.options).get("kind", "predict")
        return {
            "id": self.id, "object": "job", "state": self.state, "model": self.model, "kind": kind,
            "task": self.question, "created": self.created, "ended": self.ended, "total": self.total,
            "done": self.done, "failed": self.failed, "error": self.error,
        }  # fmt: skip


class Ledger:
    """All jobs. Every change is on disk when the call returns. Raises OutputError."""

    def __init__(self, url: str) -> None:
        """`url`: the path of a file, or postgresql://..."""
        self._base = opened(url)
        self._base.create(TABLES)

    def close(self) -> None:
        self._base.close()

    def add(self, owner: str, model: str, question: str, options: Mapping[str, Any], names: Sequence[str]) -> str:
        """A new job of so many pictures, which nobody sees before it is queued; gives its id."""
        job = uuid.uuid4().hex
        with self._base.transaction() as base:
            base.run(
                "INSERT INTO jobs VALUES (?, ?, ?, NULL, 'uploading', ?, ?, ?, ?, NULL)",
                (job, owner, time.time(), model, question, json.dumps(options), len(names)),
            )
            rows = [(job, place, name) for place, name in enumerate(names)]
            base.run_each("INSERT INTO items (job, place, name) VALUES (?, ?, ?)", rows)
        return job

    def turn(self, job: str, state: str, error: str | None = None) -> bool:
        """Changes the state of a job that has not ended; False where it has."""
        ended = None if state in OPEN else time.time()
        return self._changed(
            "UPDATE jobs SET state = ?, error = ?, ended = ? WHERE id = ? AND ended IS NULL", state, error, ended, job
        )

    def record(self, job: str, place: int, record: Mapping[str, Any]) -> bool:
        """What became of one picture; the first word counts."""
        return self._changed(
            "UPDATE items SET record = ?, failed = ? WHERE job = ? AND place = ? AND record IS NULL",
            *(json.dumps(record), int("error" in record), job, place),
        )

    def claim(self, job: str, worker: str, seconds: float) -> bool:
        """Takes a job for so long, or for longer; False where another worker has it."""
        now = time.time()
        return self._changed(
            "INSERT INTO claims (job, worker, ends) VALUES (?, ?, ?) ON CONFLICT (job)"
            " DO UPDATE SET worker = excluded.worker, ends = excluded.ends"
            " WHERE claims.worker = excluded.worker OR claims.ends < ?",
            *(job, worker, now + seconds, now),
        )

    def release(self, job: str, worker: str) -> None:
        """Lets others have a job."""
        self._changed("DELETE FROM claims WHERE job = ? AND worker = ?", job, worker)

    def forget(self, job: str) -> None:
        self._changed("DELETE FROM jobs WHERE id = ?", job)

    def _changed(self, sql: str, *values: Any) -> bool:
        with self._base.transaction() as base:
            return base.run(sql, values) > 0

    def find(self, job: str) -> JobRow | None:
        return next(iter(self._rows("jobs.id = ?", (job,))), None)

    def of(self, owner: str) -> list[JobRow]:
        """All jobs of an owner, the newest first."""
        return self._rows("owner = ? AND state <> 'uploading'", (owner,), "created DESC")

    def open(self) -> list[JobRow]:
        """What is to be done, in the order in which it came."""
        return self._rows("state IN ('queued', 'running')", ())

    def stale(self, ended: float, uploaded: float) -> list[JobRow]:
        """Jobs that ended before a time, and uploads before another that their client, or a killed server, left."""
        return self._rows("ended < ? OR (state = 'uploading' AND created < ?)", (ended, uploaded))

    def _rows(self, where: str, values: Sequence[Any], order: str = "created") -> list[JobRow]:
        question = f"SELECT {FIELDS}, {COUNTS} FROM jobs LEFT JOIN items ON items.job = jobs.id"
        with self._base.transaction() as base:
            rows = base.rows(f"{question} WHERE {where} GROUP BY jobs.id ORDER BY {order}", values)
        return [JobRow(**row) for row in rows]

    def items(self, job: str, *, done: bool | None = None, first: int = 0, most: int = ALL) -> list[dict[str, Any]]:
        """The pictures of a job in order: place, name, and record where there is one."""
        which = {None: "", True: "AND record IS NOT NULL", False: "AND record IS NULL"}[done]
        with self._base.transaction() as base:
            rows = base.rows(
                f"SELECT place, name, record FROM items WHERE job = ? AND place >= ? {which} ORDER BY place LIMIT ?",
                (job, first, most),
            )
        return [row | {"record": json.loads(row["record"]) if row["record"] else None} for row in rows]

"""The table of jobs: SQLite in write-ahead mode, so that a killed server loses nothing that was said to a client."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from plantain.errors import OutputError

TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, created REAL NOT NULL, ended REAL, state TEXT NOT NULL,
    model TEXT NOT NULL, question TEXT NOT NULL, options TEXT NOT NULL, total INTEGER NOT NULL, error TEXT
);
CREATE TABLE IF NOT EXISTS items (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, place INTEGER NOT NULL, name TEXT NOT NULL,
    record TEXT, failed INTEGER, PRIMARY KEY (job, place)
);
CREATE INDEX IF NOT EXISTS waiting ON jobs (state, created);
"""
OPEN = ("queued", "running")
FIELDS = "jobs.id, owner, created, ended, state, model, question, options, total, error"
COUNTS = "count(items.record) AS done, coalesce(sum(items.failed), 0) AS failed"


@dataclass(frozen=True)
class JobRow:
    """One job. `state`: queued, running, done, cancelled or failed; `done` of `total` pictures have an outcome,
    `failed` of these an error."""

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
        return {
            "id": self.id, "object": "job", "state": self.state, "model": self.model, "task": self.question,
            "created": self.created, "ended": self.ended, "total": self.total, "done": self.done,
            "failed": self.failed, "error": self.error,
        }  # fmt: skip


class Ledger:
    """All jobs, in one file. Every change is on disk when the call returns. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.row_factory = sqlite3.Row
        with self._writing() as base:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = FULL")
            base.execute("PRAGMA foreign_keys = ON")
            base.executescript(TABLES)

    def close(self) -> None:
        with self._lock:
            self._base.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._base
        except sqlite3.Error as error:
            raise OutputError(f"the table of jobs cannot be written: {error}") from error

    def add(self, owner: str, model: str, question: str, options: Mapping[str, Any], names: Sequence[str]) -> str:
        """A new job of so many pictures, which nobody sees before `ready`; gives its id."""
        job = uuid.uuid4().hex
        with self._writing() as base:
            base.execute("BEGIN")
            base.execute(
                "INSERT INTO jobs VALUES (?, ?, ?, NULL, 'uploading', ?, ?, ?, ?, NULL)",
                (job, owner, time.time(), model, question, json.dumps(options), len(names)),
            )
            rows = [(job, place, name) for place, name in enumerate(names)]
            base.executemany("INSERT INTO items (job, place, name) VALUES (?, ?, ?)", rows)
            base.execute("COMMIT")
        return job

    def turn(self, job: str, state: str, error: str | None = None) -> bool:
        """Changes the state of a job that has not ended; False where it has."""
        ended = None if state in OPEN else time.time()
        with self._writing() as base:
            changed = base.execute(
                "UPDATE jobs SET state = ?, error = ?, ended = ? WHERE id = ? AND ended IS NULL",
                (state, error, ended, job),
            )
            return changed.rowcount > 0

    def record(self, job: str, place: int, record: Mapping[str, Any]) -> None:
        """What became of one picture; the first word counts."""
        with self._writing() as base:
            base.execute(
                "UPDATE items SET record = ?, failed = ? WHERE job = ? AND place = ? AND record IS NULL",
                (json.dumps(record), int("error" in record), job, place),
            )

    def forget(self, job: str) -> None:
        with self._writing() as base:
            base.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def find(self, job: str) -> JobRow | None:
        return next(iter(self._rows("jobs.id = ?", (job,))), None)

    def of(self, owner: str) -> list[JobRow]:
        """All jobs of an owner, the newest first."""
        return self._rows("owner = ? AND state <> 'uploading'", (owner,), "created DESC")

    def open(self) -> list[JobRow]:
        """What is to be done, in the order in which it came."""
        return self._rows("state IN ('queued', 'running')", (), "created")

    def stale(self, before: float) -> list[JobRow]:
        """Jobs that ended before a time, and uploads that a killed server left."""
        return self._rows("ended < ? OR (state = 'uploading' AND created < ?)", (before, before), "created")

    def _rows(self, where: str, values: tuple[Any, ...], order: str = "created") -> list[JobRow]:
        question = f"SELECT {FIELDS}, {COUNTS} FROM jobs LEFT JOIN items ON items.job = jobs.id"
        with self._writing() as base:
            rows = base.execute(f"{question} WHERE {where} GROUP BY jobs.id ORDER BY {order}", values)
            return [JobRow(**row) for row in rows]

    def items(self, job: str, *, done: bool | None = None, first: int = 0, most: int = -1) -> list[dict[str, Any]]:
        """The pictures of a job in order: place, name, and record where there is one."""
        which = {None: "", True: "AND record IS NOT NULL", False: "AND record IS NULL"}[done]
        with self._writing() as base:
            rows = base.execute(
                f"SELECT place, name, record FROM items WHERE job = ? AND place >= ? {which} ORDER BY place LIMIT ?",
                (job, first, most),
            )
            return [dict(row) | {"record": json.loads(row["record"]) if row["record"] else None} for row in rows]

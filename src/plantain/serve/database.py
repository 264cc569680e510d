"""Where the table of jobs lies: a file of SQLite in write-ahead mode, or a database of PostgreSQL. One SQL text, with ?
for values, serves both."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from plantain.errors import MissingExtra, OutputError, UsageError

SCHEMES = ("postgresql", "postgres")
CONNECT_S = 5  # a database that has not let us in by then is not there
MAKING = 7_073_623  # any number of our own: who creates the tables of a PostgreSQL database keeps others waiting


class Unavailable(OutputError):
    """A database that does not answer now, and may again."""


class Cursor:
    """Statements of one transaction. `mark`: what stands for a value in this dialect."""

    def __init__(self, cursor: Any, mark: str) -> None:
        self.cursor, self.mark = cursor, mark

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Does a statement; gives how many rows it changed."""
        self.cursor.execute(sql.replace("?", self.mark), values)
        return int(self.cursor.rowcount)

    def run_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Does a statement with each of these values."""
        self.cursor.executemany(sql.replace("?", self.mark), rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self.run(sql, values)
        return [dict(row) for row in self.cursor.fetchall()]


@runtime_checkable
class Database(Protocol):
    """Tables. What a transaction did is on disk when it ends, or nothing of it is. OutputError, Unavailable."""

    def create(self, statements: Sequence[str]) -> None:
        """Makes the tables that are not there."""
        ...

    def transaction(self) -> AbstractContextManager[Cursor]: ...

    def close(self) -> None: ...


def opened(url: str) -> Database:
    """The database at a path, or at postgresql://USER@HOST/NAME. UsageError, MissingExtra, OutputError."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return Sqlite(Path(url))
    if scheme not in SCHEMES:
        raise UsageError(f"jobs are kept at postgresql://USER@HOST/NAME, not {scheme}://")
    return Postgres(url)


class Sqlite:
    """A file. Raises OutputError where it cannot be opened, or is none."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._base.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._base.execute(f"PRAGMA {pragma}")
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"cannot keep jobs in {path}: {error}; move it away, or choose another --state"
            ) from error

    def create(self, statements: Sequence[str]) -> None:
        with self.transaction() as base:
            for one in statements:
                base.run(one)

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        try:
            with self._lock:
                self._base.execute("BEGIN")
                try:
                    yield Cursor(self._base.cursor(), "?")
                    self._base.execute("COMMIT")
                finally:
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise OutputError(f"the table of jobs cannot be used: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._base.close()


class Postgres:
    """A database of a server, by one connection, which is made again after it was lost."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra("psycopg", "postgres") from error
        self._psycopg, self._url, self._lock = psycopg, url, Lock()
        self._base: Any = None
        try:
            self._connected()
        except psycopg.Error as error:
            where = urlsplit(url)
            place = f"{where.hostname or 'localhost'}{where.path}"
            raise OutputError(f"cannot keep jobs at {place}: {(str(error).splitlines() or ['?'])[0]}") from error

    def create(self, statements: Sequence[str]) -> None:
        with self.transaction() as base:
            base.run("SELECT pg_advisory_xact_lock(?)", (MAKING,))
            for one in statements:
                base.run(one)

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        try:
            with self._lock, self._connected().transaction(), self._base.cursor() as cursor:
                yield Cursor(cursor, "%s")
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError) as error:
            raise Unavailable("the database of jobs does not answer; try again later") from error
        except self._psycopg.Error as error:
            raise OutputError(f"the table of jobs cannot be used: {type(error).__name__}") from error

    def _connected(self) -> Any:
        """The connection, asked whether it still is one: a statement is never sent twice."""
        try:
            if self._base is not None:
                self._base.execute("SELECT 1")
                return self._base
        except (self._psycopg.OperationalError, self._psycopg.InterfaceError):
            self._base.close()
        self._base = None
        self._base = self._psycopg.connect(
            self._url,
            connect_timeout=CONNECT_S,
            autocommit=True,
            row_factory=self._psycopg.rows.dict_row,
            keepalives_idle=CONNECT_S,
            tcp_user_timeout=1000 * CONNECT_S,
        )
        return self._base

    def close(self) -> None:
        with self._lock:
            if self._base is not None:
                self._base.close()

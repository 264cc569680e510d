"""The folder of a batch: `run.json` says what was asked, `rows.jsonl` has an outcome a line, `answers/` the files,
`index.parquet` the lines as a table. A picture whose line is there is done; a torn last line never was."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plantain import __version__
from plantain.batch.worker import Order
from plantain.errors import MissingExtra, OutputError, UsageError
from plantain.files import STAGE, locked, sweep, writing
from plantain.models.identity import digest

EVERY_ROWS, EVERY_S = 64, 1.0  # between two times that lines are forced to the disk
GROUP = 20_000  # rows of the index that are in memory
COLUMNS = {
    "id": "string", "image": "string", "task": "string", "model": "string", "prompt": "string",
    "painting": "string", "arrays": "string", "overlay": "string", "confidence": "double", "seconds": "double",
    "error": "string", "error_type": "string",
}  # fmt: skip


class Book:
    """The lines of a run, for one driver at a time. A context manager. Raises OutputError."""

    def __init__(self, order: Order, *, again: bool = False) -> None:
        """`again`: pictures that failed are asked about once more. UsageError where the folder is of another run."""
        self.order, self.folder, self.rows = order, order.folder, order.folder / "rows.jsonl"
        with _writable(self.folder):
            order.answers.mkdir(parents=True, exist_ok=True)
            self._lock = locked(self.folder)
            sweep_below(self.folder)
            self._require(self._asked())
            self.done, self.failed = self._read(again)
            self._file = self.rows.open("ab")
        self._unsaved, self._saved = 0, time.monotonic()

    def __enter__(self) -> Book:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._file.close()
        sweep_below(self.folder)
        os.close(self._lock)

    def _asked(self) -> dict[str, Any]:
        order = self.order
        asked = [order.task, order.options, sorted(order.formats), dict(order.camera)]
        asked += [list(order.context.examples)] if order.context.examples else []
        return {"question": order.task.prompt(), "asked": digest(asked), "version": __version__}

    def claim(self, model: Mapping[str, Any]) -> None:
        """Says who answers. UsageError where somebody else did before."""
        mine = self._asked() | {"model": dict(model)}
        self._require(mine)
        if not (self.folder / "run.json").exists():
            with writing(self.folder / "run.json") as beside:
                beside.write_text(json.dumps(mine, indent=1) + "\n")

    def _require(self, mine: Mapping[str, Any]) -> None:
        """UsageError where the folder is of another question, model or version."""
        path = self.folder / "run.json"
        theirs = json.loads(path.read_text()) if path.exists() else mine
        if other := [key for key in mine if theirs.get(key) != mine[key]]:
            differ = ", ".join(other)
            raise UsageError(f"{self.folder} is of another run ({differ} differ); choose another folder with -o")

    def _read(self, again: bool) -> tuple[set[str], int]:
        """The ids that are done, and how many of them failed; a torn last line is cut off."""
        if not self.rows.exists():
            return set(), 0
        done, failed, whole, kept = set[str](), 0, 0, []
        with self.rows.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                whole += len(raw)
                line = json.loads(raw)
                if again and "error" in line:
                    continue
                kept += [raw] if again else []
                done.add(line["id"])
                failed += "error" in line
        if again:
            with writing(self.rows) as beside:
                beside.write_bytes(b"".join(kept))
        else:
            os.truncate(self.rows, whole)
        return done, failed

    def add(self, line: Mapping[str, Any]) -> None:
        """One outcome; the first word about a picture counts."""
        if line["id"] in self.done:
            return
        self.done.add(line["id"])
        self.failed += "error" in line
        with _writable(self.folder):
            self._file.write(json.dumps(line).encode() + b"\n")
            self._unsaved += 1
            if self._unsaved >= EVERY_ROWS or time.monotonic() - self._saved > EVERY_S:
                self.flush()

    def flush(self) -> None:
        """Everything that was said is on the disk."""
        with _writable(self.folder):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._unsaved, self._saved = 0, time.monotonic()

    def index(self) -> Path:
        """Writes the lines as a Parquet table, in the order in which they came; MissingExtra without pyarrow."""
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise MissingExtra("pyarrow", "batch") from error
        self.flush()
        schema = pyarrow.schema([(name, getattr(pyarrow, "float64" if kind == "double" else kind)())
                                 for name, kind in COLUMNS.items()])  # fmt: skip
        with writing(self.folder / "index.parquet") as beside, parquet.ParquetWriter(beside, schema) as out:
            for group in self._groups():
                columns = {name: [line.get(name) for line in group] for name in COLUMNS}
                out.write_table(pyarrow.table(columns, schema=schema))
        return self.folder / "index.parquet"

    def _groups(self) -> Iterator[list[dict[str, Any]]]:
        group = []
        with self.rows.open("rb") as file:
            for raw in file:
                group.append(json.loads(raw))
                if len(group) == GROUP:
                    yield group
                    group = []
        yield group


def sweep_below(folder: Path) -> None:
    """Removes what killed workers had half-written, in all folders."""
    for place, folders, _ in os.walk(folder):
        if any(name.startswith(STAGE) for name in folders):
            sweep(Path(place))


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write in {folder}: {error.strerror or error}; the same command goes on") from error

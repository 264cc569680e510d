"""What calls cost, and the ledger of all that were begun: a budget ends before it is passed, over restarts too."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Condition
from typing import IO, Any
from uuid import uuid4

from plantain.errors import PainterGone

TINY = 1e-9  # USD: sums of floats are no more exact
BATCH = 0.5  # of the price, in the batch mode of every service here
GOOGLE = "https://ai.google.dev/gemini-api/docs/pricing"
OPENAI = "https://developers.openai.com/api/docs/pricing"


@dataclass(frozen=True)
class Tokens:
    """Tokens of a call by kind: text and pictures that go in, text (thoughts too) and pictures that come out."""

    text_in: int = 0
    image_in: int = 0
    text_out: int = 0
    image_out: int = 0

    @property
    def total(self) -> int:
        return self.text_in + self.image_in + self.text_out + self.image_out


@dataclass(frozen=True)
class Price:
    """USD a million tokens of each kind, and `flat` USD a picture; where and when that was read."""

    text_in: float = 0.0
    image_in: float = 0.0
    text_out: float = 0.0
    image_out: float = 0.0
    flat: float = 0.0
    source: str = "--price"
    date: str = ""

    def usd(self, used: Tokens) -> float:
        """What a call costs.

        >>> round(PRICES["gemini-3-pro-image"].usd(Tokens(300, 560, 800, 1120)), 4)
        0.1457
        """
        pairs = (
            (used.text_in, self.text_in), (used.image_in, self.image_in),
            (used.text_out, self.text_out), (used.image_out, self.image_out),
        )  # fmt: skip
        return self.flat + sum(count * rate for count, rate in pairs) / 1e6


PRICES: dict[str, Price] = {
    "gemini-3-pro-image": Price(2.0, 2.0, 12.0, 120.0, source=GOOGLE, date="2026-09-20"),
    "gemini-nano-banana-2.1": Price(
        1.5, 1.5, 7.5, 30.0, source="https://github.com/BerriAI/litellm/discussions/44983", date="2026-10-07"
    ),
    "gpt-image-2": Price(5.0, 8.0, 10.0, 30.0, source=OPENAI, date="2026-06-05"),
}


@dataclass(frozen=True)
class _Call:
    """A call that was begun and has not ended, as far as the ledger knows."""

    key: str
    usd: float
    run: str
    pid: int

    @property
    def lost(self) -> bool:
        """Whether the process that began it has ended; a batch goes on without one."""
        return self.run != _this_run() and not self.key.startswith("batch:") and not _alive(self.pid)


class Ledger:
    """A file with one line when a call begins, at the highest price, and one when it has ended, at what it cost.

    Several threads and processes may share it. A call that broke off, or whose process was killed, may have been paid
    without an answer: it stays at its highest price, and `doubtful` says which of the two it was, "broken" or "killed".
    `limit_usd`: what all calls of the file may cost together, ever."""

    def __init__(self, path: Path, limit_usd: float | None = None) -> None:
        self.path, self.limit_usd = path, limit_usd
        self.spent_usd = self.run_usd = 0.0  # by calls that have ended: all of them, and those of this process
        self.calls = self.lost = 0  # calls that this process made; those that may have been paid without an answer
        self.doubtful: dict[str, str] = {}
        self._open: dict[str, _Call] = {}
        self._read = 0
        self._turn = Condition()
        if path.exists():
            with path.open("rb") as file:
                self._catch_up(file)
        self.lost = 0  # those of earlier runs were told then

    def begin(self, key: str, usd: float, kept: Callable[[], object] = lambda: None) -> str:
        """The id of a call that may cost `usd` at most; "" where the answer is `kept` by now. Waits while the same is
        being asked for, and where calls under way may leave enough of the budget; PainterGone where they cannot."""
        with self._turn:
            while True:
                with self._locked() as file:
                    self._catch_up(file)
                    if kept() is not None:
                        return ""
                    if self._may_begin(key, usd):
                        call = uuid4().hex[:12]
                        now = datetime.now(UTC).isoformat(timespec="seconds")
                        began = {
                            "begin": call,
                            "key": key,
                            "usd": usd,
                            "at": now,
                            "run": _this_run(),
                            "pid": os.getpid(),
                        }
                        self._write(file, began)
                        return call
                self._turn.wait(1.0)

    def end(self, call: str, usd: float, doubt: str = "") -> None:
        """A call has ended and cost `usd`. `doubt`: why nobody knows whether it did."""
        with self._turn:
            with self._locked() as file:
                self._write(file, {"end": call, "usd": usd} | ({"doubt": doubt} if doubt else {}))
            self._turn.notify_all()

    def find(self, key: str) -> str | None:
        """The id of a call that has not ended."""
        return next((call for call, one in self._open.items() if one.key == key), None)

    def close_lost(self, kept: Callable[[str], bool]) -> None:
        """Ends the calls of processes that were killed; those whose answer is not `kept` may have been paid for
        nothing."""
        for call, one in [(call, one) for call, one in self._open.items() if one.lost]:
            self.end(call, one.usd, "" if kept(one.key) else "killed")

    def _may_begin(self, key: str, usd: float) -> bool:
        """Whether nobody asks for the same, and the budget is large enough. PainterGone where it cannot become so."""
        if any(one.key == key and not one.lost for one in self._open.values()):
            return False
        mine = sum(one.usd for one in self._open.values() if one.run == _this_run())
        spent = self.spent_usd + sum(one.usd for one in self._open.values()) - mine
        if self.limit_usd is not None and spent + usd > self.limit_usd + TINY:
            raise PainterGone(
                f"the budget of ${self.limit_usd:.2f} is reached: ${spent:.2f} are spent and a call may cost "
                f"${usd:.3f}; go on with a higher --budget (all calls are in {self.path})"
            )
        return self.limit_usd is None or spent + mine + usd <= self.limit_usd + TINY

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The file, for this thread of this process alone."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b", buffering=0) as file, locked(file.fileno()):
            yield file

    def _write(self, file: IO[bytes], record: dict[str, Any]) -> None:
        self._catch_up(file)
        torn = os.fstat(file.fileno()).st_size > self._read  # by a process that was killed while it wrote
        file.write(b"\n" * torn + json.dumps(record).encode() + b"\n")
        self._catch_up(file)

    def _catch_up(self, file: IO[bytes]) -> None:
        """Reads what was written since, by whomever."""
        file.seek(self._read)
        lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError):  # a torn line
                continue

    def _apply(self, record: dict[str, Any]) -> None:
        if "begin" in record:
            self._open[record["begin"]] = _Call(record["key"], record["usd"], record["run"], record["pid"])
            return
        call = self._open.pop(record["end"])
        self.spent_usd += record["usd"]
        mine = call.run == _this_run()
        self.run_usd += record["usd"] * mine
        self.calls += mine
        if doubt := record.get("doubt"):
            self.doubtful[call.key] = doubt
            self.lost += mine or call.lost


@contextmanager
def locked(handle: int) -> Iterator[None]:
    """An open file for one thread alone, among all processes; without effect where the system knows no such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


@cache
def _this_run() -> str:
    return uuid4().hex[:12]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid != os.getpid()  # the number of a process that has ended was given to this one

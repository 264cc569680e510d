"""What hosted painters share: keys, tries, what errors mean, a budget, and answers that are kept before they are read.

What came back is written down as it came, under the hash of everything it hangs on, and only then looked at: a picture,
a refusal or nonsense, it is never asked for and never paid again.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from plantain.errors import MissingExtra, OutputError, PainterError, PainterGone, PlantainError, UsageError
from plantain.files import writing
from plantain.models.base import Capabilities, Painter, lazy
from plantain.models.identity import Identity, digest
from plantain.models.painters.cached import request_key
from plantain.models.painters.hosted.budget import BATCH, PRICES, Ledger, Price, Tokens
from plantain.models.painters.hosted.faults import Fault, connection_fault
from plantain.models.painters.hosted.pictures import decoded, encoded, fetched, fitted, read_picture
from plantain.models.painting import Painting, Request, Usage

LONGEST_PAUSE_S = 60.0  # between tries, where the service gives no hint
NO_SENSE = (AttributeError, IndexError, KeyError, TypeError, ValueError)  # what strange JSON is read with
LEAST = {  # whole numbers, and others
    "concurrency": 1, "tries": 1,
    "timeout_s": 0.001, "patience_s": 0.0, "pause_s": 0.0, "budget": 0.0, "price": 0.0,
}  # fmt: skip


class Hosted(Painter):
    """A painter behind a service. A subclass says how one call is made, and what its errors and answers mean.

    `model_id`, `base_url`: which model where; `key_from`: the environment variable that has the key, for other places
    than the service's own; `concurrency`: calls at a time; `timeout_s` of one try, `patience_s` of all `tries`, with
    `pause_s` after the first; `resend`: whether calls that may have been paid without an answer are made again (None:
    those that broke off are, those of a killed run are not); `budget`: USD that all calls of one folder may cost;
    `price`: USD a picture, for models without a known price; `dry_run`: nothing is asked; `batch`: only by
    `paint_ahead`; `kept`: the folder of answers and of the ledger; `size`: 1K, 2K, 4K or WIDTHxHEIGHT; `quality`,
    `fields`: what else is sent. UsageError for an option that makes no sense, and where there is no key or no price."""

    service: ClassVar[str]
    package: ClassVar[str]  # the client's distribution
    default_model: ClassVar[str]
    default_url: ClassVar[str]
    url_variable: ClassVar[str]  # the environment variables that may have the place and the key
    keys: ClassVar[tuple[str, ...]]
    most_images: ClassVar[int]

    def __init__(
        self,
        *,
        model_id: str | None = None,
        base_url: str | None = None,
        key_from: str | None = None,
        concurrency: int = 4,
        timeout_s: float = 180.0,
        tries: int = 6,
        patience_s: float = 900.0,
        pause_s: float = 1.0,
        resend: bool | None = None,
        budget: float | None = None,
        price: float | None = None,
        dry_run: bool = False,
        batch: bool = False,
        kept: str | Path | None = None,
        size: str | int = "1K",
        quality: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        numbers = (concurrency, tries, timeout_s, patience_s, pause_s, budget, price)
        for (name, least), value in zip(LEAST.items(), numbers, strict=True):
            kind = int if isinstance(least, int) else int | float
            if value is not None and not (isinstance(value, kind) and value >= least):
                raise UsageError(f"{name} must be a number of at least {least:g}, not {value!r}")
        self.url = (base_url or os.environ.get(self.url_variable) or self.default_url).rstrip("/")
        self.own = self.url == self.default_url  # the service itself, not something that speaks its language
        self.model_id = model_id or (self.default_model if self.own or self.service == "gemini" else "")
        self.timeout_s, self.tries, self.patience_s, self.pause_s = timeout_s, tries, patience_s, pause_s
        self.resend, self.dry_run, self.size, self.quality = resend, dry_run, str(size), quality
        self.fields, self.price = dict(fields or {}), self._price(price)
        self.capabilities = Capabilities(self.most_images, concurrency=concurrency, deterministic=False)
        home = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
        self.kept = Path(kept) if kept is not None else home / "plantain" / "hosted"
        self.ledger = Ledger(self.kept / "ledger.jsonl", budget)
        self.not_in_batch: Mapping[str, str] | None = {} if batch else None  # why answers lack, in batch mode
        batches = {path: json.loads(path.read_text()) for path in batch_files(self.kept)}
        self._in_batch = {key: path for path, record in batches.items() for key in record["keys"]}
        self._resume_at = 0.0  # before then the service wants no calls
        self._failed_in_row, self._answered = 0, False
        self._unwritable: OutputError | None = None
        self._closed = threading.Event()
        self._key = ""
        self.canvas(640, 480)  # a size that makes no sense is told here
        if not dry_run:
            self._key = self._find_key(key_from, named=base_url is not None)
            try:
                self.client = self.connect(self._key)
            except ImportError as error:
                raise MissingExtra(self.package, "hosted") from error
            self.ledger.close_lost(lambda key: self.path(key).exists())

    # ---- what a service says

    def connect(self, key: str) -> Any:
        """The client, its own tries switched off. ImportError where it is not installed."""
        raise NotImplementedError

    def ask(self, request: Request) -> Mapping[str, Any]:
        """One call: the answer as it came over the wire. Raises whatever the client raises."""
        raise NotImplementedError

    def fault(self, error: Exception) -> Fault | None:
        """What an error of the client means; None for one of the connection, which all clients share."""
        raise NotImplementedError

    def picture(self, answer: Mapping[str, Any]) -> bytes | str:
        """The picture in an answer: its bytes, or a link. PainterError for a refusal, or where there is none."""
        raise NotImplementedError

    def most(self, request: Request) -> Tokens:
        """The most tokens that a request may use."""
        raise NotImplementedError

    def used(self, answer: Mapping[str, Any]) -> Tokens | None:
        """The tokens that an answer says it used."""
        raise NotImplementedError

    def batch_line(self, key: str, request: Request) -> dict[str, Any]:
        """A request as a line of a batch's file."""
        raise NotImplementedError

    def batch_begin(self, lines: Path, title: str) -> str:
        """Hands a file of requests over under a title; the service's name for the batch."""
        raise NotImplementedError

    def batch_find(self, title: str) -> str:
        """The name of the batch with a title; "" where the service knows none."""
        raise NotImplementedError

    def batch_poll(self, name: str) -> tuple[str, list[str] | None]:
        """How a batch stands, and the files of its answers once it has ended."""
        raise NotImplementedError

    def batch_read(self, file: str) -> Iterator[tuple[str, Mapping[str, Any] | None, str]]:
        """The key of each request in a file of answers, with its answer, or why there is none."""
        raise NotImplementedError

    # ---- who it is, and what it costs

    @lazy
    def identity(self) -> Identity:
        settings = [self.service, "" if self.own else self.url, self.size, self.quality, self.fields]
        return Identity(self.model_id or f"{self.service}@{place_of(self.url)}", settings=digest(settings))

    def quote(self, request: Request) -> float:
        """USD that a request may cost at most; 0 for one whose answer is kept."""
        kept = self.path(request_key(self.identity, request)).exists()
        return 0.0 if kept else self.price.usd(self.most(request))

    @property
    def batch_share(self) -> float:
        """What a picture costs in a batch, of its price; a price that somebody gave is taken as it is."""
        return 1.0 if self.price.flat else BATCH

    def note(self) -> str:
        """What was spent."""
        if not self.ledger.calls:
            return ""
        limit = f" of ${self.ledger.limit_usd:.2f}" if self.ledger.limit_usd is not None else ""
        told = f"{self.ledger.calls} calls for ${self.ledger.run_usd:.2f}; ${self.ledger.spent_usd:.2f}{limit} in all"
        if self.ledger.lost:
            told += f"; {self.ledger.lost} calls may have been paid without an answer (counted at their highest price)"
        return f"{told} ({self.ledger.path})"

    def _price(self, price: float | None) -> Price:
        if price is None and self.model_id not in PRICES:
            who = self.model_id or f"the model at {place_of(self.url)}"
            raise UsageError(
                f"no price is known for {who}: say what a picture costs at most in USD with --price (0 for a server of "
                f"your own; known: {', '.join(PRICES)})"
            )
        return PRICES[self.model_id] if price is None else Price(flat=price)

    def _find_key(self, key_from: str | None, *, named: bool) -> str:
        """The key. One that is meant for the service itself goes nowhere else, unless somebody says so."""
        if key_from is None and named and not self.own:
            return "none"
        names = (key_from,) if key_from else self.keys
        found = (os.environ.get(name, "").strip() or _from_keyring(name) for name in names)
        key = next(filter(None, found), None)
        if key is None:
            raise UsageError(f"no key for {self.service}: set {' or '.join(names)} in the environment")
        if not (key.isascii() and key.isprintable()):
            raise UsageError(f"the key in {' or '.join(names)} has characters that no key has; copy it again")
        return key

    def clean(self, text: object) -> str:
        """A text without the key."""
        return str(text).replace(self._key, "<key>") if len(self._key) > 4 else str(text)

    # ---- asking

    def paint(self, requests: Sequence[Request]) -> list[Painting | PlantainError]:
        """A painting or an error for each request: from the folder of answers, or else by a call."""
        return [self._one(request) for request in requests]

    def path(self, key: str) -> Path:
        """Where the answer to a request lies."""
        return self.kept / "answers" / key[:2] / f"{key[2:]}.json"

    def close(self) -> None:
        """Ends pauses between tries; answers that are under way are still kept."""
        self._closed.set()

    def pause(self, seconds: float) -> None:
        """Waits. PainterGone where the painter is closed meanwhile."""
        if seconds > 0 and self._closed.wait(seconds):
            raise PainterGone(f"{self.identity.name} was closed")

    def _one(self, request: Request) -> Painting | PlantainError:
        key = request_key(self.identity, request)
        try:
            record = read_answer(self.path(key)) or self._asked(request, key)
            return self._painting(record, request, key)
        except PlantainError as error:
            return error
        except OSError as error:
            return PainterGone(f"answers cannot be kept in {self.kept} ({error.strerror or error}); nothing was asked")
        except Exception as error:  # a client may say anything, the key too
            return PainterError(self.clean(f"{self.identity.name} failed: {type(error).__name__}: {error}"))

    def _asked(self, request: Request, key: str) -> dict[str, Any]:
        """The answer of the service, kept; asked for again where that may help. PainterError, PainterGone."""
        self._check(request, key)
        started = time.monotonic()
        for attempt in range(1, self.tries + 1):
            self.pause(self._resume_at - time.monotonic())
            came = self._try(request, key)
            if isinstance(came, dict):
                self._failed_in_row, self._answered = 0, True
                return came
            fault = came
            if not fault.again or (fault.doubt and self.resend is False):
                raise (PainterGone if fault.gone else PainterError)(self.clean(f"{self.identity.name}: {fault.text}"))
            wait = self._wait_s(attempt, fault)
            if attempt == self.tries or time.monotonic() - started + wait > self.patience_s:
                break
            self.pause(wait)
        self._failed_in_row += 1
        down = self._failed_in_row > 2 or not self._answered  # not one bad photo: the service itself
        hint = f"; it asks to wait {fault.wait_s:.0f} s" if (fault.wait_s or 0) > self.patience_s else ""
        count = f"{attempt} tries" if attempt > 1 else "1 try"
        told = f"{self.identity.name}: {fault.text} ({count} in {time.monotonic() - started:.0f} s{hint})"
        raise (PainterGone if down else PainterError)(self.clean(told))

    def _check(self, request: Request, key: str) -> None:
        """Whether a request may be asked for at all. PainterError, PainterGone."""
        name, doubt = self.identity.name, self.ledger.doubtful.get(key)
        if self.dry_run:
            usd = self.price.usd(self.most(request))
            raise PainterError(f"dry run: {name} was not asked; this may cost ${usd:.3f}")
        if self._unwritable is not None:
            raise PainterGone(f"not asked: {self._unwritable}")
        if self.not_in_batch is not None:
            why = self.not_in_batch.get(key, "no batch has asked for it; predict, edit and generate make one")
            raise PainterError(f"{name}: {why}")
        if self.not_in_batch is None and key in self._in_batch:
            record = self._in_batch[key]
            raise PainterError(
                f"{name}: a batch that has not ended asks for this; go on with --batch, or delete {record}"
            )
        if doubt and not (self.resend or (self.resend is None and doubt == "broken")):
            raise PainterError(
                f"{name}: an earlier call for this was {doubt} and may have been paid without an answer; with --option "
                "resend=true it is made again"
            )

    def _try(self, request: Request, key: str) -> dict[str, Any] | Fault:
        """One call. What came back is on disk before anything else is done with it."""
        most = self.price.usd(self.most(request))
        call = self.ledger.begin(key, most, lambda: read_answer(self.path(key)))
        if not call:  # somebody else has asked for the same meanwhile
            return read_answer(self.path(key)) or Fault("the kept answer has gone", again=True)
        start = time.monotonic()
        try:
            answer = self.ask(request)
        except BaseException as error:
            fault = self.meaning(error)
            if fault.refusal is None:
                self._settle(call, most if fault.doubt else 0.0, "broken" if fault.doubt else "")
                if not isinstance(error, Exception):  # Ctrl-C
                    raise
                return fault
            answer, usd = fault.refusal, 0.0
        else:
            usd = self.cost(answer, most)
        record = self.keep(key, answer, usd, time.monotonic() - start)
        self._settle(call, usd)
        return record

    def meaning(self, error: BaseException) -> Fault:
        """What an error of a call means, whatever it is."""
        if isinstance(error, PlantainError):  # of ours: nothing was sent
            return Fault(str(error))
        try:
            told = self.fault(error) if isinstance(error, Exception) else None
        except NO_SENSE:
            told = None
        return told or connection_fault(error, self.timeout_s)

    def _settle(self, call: str, usd: float, doubt: str = "") -> None:
        """Ends a call in the ledger; where that cannot be written, nothing more is asked."""
        try:
            self.ledger.end(call, usd, doubt)
        except OSError as error:
            self._unwritable = OutputError(f"cannot write {self.ledger.path}: {error.strerror or error}")

    def cost(self, answer: Mapping[str, Any], most: float) -> float:
        """USD that an answer says it cost; `most` where it does not say so."""
        used = self._used(answer)
        return most if used is None else self.price.usd(used)

    def _used(self, answer: Mapping[str, Any]) -> Tokens | None:
        try:
            return self.used(answer)
        except NO_SENSE:
            return None

    def _wait_s(self, attempt: int, fault: Fault) -> float:
        """Seconds before the next try: what the service asks for and a little more, else twice as long each time."""
        if fault.wait_s is None:
            return min(LONGEST_PAUSE_S, self.pause_s * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
        if fault.wait_s <= self.patience_s:  # all calls wait: it is not this photo that the service has enough of
            self._resume_at = max(self._resume_at, time.monotonic() + fault.wait_s)
        return fault.wait_s * random.uniform(1.0, 1.2)

    def keep(
        self, key: str, answer: Mapping[str, Any], usd: float, seconds: float = 0.0, **more: str
    ) -> dict[str, Any]:
        """Writes an answer as it came; where that cannot be, it is still used, and nothing more is asked."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        record = {
            "model": self.identity.name,
            "at": at,
            "usd": usd,
            "seconds": round(seconds, 3),
            "answer": answer,
            **more,
        }
        try:
            with writing(self.path(key)) as beside:
                beside.write_text(self.clean(json.dumps(record)))
        except OutputError as error:
            self._unwritable = error
        return record

    # ---- reading

    def _painting(self, record: dict[str, Any], request: Request, key: str) -> Painting:
        """The picture of an answer. PainterError for a refusal, and for what is none."""
        try:
            data = decoded(record["picture"]) if "picture" in record else self.picture(record["answer"])
            if isinstance(data, str):  # a link, which does not last
                data = fetched(data, self.url, self.timeout_s)
                self.keep(key, record["answer"], record["usd"], record["seconds"], picture=encoded(data))
            pixels, lossy = read_picture(data)
            pixels = fitted(pixels, request)
        except (PainterError, *NO_SENSE) as error:
            told = error if isinstance(error, PainterError) else "the answer makes no sense"
            again = "not asked again; to ask anew take another --seed, or delete"
            raise PainterError(self.clean(f"{self.identity.name}: {told} ({again} {self.path(key)})")) from None
        used = self._used(record["answer"])
        tokens = None if used is None else used.total
        return Painting(pixels, usage=Usage(record["seconds"], tokens, record["usd"]), lossy=lossy)


def place_of(url: str) -> str:
    """Host and port, without the name and password that may stand before them.

    >>> place_of("http://me:secret@localhost:8091/v1")
    'localhost:8091'
    """
    return urlsplit(url).netloc.rpartition("@")[2]


def batch_files(kept: Path) -> list[Path]:
    """The records of batches that have not ended, in a folder of answers."""
    return sorted((kept / "batches").glob("*.json"))


def read_answer(path: Path) -> dict[str, Any] | None:
    """A kept answer; None for none, and for a damaged file."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "answer" in record else None


def _from_keyring(name: str) -> str | None:
    """A key from the system's store of passwords, where keyring is installed: service plantain, user NAME."""
    try:
        import keyring

        return keyring.get_password("plantain", name)
    except Exception:  # not installed, locked, or no store at all
        return None

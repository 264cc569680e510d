"""The batch mode of a service: half the price, answers within a day. What is asked and what came back are on disk, so
that a run that was killed finds its batches again by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from plantain.errors import PainterGone
from plantain.files import staging, writing
from plantain.models.painters.cached import request_key
from plantain.models.painters.hosted.base import Hosted, batch_files
from plantain.models.painters.hosted.budget import locked
from plantain.models.painters.hosted.pictures import encoded
from plantain.models.painting import Request

MOST_BYTES = 140 << 20  # of pixels in one file of requests: OpenAI takes 200 MB of base64, Google 2 GB
POLL_S = 30.0


@dataclass(frozen=True)
class Batch:
    """A batch on its way: the title that we gave it, the service's `name` for it ("" until that is known), and the keys
    of its requests."""

    title: str
    painter: str
    keys: tuple[str, ...]
    usd: float
    name: str = ""

    @property
    def entry(self) -> str:
        """What the ledger calls it."""
        return f"batch:{self.title}"

    def path(self, painter: Hosted) -> Path:
        return painter.kept / "batches" / f"{self.title}.json"

    def save(self, painter: Hosted, name: str = "") -> Batch:
        named = replace(self, name=name or self.name)
        with writing(self.path(painter)) as beside:
            beside.write_text(json.dumps(asdict(named)))
        return named


def paint_ahead(
    painter: Hosted, requests: Iterable[Request], say: Callable[[str], None], poll_s: float | None = None
) -> None:
    """Has the answers to requests kept by way of batches; returns when all have ended, however long that takes.

    What is kept already, or is in a batch that has not ended, is not asked again. Afterwards the painter answers from
    what is kept alone. PainterGone where the budget would be passed."""
    pause_s = POLL_S if poll_s is None else poll_s
    place = painter.kept / "batches" / ".lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a") as file, locked(file.fileno()):  # another process does not ask for the same meanwhile
        waiting = [found for one in _open(painter) if (found := _adopted(painter, one, pause_s)) is not None]
        asked = {key for one in waiting for key in one.keys}
        waiting += [_submit(painter, lines) for lines in _files(painter, requests, asked)]
    failed: dict[str, str] = {}
    for count, batch in enumerate(waiting, 1):
        failed |= _collected(painter, batch, say, f"batch {count} of {len(waiting)}", pause_s)
    painter.not_in_batch = failed


def _files(painter: Hosted, requests: Iterable[Request], asked: set[str]) -> Iterator[dict[str, Request]]:
    """What has to be asked, by key, in portions that a service takes."""
    lines, size = dict[str, Request](), 0
    for request in requests:
        key = request_key(painter.identity, request)
        if key in asked or painter.path(key).exists():
            continue
        asked.add(key)
        lines[key] = request
        size += sum(one.nbytes for one in request.images)
        if size > MOST_BYTES:
            yield lines
            lines, size = {}, 0
    if lines:
        yield lines


def _open(painter: Hosted) -> list[Batch]:
    """The batches of this painter that have not ended, as far as is known here."""
    found = [json.loads(path.read_text()) for path in batch_files(painter.kept)]
    made = [Batch(**record | {"keys": tuple(record["keys"])}) for record in found]
    return [one for one in made if one.painter == painter.identity.key]


def _adopted(painter: Hosted, batch: Batch, pause_s: float) -> Batch | None:
    """A batch with its name; None for one that never reached the service."""
    if batch.name:
        return batch
    while (name := _calling(painter, lambda: painter.batch_find(batch.title))) is None:
        painter.pause(pause_s)
    if name:
        return batch.save(painter, name)
    _ended(painter, batch, 0.0)
    return None


def _submit(painter: Hosted, lines: dict[str, Request]) -> Batch:
    usd = sum(painter.price.usd(painter.most(request)) for request in lines.values()) * painter.batch_share
    batch = Batch(f"plantain-{uuid4().hex[:12]}", painter.identity.key, tuple(lines), usd).save(painter)
    try:
        painter.ledger.begin(batch.entry, usd)
    except PainterGone:
        _ended(painter, batch, 0.0)
        raise
    with staging(batch.path(painter).parent) as stage:
        content = stage / "requests.jsonl"
        with content.open("w") as file:
            for key, request in lines.items():
                file.write(json.dumps(painter.batch_line(key, request), default=encoded) + "\n")
        try:
            return batch.save(painter, painter.batch_begin(content, batch.title))
        except Exception as error:
            fault = painter.meaning(error)
    if fault.doubt:
        raise PainterGone(f"{fault.text}: the batch may have begun; the same command finds out")
    _ended(painter, batch, 0.0)
    raise PainterGone(painter.clean(f"the batch was not taken: {fault.text}"))


def _collected(painter: Hosted, batch: Batch, say: Callable[[str], None], which: str, poll_s: float) -> dict[str, str]:
    """Waits for a batch and keeps its answers; gives why others lack."""
    told, lines = "", None
    while lines is None:
        state, files = _calling(painter, lambda: painter.batch_poll(batch.name)) or (told, None)
        if state != told:
            say(f"{which}: {len(batch.keys)} pictures, {state} ({batch.name})")
            told = state
        if files is not None:
            lines = _calling(painter, partial(_read, painter, files))
        if lines is None:
            painter.pause(poll_s)
    failed = dict.fromkeys(batch.keys, f"the batch {batch.name} ended without an answer ({told})")
    spent = 0.0
    for key, answer, error in lines:
        if answer is None:
            failed[key] = f"not answered in the batch: {painter.clean(error or told)}"
            continue
        most = batch.usd / len(batch.keys) / painter.batch_share
        usd = 0.0 if "error" in answer else painter.cost(answer, most) * painter.batch_share
        spent += usd
        if failed.pop(key, None) is not None:  # the first of several: some services answer twice
            painter.keep(key, answer, usd)
    _ended(painter, batch, spent)
    return failed


def _read(painter: Hosted, files: list[str]) -> list[tuple[str, Mapping[str, Any] | None, str]]:
    return [line for file in files for line in painter.batch_read(file)]


def _ended(painter: Hosted, batch: Batch, usd: float) -> None:
    if call := painter.ledger.find(batch.entry):
        painter.ledger.end(call, usd)
    batch.path(painter).unlink(missing_ok=True)


def _calling(painter: Hosted, call: Callable[[], Any]) -> Any:
    """What a free call gives; None where it failed in a way that passes. PainterGone."""
    try:
        return call()
    except Exception as error:
        fault = painter.meaning(error)
        if fault.again:
            return None
        raise PainterGone(painter.clean(f"{painter.identity.name}: {fault.text}")) from None

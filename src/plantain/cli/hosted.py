"""What painters behind a service need of the command line: a price before anything is asked, batches, a bill."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from plantain.cli.reporting import emit
from plantain.errors import PhotoError, UsageError

if TYPE_CHECKING:
    from plantain.cli.options import ModelArgs
    from plantain.models.painting import Request
    from plantain.pipeline.jobs import Job
    from plantain.pipeline.predictor import Predictor
    from plantain.pipeline.store import Store


@contextmanager
def opened(asking: ModelArgs, *, quiet: bool) -> Iterator[Predictor]:
    """The model that is asked for; at the end it is closed, and what it cost is said."""
    from plantain.pipeline.predictor import load

    with load(asking.model, **asking.given) as model:
        try:
            yield model
        finally:
            bill(model, quiet=quiet)


def bill(model: Predictor, *, quiet: bool) -> None:
    """Says what was spent, where anything was."""
    if not quiet and (told := model.model.note()):
        tell(told)


def ahead(jobs: Sequence[Job], model: Predictor, store: Store, asking: ModelArgs, *, quiet: bool) -> bool:
    """What is to be done before jobs are answered one by one: nothing, or a batch. True after a dry run, which is all
    there is to do."""
    if asking.dry_run:
        dry_run(jobs, model, store, quiet=quiet)
    elif asking.batch:
        from plantain.models.painters.hosted.batch import paint_ahead

        painter: Any = model.model
        wanted = (one for job in jobs for one in asked(job, model, store))
        paint_ahead(painter, wanted, lambda text: None if quiet else tell(text))
    return asking.dry_run


def asked(job: Job, model: Predictor, store: Store) -> Sequence[Request]:
    """What a job has to ask; nothing where its answer is there. A photo that cannot be read is left to the run."""
    try:
        return () if store.find(job, store.key(job)) else model.prepare(job).requests
    except (OSError, PhotoError):
        return ()


def dry_run(jobs: Sequence[Job], model: Predictor, store: Store, *, quiet: bool) -> None:
    """A JSON line a job: the calls that it needs and what they may cost. Nothing is asked, nothing is written."""
    painter: Any = model.model
    calls, usd, within = 0, 0.0, 0
    limit = painter.ledger.limit_usd
    for job in jobs:
        prices = [price for one in asked(job, model, store) if (price := painter.quote(one))]
        calls, usd = calls + len(prices), usd + sum(prices)
        within += limit is None or painter.ledger.spent_usd + usd <= limit
        photo = str(job.photo) if not isinstance(job.photo, bytes) and job.photo is not None else None
        emit({"image": photo, "id": job.id, "calls": len(prices), "usd": round(sum(prices), 6)})
    if not quiet:
        price = painter.price
        source = f"{price.source}, {price.date}" if price.date else price.source
        batch = f"; ${usd * painter.batch_share:.2f} with --batch" if painter.batch_share < 1 else ""
        spent = painter.ledger.spent_usd
        tell(f"dry run, nothing was asked: {calls} calls of {model.name} for ${usd:.2f} at most{batch} ({source})")
        tell(
            f"${spent:.2f} are spent so far"
            + ("" if limit is None else f" of ${limit:.2f}: enough for {within} of {len(jobs)}")
        )


def tell(text: str) -> None:
    """A line for people."""
    print(text, file=sys.stderr, flush=True)


def read_options(texts: Sequence[str]) -> dict[str, Any]:
    """Options of a model, each KEY=VALUE; a key with dots is an option within one.

    >>> read_options(["concurrency=8", "quality=low", "fields.guidance_scale=1.5"])
    {'concurrency': 8, 'quality': 'low', 'fields': {'guidance_scale': 1.5}}
    """
    made: dict[str, Any] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"--option takes KEY=VALUE, as in concurrency=8, not {text!r}")
        *outer, last = key.strip().split(".")
        inner = made
        for part in outer:
            inner = inner.setdefault(part, {})
        try:
            inner[last] = json.loads(value)
        except ValueError:
            inner[last] = value
    return made

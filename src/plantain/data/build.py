"""Sources -> shards of instruction samples: `plantain data build`.

Sample n hangs on the seed, n and the sources alone, and a shard on its samples: so any number of processes writes the
same shards, a finished shard is never written again, and one that was cut off is begun anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data import instructions
from plantain.data.base import Example
from plantain.data.instructions import Instruction, Settings
from plantain.data.schedule import Schedule, in_rounds, seeds
from plantain.data.sources import REPLAY, Source, examples_of
from plantain.data.tars import (
    FORMAT,
    Member,
    finished,
    png_member,
    shard_name,
    webp_member,
    weight_member,
    write_lines,
    write_shard,
)
from plantain.errors import OutputError, PhotoError, PlantainError, TruthError, UsageError
from plantain.files import publish, read_text, staging, sweep

PER_SHARD, SMALLEST = 256, 16  # samples
PHOTOS_TRIED = 24  # for one sample: some photos are damaged, some have nothing to say in a view
PLAN = "plan.json"
Sample = tuple[str, Mapping[str, Any], list[Member]]


@dataclass(frozen=True)
class Plan:
    """What is built. `shares`: how often each source is drawn, the replayed pictures last, if there are any.
    `counts`: photos of each. `lossless`: photos as PNG too."""

    sources: tuple[Source, ...]
    shares: tuple[float, ...]
    counts: tuple[int, ...]
    settings: Settings
    samples: int
    seed: int = 0
    per_shard: int = PER_SHARD
    lossless: bool = False

    @cached_property
    def schedule(self) -> Schedule:
        return Schedule(self.shares, self.seed)

    @property
    def shards(self) -> int:
        return -(-self.samples // self.per_shard)

    def to_json(self) -> dict[str, Any]:
        """All that the shards hang on."""
        from plantain import __version__

        ids = hashlib.sha256("\n".join(e.id for s in self.sources for e in examples_of(s)).encode()).hexdigest()
        sources = [s.to_json() | {"share": x, "photos": n} for s, x, n in
                   zip(self.sources, self.shares, self.counts, strict=True)]  # fmt: skip
        canvases = [list(canvas) for canvas in self.settings.canvases]
        return {
            "format": FORMAT, "version": __version__, "samples": self.samples, "per_shard": self.per_shard,
            "seed": self.seed, "lossless": self.lossless, "sources": sources, "photos": ids, "canvases": canvases,
            "styles": list(self.settings.styles), "paired": self.settings.paired, "pairs": self.settings.pairs,
            "held_out": hashlib.sha256(b"".join(self.settings.held_out)).hexdigest(),
        }  # fmt: skip


def plan_build(
    sources: list[Source], settings: Settings, samples: int | None = None, replay: Source | None = None,
    replay_share: float = 0.2, **more: Any,
) -> Plan:  # fmt: skip
    """Reads which photos there are, and weighs the sources by their numbers; the replayed pictures get their share.

    Raises PhotoError for a folder that is no such set, UsageError for numbers that make no sense."""
    if replay is not None and not 0 < replay_share < 1:
        raise UsageError(f"the share of replayed pictures lies between 0 and 1, not {replay_share:g}")
    counts = [len(examples_of(source)) for source in sources]
    shares = [float(count) for count in counts]
    if replay is not None:
        counts.append(len(examples_of(replay)))
        shares.append(round(sum(shares) * replay_share / (1 - replay_share), 6))
    wanted = sum(counts) if samples is None else samples
    if wanted < 1:
        raise UsageError(f"samples must be at least 1, not {wanted}")
    every = (*sources, *([] if replay is None else [replay]))
    more = {
        "per_shard": min(PER_SHARD, max(SMALLEST, -(-wanted // 16)))
    } | more  # so that workers have something to share
    return Plan(every, tuple(shares), tuple(counts), settings, wanted, **more)


# ---- one sample, one shard


def make(plan: Plan, n: int, failures: list[str]) -> Sample:
    """Sample n: its key, record and files. What could not be read on the way is added to `failures`.

    Raises PhotoError where no photo of the source gives a sample."""
    rng = np.random.default_rng((plan.seed, n))
    part, j = plan.schedule.locate(n)
    source, examples = plan.sources[part], examples_of(plan.sources[part])
    own = seeds(plan.seed, [f"{s.kind}/{s.name}" for s in plan.sources])[part]
    for attempt in range(PHOTOS_TRIED):
        place = in_rounds(j, len(examples), own) if attempt == 0 else int(rng.integers(len(examples)))
        try:
            made = _instruction(source, examples[place], examples, plan.settings, rng)
        except (PhotoError, TruthError) as error:
            failures.append(str(error))
            continue
        if made is not None:
            return stored(plan, n, source, examples[place], made)
    why = f": {failures[-1]}" if failures else "; its photos have no truth that a question is known for"
    raise PhotoError(f"none of {PHOTOS_TRIED} photos of {source.name} gives a sample{why}")


def _instruction(
    source: Source, example: Example, examples: tuple[Example, ...], settings: Settings, rng: np.random.Generator
) -> Instruction | None:
    if source.kind == REPLAY:
        return instructions.replay(example, settings, rng)
    return instructions.instruct(example, examples, settings, rng)


def stored(plan: Plan, n: int, source: Source, example: Example, made: Instruction) -> Sample:
    """A sample as it lies in a shard."""
    members = [png_member("tgt.png", made.target)]
    for number, shown in enumerate(made.references, 1):
        name = "src" if number == 1 else f"src{number}"
        exact = plan.lossless or shown.kind == "painting"
        members.append(png_member(f"{name}.png", shown.pixels) if exact else webp_member(f"{name}.webp", shown.pixels))
    weight = weight_member(made.weight)
    members += [] if weight is None else [weight]
    height, width = made.target.shape[:2]
    record = {
        "key": f"{n:08d}", "prompt": made.prompt, "source": source.name, "id": example.id, "split": source.split,
        "license": source.terms, "size": [width, height], "seed": plan.seed,
        "shown": [{"kind": shown.kind} | dict(shown.about) for shown in made.references],
    } | dict(made.record)  # fmt: skip
    return f"{n:08d}", record, members


def build_shard(plan: Plan, folder: Path, number: int) -> list[str]:
    """Writes one shard; gives what could not be read. Raises OutputError and PhotoError alone: these can be pickled."""
    failures: list[str] = []
    span = range(number * plan.per_shard, min((number + 1) * plan.per_shard, plan.samples))
    try:
        write_shard(folder, number, (make(plan, n, failures) for n in span))
    except PlantainError as error:
        raise (OutputError if isinstance(error, OutputError) else PhotoError)(str(error)) from None
    return failures


# ---- all shards


def build(plan: Plan, folder: Path, workers: int = 1, done: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Writes what is missing of the shards, and then the index; `done` is called for each shard that is there.

    Gives a report: samples, shards, seconds, and the photos that could not be read. Raises UsageError for a folder that
    holds shards of another plan, OutputError, PhotoError."""
    start = time.monotonic()
    _claim(plan, folder)
    sweep(folder)
    missing = [number for number in range(plan.shards) if finished(folder, number) is None]
    for _ in range(plan.shards - len(missing)):
        done()
    failures = dict[str, None]()
    for told in _run(plan, folder, missing, workers):
        failures |= dict.fromkeys(told)
        done()
    _index(plan, folder)
    made = sum(min(plan.per_shard, plan.samples - number * plan.per_shard) for number in missing)
    return {
        "samples": plan.samples, "shards": plan.shards, "made": made, "seconds": round(time.monotonic() - start, 1),
        "unreadable": list(failures),
    }  # fmt: skip


def _run(plan: Plan, folder: Path, missing: list[int], workers: int) -> Iterator[list[str]]:
    if workers <= 1 or len(missing) <= 1:
        for number in missing:
            yield build_shard(plan, folder, number)
        return
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(build_shard, plan, folder, number) for number in missing]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            there = sum(finished(folder, number) is not None for number in range(plan.shards))
            raise OutputError(
                f"a worker was killed (out of memory?); {there} of {plan.shards} shards are whole: run the same "
                "command again, perhaps with fewer --workers"
            ) from None
        finally:
            _stop(pool, futures)


def _stop(pool: Executor, futures: list[Future[list[str]]]) -> None:
    for future in futures:
        future.cancel()
    pool.shutdown(wait=True, cancel_futures=True)


def _claim(plan: Plan, folder: Path) -> None:
    """Says in the folder what is built there. UsageError where that is something else."""
    wanted, path = plan.to_json(), folder / PLAN
    if path.is_file():
        there = json.loads(read_text(path))
        other = [key for key in wanted if there.get(key) != json.loads(json.dumps(wanted[key]))]
        if other:
            raise UsageError(
                f"{folder} holds shards that were built in another way (unlike: {', '.join(other)}); choose another "
                "folder, or delete this one"
            )
        return
    with staging(folder, path) as stage:
        (stage / PLAN).write_text(json.dumps(wanted, indent=1, ensure_ascii=False), encoding="utf-8")
        publish(stage, folder, (PLAN,))


def _index(plan: Plan, folder: Path) -> None:
    """Joins the lines of the shards."""
    heads, rows = [], []
    for number in range(plan.shards):
        lines = read_text(folder / f"{shard_name(number)}.jsonl").splitlines()
        heads.append(json.loads(lines[0]))
        rows += [json.loads(line) for line in lines[1:]]
    with staging(folder, folder / "index.json") as stage:
        write_lines(stage / "index.jsonl", rows)
        book = plan.to_json() | {"shards": heads}
        (stage / "index.json").write_text(json.dumps(book, indent=1, ensure_ascii=False), encoding="utf-8")
        publish(stage, folder, ("index.jsonl", "index.json"))

"""`tune("flux2_klein_lora", [shards], out)`: an open generator becomes a generalist that answers by painting."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from plantain.data.stream import Buckets, Mixture, Shards
from plantain.errors import UsageError
from plantain.files import sweep
from plantain.train import parallel
from plantain.train.loop import TrainingRun, own
from plantain.train.tuning import editor, plan
from plantain.train.tuning.conditions import Conditions
from plantain.train.tuning.presets import TuningPreset
from plantain.train.tuning.validation import Validation, items_of


def tune(
    preset: TuningPreset,
    data: Sequence[Path],
    out: Path,
    *,
    shares: Sequence[float] | None = None,
    weights: Path | None = None,
    cache: Path | None = None,
    validation: Path | None = None,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Tunes a generator on shards (`plantain data build`), mixed by `shares`; gives the folder of what comes out.

    `weights`: a folder of the generator instead of the hub's. What the generator is told of the samples is kept in
    `cache` (`out`/conditions when not said). `validation`: shards of held-out photos, measured every 500 steps into
    `out`/validation.jsonl. With torchrun, each process takes its part of every batch. SIGTERM saves a
    checkpoint and ends the process. UsageError, PhotoError, MissingExtra."""
    world = parallel.join()
    if preset.sharded and world.size == 1:
        raise UsageError("shards need several processes: torchrun --nproc-per-node 2 -m plantain train ... --sharded")
    tell = say if world.first else lambda _: None
    conditions_folder = cache or out / "conditions"
    resume = resume or parallel.restarted()
    if world.first:
        own(out, resume)
        for place in conditions_folder.glob("*"):
            sweep(place)
    world.wait()
    buckets = Buckets(Mixture([Shards(folder) for folder in data], shares, preset.seed), preset.batch)
    painter = editor.painter_of(preset, weights)
    plan.require_room(preset, painter, world.size)
    conditions = Conditions(painter, conditions_folder)
    validates = validation is not None and (world.first or preset.sharded)  # all of them, to put shards together
    held_out = items_of(validation, conditions, bool(preset.once)) if validation and validates else []
    trainee, stages = editor.prepare(preset, buckets, painter, conditions, tell, world.rank, world.size)
    world.wait()  # until all conditions are there
    trainee.data = described(data)
    run: TrainingRun[Any, Any] = TrainingRun(trainee, preset, out, resume, world)
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopped", True))
    check = Validation(trainee, held_out, out, tell, run.step, writes=world.first) if held_out else None
    for until, draw in stages:
        run.train(draw, until, tell, check)
        if run.stopped:
            raise SystemExit(f"stopped at step {run.step}; the checkpoint is in {out}; --resume goes on from there")
    trainee.updates = run.step
    made = run.export(out / "tuned")
    world.wait()
    return made


def described(data: Sequence[Path]) -> dict[str, Any]:
    """What a model card says of shards: numbers of samples by task, sources and licenses."""
    rows = [row for folder in data for row in Shards(folder).rows]
    tasks = Counter(str(row["task"]) for row in rows)
    sources = Counter(f"{row.get('source', '?')} ({row.get('license') or 'no license said'})" for row in rows)
    return {"samples": len(rows), "tasks": dict(tasks.most_common()), "sources": dict(sources.most_common())}

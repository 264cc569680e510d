"""How a run does on held-out samples while it goes on: what its paintings say, and what is left of the generator."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plantain.data.stream import Shards
from plantain.files import writing
from plantain.train.loop import half_precision, to
from plantain.train.tuning.conditions import Conditions, as_told
from plantain.train.tuning.editor import EditorTrainee, Item

SAMPLES = 64  # of a folder
TOGETHER = 4
GENERATION = ("text-to-image", "edit")  # tasks that have no numbers


def items_of(folder: Path, conditions: Conditions, once: bool) -> list[Item]:
    """Held-out samples, evenly from the whole folder, each with its own noise. Those of perception are painted in one
    step where `once`."""
    shards = Shards(folder)
    places = np.unique(np.linspace(0, len(shards) - 1, min(SAMPLES, len(shards))).round().astype(int))
    found = []
    for place in places.tolist():
        sample = as_told(conditions.painter, shards[place])
        perceived = once and sample.record["task"] not in GENERATION
        conditions.make([sample])
        found.append(Item(sample, conditions.read(sample), place, perceived))
    return found


class Validation:
    """`validation(step)` measures, says a line, and adds lines to OUT/validation.jsonl: by task the mean loss (of
    generation) or error of what is said in one step, its 95 % interval, and what it was before the first step."""

    def __init__(
        self, trainee: EditorTrainee, items: Sequence[Item], out: Path, say: Any = print, step: int = 0,
        writes: bool = True,
    ) -> None:  # fmt: skip
        """`step`: that the run goes on from; lines of later ones are dropped. `writes`: whether this process does."""
        self.trainee, self.items, self.out, self.say = trainee, items, out / "validation.jsonl", say
        self.writes = writes
        self.before = {row["task"]: row["before"] for row in self._read(step)}

    def __call__(self, step: int) -> None:
        found = defaultdict(list)
        for name, value in self._values():
            found[name].append(value)
        rows = [self._row(step, name, values) for name, values in sorted(found.items())]
        if not self.writes:
            return
        with self.out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        told = " ".join(f"{row['task']} {row['mean']:.3f} ({row['before']:.3f})" for row in rows)
        self.say(f"validation at step {step}, before tuning in brackets: {told}")

    def _row(self, step: int, name: str, values: Sequence[float]) -> dict[str, Any]:
        mean, error = float(np.mean(values)), 1.96 * float(np.std(values)) / len(values) ** 0.5
        before = self.before.setdefault(name, mean)
        return {"step": step, "task": name, "mean": mean, "low": mean - error, "high": mean + error, "n": len(values),
                "before": before}  # fmt: skip

    @torch.no_grad()
    def _values(self) -> Iterator[tuple[str, float]]:
        device = torch.device(self.trainee.preset.device)
        for i in range(0, len(self.items), TOGETHER):
            batch = to(self.trainee.collate(self.items[i : i + TOGETHER]), device)
            with half_precision(device):
                losses = self.trainee.losses(batch)
            counts = torch.as_tensor(losses.weights).expand_as(losses.values).tolist()
            for name, value, counted in zip(losses.names, losses.values.tolist(), counts, strict=True):
                if counted:
                    yield name, value

    def _read(self, step: int) -> list[dict[str, Any]]:
        """The lines up to the step that the run goes on from, which are all that stays; none of a new run."""
        lines = self.out.read_text(encoding="utf-8").splitlines(keepends=True) if step and self.out.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
        kept = [row for row in rows if row["step"] <= step]
        if self.writes:
            with writing(self.out) as beside:
                beside.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        return kept

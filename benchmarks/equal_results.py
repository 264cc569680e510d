"""Scores kept runs again and names every figure that has moved: those of the runs, and those of a committed table.

    python benchmarks/equal_results.py runs/results [--table docs/generated/results.md] [--limit 1e-6]

The folders are left as they are: lines and scores of the second scoring go to a folder for a while. Exit code 1 where a
figure moved by more than the limit, a run could not be scored again, or the table says something else.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from plantain.cli.bench import run_folders
from plantain.errors import PlantainError
from plantain.eval.run import Run
from plantain.pipeline.predictor import load
from results import SHORT, figure


def figures(scores: Mapping[str, Any]) -> dict[str, float]:
    """Every number that a run's scores.json says, by its name."""
    flat = {f"{name}[{i}]": value for name, values in scores["scores"].items() for i, value in enumerate(values)}
    flat |= scores["parts"] | {f"confidence {name}": value for name, value in scores["confidence"].items()}
    return flat | {name: scores[name] for name in ("n", "failed", "decoded_only")}


def moved(before: Mapping[str, Any], after: Mapping[str, Any], limit: float) -> list[str]:
    """Figures that are not the same to within the limit; NaN and None are the same as themselves."""
    old, new = figures(before), figures(after)
    lines = [f"{name} is {'gone' if name in old else 'new'}" for name in sorted(old.keys() ^ new.keys())]
    for name in old.keys() & new.keys():
        a, b = (np.nan if value is None else float(value) for value in (old[name], new[name]))
        if not (a == b or np.isnan([a, b]).all() or abs(a - b) <= limit):
            lines.append(f"{name}: {a:.7g} before, {b:.7g} now")
    return sorted(lines)


def rescored(folder: Path, home: Path) -> Run:
    """The run scored again by today's code, in a folder that shares the kept answers."""
    beside = home / folder.name
    beside.mkdir()
    for name in ("run.json", "rows.jsonl"):
        shutil.copy(folder / name, beside / name)
    for name in ("paintings", "answers"):
        if (folder / name).is_dir():
            (beside / name).symlink_to((folder / name).resolve())
    run = Run.open(beside)
    with load(run.config.model, **run.config.options) as model:
        run.rescore(model)
    return run


def said(table: str, run: Run) -> bool:
    """Whether the row of the run's benchmark says its primary figure."""
    title = SHORT.get(run.benchmark.id, f"{run.benchmark.id}, {run.benchmark.primary}")
    row = next((line for line in table.splitlines() if line.startswith(f"| {title} |")), "")
    return any(figure(run, interval) in row for interval in (True, False))


def problems(folder: Path, table: str | None, limit: float) -> Iterator[str]:
    """What is not as it was, of one run."""
    with TemporaryDirectory() as home:
        try:
            run = rescored(folder, Path(home))
        except PlantainError as error:
            yield str(error)
            return
        yield from moved(json.loads((folder / "scores.json").read_text()), run.scores(), limit)
        if table is not None and not said(table, run):
            yield f"the table does not say {figure(run)}"


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("runs", type=Path, nargs="+")
    args.add_argument("--table", type=Path)
    args.add_argument("--limit", type=float, default=1e-6)
    given = args.parse_args()
    table, wrong = given.table.read_text() if given.table else None, 0
    for folder in [found for place in given.runs for found in run_folders(place)]:
        found = list(problems(folder, table, given.limit))
        wrong += bool(found)
        print(f"{folder}: {'; '.join(found) or 'equal'}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

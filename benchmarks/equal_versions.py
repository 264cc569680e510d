"""Whether today's code gives the figures of another version: its weights, its codes, the same pictures, to 1e-6.

    git worktree add ../old COMMIT
    python benchmarks/equal_versions.py ../old DATA [--limit 24] [--runs runs/equal]

The other version answers and scores by its own benchmarks/results.py; today's code then does the same with the weights
and the favorite codes of that version. Every figure that has moved is named. Exit code 1 where one has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from equal_results import moved
from plantain.eval.benchmarks import EXCERPTS
from plantain.eval.run import Run, RunConfig
from plantain.pipeline.predictor import PainterPredictor, load

CODES = "import json, plantain; print(json.dumps(dict(plantain.load('embedded').painter.codes)))"


def elsewhere(old: Path, *arguments: str) -> str:
    """Standard output of Python in this environment, with the other version's package."""
    paths = os.pathsep.join(str((old / name).resolve()) for name in ("src", "benchmarks"))
    made = subprocess.run(
        [sys.executable, *arguments], env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )
    if made.returncode:
        raise SystemExit(f"the other version ended with exit code {made.returncode}")
    return made.stdout


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("old", type=Path)
    args.add_argument("data", type=Path)
    args.add_argument("--limit", type=int, help="pictures a row")
    args.add_argument("--runs", type=Path, default=Path("runs/equal"))
    given = args.parse_args()
    limit = [] if given.limit is None else ["--limit", str(given.limit)]
    script, runs = str((given.old / "benchmarks" / "results.py").resolve()), str((given.runs / "old").resolve())
    elsewhere(given.old, script, str(given.data.resolve()), "--only", "embedded", "--runs", runs, *limit)
    (trunk,) = (given.old / "src").rglob("seedling/trunk.onnx")
    config = RunConfig("embedded", {"weights": str(trunk.parent)}, limit=given.limit)
    different = 0
    with load(config.model, **config.options) as model:
        assert isinstance(model, PainterPredictor)
        model.painter.codes = json.loads(elsewhere(given.old, "-c", CODES))
        for folder in sorted((given.runs / "old" / "embedded").iterdir()):
            row = EXCERPTS[folder.name.replace("excerpt-", "excerpt/")]
            run = Run(given.runs / "new" / folder.name, row, config, given.data)
            run.run(model)
            found = moved(json.loads((folder / "scores.json").read_text()), run.scores(), 1e-6)
            different += bool(found)
            print(f"{row.id}: {'; '.join(found) or 'equal'}", flush=True)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

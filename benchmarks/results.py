"""Every model that runs here on every row that it claims: the runs behind README and docs/evaluation-results.md.

    python benchmarks/results.py DATA [-o docs/evaluation-results.md] [--runs runs/results] [--limit N] [--only MODEL]

A run that is stopped goes on; `plantain bench report runs/results/*/*` makes the page with pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from plantain.bench.benchmarks import EXCERPTS
from plantain.bench.page import markdown
from plantain.bench.run import Run, Setting
from plantain.cli.talk import progress
from plantain.pipeline import load

PERSON, BOXES = ("people-excerpt/person", "portraits-excerpt/person"), ("coco-excerpt/person-boxes",)
PAIRS: dict[str, tuple[str, ...]] = {
    "embedded": tuple(EXCERPTS),
    "meter": ("nyu-excerpt/metric-depth", "nyu-excerpt/relative-depth"),
    "deeplab-voc": ("animals-excerpt/classes-voc", *PERSON),
    "u2netp": ("salient-excerpt/main-object", "mattes-excerpt/main-object"),
    "selfie": PERSON,
    "movenet": ("pose-excerpt/joints-12",),
    "nanodet": BOXES,
    "yolov8n": BOXES,
    "yolov8n-seg": (*BOXES, "coco-excerpt/person-masks", *PERSON),
    "pidinet": ("bsds-excerpt/edges",),
}


def over(data: Path, home: Path, limit: int | None, only: list[str]) -> Iterator[Run]:
    """Runs what is not answered yet."""
    for model, rows in PAIRS.items():
        if only and model not in only:
            continue
        options = {} if model == "embedded" else {"weights": str(data / "weights")}
        answerer = load(model, **options)
        for name in rows:
            run = Run(home / model / name.replace("/", "-"), EXCERPTS[name], Setting(model, options, limit=limit), data)
            if len(run.lines()) < len(run.examples):
                with progress(len(run.examples), f"{model} {name}", quiet=False) as bar:
                    run.over(answerer, bar.step)
            yield run


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("-o", "--out", type=Path, help="a file for the markdown table")
    args.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    args.add_argument("--limit", type=int, help="photos a row")
    args.add_argument("--only", nargs="*", default=[], help="these models alone")
    given = args.parse_args()
    runs = []
    for run in over(given.data, given.runs, given.limit, given.only):
        scores = run.scores()
        value, low, high = scores["scores"][scores["primary"]]
        print(
            f"{run.benchmark.id} {run.setting.model} {scores['primary']} {value:.4f} ({low:.4f} - {high:.4f})",
            flush=True,
        )
        runs.append(run)
    runs.sort(key=lambda run: (list(EXCERPTS).index(run.benchmark.id), list(PAIRS).index(run.setting.model)))
    if given.out:
        markdown(runs, given.out)


if __name__ == "__main__":
    main()

"""Every model that runs here on every row that it claims: the runs behind the README's table and the pages of results.

    python benchmarks/results.py DATA [--write] [--runs runs/results] [--limit N] [--only MODEL ...]

A run that is stopped goes on, and one that is there is not run again. `--write` writes results.md (a table of models)
and evaluation-results.md (every figure) in docs/generated, and five rows into README.md; `plantain bench report
runs/results/*/*` makes the page with pictures. The controls are trained first:

    plantain train unet_cpu --data DATA -o runs/unet
    plantain train unet_reader_cpu --data DATA -o runs/unet-reader
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from plantain.cli.reporting import progress
from plantain.eval.benchmarks import EXCERPTS
from plantain.eval.html_report import markdown
from plantain.eval.run import Run, RunConfig
from plantain.pipeline.predictor import load

ROOT = Path(__file__).parent.parent
PERSON, BOXES = ("people-excerpt/person", "portraits-excerpt/person"), ("coco-excerpt/person-boxes",)
CONTROL = (
    "nyu-excerpt/metric-depth", "nyu-excerpt/relative-depth", "nyu-excerpt/normals", "nyu-excerpt/classes-13",
    "camvid-excerpt/classes", "ade20k-excerpt/own-words", "ade20k-excerpt/classes-30", "kitti-excerpt/metric-depth",
    *PERSON, "salient-excerpt/main-object", "pose-excerpt/joints", "pose-excerpt/joints-12", "bsds-excerpt/edges",
)  # fmt: skip
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
    "unet": CONTROL,
    "unet-reader": CONTROL,
}
SHORT = {  # what README calls the rows it shows
    "nyu-excerpt/metric-depth": "NYU metric depth, delta1",
    "nyu-excerpt/relative-depth": "NYU relative depth, delta1",
    "nyu-excerpt/normals": "NYU normals, median degrees (low is good)",
    "kitti-excerpt/metric-depth": "KITTI metric depth, delta1",
    "camvid-excerpt/classes": "CamVid, 11 classes, mIoU",
    "ade20k-excerpt/own-words": "ADE20K, own words, mIoU",
    "animals-excerpt/classes-voc": "VOC animals, 21 classes, mIoU",
    "people-excerpt/person": "person, IoU",
    "salient-excerpt/main-object": "main object, IoU",
    "pose-excerpt/joints-12": "12 joints, PCK@0.2",
    "bsds-excerpt/edges": "BSDS edges, ODS",
    "coco-excerpt/person-boxes": "COCO persons, box AP50",
    "coco-excerpt/person-masks": "COCO persons, mask AP50",
}
IN_README = (
    "nyu-excerpt/metric-depth",
    "nyu-excerpt/normals",
    "camvid-excerpt/classes",
    "people-excerpt/person",
    "coco-excerpt/person-boxes",
)
RESULTS = ROOT / "docs/generated/results.md"
MARKS = "<!-- results -->", "<!-- /results -->"


def setting(model: str, data: Path, limit: int | None) -> RunConfig | None:
    """Whom to ask; None for a control that is not trained."""
    if model.startswith("unet"):
        weights = Path("runs") / model / "onnx"
        return RunConfig("unet", {"weights": str(weights)}, limit=limit) if weights.is_dir() else None
    return RunConfig(model, {} if model == "embedded" else {"weights": str(data / "weights")}, limit=limit)


def over(data: Path, home: Path, limit: int | None, only: Sequence[str]) -> Iterator[tuple[str, Run]]:
    """Runs what is not answered yet."""
    for model, rows in PAIRS.items():
        asked = setting(model, data, limit)
        if asked is None or (only and model not in only):
            continue
        answerer = load(asked.model, **asked.options)
        for name in rows:
            run = Run(home / model / name.replace("/", "-"), EXCERPTS[name], asked, data)
            with progress(len(run.examples), f"{model} {name}", quiet=False) as bar:
                run.run(answerer, bar.step)
            yield model, run


def table(runs: Sequence[tuple[str, Run]], rows: Sequence[str]) -> str:
    """A line a benchmark: the embedded generator, the control and the best specialist, with intervals."""
    by, before = {(model, run.benchmark.id): run for model, run in runs}, kept_controls()
    lines = [
        "| test | pictures | embedded generator | specialist baselines | U-Net, U-Net with reader | trivial baseline |",
        "|-|-:|-|-|-|-|",
    ]
    for name in rows:
        own = by.get(("embedded", name))
        if own is None:
            continue
        others = [f"{m} {figure(r)}" for (m, n), r in by.items() if n == name and m not in ("embedded", *CONTROLS)]
        control = ", ".join(figure(by[m, name], False) for m in CONTROLS if (m, name) in by)
        row, n, title = EXCERPTS[name], own.scores()["n"], title_of(name)
        lines.append(f"| {title} | {n} | {figure(own)} | {'; '.join(others)} | {control or before.get(title, '')} | "
                     f"{row.baseline} |")  # fmt: skip
    return "\n".join(lines) + "\n"


CONTROLS = ("unet", "unet-reader")


def title_of(name: str) -> str:
    """What a row is called."""
    return SHORT.get(name, f"{name}, {EXCERPTS[name].primary}")


def kept_controls() -> dict[str, str]:
    """The controls' figures as they stand in the page, for when they are not trained on this machine."""
    if not RESULTS.exists():
        return {}
    rows = [line.split(" | ") for line in RESULTS.read_text().splitlines() if line.startswith("| ")]
    return {row[0].removeprefix("| "): row[4] for row in rows if len(row) > 5}


def figure(run: Run, interval: bool = True) -> str:
    """The primary figure, with its interval."""
    value, low, high = run.scores()["scores"][run.benchmark.primary]
    digits = 1 if value >= 2 else 3
    said = "{:.{d}f} ({:.{d}f} - {:.{d}f})" if interval else "{:.{d}f}"
    return re.sub(r"\b0\.", ".", said.format(value, low, high, d=digits))


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("--write", action="store_true", help="write the tables into docs/ and README.md")
    args.add_argument("--runs", type=Path, default=Path("runs/results"), help="where the runs lie")
    args.add_argument("--limit", type=int, help="photos a row")
    args.add_argument("--only", nargs="*", default=[], help="these models alone")
    given = args.parse_args()
    runs = []
    for model, run in over(given.data, given.runs, given.limit, given.only):
        print(f"{run.benchmark.id} {model} {run.benchmark.primary} {figure(run)}", flush=True)
        runs.append((model, run))
    runs.sort(key=lambda pair: (list(EXCERPTS).index(pair[1].benchmark.id), list(PAIRS).index(pair[0])))
    if given.write:
        write(runs)


def write(runs: Sequence[tuple[str, Run]]) -> None:
    """The pages and README's table."""
    markdown([run for _, run in runs], ROOT / "docs" / "generated" / "evaluation-results.md")
    told = (
        "# Results: the embedded generator, and specialist models used as baselines\n\n"
        "95 % bootstrap intervals over pictures, in brackets. Made by "
        "`python benchmarks/results.py DATA --write`; every figure of every run with\nits confidence and rules: "
        "[evaluation-results.md](evaluation-results.md). The controls were trained on the same photographs by\n"
        "`plantain train unet_cpu` and `unet_reader_cpu`, 12 minutes each on two cores: 9,000 and 5,500 samples, where "
        "the embedded\ngenerator had 953,000. So they are a floor, not yet the comparison of kinds that they are for; "
        "that is a job of the\n[training queue](../training-queue.md). Where they are not trained, their figures stand "
        "as they were.\n\n"
    )
    RESULTS.write_text(told + table(runs, list(EXCERPTS)))
    page = ROOT / "README.md"
    before, rest = page.read_text().split(MARKS[0])
    page.write_text(f"{before}{MARKS[0]}\n{table(runs, IN_README)}{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()

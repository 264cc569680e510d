"""What the calibration beside every model's weights is worth, as a page; and presence on the pictures it never saw.

    python benchmarks/calibration.py [--runs runs/results] [-o docs/generated/calibration.md]

Errors are those that `plantain bench calibrate` wrote into the files: ECE on the half of each benchmark's pictures that
was not fitted. A calibrated probability can change a decision in one row alone, whether a thing is there; so its figure
is also given on that half of the pictures alone, from the kept run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from zlib import crc32

from plantain.eval.benchmarks import EXCERPTS
from plantain.eval.scores import rows_of
from plantain.models.painters.embedded import FOLDER
from plantain.models.specialists.base import CALIBRATIONS

PRESENCE = "coco-excerpt/presence"


def table() -> list[str]:
    """A row a model, task and benchmark."""
    lines = ["| model | task | benchmark | pictures | ECE before | after |", "|-|-|-|-:|-:|-:|"]
    files = {"embedded": FOLDER / "calibration.json"} | {p.stem: p for p in sorted(CALIBRATIONS.glob("*.json"))}
    for model, path in files.items():
        for task, fit in json.loads(path.read_text()).items():
            for benchmark, (before, after, n) in fit["ece"].items():
                lines.append(f"| {model} | {task} | {benchmark} | {n} | {before:.3f} | {after:.3f} |")
    return lines


def presence(runs: Path) -> str:
    """The figures of presence on the half that was not fitted; nothing where the run is not kept."""
    path = runs / "embedded" / PRESENCE.replace("/", "-") / "rows.jsonl"
    if not path.exists():
        return ""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    other = [line for line in lines if crc32(line["id"].encode()) % 2]
    scores = EXCERPTS[PRESENCE].metric.reduce(rows_of(other, "score"))
    return (f"\n`{PRESENCE}` of the embedded generator on the {len(other)} pictures that were not fitted: "
            f"MCC {scores['mcc']:.3f}, area under the ROC curve {scores['auc']:.3f}.\n")  # fmt: skip


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--runs", type=Path, default=Path("runs/results"))
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    body = "\n".join(table()) + "\n" + presence(given.runs)
    print(body)
    if given.out:
        made = "Made by `python benchmarks/calibration.py -o docs/generated/calibration.md`"
        head = f"# What calibration is worth\n\n{made}: ECE on the half of each row's pictures that was not fitted.\n\n"
        given.out.write_text(head + body)


if __name__ == "__main__":
    main()

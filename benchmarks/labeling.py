"""Label ten, get the rest: labels by words alone, and after ten photos were corrected, held against the truth.

    python benchmarks/labeling.py DATA [--only camvid defects] [--photos 60] [--pick review|random] [--keep FOLDER]

It runs the commands that people run, in a folder of photos: `plantain label` by words; then the photos of its folder
`review/` get their true labels (masks as pictures), and `plantain label --corrections` learns from them. Both times the
COCO file is read by pycocotools and scored on the photos that were not corrected: mIoU as written, where what is not
labeled counts as none of the classes, with 95 % bootstrap intervals over photos; and of the areas that the file holds,
and of those that were held back as unsure, how many have most of their pixels right. `--pick random` corrects ten
photos at random instead. Sets and their classes are those of `examples.py`; the generator was trained on the training
halves of all but the defects, and the photos here are of the test halves.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

from examples import ROWS, Row
from plantain.eval.metrics.labels import Segmentation
from plantain.eval.scores import bootstrap
from plantain.label.areas import Limits, found
from plantain.predictions.npz import from_npz

CORRECTED = 10
NONE = 255


def lay_out(row: Row, root: Path, home: Path, count: int) -> dict[str, np.ndarray]:
    """Photos as files; gives their true class numbers, -1 for none of the classes, -2 where nobody knows."""
    (home / "photos").mkdir(parents=True)
    truths = {}
    for name, read in sorted(row.photos(root, row.test))[:count]:
        photo, truth = read()
        Image.fromarray(photo).save(home / "photos" / f"{name}.png")
        ids = truth.ids if hasattr(truth, "ids") else np.where(truth.alpha[0] > 0.5, 0, -1)
        truths[name] = np.where(truth.confidence > 0, ids, -2)
    (home / "classes.txt").write_text("\n".join(classes_of(row)) + "\n")
    return truths


def classes_of(row: Row) -> tuple[str, ...]:
    return tuple(row.task.queries)


def label(home: Path, *more: str) -> dict[str, Any]:
    """One run of the command: what it says, its minutes, and those that a core was busy for it."""
    fixed = ["plantain", "label", "photos", "--classes", "classes.txt", "--format", "coco", "-o", "out", "--quiet"]
    start, before = time.monotonic(), cpu_s()
    told = subprocess.run([sys.executable, "-m", *fixed, *more], cwd=home, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    minutes = {"minutes": (time.monotonic() - start) / 60, "core minutes": (cpu_s() - before) / 60}
    return minutes | {"told": json.loads(told.stdout)}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def correct(home: Path, truths: dict[str, np.ndarray], classes: Sequence[str], pick: str) -> list[str]:
    """Writes the true labels of ten photos, as a person would paint them; gives their names."""
    laid = [path.stem for path in sorted((home / "out/review/after-0/images").iterdir())]
    names = laid if pick == "review" else random.Random(0).sample(sorted(truths), CORRECTED)
    (home / "corrected/labels").mkdir(parents=True)
    (home / "corrected/classes.txt").write_text("\n".join(classes) + "\n")
    for name in names:
        ids = np.where(truths[name] < 0, NONE, truths[name]).astype(np.uint8)
        Image.fromarray(ids).save(home / "corrected/labels" / f"{name}.png")
    return names


def labeled(home: Path, truths: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the COCO file says of every photo, as class numbers."""
    coco = COCO(str(home / "out/annotations.json"))
    maps = {name: np.full(truth.shape, -1) for name, truth in truths.items()}
    for image in coco.imgs.values():
        name = image["file_name"].removesuffix(".png")
        for own in coco.loadAnns(coco.getAnnIds(image["id"])):
            maps[name][coco.annToMask(own) > 0] = own["category_id"] - 1
    return maps


def figures(
    row: Row, maps: dict[str, np.ndarray], truths: dict[str, np.ndarray], names: Sequence[str]
) -> dict[str, Any]:
    """mIoU with its interval. What is none of the classes is one more class, where the set knows such a thing."""
    classes, ground = classes_of(row), row.metric == "iou" or row.task.background is not None
    metric = Segmentation((*classes, "background") if ground else classes, over="truth")

    def numbered(ids: np.ndarray) -> np.ndarray:
        return np.where((ids == -1) & ground, len(classes), ids)

    rows = [metric.measure(numbered(maps[name]), numbered(truths[name])) for name in names]
    scores, spread = metric.reduce(rows), bootstrap(metric, rows, ("miou",))
    said = np.concatenate([maps[name].ravel() >= 0 for name in names])
    right = np.concatenate([(maps[name] == truths[name]).ravel() for name in names])
    known = np.concatenate([truths[name].ravel() > -2 for name in names])
    each = {name: round(scores[f"iou:{name}"], 3) for name in metric.classes}
    sure = float(right[said & known].mean()) if (said & known).any() else None
    main = {"miou": scores["miou"], "interval": spread["miou"], "accuracy": scores["accuracy"]}
    return main | {"labeled": float(said.mean()), "right where labeled": sure, "iou": each}


def areas_right(
    row: Row, home: Path, truths: dict[str, np.ndarray], names: Sequence[str], *, learned: bool
) -> dict[str, Any]:
    """Of what was found in photos, how much has most of its known pixels right: of labels, and of what was not sure."""
    folder = next(one for one in (home / "out/answers").iterdir() if (one / "learned.npz").exists() == learned)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for name in names:
        (path,) = (folder / "answers").glob(f"{name}.semantic.*.npz")
        seen = found([from_npz(path)], classes_of(row), Limits(), apart=False).areas
        for mask, number, kept in zip(seen.mask if len(seen) else (), seen.class_id, seen.data["kept"], strict=True):
            truth = truths[name][mask & (truths[name] > -2)]
            right[bool(kept)].append(len(truth) > 0 and float((truth == number).mean()) > 0.5)
    told = {"labels": right[True], "unsure": right[False]}
    return {name: [len(all), round(float(np.mean(all)), 3) if all else None] for name, all in told.items()}


def measure(row: Row, root: Path, home: Path, count: int, pick: str) -> dict[str, Any]:
    truths = lay_out(row, root, home, count)
    by_words = label(home)
    before = labeled(home, truths)
    names = correct(home, truths, classes_of(row), pick)
    rest = [name for name in truths if name not in names]
    areas_before = areas_right(row, home, truths, rest, learned=False)
    by_examples = label(home, "--corrections", "corrected")
    after = labeled(home, truths)
    stand = all(np.array_equal(after[name], np.maximum(truths[name], -1)) for name in names)
    words, examples = figures(row, before, truths, rest), figures(row, after, truths, rest)
    about = {"set": row.name, "photos": len(truths), "corrected": len(names), "pick": pick, "corrected stand": stand}
    return about | {
        "words": words | areas_before | by_words,
        "examples": examples | areas_right(row, home, truths, rest, learned=True) | by_examples,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", default=["camvid", "defects"])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--pick", choices=("review", "random"), default="review")
    parser.add_argument("--keep", type=Path, help="Where the folders stay, to be looked at.")
    given = parser.parse_args()
    for row in (one for one in ROWS if one.name in given.only):
        row = Row(**(vars(row) | {"tests": max(given.photos, row.tests)}))
        with tempfile.TemporaryDirectory() as made:
            home = (given.keep or Path(made)) / f"{row.name}-{given.pick}"
            print(json.dumps(measure(row, given.data.resolve(), home, given.photos, given.pick)), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

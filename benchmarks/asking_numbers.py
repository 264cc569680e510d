"""How right are answers, not maps: distances on NYU and KITTI, counts on COCO, presence before and after calibration.

    python benchmarks/asking_numbers.py DATA [--weights FOLDER] [--limit 20] [--only distance counts presence]

Everything is asked by `plantain.ask`, in words. DATA is the folder of labeled photographs, FOLDER that of small
published networks (DATA/weights). Prints tables in Markdown.

- Distance: "how far is the bed?" of every thing that is labeled on at least 2 % of a photo, against the median of the
  true depth inside its labeled mask without its rim. KITTI has no labels: its cars are those that YOLOv8n-seg finds,
  and are true by LiDAR. Beside the answer's error stand that of the map on the thing's pixels and on the whole photo,
  and the calibration error of its confidence, right being within 25 %.
- Counts: "count the cars" of every class of COCO that is annotated in a photo, and of one that is not.
- Presence: "is there a cup?" of one class that is in the photo and one that is not, as in coco-excerpt/presence.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

import plantain
from plantain.answers import measures
from plantain.data.base import Example
from plantain.data.excerpts import read
from plantain.errors import PlantainError
from plantain.eval.metrics.presence import Existence
from plantain.pipeline.predictor import Predictor, load
from plantain.predictions.types import Depth

THINGS = (  # of NYU's 40 classes those that have one place; "the picture" would be the photo
    "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "counter", "desk", "dresser", "pillow",
    "mirror", "refrigerator", "television", "whiteboard", "person", "toilet", "sink", "lamp", "bathtub", "bag", "box",
)  # fmt: skip
SPELLED = {"refrigerator": "refridgerator"}  # as NYU has it
LEAST = 0.02  # of a photo's pixels that a thing is labeled on
PLURALS = {"person": "people", "mouse": "mice", "knife": "knives", "sheep": "sheep", "skis": "skis", "bus": "buses"}


def some(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The photos, or so many of them, always the same."""
    if limit is None or limit >= len(examples):
        return list(examples)
    return [examples[i] for i in sorted(np.random.default_rng(5).permutation(len(examples))[:limit])]


# ---- distance


def labeled(data: Path, limit: int | None) -> Iterator[tuple[Example, str, np.ndarray]]:
    """NYU's photos with their things: the name, and the mask."""
    for example in some(read(data, "nyu", "test_dev"), limit):
        true: Any = example.truth("labels")
        for name in THINGS:
            mask = true.ids == true.classes.index(SPELLED.get(name, name))
            if mask.mean() >= LEAST:
                yield example, name, mask


def cars(data: Path, weights: Path, limit: int | None) -> Iterator[tuple[Example, str, np.ndarray]]:
    """KITTI's photos with their cars, as a network finds them."""
    with load("yolov8n-seg", weights=weights / "yolov8n-seg_int8.tflite") as finder:
        for example in some(read(data, "kitti", "dev_test"), limit):
            found = finder.predict(example.photo, "instances of cars")
            masks = found.masks[found.scores >= measures.COUNTS]
            if len(masks) and masks.any(0).mean() >= LEAST / 10:
                yield example, "car", masks.any(0)


def distances(things: Iterable[tuple[Example, str, np.ndarray]], model: Predictor, set_: str) -> str:
    """A row: how many things, how many were found, and errors of answers and maps (medians, relative)."""
    asked, errors, sure, on_thing, inside = 0, [], [], [], []
    whole: dict[str, float] = {}
    for example, name, mask in things:
        truth: Any = example.truth("depth")
        known = truth.valid & mask
        if known.sum() < 50:
            continue
        asked += 1
        true = float(np.median(truth.values[measures.known(truth, mask)]))
        answer = plantain.ask(example.photo, f"how far is the {name}?", model)
        if example.id not in whole:
            depth: Any = model.predict(example.photo, "metric depth")
            whole[example.id] = relative(depth, truth, truth.valid)
        on_thing.append(relative(depth, truth, known))
        if answer.value is not None:
            errors.append(abs(answer.value - true) / true)
            low, high = answer.interval or (0.0, 0.0)
            inside.append(low <= true <= high)
            sure.append(answer.confidence)
    right = np.array(errors) < 0.25
    figures = [np.median(errors), right.mean(), off(np.array(sure), right), np.mean(inside), np.median(on_thing)]
    figures.append(np.median([*whole.values()]))
    return f"| {set_} | {len(whole)} | {asked} | {len(errors)} | " + " | ".join(f"{one:.3f}" for one in figures) + " |"


def off(confidence: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error, over 15 bins of equal width."""
    bins = np.minimum((confidence * 15).astype(int), 14)
    each = ((bins == one) for one in np.unique(bins))
    return float(sum(abs(confidence[on].mean() - right[on].mean()) * on.mean() for on in each))


def relative(depth: Depth, truth: Depth, where: np.ndarray) -> float:
    """The mean relative error of the map on some pixels."""
    return float((np.abs(depth.metres - truth.values)[where] / truth.values[where]).mean())


DISTANCE = """| set | photos | things | found | abs rel | within 25 % | ECE | in interval | map, thing | map |
|-|-:|-:|-:|-:|-:|-:|-:|-:|-:|"""


# ---- counts


def counted(data: Path, limit: int | None) -> Iterator[tuple[Example, str, int]]:
    """COCO's photos with how many of a class are annotated: every class of the photo, and one that is not there."""
    for example in some(read(data, "coco", "dev_test"), limit):
        true: Any = example.truth("instances")
        if example.facts.get("crowd_classes"):
            continue  # of a crowd nobody knows the number
        names = [true.classes[i] for i in true.labels]
        for name in dict.fromkeys(names):
            yield example, name, names.count(name)
        absent = [name for name in plantain_things() if name not in names]
        yield example, absent[crc32(example.id.encode()) % len(absent)], 0


def plantain_things() -> tuple[str, ...]:
    from plantain.vocabularies import COCO_THINGS

    return COCO_THINGS


def counts(rows: Sequence[tuple[Example, str, int]], model: Predictor) -> str:
    """A row: how often the count is exact, and its mean error, of what is there and what is not; refusals apart."""
    errors: dict[bool, list[int]] = {True: [], False: []}
    refused = 0
    for example, name, true in rows:
        try:
            answer = plantain.ask(example.photo, f"count the {PLURALS.get(name, f'{name}s')}", model)
        except PlantainError:
            refused += 1
            continue
        errors[true > 0].append(abs(int(answer.value) - true))
    there, gone = (np.array(errors[key] or [np.nan]) for key in (True, False))
    ones = f"{(there == 0).mean():.3f} | {there.mean():.2f} | {(gone == 0).mean():.3f}"
    return f"| {model.name} | {len(there)} | {len(gone)} | {refused} | {ones} |"


COUNT = """| model | classes there | not there | refused | exact, there | mean error, there | exact, not there |
|-|-:|-:|-:|-:|-:|-:|"""


# ---- presence


def presence(data: Path, limit: int | None, model: Predictor, how: str) -> str:
    """A row: Matthews' correlation at .5 and at the best threshold, area under the ROC curve, ECE."""
    from plantain.eval.benchmarks import EXCERPTS

    adapter, said, there = EXCERPTS["coco-excerpt/presence"].adapter, [], []
    for example in some(read(data, "coco", "dev_test"), limit):
        rng = np.random.default_rng((0, crc32(example.id.encode())))
        asked = adapter.ask(example, rng)
        truth = adapter.truth(example, asked)
        for task, true in zip(asked, truth, strict=True):
            answer = plantain.ask(example.photo, f"is there a {task.queries[0]}?", model)
            said.append(answer.presence or 0.0)
            there.append(bool(true))
    probability, true = np.array(said), np.array(there)
    at = {t: Existence(t).reduce([Existence(t).measure(probability, true)]) for t in np.linspace(0, 1, 51)[1:-1]}
    half = Existence().reduce([Existence().measure(probability, true)])
    best = max(at, key=lambda t: at[t]["mcc"])
    ece = off(probability, true)
    return (f"| {model.name}, {how} | {len(true)} | {half['mcc']:.3f} | {at[best]['mcc']:.3f} ({best:.2f}) | "
            f"{half['auc']:.3f} | {ece:.3f} |")  # fmt: skip


PRESENCE = """| model | questions | MCC at .5 | best MCC (threshold) | ROC area | ECE |
|-|-:|-:|-:|-:|-:|"""


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path, metavar="DATA")
    args.add_argument("--weights", type=Path, help="folder of small published networks; DATA/weights when not said")
    args.add_argument("--limit", type=int, help="so many photos of each set")
    args.add_argument("--only", nargs="+", default=["distance", "counts", "presence"])
    given = args.parse_args()
    weights, model = given.weights or given.data / "weights", load("embedded")
    if "distance" in given.only:
        print(DISTANCE, flush=True)
        print(distances(labeled(given.data, given.limit), model, "NYU test_dev"), flush=True)
        print(distances(cars(given.data, weights, given.limit), model, "KITTI dev_test"), flush=True)
    if "counts" in given.only:
        rows = list(counted(given.data, given.limit))
        print(f"\n{COUNT}", flush=True)
        print(counts(rows, model), flush=True)
        print(counts(rows, load("nanodet", weights=weights / "nanodet_m.onnx")), flush=True)
    if "presence" in given.only:
        print(f"\n{PRESENCE}", flush=True)
        print(presence(given.data, given.limit, load("embedded", calibrated=False), "before calibration"), flush=True)
        print(presence(given.data, given.limit, model, "after"), flush=True)


if __name__ == "__main__":
    main()

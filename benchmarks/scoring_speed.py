"""Speed of scoring beside the official tools, on made data, in one run.

    python benchmarks/scoring_speed.py [--pictures 500] [-o docs/generated/scoring-speed.md]

Confusion matrices of Cityscapes size (1024 x 2048, 34 labels, instances) and COCO box AP (80 classes, 3,500 truths and
50,000 answers at 500 pictures), beside pycocotools and, where it is installed, faster_coco_eval.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from plantain.eval.metrics.detection import Detection, Detections, Truths
from plantain.eval.metrics.labels import Cityscapes

CLASSES = 80
TRUTHS, ANSWERS = 7, 100  # a picture


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    out = do()
    return time.perf_counter() - start, out


def confusions(pictures: int) -> tuple[float, float]:
    """Seconds for all pictures, and peak memory in MB."""
    rng, metric = np.random.default_rng(0), Cityscapes()
    small = rng.integers(0, 34, (64, 128))
    labels = np.kron(small, np.ones((16, 16), np.uint8)).astype(np.uint8)
    number = np.kron(rng.integers(0, 4, (64, 128)), np.ones((16, 16), int))
    instances = np.where(labels >= 24, labels.astype(np.int32) * 1000 + number, labels).astype(np.int32)
    answer = np.roll(labels, 5, 1)
    seconds, _ = timed(lambda: metric.reduce([metric.measure(answer, (labels, instances)) for _ in range(pictures)]))
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def boxes(pictures: int) -> list[tuple[Detections, Truths]]:
    """Answers around truths and elsewhere; corners x0 y0 x1 y1."""
    rng, out = np.random.default_rng(1), []
    for _ in range(pictures):
        true = _corners(rng, TRUTHS)
        labels = rng.integers(0, CLASSES, TRUTHS)
        near = np.repeat(true, 5, 0) + rng.normal(0, 6, (TRUTHS * 5, 4))
        found = np.concatenate([near, _corners(rng, ANSWERS - len(near))])
        kinds = np.concatenate([np.repeat(labels, 5), rng.integers(0, CLASSES, ANSWERS - len(near))])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        area = (true[:, 2] - true[:, 0]) * (true[:, 3] - true[:, 1])
        out.append((Detections(found, kinds, rng.random(ANSWERS)), Truths(true, labels, area, np.zeros(TRUTHS, bool))))
    return out


def _corners(rng: np.random.Generator, n: int) -> np.ndarray:
    low = rng.uniform(0, 400, (n, 2))
    return np.concatenate([low, low + rng.uniform(10, 200, (n, 2))], 1)


def ours(data: list[tuple[Detections, Truths]]) -> float:
    metric = Detection(tuple(map(str, range(CLASSES))))
    return metric.reduce([metric.measure(p, t) for p, t in data])["ap"]


def coco(data: list[tuple[Detections, Truths]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same as COCO's dictionaries."""
    truths, answers = [], []
    for i, (found, true) in enumerate(data):
        for box, label, area in zip(true.boxes, true.labels, true.areas, strict=True):
            truths.append({"id": len(truths) + 1, "image_id": i, "category_id": int(label) + 1, "bbox": _sides(box),
                           "area": float(area), "iscrowd": 0})  # fmt: skip
        answers += [{"image_id": i, "category_id": int(k) + 1, "bbox": _sides(b), "score": float(s)}
                    for b, k, s in zip(found.boxes, found.labels, found.scores, strict=True)]  # fmt: skip
    images = [{"id": i, "width": 640, "height": 640} for i in range(len(data))]
    kinds = [{"id": c + 1, "name": str(c)} for c in range(CLASSES)]
    return {"images": images, "annotations": truths, "categories": kinds}, answers


def _sides(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def official(kind: Any, evaluator: Any, data: tuple[dict[str, Any], list[dict[str, Any]]]) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        book = kind()
        book.dataset = data[0]
        book.createIndex()
        run = evaluator(book, book.loadRes(data[1]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0])


def rivals() -> dict[str, tuple[Any, Any]]:
    found = {}
    with contextlib.suppress(ImportError):
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        found["pycocotools"] = (COCO, COCOeval)
    with contextlib.suppress(ImportError):
        import faster_coco_eval as faster

        found["faster_coco_eval"] = (faster.COCO, faster.COCOeval_faster)
    return found


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pictures", type=int, default=500)
    args.add_argument("-o", "--out", type=Path, help="a file for the table")
    given = args.parse_args()
    lines = [f"# Speed of scoring\n\nMade by `python benchmarks/scoring_speed.py --pictures {given.pictures}`.\n",
             "| what | seconds | figure |", "|-|-:|-|"]  # fmt: skip
    seconds, peak = confusions(given.pictures)
    lines.append(
        f"| {given.pictures} Cityscapes confusion matrices with instances | {seconds:.1f} | peak {peak:.0f} MB |"
    )
    data = boxes(given.pictures)
    seconds, ap = timed(lambda: ours(data))
    lines.append(f"| COCO box AP, Plantain | {seconds:.1f} | AP {ap:.9f} |")
    dictionaries = coco(data)
    for name, (kind, evaluator) in rivals().items():
        theirs, value = timed(lambda k=kind, e=evaluator: official(k, e, dictionaries))
        lines.append(f"| COCO box AP, {name} | {theirs:.1f} ({theirs / seconds:.1f} times ours) | AP {value:.9f} |")
    print("\n".join(lines))
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

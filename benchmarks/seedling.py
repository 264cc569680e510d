"""The embedded generator on real test photographs, beside the trivial answers, with 95 % bootstrap intervals.

    python benchmarks/seedling.py DATA [--only nyu-depth camvid] [--limit 50] [--weights FOLDER] [-o docs/results.md]

Every figure is read from paintings through the public pipeline: photo -> prompt -> painting -> decode -> full size.
Rules (crops, caps, alignments) stand in each row's `protocol`. DATA is the excerpt folder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import plantain
from plantain import tasks
from plantain.data.base import Example
from plantain.data.excerpts import NYU_CROP, read

Rows = list[np.ndarray]  # one array of sufficient statistics a picture
Predict = Callable[[Example, tasks.Task], Any]


@dataclass(frozen=True)
class Row:
    """One line of the table: which pictures, what is measured of each, how the measures become one figure."""

    source: str
    split: str
    measure: Callable[[Example, Predict, np.random.Generator], np.ndarray | None]
    reduce: Callable[[np.ndarray], float]
    trivial: str
    aim: str
    protocol: str


# ---- measures: one picture -> numbers


def delta1_absrel(metres: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Share of pixels within a factor of 1.25 (strictly), and the mean relative error."""
    ratio = np.maximum(metres / truth, truth / metres)
    return np.array([(ratio < 1.25).mean(), (np.abs(metres - truth) / truth).mean()])


def nyu_depth(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    truth: Any = example.truth("depth")
    metres = predict(example, tasks.MetricDepth()).metres[NYU_CROP]
    known = truth.values[NYU_CROP] > 0
    return delta1_absrel(metres[known].clip(0.1, 10), truth.values[NYU_CROP][known])


def kitti_depth(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    truth: Any = example.truth("depth")
    known = truth.valid & (truth.values < 80)
    return delta1_absrel(predict(example, tasks.MetricDepth()).metres[known].clip(0.5, 80), truth.values[known])


def nyu_relative(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    truth: Any = example.truth("depth")
    y = truth.values[NYU_CROP].ravel()
    x = predict(example, tasks.RelativeDepth()).relative[NYU_CROP].ravel()
    design = np.stack([x, np.ones_like(x)], 1)
    scale_shift = np.linalg.lstsq(design, y, rcond=None)[0]
    return delta1_absrel((design @ scale_shift).clip(0.1, None), y)


def nyu_normals(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    """A histogram of angular errors in tenths of a degree."""
    truth: Any = example.truth("normals")
    seen = predict(example, tasks.Normals()).xyz[NYU_CROP]
    known = truth.valid[NYU_CROP]
    cosine = (seen * truth.xyz[NYU_CROP]).sum(-1)[known].clip(-1, 1)
    return np.bincount((np.degrees(np.arccos(cosine)) * 10).astype(int), minlength=1801)


def confusion(ids: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Rows are the truth; -1 is not counted in it, and counts as none of the classes in the answer."""
    known = truth >= 0
    answer = np.where(ids[known] < 0, classes, ids[known])
    both = truth[known].astype(np.int64) * (classes + 1) + answer
    return np.bincount(both, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def legend_of(names: Sequence[str], rng: np.random.Generator) -> tasks.Semantic:
    return tasks.Semantic.of(list(names), background=None, seed=int(rng.integers(1 << 30)))


def by_name(ids: np.ndarray, classes: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Ids of `classes` as ids of `names`; what is not among them becomes -1."""
    table = np.array([*(names.index(c) if c in names else -1 for c in classes), -1])
    return table[ids]


def all_classes(truth: str, names: Sequence[str] | None = None) -> Callable[..., np.ndarray]:
    def measure(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
        true: Any = example.truth(truth)
        wanted = list(names or [c for c in true.classes if c not in ("unlabelled", "background")])
        seen = predict(example, legend_of(wanted, rng))
        return confusion(by_name(seen.ids, seen.classes, wanted), by_name(true.ids, true.classes, wanted), len(wanted))

    return measure


def own_words(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray | None:
    """The picture's own (up to 8) commonest classes of at least 1 %; pictures with fewer than 3 are left out."""
    true: Any = example.truth("labels")
    share = np.bincount(true.ids[true.ids >= 0], minlength=len(true.classes)) / true.ids.size
    asked = [i for i in np.argsort(-share, kind="stable")[:8] if share[i] >= 0.01]
    if len(asked) < 3:
        return None
    names = [true.classes[i] for i in asked]
    seen = predict(example, legend_of(names, rng))
    answer = np.array([*(asked[names.index(c)] for c in seen.classes), -1])[seen.ids]
    return confusion(answer, np.where(np.isin(true.ids, asked), true.ids, -1), len(true.classes))


def mask_iou(text: str, truth: str = "mask") -> Callable[..., np.ndarray]:
    def measure(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
        true: Any = example.truth(truth)
        seen = predict(example, tasks.Refer(text)).masks[0]
        on = true.alpha[0] > 0.5
        return np.array([(seen & on).sum() / max((seen | on).sum(), 1)])

    return measure


def pck(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    """Joints within 0.2 of the larger side of the joints' box; a joint that is not painted is a miss."""
    true: Any = example.truth("keypoints")
    seen = predict(example, tasks.Keypoints(names=true.names))
    where = {n: xy for n, xy in zip(seen.names, seen.xy, strict=True)}
    side = np.ptp(true.xy[true.visible], axis=0).max()
    away = [np.hypot(*(where[n] - xy)) for n, xy, v in zip(true.names, true.xy, true.visible, strict=True) if v]
    return np.array([(np.array(away) < 0.2 * side).sum(), len(away)], float)


THRESHOLDS = np.linspace(0.02, 0.98, 49)


def edge_counts(example: Example, predict: Predict, rng: np.random.Generator) -> np.ndarray:
    """Per threshold: matched and painted pixels, matched and drawn pixels. The matcher is simple: a pixel matches when
    another lies within .0075 of the diagonal (dilation, not one to one): higher than the official figures."""
    strength = thin(predict(example, tasks.Edges()).alpha[0])
    reach = 0.0075 * np.hypot(*strength.shape)
    bits = annotators(example)
    near_any = spread(bits.any(0).astype(np.float32), reach) > 0
    near_painted = spread(strength, reach)
    painted = np.array([(strength >= t).sum() for t in THRESHOLDS])
    hit = np.array([((strength >= t) & near_any).sum() for t in THRESHOLDS])
    found = np.array([sum((near_painted[b] >= t).sum() for b in bits) for t in THRESHOLDS])
    return np.stack([hit, painted, found, np.full(len(THRESHOLDS), bits.sum())])


def annotators(example: Example) -> np.ndarray:
    """Each annotator's boundaries: bool n h w."""
    from plantain.data.excerpts import png

    path = example.photo.parent.parent / "bounds" / f"{example.id}.png"
    raw = png(path).astype(np.uint32)
    return np.stack([(raw >> i) & 1 > 0 for i in range(example.facts["annotators"])])


def thin(strength: np.ndarray) -> np.ndarray:
    """Keeps ridges: the value where it is the largest across the line, else 0."""
    smooth = _smooth(strength)
    gy, gx = np.gradient(smooth)
    gyy, _gyx = np.gradient(gy)
    gxy, gxx = np.gradient(gx)
    across = 0.5 * np.arctan2(2 * gxy, gxx - gyy) + np.pi / 2  # the Hessian's axis of strongest downward bend
    step = np.round(across / (np.pi / 4)).astype(int) % 4
    padded = np.pad(smooth, 1)
    h, w = smooth.shape
    keep = np.zeros(smooth.shape, bool)
    for k, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        a, b = padded[1 + dy : 1 + dy + h, 1 + dx : 1 + dx + w], padded[1 - dy : 1 - dy + h, 1 - dx : 1 - dx + w]
        keep |= (step == k) & (smooth >= a) & (smooth > b)
    return np.where(keep, strength, 0).astype(np.float32)


def _smooth(a: np.ndarray) -> np.ndarray:
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    for axis in (0, 1):
        padded = np.pad(a, [(2, 2) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        a = sum(k * np.take(padded, np.arange(i, i + a.shape[axis]), axis) for i, k in enumerate(kernel))
    return a


def spread(a: np.ndarray, reach: float) -> np.ndarray:
    """The largest value within `reach` pixels."""
    q = int(reach)
    padded, out = np.pad(a, q), a.copy()
    h, w = a.shape
    for dy in range(-q, q + 1):
        for dx in range(-q, q + 1):
            if dy * dy + dx * dx <= reach * reach:
                out = np.maximum(out, padded[q + dy : q + dy + h, q + dx : q + dx + w])
    return out


# ---- reductions: all pictures -> one figure


def mean(column: int = 0) -> Callable[[np.ndarray], float]:
    return lambda rows: float(rows[:, column].mean())


def miou(rows: np.ndarray) -> float:
    """Pooled confusion, mean over the classes that occur in the truth."""
    total = rows.sum(0)
    hit = np.diag(total[:, :-1])
    union = total.sum(1) + total[:, :-1].sum(0) - hit
    here = total.sum(1) > 0
    return float((hit[here] / union[here]).mean())


def median_angle(rows: np.ndarray) -> float:
    total = rows.sum(0).cumsum()
    return float((np.searchsorted(total, total[-1] / 2) + 0.5) / 10)


def ratio(rows: np.ndarray) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())


def best_f(rows: np.ndarray) -> float:
    hit, painted, found, drawn = rows.sum(0)
    precision, recall = hit / np.maximum(painted, 1), found / np.maximum(drawn, 1)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-9)).max())


def ade_30(root: Path) -> list[str]:
    """The 30 commonest classes of the train split, by pixels."""
    examples = read(root, "ade20k", "train")
    total: np.ndarray | int = 0
    for e in examples:
        true: Any = e.truth("labels")
        total = total + np.bincount(true.ids[true.ids >= 0], minlength=len(true.classes))
    order = np.argsort(-np.asarray(total), kind="stable")[:30]
    return [true.classes[i] for i in order]


def table(root: Path) -> dict[str, Row]:
    crop = "eval crop, depth clipped to .1-10 m, no intrinsics given"
    return {
        "nyu-delta1": Row("nyu", "test_dev", nyu_depth, mean(0), ".388-.414", ">= .60", crop),
        "nyu-abs_rel": Row("nyu", "test_dev", nyu_depth, mean(1), ".418", "", crop),
        "nyu-relative-delta1": Row("nyu", "test_dev", nyu_relative, mean(0), ".654", ">= .75",
                                   "eval crop, relative-depth task, scale and shift fitted in depth"),
        "nyu-normals-median": Row("nyu", "test_dev", nyu_normals, median_angle, "39.2 deg", "",
                                  "eval crop, pooled pixels, pseudo-truth by plane fits, degrees"),
        "nyu-13-miou": Row("nyu", "test_dev", all_classes("labels13"), miou, ".062", "", "13 classes, random legends"),
        "camvid-miou": Row("camvid", "test_dev", all_classes("labels"), miou, ".174", ">= .40",
                           "11 classes, random legends"),
        "ade20k-30-miou": Row("ade20k", "dev_test", all_classes("labels", ade_30(root)), miou, "", "",
                              "30 commonest classes at once, random legends, other pixels not counted"),
        "ade20k-own-miou": Row("ade20k", "dev_test", own_words, miou, "", ">= .20",
                               "each picture's own (up to 8) commonest classes, random legends"),
        "kitti-delta1": Row("kitti", "dev_test", kitti_depth, mean(0), ".493", "> .49", "LiDAR points, cap 80 m"),
        "kitti-abs_rel": Row("kitti", "dev_test", kitti_depth, mean(1), ".265", "", "LiDAR points, cap 80 m"),
        "bsds-ods": Row("bsds", "val", edge_counts, best_f, ".620", "", "simple matcher (dilation .0075 diagonal)"),
        "person-iou": Row("people", "dev_test", mask_iou("person"), mean(0), ".233-.291", ">= .75", "mean of pictures"),
        "portrait-iou": Row("portraits", "dev_test", mask_iou("person"), mean(0), ".776", "", "mean of pictures"),
        "salient-iou": Row("salient", "dev_test", mask_iou("main object"), mean(0), ".355", "", "mean of pictures"),
        "pose-pck": Row("pose", "dev_test", pck, ratio, ".170", "", "PCK@0.2 of the larger side of the joints' box"),
    }  # fmt: skip


def answer(model: Any, example: Example, task: tasks.Task) -> Any:
    return model.predict(example.photo, task)


def run(root: Path, model: Any, only: Sequence[str], limit: int | None) -> Iterator[dict[str, Any]]:
    """Paints every picture of every wanted row once; rows that share pictures and measure share the paintings."""
    kept: dict[tuple[str, Any], Rows] = {}
    for name, row in table(root).items():
        if only and not any(name.startswith(o) for o in only):
            continue
        start, rng = time.perf_counter(), np.random.default_rng(0)
        key = (row.source, row.measure)
        if key not in kept:
            examples = read(root, row.source, row.split)
            if limit:
                examples = [examples[i] for i in np.random.default_rng(5).permutation(len(examples))[:limit]]
            made = [row.measure(e, partial(answer, model), rng) for e in examples]
            kept[key] = [m for m in made if m is not None]
        rows = np.stack(kept[key])
        again = np.random.default_rng(1)
        draws = [row.reduce(rows[again.integers(0, len(rows), len(rows))]) for _ in range(300)]
        low, high = np.percentile(draws, (2.5, 97.5))
        yield {"row": name, "value": row.reduce(rows), "low": low, "high": high, "n": len(rows), "trivial": row.trivial,
               "aim": row.aim, "protocol": row.protocol, "seconds": time.perf_counter() - start}  # fmt: skip


def markdown(results: Sequence[dict[str, Any]]) -> str:
    lines = ["| row | figure | 95 % interval | n | trivial | aim | protocol |", "|-|-|-|-|-|-|-|"]
    for r in results:
        form = "{:.1f}" if "median" in r["row"] else "{:.3f}"
        interval = f"{form.format(r['low'])} - {form.format(r['high'])}"
        lines.append(f"| {r['row']} | {form.format(r['value'])} | {interval} | {r['n']} | {r['trivial']} | {r['aim']} "
                     f"| {r['protocol']} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("--only", nargs="*", default=[], help="rows whose name starts so")
    args.add_argument("--limit", type=int, help="photos a row")
    args.add_argument("--weights", type=Path, help="another folder of ONNX files")
    args.add_argument("-o", "--out", type=Path, help="a file for the markdown table")
    given = args.parse_args()
    model = plantain.load("embedded", **({"folder": given.weights} if given.weights else {}))
    results = []
    for result in run(given.data, model, given.only, given.limit):
        results.append(result)
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}), flush=True)
    print(markdown(results), file=sys.stderr)
    if given.out:
        limit = f" --limit {given.limit}" if given.limit else ""
        head = "# The embedded generator on test photographs\n\n95 % bootstrap intervals over photographs. Made by "
        given.out.write_text(f"{head}`python benchmarks/seedling.py DATA{limit}`.\n\n{markdown(results)}")


if __name__ == "__main__":
    main()

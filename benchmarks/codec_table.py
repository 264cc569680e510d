"""The codec table: what every color code loses to every damage, on true answers, without any network in between.

    python benchmarks/codec_table.py --data DATA [--limit 20] [--scale 1] [--only metric-depth] [-o FILE.md]

A truth is painted (`Task.encode`), damaged as generators and file formats damage pictures, read again (`Task.decode`)
and compared with the truth. `--scale 3` paints the same truths three times as large, about as big painters do. TAEF2 is
a real autoencoder, that of DATA/weights; it needs torch and is left out, with a note, where that is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from plantain import tasks
from plantain.codecs import doubt, sphere
from plantain.codecs.curve import CURVES
from plantain.data.excerpts import NYU_CROP, read
from plantain.models.painters.oracle import Oracle
from plantain.models.painting import Request
from plantain.predictions.types import Alpha, Depth, Instances, Labels, Panoptic, Prediction
from plantain.tasks.merge import merge
from plantain.tasks.normals import NO_SURFACE
from taef2 import Absent, taef2

Figures = Sequence[float]
Damage = Callable[[np.ndarray], np.ndarray]
SMALLEST = 0.001  # of the picture: instances below it are left out


# ---- damages: a painting, uint8 -> the same after something has happened to it


def oracle(**wear: Any) -> Damage:
    """What the oracle painter does to the painting it was given."""

    def damage(rgb: np.ndarray) -> np.ndarray:
        (painting,) = Oracle(rgb, **wear).paint([Request("", (), (rgb.shape[1], rgb.shape[0]))])
        assert not isinstance(painting, Exception), painting
        return painting.rgb

    return damage


DAMAGES: dict[str, Damage] = {
    "8-bit": lambda rgb: rgb,
    "JPEG 95": oracle(jpeg=95),
    "JPEG 75": oracle(jpeg=75),
    "noise 4": oracle(noise=4),
    "noise 8": oracle(noise=8),
    "noise 16": oracle(noise=16),
    "blur 1 px": oracle(blur=1),
    "gain +5 %": oracle(gain=1.05),
    "gain -5 %": oracle(gain=0.95),
    "hue 3°": oracle(hue=3),
    "shift 0.5 px": oracle(shift=0.5),
}


def exact(task: tasks.Task, truth: Any) -> np.ndarray:
    """The painting before it is rounded, float32 0..1; flat colors are whole levels anyway."""
    if isinstance(task, tasks.MetricDepth):
        code = task.code or task.default_code
        painted = CURVES[code.removesuffix("-doubt")].encode_float(np.where(truth.valid, truth.values, np.inf))
        return doubt.encode_float(painted) if code.endswith("-doubt") else painted
    if isinstance(task, tasks.SurfaceNormals):
        unit = sphere.encode_float(truth.xyz, task.code or task.default_code)
        return np.where(truth.valid[..., None], unit, np.float32(NO_SURFACE) / 255)
    if isinstance(task, tasks.EdgeDetection | tasks.Matting):
        return np.repeat(truth.alpha[0][..., None], 3, axis=-1)
    return task.encode(truth).astype(np.float32) / 255


# ---- truths


def of(kind: str, source: str, split: str) -> Callable[[Path], Iterator[Prediction]]:
    """One truth of every photo of a split, spread over the split so that a few photos show all of it."""

    def truths(root: Path) -> Iterator[Prediction]:
        examples = read(root, source, split)
        for place in np.random.default_rng(7).permutation(len(examples)):
            yield examples[place].truth(kind)

    return truths


def nyu_depth(root: Path) -> Iterator[Prediction]:
    """`confidence` marks the evaluation crop: outside it depth is painted, but invented."""
    for truth in of("depth", "nyu", "test_dev")(root):
        inside = np.zeros(truth.confidence.shape, np.float32)
        inside[NYU_CROP] = 1
        yield replace(truth, confidence=inside)


def kitti_depth(root: Path) -> Iterator[Prediction]:
    """LiDAR readings spread to the nearest pixels, so that there is a picture to paint; `confidence` 1 marks readings.

    Above the first reading there is no answer, as in the sky."""
    for truth in of("depth", "kitti", "dev_test")(root):
        assert isinstance(truth, Depth)
        values, known = truth.values, truth.valid
        for turn in (False, True):
            values, known = nearest_in_row(values.T, known.T) if turn else nearest_in_row(values, known)
            values, known = (values.T, known.T) if turn else (values, known)
        below = np.arange(len(values))[:, None] >= np.flatnonzero(truth.valid.any(1))[0]
        yield replace(truth, values=values, valid=known & below, confidence=truth.valid.astype(np.float32))


def nearest_in_row(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pixel gets the nearest known value of its row; rows without any stay unknown."""
    width = values.shape[1]
    here = np.arange(width)[None]
    left = np.maximum.accumulate(np.where(known, here, -width), axis=1)
    right = np.minimum.accumulate(np.where(known, here, 2 * width)[:, ::-1], axis=1)[:, ::-1]
    nearer = np.where(here - left <= right - here, left, right).clip(0, width - 1)
    return np.take_along_axis(values, nearer, axis=1), np.broadcast_to(known.any(1, keepdims=True), known.shape)


def crowds(root: Path) -> Iterator[Prediction]:
    """The class with the most things in each photo of COCO and of its panoptic excerpt, if there are two or more."""
    for pair in zip(
        of("instances", "coco", "dev_test")(root), of("instances", "panoptic", "dev_test")(root), strict=False
    ):
        for truth in pair:
            assert isinstance(truth, Instances)
            masks, labels = apart(truth)
            counts = np.bincount(labels, minlength=1)
            if counts.max() >= 2:
                masks = masks[labels == counts.argmax()]
                yield things(masks, truth.classes[int(counts.argmax())])


def apart(truth: Instances) -> tuple[np.ndarray, np.ndarray]:
    """Masks without overlap (the later one is in front) and their classes; specks are left out."""
    assert truth.masks is not None
    masks = truth.masks.copy()
    for i in range(len(masks) - 1):
        masks[i] &= ~masks[i + 1 :].any(0)
    large = masks.mean((1, 2)) >= SMALLEST
    return masks[large], np.asarray(truth.labels)[large]


def things(masks: np.ndarray, name: str) -> Instances:
    return Instances(
        masks=masks,
        boxes=np.array([box(m) for m in masks], np.float32),
        labels=np.zeros(len(masks), np.int64),
        classes=(name,),
        scores=np.ones(len(masks), np.float32),
        confidence=np.ones(masks.shape[1:], np.float32),
    )


def box(on: np.ndarray) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(on)
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def referents(root: Path) -> Iterator[Prediction]:
    """The three largest things of each COCO photo, told apart by made-up names."""
    for truth in of("instances", "coco", "dev_test")(root):
        assert isinstance(truth, Instances)
        masks, _ = apart(truth)
        if len(masks) >= 3:
            chosen = masks[np.argsort(-masks.mean((1, 2)))[:3]].astype(np.float32)
            yield Alpha(alpha=chosen, names=("first", "second", "third"), confidence=truth.confidence)


def panoptics(root: Path) -> Iterator[Prediction]:
    """Photos with at most 31 kinds of stuff and 8 kinds of things: what one painting holds."""
    stuffs, thingss = of("labels", "panoptic", "dev_test")(root), of("instances", "panoptic", "dev_test")(root)
    for stuff, counted in zip(stuffs, thingss, strict=True):
        assert isinstance(stuff, Labels)
        assert isinstance(counted, Instances)
        if len(counted.masks) and len(counted.classes) <= 8 and len(stuff.classes) <= 31:
            numbers = np.arange(1, len(counted) + 1)[:, None, None]
            yield Panoptic(
                ids=stuff.ids,
                classes=stuff.classes,
                confidence=stuff.confidence,
                segments=(counted.masks * numbers).max(0),
                segment_labels=np.array([stuff.classes.index(counted.classes[k]) for k in counted.labels]),
                segment_scores=counted.scores,
            )


def enlarged(truth: Any, scale: int) -> Any:
    """The same truth, every pixel `scale` x `scale`."""
    height, width = truth.confidence.shape
    changes: dict[str, np.ndarray] = {}
    for name in (f.name for f in fields(truth)):
        value = getattr(truth, name)
        if name in ("boxes", "xy"):
            changes[name] = value * np.float32(scale)
        elif isinstance(value, np.ndarray) and (height, width) in (value.shape[:2], value.shape[-2:]):
            first = 0 if value.shape[:2] == (height, width) else value.ndim - 2
            changes[name] = value.repeat(scale, axis=first).repeat(scale, axis=first + 1)
    return replace(truth, **changes)


# ---- measures: truth and answer of one picture -> figures


def depth_error(truth: Any, answer: Any) -> Figures:
    """abs_rel and delta1 where the truth is known; without an answer a pixel is wrong, with an error of 100 %."""
    known = truth.valid & (truth.confidence > 0)
    true, seen = truth.values[known], np.where(answer.valid, answer.values, 0)[known].clip(1e-6, None)
    wrong = np.where(answer.valid[known], np.abs(seen - true) / true, 1)
    return 100 * float(wrong.mean()), float((np.maximum(seen / true, true / seen) < 1.25).mean())


def relative_error(truth: Any, answer: Any) -> Figures:
    """The same after scale and shift in depth have been fitted."""
    known = truth.valid & (truth.confidence > 0)
    true, seen = truth.values[known], answer.values[known]
    design = np.stack([seen, np.ones_like(seen)], 1)
    metres = design @ np.linalg.lstsq(design, true, rcond=None)[0]
    return depth_error(truth, replace(answer, values=np.where(known, _put(known, metres), 0), valid=known))


def _put(where: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.zeros(where.shape, values.dtype)
    out[where] = values
    return out


def angle(truth: Any, answer: Any) -> Figures:
    """Mean angle in degrees; 90 where a surface got no answer."""
    cosine = np.where(answer.valid, (truth.xyz * answer.xyz).sum(-1), 0)[truth.valid]
    return (float(np.degrees(np.arccos(cosine.clip(-1, 1))).mean()),)


def overlap(truth: Any, answer: Any) -> Figures:
    """Mean IoU over those classes of the picture that were asked for, and pixel accuracy; other pixels do not count."""
    asked = [i for i in np.unique(truth.ids[truth.ids >= 0]) if truth.classes[i] in answer.classes]
    names = [truth.classes[i] for i in asked]
    known = np.isin(truth.ids, asked)
    ious = [iou(truth.mask(n) & known, answer.mask(n) & known) for n in names]
    table = np.array([*(truth.classes.index(n) if n in truth.classes else -2 for n in answer.classes), -1])
    return float(np.mean(ious)), float((table[answer.ids] == truth.ids)[known].mean())


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max((a | b).sum(), 1))


def counted(truth: Any, answer: Any) -> Figures:
    """How many things too many or too few, and the mean IoU of the true masks with their partners (0 without one)."""
    table = np.array([[iou(a, b) for b in answer.masks] for a in truth.masks]).reshape(len(truth), len(answer))
    return abs(len(answer) - len(truth)), matched(table)


def boxed(truth: Any, answer: Any) -> Figures:
    """The same of boxes."""
    table = np.array([[box_iou(a, b) for b in answer.boxes] for a in truth.boxes]).reshape(len(truth), len(answer))
    return abs(len(answer) - len(truth)), matched(table)


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    both = max(0.0, width) * max(0.0, height)
    return float(both / max((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both, 1e-9))


def matched(table: np.ndarray) -> float:
    """Pairs rows and columns one to one, best first; the sum of their values over the number of rows."""
    left, total = table.copy(), 0.0
    for _ in range(min(table.shape)):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        total += max(left[row, column], 0.0)
        left[row, :] = left[:, column] = -1
    return total / len(table)


def planes(truth: Any, answer: Any) -> Figures:
    return (float(np.mean([iou(a > 0.5, b) for a, b in zip(truth.alpha, answer.masks, strict=True)])),)


def mean_error(truth: Any, answer: Any) -> Figures:
    """Mean absolute error of values 0..1."""
    return (float(np.abs(truth.alpha - answer.alpha).mean()),)


def found(truth: Any, answer: Any) -> Figures:
    """Share of the visible points within 1 % of the longer side, and how far those seen are off, in the same unit."""
    side = max(truth.confidence.shape) / 100
    away = np.hypot(*(truth.xy - answer.xy).T)[truth.visible] / side
    seen = away[np.isfinite(away)]
    return float((away <= 1).mean()), float(seen.mean()) if len(seen) else float("nan")


def quality(truth: Any, answer: Any) -> Figures:
    """Panoptic quality over the picture's segments: IoU of those matched above one half, over their F1 denominator."""
    true, seen = segments(truth), segments(answer)
    ious = [iou(a, b) for n, a in true for m, b in seen if n == m]
    hits = [v for v in ious if v > 0.5]
    return (sum(hits) / max((len(true) + len(seen)) / 2, 1),)


def segments(answer: Any) -> list[tuple[str, np.ndarray]]:
    """Every segment with its class: things one by one, stuff by class."""
    numbered = [(answer.classes[k], answer.segments == i) for i, k in enumerate(answer.segment_labels, 1)]
    kinds = {name for name, _ in numbered}
    flat = [(n, answer.mask(n) & (answer.segments == 0)) for n in answer.classes if n not in kinds]
    return [(name, on) for name, on in (*numbered, *flat) if on.any()]


# ---- the sheets


@dataclass(frozen=True)
class Sheet:
    """A table: the truths, how they are asked for, and what is measured (name -> format of each figure)."""

    task: str
    title: str
    truths: Callable[[Path], Iterator[Prediction]]
    ask: Callable[[Any, str], tasks.Task]
    measure: Callable[[Any, Any], Figures]
    figures: dict[str, str]


def ade(classes: int) -> Callable[[Any, str], tasks.Task]:
    """The picture's commonest classes, others of the 150 until there are enough, and a random palette."""

    def ask(truth: Any, code: str) -> tasks.Task:
        share = np.bincount(truth.ids[truth.ids >= 0], minlength=len(truth.classes))
        rng = np.random.default_rng(int(share.sum()))
        order = np.lexsort((rng.random(len(share)), -share))  # absent classes in random order
        names = dict.fromkeys(truth.classes[i] for i in order)  # ADE20K has two classes "screen"
        wanted = [name for name in names if name not in ("unlabelled", "background")][:classes]
        seed = None if code == "corners" else int(rng.integers(1 << 30))
        return tasks.SemanticSegmentation.of(wanted, seed=seed, code=code)

    return ask


def panoptic_task(truth: Any, code: str) -> tasks.Task:
    names = [truth.classes[k] for k in dict.fromkeys(truth.segment_labels.tolist())]
    return tasks.PanopticSegmentation([c for c in truth.classes if c not in names], tuple(names), code=code)


def plain(cls: Any) -> Callable[[Any, str], tasks.Task]:
    """A question that needs nothing but its code."""
    return lambda truth, code: cls(code=code)


DEPTH = {"abs_rel, %": ".2f", "delta1": ".3f"}
COUNT = {"count error": ".2f", "matched IoU": ".3f"}
POINTS = {"within 1 %": ".3f", "error, % of the side": ".2f"}
nyu_normals, ade20k = of("normals", "nyu", "test_dev"), of("labels", "ade20k", "dev_test")
salient, joints = of("mask", "salient", "dev_test"), of("keypoints", "pose", "dev_test")
bsds, mattes = of("edges", "bsds", "val"), of("alpha", "mattes", "dev_test")
SHEETS = (
    Sheet("metric-depth", "Metric depth, indoors (NYU)", nyu_depth, plain(tasks.MetricDepth), depth_error, DEPTH),
    Sheet("metric-depth", "Metric depth, streets (KITTI)", kitti_depth, plain(tasks.MetricDepth), depth_error, DEPTH),
    Sheet("relative-depth", "Relative depth (NYU)", nyu_depth, plain(tasks.RelativeDepth), relative_error, DEPTH),
    Sheet("normals", "Normals (NYU)", nyu_normals, plain(tasks.SurfaceNormals), angle, {"mean angle, degrees": ".2f"}),
    *(
        Sheet("semantic", f"Legend of {k} (ADE20K)", ade20k, ade(k), overlap, {"mIoU": ".3f", "accuracy": ".3f"})
        for k in (8, 20, 64)
    ),
    Sheet(
        "instances",
        "Instances (COCO)",
        crowds,
        lambda t, c: tasks.InstanceSegmentation(t.classes[0], code=c),
        counted,
        COUNT,
    ),
    Sheet("detect", "Boxes (COCO)", crowds, lambda t, c: tasks.ObjectDetection(t.classes[0], code=c), boxed, COUNT),
    Sheet(
        "refer",
        "One mask (ECSSD)",
        salient,
        lambda t, c: tasks.ReferringSegmentation(t.names, code=c),
        planes,
        {"IoU": ".3f"},
    ),
    Sheet(
        "refer",
        "Three masks (COCO)",
        referents,
        lambda t, c: tasks.ReferringSegmentation(t.names, code=c),
        planes,
        {"IoU": ".3f"},
    ),
    Sheet("keypoints", "Keypoints (LSP)", joints, lambda t, c: tasks.KeypointDetection(t.names, code=c), found, POINTS),
    Sheet("edges", "Edges (BSDS)", bsds, plain(tasks.EdgeDetection), mean_error, {"MAE": ".4f"}),
    Sheet("matte", "Mattes", mattes, plain(tasks.Matting), mean_error, {"MAE": ".4f"}),
    Sheet("panoptic", "Panoptic (COCO)", panoptics, panoptic_task, quality, {"PQ": ".3f"}),
)


def fill(sheet: Sheet, code: str, truths: Sequence[Any], damages: dict[str, Damage]) -> dict[str, np.ndarray]:
    """The figures of one code under every damage, averaged over the pictures."""
    columns: dict[str, list[Figures]] = {name: [] for name in ("float", *damages)}
    for truth in truths:
        task = sheet.ask(truth, code)
        parts = task.parts()
        whole = merge(parts, [part.decode(exact(part, truth)) for part in parts])
        columns["float"].append(sheet.measure(truth, whole))
        painted = [part.encode(truth) for part in parts]
        for name, damage in damages.items():
            read = [part.decode(damage(rgb)) for part, rgb in zip(parts, painted, strict=True)]
            columns[name].append(sheet.measure(truth, merge(parts, read)))
    return {name: np.nanmean(np.array(rows, float), axis=0) for name, rows in columns.items()}


def table(sheet: Sheet, root: Path, limit: int, scale: int, damages: dict[str, Damage]) -> str:
    """One sheet as markdown: a row for each code and figure, a column for each damage."""
    truths = [enlarged(truth, scale) for truth in islice(sheet.truths(root), limit)]
    heights, widths = zip(*(t.confidence.shape for t in truths), strict=True)
    lines = [
        f"## {sheet.title}", "",
        f"{len(truths)} pictures of about {int(np.median(widths))} x {int(np.median(heights))} pixels.", "",
        "| code | figure | " + " | ".join(("float", *damages)) + " |", "|-|-|" + "-:|" * (len(damages) + 1),
    ]  # fmt: skip
    for code, code_id in tasks.TASKS[sheet.task].codes.items():
        filled = fill(sheet, code, truths, damages)
        for i, (figure, form) in enumerate(sheet.figures.items()):
            cells = [format(column[i], form) for column in filled.values()]
            lines.append(f"| {code_id} | {figure} | " + " | ".join(cells) + " |")
        print(f"{sheet.title}: {code_id}", file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def autoencoder(root: Path) -> dict[str, Damage]:
    try:
        return {"TAEF2": taef2(root / "weights")}
    except Absent as absent:
        print(f"the autoencoder's column is left out: {absent}", file=sys.stderr)
        return {}


HEADING = """# The codec table

What every color code loses to every damage. Made by `{command}`.

A truth is painted, damaged, read and compared with the truth; no network takes part but TAEF2, a real autoencoder
(FLUX.2's latents, encoded and decoded once). Noise: standard deviation in 8-bit levels, independent in every pixel and
channel. Blur: Gaussian, standard deviation 1 pixel. Gain and hue: the whole picture. Shift: half a pixel to the right
and down. A pixel without an answer counts as wrong: relative error 100 %, 90 degrees. The photo does not help here.
"""


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="the excerpt folder")
    args.add_argument("--limit", type=int, default=20, help="pictures a table")
    args.add_argument("--scale", type=int, default=1, help="paint every pixel so large")
    args.add_argument("--only", nargs="*", default=[], help="tasks, by name")
    args.add_argument("-o", "--out", type=Path, help="a file for the tables")
    given = args.parse_args()
    damages = DAMAGES | autoencoder(given.data)
    chosen = [sheet for sheet in SHEETS if not given.only or sheet.task in given.only]
    shown = [a for a in sys.argv[1:] if a not in ("-o", "--out") and a != str(given.out)]
    command = " ".join(["python benchmarks/codec_table.py", *shown]).replace(str(given.data), "DATA")
    parts = [HEADING.format(command=command)]
    for sheet in chosen:
        parts.append(table(sheet, given.data, given.limit, given.scale, damages))
        print(parts[-1], flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text("\n".join(parts))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

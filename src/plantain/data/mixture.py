"""Example -> instruction sample: a random question about a photo, in a random style, with random colours.

`RECIPES` says which questions each set can answer and how often; a recipe takes the truths as one view sees them and
gives the task, the truth to paint, and where it is known. Absent things are asked too: "paint everything black".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.codecs.palette import pick
from plantain.data.base import Example
from plantain.data.edits import EDITS
from plantain.data.views import View
from plantain.predictions.boxes import box_area
from plantain.predictions.types import Alpha, Depth, Instances, Labels, Normals, Panoptic
from plantain.tasks import (
    EdgeDetection,
    InstanceSegmentation,
    KeypointDetection,
    Matting,
    MetricDepth,
    ObjectDetection,
    ReferringSegmentation,
    RelativeDepth,
    SemanticSegmentation,
    SurfaceNormals,
    Task,
)
from plantain.tasks.base import STYLES

Rng = np.random.Generator
DOUBT = 0.14  # error of red and green together that counts as full doubt: a tenth of the scale in each
ABSENT = 0.15  # share of questions about one thing that ask for something that is not there


@dataclass(frozen=True, eq=False)
class Sample:
    """A prompt, the painting that answers it, and how much each pixel counts; `loss` is "l1" or "l2"."""

    prompt: str
    target: UInt8[np.ndarray, "h w 3"]
    weight: Float[np.ndarray, "h w"]
    task: str
    loss: str = "l2"
    scale: float = 1.0
    doubt: float = (
        0.0  # > 0: blue learns the painting's own error, and this error (of red and green, 0..1) is full blue
    )


Recipe = Callable[[Example, View, Rng], Sample | None]


def sample(task: Task, truth: Any, weight: np.ndarray, rng: Rng, loss: str = "l2", scale: float = 1.0) -> Sample:
    """The task's words in a random style, and its painting of the truth. Mostly the words say the colour code, as the
    pipeline's do."""
    style = STYLES[rng.integers(len(STYLES))]
    task = task.resolve({}) if rng.random() < 0.8 else task
    return Sample(task.prompt(style), task.encode(truth), weight.astype(np.float32), task.name, loss, scale)


def everywhere(view: View) -> np.ndarray:
    return np.ones(view.size[::-1], np.float32)


def counted(example: Example, view: View, *names: str) -> np.ndarray:
    """1 everywhere but where a crowd of these classes stands, whose members nobody has outlined."""
    weight = everywhere(view)
    if "crowds" in example.truths:
        crowds: Any = view.truth(example.truth("crowds"))
        for mask, label in zip(crowds.masks, crowds.labels, strict=True):
            if crowds.classes[label] in names:
                weight[mask] = 0
    return weight


def metric_depth(example: Example, view: View, rng: Rng) -> Sample:
    seen: Any = view.truth(example.truth("depth"))
    codes = ["log-gray-doubt", "log-gray", "inv-gray", "viridis", "cube"]
    code = str(rng.choice(codes, p=[0.55, 0.38, 0.02, 0.03, 0.02]))
    known = seen.valid
    if example.source == "kitti" and "ade" in example.truths:  # no laser reaches the sky: it is white, as "no answer"
        known = known | (_sky(example, view) & ~seen.valid)
    return _depth(MetricDepth(code=code), seen, known, rng)


def _depth(task: MetricDepth, seen: Any, known: np.ndarray, rng: Rng) -> Sample:
    made = sample(task, seen, known, rng, "l1", 12.0)
    return replace(made, doubt=DOUBT) if task.code == "log-gray-doubt" else made


def _sky(example: Example, view: View) -> np.ndarray:
    told: Any = example.truth("ade")
    return np.asarray(view.field((told.ids == told.classes.index("sky")) & (told.confidence > 0.8)))


def relative_depth(example: Example, view: View, rng: Rng) -> Sample:
    seen: Any = view.truth(example.truth("depth"))
    # mostly one way round: one word would have to turn everything over, which is learnt late
    task = RelativeDepth(near="bright" if rng.random() < 0.9 else "dark", code="linear-gray")
    low, high = np.percentile(seen.values[seen.valid], (2, 98)) if seen.valid.any() else (0, 1)
    share = ((seen.values - low) / max(high - low, 1e-6)).clip(0, 1).astype(np.float32)
    truth = Depth(values=share, valid=seen.valid, scale="affine", confidence=seen.confidence)
    return sample(task, truth, seen.valid, rng, "l1", 5.0)


def normals(example: Example, view: View, rng: Rng) -> Sample:
    seen: Any = view.truth(example.truth("normals"))
    xyz = np.where(seen.valid[..., None], seen.xyz, np.array([0, 0, 1], np.float32))
    truth = Normals(xyz=xyz, valid=seen.valid, confidence=seen.confidence)
    return sample(SurfaceNormals(code=str(rng.choice(["vb", "gl"], p=[0.92, 0.08]))), truth, seen.valid, rng, "l1", 5.0)


def semantic(truth: str = "labels", fewest: int = 2, most: int = 14, keep_background: float = 0.3) -> Recipe:
    """Random legends: most of the classes that are there, and some that are not."""

    def ask(example: Example, view: View, rng: Rng) -> Sample | None:
        seen: Any = view.truth(example.truth(truth))
        legend, background = draw_legend(seen, rng, most, keep_background)
        if len(legend) < fewest:
            return None
        chosen = _background(rng) if background else None
        task = SemanticSegmentation.of(legend, background=chosen, seed=int(rng.integers(1 << 30)))
        known = seen.ids >= 0
        if not background:
            known = np.isin(seen.ids, [i for i, n in enumerate(seen.classes) if n in legend])
        return sample(task, seen, known, rng)

    return ask


def draw_legend(seen: Labels, rng: Rng, most: int, keep_background: float) -> tuple[list[str], bool]:
    """Names to ask for, shuffled, and whether the rest is background."""
    present = [seen.classes[i] for i in np.unique(seen.ids) if i >= 0 and seen.classes[i] != "background"]
    here = list(dict.fromkeys(present))  # two of ADE20K's classes are both called "screen"
    rng.shuffle(here)
    kept = [n for n in here if rng.random() < 0.85][:most] or here[:1]
    others = [n for n in dict.fromkeys(seen.classes) if n not in here and n not in ("background", "unlabelled")]
    room = max(0, (30 if rng.random() < 0.1 else most) - len(kept))
    absent = list(rng.choice(others, min(len(others), int(rng.integers(0, room + 1))), replace=False)) if others else []
    legend = [str(n) for n in (*kept, *absent)]
    rng.shuffle(legend)
    has_background = "background" in seen.classes
    return legend, has_background or rng.random() < keep_background


def _background(rng: Rng) -> tuple[int, int, int]:
    return (0, 0, 0) if rng.random() < 0.7 else (255, 255, 255)


def _pair(rng: Rng) -> dict[str, Any]:
    """Colours of a mask and its background: white on black mostly."""
    if rng.random() < 0.6:
        return {"color": (255, 255, 255), "background": (0, 0, 0)}
    background = _background(rng)
    far = np.array([])
    while far.sum() < 150:
        colour = rng.integers(0, 256, 3)
        far = np.abs(colour - np.array(background))
    return {"color": tuple(int(c) for c in colour), "background": background}


def refer_mask(names: Mapping[str, Sequence[str]]) -> Recipe:
    """The mask of the set's one thing, under one of its names; or of another thing, which is not there."""

    def ask(example: Example, view: View, rng: Rng) -> Sample | None:
        seen: Any = view.truth(example.truth("mask"))
        text = str(rng.choice(names[seen.names[0]]))
        if rng.random() < ABSENT / 2:
            text, seen = str(rng.choice(ELSEWHERE)), replace(seen, alpha=np.zeros_like(seen.alpha))
        task = ReferringSegmentation(_article(text, rng), **_pair(rng))
        return sample(task, seen.alpha, everywhere(view), rng, scale=1.0)

    return ask


PERSON = {"person": ("person", "person", "person", "human", "people")}
SALIENT = {"main object": ("main object", "main object", "salient object", "foreground", "main thing")}
ELSEWHERE = ("elephant", "airplane", "traffic light", "pizza", "boat", "sheep", "fire hydrant", "zebra")


def _article(text: str, rng: Rng) -> str:
    return f"the {text}" if rng.random() < 0.6 else text


def refer_class(truth: str = "labels") -> Recipe:
    """The mask of one class of a label map; sometimes of a class that is not there."""

    def ask(example: Example, view: View, rng: Rng) -> Sample | None:
        seen: Any = view.truth(example.truth(truth))
        size = np.bincount(seen.ids[seen.ids >= 0].ravel(), minlength=len(seen.classes))
        known = [name for name in dict.fromkeys(seen.classes) if name not in VAGUE]
        rows = {name: [i for i, n in enumerate(seen.classes) if n == name] for name in known}
        area = {name: int(size[same].sum()) for name, same in rows.items()}  # ADE20K has two classes "screen"
        here = [name for name, pixels in area.items() if pixels > 0.004 * seen.ids.size]
        away = [name for name, pixels in area.items() if pixels == 0]
        absent = bool(away) and rng.random() < ABSENT
        if not absent and not here:
            return None
        chosen = str(rng.choice(away if absent else here))
        alpha = np.isin(seen.ids, rows[chosen])[None].astype(np.float32)
        return sample(ReferringSegmentation(_article(chosen, rng), **_pair(rng)), alpha, seen.ids >= 0, rng)

    return ask


VAGUE = frozenset({"background", "unlabelled", "otherstructure", "otherfurniture", "otherprop", "objects", "furniture"})
SIDES: tuple[tuple[str, Callable[[np.ndarray], int]], ...] = (
    ("the {} on the left", lambda b: int(np.argmin(b[:, 0] + b[:, 2]))),
    ("the left {}", lambda b: int(np.argmin(b[:, 0] + b[:, 2]))),
    ("the {} on the right", lambda b: int(np.argmax(b[:, 0] + b[:, 2]))),
    ("the right {}", lambda b: int(np.argmax(b[:, 0] + b[:, 2]))),
    ("the top {}", lambda b: int(np.argmin(b[:, 1] + b[:, 3]))),
    ("the bottom {}", lambda b: int(np.argmax(b[:, 1] + b[:, 3]))),
    ("the biggest {}", lambda b: int(np.argmax((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])))),
    ("the smallest {}", lambda b: int(np.argmin((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])))),
)


def refer_place(example: Example, view: View, rng: Rng) -> Sample | None:
    """One of several things of a class, by its place or size; all of them when the phrase says no place."""
    seen: Any = view.truth(example.truth("instances"))
    if not len(seen):
        return None
    name = seen.classes[int(seen.labels[rng.integers(len(seen))])]
    mine = np.flatnonzero(seen.labels == seen.classes.index(name))
    if len(mine) > 1 and rng.random() < 0.7:
        phrase, choose = SIDES[rng.integers(len(SIDES))]
        mask = seen.masks[mine[choose(seen.boxes[mine])]]
        text = phrase.format(name)
    else:
        mask, text = seen.masks[mine].any(0), _article(name, rng)
    return sample(
        ReferringSegmentation(text, **_pair(rng)), mask[None].astype(np.float32), counted(example, view, name), rng
    )


def _one_class(example: Example, seen: Instances, rng: Rng) -> tuple[str, Instances]:
    """A class that is there, with its instances; or one that is not, with none. Crowds are there, though uncounted."""
    if len(seen) == 0 or rng.random() < ABSENT:
        there = {*seen.classes, *example.facts.get("crowd_classes", ())}
        name = str(rng.choice([n for n in ELSEWHERE if n not in there]))
        keep = np.zeros(len(seen), bool)
        return name, replace(_only(seen, keep), classes=(name,))
    name = seen.classes[int(seen.labels[rng.integers(len(seen))])]
    return name, replace(_only(seen, seen.labels == seen.classes.index(name)), classes=(name,))


def _only(seen: Instances, keep: np.ndarray) -> Instances:
    return replace(seen[keep], labels=np.zeros(int(keep.sum()), np.int64))


def instances(example: Example, view: View, rng: Rng) -> Sample | None:
    seen: Any = view.truth(example.truth("instances"))
    name, mine = _one_class(example, seen, rng)
    task = InstanceSegmentation(said(name, rng), code="centers")
    return sample(task, mine, counted(example, view, name), rng, "l2", 6.0)


def detect(example: Example, view: View, rng: Rng) -> Sample | None:
    seen: Any = view.truth(example.truth("instances"))
    name, mine = _one_class(example, seen, rng)
    known = counted(example, view, name)
    if rng.random() < 0.1:
        return sample(ObjectDetection(said(name, rng), code="boxes"), mine, known, rng, "l2", 6.0)
    return _heat(ObjectDetection(said(name, rng), code="heat"), mine, known, rng)


def _heat(task: ObjectDetection, truth: Instances, known: np.ndarray, rng: Rng) -> Sample:
    """Spots are small: they count more than the black around them."""
    made = sample(task, truth, known, rng, "l2", 6.0)
    weight = made.weight * (1 + 9 * made.target[..., 0].astype(np.float32) / 255)
    return replace(made, weight=weight / max(float(weight.mean()), 1e-3) * float(known.mean()))


def keypoints(example: Example, view: View, rng: Rng) -> Sample | None:
    """Three of the set's joints, as they are asked for or any, in channels; or many, in random colours. Discs, which
    are small, count as much as the black around them."""
    seen: Any = view.truth(example.truth("keypoints"))
    names = list(seen.names)
    if rng.random() < 0.6:
        parts = KeypointDetection(names, code="channels").parts()
        one = KeypointDetection([str(n) for n in rng.choice(names, 3, replace=False)], code="channels")
        task = one if rng.random() < 0.4 else parts[int(rng.integers(len(parts)))]
    else:
        if rng.random() < 0.3:
            names = [str(n) for n in rng.choice(names, max(3, len(names) // 2), replace=False)]
        colours = pick(len(names), background=(0, 0, 0), seed=int(rng.integers(1 << 30)))
        legend = {n: tuple(map(int, c)) for n, c in zip(names, colours, strict=True)}
        task = KeypointDetection(legend)
    made = sample(task, seen, everywhere(view), rng)
    drawn = (made.target.max(-1) > 0).astype(np.float32)
    share = float(drawn.mean())
    weight = 1 + min(1 / max(share, 1e-6), 60.0) * drawn
    return replace(made, weight=weight / weight.mean())


def edges(example: Example, view: View, rng: Rng) -> Sample:
    """The share of annotators who drew a boundary, thickened to what a small net can paint."""
    drawn: Any = example.truth("edges")
    padded = np.pad(drawn.alpha[0], 1)  # what is rolled over a border comes to lie on the padding
    thick = np.max([np.roll(padded, s, a) for s, a in ((0, 0), (1, 0), (-1, 0), (1, 1), (-1, 1))], axis=0)
    seen: Any = view.truth(replace(drawn, alpha=thick[None, 1:-1, 1:-1]))
    weight = 1 + 3 * (seen.alpha[0] > 0.1)
    return sample(EdgeDetection(), seen, weight / weight.mean(), rng, "l2", 6.0)


def matte(example: Example, view: View, rng: Rng) -> Sample:
    """A mask with soft borders stands in for an alpha matte: the sets have no true ones for training."""
    seen: Any = view.truth(example.truth("mask"))
    name = "main object" if seen.names[0] == "main object" else str(rng.choice(["person", "main object"]))
    soft = Alpha(alpha=seen.alpha, names=(name,), confidence=seen.confidence)
    return sample(Matting(name), soft, everywhere(view), rng, scale=1.0)


def panoptic(example: Example, view: View, rng: Rng) -> Sample | None:
    from plantain.tasks import PanopticSegmentation

    labels: Any = view.truth(example.truth("labels"))
    things: Any = view.truth(example.truth("instances"))
    present = [labels.classes[i] for i in np.unique(labels.ids) if i >= 0]
    kinds = [n for n in present if n in things.classes][:4]
    stuff = [n for n in present if n not in things.classes][:12]
    if not stuff and not kinds:
        return None
    segments, segment_labels = np.zeros(labels.ids.shape, np.int32), []
    for mask, label in zip(things.masks, things.labels, strict=True):
        if things.classes[label] in labels.classes:
            segment_labels.append(labels.classes.index(things.classes[label]))
            segments[mask] = len(segment_labels)
    truth = Panoptic(
        ids=labels.ids, classes=labels.classes, confidence=labels.confidence, segments=segments,
        segment_labels=np.array(segment_labels, np.int64), segment_scores=np.ones(len(segment_labels), np.float32),
    )  # fmt: skip
    known = (labels.ids >= 0) * counted(example, view, *kinds)
    return sample(PanopticSegmentation(tuple(stuff), tuple(kinds)), truth, known, rng, "l2", 3.0)


RECIPES: dict[str, tuple[tuple[float, Recipe], ...]] = {
    "nyu": ((0.38, metric_depth), (0.18, relative_depth), (0.2, normals), (0.12, semantic("labels13")),
            (0.12, semantic("labels"))),
    "kitti": ((0.85, metric_depth), (0.15, relative_depth)),
    "ade20k": ((0.82, semantic()), (0.18, refer_class())),
    "camvid": ((0.92, semantic(keep_background=0.15)), (0.08, refer_class())),
    "animals": ((0.45, semantic()), (0.55, refer_class())),
    "faceparts": ((0.75, semantic(most=18)), (0.25, refer_class())),
    "people": ((0.6, refer_mask(PERSON)), (0.28, semantic()), (0.12, matte)),
    "portraits": ((0.6, refer_mask(PERSON)), (0.4, matte)),
    "salient": ((0.7, refer_mask(SALIENT)), (0.3, matte)),
    "coco": ((0.35, instances), (0.35, detect), (0.3, refer_place)),
    "panoptic": ((0.4, semantic()), (0.2, instances), (0.1, detect), (0.15, refer_place), (0.15, panoptic)),
    "persons": ((0.25, refer_place), (0.45, keypoints), (0.15, instances), (0.15, detect)),
    "pose": ((1.0, keypoints),),
    "faces": ((1.0, keypoints),),
    "bsds": ((1.0, edges),),
    "voc": ((0.5, semantic()), (0.5, refer_class())),
}  # fmt: skip


# ---- what specialists said (plantain.data.teachers)

SAYINGS: Mapping[str, tuple[str, ...]] = {
    "windowpane": ("window",), "traffic": ("traffic light",), "trade": ("shop sign",), "swivel": ("office chair",),
    "swimming": ("swimming pool",), "bulletin": ("notice board",), "conveyer": ("conveyor belt",),
    "kitchen": ("kitchen island",), "coffee": ("coffee table",), "case": ("display case",), "palm": ("palm tree",),
    "chest": ("chest of drawers", "drawers"), "pool": ("pool table",), "arcade": ("arcade machine",),
    "plaything": ("toy",), "ashcan": ("trash can", "bin"), "apparel": ("clothes",), "television": ("tv",),
    "sofa": ("couch",), "couch": ("sofa",), "airplane": ("plane", "aeroplane"), "aeroplane": ("airplane", "plane"),
    "person": ("people", "human", "somebody"), "minibike": ("motorbike",), "motorcycle": ("motorbike",),
    "motorbike": ("motorcycle",), "tv": ("television",), "tv monitor": ("tv", "monitor"), "cell phone": ("phone",),
    "grass": ("lawn",), "cabinet": ("cupboard",), "cup": ("mug", "coffee cup"), "rug": ("carpet",), "earth": ("soil",),
    "painting": ("picture",), "signboard": ("sign",), "sidewalk": ("pavement",), "potted plant": ("plant",),
    "dining table": ("table",), "bicycle": ("bike",), "automobile": ("car",), "railing": ("handrail",),
    "blind": ("window blind",), "crt": ("crt screen",), "step": ("stairs",), "washer": ("washing machine",),
    "sports ball": ("ball",), "refrigerator": ("fridge",), "building": ("buildings",), "house": ("home",),
}  # fmt: skip


def said(name: str, rng: Rng) -> str:
    """A class as people may call it: another word, or the plural."""
    if name in SAYINGS and rng.random() < 0.2:
        return str(rng.choice(SAYINGS[name]))
    if rng.random() < 0.15 and " " not in name and name.isascii() and not name.endswith("s"):
        return "people" if name == "person" else name + ("es" if name.endswith(("ch", "sh", "x")) else "s")
    return name


def taught_semantic(truth: str, sayings: float) -> Recipe:
    """A legend of what a specialist sees; pixels count as much as it is sure of them."""

    def ask(example: Example, view: View, rng: Rng) -> Sample | None:
        told: Any = example.truth(truth)
        seen: Any = view.truth(told)
        sure = view.field(told.confidence)
        clear = replace(seen, ids=np.where(_common(seen.ids, sure, len(seen.classes)), seen.ids, -1).astype(np.int16))
        legend, background = draw_legend(clear, rng, 14, 0.3)
        if len(legend) < 2:
            return None
        weight = np.where(sure > 0.35, sure, 0)
        if not background:
            weight = weight * np.isin(seen.ids, [i for i, n in enumerate(seen.classes) if n in legend])
        if weight.mean() < 0.1:
            return None
        if rng.random() < sayings:
            calls = {n: said(n, rng) for n in legend}
            if len({*calls.values(), *legend}) == len(legend) + sum(k != v for k, v in calls.items()):
                legend = [calls[n] for n in legend]
                seen = replace(seen, classes=tuple(calls.get(n, n) for n in seen.classes))
        task = SemanticSegmentation.of(
            legend, background=_background(rng) if background else None, seed=int(rng.integers(1 << 30))
        )
        return sample(task, seen, weight, rng)

    return ask


def _common(ids: np.ndarray, sure: np.ndarray, count: int) -> np.ndarray:
    """Where classes are that a specialist is sure of on more than 0.4 % of the picture."""
    size = np.bincount(ids[sure > 0.5].ravel(), minlength=count)
    return np.asarray(np.isin(ids, np.flatnonzero(size > 0.004 * ids.size)))


def taught_class(truth: str) -> Recipe:
    """The mask of one class, or of one that no pixel shows."""

    def ask(example: Example, view: View, rng: Rng) -> Sample | None:
        told: Any = example.truth(truth)
        seen: Any = view.truth(told)
        sure = view.field(told.confidence)
        common = {seen.classes[i] for i in np.unique(seen.ids[_common(seen.ids, sure, len(seen.classes))])}
        here = sorted(common - VAGUE)
        away = sorted({*told.classes} - {told.classes[i] for i in np.unique(told.ids)} - VAGUE)
        absent = rng.random() < ABSENT
        if not (away if absent else here):
            return None
        chosen = str(rng.choice(away if absent else here))
        alpha = _is(seen, chosen)[None].astype(np.float32)
        weight = np.where(sure > 0.35, sure, 0)
        return sample(ReferringSegmentation(_article(said(chosen, rng), rng), **_pair(rng)), alpha, weight, rng)

    return ask


def _is(seen: Any, name: str) -> np.ndarray:
    return np.isin(seen.ids, [i for i, n in enumerate(seen.classes) if n == name])


def taught_main(example: Example, view: View, rng: Rng) -> Sample | None:
    """The main object, where a specialist sees one clearly."""
    told: Any = example.truth("main")
    alpha = view.soft(told.alpha[0])
    if np.abs(2 * alpha - 1).mean() < 0.8 or not 0.01 < (alpha > 0.5).mean() < 0.85:
        return None
    weight = np.abs(2 * alpha - 1)
    return sample(
        ReferringSegmentation(_article(str(rng.choice(SALIENT["main object"])), rng), **_pair(rng)),
        alpha[None],
        weight,
        rng,
        scale=1.0,
    )


def taught_boxes(example: Example, view: View, rng: Rng) -> Sample | None:
    """Boxes of one of COCO's classes; where a box is doubtful nothing is taught."""
    from plantain.data.teachers import FEWEST

    told: Any = example.truth("boxes")
    (w, h), (x0, y0, x1, y1) = view.size, view.box
    boxes = (told.boxes - [x0, y0, x0, y0]) / [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    if view.mirror:
        boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], 1)
    inside = boxes.clip(0, 1)
    share = box_area(inside) / np.maximum(box_area(boxes), 1e-9)
    in_view = share > 0.2
    here = np.unique(told.labels[in_view & (told.scores >= FEWEST)])
    away = np.setdiff1d(np.arange(len(told.classes)), told.labels)
    absent = rng.random() < ABSENT or not len(here)
    if absent and rng.random() < 0.6 and not len(here):
        return None
    chosen = int(rng.choice(away if absent else here))
    mine = in_view & (told.labels == chosen)
    good = mine & (told.scores >= FEWEST) & (share > 0.35)
    known = everywhere(view)
    pixels = np.round(inside * [w, h, w, h]).astype(int)
    for left, top, right, bottom in pixels[mine & ~good]:
        known[top:bottom, left:right] = 0
    truth = Instances(
        boxes=(inside[good] * [w, h, w, h]).astype(np.float32), labels=np.zeros(int(good.sum()), np.int64),
        classes=(told.classes[chosen],), scores=np.ones(int(good.sum()), np.float32), confidence=everywhere(view),
    )  # fmt: skip
    name = said(told.classes[chosen], rng)
    return _heat(ObjectDetection(name, code="heat"), replace(truth, classes=(name,)), known, rng)


TAUGHT: tuple[tuple[float, Recipe], ...] = (
    (0.40, taught_semantic("ade", 0.3)), (0.11, taught_class("ade")), (0.10, taught_semantic("voc", 0.15)),
    (0.11, taught_class("voc")), (0.20, taught_boxes), (0.08, taught_main),
)  # fmt: skip
HEARD: Mapping[str, float] = {  # how often a labelled photo is asked what specialists say of it
    "nyu": 0.2, "kitti": 0.35, "ade20k": 0.3, "camvid": 0.3, "animals": 0.35, "faceparts": 0.2, "people": 0.35,
    "portraits": 0.3, "salient": 0.35, "coco": 0.35, "panoptic": 0.3, "persons": 0.3, "pose": 0.2, "faces": 0.2,
    "bsds": 0.4, "voc": 0.45,
}  # fmt: skip


def taught(example: Example, view: View, rng: Rng) -> Sample | None:
    """A question that specialists have answered; several are tried, since many photos have no answer to some."""
    shares = np.array([share for share, _ in TAUGHT])
    for _ in range(4):
        made = TAUGHT[rng.choice(len(TAUGHT), p=shares / shares.sum())][1](example, view, rng)
        if made is not None:
            return made
    return None


def question(example: Example, view: View, rng: Rng) -> Sample | None:
    """A random question that this example can answer; None when it happens to have nothing to ask for."""
    if "ade" in example.truths and rng.random() < HEARD.get(example.source, 1.0):
        return taught(example, view, rng)
    if example.source not in RECIPES:
        return None
    rows = [(share, recipe) for share, recipe in RECIPES[example.source] if _answers(example, recipe)]
    shares = np.array([share for share, _ in rows])
    return rows[rng.choice(len(rows), p=shares / shares.sum())][1](example, view, rng)


def _answers(example: Example, recipe: Recipe) -> bool:
    """Some people have no clothing labels, some persons no joints."""
    if recipe is keypoints:
        return "keypoints" in example.truths
    return example.source != "people" or "labels" in example.truths or not recipe.__qualname__.startswith("semantic")


def edit(clean: UInt8[np.ndarray, "h w 3"], name: str, rng: Rng) -> Sample:
    """The repair of a spoilt photo."""
    prompts = EDITS[name].prompts
    weight = np.ones(clean.shape[:2], np.float32)
    return Sample(prompts[rng.integers(len(prompts))], clean, weight, "edit", "l1", 4.0)


def caption(clean: UInt8[np.ndarray, "h w 3"], texts: Sequence[str], rng: Rng) -> Sample:
    """Text to image: one of the photo's captions."""
    text = texts[int(rng.integers(len(texts)))]
    return Sample(text, clean, np.ones(clean.shape[:2], np.float32), "text-to-image", "l2", 2.0)


__all__ = ["RECIPES", "Sample", "caption", "edit", "question"]

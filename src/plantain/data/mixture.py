"""Example -> instruction sample: random questions about a photo, in a random style, with random colors.

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
from plantain.data.sayings import said, with_article
from plantain.data.views import View
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
class Asked:
    """A question, its true answer, and how far that is known at each pixel, 0..1."""

    task: Task
    truth: Any
    known: Float[np.ndarray, "h w"]


@dataclass(frozen=True, eq=False)
class Sample:
    """A prompt, the painting that answers it, and how much each pixel counts; `loss` is "l1" or "l2". `asked`: the
    question itself, where it has a task."""

    prompt: str
    target: UInt8[np.ndarray, "h w 3"]
    weight: Float[np.ndarray, "h w"]
    task: str
    loss: str = "l2"
    scale: float = 1.0
    doubt: float = (
        0.0  # > 0: blue learns the painting's own error, and this error (of red and green, 0..1) is full blue
    )
    asked: Asked | None = None


Recipe = Callable[[Example, View, Rng], Sample | None]


def sample(task: Task, truth: Any, weight: np.ndarray, rng: Rng, loss: str = "l2", scale: float = 1.0) -> Sample:
    """The task's words in a random style, and its painting of the truth. Mostly the words say the colour code, as the
    pipeline's do."""
    style = STYLES[rng.integers(len(STYLES))]
    task = task.resolve({}) if rng.random() < 0.8 else task
    known = weight.astype(np.float32)
    asked = Asked(task, truth, known)
    return Sample(task.prompt(style), task.encode(truth), known, task.name, loss, scale, asked=asked)


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
        chosen = background_color(rng) if background else None
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


def background_color(rng: Rng) -> tuple[int, int, int]:
    return (0, 0, 0) if rng.random() < 0.7 else (255, 255, 255)


def mask_colors(rng: Rng) -> dict[str, Any]:
    """Colours of a mask and its background: white on black mostly."""
    if rng.random() < 0.6:
        return {"color": (255, 255, 255), "background": (0, 0, 0)}
    background = background_color(rng)
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
        task = ReferringSegmentation(with_article(text, rng), **mask_colors(rng))
        return sample(task, seen.alpha, everywhere(view), rng, scale=1.0)

    return ask


PERSON = {"person": ("person", "person", "person", "human", "people")}
SALIENT = {"main object": ("main object", "main object", "salient object", "foreground", "main thing")}
ELSEWHERE = ("elephant", "airplane", "traffic light", "pizza", "boat", "sheep", "fire hydrant", "zebra")


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
        return sample(ReferringSegmentation(with_article(chosen, rng), **mask_colors(rng)), alpha, seen.ids >= 0, rng)

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
    if not len(seen) or seen.masks is None:
        return None
    name = seen.classes[int(seen.labels[rng.integers(len(seen))])]
    mine = np.flatnonzero(seen.labels == seen.classes.index(name))
    if len(mine) > 1 and rng.random() < 0.7:
        phrase, choose = SIDES[rng.integers(len(SIDES))]
        mask = seen.masks[mine[choose(seen.boxes[mine])]]
        text = phrase.format(name)
    else:
        mask, text = seen.masks[mine].any(0), with_article(name, rng)
    return sample(
        ReferringSegmentation(text, **mask_colors(rng)),
        mask[None].astype(np.float32),
        counted(example, view, name),
        rng,
    )


def _one_class(example: Example, raw: Instances, view: View, rng: Rng) -> tuple[str, Instances, np.ndarray] | None:
    """A class that is there, with its instances; or one that is not, with none; and what is known of it. None where
    nothing can be asked for. Crowds are there, though uncounted."""
    seen: Any = view.truth(raw)
    away = absent_names(example, raw, seen) if len(seen) == 0 or rng.random() < ABSENT else []
    if away:
        name = str(rng.choice(away))
        keep = np.zeros(len(seen), bool)
    elif len(seen):
        name = seen.classes[int(seen.labels[rng.integers(len(seen))])]
        keep = seen.labels == seen.classes.index(name)
    else:
        return None
    return name, replace(_only(seen, keep), classes=(name,)), counted(example, view, name) * seen.confidence


def absent_names(example: Example, raw: Instances, seen: Instances) -> list[str]:
    """Names of things that are surely not in the photo: of sets that annotate all of ELSEWHERE any of those; else
    classes of the set's own that this photo has none of. LVIS says itself which it looked for."""
    crowds: Any = example.truth("crowds") if "crowds" in example.truths else None
    crowded = [] if crowds is None else [crowds.classes[label] for label in crowds.labels]
    there = {*seen.classes, *crowded, *example.facts.get("crowd_classes", ())}
    away = [n for n in ELSEWHERE if n not in there] if example.source in RECIPES else []
    here = {raw.classes[label] for label in raw.labels} | {*crowded}
    looked_for = example.facts.get("absent", raw.classes)
    pairs = zip(raw.classes, seen.classes, strict=True)
    return away or [name for own, name in pairs if own in looked_for and own not in here]


def _only(seen: Instances, keep: np.ndarray) -> Instances:
    return replace(seen[keep], labels=np.zeros(int(keep.sum()), np.int64))


def instances(example: Example, view: View, rng: Rng) -> Sample | None:
    raw: Any = example.truth("instances")
    found = None if raw.masks is None else _one_class(example, raw, view, rng)
    if found is None:
        return None
    name, mine, known = found
    return sample(InstanceSegmentation(said(name, rng), code="centers"), mine, known, rng, "l2", 6.0)


def detect(example: Example, view: View, rng: Rng) -> Sample | None:
    raw: Any = example.truth("instances")
    found = _one_class(example, raw, view, rng)
    if found is None:
        return None
    name, mine, known = found
    if rng.random() < 0.1:
        return sample(ObjectDetection(said(name, rng), code="boxes"), mine, known, rng, "l2", 6.0)
    return heat_sample(ObjectDetection(said(name, rng), code="heat"), mine, known, rng)


def heat_sample(task: ObjectDetection, truth: Instances, known: np.ndarray, rng: Rng) -> Sample:
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
    made = sample(EdgeDetection(), seen, everywhere(view), rng, "l2", 6.0)
    return replace(made, weight=(weight / weight.mean()).astype(np.float32))


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


def edit(clean: UInt8[np.ndarray, "h w 3"], name: str, rng: Rng) -> Sample:
    """The repair of a spoilt photo."""
    prompts = EDITS[name].prompts
    weight = np.ones(clean.shape[:2], np.float32)
    return Sample(prompts[rng.integers(len(prompts))], clean, weight, "edit", "l1", 4.0)


def caption(clean: UInt8[np.ndarray, "h w 3"], texts: Sequence[str], rng: Rng) -> Sample:
    """Text to image: one of the photo's captions."""
    text = texts[int(rng.integers(len(texts)))]
    return Sample(text, clean, np.ones(clean.shape[:2], np.float32), "text-to-image", "l2", 2.0)

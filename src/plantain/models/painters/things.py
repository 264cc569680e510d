"""The embedded generator's sight of things: what has its center where, and how large it is. NumPy only.

The decoder paints stuff well and things one by one badly: what it was trained on has few boxes. A small convolutional
network on the features of the frozen encoder (`plantain.train.things`, a megabyte) says for each patch which of COCO's
classes has its center there, where exactly, and how large the thing is. From what it finds the generator paints the
codes of things: spots for boxes, and for masks the color of the center of the thing that a pixel belongs to.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from plantain._shapes import Float, UInt8
from plantain.codecs import heat
from plantain.errors import PainterError
from plantain.predictions.boxes import nms

FAINT = 0.02  # score below which nothing is painted
MOST = 100  # things of a class
TABLES = ("names", "classes")
OVERLAP = 0.5  # of two boxes of one thing


class Things(NamedTuple):
    """Boxes (left, top, right, bottom as shares of the canvas), the highest score first, and their scores 0..1."""

    boxes: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]


class ThingsHead:
    """`names`: each name that is known, with its class."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise PainterError(f"the embedded generator lacks {path.name}; install Plantain again, or train it again")
        with np.load(path) as table:
            names, classes = str(table["names"]).split("\n"), table["classes"]
            self.names = dict(zip(names, map(int, classes), strict=True))
            self.arrays = {name: table[name].astype(np.float32) for name in table.files if name not in TABLES}

    def column(self, phrase: str) -> int | None:
        """The class of a name, in the singular or plural; None where it is not known."""
        name = " ".join(phrase.lower().split())
        forms = (name, name.removesuffix("s"), name.removesuffix("es"))
        return next((self.names[form] for form in forms if form in self.names), None)

    def maps(self, features: Float[np.ndarray, "rows columns d"]) -> tuple[np.ndarray, np.ndarray]:
        """For each patch: the probability of each class (rows columns k), and the box that it sees (rows columns 4),
        left, top, right, bottom as shares of the canvas."""
        own = self.arrays
        rows, columns, width = features.shape
        flat = gelu(features.reshape(-1, width) @ own["enter"] + own["enter_bias"])
        for i in range(len(own["around"])):
            near = around(flat.reshape(rows, columns, -1), own["around"][i]).reshape(flat.shape)
            flat = flat + gelu(near @ own["mix"][i] + own["mix_bias"][i])
        seen = (flat @ own["leave"] + own["leave_bias"]).reshape(rows, columns, -1)
        return 1 / (1 + np.exp(-seen[..., 4:])), boxes_of(seen[..., :4])

    def find(self, features: Float[np.ndarray, "rows columns d"], column: int) -> Things:
        """The things of one class."""
        shares, boxes = self.maps(features)
        scores, flat = shares[..., column].ravel(), boxes.reshape(-1, 4)
        some = np.flatnonzero(scores > FAINT)
        kept = some[nms(flat[some], scores[some], max_iou=OVERLAP)][:MOST]
        return Things(flat[kept], scores[kept])


def gelu(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """By its approximation with tanh."""
    return np.asarray(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))))


def around(seen: Float[np.ndarray, "h w d"], weight: Float[np.ndarray, "k k d"]) -> Float[np.ndarray, "h w d"]:
    """Each channel convolved by itself, with zeros around the picture."""
    reach = len(weight) // 2
    padded = np.pad(seen, ((reach, reach), (reach, reach), (0, 0)))
    total = np.zeros_like(seen)
    height, width = seen.shape[:2]
    for y, x in np.ndindex(*weight.shape[:2]):
        total += padded[y : y + height, x : x + width] * weight[y, x]
    return total


def boxes_of(raw: Float[np.ndarray, "rows columns 4"]) -> Float[np.ndarray, "rows columns 4"]:
    """Boxes as shares of the canvas, from their centers (patches away from the patch) and the logarithms of their
    sides (in patches)."""
    rows, columns = raw.shape[:2]
    y, x = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, indexing="ij")
    sides = np.exp(raw[..., 2:].clip(-3, 4))
    middle = np.stack([x, y], -1) + raw[..., :2]
    both = np.concatenate([middle - sides / 2, middle + sides / 2], -1) / np.array([columns, rows, columns, rows])
    return np.asarray(both.clip(0, 1), np.float32)


# ---- painting them


class Asked(NamedTuple):
    """What a prompt asks to find, in which code, and the words that ask for the mask of all of it."""

    thing: str
    code: str
    mask_prompt: str


def asked(prompt: str) -> Asked | None:
    """The things that a prompt asks for, where they are painted in a code that this module paints."""
    from plantain.errors import UsageError
    from plantain.tasks import InstanceSegmentation, ObjectDetection, ReferringSegmentation
    from plantain.tasks.language.parsing import parse

    try:
        task = parse(prompt)
    except UsageError:
        return None
    painted = {ObjectDetection: "heat", InstanceSegmentation: "centers"}
    if not isinstance(task, ObjectDetection | InstanceSegmentation) or painted[type(task)] != task.code:
        return None
    mask = ReferringSegmentation(task.thing)
    return Asked(task.thing, task.code, mask.resolve({"refer": "corners"}).prompt())


def paint_boxes(found: Things, size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Code heat/1: a spot for each thing, as high as its score. `size`: (width, height)."""
    width, height = size
    return heat.encode(found.boxes * np.array([width, height, width, height]), height, width, found.scores)


def paint_masks(found: Things, alpha: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Code centers/1: where `alpha` (0..1) says that one of the things is, the color of the center of the thing whose
    box it lies in most; as bright as it is sure."""
    height, width = alpha.shape
    y, x = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
    best, rgb = np.full((height, width), INSIDE), np.zeros((height, width, 3))
    for (left, top, right, bottom), score in zip(found.boxes, found.scores, strict=True):
        if score < LIKELY:
            continue
        cx, cy = (left + right) / 2, (top + bottom) / 2
        off = np.maximum(np.abs(x - cx) / max(right - left, 1e-3), np.abs(y - cy) / max(bottom - top, 1e-3)) * 2
        off = off + RIVAL * (1 - score)
        wins = off < best
        best[wins] = off[wins]
        rgb[wins] = np.array([cx, cy, 1.0]) * np.sqrt(score)
    return np.round(255 * rgb * alpha[..., None]).astype(np.uint8)


INSIDE = 1.2  # of half a box's side: so far from its center pixels may be a thing's
LIKELY = 0.15  # score of a thing that is given pixels
RIVAL = 0.2  # how much farther a thing that is not sure seems

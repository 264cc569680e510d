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

from plantain._shapes import Float, Int
from plantain.codecs import heat
from plantain.errors import PainterError
from plantain.models.painters.words import by_name
from plantain.predictions.boxes import nms

FAINT = 0.02  # score below which nothing is painted
MOST = 100  # things of a class
TABLES = ("names", "classes")
OVERLAP = 0.5  # of two boxes of one thing
INSIDE = 1.1  # of half a box's side: so far from its center pixels may be a thing's
LIKELY = 0.3  # score of a thing that is given pixels
FAINTLY = 0.6  # the level of a mask that is raised where the mask itself is asked for
FAINTEST = 0.1  # of a mask: where a thing is seen, its mask is raised from so faint a painting
LEAST = 0.4  # of a thing's own mask that must be left to it
BODY = (0.04, 0.1)  # scores of a person: up to which its points are left out, and from which on they stay as they are
CLEARER = 4  # how much steeper the borders of masks become


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
        return by_name(self.names, phrase)

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
    """What a prompt asks to find, in which code, the words that ask for the mask of all of it, and the colors of that
    mask and its background (0..255)."""

    thing: str
    code: str
    mask_prompt: str
    color: tuple[int, int, int]
    background: tuple[int, int, int]


def asked(prompt: str) -> Asked | None:
    """The thing that a prompt asks for, where it is painted in a code that this module paints."""
    from plantain.errors import UsageError
    from plantain.tasks import InstanceSegmentation, KeypointDetection, ObjectDetection, ReferringSegmentation
    from plantain.tasks.language.english import bare
    from plantain.tasks.language.parsing import parse
    from plantain.tasks.legend import BLACK, WHITE

    try:
        task = parse(prompt)
    except UsageError:
        return None
    if isinstance(task, ReferringSegmentation) and len(task.entries) == 1:
        ((text, color),) = task.entries
        return Asked(bare(text), "mask", prompt, color, task.background)
    if isinstance(task, KeypointDetection):
        body = task.code == "channels" and task.thing == "person"
        return Asked("person", "channels", prompt, WHITE, BLACK) if body else None
    painted = {ObjectDetection: "heat", InstanceSegmentation: "centers"}
    if not isinstance(task, ObjectDetection | InstanceSegmentation) or painted[type(task)] != task.code:
        return None
    mask = ReferringSegmentation(task.thing)
    words = mask.resolve({"refer": "corners"}).prompt()
    return Asked(task.thing, task.code, words, mask.color, mask.background)


def paint_points(found: Things, painted: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """The points of a body, fainter where there is hardly one: the decoder sees joints in animals and towers too."""
    return painted * np.float32(np.interp(found.scores.max(initial=0.0), BODY, (0, 1)))


def paint_boxes(found: Things, size: tuple[int, int]) -> Float[np.ndarray, "h w 3"]:
    """Code heat/1: a spot for each thing, as high as its score. `size`: (width, height)."""
    width, height = size
    boxes = found.boxes * np.array([width, height, width, height])
    return heat.encode(boxes, height, width, found.scores) / np.float32(255)


def paint_masks(found: Things, alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Code centers/1: where `alpha` (0..1) says that one of the things is, the color of the center of the thing whose
    box it lies in most; as bright as it is sure. A thing that others leave little of its box is not painted."""
    sure = found.scores >= LIKELY
    kept = Things(found.boxes[sure], found.scores[sure])
    away = np.array([_away(box, alpha.shape) for box in kept.boxes]).reshape(-1, *alpha.shape)
    masks = [_clear(alpha, off) for off in away]
    owner = _owners(away, kept.scores)
    left = [(mask * (owner == i)).sum() / max(float(mask.sum()), 1.0) for i, mask in enumerate(masks)]
    away[np.array(left, float) < LEAST] = np.inf
    owner, rgb = _owners(away, kept.scores), np.zeros((*alpha.shape, 3))
    for i, (box, score) in enumerate(zip(kept.boxes, kept.scores, strict=True)):
        color = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 1.0]) * np.sqrt(score)
        rgb += (masks[i] * (owner == i))[..., None] * color
    return rgb.astype(np.float32)


def raise_mask(found: Things, painted: Float[np.ndarray, "h w 3"], wanted: Asked) -> Float[np.ndarray, "h w 3"]:
    """The painting (0..1) of a mask, raised in the boxes of things that are seen and that it shows faintly."""
    ground, full = (np.array(color, np.float32) / 255 for color in (wanted.background, wanted.color))
    alpha = ((painted - ground) @ (full - ground) / np.square(full - ground).sum()).clip(0, 1)
    higher = alpha
    for box, score in zip(found.boxes, found.scores, strict=True):
        away = _away(box, alpha.shape)
        if score >= LIKELY and _level(alpha, away) < FAINTLY:
            higher = np.maximum(higher, _clear(alpha, away) * np.sqrt(score))
    return np.asarray(painted + (higher - alpha)[..., None] * (full - ground))


def _away(box: Float[np.ndarray, "4"], shape: tuple[int, ...]) -> Float[np.ndarray, "h w"]:
    """How far each pixel is from the center of a box, 1 at its sides."""
    left, top, right, bottom = box.tolist()
    across = np.abs((np.arange(shape[1]) + 0.5) / shape[1] - (left + right) / 2) / max(right - left, 1e-3)
    down = np.abs((np.arange(shape[0]) + 0.5) / shape[0] - (top + bottom) / 2) / max(bottom - top, 1e-3)
    return np.asarray(2 * np.maximum(across[None], down[:, None]), np.float32)


def _clear(alpha: Float[np.ndarray, "h w"], away: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """A thing's mask with steep borders, raised where it is painted faintly: that something is there, its box knows."""
    return np.asarray((CLEARER * (alpha / _level(alpha, away) - 0.5) + 0.5).clip(0, 1) * (away < INSIDE))


def _level(alpha: Float[np.ndarray, "h w"], away: Float[np.ndarray, "h w"]) -> float:
    """How clearly a thing is painted in its box."""
    inside = alpha[away < 1]
    return float(np.clip(np.quantile(inside, 0.9), FAINTEST, 1)) if inside.size else 1.0


def _owners(away: Float[np.ndarray, "n h w"], scores: Float[np.ndarray, " n"]) -> Int[np.ndarray, "h w"]:
    """The thing that each pixel may belong to, -1 for none: near its center, and the surer the farther."""
    if len(away) == 0:
        return np.full(away.shape[1:], -1)
    off = np.where(away < INSIDE, away + 1 - scores[:, None, None], np.inf)
    return np.where(np.isfinite(off.min(0)), off.argmin(0), -1)

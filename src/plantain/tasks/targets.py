"""Reading of truths: every `encode` takes a kind or a bare array, and refuses what has no color."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Int
from plantain.errors import TruthError
from plantain.predictions.types import Alpha, Instances, Keypoints, Labels

CENTER = "each thing in the colour of its centre (red = horizontal place, green = vertical place, blue = 255)"


def field(truth: Any, *names: str) -> Any:
    """The first attribute of `truth` that exists, else `truth` itself."""
    for name in names:
        if hasattr(truth, name):
            return getattr(truth, name)
    return truth


def plane(values: Any, what: str, dims: int = 2, last: int | None = None) -> Float[np.ndarray, "..."]:
    """`values` as float32 with the wanted number of axes."""
    try:
        array = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise TruthError(f"{what} must be an array of numbers, got {type(values).__name__} ({error})") from None
    if array.ndim != dims or 0 in array.shape[-2:] or (last is not None and array.shape[-1] != last):
        wanted = {2: "(height, width)", 3: "(height, width, 3)" if last else "(n, height, width)"}[dims]
        raise TruthError(f"{what} has shape {array.shape}; wanted {wanted}, at least 1 x 1")
    return array


def alpha_of(truth: Any, what: str) -> Float[np.ndarray, "n h w"]:
    """Values 0..1 of one or several names."""
    raw = field(truth, "alpha", "masks")
    array = np.asarray(raw)
    stack = plane(array[None] if array.ndim == 2 else array, what, 3)
    if not np.all((stack >= 0) & (stack <= 1)):
        raise TruthError(f"{what} must lie in 0..1 without NaN, got {np.min(stack):g}..{np.max(stack):g}")
    return stack


def masks_of(truth: Any) -> Bool[np.ndarray, "n h w"]:
    """Masks of things, from Instances or an array."""
    masks = truth.masks if isinstance(truth, Instances) else truth
    if masks is None:
        raise TruthError("these instances have boxes but no masks; give masks, or ask for bounding boxes")
    array = np.asarray(masks)
    if array.ndim != 3 or 0 in array.shape[1:]:
        raise TruthError(f"masks have shape {array.shape}; wanted (n, height, width)")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise TruthError("masks must be true or false (0 or 1) everywhere")
    return array.astype(bool)


def of_class(truth: Any, thing: str) -> Any:
    """The instances of one class, where several are known; all of them where the name is not among them."""
    if not isinstance(truth, Instances) or thing not in truth.classes:
        return truth
    keep = np.asarray(truth.labels) == truth.classes.index(thing)
    return replace(truth[keep], labels=np.zeros(int(keep.sum()), np.int64), classes=(thing,))


def boxes_of(truth: Any) -> tuple[Float[np.ndarray, "n 4"], tuple[int, int]]:
    """Boxes xyxy and the picture's (height, width)."""
    if not isinstance(truth, Instances):
        raise TruthError(f"bounding boxes are painted from Instances, got {type(truth).__name__}")
    boxes = np.asarray(truth.boxes, np.float32).reshape(-1, 4)
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).any():
        raise TruthError("boxes must be finite (left, top, right, bottom) with right >= left and bottom >= top")
    return boxes, _size(truth.confidence.shape)


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2 or 0 in shape:
        raise TruthError(f"the truth's confidence has shape {shape}; wanted (height, width)")
    return shape[0], shape[1]


def points_of(truth: Any) -> tuple[Keypoints, tuple[int, int]]:
    """Keypoints and the picture's (height, width)."""
    if not isinstance(truth, Keypoints):
        raise TruthError(f"keypoints are painted from Keypoints, got {type(truth).__name__}")
    seen = np.asarray(truth.xy)[np.asarray(truth.visible)]
    if not np.isfinite(seen).all():
        raise TruthError("a visible keypoint has no finite place; mark it as not visible")
    return truth, _size(truth.confidence.shape)


def ids_of(truth: Any, classes: tuple[str, ...]) -> Int[np.ndarray, "h w"]:
    """Class numbers in the order of `classes`, -1 for everything else."""
    array = np.asarray(field(truth, "ids"))
    if array.ndim != 2 or 0 in array.shape:
        raise TruthError(f"labels have shape {array.shape}; wanted (height, width)")
    if array.dtype.kind not in "iu":
        raise TruthError(f"labels must be whole numbers, got {array.dtype}")
    known = truth.classes if isinstance(truth, Labels) else classes
    if array.min() < -1 or array.max() >= len(known):
        raise TruthError(f"labels are {array.min()}..{array.max()}, but there are {len(known)} classes (-1 = none)")
    table = np.array([*(classes.index(name) if name in classes else -1 for name in known), -1], np.int16)
    return table[array.astype(np.int64)]


def mask_like(truth: Any, targets: tuple[str, ...]) -> Float[np.ndarray, "n h w"]:
    """One plane a target, matched by name where the names agree, else by order; names that are missing are empty."""
    stack = alpha_of(truth, "the mask")
    known = truth.names if isinstance(truth, Alpha) else ()
    if any(name in known for name in targets):
        empty = np.zeros_like(stack[0])
        return np.stack([stack[known.index(name)] if name in known else empty for name in targets])
    if len(stack) != len(targets):
        raise TruthError(f"{len(stack)} masks were given for {len(targets)} targets {targets}")
    return stack

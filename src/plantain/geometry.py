"""Photo in, answer out: every step between a file and a painter's canvas, and back, is known and inverted.

A painting is never resized before it is decoded (28 % of the mixtures of two cube-walk colours decode to a depth
outside both); it is the *decoded* arrays that are brought back to the photo's grid: labels by their nearest pixel, soft
values smoothly, depth without mixing across the photo's edges, normals brought back to unit length.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from plantain._shapes import Bool, Float, Shaped, UInt8
from plantain.errors import PhotoError
from plantain.kinds import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic, Prediction

MOST_PIXELS = 178_956_970  # Pillow's own bound against decompression bombs: about 0.5 GB as RGB
OVERSHOOT = 2.0  # floats up to here are 0..1 with some overshoot (a sharp resize), above it levels of 0..255 or more
STRETCH = 1.12  # aspects that differ by no more are stretched, others are padded


def read_photo(source: Any) -> UInt8[np.ndarray, "h w 3"]:
    """Any photo as upright RGB: a path, a PIL image, bytes, or an array (uint8, uint16, float 0..1; gray, RGB, RGBA).

    EXIF orientation is applied, transparency lies on white, 16 bits become 8 by their upper byte, CMYK and palettes
    become RGB. Other whole numbers are levels of 8 bits where none exceeds 255, else of 16; so are floats above 2.
    Raises PhotoError: missing, empty, truncated, not an image, zero size, more than 178 megapixels.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with _readable("the photo"):
            return _from_image(source)
    name, stream = _opened(source)
    with _readable(name), Image.open(stream) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        return _from_image(image)


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Pillow raises many kinds of errors; each means that this is not a photo."""
    try:
        yield
    except PhotoError:
        raise
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 1_000_000
        raise PhotoError(f"{name} has more than {most} megapixels; cut it into pieces first") from None
    except Exception as error:
        raise PhotoError(f"{name} is not a readable photo ({_plain(error)}); give a JPEG, PNG or WebP") from error


def _opened(source: Any) -> tuple[str, Any]:
    if isinstance(source, (bytes, bytearray)):
        if not source:
            raise PhotoError("the photo is empty (0 bytes)")
        return "the photo", io.BytesIO(source)
    try:
        path = Path(source)
        if path.is_dir():
            raise PhotoError(f"{path} is a folder, not a photo; give files, or the folder's pictures by a glob")
        if path.stat().st_size == 0:
            raise PhotoError(f"{path} is empty (0 bytes)")
    except TypeError:
        wanted = "give a path, bytes, a PIL image or an array"
        raise PhotoError(f"{type(source).__name__} is no photo; {wanted}") from None
    except OSError as error:
        raise PhotoError(f"cannot open {path}: {error.strerror or error}") from None
    except ValueError as error:  # a null character in the name
        raise PhotoError(f"cannot open {str(source)!r}: {error}") from None
    return str(path), path


def _plain(error: Exception) -> str:
    text = str(error).split("\n")[0]
    return "unknown format" if "cannot identify" in text else text or type(error).__name__


def _from_image(image: Image.Image) -> np.ndarray:
    if 0 in image.size:
        raise PhotoError(f"the photo has size {image.width} x {image.height}; it needs at least one pixel")
    upright = _upright(image)
    if upright.mode.startswith(("I", "F")):
        return _from_array(np.asarray(upright))
    if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        clear = upright.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return np.asarray(Image.alpha_composite(white, clear).convert("RGB"))
    return np.asarray(upright.convert("RGB"))


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are there: only the EXIF block is damaged
        return image


def _from_array(values: np.ndarray) -> np.ndarray:
    array = values[..., None] if values.ndim == 2 else values
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise PhotoError(f"an array of shape {values.shape} is no photo; give (h, w), (h, w, 3) or (h, w, 4)")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        array = _eight_bits(array)
    if array.shape[-1] == 4:
        share = array[..., 3:].astype(np.float32) / 255
        array = np.round(array[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _eight_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise PhotoError(f"an array of {array.dtype} is no photo; give uint8, uint16, bool, or float 0..1")
    if array.dtype.kind == "f":
        top = array.max(initial=0.0, where=np.isfinite(array))
        white = 1.0 if top <= OVERSHOOT else max(255.0, top)
        shown = np.nan_to_num(array, nan=0.0, posinf=white, neginf=0.0) / white
        return np.asarray(np.round(shown.clip(0, 1) * 255), np.uint8)
    sixteen = array.dtype.kind == "u" and array.dtype.itemsize == 2
    levels = array.astype(np.int64).clip(0, 65535)
    return np.asarray(levels >> 8 if sixteen or levels.max() > 255 else levels, np.uint8)


@dataclass(frozen=True)
class Placement:
    """Where a photo lies on a canvas. `size` and `canvas` are (width, height); `box` is the photo's place on the
    canvas, x0, y0, x1, y1 in canvas pixels. canvas = box corner + photo * (box side / photo side)."""

    size: tuple[int, int]
    canvas: tuple[int, int]
    box: tuple[int, int, int, int]

    def to_json(self) -> dict[str, Any]:
        return {"photo": list(self.size), "canvas": list(self.canvas), "box": list(self.box)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Placement:
        (w, h), (cw, ch), (x0, y0, x1, y1) = ([int(v) for v in record[k]] for k in ("photo", "canvas", "box"))
        return cls((w, h), (cw, ch), (x0, y0, x1, y1))

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels a photo pixel, along x and y."""
        return (self.box[2] - self.box[0]) / self.size[0], (self.box[3] - self.box[1]) / self.size[1]

    def to_canvas(self, xy: Shaped[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the photo as points of the canvas."""
        return np.asarray(np.asarray(xy, np.float64) * self.scale + self.box[:2], np.float64)

    def to_photo(self, xy: Shaped[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Points of the canvas as points of the photo: the inverse of `to_canvas`."""
        return np.asarray((np.asarray(xy, np.float64) - self.box[:2]) / self.scale, np.float64)


def placement(size: tuple[int, int], canvas: tuple[int, int]) -> Placement:
    """The photo stretched over the whole canvas when their aspects are near, else centred on it at full length."""
    (w, h), (cw, ch) = size, canvas
    off = (cw / ch) / (w / h)
    if 1 / STRETCH <= off <= STRETCH:
        return Placement(size, canvas, (0, 0, cw, ch))
    scale = min(cw / w, ch / h)
    bw, bh = max(1, min(cw, round(w * scale))), max(1, min(ch, round(h * scale)))
    x, y = (cw - bw) // 2, (ch - bh) // 2
    return Placement(size, canvas, (x, y, x + bw, y + bh))


def place(photo: UInt8[np.ndarray, "h w 3"], where: Placement) -> UInt8[np.ndarray, "y x 3"]:
    """The photo on its canvas, with antialiasing; padding repeats the photo's border."""
    x0, y0, x1, y1 = where.box
    shown = np.asarray(Image.fromarray(photo).resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC))
    (cw, ch) = where.canvas
    if (x0, y0, x1, y1) == (0, 0, cw, ch):
        return shown
    return np.pad(shown, ((y0, ch - y1), (x0, cw - x1), (0, 0)), mode="edge")


# ---- answers back on the photo's grid


def restore(answer: Prediction, where: Placement, photo: UInt8[np.ndarray, "h w 3"] | None = None) -> Prediction:
    """An answer decoded on the canvas, as an answer about the photo."""
    grid = Grid(where)
    sure = grid.soft(answer.confidence)
    match answer:
        case Depth():
            values, valid = grid.depth(answer.values, answer.valid, photo)
            return replace(answer, values=values, valid=valid, confidence=sure)
        case Normals():
            return replace(answer, xyz=grid.unit(answer.xyz), valid=grid.nearest(answer.valid), confidence=sure)
        case Labels():
            return _restore_labels(answer, grid, sure)
        case Instances():
            boxes = where.to_photo(answer.boxes.reshape(-1, 2)).reshape(-1, 4)
            w, h = where.size
            boxes = boxes.clip(0, (w, h, w, h)).astype(np.float32)
            masks = None if answer.masks is None else grid.masks(answer.masks)
            on_photo = np.asarray((boxes[:, 2:] > boxes[:, :2]).all(1))
            return _picked(replace(answer, boxes=boxes, masks=masks, confidence=sure), on_photo)
        case Keypoints():
            return replace(answer, xy=where.to_photo(answer.xy).astype(np.float32), confidence=sure)
        case Alpha():
            return replace(answer, alpha=np.stack([grid.soft(a) for a in answer.alpha]), confidence=sure)
    raise TypeError(f"no way back for {type(answer).__name__}")


def _picked(answer: Instances, keep: Bool[np.ndarray, "n"]) -> Instances:
    """Some of the things: what lies wholly on the padding is none of the photo's."""
    masks = None if answer.masks is None else answer.masks[keep]
    boxes, labels, scores = answer.boxes[keep], answer.labels[keep], answer.scores[keep]
    return replace(answer, boxes=boxes, masks=masks, labels=labels, scores=scores)


def _restore_labels(answer: Labels, grid: Grid, sure: np.ndarray) -> Labels:
    ids, probabilities = grid.nearest(answer.ids), answer.probabilities
    if probabilities is not None:
        probabilities = np.stack([grid.soft(p) for p in np.moveaxis(probabilities, -1, 0)], -1)
        ids = np.where(ids < 0, -1, probabilities.argmax(-1)).astype(answer.ids.dtype)
    segments: dict[str, Any] = {"segments": grid.nearest(answer.segments)} if isinstance(answer, Panoptic) else {}
    return replace(answer, ids=ids, probabilities=probabilities, confidence=sure, **segments)


class Grid:
    """Lookups from the photo's pixels into canvas arrays."""

    def __init__(self, where: Placement) -> None:
        self.where = where
        (w, h), (sx, sy) = where.size, where.scale
        cw, ch = where.canvas
        self.xs = ((np.arange(w) + 0.5) * sx + where.box[0]).astype(int).clip(0, cw - 1)
        self.ys = ((np.arange(h) + 0.5) * sy + where.box[1]).astype(int).clip(0, ch - 1)
        self.same = where.size == where.canvas and where.box == (0, 0, cw, ch)

    def nearest(self, values: Shaped[np.ndarray, "y x ..."]) -> Shaped[np.ndarray, "h w ..."]:
        return values if self.same else values[self.ys[:, None], self.xs]

    def soft(self, values: Float[np.ndarray, "y x"]) -> Float[np.ndarray, "h w"]:
        """Bilinear."""
        if self.same:
            return np.asarray(values, np.float32)
        image = Image.fromarray(np.ascontiguousarray(values, np.float32))
        return np.asarray(image.resize(self.where.size, Image.Resampling.BILINEAR, box=self.where.box))

    def masks(self, masks: Bool[np.ndarray, "n y x"]) -> Bool[np.ndarray, "n h w"]:
        if not len(masks):
            return np.zeros((0, self.where.size[1], self.where.size[0]), bool)
        return np.stack([self.soft(m.astype(np.float32)) > 0.5 for m in masks])

    def unit(self, xyz: Float[np.ndarray, "y x 3"]) -> Float[np.ndarray, "h w 3"]:
        """Bilinear, then length 1; where opposite normals cancel, the nearest one."""
        soft = np.stack([self.soft(xyz[..., i]) for i in range(3)], -1)
        length = np.linalg.norm(soft, axis=-1, keepdims=True)
        near = self.nearest(xyz)
        return np.asarray(np.where(length > 0.3, soft / np.maximum(length, 1e-6), near), np.float32)

    def depth(self, values: np.ndarray, valid: np.ndarray, photo: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Smooth where depth is smooth; at jumps the side that the photo's colour says, never a mixture of the two."""
        ok = self.nearest(valid)
        if self.same:
            return np.asarray(values, np.float32), ok
        near = self.nearest(np.where(valid, values, np.nan))
        finite = np.where(valid, values, np.median(values[valid]) if valid.any() else 0.0).astype(np.float32)
        smooth = self.soft(finite)
        with np.errstate(invalid="ignore"):
            jump = ~(np.abs(smooth - near) < 0.04 * np.abs(near)) & ok
        out = np.where(ok, smooth, near)
        if photo is not None and jump.any():
            out[jump] = self._sided(finite, valid, photo, jump)
        elif jump.any():
            out[jump] = near[jump]
        return np.where(ok, out, np.float32(np.inf)).astype(np.float32), ok

    def _sided(self, values: np.ndarray, valid: np.ndarray, photo: np.ndarray, at: np.ndarray) -> np.ndarray:
        """For photo pixels at depth jumps: of the 3 x 3 canvas pixels around, the one whose colour is most alike."""
        guide = place(photo, self.where).astype(np.float32)
        ys, xs = np.nonzero(at)
        colour = photo[ys, xs].astype(np.float32)
        best, out = np.full(len(ys), np.inf, np.float32), np.zeros(len(ys), np.float32)
        ch, cw = values.shape
        for dy in (0, -1, 1):
            for dx in (0, -1, 1):
                y, x = (self.ys[ys] + dy).clip(0, ch - 1), (self.xs[xs] + dx).clip(0, cw - 1)
                cost = ((guide[y, x] - colour) ** 2).sum(1) + 150.0 * (dy * dy + dx * dx)
                cost = np.where(valid[y, x], cost, np.inf)
                better = cost < best
                best, out = np.where(better, cost, best), np.where(better, values[y, x], out)
        return out


# ---- tiles


@dataclass(frozen=True)
class Tile:
    """A part of a photo: x0, y0, x1, y1 in its pixels."""

    box: tuple[int, int, int, int]

    def cut(self, photo: Shaped[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "y x 3"]:
        x0, y0, x1, y1 = self.box
        return np.ascontiguousarray(photo[y0:y1, x0:x1])


def tiles(size: tuple[int, int], tile: int, overlap: float = 0.25) -> list[Tile]:
    """Tiles of about `tile` pixels a side that cover a photo of `size` evenly, overlapping by at least `overlap`.

    >>> [t.box for t in tiles((100, 60), 64)]
    [(0, 0, 64, 60), (36, 0, 100, 60)]
    """
    spans = [list(_spans(side, tile, overlap)) for side in size]
    return [Tile((x0, y0, x1, y1)) for y0, y1 in spans[1] for x0, x1 in spans[0]]


def _spans(side: int, tile: int, overlap: float) -> Iterator[tuple[int, int]]:
    if side <= tile:
        yield 0, side
        return
    stride = max(1, math.floor(tile * (1 - overlap)))
    count = math.ceil((side - tile) / stride) + 1
    for i in range(count):
        start = round(i * (side - tile) / (count - 1))
        yield start, start + tile


def feather(box: tuple[int, int, int, int], size: tuple[int, int]) -> Float[np.ndarray, "y x"]:
    """Weights of a tile: 1 in its middle, falling to almost 0 at those of its borders that are not the photo's."""
    x0, y0, x1, y1 = box

    def ramp(start: int, end: int, side: int) -> np.ndarray:
        n = end - start
        fall = max(1.0, 0.25 * n)
        at = np.arange(n) + 0.5
        left = np.ones(n) if start == 0 else (at / fall).clip(0, 1)
        right = np.ones(n) if end == side else ((n - at) / fall).clip(0, 1)
        return np.minimum(left, right)

    weights = np.outer(ramp(y0, y1, size[1]), ramp(x0, x1, size[0]))
    return np.asarray(np.maximum(weights, 1e-3), np.float32)


def blend(parts: Sequence[tuple[Tile, Prediction]], whole: Prediction) -> Prediction:
    """Answers about tiles, joined in answer space into one about the photo. `whole` is the answer about the photo seen
    at once: it gives the depth tiles their common scale (and shift), and things that are larger than a tile."""
    size = whole.size
    match whole:
        case Depth():
            deep = [(t, p) for t, p in parts if isinstance(p, Depth)]
            values = _feathered([(t, np.where(p.valid, _aligned(p, t, whole), np.nan)) for t, p in deep], size)
            valid, sure = _known(deep, size), _sure(parts, size)
            values = np.where(valid, values, np.float32(np.inf)).astype(np.float32)
            return replace(whole, values=values, valid=valid, confidence=sure)
        case Normals():
            mine = [(t, p) for t, p in parts if isinstance(p, Normals)]
            planes = [[(t, np.where(p.valid, p.xyz[..., i], np.nan)) for t, p in mine] for i in range(3)]
            xyz = np.stack([_feathered(plane, size) for plane in planes], -1)
            xyz /= np.maximum(np.linalg.norm(xyz, axis=-1, keepdims=True), 1e-6)
            return replace(whole, xyz=xyz, valid=_known(mine, size), confidence=_sure(parts, size))
        case Panoptic() | Keypoints():
            return whole  # seen at once: numbering and single points do not add up over tiles
        case Labels():
            return _blend_labels([(t, p) for t, p in parts if isinstance(p, Labels)], whole)
        case Alpha():
            mine_a = [(t, p) for t, p in parts if isinstance(p, Alpha)]
            layers = [_feathered([(t, p.alpha[k]) for t, p in mine_a], size) for k in range(len(whole.alpha))]
            return replace(whole, alpha=np.stack(layers), confidence=_sure(parts, size))
        case Instances():
            return _join_things([(t, p) for t, p in parts if isinstance(p, Instances)], whole)
    raise TypeError(f"no way to blend {type(whole).__name__}")


def _feathered(parts: Sequence[tuple[Tile, np.ndarray]], size: tuple[int, int]) -> np.ndarray:
    total = np.zeros(size[::-1], np.float32)
    weight = np.zeros(size[::-1], np.float32)
    for tile, values in parts:
        x0, y0, x1, y1 = tile.box
        w = feather(tile.box, size)
        total[y0:y1, x0:x1] += w * np.where(np.isfinite(values), values, 0)
        weight[y0:y1, x0:x1] += w * np.isfinite(values)
    return total / np.maximum(weight, 1e-6)


def _sure(parts: Sequence[tuple[Tile, Prediction]], size: tuple[int, int]) -> np.ndarray:
    return _feathered([(t, p.confidence) for t, p in parts], size)


def _known(parts: Sequence[tuple[Tile, Depth | Normals]], size: tuple[int, int]) -> np.ndarray:
    return _feathered([(t, p.valid.astype(np.float32)) for t, p in parts], size) > 0.5


def _aligned(part: Depth, tile: Tile, whole: Depth) -> np.ndarray:
    """A tile's depth on the scale of the whole: times the median ratio if metric, scale and shift if relative."""
    x0, y0, x1, y1 = tile.box
    there, known = whole.values[y0:y1, x0:x1], whole.valid[y0:y1, x0:x1] & part.valid
    if known.sum() < 16:
        return part.values
    a, b = part.values[known].astype(np.float64), there[known].astype(np.float64)
    if whole.scale == "metric":
        ratio = np.exp(np.median(np.log(np.maximum(b, 1e-6) / np.maximum(a, 1e-6))))
        return np.asarray(part.values * ratio, np.float32)
    slope, shift = np.linalg.lstsq(np.stack([a, np.ones_like(a)], 1), b, rcond=None)[0]
    return np.asarray(part.values * slope + shift, np.float32)


def _blend_labels(parts: Sequence[tuple[Tile, Labels]], whole: Labels) -> Labels:
    """A vote of the tiles, each weighted by its feather and its confidence."""
    size, classes = whole.size, len(whole.classes)
    votes = np.zeros((classes + 1, *size[::-1]), np.float32)
    for tile, part in parts:
        x0, y0, x1, y1 = tile.box
        weight = feather(tile.box, size) * (0.05 + part.confidence)
        for k in np.unique(part.ids):
            votes[k, y0:y1, x0:x1] += np.where(part.ids == k, weight, 0)  # k = -1 is the last plane
    ids = votes.argmax(0)
    ids = np.where(ids == classes, -1, ids).astype(whole.ids.dtype)
    return replace(whole, ids=ids, probabilities=None, confidence=_sure(parts, size))


def _join_things(parts: Sequence[tuple[Tile, Instances]], whole: Instances) -> Instances:
    """Things found in tiles, moved to the photo, those of the whole photo beside them; of things of one class that
    share half of the smaller one's area, the better scored stays and takes over the other's pixels."""
    found: list[tuple[float, int, np.ndarray, np.ndarray | None]] = []
    for tile, part in (*parts, (Tile((0, 0, *whole.size)), whole)):
        x0, y0, x1, y1 = tile.box
        for i in range(len(part)):
            mask = None
            if part.masks is not None:
                mask = np.zeros(whole.size[::-1], bool)
                mask[y0:y1, x0:x1] = part.masks[i]
            box = part.boxes[i] + np.array([x0, y0, x0, y0], np.float32)
            found.append((float(part.scores[i]), int(part.labels[i]), box, mask))
    kept: list[tuple[float, int, np.ndarray, np.ndarray | None]] = []
    for score, label, box, mask in sorted(found, key=lambda f: -f[0]):
        twin = next((i for i, k in enumerate(kept) if k[1] == label and _shared(k[2:], (box, mask)) > 0.5), None)
        if twin is None:
            kept.append((score, label, box, mask))
        else:
            s, c, b, m = kept[twin]
            both = None if m is None or mask is None else m | mask
            kept[twin] = (s, c, np.concatenate([np.minimum(b[:2], box[:2]), np.maximum(b[2:], box[2:])]), both)
    masks = None if whole.masks is None else np.array([k[3] for k in kept], bool).reshape(-1, *whole.size[::-1])
    return replace(
        whole,
        masks=masks,
        boxes=np.array([k[2] for k in kept], np.float32).reshape(-1, 4),
        labels=np.array([k[1] for k in kept], np.int64),
        scores=np.array([k[0] for k in kept], np.float32),
        confidence=_sure(parts, whole.size),
    )


def _shared(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Shared area as a share of the smaller thing's, by masks where there are any, else by boxes."""
    if a[1] is not None and b[1] is not None:
        return float((a[1] & b[1]).sum() / max(min(a[1].sum(), b[1].sum()), 1))
    low, high = np.maximum(a[0][:2], b[0][:2]), np.minimum(a[0][2:], b[0][2:])
    inside = float(np.prod(np.maximum(high - low, 0)))
    return inside / max(min(float(np.prod(x[2:] - x[:2])) for x in (a[0], b[0])), 1e-6)

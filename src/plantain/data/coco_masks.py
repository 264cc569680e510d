"""Masks as COCO's annotations store them: polygons, and run lengths in column order, compressed or not.

fill_polygons([[x, y, x, y, ...], ...], width, height)     # the pixels that pycocotools fills, exactly
decode_rle({"size": [h, w], "counts": ...})
read_segmentation(row["segmentation"], width, height)      # any of the forms; None where there is no mask
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped
from plantain.errors import TruthError

UPSAMPLING = 5  # the boundary is walked on a grid five times as fine
FARTHEST = 1e6  # pixels: no polygon of a photo has a corner farther out


def fill_polygons(polygons: Sequence[Any], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """The area of one object's polygons together; those of fewer than three points enclose nothing.

    TruthError for an odd count of coordinates, and for coordinates that are no numbers or out of all proportion.
    Source of the rule: cocodataset/cocoapi, common/maskApi.c, rleFrPoly and rleMerge."""
    mask = np.zeros((height, width), bool)
    for polygon in polygons:
        points = _points(polygon)
        if len(points) >= 3:
            mask |= _fill(points, width, height)
    return mask


def _points(polygon: Sequence[Any]) -> Float[np.ndarray, "n 2"]:
    if not all(isinstance(value, Real) for value in polygon):
        raise TruthError("a polygon that is no list of numbers (x, y, x, y, ...)")
    if len(polygon) % 2:
        raise TruthError(f"a polygon of {len(polygon)} coordinates; x and y take turns, so there must be an even count")
    points = np.array(polygon, np.float64).reshape(-1, 2)
    if not (np.abs(points) <= FARTHEST).all():  # also where it is not a number
        raise TruthError(f"a polygon with a coordinate that is no number of pixels ({np.abs(points).max()})")
    return points


def _fill(points: Float[np.ndarray, "n 2"], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """Every crossing of a column's middle turns the pixels below it, to the end of the picture, on or off."""
    column, row = _boundary(points)
    step = np.flatnonzero(np.diff(column))
    x = (np.minimum(column[step], column[step + 1]) + 0.5) / UPSAMPLING - 0.5
    y = (np.minimum(row[step], row[step + 1]) + 0.5) / UPSAMPLING - 0.5
    middle = (x == np.floor(x)) & (x >= 0) & (x <= width - 1)
    first = np.ceil(y[middle].clip(0, height)).astype(np.int64)
    mask, column = np.zeros((height, width), bool), x[middle].astype(np.int64)
    if len(column):
        left, right = column.min(), column.max() + 1
        turns = np.bincount((column - left) * height + first, minlength=(right - left) * height + 1)
        on = np.add.accumulate(turns[:-1], dtype=np.uint8) % 2 == 1
        mask[:, left:right] = on.reshape(right - left, height).T
    return mask


def _boundary(points: Float[np.ndarray, "n 2"]) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"]]:
    """Column and row of every step along the closed boundary on the fine grid; fractions are cut off as in C.

    Each edge is walked along its longer side from its lower end; where that is its end, the points are turned round."""
    start = np.trunc(UPSAMPLING * points + 0.5).astype(np.int64)
    end = np.roll(start, -1, axis=0)
    along = np.abs(end - start)
    flat = along[:, 0] >= along[:, 1]
    longer, axis = along.max(1), np.where(flat, 0, 1)
    edges = np.arange(len(start))
    back = start[edges, axis] > end[edges, axis]
    low, high = np.where(back[:, None], end, start), np.where(back[:, None], start, end)
    slope = (high - low)[edges, 1 - axis] / np.maximum(longer, 1)
    edge = np.repeat(edges, longer + 1)
    count = np.arange(len(edge)) - np.repeat(np.cumsum(longer + 1) - (longer + 1), longer + 1)
    walked = np.where(back[edge], longer[edge] - count, count)
    straight = low[edge, axis[edge]] + walked
    sloped = np.trunc(low[edge, 1 - axis[edge]] + slope[edge] * walked + 0.5).astype(np.int64)
    return np.where(flat[edge], straight, sloped), np.where(flat[edge], sloped, straight)


def decode_rle(rle: Mapping[str, Any]) -> Bool[np.ndarray, "h w"]:
    """The mask of run lengths, whose first run is off. TruthError where they do not make up the whole picture.

    Source: cocodataset/cocoapi, common/maskApi.c, rleFrString and rleDecode."""
    size: Any = rle.get("size")
    counts: Any = rle.get("counts")
    if not (_whole_numbers(size) and len(size) == 2 and min(size) > 0):
        raise TruthError(f"run lengths of the size {size!r}; wanted [height, width]")
    if isinstance(counts, str):
        counts = _decompress(counts)
    if not _whole_numbers(counts) or min(counts, default=0) < 0:
        raise TruthError("run lengths whose counts are no whole numbers from 0")
    height, width = size
    if sum(counts) != height * width:
        raise TruthError(f"run lengths of {sum(counts)} pixels together, a mask of {height} x {width} has "
                         f"{height * width}")  # fmt: skip
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def _whole_numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, int) for value in values)


def _decompress(text: str) -> list[int]:
    """Five bits a letter, from "0" on, the sixth for "goes on"; from the fourth on, differences to the last but one."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64:
            raise TruthError(f"compressed run lengths with the letter {letter!r}")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    if shift:
        raise TruthError("compressed run lengths that are cut off")
    return counts


def read_segmentation(segmentation: Any, width: int, height: int) -> Bool[np.ndarray, "h w"] | None:
    """The mask of a row's `segmentation`: polygons, one flat polygon, run lengths, or a list of run lengths.

    None where nothing is enclosed (null, [], [[]], one or two points, or less than a pixel): such a row has no mask.
    TruthError for run lengths of another size than the photo's, and for what is none of these forms."""
    if segmentation is None:
        return None
    if isinstance(segmentation, Mapping):
        mask = _sized(decode_rle(segmentation), width, height)
    elif not isinstance(segmentation, Sequence) or isinstance(segmentation, str):
        raise TruthError(f"a segmentation that is a {type(segmentation).__name__}; wanted polygons or run lengths")
    elif segmentation and all(isinstance(part, Mapping) for part in segmentation):
        mask = _union([_sized(decode_rle(part), width, height) for part in segmentation])
    elif segmentation and all(isinstance(value, Real) for value in segmentation):
        mask = fill_polygons([segmentation], width, height)
    elif all(isinstance(part, Sequence) for part in segmentation):
        mask = fill_polygons(segmentation, width, height)
    else:
        raise TruthError("a segmentation of unlike parts; wanted a list of polygons, or of run lengths")
    return mask if mask.any() else None


def _union(masks: Sequence[Shaped[np.ndarray, "h w"]]) -> Bool[np.ndarray, "h w"]:
    return np.any(masks, axis=0)


def _sized(mask: Bool[np.ndarray, "h w"], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    if mask.shape != (height, width):
        raise TruthError(f"run lengths of {mask.shape[1]} x {mask.shape[0]} pixels, a photo of {width} x {height}")
    return mask

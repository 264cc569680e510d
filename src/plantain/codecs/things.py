"""Masks in flat colors, and what a decoder finds: things with masks, colors and scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8

RGB = tuple[int, int, int]
SMALLEST = 2e-4  # of the picture: smaller things are specks (the paper's step 3)
MOST = 256  # things in one painting: more are noise, and their masks fill the memory


@dataclass(frozen=True, eq=False)
class Found:
    """Things in a painting, the highest score first: their masks, their colors (levels) and scores 0..1."""

    masks: Bool[np.ndarray, "n h w"]
    colors: Float[np.ndarray, "n 3"]
    scores: Float[np.ndarray, "n"]


def least_area(shape: tuple[int, ...]) -> float:
    """Pixels that a thing has at least in a picture of this height and width."""
    return max(1.0, SMALLEST * shape[0] * shape[1])


def by_score(owner: Int[np.ndarray, "h w"], colors: Float[np.ndarray, "n 3"], scores: Float[np.ndarray, "n"]) -> Found:
    """Things by falling score, at most MOST; `owner` holds each pixel's thing, or -1."""
    order = np.argsort(-scores, kind="stable")[:MOST]
    masks = np.empty((len(order), *owner.shape), bool)
    for mask, k in zip(masks, order, strict=True):
        np.equal(owner, owner.dtype.type(k), out=mask)
    return Found(masks, colors[order].astype(np.float32), scores[order].astype(np.float32))


def without_ground(parts: Int[np.ndarray, "h w"], group: Int[np.ndarray, "n"]) -> tuple[Int[np.ndarray, "h w"], int]:
    """The number of each pixel's part among those that are not of group 0, from 0 (else -1), and how many they are."""
    shown = group != 0
    return np.where(shown, np.cumsum(shown) - 1, -1)[parts], int(shown.sum())


def weights_of(
    thing: Int[np.ndarray, "n"], part_area: Float[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, "n"]]:
    """The share that each part has in each thing, and the things' areas."""
    weight = np.zeros((len(thing), len(thing)))
    weight[thing, np.arange(len(thing))] = part_area
    area = weight.sum(1)
    return weight / np.maximum(area[:, None], 1), area


def owners(
    real: Bool[np.ndarray, "n"], thing: Int[np.ndarray, "n"], numbers: Int[np.ndarray, "h w"]
) -> Int[np.ndarray, "h w"]:
    """Each pixel's thing among those that are real, or -1."""
    name = np.where(real, np.cumsum(real) - 1, -1)[thing]
    return np.append(name, -1).astype(np.int16)[numbers]


def pixel_boxes(
    own: Int[np.ndarray, "p"], on: Int[np.ndarray, "p"], shape: tuple[int, ...], count: int
) -> Float[np.ndarray, "n 4"]:
    """left, top, right, bottom of each part, given the part of each pixel and its place in the flattened picture."""
    spans = []
    for place, size in zip(np.divmod(on, shape[1])[::-1], shape[::-1], strict=True):
        held = np.zeros((count, size), bool)
        held[own, place] = True
        spans.append((held.argmax(1), size - held[:, ::-1].argmax(1)))
    (left, right), (top, bottom) = spans
    return np.stack([left, top, right, bottom], -1).astype(np.float64)


def encode(
    masks: Bool[np.ndarray, "n h w"], colors: Shaped[np.ndarray, "n 3"], background: RGB = (0, 0, 0)
) -> UInt8[np.ndarray, "h w 3"]:
    """Each mask in its color, later ones on top."""
    rgb = np.full((*masks.shape[1:], 3), background, np.uint8)
    for mask, color in zip(masks, colors, strict=True):
        rgb[mask] = color
    return rgb

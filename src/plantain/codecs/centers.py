"""Things told apart by location colors on black: R = horizontal and G = vertical place of the thing's center, B = 255.

Code centers/1. What a small generator can learn by regression (as in Painter, arXiv 2212.02499); it gives boxes too.

A painter that is unsure paints the mean of thing and black, so blue is the probability of a thing, and red / blue and
green / blue the place it votes for, however blurred its outline. The votes are read as flat colors (see `flat`); then
regions are joined that vote for about the same place, measured by their sizes: two things of 50 pixels can hardly have
their centers 5 pixels apart, two halves of one thing can vote so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plantain._shapes import Bool, Float, Int, Shaped, UInt8
from plantain.codecs.cells import bytes_of
from plantain.codecs.flat import Denoised, denoise, flat_regions, ranges
from plantain.codecs.things import Found, by_score, encode, least_area, owners, pixel_boxes, weights_of, without_ground

AVERAGED = (1.5, 8.0)  # see `denoise`: neighboring centers differ by a few levels only
NEVER = 1e3  # see `Calm.mingled`: a small thing within a large one meets it at every pixel
EXACT = 1.0  # levels: votes of two things may mix to those of a third
FLAT = 6.0  # levels that votes vary by without noise
STRAY = 1.0  # levels: votes this near are for the same place
STEEP = 4  # levels over 3 x 3 pixels: votes that change more are a border's
WOBBLE = 0.5  # of the votes' change over a passage counts as noise
PASSAGE = 0.03  # of the picture's longer side: small networks blur so much
WITHIN = 1.0  # of the scatter of its votes: how far from a larger thing's center a part may vote and yet belong to it
OUTSIDE = 0.5  # of the larger thing's radius: how much farther if the part's vote is outside its own box
SPREAD = 1.2  # the distances of normal votes in a plane: root mean square over median
BELL = 16.0  # levels: a vote so far from its thing's counts 1/e


def encode_centers(masks: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Each mask in the color of its centroid, on black, later ones on top."""
    height, width = masks.shape[1:]
    colors = np.zeros((len(masks), 3), np.uint8)
    for color, mask in zip(colors, masks, strict=True):
        across, down = mask.sum(0, dtype=np.int64), mask.sum(1, dtype=np.int64)
        total = max(int(across.sum()), 1)
        x, y = across @ (np.arange(width) + 0.5) / total / width, down @ (np.arange(height) + 0.5) / total / height
        color[:] = round(255 * x), round(255 * y), 255
    return encode(masks, colors)


def decode_centers(rgb: Shaped[np.ndarray, "h w 3"]) -> Found:
    """Things from location colors on black, the highest score first.

    score = how blue a thing is x how well its votes agree x whether they point into its own box (else 0.3)."""
    seen = denoise(bytes_of(rgb), AVERAGED)
    votes = _votes(seen)
    parts, group, _ = flat_regions(votes, (0, 0, 0))
    numbers, count = without_ground(parts, group)
    measured = _measured(seen, votes, numbers, count)
    thing = _joined(measured, numbers.shape)
    return _found(measured, thing, numbers)


def _votes(seen: Denoised) -> Denoised:
    """Where there is a thing (blue above one half): the place it votes for, with blue 255; black elsewhere."""
    scales = np.zeros(256, np.float32)
    scales[128:] = 255 / np.arange(128, 256, dtype=np.float32)
    scale = scales[seen.rgb[..., 2]]
    on = scale > 0
    rgb = np.empty_like(seen.rgb)
    for c in (0, 1):
        rgb[..., c] = np.minimum(seen.rgb[..., c] * scale + np.float32(0.5), 255)
    rgb[..., 2] = np.where(on, np.uint8(255), np.uint8(0))
    passage = max(seen.passage, round(PASSAGE * max(on.shape)))
    noise = max(seen.noise * float(scale.sum()) / max(int(on.sum()), 1), _wobble(rgb, on, passage) * WOBBLE)
    return Denoised(
        rgb, noise, seen.radius, on & (ranges(rgb, on) > STEEP + 2.5 * noise), passage, NEVER, exact=EXACT, flat=FLAT
    )


def _wobble(votes: UInt8[np.ndarray, "h w 3"], on: Bool[np.ndarray, "h w"], step: int) -> float:
    """How much votes differ over `step` pixels (levels, the median): mostly within things."""
    found = [np.zeros(0, np.float32)]
    for one, other in ((np.s_[::2, step::2], np.s_[::2, :-step:2]), (np.s_[step::2, ::2], np.s_[:-step:2, ::2])):
        both = on[one] & on[other]
        found.append(np.linalg.norm(votes[one][both].astype(np.float32) - votes[other][both], axis=1))
    every = np.concatenate(found)
    return float(np.median(every)) if len(every) else 0.0


@dataclass(frozen=True, eq=False)
class _Parts:
    """Regions: areas, median votes and mean colors (levels), boxes (left, top, right, bottom), how well votes agree
    and how far they scatter (levels)."""

    area: Float[np.ndarray, "n"]
    vote: Float[np.ndarray, "n 2"]
    color: Float[np.ndarray, "n 3"]
    box: Float[np.ndarray, "n 4"]
    accord: Float[np.ndarray, "n"]
    scatter: Float[np.ndarray, "n"]


def _measured(seen: Denoised, votes: Denoised, numbers: Int[np.ndarray, "h w"], count: int) -> _Parts:
    on = np.flatnonzero(numbers.reshape(-1) >= 0)
    own = numbers.reshape(-1)[on]
    area = np.bincount(own, minlength=count).astype(np.float64)
    weight = np.maximum(area, 1)
    cast = votes.rgb.reshape(-1, 3)[on, :2]
    vote = np.stack([_medians(own, cast[:, c], count) for c in (0, 1)], -1)
    color = np.stack([np.bincount(own, seen.rgb[..., c].reshape(-1)[on], count) / weight for c in range(3)], -1)
    squared = np.square(cast - vote.astype(np.float32)[own]).sum(1)
    accord = np.bincount(own, np.exp(squared * np.float32(-1 / BELL**2)), count) / weight
    scatter = SPREAD * _medians(own, np.sqrt(squared).clip(0, 255).astype(np.uint8), count)
    return _Parts(area, vote, color, pixel_boxes(own, on, numbers.shape, count), accord, scatter)


def _medians(own: Int[np.ndarray, "m"], levels: UInt8[np.ndarray, "m"], count: int) -> Float[np.ndarray, "n"]:
    """The median level of each part: a few pixels of another thing, left at its border, do not pull it their way. Whole
    levels are taken as spread evenly over their unit."""
    table = np.bincount(own * 256 + levels, minlength=count * 256).reshape(count, 256)
    below, half = table.cumsum(1), table.sum(1) / 2
    k = (below < half[:, None]).sum(1)
    here = np.take_along_axis(table, k[:, None], 1)[:, 0]
    before = np.take_along_axis(below, k[:, None], 1)[:, 0] - here
    return np.asarray(k - 0.5 + (half - before) / np.maximum(here, 1))


def _joined(parts: _Parts, shape: tuple[int, ...]) -> Int[np.ndarray, "n"]:
    """The thing of each part. Large ones first: each joins the thing whose center its vote is nearest to, or is one."""
    pixels = np.array([shape[1], shape[0]]) / 255
    place = parts.vote * pixels
    radius = np.sqrt(parts.area / np.pi)
    stray = STRAY * float(pixels.max())
    inside = _inside(place, parts.box)
    thing = np.arange(len(radius))
    heads: list[int] = []
    for k in np.argsort(-parts.area, kind="stable").tolist():
        if heads:
            away = np.hypot(*(place[heads] - place[k]).T)
            allowed = (
                stray
                + WITHIN * (parts.scatter[k] + parts.scatter[heads]) * float(pixels.max())
                + (0 if inside[k] else OUTSIDE) * radius[heads]
            )
            best = int((away / allowed).argmin())
            if away[best] <= allowed[best]:
                thing[k] = heads[best]
                continue
        heads.append(k)
    return thing


def _inside(place: Float[np.ndarray, "n 2"], box: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, "n"]:
    """Whether each place lies in its box, a quarter larger to each side."""
    slack = 0.25 * (box[:, 2:] - box[:, :2]) + 2
    return np.asarray(((place >= box[:, :2] - slack) & (place <= box[:, 2:] + slack)).all(1))


def _found(parts: _Parts, thing: Int[np.ndarray, "n"], numbers: Int[np.ndarray, "h w"]) -> Found:
    weight, area = weights_of(thing, parts.area)
    box = parts.box.copy()
    np.minimum.at(box[:, :2], thing, parts.box[:, :2])
    np.maximum.at(box[:, 2:], thing, parts.box[:, 2:])
    height, width = numbers.shape
    place = (weight @ parts.vote) * np.array([width, height]) / 255
    colors = weight @ parts.color
    scores = colors[:, 2] / 255 * (weight @ parts.accord) * np.where(_inside(place, box), 1.0, 0.3)
    real = area >= least_area(numbers.shape)
    return by_score(owners(real, thing, numbers), colors[real], scores[real])

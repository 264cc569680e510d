"""Questions that specialists have answered (see `teachers`): their answers are painted, as far as they are sure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.mixture import (
    ABSENT,
    SALIENT,
    VAGUE,
    Recipe,
    Rng,
    Sample,
    background_color,
    draw_legend,
    everywhere,
    heat_sample,
    mask_colors,
    sample,
)
from plantain.data.sayings import said, with_article
from plantain.data.teachers import FEWEST
from plantain.data.views import View
from plantain.predictions.boxes import box_area
from plantain.predictions.types import Instances
from plantain.tasks import ObjectDetection, ReferringSegmentation, SemanticSegmentation


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
            legend, background=background_color(rng) if background else None, seed=int(rng.integers(1 << 30))
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
        return sample(
            ReferringSegmentation(with_article(said(chosen, rng), rng), **mask_colors(rng)), alpha, weight, rng
        )

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
        ReferringSegmentation(with_article(str(rng.choice(SALIENT["main object"])), rng), **mask_colors(rng)),
        alpha[None],
        weight,
        rng,
        scale=1.0,
    )


def taught_boxes(example: Example, view: View, rng: Rng) -> Sample | None:
    """Boxes of one of COCO's classes; where a box is doubtful nothing is taught."""

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
    return heat_sample(ObjectDetection(name, code="heat"), replace(truth, classes=(name,)), known, rng)


TAUGHT: tuple[tuple[float, Recipe], ...] = (
    (0.40, taught_semantic("ade", 0.3)), (0.11, taught_class("ade")), (0.10, taught_semantic("voc", 0.15)),
    (0.11, taught_class("voc")), (0.20, taught_boxes), (0.08, taught_main),
)  # fmt: skip


def taught(example: Example, view: View, rng: Rng) -> Sample | None:
    """A question that specialists have answered; several are tried, since many photos have no answer to some."""
    shares = np.array([share for share, _ in TAUGHT])
    for _ in range(4):
        made = TAUGHT[rng.choice(len(TAUGHT), p=shares / shares.sum())][1](example, view, rng)
        if made is not None:
            return made
    return None

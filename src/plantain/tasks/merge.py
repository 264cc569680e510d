"""Several paintings of one question, or of its parts, become one answer; how well they agree becomes confidence.

Depth: median. Normals: mean direction. Legends: unmixing where the paintings have different legends, else a vote.
Groups of classes, things or points: joined. Instances: matched by IoU. Alpha and keypoints: mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from plantain._shapes import Float, Int
from plantain.codecs.unmix import unmix
from plantain.errors import UsageError
from plantain.predictions.boxes import boxes_around
from plantain.predictions.matching import matched
from plantain.predictions.types import Alpha, Depth, Edges, Instances, Keypoints, Labels, Normals, Panoptic, Prediction
from plantain.tasks import decode_utils
from plantain.tasks.base import Task
from plantain.tasks.keypoints import SEEN
from plantain.tasks.language.templates import RGB
from plantain.tasks.legend import BLACK, draw_any

Item = TypeVar("Item")
Answer = TypeVar("Answer", bound=Prediction)
SPREAD = 0.2  # relative spread of depth, or spread of alpha, at which paintings no longer agree


def merge(tasks: Task | Sequence[Task], predictions: Sequence[Prediction]) -> Prediction:
    """One answer from several of the same kind and size; `tasks` is the question, or one question a prediction.

    Raises UsageError where there is nothing to merge, or kinds or sizes differ."""
    asked = [tasks] * len(predictions) if isinstance(tasks, Task) else list(tasks)
    if not predictions or len(asked) != len(predictions):
        raise UsageError(
            f"{len(asked)} questions have {len(predictions)} answers; give one answer for each, at least one"
        )
    first, answers = predictions[0], list(predictions)
    if any(type(p) is not type(first) or p.size != first.size for p in predictions):
        kinds = ", ".join(f"{type(p).__name__} {p.size}" for p in predictions)
        raise UsageError(f"only answers of one kind and size can be merged, got {kinds}")
    if type(first) is Labels:
        answers = _unmixed_passes(asked, answers)
    return answers[0] if len(answers) == 1 else MERGERS[type(first)](answers)


def depth(answers: Sequence[Depth]) -> Depth:
    """The median of the valid values, where at least half are valid; relative depths are first brought to one scale."""
    first = answers[0]
    values = [first.values, *(_rescaled(a, first) for a in answers[1:])]
    stack = np.where(np.stack([a.valid for a in answers]), np.stack(values), np.nan)
    valid = np.isfinite(stack).sum(0) * 2 >= len(answers)
    middle, spread = _median(stack)
    scale = np.maximum(np.abs(middle), 1e-6) if first.scale == "metric" else np.float32(1)
    agree = np.where(valid, np.exp(-np.square(spread / scale / SPREAD)), np.float32(1))
    return replace(
        first, values=np.where(valid, middle, first.values), valid=valid, confidence=_mean_confidence(answers) * agree
    )


def _median(stack: Float[np.ndarray, "n h w"]) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Median and mean distance from it along the first axis, without NaN; zeros where all are NaN."""
    known = np.isfinite(stack)
    count = np.maximum(known.sum(0), 1)
    ordered = np.sort(np.where(known, stack, np.inf), axis=0)
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in ((count - 1) // 2, count // 2))
    middle = np.where(known.any(0), (low + high) / 2, 0).astype(np.float32)
    spread = np.where(known, np.abs(stack - middle), 0).sum(0) / count
    return middle, spread.astype(np.float32)


def _rescaled(answer: Depth, first: Depth) -> Float[np.ndarray, "h w"]:
    """Relative depth brought to the scale and shift of the first, by median and mean distance from it."""
    both = answer.valid & first.valid
    if answer.scale == "metric" or not both.any():
        return answer.values
    here, there = answer.values[both], first.values[both]
    middle, wanted = np.median(here), np.median(there)
    width = max(float(np.abs(here - middle).mean()), 1e-6)
    scale = float(np.abs(there - wanted).mean()) / width
    return np.asarray((answer.values - middle) * scale + wanted, np.float32)


def normals(answers: Sequence[Normals]) -> Normals:
    """The mean direction, weighted by confidence; its length says how well they agree."""
    weights = np.stack([np.where(a.valid, np.maximum(a.confidence, 1e-3), 0) for a in answers]).astype(np.float32)
    total = sum((w[..., None] * a.xyz for w, a in zip(weights, answers, strict=True)), np.float32(0))
    length = np.linalg.norm(np.asarray(total), axis=-1)
    valid = (np.stack([a.valid for a in answers]).sum(0) * 2 >= len(answers)) & (length > 1e-6)
    unit = np.asarray(total) / np.maximum(length, 1e-6)[..., None]
    agree = np.where(valid, length / np.maximum(weights.sum(0), 1e-6), np.float32(1))
    xyz = np.where(valid[..., None], unit, answers[0].xyz).astype(np.float32)
    return replace(answers[0], xyz=xyz, valid=valid, confidence=_mean_confidence(answers) * agree)


def labels(answers: Sequence[Labels]) -> Labels:
    """Paintings of the same classes are voted on; groups of other classes are then joined."""
    return _by_names(answers, lambda a: a.classes, _voted, _join_labels)


def _by_names(
    answers: Sequence[Answer],
    names: Callable[[Answer], tuple[str, ...]],
    agree: Callable[[Sequence[Answer]], Answer],
    join: Callable[[Sequence[Answer]], Answer],
) -> Answer:
    """Answers about the same names made one by `agree`; what then is there of each group of names joined by `join`."""
    merged = [group[0] if len(group) == 1 else agree(group) for group in _groups(answers, names)]
    return merged[0] if len(merged) == 1 else join(merged)


def _groups(items: Sequence[Item], key: Callable[[Item], Any]) -> list[list[Item]]:
    """The items with equal keys together, in order of first appearance."""
    groups: dict[Any, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


def _unmixed_passes(tasks: Sequence[Task], answers: Sequence[Any]) -> list[Any]:
    """Of the same classes painted under several legends one answer is left; other answers as they are."""
    left: list[Any] = []
    for group in _groups(list(zip(tasks, answers, strict=True)), lambda pair: pair[1].classes):
        own = [answer for _, answer in group]
        painted = all(a.painting is not None and a.painting.pixels.shape[:2] == a.ids.shape for a in own)
        several = len({a.colors for a in own}) > 1
        left += [_unmixed([task for task, _ in group], own)] if painted and several else own
    return left


def _unmixed(tasks: Sequence[Task], answers: Sequence[Labels]) -> Labels:
    """Probabilities from paintings under different legends, the background being one more color."""
    grounds = [getattr(task, "background", None) for task in tasks]
    legends = [[*a.colors, *([] if g is None else [g])] for a, g in zip(answers, grounds, strict=True)]
    painted = [decode_utils.clean(a.painting.pixels)[0] for a in answers if a.painting is not None]
    mix = unmix(np.stack([decode_utils.levels(p) / 255 for p in painted]), np.array(legends, np.uint8))
    count = len(answers[0].classes)
    ids = mix.argmax(-1).astype(np.int16)
    ids[ids >= count] = -1
    confidence = mix.max(-1) * _lifted_confidence(answers)
    return replace(
        answers[0],
        ids=ids,
        probabilities=mix[..., :count],
        confidence=confidence.astype(np.float32),
        presence=decode_utils.presences(ids, confidence, answers[0].classes),
    )


def _lifted_confidence(answers: Sequence[Prediction]) -> Float[np.ndarray, "h w"]:
    """Mean confidence, lifted half-way to 1: unmixing reads mixed colors, in which one painting alone has little."""
    return np.float32(0.5) + np.float32(0.5) * _mean_confidence(answers)


def _voted(answers: Sequence[Labels]) -> Labels:
    """The class with the most confidence behind it; its share is the confidence."""
    ids, share = _vote([a.ids for a in answers], [a.confidence for a in answers])
    presence = decode_utils.presences(ids, share, answers[0].classes)
    return replace(answers[0], ids=ids, confidence=share, presence=presence, probabilities=None)


def _vote(
    ids: Sequence[Int[np.ndarray, "h w"]], weights: Sequence[Float[np.ndarray, "h w"]]
) -> tuple[Int[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    best = np.full(ids[0].shape, -1, ids[0].dtype)
    most = np.zeros(ids[0].shape, np.float32)
    for label in np.unique(np.concatenate([np.unique(i) for i in ids])):
        votes = np.zeros(best.shape, np.float32)
        for own, weight in zip(ids, weights, strict=True):
            votes += np.where(own == label, np.maximum(weight, 1e-4), 0)
        better = votes > most
        best[better], most[better] = label, votes[better]
    return best, most / np.float32(len(ids))


def _join_labels(groups: Sequence[Labels]) -> Labels:
    """Every pixel goes to the most confident group that names it; none where no group does."""
    scores = np.stack([np.where(g.ids >= 0, g.confidence, -1) for g in groups])
    starts = np.cumsum([0, *(len(g.classes) for g in groups[:-1])])
    moved = np.stack([g.ids.astype(np.int16) + np.int16(start) for g, start in zip(groups, starts, strict=True)])
    ids = np.take_along_axis(moved, scores.argmax(0)[None], 0)[0]
    second, best = np.maximum(np.sort(scores, axis=0)[-2:], 0)
    nobody = scores.max(0) < 0
    ids[nobody] = -1
    lowest = np.min([g.confidence for g in groups], axis=0)
    confidence = np.where(nobody, lowest, best * best / np.maximum(best + second, 1e-6))
    classes = sum((g.classes for g in groups), ())
    first, colors, presence = groups[0], _joined_colors(groups, classes), _joined_presence(groups)
    return Labels(
        ids=ids, classes=classes, colors=colors, confidence=confidence.astype(np.float32), presence=presence,
        painting=first.painting, stem=first.stem, task=first.task,
    )  # fmt: skip


def _joined_colors(groups: Sequence[Labels | Alpha], names: tuple[str, ...]) -> tuple[RGB, ...]:
    """The colors of all names; new ones where paintings have used the same."""
    colors: tuple[RGB, ...] = sum((g.colors for g in groups), ())
    return colors if len(set(colors)) == len(colors) else tuple(color for _, color in draw_any(names, BLACK))


def panoptic(answers: Sequence[Panoptic]) -> Panoptic:
    """Classes by vote (groups: joined), things by IoU; a thing keeps its pixels where its class won."""
    groups = _groups(answers, lambda a: a.classes)
    flat = labels(answers)
    starts = np.cumsum([0, *(len(group[0].classes) for group in groups[:-1])])
    segments, owners, scores = np.zeros(flat.ids.shape, np.int32), [], []
    for start, group in zip(starts, groups, strict=True):
        things = instances([_things(a) for a in group])
        masks = things.masks if things.masks is not None else ()
        for mask, label, score in zip(masks, things.labels, things.scores, strict=True):
            own = mask & (flat.ids == label + start)
            if own.any():
                owners.append(int(label + start))
                scores.append(float(score))
                segments[own] = len(owners)
    return Panoptic(
        **{field.name: getattr(flat, field.name) for field in fields(Labels)},
        segments=segments,
        segment_labels=np.array(owners, np.int64),
        segment_scores=np.array(scores, np.float32),
        things=_joined_things([group[0] for group in groups]),
    )


def _joined_things(answers: Sequence[Panoptic]) -> tuple[str, ...] | None:
    """The classes of things of all, where any says which they are."""
    known = [answer.things for answer in answers if answer.things is not None]
    return tuple(dict.fromkeys(sum(known, ()))) if known else None


def _things(answer: Panoptic) -> Instances:
    numbers = np.arange(1, len(answer.segment_labels) + 1)
    masks = answer.segments[None] == numbers[:, None, None]
    return Instances(
        masks=masks,
        boxes=boxes_around(masks),
        labels=answer.segment_labels,
        classes=answer.classes,
        scores=answer.segment_scores,
        confidence=answer.confidence,
    )


def instances(answers: Sequence[Instances]) -> Instances:
    """Things that at least half of the paintings show, matched by IoU; masks and boxes are means, scores shares.

    Answers about other classes are joined."""
    return _by_names(answers, lambda a: a.classes, _matched, _join_instances)


def _matched(answers: Sequence[Instances]) -> Instances:
    return replace(matched(answers), confidence=_mean_confidence(answers), presence=_mean_presence(answers))


def _join_instances(groups: Sequence[Instances]) -> Instances:
    classes = tuple(dict.fromkeys(name for g in groups for name in g.classes))
    label_of = [np.array([classes.index(g.classes[label]) for label in g.labels], np.int64) for g in groups]
    masks = [g.masks for g in groups if g.masks is not None]
    every = np.concatenate(masks) if len(masks) == len(groups) else None
    labels, confidence = np.concatenate(label_of), _mean_confidence(groups)
    return _joined(groups, "boxes scores", masks=every, labels=labels, classes=classes, confidence=confidence)


def _joined(groups: Sequence[Answer], arrays: str, /, **others: Any) -> Answer:
    """The first answer with the arrays of all in the fields of these names, and all presences."""
    joined: dict[str, Any] = {name: np.concatenate([getattr(g, name) for g in groups]) for name in arrays.split()}
    return replace(groups[0], **joined, **others, presence=_joined_presence(groups))


def alpha(answers: Sequence[Alpha]) -> Alpha:
    """The mean, by name; answers about other names are joined."""
    return _by_names(answers, lambda a: a.names, _mean_alpha, _join_alpha)


def _join_alpha(groups: Sequence[Alpha]) -> Alpha:
    names, confidence = sum((g.names for g in groups), ()), np.min([g.confidence for g in groups], axis=0)
    return _joined(groups, "alpha", names=names, colors=_joined_colors(groups, names), confidence=confidence)


def _mean_alpha(answers: Sequence[Alpha]) -> Alpha:
    stack = np.stack([a.alpha for a in answers])
    agree = np.exp(-np.square(stack.std(0).max(0) / (2 * SPREAD)))
    return replace(
        answers[0],
        alpha=stack.mean(0).astype(np.float32),
        confidence=(_mean_confidence(answers) * agree).astype(np.float32),
        presence=_mean_presence(answers),
    )


def keypoints(answers: Sequence[Keypoints]) -> Keypoints:
    """The mean place of every point, weighted by score; scores fall where the places lie apart. Groups are joined."""
    return _by_names(answers, lambda a: a.names, _mean_points, _join_points)


def _join_points(groups: Sequence[Keypoints]) -> Keypoints:
    names, confidence = sum((g.names for g in groups), ()), np.min([g.confidence for g in groups], axis=0)
    return _joined(groups, "xy visible scores", names=names, confidence=confidence)


def _mean_points(answers: Sequence[Keypoints]) -> Keypoints:
    places = np.stack([a.xy for a in answers])
    weights = np.where(np.isfinite(places[..., 0]), np.stack([a.scores for a in answers]), 0)
    total = np.maximum(weights.sum(0), 1e-6)
    xy = (np.nan_to_num(places) * weights[..., None]).sum(0) / total[:, None]
    away = np.linalg.norm(np.nan_to_num(places - xy), axis=-1)
    spread = (away * weights).sum(0) / total / (0.05 * max(answers[0].size))
    scores = (weights.mean(0) * np.exp(-np.square(spread))).astype(np.float32)
    return replace(
        answers[0],
        xy=np.where((total > 1e-6)[:, None], xy, np.nan).astype(np.float32),
        visible=scores >= SEEN,
        scores=scores,
        confidence=_mean_confidence(answers),
        presence=_mean_presence(answers),
    )


def _mean_confidence(answers: Sequence[Prediction]) -> Float[np.ndarray, "h w"]:
    return np.asarray(np.mean([a.confidence for a in answers], axis=0, dtype=np.float32))


def _mean_presence(answers: Sequence[Prediction]) -> dict[str, float] | None:
    known = [a.presence for a in answers if a.presence is not None]
    return {name: float(np.mean([p.get(name, 0.0) for p in known])) for name in known[0]} if known else None


def _joined_presence(answers: Sequence[Prediction]) -> dict[str, float] | None:
    """All names; one that several answers speak of (a person with many points) has its highest presence."""
    joined: dict[str, float] = {}
    for answer in answers:
        for name, value in (answer.presence or {}).items():
            joined[name] = max(value, joined.get(name, 0.0))
    return joined or None


MERGERS: dict[type[Prediction], Callable[[Any], Prediction]] = {
    Depth: depth,
    Normals: normals,
    Labels: labels,
    Panoptic: panoptic,
    Instances: instances,
    Alpha: alpha,
    Edges: alpha,
    Keypoints: keypoints,
}

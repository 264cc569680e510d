"""Fits the linear probe of the embedded generator: the share of every class that labeled photographs name, from the
features of the frozen encoder, by ridge regression in closed form. Minutes on a CPU.

    python -m plantain.train.probe DATA OUT/probe.npz [--cache FOLDER] [--sets ade20k coco ...]

Of each set only sums over its patches are kept. A class is fitted to all sets that name it, so that sets with other
classes and other words teach one table; what a set does not label counts only where it is known to be none of its
classes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from plantain._shapes import Float
from plantain.data.base import Example
from plantain.data.excerpts import read
from plantain.data.sayings import SAYINGS
from plantain.files import writing
from plantain.imaging.geometry import place, placement
from plantain.imaging.photo import read_photo
from plantain.models.painters.embedded import Embedded
from plantain.models.painters.learned import inside, on_canvas, shares
from plantain.predictions.types import Alpha, Instances
from plantain.vocabularies import COCO_STUFF, COCO_THINGS

SOURCES = (  # sets, their truths, and where they do not say themselves, all their classes
    ("ade20k", "labels"), ("animals", "labels"), ("camvid", "labels"), ("nyu", "labels"), ("nyu", "labels13"),
    ("faceparts", "labels"), ("panoptic", "labels"), ("coco", "instances"), ("people", "mask"), ("portraits", "mask"),
)  # fmt: skip
EVERY = {("panoptic", "labels"): (*COCO_STUFF, *COCO_THINGS), ("coco", "instances"): COCO_THINGS}
NO_CLASS = ("background", "unlabelled", "unlabeled")
REST_KNOWN = ("animals", "faceparts", "people", "portraits", "coco")  # what has no label is none of the classes
SAME = (  # one class by the names of several sets
    ("airplane", "aeroplane"), ("sofa", "couch"), ("television", "tv", "tv monitor"),
    ("motorcycle", "motorbike", "minibike"), ("traffic light", "traffic"), ("windowpane", "window"),
)  # fmt: skip
RIDGE = 1e-3  # of the sum of weights, features brought to deviation 1
STRENGTH, SHIFTS = 2.0, (0.9, 0.3)  # chosen on every other test photograph of ADE20K, CamVid and VOC (docs/log.md)


def canonical(name: str) -> str:
    """One name for a class that several sets name."""
    return next((group[0] for group in SAME if name in group), name)


@dataclass(frozen=True, eq=False)
class Sums:
    """X'X, X'Y and the sum of weights over the patches of one set; X has a last column of ones."""

    classes: tuple[str, ...]
    gram: Float[np.ndarray, "d d"]
    cross: Float[np.ndarray, "d k"]
    weight: float


def class_ids(example: Example, label: str, classes: Sequence[str], rest: bool) -> tuple[np.ndarray, np.ndarray]:
    """The class of each pixel (len(classes) for none of them), and where that is known."""
    truth: Any = example.truth(label)
    none = len(classes)
    if isinstance(truth, Alpha | Instances):
        planes = truth.alpha > 0.5 if isinstance(truth, Alpha) else np.asarray(truth.masks)
        names = truth.names if isinstance(truth, Alpha) else [truth.classes[i] for i in truth.labels]
        ids = np.full(planes.shape[1:], none)
        for i in np.argsort(-planes.sum((1, 2)), kind="stable"):  # of things that overlap the smaller one counts
            ids[planes[i]] = classes.index(canonical(names[i]))
        return ids, np.ones(ids.shape, bool)
    table = [classes.index(canonical(n)) if canonical(n) in classes else none for n in truth.classes]
    ids = np.array([*table, none])[truth.ids]
    unlabeled = [i for i, n in enumerate(truth.classes) if n.startswith("unlabel")]
    return ids, (truth.ids >= 0) & ~np.isin(truth.ids, unlabeled) | rest


def classes_of(examples: Sequence[Example], label: str) -> tuple[str, ...]:
    """All classes that a set names."""
    known = EVERY.get((examples[0].source, label))
    if known is None:
        truths: list[Any] = [example.truth(label) for example in examples[:3]]
        known = tuple(name for truth in truths for name in (getattr(truth, "classes", ()) or truth.names))
    return tuple(dict.fromkeys(canonical(name) for name in known if name not in NO_CLASS))


def features_of(example: Example, encoder: Embedded, cache: Path | None) -> Float[np.ndarray, "n d"]:
    """What the encoder sees in each patch of the photo on the generator's canvas."""
    return tokens_of(example, encoder, cache)[1:]


def tokens_of(example: Example, encoder: Embedded, cache: Path | None) -> Float[np.ndarray, "tokens d"]:
    """The same after what it sees in the whole of the photo."""
    path = None if cache is None else cache / f"{example.source}-train" / f"{example.id.replace('/', '_')}.npy"
    if path is not None and path.exists():
        return np.asarray(np.load(path), np.float32)
    photo = read_photo(example.photo)
    where = placement((photo.shape[1], photo.shape[0]), encoder.canvas(photo.shape[1], photo.shape[0]))
    seen = encoder.encoder.features(place(photo, where)[None])[0]
    if path is not None:
        with writing(path) as file:
            np.save(file, seen.astype(np.float16))
    return np.asarray(seen, np.float32)


def sums_of(examples: Sequence[Example], label: str, encoder: Embedded, cache: Path | None) -> Sums:
    """The sums of one set."""
    classes = classes_of(examples, label)
    gram, cross, weight = np.zeros(()), np.zeros(()), 0.0
    for example in examples:
        ids, known = class_ids(example, label, classes, example.source in REST_KNOWN)
        where = placement((ids.shape[1], ids.shape[0]), encoder.canvas(ids.shape[1], ids.shape[0]))
        wanted, counts = shares(on_canvas(ids, where), on_canvas(known, where) & inside(where), len(classes) + 1)
        seen = features_of(example, encoder, cache)
        rows = np.concatenate([seen, np.ones((len(seen), 1), np.float32)], 1)
        scaled = rows * counts[:, None]
        gram, cross = gram + (scaled.T @ rows).astype(float), cross + (scaled.T @ wanted[:, :-1]).astype(float)
        weight += float(counts.sum())
    return Sums(classes, gram, cross, weight)


def solved(sums: Sequence[Sums]) -> tuple[tuple[str, ...], Float[np.ndarray, "d k"], Float[np.ndarray, " k"]]:
    """All classes, the weights of each, and how frequent each is in the sets that name it."""
    names = tuple(dict.fromkeys(name for one in sums for name in one.classes))
    weights, frequency = np.zeros((len(sums[0].gram), len(names))), np.zeros(len(names))
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        groups.setdefault(tuple(i for i, one in enumerate(sums) if name in one.classes), []).append(name)
    for which, own in groups.items():
        gram, total = sum(sums[i].gram for i in which), sum(sums[i].weight for i in which)
        cross = np.stack([sum(sums[i].cross[:, sums[i].classes.index(n)] for i in which) for n in own], 1)
        columns = [names.index(n) for n in own]
        weights[:, columns] = ridge(np.asarray(gram), cross, total)
        frequency[columns] = cross[-1] / total
    return names, weights, frequency


def ridge(gram: Float[np.ndarray, "d d"], cross: Float[np.ndarray, "d k"], weight: float) -> Float[np.ndarray, "d k"]:
    """The regression with each feature brought to mean 0 and deviation 1, written for the features as they are."""
    mean = gram[-1, :-1] / weight
    spread = np.sqrt(np.maximum(np.diag(gram)[:-1] / weight - mean**2, 1e-6))
    to = np.diag([*(1 / spread), 1.0])
    to[-1, :-1] = -mean / spread
    strength = RIDGE * weight * np.eye(len(gram))
    strength[-1, -1] = 0  # the mean is free
    return np.asarray(to @ np.linalg.solve(to.T @ gram @ to + strength, to.T @ cross))


def table(names: Sequence[str]) -> Mapping[str, int]:
    """Every name of a class with its column: those of the sets, and what people say instead."""
    out = {name: i for i, name in enumerate(names)}
    for group in SAME:
        out |= {name: out[group[0]] for name in group if group[0] in out}
    for name, i in list(out.items()):
        for other in SAYINGS.get(name, ()):
            out.setdefault(other, i)
    return out


def write(sums: Sequence[Sums], path: Path) -> None:
    """The probe's file."""
    names, weights, frequency = solved(sums)
    known = table(names)
    with writing(path) as file:
        np.savez(
            file, names=np.array("\n".join(known)), columns=np.array(list(known.values()), np.int16),
            weights=weights.astype(np.float16), frequency=frequency.astype(np.float32),
            strength=STRENGTH, shifts=SHIFTS,
        )  # fmt: skip


def fit(
    data: Path, path: Path, sources: Sequence[tuple[str, str]] = SOURCES, cache: Path | None = None,
    limit: int | None = None,
) -> Iterator[str]:  # fmt: skip
    """Fits and writes the probe; says what it has read."""
    encoder, sums = Embedded(), []
    for name, label in sources:
        examples = [e for e in read(data, name, "train") if label in e.truths][:limit]
        sums.append(sums_of(examples, label, encoder, cache))
        yield f"{name}: {len(examples)} photographs, {len(sums[-1].classes)} classes"
    write(sums, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, help="a folder that keeps what the encoder saw, a megabyte a photo")
    parser.add_argument("--sets", nargs="+", help="some of the sets alone")
    parser.add_argument("--limit", type=int, help="photographs a set, for a rehearsal")
    given = parser.parse_args()
    chosen = [source for source in SOURCES if given.sets is None or source[0] in given.sets]
    for line in fit(given.data, given.out, chosen, given.cache, given.limit):
        print(line, flush=True)

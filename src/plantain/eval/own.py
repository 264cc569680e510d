"""Benchmarks on people's own folders of photos and answers (`data.readers.folder` says how they look).

    plantain bench run folder --data my-set              # every row that its answers allow
    plantain bench run folder/metric-depth --data my-set

A row is made from its name and the folder: folder/metric-depth, folder/relative-depth, folder/normals, folder/classes,
folder/keypoints, folder/mask-THING, folder/boxes-CLASS, folder/instances-CLASS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.data.readers.folder import read_folder
from plantain.errors import UnknownName, UsageError
from plantain.eval.adapters import (
    DetectionAdapter,
    KeypointsAdapter,
    MaskAdapter,
    MetricDepthAdapter,
    NormalsAdapter,
    RelativeDepthAdapter,
    SemanticAdapter,
)
from plantain.eval.adapters.base import Rng
from plantain.eval.metrics.depth import DepthMetric
from plantain.eval.metrics.detection import Detection
from plantain.eval.metrics.keypoints import PCK
from plantain.eval.metrics.labels import Segmentation
from plantain.eval.metrics.normals import NormalsMetric
from plantain.eval.metrics.referring import Referring
from plantain.eval.row import Benchmark
from plantain.tasks import Task

OWN = "folder"
COMMONEST = 8  # things, and classes of things, that are asked about where none is named
FREE = "metres above 0, no crop, no alignment, no camera given, mean of pictures"
FITTED = "scale and shift by least squares in depth, no crop, mean of pictures"


@dataclass(frozen=True)
class NamedMaskAdapter(MaskAdapter):
    """The mask of one thing by its name; photos without a mask of that name are not asked."""

    same_question = False

    def _place(self, example: Example) -> int | None:
        true: Any = example.truth(self.label)
        return true.names.index(self.text) if self.text in true.names else None

    def ask(self, example: Example, rng: Rng) -> list[Task]:
        return [] if self._place(example) is None else super().ask(example, rng)

    def _true(self, example: Example) -> Any:
        true: Any = example.truth(self.label)
        place = self._place(example)
        assert place is not None
        return replace(true, alpha=true.alpha[place : place + 1], names=(self.text,))

    def truth(self, example: Example, asked: Sequence[Task]) -> np.ndarray:
        return (self._true(example).alpha[0] > 0.5).astype(np.uint8)

    def oracle_target(self, example: Example, asked: Sequence[Task]) -> Any:
        return self._true(example)


def is_own(name: str) -> bool:
    """Whether a benchmark's name is of somebody's own folder."""
    return name == OWN or name.startswith(f"{OWN}/")


def names_in(data: Path) -> list[str]:
    """The rows that a folder's answers allow; of things, and of classes of things, the commonest alone. PhotoError."""
    examples = read_folder(data)
    known = {name for example in examples for name in example.truths}
    names = [sort for sort, label in LABELS.items() if label in known]
    if "mask" in known:
        names += [f"mask-{thing}" for thing in _common(examples, "mask", lambda true: true.names)]
    if "instances" in known:
        classes = _common(examples, "instances", lambda true: [true.classes[i] for i in true.labels])
        masked = all(true.masks is not None for true in _truths(examples, "instances"))
        names += [f"{sort}-{name}" for name in classes for sort in (("boxes", "instances") if masked else ("boxes",))]
    if not names:
        raise UsageError(f"{data} has answers, but none that can be scored: {', '.join(sorted(known))}")
    return [f"{OWN}/{name}" for name in names]


def row_of(name: str, data: Path) -> Benchmark:
    """The row of a name and a folder. PhotoError for a folder that is none, UnknownName for a row that is none."""
    sort, _, thing = name.removeprefix(f"{OWN}/").partition("-")
    if sort in ("mask", "boxes", "instances") and thing:
        return _thing_row(name, sort, thing)
    sort = name.removeprefix(f"{OWN}/")
    if sort not in LABELS:
        raise UnknownName("row of a folder", name, [*(f"{OWN}/{one}" for one in LABELS), *names_in(data)])
    read = reader(LABELS[sort])
    if sort == "metric-depth":
        return Benchmark(name, read, MetricDepthAdapter(), DepthMetric(fewest=1), "delta1", FREE)
    if sort == "relative-depth":
        metric = DepthMetric(alignment="scale-shift", fewest=1)
        return Benchmark(name, read, RelativeDepthAdapter(), metric, "delta1", FITTED)
    if sort == "normals":
        return Benchmark(name, read, NormalsAdapter(), NormalsMetric(), "median", "pooled pixels", better="lower")
    first: Any = next(_truths(read(data), LABELS[sort]))
    if sort == "classes":
        rules = f"{len(first.classes)} classes at once, random legends, other pixels not counted"
        return Benchmark(name, read, SemanticAdapter(first.classes), Segmentation(first.classes), "miou", rules)
    rules = "PCK@0.2 of the larger side of the box around the points"
    return Benchmark(name, read, KeypointsAdapter(), PCK(first.names), "pck", rules)


def _thing_row(name: str, sort: str, thing: str) -> Benchmark:
    if sort == "mask":
        return Benchmark(name, reader("mask"), NamedMaskAdapter(thing), Referring(), "iou", "mean IoU of pictures")
    masks, of = sort == "instances", "masks" if sort == "instances" else "boxes"
    metric = Detection((thing,), "masks" if masks else "boxes")
    rules = f"COCO AP50 of {of}, every annotated photo asked, groups ignored"
    return Benchmark(name, reader("instances"), DetectionAdapter(thing, masks), metric, "ap50", rules)


LABELS = {  # rows without a name, and the truth that each wants
    "metric-depth": "depth", "relative-depth": "depth", "normals": "normals", "classes": "labels",
    "keypoints": "keypoints",
}  # fmt: skip


def reader(label: str) -> Callable[[Path], list[Example]]:
    """Reads the photos that have a truth of that name. PhotoError, UsageError where none has."""

    def read(root: Path) -> list[Example]:
        found = [example for example in read_folder(root) if label in example.truths]
        if not found:
            raise UsageError(f"no photo in {root} has {label} beside it")
        return found

    return read


def _truths(examples: Sequence[Example], label: str) -> Any:
    return (example.truth(label) for example in examples if label in example.truths)


def _common(examples: Sequence[Example], label: str, names: Callable[[Any], Sequence[str]]) -> list[str]:
    """The commonest names in truths."""
    counts = Counter(name for true in _truths(examples, label) for name in names(true))
    return [name for name, _ in counts.most_common(COMMONEST)]

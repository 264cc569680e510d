"""What specialists say of photographs that nobody has labelled: soft answers kept beside the photographs.

A folder of answers holds two files for each set. SET.npz: `ids`, and planes (n 112 112 uint8, stretched over the photo)
`ade` and `voc`, class numbers, with `ade_sure` and `voc_sure`, their probabilities, and `main`, the main object.
SET.boxes.json: for each id a list of [left, top, right, bottom as shares of the photo, COCO class, score]. `attach`
gives examples these as further truths.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from plantain.data.base import Example
from plantain.predictions.types import Alpha, Instances, Labels, Prediction
from plantain.vocabularies import ADE_150, COCO_THINGS, VOC_21

Truths = dict[str, Callable[[], Prediction]]
GRID = 112  # cells a side of the planes
PLANES = ("ade", "ade_sure", "voc", "voc_sure", "main")
FEWEST = 0.5  # score of a box that is taken for a thing; from UNSURE to here nobody knows
UNSURE = 0.22


def attach(examples: Iterable[Example], folder: Path) -> list[Example]:
    """The examples, with the specialists' answers as truths ade, voc, main and boxes where there are any."""
    told: dict[str, dict[str, Truths]] = {}
    out = []
    for example in examples:
        if example.source not in told:
            told[example.source] = _read(folder, example.source)
        more = told[example.source].get(example.id)
        out.append(replace(example, truths={**example.truths, **more}) if more else example)
    return out


def _read(folder: Path, name: str) -> dict[str, Truths]:
    path = folder / f"{name}.npz"
    if not path.exists():
        return {}
    with np.load(path) as file:
        planes = {key: file[key] for key in file.files}
    boxes = json.loads((folder / f"{name}.boxes.json").read_text())
    return {
        str(id_): {
            "ade": partial(_labels, planes, "ade", ADE_150, i),
            "voc": partial(_labels, planes, "voc", VOC_21, i),
            "main": partial(_main, planes, i),
            "boxes": partial(_boxes, boxes[i]),
        }
        for i, id_ in enumerate(planes["ids"])
    }


def _labels(planes: dict[str, np.ndarray], key: str, classes: tuple[str, ...], i: int) -> Labels:
    return Labels(
        ids=planes[key][i].astype(np.int16), classes=classes,
        confidence=planes[f"{key}_sure"][i].astype(np.float32) / 255,
    )  # fmt: skip


def _main(planes: dict[str, np.ndarray], i: int) -> Alpha:
    alpha = planes["main"][i].astype(np.float32)[None] / 255
    return Alpha(alpha=alpha, names=("main object",), confidence=np.abs(2 * alpha[0] - 1))


def _boxes(rows: list[list[float]]) -> Instances:
    """Boxes as shares of the photo, unsure ones too."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Instances(
        boxes=table[:, :4], labels=table[:, 4].astype(np.int64), classes=COCO_THINGS, scores=table[:, 5],
        confidence=np.ones((1, 1), np.float32),
    )  # fmt: skip

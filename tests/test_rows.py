"""Every row of every table, end to end: a truth of each task is painted by the oracle, read, saved, shown, told."""

from __future__ import annotations

import numpy as np
import pytest

from plantain.models.painters.oracle import Oracle
from plantain.output.show import overlay
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.types import KINDS, Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic
from plantain.tasks import STYLES, TASKS
from plantain.tasks.language.parsing import interpret, parse

HEIGHT, WIDTH = 90, 120
SURE = np.ones((HEIGHT, WIDTH), np.float32)
PHOTO = np.random.default_rng(0).integers(60, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
MASKS = np.zeros((2, HEIGHT, WIDTH), bool)
MASKS[0, 10:50, 8:48], MASKS[1, 30:80, 66:112] = True, True
BOXES = np.array([[8, 10, 48, 50], [66, 30, 112, 80]], np.float32)
IDS = np.where(MASKS[0], 1, np.where(MASKS[1], 2, 0))
UP = np.broadcast_to(np.array([0.6, 0.0, 0.8], np.float32), (HEIGHT, WIDTH, 3))
RAMP = np.broadcast_to(np.linspace(1, 8, HEIGHT, dtype=np.float32)[:, None], (HEIGHT, WIDTH))
ON = SURE > 0
CUPS = Instances(masks=MASKS, boxes=BOXES, labels=np.zeros(2, int), classes=("cup",), scores=np.ones(2, np.float32),
                 confidence=SURE)  # fmt: skip
TRUTHS = {
    "metric-depth": ("metric depth", Depth(values=RAMP, valid=ON, confidence=SURE)),
    "relative-depth": ("relative depth", Depth(values=RAMP / 8, valid=ON, confidence=SURE, scale="affine")),
    "normals": ("normals please", Normals(xyz=UP, valid=ON, confidence=SURE)),
    "semantic": ("segment wall, cup, lamp", Labels(ids=IDS, classes=("wall", "cup", "lamp"), confidence=SURE)),
    "instances": ("instances of cup", CUPS),
    "refer": ("segment the cup", Alpha(alpha=MASKS[:1].astype(np.float32), names=("the cup",), confidence=SURE)),
    "detect": ("boxes of cup", CUPS),
    "keypoints": (
        "keypoints",
        Keypoints(xy=np.array([[30, 20], [90, 70]], np.float32), visible=np.ones(2, bool), names=("nose", "left ankle"),
                  scores=np.ones(2, np.float32), confidence=SURE),
    ),
    "edges": ("edges", Alpha(alpha=(IDS == 1)[None].astype(np.float32), names=("edges",), confidence=SURE)),
    "matte": ("matte of the cup", Alpha(alpha=MASKS[:1] * np.float32(0.5), names=("cup",), confidence=SURE)),
    "panoptic": (
        "panoptic",
        Panoptic(ids=IDS, classes=("wall", "person", "car"), confidence=SURE, segments=IDS.astype(np.int32),
                 segment_labels=np.array([1, 2]), segment_scores=np.ones(2, np.float32)),
    ),
}  # fmt: skip


def question(name: str):
    if name == "panoptic":
        return TASKS[name](("wall",), ("person", "car"))
    return interpret(TRUTHS[name][0])


def agreement(name: str, answer, truth) -> float:
    """Share of the truth that came back, 0..1."""
    match truth:
        case Depth():
            scale = np.polyfit(answer.values[answer.valid], truth.values[answer.valid], 1) if name[0] == "r" else (1, 0)
            return float((np.abs(np.polyval(scale, answer.values) - truth.values) < 0.05 * truth.values.max()).mean())
        case Normals():
            return float(((answer.xyz * truth.xyz).sum(-1) > 0.99).mean())
        case Labels():
            named = np.array([*answer.classes, "none"])[answer.ids]
            return float((named == np.array(truth.classes)[truth.ids]).mean())
        case Instances():
            near = np.abs(answer.boxes[:, None] - truth.boxes[None]).max(-1)
            return float((near.min(0) < 3).mean()) if len(answer) == len(truth) else 0.0
        case Keypoints():
            at = [answer.names.index(n) for n in truth.names]
            return float((np.linalg.norm(answer.xy[at] - truth.xy, axis=1) < 2).mean())
        case Alpha():
            return float((np.abs(answer.alpha - truth.alpha) < 0.05).mean())
    raise TypeError(type(truth))


def test_every_task_has_a_truth_here() -> None:
    assert TRUTHS.keys() == TASKS.keys()


@pytest.mark.parametrize("name", TASKS)
def test_a_truth_comes_back_and_is_saved_shown_and_told(name: str, tmp_path) -> None:
    truth = TRUTHS[name][1]
    answer = PainterPredictor(Oracle(truth)).predict(PHOTO, question(name))
    assert isinstance(answer, TASKS[name].kind)
    assert agreement(name, answer, truth) > 0.97
    files = answer.save(tmp_path, photo=PHOTO)
    assert sorted(files) == ["arrays", "overlay", "painting"]
    with np.load(files["arrays"]) as arrays:
        assert set(arrays) >= set(answer.arrays())
    assert overlay(answer, PHOTO).width >= WIDTH
    assert answer._repr_png_()[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("style", STYLES)
def test_every_prompt_is_read_back(name: str, style: str) -> None:
    task = question(name)
    assert parse(task.prompt(style)) == task


def test_every_kind_is_answered_by_some_task() -> None:
    assert {cls.kind.kind for cls in TASKS.values()} == set(KINDS)

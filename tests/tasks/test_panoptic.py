"""Stuff and things from one painting."""

import numpy as np
import pytest

from plantain.errors import TruthError, UsageError
from plantain.predictions.types import Panoptic
from plantain.tasks import PanopticSegmentation
from plantain.tasks.language.parsing import parse
from plantain.tasks.merge import merge
from plantain.tasks.panoptic import MOST_THINGS, STUFF_COLORS


def scene() -> Panoptic:
    """Sky over grass, two cars and a person."""
    ids = np.zeros((90, 120), np.int16)
    ids[45:] = 1
    segments = np.zeros(ids.shape, np.int32)
    for number, (box, label) in enumerate((((10, 50, 40, 70), 2), ((70, 50, 110, 80), 2), ((50, 20, 60, 60), 3)), 1):
        left, top, right, bottom = box
        ids[top:bottom, left:right] = label
        segments[top:bottom, left:right] = number
    return Panoptic(
        ids=ids,
        classes=("sky", "grass", "car", "person"),
        segments=segments,
        segment_labels=np.array([2, 2, 3]),
        segment_scores=np.ones(3, np.float32),
        confidence=np.ones(ids.shape, np.float32),
    )


def test_decode_inverts_encode() -> None:
    task = PanopticSegmentation(("sky", "grass"), ("car", "person"))
    read = task.decode(task.encode(scene()))
    assert read.classes == ("sky", "grass", "car", "person")
    assert (read.ids == scene().ids).mean() > 0.995
    assert sorted(read.segment_labels.tolist()) == [2, 2, 3]
    for number in (1, 2, 3):
        own = scene().segments == number
        assert len(np.unique(read.segments[own])) == 1
    assert read.confidence.mean() > 0.9
    assert min(read.presence.values()) > 0.8


def test_only_things_or_only_stuff() -> None:
    things = PanopticSegmentation((), ("car",))
    read = things.decode(things.encode(scene()))
    assert read.segment_labels.tolist() == [0, 0]
    stuff = PanopticSegmentation({"grass": (0, 255, 0)})
    read = stuff.decode(stuff.encode(scene()))
    assert (read.ids[scene().ids == 1] == 0).all()
    assert (read.ids[scene().ids == 0] == -1).all()
    assert read.segment_labels.size == 0


@pytest.mark.parametrize(("blue", "stuff"), [(103, True), (106, False)])
def test_blue_halfway_from_80_to_128_parts_stuff_from_things(blue, stuff) -> None:
    task = PanopticSegmentation({"sky": (255, 255, 80)}, ("car",))
    ids = task.decode(np.full((40, 40, 3), (255, 255, blue), np.uint8)).ids
    assert ((ids == 0) == stuff).all()


def test_stuff_colors_are_far_apart_and_from_things() -> None:
    table = np.array([*STUFF_COLORS, (0, 0, 0)], float)
    away = np.linalg.norm(table[:, None] - table, axis=-1) + 1e3 * np.eye(len(table))
    assert away.min() >= 80
    assert table[:, 2].max() <= 80


def test_many_classes_go_in_groups() -> None:
    stuff = [f"stuff {i}" for i in range(40)]
    things = [f"thing {i}" for i in range(20)]
    task = PanopticSegmentation(tuple(stuff), tuple(things))
    parts = task.parts()
    assert len(parts) == 3
    assert [n for p in parts for n, _ in p.entries] == stuff
    assert [n for p in parts for n in p.things] == things
    assert all(len(p.things) <= MOST_THINGS for p in parts)
    with pytest.raises(UsageError, match="parts"):
        task.decode(np.zeros((4, 4, 3), np.uint8))


def test_corners_are_three_kinds_of_stuff_and_one_of_things_a_painting() -> None:
    task = PanopticSegmentation(("sky", "grass", "sea", "wall"), ("car", "person", "dog")).resolve(
        {"panoptic": "corners"}
    )
    parts = task.parts()
    assert [part.classes for part in parts] == [("sky", "grass", "car"), ("sea", "wall", "person"), ("dog",)]
    assert all(parse(part.prompt()) == part and part.parts() == (part,) for part in parts)
    truth = scene()
    read = merge(parts, [part.decode(part.encode(truth)) for part in parts])
    named = [read.classes.index(name) for name in truth.classes]
    assert (read.ids == np.array(named)[truth.ids]).mean() > 0.99
    assert sorted(read.classes[k] for k in read.segment_labels) == ["car", "car", "person"]
    assert len(set(read.colors)) == len(read.classes)
    chosen = PanopticSegmentation({"sky": (0, 0, 80)}, ("car",))
    assert chosen.resolve({"panoptic": "corners"}).code == "panoptic"
    with pytest.raises(UsageError, match="colors of its own"):
        PanopticSegmentation({"sky": (0, 0, 80)}, code="corners")


def test_refusals() -> None:
    with pytest.raises(UsageError, match="blue"):
        PanopticSegmentation({"sky": (0, 0, 255)})
    with pytest.raises(UsageError, match="twice"):
        PanopticSegmentation(("sky",), ("sky",))
    with pytest.raises(UsageError, match="at least one"):
        PanopticSegmentation()
    with pytest.raises(TruthError, match="Panoptic"):
        PanopticSegmentation(("sky",)).encode(np.zeros((3, 3), int))

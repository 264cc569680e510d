"""Rows of the published sets: their splits exist, and their questions are answered by the truth itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain.data.base import Example
from plantain.errors import MissingExtra, PhotoError
from plantain.eval import published
from plantain.eval.benchmarks import BENCHMARKS, EXCERPTS
from plantain.eval.ceiling import ceiling
from plantain.eval.row import Benchmark
from plantain.predictions.types import Alpha, Instances

HIGH, WIDE = 48, 64
PUBLISHED = {row.id: row for row in published.ROWS}


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_empty_folder_is_refused_with_its_layout(name, tmp_path):
    """So the split is one that the reader knows: another would be an unknown name."""
    with pytest.raises((PhotoError, MissingExtra)):
        PUBLISHED[name].read(tmp_path)


def test_ids_are_apart_and_references_say_their_source():
    assert len(BENCHMARKS) == len(EXCERPTS) + len(PUBLISHED)
    told = [reference for row in PUBLISHED.values() for reference in row.reference]
    assert len(told) > 10 and all("arXiv" in one.source and 0 < one.value < 30 for one in told)


def test_the_folder_around_is_as_good(tmp_path):
    (tmp_path / "reasonseg").mkdir()
    with pytest.raises(PhotoError, match="reasonseg"):
        PUBLISHED["reasonseg/val"].read(tmp_path)


# ---- questions on made examples


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "p.png"
    Image.fromarray(np.zeros((HIGH, WIDE, 3), np.uint8)).save(path)
    return path


def block(*boxes):
    masks = np.zeros((len(boxes), HIGH, WIDE), bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return masks


def things(name, *boxes):
    masks = block(*boxes)
    return Instances(
        masks=masks, boxes=np.array(boxes, np.float32).reshape(-1, 4), labels=np.zeros(len(boxes), np.int64),
        classes=(name,), scores=np.ones(len(boxes), np.float32), confidence=np.ones((HIGH, WIDE), np.float32),
    )  # fmt: skip


def soft(mask, name):
    return Alpha(alpha=mask.astype(np.float32), names=(name,), confidence=np.ones((HIGH, WIDE), np.float32))


def example(photo: Path, facts, **truths):
    return Example("made", "p", photo, "val", {k: (lambda v=v: v) for k, v in truths.items()}, facts)


def perfect(row: Benchmark, one: Example) -> float:
    return ceiling(row, [one], draws=2)["scores"][row.primary][0]


def test_a_phrase_leaves_undecided_pixels_out(photo):
    row = PUBLISHED["reasonseg/val"]
    one = example(photo, {"expression": "what barks"}, mask=soft(block((4, 4, 20, 20)), "x"),
                  ignored=soft(block((40, 4, 60, 40)), "ignored"))  # fmt: skip
    assert perfect(row, one) > 0.999
    truth = row.adapter.truth(one, [])
    assert (truth == 255).sum() == 20 * 36 and (truth == 1).sum() == 256
    everything = row.metric.measure(np.ones((HIGH, WIDE), bool), truth)
    assert everything["union"] == HIGH * WIDE - 20 * 36


def test_concepts_take_the_best_annotator(photo):
    row = PUBLISHED["saco-gold/crowded"]
    facts = {"phrase": "mug", "annotators": ("instances", "instances-b"), "exhaustive": (True, True)}
    one = example(photo, facts, **{"instances": things("mug", (4, 4, 20, 20), (40, 20, 60, 40)),
                                   "instances-b": things("mug", (4, 4, 20, 20))})  # fmt: skip
    nothing = example(photo, facts, **{"instances": things("mug"), "instances-b": things("mug")})
    scores = ceiling(row, [one, nothing], draws=2)["scores"]
    assert scores["pmf1"][0] > 0.99 and scores["il_mcc"][0] > 0.99
    worst = [row.metric.worst(row.adapter.truth(e, [])) for e in (one, nothing)]
    assert row.metric.reduce(worst)["pmf1"] == 0 and row.metric.reduce(worst)["il_mcc"] < -0.9


def test_edges_take_each_annotators_map(photo):
    maps = np.zeros((2, HIGH, WIDE), np.float32)
    maps[:, 20] = 1
    maps[1, :, 30] = 1
    both = soft(maps, "edges")
    row = PUBLISHED["bsds500/edges"]
    one = example(photo, {}, edges=soft(maps.mean(0)[None], "edges"), annotators=Alpha(
        alpha=maps, names=("a", "b"), confidence=both.confidence))  # fmt: skip
    assert row.adapter.truth(one, []).shape == (2, HIGH, WIDE)
    assert perfect(row, one) > 0.9


def test_areas_are_those_of_the_annotations(photo):
    row = PUBLISHED["coco/person-masks"]
    rows = [{"area": 99.0}, {"area": 5.0}]
    two = things("person", (4, 4, 20, 20), (40, 20, 60, 40))
    one = example(photo, {"annotations": rows, "crowds": []}, instances=two)
    assert row.adapter.truth(one, []).areas.tolist() == [99, 5]
    bare = example(photo, {}, instances=two)
    assert row.adapter.truth(bare, []).areas.tolist() == [256, 400]

"""No figure outlives its photo, its label, its weights or its options: after any change, a run that is gone on with, or
scored again, says what a new run says, or refuses in one line. Every kind of question, on pictures made here."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain.data.base import Example
from plantain.errors import UsageError
from plantain.eval import adapters
from plantain.eval import run as running
from plantain.eval.calibrate import fit
from plantain.eval.compare import compare
from plantain.eval.html_report import html_report, markdown
from plantain.eval.metrics.boxes import Grounding
from plantain.eval.metrics.concepts import Concepts
from plantain.eval.metrics.depth import DepthMetric
from plantain.eval.metrics.detection import Detection
from plantain.eval.metrics.edges import EdgeMetric
from plantain.eval.metrics.keypoints import PCK
from plantain.eval.metrics.labels import Segmentation
from plantain.eval.metrics.mattes import Mattes
from plantain.eval.metrics.normals import NormalsMetric
from plantain.eval.metrics.panoptic import PanopticQuality
from plantain.eval.metrics.presence import Existence
from plantain.eval.metrics.referring import Referring
from plantain.eval.row import Benchmark
from plantain.eval.run import Run, RunConfig
from plantain.eval.scores import score
from plantain.models.painters.function import Function
from plantain.pipeline.jobs import PredictOptions
from plantain.pipeline.predictor import PainterPredictor
from plantain.predictions.calibration import Fit
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals
from plantain.tasks import TASKS

HIGH, WIDE = 32, 48
SURE = np.ones((HIGH, WIDE), np.float32)


def gray(path: Path) -> np.ndarray:
    """The label on disk from which every truth here is made: a PNG, numbers 0..255."""
    return np.asarray(Image.open(path))


def ids(path: Path) -> np.ndarray:
    return (gray(path) // 86).astype(np.int16)


def things(path: Path) -> Instances:
    """A box for each of the two upper classes that has a pixel."""
    masks = np.array([ids(path) == k for k in (1, 2)])
    boxes = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] for ys, xs in (np.nonzero(m) for m in masks)])
    return Instances(masks=masks, boxes=boxes.astype(np.float32), labels=np.array([0, 1]), classes=("cat", "dog"),
                     scores=np.ones(2, np.float32), confidence=SURE)  # fmt: skip


def alpha(path: Path, soft: bool = False) -> Alpha:
    plane = gray(path)[None].astype(np.float32) / 255
    return Alpha(alpha=plane if soft else (plane > 0.5).astype(np.float32), names=("cat",), confidence=SURE)


def depth(path: Path) -> Depth:
    return Depth(values=1 + gray(path).astype(np.float32) / 50, valid=SURE > 0, confidence=SURE)


def normals(path: Path) -> Normals:
    tilt = gray(path).astype(np.float32) / 255
    xyz = np.stack([tilt, 0 * tilt, np.sqrt(1 - tilt**2)], -1)
    return Normals(xyz=xyz, valid=SURE > 0, confidence=SURE)


def points(path: Path) -> Keypoints:
    y, x = np.unravel_index(gray(path).argmax(), (HIGH, WIDE))
    xy = np.array([[x, y], [WIDE - 1 - x, HIGH - 1 - y]], np.float32)
    return Keypoints(xy=xy, visible=np.ones(2, bool), names=("nose", "tail"), scores=np.ones(2, np.float32),
                     confidence=SURE)  # fmt: skip


def labels(path: Path) -> Labels:
    return Labels(ids=ids(path), classes=("wall", "cat", "dog"), confidence=SURE)


def panoptic_facts(path: Path) -> dict[str, Any]:
    return {"names": ["cat", "wall"], "segments": [[0, 0], [1, 0]], "path": path}


KINDS: dict[str, tuple[adapters.EvalAdapter, Any, str, dict[str, Callable[[Path], Any]]]] = {
    "metric-depth": (adapters.MetricDepthAdapter(), DepthMetric(), "abs_rel", {"depth": depth}),
    "relative-depth": (adapters.RelativeDepthAdapter(), DepthMetric(alignment="scale-shift"), "abs_rel",
                       {"depth": depth}),
    "normals": (adapters.NormalsAdapter(), NormalsMetric(), "mean", {"normals": normals}),
    "semantic": (adapters.SemanticAdapter(("wall", "cat", "dog")), Segmentation(("wall", "cat", "dog")), "miou",
                 {"labels": labels}),
    "own-words": (adapters.SemanticAdapter(("wall", "cat", "dog"), own=True), Segmentation(("wall", "cat", "dog")),
                  "miou", {"labels": labels}),
    "mask": (adapters.MaskAdapter("cat"), Referring(), "iou", {"mask": alpha}),
    "phrase": (adapters.PhraseAdapter(), Referring(), "iou", {"mask": alpha}),
    "matte": (adapters.MatteAdapter(), Mattes(), "sad", {"alpha": partial(alpha, soft=True)}),
    "edges": (adapters.EdgesAdapter(), EdgeMetric(thresholds=3), "ods", {"edges": alpha, "annotators": alpha}),
    "boxes": (adapters.DetectionAdapter("cat"), Detection(("cat",)), "ap", {"instances": things}),
    "keypoints": (adapters.KeypointsAdapter(), PCK(("nose", "tail")), "pck", {"keypoints": points}),
    "concepts": (adapters.ConceptsAdapter(), Concepts(), "cgf1", {"instances": things}),
    "panoptic": (adapters.PanopticAdapter(("wall",), ("cat",)), PanopticQuality(("wall", "cat"), frozenset({1})), "pq",
                 {}),
    "presence": (adapters.PresenceAdapter(("cat", "owl")), Existence(), "accuracy", {"instances": things}),
    "grounding": (adapters.GroundingAdapter(), Grounding(), "accuracy", {}),
}  # fmt: skip


def read(kind: str, root: Path) -> list[Example]:
    """Two photos, each with one file of labels."""
    found = []
    for name in ("a", "b"):
        path = root / f"{name}.label.png"
        truths = {key: partial(make, path) for key, make in KINDS[kind][3].items()}
        box = things(path).boxes[0].tolist()
        facts = {"expression": "the cat", "trimap": root / "trimap.png", "phrase": "cat", "annotators": ("instances",),
                 "exhaustive": (True,), "expressions": [{"text": "the cat", "box": box}]}  # fmt: skip
        if kind == "panoptic":
            facts |= panoptic_facts(root / f"{name}.segments.png")
        found.append(Example("made", name, root / f"{name}.png", "val", truths, facts))
    return found


def draw(path: Path, seed: int) -> None:
    """A label of three values, in blocks, so that every class is there."""
    blocks = np.random.default_rng(seed).permutation(np.array([0, 90, 200] * 8)).reshape(4, 6).astype(np.uint8)
    blocks[0, 0] = 255
    Image.fromarray(np.kron(blocks, np.ones((8, 8), np.uint8))).save(path)
    segments = np.kron((blocks > 100) + 1, np.ones((8, 8))).astype(np.uint8)
    Image.fromarray(segments).save(path.with_name(path.name.replace("label", "segments")))


def photograph(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (HIGH, WIDE, 3), np.uint8)).save(path)


def painter(weights: int, fits: dict[str, Fit]) -> PainterPredictor:
    """Paints blocks of pure colors that hang on the photo, the words, the seed and the weights."""

    def paint(photo: Any, prompt: str, seed: int) -> np.ndarray:
        asked = hashlib.sha256(photo.tobytes() + f"{prompt}{seed}{weights}".encode()).digest()
        blocks = np.random.default_rng(list(asked)).integers(0, 2, (4, 6, 3)) * 255
        return np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)

    return PainterPredictor(Function(paint, revision=str(weights)), fits)


SETTINGS, ALL = {"seed", "style"}, ("photo", "label", "weights", "seed", "style", "calibration", "nothing")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@example(changes=["photo"], seed=7)
@example(changes=["label"], seed=11)
@example(changes=["calibration"], seed=1)
@given(changes=st.lists(st.sampled_from(ALL), min_size=1, max_size=2, unique=True), seed=st.integers(1, 99))
def test_never_a_stale_figure(kind: str, changes: list[str], seed: int, tmp_path_factory: Any) -> None:
    home = tmp_path_factory.mktemp("run")
    adapter, metric, primary, _ = KINDS[kind]
    benchmark = Benchmark(f"made/{kind}", partial(read, kind), adapter, metric, primary, "made")
    for i, name in enumerate(("a", "b")):
        photograph(home / f"{name}.png", i)
        draw(home / f"{name}.label.png", i)
    Image.fromarray(np.full((HIGH, WIDE), 128, np.uint8)).save(home / "trimap.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "score", partial(score, draws=2))
        patch.setitem(running.BENCHMARKS, benchmark.id, benchmark)
        Run(home / "run", benchmark, RunConfig("function"), home).run(painter(0, {}))
        shutil.copytree(home / "run", home / "resumed")
        if "photo" in changes:
            photograph(home / "b.png", 1000 + seed)
        if "label" in changes:
            draw(home / "b.label.png", 1000 + seed)
        options = {"seed": {"seed": seed}, "style": {"style": "terse"}}
        chosen = {key: value for name in changes for key, value in options.get(name, {}).items()}
        config = RunConfig("function", predict=PredictOptions(**chosen))
        fits = dict.fromkeys((*TASKS, "presence"), Fit((0.0, 1.0), (0.3, 0.6))) if "calibration" in changes else {}
        model = painter(seed if "weights" in changes else 0, fits)
        fresh = told(Run(home / "fresh", benchmark, config, home).run, model)
        if not SETTINGS & set(changes):  # it is scored again as it was asked
            rescored = told(Run.open(home / "run").rescore, model)
            assert rescored == fresh or (WHY.search(rescored) and {"photo", "label", "weights"} & set(changes))
        ran = told(Run(home / "resumed", benchmark, config, home).run, model)
        if {"weights", *SETTINGS} & set(changes):
            assert "holds a run by other weights" in ran or "holds a run with another setting" in ran
        else:
            assert ran == fresh
            assert json.dumps(Run.open(home / "resumed").scores()) == fresh


WHY = re.compile(r"^(the (photo|question) of picture b has changed since|[^\n]* holds a run by other weights)[^\n]*$")


def told(verb: Callable[[Any], Any], model: PainterPredictor) -> str:
    """The scores as text, or the one line of the refusal."""
    try:
        return json.dumps(verb(model))
    except UsageError as error:
        return str(error)


@pytest.mark.parametrize("change", ["photo", "label"])
def test_reports_and_comparisons_refuse_stale_runs(change: str, tmp_path: Path, monkeypatch: Any) -> None:
    benchmark = Benchmark("made/mask", partial(read, "mask"), *KINDS["mask"][:3], "made")
    monkeypatch.setattr(running, "score", partial(score, draws=2))
    monkeypatch.setitem(running.BENCHMARKS, benchmark.id, benchmark)
    for i, name in enumerate(("a", "b")):
        photograph(tmp_path / f"{name}.png", i)
        draw(tmp_path / f"{name}.label.png", i)
    Run(tmp_path / "run", benchmark, RunConfig("function"), tmp_path).run(painter(0, {}))
    markdown([Run.open(tmp_path / "run")], tmp_path / "before.md")
    (photograph if change == "photo" else draw)(tmp_path / ("b.png" if change == "photo" else "b.label.png"), 7)
    verb = "run made/mask" if change == "photo" else f"score {tmp_path / 'run'}"
    line = (
        f"the {change} of picture b has changed since {tmp_path / 'run'} was scored; do it again: plantain bench {verb}"
    )
    for stale in (lambda run: markdown([run], tmp_path / "after.md"), lambda run: compare(run, run),
                  lambda run: html_report([run], tmp_path / "after.html", [painter(0, {})]),
                  lambda run: fit([run], painter(0, {}))):  # fmt: skip
        with pytest.raises(UsageError, match=re.escape(line)):
            stale(Run.open(tmp_path / "run"))
    assert not list(tmp_path.glob("after.*"))


def test_labels_are_read_again_after_a_kill(tmp_path: Path, monkeypatch: Any) -> None:
    """rows.jsonl is newer than scores.json where the process was killed between them."""
    benchmark = Benchmark("made/mask", partial(read, "mask"), *KINDS["mask"][:3], "made")
    for i, name in enumerate(("a", "b")):
        photograph(tmp_path / f"{name}.png", i)
        draw(tmp_path / f"{name}.label.png", i)
    run = Run(tmp_path / "run", benchmark, RunConfig("function"), tmp_path)
    old = run.run(painter(0, {}))
    draw(tmp_path / "b.label.png", 11)
    killed = Run(tmp_path / "run", benchmark, RunConfig("function"), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "score", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            killed.run(painter(0, {}))
    new = Run(tmp_path / "run", benchmark, RunConfig("function"), tmp_path).scores()
    assert new["scores"]["iou"] != old["scores"]["iou"]
    assert (
        new["scores"]
        == Run(tmp_path / "fresh", benchmark, RunConfig("function"), tmp_path).run(painter(0, {}))["scores"]
    )

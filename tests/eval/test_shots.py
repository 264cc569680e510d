"""Examples before the questions: drawn from the training half alone, shown in each question's colors, learned once, and
whatever hangs on them answered afresh when they change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from made_classes import CLASSES, MADE, SIZE, read, scene, scenes
from plantain.cli import main
from plantain.data.base import Example
from plantain.errors import UsageError
from plantain.eval import run as running
from plantain.eval.adapters import SemanticAdapter
from plantain.eval.benchmarks import BENCHMARKS, EXCERPTS
from plantain.eval.calibrate import fit
from plantain.eval.html_report import html_report, markdown
from plantain.eval.row import Benchmark
from plantain.eval.run import Run, RunConfig
from plantain.eval.scores import score
from plantain.eval.shots import draw, read_shots
from plantain.imaging.photo import read_photo
from plantain.models import Capabilities, Identity, Painter, Specialist
from plantain.models.painters import learned
from plantain.models.painters.embedded import FOLDER, Embedded
from plantain.models.painters.learned import Seen
from plantain.models.painting import Painting, Request, Usage
from plantain.pipeline.jobs import PredictOptions
from plantain.pipeline.predictor import PainterPredictor, SpecialistPredictor
from plantain.tasks.asked import painted
from plantain.tasks.language.parsing import parse

trained = pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(BENCHMARKS, MADE.id, MADE)
    monkeypatch.setattr(running, "score", partial(score, draws=20))
    return scenes(tmp_path / "data")


class Listener(Painter):
    """Keeps what it was asked; paints what the last picture shows, for two cents."""

    identity = Identity("listener")
    capabilities = Capabilities(max_images=7)

    def __init__(self) -> None:
        self.heard: list[Request] = []

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def paint(self, requests: Sequence[Request]) -> list[Painting]:
        self.heard += requests
        return [Painting(request.images[-1], usage=Usage(cost_usd=0.02)) for request in requests]


def begin(data: Path, folder: Path, shots: int, **config: Any) -> Run:
    return Run(folder, MADE, RunConfig("listener", shots=shots, **config), data)


def ids_of(examples: Sequence[Example]) -> list[str]:
    return [example.id for example in examples]


# ---- which examples


def test_fewer_examples_are_the_first_of_more_and_the_seed_draws_them(data: Path) -> None:
    five = ids_of(draw(MADE, data, 5, 0))
    assert sorted(five) == [f"train-{i}" for i in range(5)]
    assert [ids_of(draw(MADE, data, k, 0)) for k in range(6)] == [five[:k] for k in range(6)]
    assert len({tuple(ids_of(draw(MADE, data, 5, seed))) for seed in range(5)}) > 1
    with pytest.raises(UsageError, match="has 5 pictures to draw examples from, not 6"):
        draw(MADE, data, 6, 0)


def test_a_test_picture_is_no_example_under_another_name_either(data: Path) -> None:
    shutil.copy(data / "test-1.png", data / "train-2.png")
    assert sorted(ids_of(draw(MADE, data, 4, 0))) == ["train-0", "train-1", "train-3", "train-4"]
    with pytest.raises(UsageError, match="has 4 pictures to draw examples from, not 5"):
        draw(MADE, data, 5, 0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (replace(MADE, train=None), "made/classes has no training half to draw examples from"),
        (replace(MADE, adapter=SemanticAdapter(CLASSES, own=True)), "made/classes asks about each photo something"),
        (BENCHMARKS["nyuv2/metric-depth"], "nyuv2/metric-depth has no training half"),
    ],
)
def test_rows_that_cannot_be_shown_examples_say_why(row: Benchmark, said: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        draw(row, data, 1, 0)
    assert draw(row, data, 0, 0) == []


@pytest.mark.parametrize("name", EXCERPTS)
def test_the_training_halves_of_the_excerpts(name: str, excerpts: Path) -> None:
    """Every row whose question is the same for all photos has examples that can be painted, and no test picture."""
    row = EXCERPTS[name]
    if row.train is None or not row.adapter.same_question:
        with pytest.raises(UsageError, match=r"no training half|something else"):
            draw(row, excerpts, 1, 0)
        return
    drawn = draw(row, excerpts, 2, 0)
    tests = row.read(excerpts)
    assert not {one.photo for one in drawn} & {one.photo for one in tests}
    shots = read_shots(row, drawn, None)
    assert [painted(part, truth).shape for part in shots.question.parts() for _, truth in shots.pairs]
    asked = [task for one in tests[:3] for task in row.adapter.ask(one, np.random.default_rng(7))]
    assert {(type(task), task.queries) for task in asked} == {(type(shots.question), shots.question.queries)}


def test_rows_without_a_training_half_are_the_ones_that_have_none() -> None:
    assert {name for name, row in EXCERPTS.items() if row.train is None} == {
        "mattes-excerpt/main-object",
        "refer-excerpt/boxes",
    }
    own = {name for name, row in EXCERPTS.items() if not row.adapter.same_question}
    assert own == {"ade20k-excerpt/own-words", "panoptic-excerpt/own-words", "coco-excerpt/presence",
                   "ade20k-excerpt/presence", "refer-excerpt/boxes"}  # fmt: skip


# ---- what a painter is shown


def test_a_painter_sees_photo_and_truth_in_its_questions_colors(data: Path, tmp_path: Path) -> None:
    painter = Listener()
    run = begin(data, tmp_path / "run", 2)
    run.run(PainterPredictor(painter))
    assert len(painter.heard) == 3
    assert len({request.prompt for request in painter.heard}) == 3  # legends are drawn for each picture
    tests = [read_photo(example.photo) for example in MADE.read(data)]
    for request in painter.heard:
        task: Any = parse(request.prompt)
        assert len(request.images) == 5
        assert any((request.photo == one).all() for one in tests)
        for photo, truth, example in zip(request.images[1::2], request.images[2::2], run.drawn, strict=True):
            assert (photo == read_photo(example.photo)).all()
            assert (truth == task.encode(example.truth("labels"))).all()
            assert not any((photo == one).all() for one in tests)


def test_the_run_says_what_was_shown(data: Path, tmp_path: Path) -> None:
    config = RunConfig("listener", predict=PredictOptions(style="terse", seed=4), shots=2)
    folder = config.folder(tmp_path, MADE.id)
    assert folder == tmp_path / "listener" / "made-classes+terse+shots-2+seed-4"
    run = Run(folder, MADE, config, data)
    run.run(PainterPredictor(Listener()))
    record = json.loads((folder / "run.json").read_text())
    assert record["setting"]["shots"] == 2 and record["examples"] == ids_of(draw(MADE, data, 2, 4))
    assert RunConfig.from_json(record["setting"]) == config
    with pytest.raises(UsageError, match="another setting"):
        Run(folder, MADE, replace(config, shots=3), data).run(PainterPredictor(Listener()))
    page = html_report([run], tmp_path / "report.html", [PainterPredictor(Listener())], cases=1).read_text()
    table = markdown([run], tmp_path / "report.md").read_text()
    assert "--shots 2" in page
    assert "| listener, terse, shots-2, seed-4 |" in table


def test_an_older_run_is_opened_without_the_key(data: Path, tmp_path: Path) -> None:
    painter = Listener()
    begin(data, tmp_path / "run", 0).run(PainterPredictor(painter))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["setting"].pop("shots") == 0 and "examples" not in record
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    Run.open(tmp_path / "run").require_fresh()
    begin(data, tmp_path / "run", 0).run(PainterPredictor(painter))
    assert len(painter.heard) == 3
    with pytest.raises(UsageError, match="another setting"):
        begin(data, tmp_path / "run", 1).run(PainterPredictor(painter))


def test_a_killed_run_goes_on_and_asks_nothing_twice(data: Path, tmp_path: Path) -> None:
    begin(data, tmp_path / "whole", 2).run(PainterPredictor(Listener()))
    painter, steps = Listener(), iter(range(10))

    def step() -> None:
        if next(steps) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(data, tmp_path / "broken", 2).run(PainterPredictor(painter), step)
    begin(data, tmp_path / "broken", 2).run(PainterPredictor(painter))
    assert len(painter.heard) == 3
    assert (tmp_path / "broken/scores.json").read_bytes() == (tmp_path / "whole/scores.json").read_bytes()


@pytest.mark.parametrize("change", ["photo", "label"])
def test_a_changed_example_is_shown_anew(change: str, data: Path, tmp_path: Path) -> None:
    painter = Listener()
    run = begin(data, tmp_path / "run", 2)
    old = run.run(PainterPredictor(painter))
    begin(data, tmp_path / "run", 2).run(PainterPredictor(painter))
    assert len(painter.heard) == 3
    last = run.drawn[1].id
    other = next(example.id for example in read("train", data) if example.id not in ids_of(run.drawn))
    suffix = "png" if change == "photo" else "label.png"
    shutil.copy(data / f"{other}.{suffix}", data / f"{last}.{suffix}")
    with pytest.raises(UsageError, match="an example of those shown before the question of picture test-0 has changed"):
        Run.open(tmp_path / "run").require_fresh()
    with pytest.raises(UsageError, match="an example of those shown"):
        Run.open(tmp_path / "run").rescore(PainterPredictor(painter))
    new = begin(data, tmp_path / "run", 2).run(PainterPredictor(painter))
    assert len(painter.heard) == 6
    fresh = begin(data, tmp_path / "fresh", 2).run(PainterPredictor(Listener()))
    assert new == fresh
    if change == "label":  # which is what it paints
        assert new["scores"] != old["scores"]


def test_confidence_is_not_fitted_on_answers_after_examples(data: Path, tmp_path: Path) -> None:
    run = begin(data, tmp_path / "run", 2)
    run.run(PainterPredictor(Listener()))
    with pytest.raises(UsageError, match="was run after examples"):
        fit([run], PainterPredictor(Listener()))


def test_an_example_that_is_not_shown_changes_nothing(data: Path, tmp_path: Path) -> None:
    painter = Listener()
    run = begin(data, tmp_path / "run", 2)
    run.run(PainterPredictor(painter))
    other = next(example.id for example in read("train", data) if example.id not in ids_of(run.drawn))
    scene(data, other, 77)
    begin(data, tmp_path / "run", 2).run(PainterPredictor(painter))
    assert len(painter.heard) == 3


class Nobody(Specialist):
    name, identity = "nobody", Identity("nobody")
    supported_tasks = {"semantic": "all"}  # noqa: RUF012


def test_models_that_cannot_be_shown_so_many_leave_no_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody learns from no examples"):
        begin(data, tmp_path / "run", 1).run(SpecialistPredictor(Nobody()))
    with pytest.raises(UsageError, match="4 example pairs and the photo are 9 pictures, but listener takes 7 at most"):
        begin(data, tmp_path / "run", 4).run(PainterPredictor(Listener()))
    with pytest.raises(UsageError, match="shots must be at least 0, not -1"):
        RunConfig(shots=-1)
    assert not (tmp_path / "run").exists()


# ---- the embedded generator


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The colors of cells stand for what the encoder sees; each look is noted down."""
    seen: list[tuple[int, ...]] = []

    def look(encoder: Any, photo: np.ndarray, prompts: Sequence[str]) -> Seen:
        seen.append(photo.shape)
        cells = photo.reshape(photo.shape[0] // 14, 14, photo.shape[1] // 14, 14, 3).mean((1, 3)) / 255
        return Seen((np.concatenate([cells, cells**2, np.ones_like(cells)], -1).astype(np.float32),))

    monkeypatch.setattr(learned, "look", look)
    return seen


@trained
def test_the_embedded_generator_learns_once_whatever_the_legends(
    data: Path, tmp_path: Path, looks: list[tuple[int, ...]]
) -> None:
    model = PainterPredictor(Embedded())
    asked = begin(data, tmp_path / "none", 0).run(model)
    assert looks == []
    shown = begin(data, tmp_path / "run", 4).run(model)
    assert len(looks) == 4 + 3  # each example and each picture once
    assert shown["scores"]["miou"][0] > 0.9 > 0.6 > asked["scores"]["miou"][0]
    begin(data, tmp_path / "run", 4).run(model)
    assert len(looks) == 4 + 3
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["model"] == json.loads((tmp_path / "none" / "run.json").read_text())["model"]
    begin(data, tmp_path / "terse", 4, predict=PredictOptions(style="terse")).run(model)
    assert len(looks) == 4 + 3 + 3  # what was learned last is remembered for another run
    first, second = tmp_path.glob("*/learned/*.npz")
    assert first.name == second.name and first.read_bytes() == second.read_bytes()


@trained
def test_what_it_learned_is_kept_in_the_run(data: Path, tmp_path: Path, looks: list[tuple[int, ...]]) -> None:
    """Another process scores again, to the same hash of what was learned, and looks at nothing."""
    first = begin(data, tmp_path / "run", 3)
    scores = first.run(PainterPredictor(Embedded()))
    count, identity = len(looks), first.with_kept_answers(PainterPredictor(Embedded())).identity
    assert len(list((tmp_path / "run" / "learned").iterdir())) == 1
    again = Run.open(tmp_path / "run")
    assert again.rescore(PainterPredictor(Embedded())) == scores
    assert len(looks) == count
    shutil.rmtree(tmp_path / "run" / "learned")
    assert again.with_kept_answers(PainterPredictor(Embedded())).identity == identity
    assert len(looks) == count + 3


@trained
def test_it_learns_again_from_a_changed_label(data: Path, tmp_path: Path, looks: list[tuple[int, ...]]) -> None:
    run = begin(data, tmp_path / "run", 3)
    old = run.run(PainterPredictor(Embedded()))
    for example in run.drawn:  # cats and dogs change their names
        path = example.photo.with_suffix(".label.png")
        Image.fromarray(np.array([0, 2, 1], np.uint8)[np.asarray(Image.open(path))]).save(path)
    new = begin(data, tmp_path / "run", 3).run(PainterPredictor(Embedded()))
    assert new["scores"]["miou"][0] < 0.5 < old["scores"]["miou"][0]
    assert len(looks) == 2 * (3 + 3)


# ---- what it cost


def test_a_run_says_what_a_picture_cost_and_keeps_it(data: Path, tmp_path: Path) -> None:
    painter = Listener()
    run = begin(data, tmp_path / "run", 1)
    run.run(PainterPredictor(painter))
    cost = run.costs()
    assert cost["usd"] == pytest.approx(0.02) and cost["seconds"] is not None
    shutil.copy(data / "test-0.png", data / "test-1.png")
    again: Callable[[], Run] = partial(begin, data, tmp_path / "run", 1)
    again().run(PainterPredictor(painter))
    assert len(painter.heard) == 4 and again().costs()["usd"] == pytest.approx(0.02)
    before = again().run(PainterPredictor(painter))
    Image.fromarray(np.zeros(SIZE[::-1], np.uint8)).save(data / "test-2.label.png")
    after = again().run(PainterPredictor(painter))  # scored again from the kept painting, for nothing
    assert after["scores"] != before["scores"] and len(painter.heard) == 4
    assert again().costs()["usd"] == pytest.approx(0.02)


class Absent(Listener):
    """Has no weights."""

    def paint(self, requests: Sequence[Request]) -> list[Painting]:
        raise UsageError("the weights are not on this machine")


def test_a_model_that_cannot_run_here_ends_the_run_and_no_picture_counts_as_failed(data: Path, tmp_path: Path) -> None:
    run = begin(data, tmp_path / "run", 0)
    with pytest.raises(UsageError, match="the weights are not on this machine"):
        run.run(PainterPredictor(Absent()))
    assert run.lines() == []


# ---- the command line


@trained
def test_the_command_line_shows_examples(
    data: Path, tmp_path: Path, looks: list[tuple[int, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "run", MADE.id, "--data", str(data), "-o", str(tmp_path / "runs"), "--quiet"]
    assert main([*words, "--shots", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["run"].endswith("embedded/made-classes+shots-2") and told["cost"]["usd"] is None
    assert len(looks) == 2 + 3
    assert main([*words, "--shots", "two"]) == 2
    assert "--shots takes a whole number, not 'two'" in capsys.readouterr().err
    assert main([*words, "--examples", str(data)]) == 2
    assert "say how many with --shots" in capsys.readouterr().err

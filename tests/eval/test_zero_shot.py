"""recipes/zero_shot.py: a table of models that can run and of those that cannot, gone on with where it was stopped."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zero_shot
from made_classes import MADE, scenes
from plantain.cli.hosted import read_options
from plantain.errors import PainterGone
from plantain.eval import run as running
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.scores import score
from plantain.models import MODELS, Capabilities, Identity, ModelSpec, Painter
from plantain.models.painters.embedded import FOLDER
from plantain.models.painting import Painting, Request, Usage
from plantain.models.registry import check_options, factory_of, rows

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"python recipes/zero_shot\.py (DATA .*)")
TWO = ("--styles", "imperative", "terse", "--shots", "2", "0")
trained = pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")


class Copyist(Painter):
    """Gives the last picture back: a chart, or the painting of the last example. Two cents each, five pictures."""

    identity = Identity("copyist")
    capabilities = Capabilities(max_images=5)
    heard: list[Request] = []  # noqa: RUF012

    def __init__(self, right: int = 0, enough: int = 10**6) -> None:
        """`right`: pixels by which it moves pictures; `enough`: requests after which it ends."""
        self.right, self.enough = right, enough

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        return width, height

    def paint(self, requests: Sequence[Request]) -> list[Painting]:
        self.heard += requests
        if len(self.heard) > self.enough:
            raise PainterGone("the budget of $1.00 is reached")
        return [Painting(np.roll(one.images[-1], self.right, 1), usage=Usage(cost_usd=0.02)) for one in requests]


class Broken(Copyist):
    def paint(self, requests: Sequence[Request]) -> list[Painting]:
        raise RuntimeError("expected scalar type Half\nbut found Float")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of the made benchmark, the models of this file, and neither a hub nor a key."""
    monkeypatch.setitem(BENCHMARKS, MADE.id, MADE)
    for name in ("Copyist", "Broken"):
        monkeypatch.setitem(MODELS, name.lower(), ModelSpec(name.lower(), f"{__name__}:{name}", "Of this test."))
    monkeypatch.setattr(running, "score", partial(score, draws=20))
    monkeypatch.setattr(Copyist, "heard", [])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    zero_shot.best.cache_clear()
    return scenes(tmp_path / "data")


@pytest.fixture
def table(data: Path, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Makes the table of models; gives its lines."""

    def make(*models: str, more: Sequence[str] = TWO) -> list[dict[str, Any]]:
        out = tmp_path / "out"
        zero_shot.main([str(data), "--models", *models, "--rows", MADE.id, *more, "-o", str(out)])
        return [json.loads(line) for line in (out / "table.jsonl").read_text().splitlines()]

    return make


def test_models_that_cannot_run_are_a_line_each_and_the_others_go_on(table: Any, tmp_path: Path) -> None:
    lines = table("flux2-klein-4b", "gemini", "broken", "nobody", "copyist")
    reasons = {line["model"]: line["reason"] for line in lines if "reason" in line}
    assert list(reasons) == ["flux2-klein-4b", "gemini", "broken", "nobody"]
    assert "not on this machine" in reasons["flux2-klein-4b"] or "pip install" in reasons["flux2-klein-4b"]
    assert "no key for gemini" in reasons["gemini"] or "pip install" in reasons["gemini"]
    assert reasons["broken"] == "RuntimeError: expected scalar type Half"
    assert "unknown model 'nobody'" in reasons["nobody"]
    known = [line for line in lines if "value" in line]
    assert [(line["model"], line["shots"], line["style"]) for line in known] == [
        ("copyist", shots, style) for shots in (0, 2) for style in ("imperative", "terse")
    ]
    page = (tmp_path / "out" / "table.md").read_text().splitlines()
    rows = [line for line in page if line.startswith("|")]
    assert {line.count(" | ") for line in rows} == {len(zero_shot.HEAD) - 1}
    assert len(rows) == 2 + 4 + 4
    assert all("| not run: " in line for line in rows[-4:])


def test_a_line_has_figure_ceiling_cost_and_place(table: Any) -> None:
    lines = table("copyist", "copyist right=3")
    first, moved = lines[2], lines[6]  # two examples
    assert first["registration"] == "measured" and moved["registration"] == "shift +3.0, +0.0 px"
    assert (first["shots"], first["n"], first["failed"], first["no_photo"]) == (2, 3, 0, ".111")
    assert first["low"] <= first["value"] <= first["high"] and first["ceiling"] == 1.0
    assert first["usd"] == pytest.approx(0.02) and first["seconds"] >= 0
    assert first["value"] > lines[0]["value"]  # a legend's colors are nearer to any truth than a gray photo is
    assert Path(first["run"], "run.json").exists() and first["run"] != moved["run"]


def test_a_stopped_table_goes_on_and_asks_nothing_twice(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(lines: Any, out: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(zero_shot, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            table("copyist")
    perceived = [one for one in Copyist.heard if one.purpose == "perceive"]
    assert len(perceived) == 4 * 3
    assert len(table("copyist")) == 4
    assert [one for one in Copyist.heard if one.purpose == "perceive"] == perceived


def test_settings_that_a_model_cannot_do_are_said_once_and_the_others_run(table: Any, tmp_path: Path) -> None:
    lines = table("copyist", more=("--shots", "0", "3", "6"))
    assert [line["shots"] for line in lines if "value" in line] == [0] * 4
    assert len([line for line in lines if "reason" in line]) == 2 * 4
    page = (tmp_path / "out" / "table.md").read_text()
    told = [line for line in page.splitlines() if "not run" in line]
    assert len(told) == 2
    assert "| 3 | imperative, caption, json, terse | not run: 3 example pairs and the photo are 7 pictures" in told[0]
    assert "made/classes has 5 pictures to draw examples from, not 6" in told[1]


def test_a_painter_that_ends_keeps_what_it_has(table: Any, tmp_path: Path) -> None:
    lines = table("copyist enough=5", "copyist")
    assert [("value" in line, line["model"]) for line in lines[:2]] == [
        (True, "copyist enough=5"),
        (False, "copyist enough=5"),
    ]
    assert lines[1]["reason"] == "the budget of $1.00 is reached" and len(lines) == 2 + 4
    assert "| the rest | copyist enough=5 |" in (tmp_path / "out" / "table.md").read_text()


def test_only_services_have_a_budget() -> None:
    assert zero_shot.paid("gemini") and zero_shot.paid("openai")
    assert not any(map(zero_shot.paid, ("embedded", "flux2-klein-4b", "selfie", "nobody")))


def test_words_that_are_none_end_it_at_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--rows", "nyu/depth"], ["--styles", "rhymed"], ["--shots", "some"]):
        with pytest.raises(SystemExit):
            zero_shot.main([str(data), "--models", "copyist", *words])
        assert "usage: " in capsys.readouterr().err


PLACES = (zero_shot.__doc__, *((ROOT / "docs" / name).read_text() for name in ("evaluation.md", "generators.md")))


@pytest.mark.parametrize("line", [line for text in PLACES for line in COMMAND.findall(text.replace("\\\n", " "))])
def test_commands_of_the_guides_are_understood(line: str) -> None:
    given = zero_shot.arguments(shlex.split(line))
    names = [shlex.split(model) for model in given.models]
    assert given.data == Path("DATA") and all(name in rows() for name, *_ in names)
    for name, *words in names:
        check_options(rows()[name], factory_of(rows()[name]), {**rows()[name].fixed, **read_options(words)})


def test_every_guide_has_a_command() -> None:
    assert all(COMMAND.search(text) for text in PLACES)


def test_rows_of_the_table_are_there() -> None:
    for name in zero_shot.ROWS:
        assert BENCHMARKS[name].train is not None and BENCHMARKS[name].adapter.same_question


@trained
def test_the_embedded_generator_on_real_pictures(excerpts: Path, tmp_path: Path) -> None:
    zero_shot.main([str(excerpts), "--models", "embedded", "--rows", "people-excerpt/person", "--styles", "terse",
                    "--shots", "0", "1", "--limit", "2", "-o", str(tmp_path)])  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    assert [(line["shots"], line["n"], line["registration"]) for line in lines] == [
        (0, 2, "measured"),
        (1, 2, "measured"),
    ]
    assert all(0.5 < line["value"] <= line["ceiling"] for line in lines)
    assert lines[0]["value"] != lines[1]["value"]

"""CONTRIBUTING.md is true: its recipes are run as they stand."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import plantain
from plantain.cli import main
from plantain.cli.photos import find
from plantain.codecs.curve import CURVES, decode_depth
from plantain.errors import UsageError
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.ceiling import ceiling
from plantain.models import MODELS
from plantain.tasks import TASKS
from plantain.tasks.language.parsing import parse

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def recipe(heading: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The code under a heading, run as a module of its own."""
    code = re.search(rf"^## {heading}.*?```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
    assert code is not None, heading
    module = types.ModuleType("recipe")
    monkeypatch.setitem(sys.modules, "recipe", module)
    exec(compile(code[1], "CONTRIBUTING.md", "exec"), module.__dict__)
    return module


@pytest.fixture(autouse=True)
def clean():
    before = [(table, dict(table)) for table in (MODELS, TASKS, CURVES, BENCHMARKS)]
    yield
    for table, old in before:
        table.clear()
        table.update(old)  # type: ignore[arg-type]


def test_a_painter(monkeypatch) -> None:
    recipe("A painter in ten lines", monkeypatch)
    answer = plantain.load("sepia").predict(PHOTO, "normals")
    assert answer.xyz.shape == (60, 80, 3)
    assert answer.painting.rgb.shape == (48, 64, 3)
    assert answer.painting.rgb[0, 0].tolist() == [112, 66, 20]


def test_a_task(monkeypatch, tmp_path) -> None:
    module = recipe("A task in ten lines", monkeypatch)
    task = module.Shadows()
    for style in ("imperative", "caption", "json", "terse"):
        assert parse(task.prompt(style)) == task
    truth = PHOTO.mean(-1) > 128
    answer = plantain.load("oracle", truth=task.encode(truth)).predict(PHOTO, task)
    assert np.array_equal(answer.masks[0], truth)
    assert answer.save(tmp_path)["arrays"].name == "photo.shadows.npz"


def test_the_command_line_knows_a_new_task_by_its_row_alone(monkeypatch, tmp_path, capsys) -> None:
    module = recipe("A task in ten lines", monkeypatch)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("a.png")
    truth = (PHOTO.mean(-1) > 128).astype(np.float32)
    np.save("a.npy", truth)
    for words in (["tasks"], ["encode", "a.npy", "shadows", "-o", "a.shadows.png"], ["decode", "a.shadows.png"]):
        assert main(words) == 0
        assert "shadows" in capsys.readouterr().out
    with np.load("out/a.shadows.npz") as arrays:
        assert np.array_equal(arrays["alpha"][0] > 0.5, truth > 0.5)
    assert [one.photo.name for one in find([str(tmp_path)])] == ["a.png"], "none of its files is a photo"
    assert module.Shadows.name in TASKS


def test_a_color_code(monkeypatch) -> None:
    recipe("A color code in ten lines", monkeypatch)
    metres = np.linspace(0.5, 20, 200, dtype=np.float32).reshape(10, 20)
    read, valid, confidence = decode_depth(CURVES["fire"].encode(metres), CURVES["fire"])
    assert valid.all()
    assert np.allclose(read, metres, rtol=0.02)
    assert confidence.min() > 0.9


def test_a_benchmark(monkeypatch, tmp_path) -> None:
    recipe("A benchmark in ten lines", monkeypatch)
    for folder, values in (
        ("photos", PHOTO),
        ("depth", np.linspace(900, 9000, 4800).reshape(60, 80).astype(np.uint16)),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(values).save(tmp_path / folder / f"a.{'jpg' if folder == 'photos' else 'png'}")
    row = BENCHMARKS["mine/metric-depth"]
    clean, noisy = (ceiling(row, row.read(tmp_path), noise, draws=2)["scores"]["abs_rel"][0] for noise in (0, 24))
    assert clean < 0.02 < noisy


def test_a_specialist_in_ten_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe("A specialist in ten lines", monkeypatch)
    answer = plantain.load("bright").predict(PHOTO, "segment the bright things")
    assert (answer.masks[0] == (PHOTO.mean(-1) > PHOTO.mean(-1).mean())).all()
    with pytest.raises(UsageError, match="bright answers refer, matte, not edges"):
        plantain.load("bright").predict(PHOTO, "edges")

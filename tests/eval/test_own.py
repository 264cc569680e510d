"""People's own folders as benchmarks: rows from what is there, scores of a model that answers by a known rule."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plantain import cli
from plantain.errors import PhotoError, UnknownName
from plantain.eval.own import names_in, row_of
from plantain.eval.run import find_benchmark
from plantain.models import MODELS
from plantain.models.painters.function import Function
from plantain.tasks import MetricDepth, ReferringSegmentation, SemanticSegmentation
from plantain.tasks.language.parsing import parse

SIZE = (32, 24)
LEFT = np.zeros((24, 32), bool)
LEFT[:, :16] = True


def known():
    """2 m everywhere; any thing, and the first class, is the left half, everything else the second class."""

    def paint(photo, prompt, seed):
        task = parse(prompt)
        if isinstance(task, MetricDepth):
            return task.encode(np.full((24, 32), 2.0, np.float32))
        if isinstance(task, SemanticSegmentation):
            return task.encode(np.where(LEFT, 0, 1).astype(np.int16))
        assert isinstance(task, ReferringSegmentation)
        return task.encode(LEFT[None].astype(np.float32))

    return Function(paint)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with two photos: one has depth, labels and a mask of a cup, the other a mask of a traffic light."""
    import dataclasses

    monkeypatch.setitem(MODELS, "embedded", dataclasses.replace(MODELS["embedded"], factory="test_own:known"))
    root = tmp_path / "my set"

    def put(name, pixels):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

    for name, level in (("a", 90), ("b", 120)):
        put(f"images/{name}.png", np.full((24, 32, 3), level, np.uint8))
    put("depth/a.png", np.full((24, 32), 4000, np.uint16))
    put("masks/cup/a.png", LEFT.astype(np.uint8) * 255)
    put("masks/traffic light/b.png", (~LEFT).astype(np.uint8) * 255)
    put("labels/a.png", np.where(LEFT, 0, 1).astype(np.uint8))
    (root / "classes.txt").write_text("wall\nfloor\n")
    monkeypatch.chdir(tmp_path)
    return root


def test_rows_are_what_the_answers_allow(own):
    names = ["metric-depth", "relative-depth", "classes", "mask-cup", "mask-traffic light"]
    assert names_in(own) == [f"folder/{name}" for name in names]
    assert [example.id for example in row_of("folder/mask-cup", own).read(own)] == ["a", "b"]
    with pytest.raises(UnknownName, match="folder/metric-depth"):
        find_benchmark("folder/metric-dept", own)
    with pytest.raises(PhotoError, match="images"):
        names_in(own / "images")


def test_run_report_and_again(own, capsys):
    """Depth is half of the truth, the cup is right, the traffic light is everything but right."""
    assert cli.main(["bench", "run", "folder/metric-depth", "folder/classes", "folder/mask-cup",
                     "folder/mask-traffic light", "--data", str(own), "-o", "runs", "-q"]) == 0  # fmt: skip
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    figures = {line["benchmark"]: line["scores"][line["primary"]][0] for line in lines}
    assert figures == pytest.approx({
        "folder/metric-depth": 0.0, "folder/classes": 1.0, "folder/mask-cup": 1.0, "folder/mask-traffic light": 0.0,
    }, abs=1e-6)  # fmt: skip
    assert lines[0]["scores"]["abs_rel"][0] == pytest.approx(0.5, abs=0.01)
    assert [line["n"] for line in lines] == [1, 1, 1, 1]
    assert cli.main(["bench", "report", "runs", "-o", "report.html"]) == 0
    page = Path("report.html").read_text()
    assert "plantain bench run &#x27;folder/mask-traffic light&#x27; --model embedded --data DATA" in page
    assert cli.main(["bench", "score", "runs", "-q"]) == 0


def test_the_whole_folder(own, capsys):
    assert cli.main(["bench", "run", "folder", "--data", str(own), "-o", "runs", "-q"]) in (0, 1)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["benchmark"] for line in lines] == names_in(own)


def test_a_folder_without_answers(tmp_path, capsys):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    assert cli.main(["bench", "run", "folder", "--data", str(tmp_path)]) == 2
    assert "no answer beside it" in capsys.readouterr().err

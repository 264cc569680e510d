"""`plantain ask` in use: lines for people, JSON lines, faults."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from answers.worlds import PHOTO, World, at, box
from plantain import cli
from plantain.errors import PainterGone
from plantain.models import MODELS

CUP = {"cup": box(20, 40, 60, 80)}


def painter():
    return World(CUP, at({"cup": 1.42}, CUP)).model.painter


def gone():
    def paint(photo, prompt, seed):
        raise PainterGone("the painter has left")

    from plantain.models.painters.function import Function

    return Function(paint)


@pytest.fixture(autouse=True)
def photos(monkeypatch, tmp_path):
    """Two photos in a folder, and a painter that knows what is on them."""
    monkeypatch.setitem(MODELS, "embedded", dataclasses.replace(MODELS["embedded"], factory="test_asking:painter"))
    monkeypatch.chdir(tmp_path)
    Path("p").mkdir()
    for name in "ab":
        Image.fromarray(PHOTO).save(f"p/{name}.png")


@pytest.fixture
def say(capsys, monkeypatch):
    """Runs `plantain ask`, on a terminal where that is said: exit code, lines of stdout, lines of stderr."""

    def run(*words, terminal=False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        code = cli.main(["ask", *words])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def test_a_line_for_people(say):
    code, lines, told = say("p/a.png", "how far is the cup?", terminal=True)
    assert (code, lines, told) == (0, ["the cup: 1.42 m (1.42 to 1.42), sure"], [])


def test_a_line_for_each_of_several(say):
    code, lines, _ = say("p/", "count the cups", "--quiet", terminal=True)
    assert code == 0
    assert lines == ["a: cups: 1, sure", "b: cups: 1, sure"]
    assert say("p/", "count the cups")[2][-1].startswith("2 photos: 2 done; ")


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_json_lines(say, option):
    code, lines, _ = say("p/a.png", "p/b.png", "how far is the cup in cm?", *option)
    assert code == 0
    records = [json.loads(line) for line in lines]
    assert [list(record)[:6] for record in records] == [
        ["image", "text", "value", "unit", "interval", "confidence"]
    ] * 2
    assert records[0]["value"] == pytest.approx(142, rel=0.01)
    assert records[1]["image"] == "p/b.png"


def test_json_on_a_terminal(say):
    _, (line,), _ = say("p/a.png", "is there a dog?", "--json", terminal=True)
    assert json.loads(line)["value"] is False


def test_a_camera(say):
    code, (line,), _ = say("p/a.png", "point cloud of the cup", "--fov", "60")
    assert (code, json.loads(line)["shape"]) == (0, [1600, 3])
    for option, part in (((), "give --fov"), (("--fov", "200"), "field of view"), (("--focal", "0"), "above 0 pixels")):
        code, _, told = say("p/a.png", "point cloud of the cup", *option)
        assert code == 2
        assert part in told[0]


def test_notes_are_on_stderr(say):
    code, lines, told = say("p/a.png", "is the cup more than 5 m away?")
    assert (code, len(lines)) == (0, 1)
    assert told == ["note: the distance is told; whether it is more or less than said is left to you"]
    assert say("p/a.png", "is the cup more than 5 m away?", "-q")[2] == []


def test_a_photo_that_fails_is_a_line_and_the_others_go_on(say):
    Path("p/broken.png").write_bytes(b"nothing")
    code, lines, told = say("p/broken.png", "p/a.png", "where is the cup?")
    bad, good = map(json.loads, lines)
    assert (code, bad["error_type"], len(told) >= 1) == (1, "PhotoError", True)
    assert good["value"] == [20, 40, 60, 80]
    assert say("p/broken.png", "where is the cup?")[0] == 2


@pytest.mark.parametrize(("words", "part"), [
    (("p/a.png", "what breed is the dog?"), "breed"),
    (("p/a.png",), "the last word is the question"),
    (("p/", "how", "far"), "takes quotes"),
    (("p/a.png", "depth", "--samples", "0"), "samples"),
    (("p/a.png", "depth", "--dry-run"), "plantain predict"),
    (("p/a.png", "depth", "--model", "no-such"), "no-such"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(say, words, part):
    code, lines, told = say(*words)
    assert (code, lines, len(told)) == (2, [], 1)
    assert part in told[0]


def test_a_painter_that_has_gone_is_not_asked_again(say, monkeypatch):
    monkeypatch.setitem(MODELS, "embedded", dataclasses.replace(MODELS["embedded"], factory="test_asking:gone"))
    code, lines, told = say("p/", "depth", "-q")
    assert (code, len(lines), len(told)) == (2, 1, 1)
    assert json.loads(lines[0])["error_type"] == "PainterGone"


def test_a_picture_from_standard_input(say, monkeypatch):
    content = io.BytesIO()
    Image.fromarray(np.asarray(PHOTO)).save(content, "PNG")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    code, (line,), _ = say("-", "count the cups")
    assert (code, json.loads(line)["image"], json.loads(line)["value"]) == (0, None, 1)

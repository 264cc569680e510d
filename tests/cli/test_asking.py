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
from plantain.models.painters.function import Function

CUP = {"cup": box(20, 40, 60, 80)}


def painter():
    return World(CUP, at({"cup": 1.42}, CUP)).model.painter


def doubtful():
    """Paints masks fainter than they are."""
    one = World(CUP, at({"cup": 1.42}, CUP))

    def paint(photo, prompt, seed):
        rgb = one.paint(photo, prompt, seed)
        return rgb if "depth" in prompt else (rgb * 0.62).astype(np.uint8)

    return Function(paint)


def gone():
    def paint(photo, prompt, seed):
        raise PainterGone("the painter has left")

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
    (("p/a.png", "depth", "--fov", "0"), "field of view"),
    (("p/a.png", "depth", "--focal", "-5"), "focal length"),
    (("p/a.png", "depth", "--fov", "70", "--focal", "300"), "the camera is said twice"),
    (("p/a.png", "depth", "--dry-run"), "no option 'dry_run'"),
    (("p/a.png", "depth", "--model", "no-such"), "no-such"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(say, words, part):
    code, lines, told = say(*words)
    assert (code, lines, len(told)) == (2, [], 1)
    assert part in told[0]


def test_a_painter_that_has_gone_is_not_asked_again(say, monkeypatch):
    monkeypatch.setitem(MODELS, "embedded", dataclasses.replace(MODELS["embedded"], factory="test_asking:gone"))
    code, lines, told = say("p/", "how far is the cup?", "-q")
    assert (code, len(lines), len(told)) == (2, 1, 1)
    assert json.loads(lines[0])["error_type"] == "PainterGone"


def test_a_picture_from_standard_input(say, monkeypatch):
    content = io.BytesIO()
    Image.fromarray(np.asarray(PHOTO)).save(content, "PNG")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    code, (line,), _ = say("-", "count the cups")
    assert (code, json.loads(line)["image"], json.loads(line)["value"]) == (0, None, 1)


# ---- without a verb, and with files


@pytest.fixture
def type_(capsys, monkeypatch):
    """Runs `plantain` without a verb: exit code, lines of stdout, lines of stderr."""

    def run(*words, terminal=False):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        code = cli.main([*words])
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def written(folder="out"):
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


def test_a_question_without_a_verb_gets_its_answer(type_):
    code, (line,), _ = type_("p/a.png", "how far is the cup?")
    assert (code, json.loads(line)["unit"]) == (0, "m")
    assert type_("p/a.png", "how far is the cup?", terminal=True)[1] == ["the cup: 1.42 m (1.42 to 1.42), sure"]
    assert not Path("out").exists()


def test_a_map_without_a_verb_is_written_as_predict_writes_it(type_):
    (_, (line,), _), (_, (same,), _) = type_("p/a.png", "metric depth", "-o", "x"), type_("predict", "p/b.png", "depth")
    assert list(json.loads(line)) == list(json.loads(same))
    assert written("x") == [f"a.metric-depth{ending}" for ending in (".npz", ".overlay.png", ".png")]


def test_a_map_on_a_terminal_is_a_line_and_its_files(type_):
    code, (line,), _ = type_("p/a.png", "metric depth", terminal=True)
    assert code == 0
    assert line.startswith("depth: 1.42 to 6.0")
    assert line.endswith("-> out/a.metric-depth.overlay.png")
    assert written() == [f"a.metric-depth.{ending}" for ending in ("mm.png", "npz", "overlay.png", "png")]


@pytest.mark.parametrize(("text", "files"), [
    ("cut out the cup", ["a.matte.cup.cutout.png", "a.matte.cup.npz"]),
    ("disparity", ["a.relative-depth.disparity.png", "a.relative-depth.npz"]),
    ("point cloud", ["a.metric-depth.npz", "a.metric-depth.ply"]),
    ("point cloud of the cup", ["a.metric-depth.cup.ply", "a.metric-depth.npz", "a.refer.the-cup.npz"]),
    ("segment the cup and how far is it?", ["a.metric-depth.npz", "a.refer.the-cup.mask.png", "a.refer.the-cup.npz",
     "a.refer.the-cup.overlay.png", "a.refer.the-cup.png"]),
    ("count the cups", []),
])  # fmt: skip
def test_what_no_line_can_hold_goes_into_files(say, text, files):
    code, (line,), _ = say("p/a.png", text, "--fov", "60")
    record = json.loads(line)
    told = sorted(Path(path).name for roles in record.get("files", {}).values() for path in roles.values())
    found = [name for name in written() if "how far" not in text or "metric-depth" not in name]
    assert (code, found) == (0, [name for name in files if "how far" not in text or "metric-depth" not in name])
    assert set(found) <= set(told)


def test_a_folder_that_is_said_gets_files_of_any_answer(say):
    say("p/", "how far is the cup?", "-o", "x")
    ending = ("metric-depth.npz", "metric-depth.overlay.png", "refer.the-cup.npz", "refer.the-cup.overlay.png")
    assert written("x") == [f"{name}.{one}" for name in "ab" for one in ending]
    code, lines, told = say("p/", "how far is the cup?", "-o", "x")
    assert (code, [json.loads(line)["skipped"] for line in lines]) == (0, [True, True])
    assert json.loads(lines[0])["value"] == pytest.approx(1.42, rel=0.01)
    assert told == ["2 photos: 2 already there; 0 s"]


def test_files_are_picked(say, type_):
    assert say("p/a.png", "how far is the cup?", "--files", "mask,kitti")[0] == 0
    assert written() == ["a.metric-depth.kitti.png", "a.metric-depth.npz", "a.refer.the-cup.mask.png",
                         "a.refer.the-cup.npz"]  # fmt: skip
    _, (line,), _ = type_("p/a.png", "segment the cup", "--files", "mask", "-o", "y")
    assert json.loads(line)["files"] == {"mask": "y/a.refer.the-cup.mask.png"}
    assert written("y") == ["a.refer.the-cup.mask.png", "a.refer.the-cup.npz"]
    for files, part in (("mesk", "unknown format 'mesk'"), ("labels", "holds a class a pixel"), ("ply", "--fov")):
        code, _, told = say("p/a.png", "how far is the cup?", "--files", files)
        assert (code, len(told)) == (2, 1)
        assert part in told[0]


def test_gates(say, monkeypatch):
    monkeypatch.setitem(MODELS, "embedded", dataclasses.replace(MODELS["embedded"], factory="test_asking:doubtful"))
    code, (line,), _ = say("p/a.png", "how far is the cup?")
    assert (code, json.loads(line)["unit"], "gated" in json.loads(line)) == (0, "m", False)
    code, (line,), _ = say("p/a.png", "segment the cup", "--min-presence", ".9")
    assert (code, json.loads(line)["value"], json.loads(line)["gated"]) == (0, None, True)
    assert "it would be: the cup: " in json.loads(line)["text"]
    code, (line,), _ = say("p/a.png", "is there a dog?", "--min-presence", ".9", "--min-confidence", ".5")
    assert (code, json.loads(line)["value"]) == (0, False)
    assert say("p/a.png", "depth", "--min-presence", "2")[0] == 2


def test_options_that_only_maps_take(type_):
    code, (line,), told = type_("p/a.png", "count the cups", "--format", "coco")
    assert (code, json.loads(line)["task"], told) == (0, "instances", [])
    code, (line,), told = type_("p/a.png", "how far is the cup?", "--code", "plasma")
    assert json.loads(line)["task"] == "metric-depth"
    assert "not read off it" in told[0]


def test_a_planner_is_an_address(say):
    code, _, told = say("p/a.png", "wie weit ist die Tasse?", "--planner", "nowhere")
    assert (code, len(told)) == (2, 1)
    assert "the planner is the address of a service" in told[0]
    assert say("p/a.png", "depth", "--planner-model", "x")[0] == 2

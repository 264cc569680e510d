"""The command line, run in the process, and now and then as a process of its own."""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.test_color import DISPLAY_P3
from plantain import cli
from plantain.cli.photos import find, is_photo
from plantain.errors import PainterError
from plantain.models import MODELS, Identity, Painter
from plantain.models.painting import Painting
from plantain.tasks import MetricDepth, ReferringSegmentation, SemanticSegmentation
from plantain.tasks.language.parsing import parse

KEYS = ["image", "task", "prompt", "model", "painting", "arrays", "overlay", "confidence", "presence", "seconds"]


class Tiny(Painter):
    """Paints a slope from 1 m (top) to 9 m (bottom), stripes of a legend, and otherwise the photo turned round."""

    identity = Identity("tiny")
    pause = 0.0

    def canvas(self, width, height):
        return width, height

    def paint(self, requests):
        time.sleep(self.pause)
        return [self.one(request) for request in requests]

    def one(self, request):
        width, height = request.size
        if request.photo is not None and request.photo.mean() < 5:
            return PainterError("this painter is afraid of the dark")
        if request.purpose == "perceive":
            task = parse(request.prompt)
            rows = np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)
            if isinstance(task, MetricDepth):
                rgb = task.encode(1 + 8 * rows)
            elif isinstance(task, SemanticSegmentation):
                count = len(task.legend)
                rgb = task.encode(np.minimum(rows * count, count - 1).astype(np.int16))
            else:
                rgb = np.where(rows[..., None] > 0.5, 255, 0).astype(np.uint8).repeat(3, axis=-1)
        elif request.photo is None:
            rgb = np.random.default_rng(request.seed).integers(0, 255, (height, width, 3)).astype(np.uint8)
        else:
            rgb = 255 - request.photo
        return Painting(rgb)


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """The tiny painter is the default one, and the working folder is empty."""
    row = dataclasses.replace(next(iter(MODELS.values())), name="embedded", factory="test_cli:Tiny", extra=None)
    monkeypatch.setitem(MODELS, "embedded", row)
    monkeypatch.chdir(tmp_path)


def photo(path, size=(24, 16), level=120):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(3).integers(-5, 5, (size[1], size[0], 3))
    Image.fromarray(np.clip(level + noise, 0, 255).astype(np.uint8)).save(path)
    return str(path)


def refused(outcome, *parts, code=2):
    """One clear line, no result (but the line of a photo that failed), nothing written."""
    got, records, lines = outcome
    assert got == code, lines
    assert all(record["error"] and record["arrays"] is None for record in records)
    assert len(lines) == 1, lines
    assert lines[0].startswith("plantain: ")
    for part in parts:
        assert part in lines[0], lines[0]
    assert "Traceback" not in lines[0]
    assert not [path for path in Path().rglob("*") if "out" in path.parts and path.is_file()]


# ---- the good way ----


def test_coco_of_many_photos_is_one_file_too(say):
    """Painted or skipped: file names with their endings and folders, and all classes of the question."""
    words = (photo("p/a.png"), photo("p/deep/b.jpg"), "segment wall, floor, sky", "--format", "coco")
    contents = []
    for _ in range(2):
        code, records, _ = say(*words)
        assert (code, len(records)) == (0, 2)
        contents.append(json.loads(Path("out/annotations.semantic.wall-floor-sky.json").read_text()))
    assert contents[0] == contents[1]
    assert [(c["id"], c["name"]) for c in contents[0]["categories"]] == [(1, "wall"), (2, "floor"), (3, "sky")]
    assert [i["id"] for i in contents[0]["images"]] == [1, 2]
    assert [Path(i["file_name"]).name for i in contents[0]["images"]] == ["a.png", "b.jpg"]
    assert {a["image_id"] for a in contents[0]["annotations"]} == {1, 2}


def test_annotations_hold_every_answer_to_their_question(say):
    """Of all commands into one folder: other photos are added, other questions have a file of their own, and so have
    the same words in other colors."""

    def kept(name):
        return [image["file_name"] for image in json.loads(Path("out", name).read_text())["images"]]

    say(photo("x/a.png"), photo("x/b.png"), "segment the cup", "--format", "coco")
    say(photo("y/b.png", level=60), photo("y/c.png"), "segment the cup", "--format", "coco")
    say("x/a.png", "segment the mug", "--format", "coco")
    cups = "annotations.refer.the-cup.json"
    assert sorted(kept(cups)) == ["a.png", "b.png", "c.png", "x/b.png"]
    assert [path.name for path in Path("out").glob("annotations*")] == [cups]  # one mug has its own file already
    say("x/b.png", "segment the mug", "--format", "coco")
    assert kept("annotations.refer.the-mug.json") == ["a.png", "b.png"]
    red = ReferringSegmentation("the cup", "red").prompt()
    say("x", red, "--format", "coco")
    assert len(list(Path("out").glob("annotations.refer.the-cup*"))) == 2
    assert len(kept(cups)) == 4


def test_a_photo_and_a_question(say):
    code, (record,), lines = say(photo("kitchen.png"), "metric depth", "-o", "out/")
    assert (code, lines) == (0, [])
    assert list(record) == [*KEYS, "provenance"]
    assert record["provenance"]["note"] == "machine-made estimate"
    assert record["image"] == "kitchen.png"
    assert (record["task"], record["model"]) == ("metric-depth", "tiny")
    assert parse(record["prompt"]).name == "metric-depth"
    assert 0 <= record["confidence"] <= 1
    assert record["seconds"] >= 0
    assert record["painting"] == "out/kitchen.metric-depth.png"
    assert sorted(os.listdir("out")) == [f"kitchen.metric-depth{e}" for e in (".npz", ".overlay.png", ".png")]
    with np.load(record["arrays"]) as arrays:
        assert {"metres", "valid", "confidence"} < set(arrays)
        np.testing.assert_allclose(arrays["metres"][:, 5], np.linspace(1, 9, 16), rtol=0.02)
    painting = Painting.load(record["painting"])
    assert (painting.task, painting.code, painting.model) == ("metric-depth", "cube/1", "tiny")


def test_the_verb_may_be_said(say):
    assert say("predict", photo("a.png"), "metric depth")[0] == 0
    assert Path("out/a.metric-depth.npz").exists()


def test_options_may_come_first(say):
    assert say("-o", "there", photo("a.png"), "metric depth", "--seed", "3")[0] == 0
    assert Painting.load("there/a.metric-depth.seed-3.png").seed == 3


def test_what_people_type(say):
    for question, task in {
        "how far is everything?": "metric-depth",
        "segment wall, floor, bed": "semantic",
        "segment the person": "refer",
        "find the cups": None,
        "normals please": "normals",
    }.items():
        code, records, lines = say(photo("a.png"), question)
        assert code == 0, lines
        assert task in (None, records[0]["task"])


def test_the_code_that_is_asked_for(say):
    say(photo("a.png"), "metric depth", "--code", "log-gray")
    painting = Painting.load("out/a.metric-depth.log-gray.png")
    assert painting.code == "log-gray/1"
    assert np.ptp(painting.rgb, axis=-1).max() == 0


def test_samples_and_passes(say):
    assert say(photo("a.png"), "segment wall, floor, bed", "--passes", "3", "--samples", "1")[0] == 0
    with np.load("out/a.semantic.wall-floor-bed.passes-3.npz") as arrays:
        assert arrays["probabilities"].shape == (16, 24, 3)
    assert say(photo("a.png"), "metric depth", "--samples", "2")[0] == 0


def test_formats(say):
    code, (record,), _ = say(
        photo("a.png"), "metric depth", "--format", "npz,kitti", "--format", "ply,mm", "--fov", "60"
    )
    assert code == 0
    assert record["files"] == {
        "kitti": "out/a.metric-depth.kitti.png",
        "ply": "out/a.metric-depth.ply",
        "mm": "out/a.metric-depth.mm.png",
    }
    assert np.asarray(Image.open(record["files"]["mm"])).dtype == np.uint16
    code, (record,), _ = say("a.png", "segment wall, floor", "--format", "coco,panoptic")
    assert code == 0
    assert len(json.loads(Path(record["files"]["coco"]).read_text())["annotations"]) == 2


def test_the_line_can_be_written_in_any_locale(say, monkeypatch):
    name = photo("küche 日本.png")
    ascii_out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_out)
    assert cli.main([name, "metric depth"]) == 0
    ascii_out.flush()
    line = ascii_out.buffer.getvalue().decode("ascii")
    assert json.loads(line)["image"] == name


# ---- many photos ----


def test_folders_patterns_and_lists(say, monkeypatch):
    for name in ("in/b.png", "in/deep/a.jpg", "in/deep/er/b.png", "in/notes.txt"):
        photo(name) if not name.endswith("txt") else Path(name).write_text("x")
    code, records, lines = say("in", "metric depth", "-o", "out")
    assert code == 0
    assert [r["arrays"] for r in records] == [f"out/{n}.metric-depth.npz" for n in ("b", "deep/a", "deep/er/b")]
    assert len(lines) == 1
    assert re.match(r"3 photos: 3 done; .* s each", lines[0])

    code, records, _ = say("in/**/b.png", "metric depth", "-o", "out2")
    assert [r["arrays"] for r in records] == ["out2/b.metric-depth.npz", "out2/deep/er/b.metric-depth.npz"]

    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeffin/b.png\n\nin/deep/a.jpg\n"))
    code, records, _ = say("-", "metric depth", "-o", "out3")
    assert [r["image"] for r in records] == ["in/b.png", "in/deep/a.jpg"]


def arrays_of(records):
    return [record["arrays"] for record in records]


def test_photos_whose_answers_would_be_called_alike_are_told_apart(say):
    one, two = photo("x/a.png"), photo("x/a.jpg", level=90)
    assert arrays_of(say(one, two, "metric depth")[1]) == ["out/a.png.metric-depth.npz", "out/a.jpg.metric-depth.npz"]
    assert len(say(one, one, "metric depth", "-o", "once")[1]) == 1  # the same photo twice is one photo
    Path("x/a.jpg").unlink()
    first, second = arrays_of(say(one, photo("y/a.png", level=60), "metric depth", "-o", "both")[1])
    assert first.startswith("both/a.png.x-") and second.startswith("both/a.png.y-")
    assert sorted(arrays_of(say(".", "metric depth", "-o", "elsewhere")[1])) == [
        "elsewhere/x/a.metric-depth.npz",
        "elsewhere/y/a.metric-depth.npz",
    ]


def test_two_commands_into_one_folder_overwrite_nothing(say):
    one, two = photo("x/a.png"), photo("y/a.png", level=60)
    (first,), (second,) = arrays_of(say(one, "normals")[1]), arrays_of(say(two, "normals")[1])
    assert first == "out/a.normals.npz"
    assert second.startswith("out/a.normals.") and second != first
    assert say(one, "normals")[1][0]["skipped"] and say(two, "normals")[1][0]["skipped"]
    assert len(os.listdir("out")) == 6


def test_our_own_answers_are_no_photos(say):
    photo("in/a.png")
    assert say("in", "metric depth", "-o", "in")[0] == 0
    _, records, _ = say("in", "segment wall, floor", "-o", "in", "--format", "panoptic")
    assert [r["image"] for r in records] == ["in/a.png"]
    assert len(find(["in"])) == 1
    assert not is_photo(Path("in/a.semantic.wall-floor.overlay.png"))


def test_one_bad_photo_does_not_stop_the_others(say):
    Path("bad.jpg").write_bytes(b"no photo at all")
    code, records, lines = say(photo("a.png"), "bad.jpg", "missing.jpg", photo("b.png"), "metric depth")
    assert code == 1
    assert [r["image"] for r in records] == ["a.png", "bad.jpg", "missing.jpg", "b.png"]
    errors = [line for line in lines if line.startswith("plantain: ")]
    assert len(errors) == 2
    assert (records[1]["error_type"], records[1]["arrays"], records[1]["task"]) == ("PhotoError", None, "metric-depth")
    assert "missing.jpg" in records[2]["error"]
    assert "bad.jpg" in errors[0]
    assert "missing.jpg" in errors[1]
    assert lines[-1].startswith("4 photos: 2 done, 2 failed")


def test_a_painter_that_fails_is_exit_1(say):
    refused(say(photo("night.png", level=0), "metric depth"), "night.png", "afraid of the dark", code=1)


# ---- a second run ----


def test_a_second_run_skips_what_is_done(say):
    photo("in/a.png")
    photo("in/b.png")
    first = say("in", "metric depth")[1]
    before = Path("out/a.metric-depth.npz").stat().st_mtime_ns
    code, records, lines = say("in", "metric depth")
    assert code == 0
    assert [r["skipped"] for r in records] == [True, True]
    for old, new in zip(first, records, strict=True):
        same = set(KEYS) - {"seconds"}
        assert {key: old[key] for key in same} == {key: new[key] for key in same}
    assert lines == ["2 photos: 2 already there; 0 s"]
    assert Path("out/a.metric-depth.npz").stat().st_mtime_ns == before
    assert "skipped" not in say("in", "metric depth", "--redo")[1][0]


@pytest.mark.parametrize(
    "change",
    [
        ("--seed", "1"),
        ("--code", "plasma"),
        ("--samples", "2"),
        ("--tile", "64"),
        ("--style", "terse"),
        ("--format", "mm"),
    ],
)
def test_another_question_is_answered_anew(say, change):
    say(photo("a.png"), "metric depth")
    assert "skipped" not in say("a.png", "metric depth", *change)[1][0]
    assert say("a.png", "metric depth", *change)[1][0]["skipped"]


def test_other_classes_are_another_question(say):
    say(photo("a.png"), "segment wall, floor")
    assert "skipped" not in say("a.png", "segment wall, bed")[1][0]


def test_a_photo_that_changed_is_answered_anew_whatever_its_time_says(say):
    say(photo("a.png"), "metric depth")
    times = Path("out/a.metric-depth.npz").stat().st_mtime + np.array([5, -5000])
    os.utime("a.png", (times[0], times[0]))  # newer, but the same bytes
    assert say("a.png", "metric depth")[1][0]["skipped"]
    photo("a.png", level=70)
    os.utime("a.png", (times[1], times[1]))
    assert "skipped" not in say("a.png", "metric depth")[1][0]
    assert len(os.listdir("out")) == 3


@pytest.mark.parametrize("ending", [".png", ".overlay.png", ".npz"])
def test_an_answer_that_lost_a_file_is_answered_anew(say, ending):
    say(photo("a.png"), "metric depth")
    Path(f"out/a.metric-depth{ending}").unlink()
    assert "skipped" not in say("a.png", "metric depth")[1][0]


@pytest.mark.parametrize("ending", [".png", ".npz"])
def test_a_damaged_answer_is_answered_anew(say, ending):
    say(photo("a.png"), "metric depth")
    path = Path(f"out/a.metric-depth{ending}")
    path.write_bytes(path.read_bytes()[:50])
    assert "skipped" not in say("a.png", "metric depth")[1][0]


# ---- bad input ----


def png_header(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def truncated():
    out = io.BytesIO()
    Image.effect_noise((200, 200), 60).convert("RGB").save(out, "JPEG")
    return out.getvalue()[:2000]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", truncated(), png_header(200_000, 200_000), png_header(0, 10)],
    ids=["empty", "no image", "truncated", "bomb", "zero size"],
)
def test_a_photo_that_cannot_be_read(say, content):
    Path("a.png").write_bytes(content)
    refused(say("a.png", "metric depth"), "a.png")
    assert not Path("out").exists()


def test_a_photo_that_is_missing(say):
    refused(say("kitchen.jpg", "metric depth"), "kitchen.jpg")
    Path("folder.jpg").mkdir()
    refused(say("folder.jpg", "metric depth"), "no photo in the folder folder.jpg")
    refused(say("*.jpeg", "metric depth"), "no photo in the pattern '*.jpeg'")


def test_a_question_that_is_missing(say):
    refused(say(photo("a.png")), 'plantain a.png "metric depth"')
    refused(say(photo("a.png"), photo("b.png")), "the last word is the question")
    refused(say("a.png", ""), "empty")
    refused(say("predict", "a.png", "depth and normals"), "2 questions", "ask one at a time")


def test_a_question_without_quotes(say):
    refused(say(photo("a.png"), "segment", "the", "dog"), "takes quotes", 'plantain a.png "segment the dog"')
    refused(say("how", "far", "is", "it"), 'plantain photo.jpg "how far is it"')


def test_what_is_read_otherwise_than_typed_is_said(say):
    code, records, lines = say(photo("a.png"), "metirc depth in feet")
    assert (code, records[0]["task"]) == (0, "metric-depth")
    assert lines == ["note: 'metirc' is read as 'metric'", "note: the numbers are meters, not ft"]
    assert say("a.png", "metirc depth in feet", "--quiet")[2] == []


# ---- explain ----


def test_explain_says_how_questions_are_read(say):
    code, (line,), lines = say("explain", "how far is the cup, in feet?")
    assert (code, lines) == (0, [])
    assert {key: line[key] for key in ("text", "tasks", "names", "want", "unit")} == {
        "text": "how far is the cup, in feet?",
        "tasks": ["refer", "metric-depth"],
        "names": ["cup"],
        "want": "distance",
        "unit": "ft",
    }
    assert [prompt.split(" ")[0] for prompt in line["prompts"]] == ["Segment", "Predict"]
    assert not Path("out").exists()


def test_explain_of_what_is_refused(say):
    code, (line,), _ = say("explain", "what breed is the dog?")
    assert (code, line["want"], line["tasks"], line["names"]) == (2, "refuse", [], [])
    assert "property" in line["error"]
    code, lines, told = say("explain", "how", "far")
    assert (code, [line["want"] for line in lines]) == (0, ["refuse", "refuse"])
    assert told == ['note: one question takes quotes: plantain explain "how far"']
    code, lines, told = say("explain")
    assert (code, lines) == (2, [])
    assert "in quotes" in told[0]


def test_explain_reads_lines(say, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("depth\n\nsky\n"))
    code, lines, _ = say("explain", "-")
    assert (code, [line["want"] for line in lines]) == (0, ["map", "refuse", "map"])
    assert [line["text"] for line in lines] == ["depth", "", "sky"]


def test_explain_loads_no_network():
    ask = "import sys; from plantain.cli import main; main(['explain', 'depth']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert not set(done.stderr.split()) & {"onnxruntime", "torch", "scipy", "matplotlib"}


def test_unknown_names_come_with_the_nearest(say):
    refused(say(photo("a.png"), "what breed is the dog?"), "property of a thing", '"where is the dog?"')
    refused(say("a.png", "metric depth", "--model", "embeded"), "unknown", "'embedded'")
    refused(say("a.png", "metric depth", "--code", "log-grey"), "'log-gray'")
    refused(say("a.png", "metric depth", "--style", "tense"), "'terse'")
    refused(say("a.png", "metric depth", "--format", "kity"), "'kitti'")
    refused(say("a.png", "metric depth", "--sampels", "3"), "--sampels", "--samples")


def test_numbers_that_make_no_sense(say):
    refused(say(photo("a.png"), "metric depth", "--samples", "0"), "samples must be at least 1, not 0")
    refused(say("a.png", "metric depth", "--samples", "many"), "--samples")
    refused(say("a.png", "metric depth", "--tile", "3"), "tile must be at least 64")
    refused(say("a.png", "metric depth", "--seed", "-1"), "seed")
    refused(say("a.png", "metric depth", "--format", "ply"), "--fov")
    refused(say("a.png", "metric depth", "--format", "ply", "--fov", "400"), "180")
    refused(say("a.png", "metric depth", "--format", "coco"), "holds instances")


def test_legends_that_cannot_be_told_apart(say):
    photo("a.png")
    same = (
        '{"task": "semantic segmentation", "legend": {"wall": [9, 9, 9], "floor": [9, 9, 9]}, "background": [0, 0, 0]}'
    )
    refused(say("a.png", same), "floor")
    hidden = '{"task": "semantic segmentation", "legend": {"wall": [0, 0, 0]}, "background": [0, 0, 0]}'
    refused(say("a.png", hidden), "wall")


def test_an_extra_that_is_not_installed(say, monkeypatch):
    row = dataclasses.replace(MODELS["embedded"], name="fancy", factory="no_such_package:Painter", extra="eval")
    monkeypatch.setitem(MODELS, "fancy", row)
    refused(say(photo("a.png"), "metric depth", "--model", "fancy"), "pip install")
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(say("train", "seedling_debug", "--data", "."), "pip install")


def test_a_place_that_cannot_be_written(say):
    Path("taken").write_text("x")
    refused(say(photo("a.png"), "metric depth", "-o", "taken"), "taken")
    refused(say("a.png", "metric depth", "-o", "taken/deep/er"), "taken")
    assert Path("taken").read_text() == "x"


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(say, monkeypatch):
    from plantain.predictions import npz

    real = npz.write

    def full_at_the_third(answer, path):
        if not path.name.startswith(("a.", "b.")):  # two threads write: their order is theirs
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(answer, path)

    monkeypatch.setattr(npz, "write", full_at_the_third)
    names = [photo(f"{letter}.png") for letter in "abcde"]
    code, records, lines = say(*names, "metric depth")
    assert (code, [r["arrays"] is None for r in records]) == (1, [False, False, True])
    errors = [line for line in lines if line.startswith("plantain: ")]
    assert len(errors) == 1
    assert "No space left on device" in errors[0]
    assert len(os.listdir("out")) == 6
    monkeypatch.undo()


def test_interrupt(say, monkeypatch):
    def stop(*_args, **_options):
        raise KeyboardInterrupt

    names = [photo("a.png"), photo("b.png")]
    monkeypatch.setattr("plantain.predictions.npz.write", stop)
    code, records, lines = say(*names, "metric depth")
    assert (code, records) == (130, [])
    assert lines == ["plantain: stopped; what is done is whole, and the same command goes on from there"]
    assert not list(Path("out").iterdir())


# ---- encode and decode ----


def test_encode_then_decode(say):
    metres = np.linspace(0.5, 60, 600, dtype=np.float32).reshape(20, 30)
    np.save("truth.npy", metres)
    code, (record,), _ = say("encode", "truth.npy", "metric depth", "-o", "painted.png")
    assert (code, record["painting"], record["code"]) == (0, "painted.png", "cube/1")
    code, (record,), _ = say("decode", "painted.png", "metric depth", "-o", "back")
    assert code == 0
    with np.load(record["arrays"]) as arrays:
        np.testing.assert_allclose(arrays["metres"], metres, rtol=0.03)
    assert say("decode", "painted.png", "-o", "again")[1][0]["task"] == "metric-depth"  # it says itself what it is


def test_decode_takes_our_answers_back(say):
    say(photo("a.png"), "segment wall, floor, bed")
    first = dict(np.load("out/a.semantic.wall-floor-bed.npz"))
    code, (record,), _ = say(
        "decode", "out/a.semantic.wall-floor-bed.png", "-o", "back", "--photo", "a.png", "--format", "coco"
    )
    assert (code, record["arrays"]) == (0, "back/a.semantic.wall-floor-bed.npz")
    np.testing.assert_array_equal(np.load(record["arrays"])["ids"], first["ids"])


@pytest.mark.parametrize(("unit", "steps"), [("mm", 1000), ("kitti", 256)])
def test_encode_of_depth_pictures(say, unit, steps):
    raw = np.array([[0, 2 * steps, 8 * steps]], np.uint16).repeat(4, axis=0)
    Image.fromarray(raw).save("depth.png")
    assert say("encode", "depth.png", "metric depth", "--unit", unit, "-o", "p.png")[0] == 0
    expected = MetricDepth().encode(np.array([[np.inf, 2, 8]], np.float32))
    np.testing.assert_array_equal(np.asarray(Image.open("p.png"))[:1], expected)


def test_encode_of_masks_labels_and_what_we_saved(say):
    Image.fromarray(np.array([[0, 255]], np.uint8).repeat(4, 0)).save("mask.png")
    assert say("encode", "mask.png", "segment the mug")[0] == 0
    assert np.asarray(Image.open("mask.refer.the-mug.png"))[0, :, 0].tolist() == [0, 255]
    Image.fromarray(np.array([[0, 1, 255]], np.uint8).repeat(4, 0)).save("ids.png")
    assert say("encode", "ids.png", "segment wall, floor")[0] == 0
    Image.fromarray(np.array([[0, 1, 7]], np.uint8).repeat(4, 0)).save("things.png")
    assert say("encode", "things.png", "instances of cups")[0] == 0
    for question in ("normals", "keypoints", "detect cups", "metric depth", "relative depth"):
        code, records, _ = say(photo("a.png"), question)
        assert code == 0
        assert say("encode", records[0]["arrays"], question, "-o", "p.png")[0] == 0


@pytest.mark.parametrize(
    ("content", "question", "parts"),
    [
        (np.array([[1.0, np.nan]]), "metric depth", ["NaN"]),
        (np.array([[1.0, -2.0]]), "metric depth", ["negative"]),
        (np.zeros(5), "metric depth", ["shape"]),
        (np.array([["a", "b"]]), "metric depth", ["numbers"]),
        (np.zeros((4, 4, 2)), "normals", ["shape"]),
        (np.full((2, 2), 9), "segment wall, floor", ["9"]),
        (np.full((2, 2), 1.5), "edges", ["0..1"]),
    ],
)
def test_numbers_that_cannot_be_painted(say, content, question, parts):
    np.save("truth.npy", content)
    refused(say("encode", "truth.npy", question, "-o", "out/p.png"), "truth.npy", *parts)


def test_truths_that_cannot_be_read(say):
    refused(say("encode", "none.npy", "metric depth"), "no such file: none.npy")
    Path("t.txt").write_text("x")
    refused(say("encode", "t.txt", "metric depth"), ".npy, .npz or .png")
    for name in ("t.npy", "t.npz", "t.png"):
        Path(name).write_bytes(b"junk")
        refused(say("encode", name, "metric depth"), name)
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    refused(say("encode", "objects.npy", "metric depth"), "objects.npy")
    np.savez("other.npz", x=np.zeros(3))
    refused(say("encode", "other.npz", "metric depth"), "lacks metres")
    refused(say("encode", "other.npz", "detect cups"), "lacks boxes")
    refused(say("encode", photo("rgb.png"), "metric depth"), "one channel")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save("eight.png")
    refused(say("encode", "eight.png", "metric depth"), "8 bits")
    refused(say("encode", "eight.png", "normals"), ".npz")
    refused(say("encode", "eight.png", "metric depth", "--unit", "feet"), "unit")


def test_a_painting_with_another_code_is_refused(say):
    np.save("truth.npy", np.ones((4, 4), np.float32))
    say("encode", "truth.npy", "metric depth", "--code", "plasma", "-o", "p.png")
    refused(say("decode", "p.png", "metric depth", "--code", "cube"), "plasma/1", "cube/1")


def test_decode_of_foreign_pictures(say):
    refused(say("decode", photo("foreign.png")), "does not say what it answers")
    assert say("decode", "foreign.png", "metric depth", "-o", "back")[0] == 0
    refused(say("decode", "nothing.png", "metric depth"), "nothing.png")
    refused(say("decode"), "plantain decode painted.png")
    Path("junk.png").write_bytes(b"junk")
    code, records, lines = say("decode", "junk.png", "foreign.png", "metric depth", "-o", "back")
    assert (code, len(records)) == (1, 2)
    assert "junk.png" in lines[0]


def test_which_code_fits(say):
    np.save("truth.npy", np.linspace(0.5, 60, 600, dtype=np.float32).reshape(20, 30))
    say("encode", "truth.npy", "metric depth", "--code", "cube-rev", "-o", "p.png")
    code, (record,), _ = say("decode", "p.png", "--fits")
    assert code == 0
    assert next(iter(record["fits"])).startswith("cube-rev")


# ---- pictures ----


def test_generate(say):
    code, (record,), _ = say("generate", "a wooden chair", "-o", "chair.png", "--size", "64x48", "--seed", "2")
    assert (code, record["task"], record["painting"], record["image"]) == (0, "generate", "chair.png", None)
    assert Image.open("chair.png").size == (64, 48)
    assert say("generate", "a wooden chair!", "-o", "pictures")[1][0]["painting"] == "pictures/a-wooden-chair.0.png"
    refused(say("generate", "a chair", "--size", "64"), "512x384")
    refused(say("generate", " "), "say what to paint")


def test_edit(say):
    code, (record,), _ = say("edit", photo("a.png"), "negative", "-o", "out")
    assert (code, record["task"], record["painting"]) == (0, "edit", "out/a.edit.negative.png")
    np.testing.assert_array_equal(
        np.asarray(Image.open("out/a.edit.negative.png")), 255 - np.asarray(Image.open("a.png"))
    )
    assert say("edit", "a.png", "negative", "-o", "out")[1][0]["skipped"]
    assert "skipped" not in say("edit", "a.png", "positive", "-o", "out")[1][0]
    assert sorted(os.listdir("out")) == ["a.edit.negative.png", "a.edit.positive.png"]
    for name in os.listdir("out"):
        Path("out", name).unlink()
    refused(say("edit", "a.png"), "the last word")
    refused(say("edit", "a.png", "negative", "--mask", "none.png"), "none.png")


def test_edit_of_a_photo_with_a_color_profile(say):
    """(220, 60, 40) of Display P3 is (239, 35, 17) of sRGB, in which the picture is written, without a profile."""
    Image.new("RGB", (24, 16), (220, 60, 40)).save("a.png", icc_profile=DISPLAY_P3)
    assert say("edit", "a.png", "negative")[0] == 0
    with Image.open("out/a.edit.negative.png") as made:
        assert "icc_profile" not in made.info
        np.testing.assert_allclose(np.asarray(made)[8, 12], (255 - 239, 255 - 35, 255 - 17), atol=1)


@pytest.mark.parametrize("stroke", [(255, 255, 255), (0, 0, 0)])
def test_a_mask_of_strokes_on_transparency(say, stroke):
    photo("a.png")
    on = np.zeros((16, 24), bool)
    on[4:9, 6:20] = True
    mask = Image.new("RGB", (24, 16), stroke)
    mask.putalpha(Image.fromarray(on.astype(np.uint8) * 255))
    mask.save("mask.png")
    assert say("edit", "a.png", "negative", "--mask", "mask.png")[0] == 0
    was, made = np.asarray(Image.open("a.png")), np.asarray(Image.open("out/a.edit.negative.mask.png"))
    np.testing.assert_array_equal(made, np.where(on[..., None], 255 - was, was))


# ---- odd input and output ----


def test_a_question_longer_than_a_files_name(say):
    long = "segment the " + "very " * 90 + "red mug"
    code, (record,), _ = say(photo("a.png"), long)
    assert code == 0
    assert Path(record["arrays"]).exists()
    assert Path(record["arrays"]).name.startswith("a.refer.the-very-very-")
    assert say("a.png", long)[1][0]["skipped"]
    assert say("decode", record["painting"], MetricDepth(far_m=9).prompt() + " " * 300, "-o", "back")[0] == 2


def test_a_stem_as_long_as_a_files_name_may_be(say):
    name = photo("ü" * 125 + ".png")
    code, (record,), _ = say(name, "metric depth", "--format", "mm")
    assert code == 0
    assert Path(record["arrays"]).exists()
    assert all(len(os.fsencode(path)) <= 255 for path in os.listdir("out"))


class Binary(io.StringIO):
    def __init__(self, content):
        super().__init__()
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tif", "gif"])
def test_a_picture_on_standard_input_is_a_photo(say, monkeypatch, ending):
    content = Path(photo(f"a.{ending}")).read_bytes()
    monkeypatch.setattr(sys, "stdin", Binary(content))
    code, (record,), lines = say("-", "metric depth")
    assert (code, lines) == (0, [])
    assert record["image"] is None
    assert record["arrays"] == "out/stdin.metric-depth.npz"
    monkeypatch.setattr(sys, "stdin", Binary(f"a.{ending}\n".encode()))
    assert say("-", "metric depth")[1][0]["image"] == f"a.{ending}"


def test_nothing_on_standard_input(say, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Binary(b"\n"))
    refused(say("-", "metric depth"), "standard input is empty")


def test_a_photo_without_a_name(say):
    photo("a.png")
    refused(say("", "metric depth"), "the name of a photo is empty")


def test_whole_numbers_are_not_rounded(say):
    for option in ("--samples", "--passes", "--seed", "--tile"):
        refused(say(photo("a.png"), "metric depth", option, "2.5"), f"{option} takes a whole number, not '2.5'")


def test_weights_and_devices_that_are_none(say, monkeypatch):
    say(photo("a.png"), "metric depth")
    row = dataclasses.replace(MODELS["embedded"], factory="plantain.models.painters.embedded:Embedded")
    monkeypatch.setitem(MODELS, "embedded", row)
    before = sorted(os.listdir("out"))
    code, records, lines = say("a.png", "metric depth", "--weights", "/nonexistent")
    assert (code, records, sorted(os.listdir("out"))) == (2, [], before)
    assert "/nonexistent" in lines[0]
    assert "takes no option 'device'" in say("a.png", "metric depth", "--device", "cuda")[2][0]


def test_what_a_model_needs_is_said_without_our_inner_names(say):
    refused(say(photo("a.png"), "metric depth", "--model", "function"), "the model 'function' needs paint=...")
    assert "__init__" not in say("a.png", "metric depth", "--model", "function")[2][0]


# ---- lists and care ----


def test_tasks_and_models(say, capsys):
    code, rows, _ = say("tasks", "--json")
    assert code == 0
    assert [row["task"] for row in rows][:2] == ["metric-depth", "relative-depth"]
    assert next(iter(rows[0]["codes"].items())) == ("cube", "cube/1")
    rows = say("models", "--json")[1]
    ready = {row["model"]: row["ready"] for row in rows}
    assert ready["embedded"] == "yes"
    assert ready["meter"] == "needs --weights" and ready["file"] == "needs --spec"
    assert ready["oracle"] == "in Python: truth=..."
    for verb in ("tasks", "models"):
        assert cli.main([verb]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(verb[:-1].upper())
        assert len(lines) > 3


def test_doctor(say, capsys):
    code, rows, _ = say("doctor", "--json")
    assert [row["check"] for row in rows if not row["check"].startswith("extra")] == [
        "versions",
        "threads",
        "accelerator",
        "embedded",
        "registration",
    ]
    assert code == int(any(row["state"] == "failed" for row in rows))
    refused(say("doctor", "--model", "embeded"), "'embedded'")


def test_train_hands_everything_over(say, monkeypatch):
    seen = {}
    monkeypatch.setattr("plantain.train.train", lambda *words, **named: (seen.update(named, words=words), Path("x"))[1])
    assert say("train", "seedling_cpu", "--data", ".", "-o", "runs/a", "--minutes", "3", "--resume")[0] == 0
    assert seen["words"] == ("seedling_cpu", Path(), Path("runs/a"))
    assert (seen["minutes"], seen["resume"]) == (3, True)
    refused(say("train", "seedling_cpu"), "--data")
    refused(say("train", "seedling_cpu", "--data", "nowhere"), "nowhere")
    refused(say("train", "seedling_cpu", "--data", ".", "--minutes", "-1"), "--minutes")
    refused(say("train", "seedling_cpu", "--data", ".", "--lr", "2"), "--lr must lie between 0 and 1, not 2")


# ---- as a process ----

HERE = Path(__file__).parent
CHILD = """
import sys; sys.path[:0] = {places!r}
import dataclasses, test_cli
from plantain.models import MODELS
test_cli.Tiny.pause = {pause}
row = next(iter(MODELS.values()))
MODELS["embedded"] = dataclasses.replace(row, name="embedded", factory="test_cli:Tiny", extra=None)
sys.exit(test_cli.cli.main(sys.argv[1:]))
"""


def child(*words, pause=0.0):
    code = CHILD.format(places=[str(HERE), str(HERE.parent)], pause=pause)
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_killed_in_the_middle_and_gone_on(say):
    for i in range(8):
        photo(f"in/{i}.png")
    process = child("in", "metric depth", pause=0.15)
    first = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    assert first["image"] == "in/0.png"
    done = {path.name for path in Path("out").glob("*.npz")}
    assert 1 <= len(done) < 8
    code, records, _ = say("in", "metric depth")
    assert code == 0
    assert {Path(r["arrays"]).name for r in records if r.get("skipped")} == done
    assert len(list(Path("out").iterdir())) == 24  # no hidden folder is left either


def test_interrupted_and_piped():
    for i in range(30):
        photo(f"in/{i}.png")
    process = child("in", "metric depth", pause=0.1)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("plantain: stopped")
    assert "Traceback" not in err
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]

    process = child("in", "metric depth", "--quiet")
    process.stdout.readline()
    process.stdout.close()  # as `| head -1` does
    err = process.stderr.read()
    assert process.wait(timeout=60) == 141
    assert err == ""


@pytest.mark.parametrize(
    ("shell", "code", "told"),
    [(">&-", 2, "standard output is closed"), ("> /dev/full", 2, "cannot write to standard output: No space left"),
     ("| head -c 0", None, "")],
)  # fmt: skip
def test_a_standard_output_that_takes_nothing(shell, code, told):
    photo("a.png")
    command = f"{sys.executable} -m plantain a.png edges --quiet {shell}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert code in (None, done.returncode)
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == bool(told)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


HEAVY = ("numpy", "PIL", "onnxruntime", "torch", "rich.progress", "plantain.tasks", "plantain.predictions.types")


def test_help_is_quick_because_it_imports_little():
    code = "import sys; from plantain.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "predict" in done.stdout
    loaded = done.stderr
    assert [name for name in HEAVY if f"'{name}'" in loaded] == []
    for verb in cli.VERBS:
        assert verb in done.stdout


def test_the_module_runs():
    done = subprocess.run([sys.executable, "-m", "plantain", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout)
    done = subprocess.run([sys.executable, "-m", "plantain", "a.jpg"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("plantain: ")

"""Clips from the command line: what is written, what goes on after an end, and what is said of bad ones."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs the extra video")
pytest.importorskip("cv2", reason="needs the extra video")

from clips import panned, read, write  # noqa: E402
from fakes_video import Shown, metres  # noqa: E402

import plantain  # noqa: E402
from plantain.files import STAGE  # noqa: E402
from plantain.models.painting import Painting  # noqa: E402
from plantain.output.panels import LEAST_WIDTH  # noqa: E402
from plantain.output.verify import verify  # noqa: E402
from plantain.pipeline.predictor import wrap  # noqa: E402
from plantain.tasks.language.parsing import interpret  # noqa: E402
from plantain.video.beside import GAP  # noqa: E402
from plantain.video.clip import Clip, FrameRange  # noqa: E402
from plantain.video.run import Order, Run  # noqa: E402

HERE = Path(__file__).parent
COUNT = 18
BASE = "pan.metric-depth"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A clip, and a painter whose paintings are counted."""
    write(tmp_path / "pan.mp4", panned(COUNT, 2))
    monkeypatch.setenv("FAKES_LOG", str(tmp_path / "log"))
    monkeypatch.syspath_prepend(str(HERE))
    return tmp_path


def ask(world, *more, clip="pan.mp4", out="out"):
    return ["video", world / clip, "metric depth", "-o", world / out, "-m", "fakes_video:paint", "--quiet", *more]


def painted(world) -> int:
    return len((world / "log").read_text().splitlines()) if (world / "log").exists() else 0


def content(out: Path) -> dict[str, str]:
    """Hashes of all that lies there; of archives of what is in them, since they carry the time of writing."""
    told = {}
    for path in sorted(one for one in out.rglob("*") if one.is_file()):
        name = path.relative_to(out).as_posix()
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                told |= {f"{name}/{one}": hashlib.sha256(archive.read(one)).hexdigest() for one in archive.namelist()}
        else:
            told[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return told


def test_a_clip_becomes_a_film_lines_arrays_and_a_summary(world, say):
    code, (line,), _ = say(*ask(world))
    assert (code, line["frames"], line["failed"], line["skipped"]) == (0, COUNT, 0, False)
    out = world / "out"
    film = read(out / f"{BASE}.mp4")
    left = (LEAST_WIDTH - 2 * 96 - GAP) // 2  # what the colors mean is wider than two small halves
    assert len(film) == COUNT
    for shown, pixels in zip(film, panned(COUNT, 2), strict=True):
        assert np.abs(shown[:64, left : left + 96].astype(int) - pixels).mean() < 8
    rows = [json.loads(text) for text in (out / f"{BASE}.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows] == list(range(COUNT))
    assert [row["seconds"] for row in rows] == pytest.approx([i / 25 for i in range(COUNT)])
    seen = [frame.pixels for frame in Clip(world / "pan.mp4").frames()]
    truth = [1 + 4 * pixels.mean(-1) / 255 for pixels in seen]
    errors = {}
    for name, place in (("before", out / f"{BASE}.frames" / "raw"), ("after", out / f"{BASE}.frames")):
        answers = [plantain.Depth.from_npz(place / Path(row["arrays"]).name).metres for row in rows]
        errors[name] = np.mean([np.abs(a / t - 1).mean() for a, t in zip(answers, truth, strict=True)])
    assert errors["before"] > 0.04  # the factors' mean distance from 1, about .08 x .8
    assert errors["after"] < 0.6 * errors["before"]
    assert line["after"]["flicker"] < 0.5 * line["before"]["flicker"]
    assert verify(out / f"{BASE}.json").state == "unchanged"
    kept = verify(out / rows[3]["arrays"])
    assert (kept.state, kept.record["model"], kept.record["steadied"]) == ("unchanged", "paint", True)
    code, (line,), _ = say(*ask(world))
    assert (code, line["skipped"], painted(world)) == (0, True, COUNT)


def test_killed_and_gone_on_is_the_same_as_undisturbed(world, say):
    """kill -9 at two moments: while frames are asked about, and while they are written."""
    assert say(*ask(world, "--paintings", out="calm"))[0] == 0
    calm = painted(world)
    line = [sys.executable, "-m", "plantain", *map(str, ask(world, "--paintings"))]
    source = str(Path(plantain.__file__).parents[1])
    slow = os.environ | {"FAKES_SLEEP": "0.05", "PYTHONPATH": os.pathsep.join([source, str(HERE)])}
    frames = world / "out" / f"{BASE}.frames"
    for wanted in (lambda: len(list(frames.glob("raw/*.npz"))) >= 5, lambda: len(list(frames.glob("*.npz"))) >= 3):
        child = subprocess.Popen(line, env=slow, cwd=world, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while child.poll() is None and not wanted():
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert not (world / "out" / f"{BASE}.json").exists()
    assert say(*ask(world, "--paintings"))[0] == 0
    assert content(world / "out") == content(world / "calm")
    assert not list((world / "out").rglob(f"{STAGE}*"))
    assert painted(world) - calm <= COUNT + 4  # but for what was on its way to the disk when it was killed


def test_paintings_without_any_loss(world, say):
    assert say(*ask(world, "--paintings"))[0] == 0
    film = read(world / "out" / f"{BASE}.paintings.mkv", "rgb24")
    raw = sorted((world / "out" / f"{BASE}.frames" / "raw").glob("*.png"))
    assert len(film) == len(raw) == COUNT
    assert all(np.array_equal(a, Painting.load(b).rgb) for a, b in zip(film, raw, strict=True))


def test_a_frame_that_fails_is_one_and_the_others_go_on(world, say):
    frames = panned(12, 2)
    frames[5] = np.full_like(frames[5], 255)
    write(world / "flash.mp4", frames)
    code, (line,), err = say(*ask(world, clip="flash.mp4"))
    assert (code, line["frames"], line["failed"]) == (1, 12, 1)
    assert any("1 of 12 frames failed" in text for text in err)
    rows = [json.loads(text) for text in (world / "out" / "flash.metric-depth.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows if "error" in row] == [5]
    assert len(read(world / "out" / "flash.metric-depth.mp4")) == 12


def test_bad_clips_beside_a_good_one(world, say):
    (world / "junk.mp4").write_bytes(b"x" * 999)
    line = ask(world)
    code, lines, err = say(line[0], world / "junk.mp4", *line[1:])
    assert (code, len(err)) == (1, 1)
    assert (lines[0]["error_type"], lines[1]["frames"]) == ("PhotoError", COUNT)
    code, _, err = say(*ask(world, clip="junk.mp4"))
    assert (code, len(err)) == (2, 1)
    code, _, err = say(*ask(world, clip="none.mp4"))
    assert (code, len(err)) == (2, 1)
    assert say("video", world / "pan.mp4")[0] == 2
    code, _, err = say("predict", world / "pan.mp4", "metric depth")
    assert code == 2
    assert "plantain video" in err[0]
    assert say(*ask(world, "--seconds", "3:1"))[0] == 2


def test_another_take_reuses_what_was_painted_and_leaves_nothing_stale(world, say):
    assert say(*ask(world))[0] == 0
    code, (line,), _ = say(*ask(world, "--every", "3", "--seconds", "0.2:"))
    assert (code, line["frames"], painted(world)) == (0, 4, COUNT)
    left = sorted(path.name for path in (world / "out" / f"{BASE}.frames").glob("*.npz"))
    assert left == [f"pan.{i:06}.metric-depth.npz" for i in range(6, COUNT, 3)]


def test_clips_of_one_name_lie_side_by_side(world, say):
    (world / "b").mkdir()
    write(world / "b" / "pan.mp4", panned(5, 1, seed=9))
    assert say(*ask(world))[0] == say(*ask(world, clip="b/pan.mp4"))[0] == 0
    summaries = [json.loads(path.read_text()) for path in sorted((world / "out").glob("pan.metric-depth*.json"))]
    assert sorted(one["frames"] for one in summaries) == [5, COUNT]


def test_not_steadied_is_as_it_was_painted(world, say):
    assert say(*ask(world, "--no-steady", "--seconds", ":0.2"))[0] == 0
    place = world / "out" / f"{BASE}.frames"
    for path in place.glob("*.npz"):
        np.testing.assert_array_equal(np.load(path)["metres"], np.load(place / "raw" / path.name)["metres"])


def test_a_painter_of_several_pictures_is_shown_the_frame_before(tmp_path):
    clip = write(tmp_path / "a.mp4", panned(6))
    counts = {}
    for context in (True, False):
        painter = Shown()
        order = Order(clip, interpret("metric depth"), tmp_path / str(context), FrameRange(1, 0, 0.2), context=context)
        summary = Run(order, wrap(painter)).make()
        assert (summary["frames"], summary["shown_before"]) == (5, context)
        counts[context] = painter.counts
    assert counts == {True: [1, 3, 3, 3, 3], False: [1] * 5}


def test_what_the_tests_paint_is_what_is_read():
    """Depth of the fake painter, through paint and file, is its own numbers."""
    photo = panned(1)[0]
    made = wrap(Shown()).predict(photo, "metric depth")
    assert np.abs(made.metres / metres(photo) - 1).mean() < 0.02


def test_an_order_that_was_ended_in_its_middle_does_not_pass_for_an_older_one(world, say):
    """The second order has begun to write over the first one's arrays when it is stopped."""
    assert say(*ask(world))[0] == 0
    counted = []

    def stop():
        counted.append(1)
        if len(counted) == COUNT + 4:
            raise KeyboardInterrupt

    order = Order(world / "pan.mp4", interpret("metric depth"), world / "out", steady=False)
    with pytest.raises(KeyboardInterrupt):
        Run(order, plantain.load("fakes_video:paint"), stop).make()
    calm = ask(world, out="calm")
    assert say(*calm)[0] == 0
    code, (line,), _ = say(*ask(world))
    assert (code, line["skipped"]) == (0, False)
    assert content(world / "out") == content(world / "calm")

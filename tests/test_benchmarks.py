"""The benchmark scripts: on made-up truths, on a made-up command, and on a few real pictures where there are any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plantain import tasks
from plantain.predictions.types import Alpha, Depth, Instances, Keypoints, Labels, Normals, Panoptic

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import codec_table  # noqa: E402
import kills  # noqa: E402
import lines_of_code  # noqa: E402
import mutants  # noqa: E402
import official_pairs  # noqa: E402
import startup  # noqa: E402
import taef2  # noqa: E402
import throughput  # noqa: E402

DATA = os.environ.get("PLANTAIN_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="PLANTAIN_DATA does not name the excerpt folder")
SAMPLE = Path(__file__).parents[1] / "src/plantain/samples/astronaut.jpg"


# ---- the codec table


HEIGHT, WIDTH = 48, 64
SURE = np.ones((HEIGHT, WIDTH), np.float32)
BOX_MASKS = np.zeros((2, HEIGHT, WIDTH), bool)
BOX_MASKS[0, 5:25, 4:20], BOX_MASKS[1, 20:44, 30:60] = True, True


def made_up() -> dict[str, Any]:
    """A small true answer for every task."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, WIDTH), np.linspace(-0.5, 0.5, HEIGHT))
    metres = (1.5 + 0.4 * x + 0.2 * y).astype(np.float32)
    depth = Depth(values=metres, valid=metres > 0, confidence=SURE)
    xyz = np.stack([x, y, np.sqrt(1 - x**2 - y**2)], -1).astype(np.float32)
    labels = Labels(ids=(np.arange(WIDTH)[None] // 16 + 0 * y).astype(np.int16), classes=tuple("abcd"), confidence=SURE)
    segments = np.max(BOX_MASKS * np.array([1, 2])[:, None, None], axis=0)
    ids = np.where(segments > 0, 1, 0).astype(np.int16)
    points = np.array([[10, 12], [40, 30], [np.nan, np.nan]], np.float32)
    return {
        "metric-depth": depth,
        "relative-depth": depth,
        "normals": Normals(xyz=xyz, valid=metres > 0, confidence=SURE),
        "semantic": labels,
        "instances": codec_table.things(BOX_MASKS, "cup"),
        "detect": codec_table.things(BOX_MASKS, "cup"),
        "refer": Alpha(alpha=BOX_MASKS.astype(np.float32), names=("one", "two"), confidence=SURE),
        "keypoints": Keypoints(
            xy=points, visible=np.array([True, True, False]), names=tuple("abc"), scores=np.ones(3), confidence=SURE
        ),
        "edges": Alpha(alpha=(np.abs(x) * 2).astype(np.float32)[None], names=("edges",), confidence=SURE),
        "matte": Alpha(alpha=(np.abs(x) * 2).astype(np.float32)[None], names=("main object",), confidence=SURE),
        "panoptic": Panoptic(
            ids=ids, classes=("wall", "cup"), confidence=SURE, segments=segments, segment_labels=np.array([1, 1]),
            segment_scores=np.ones(2, np.float32),
        ),
    }  # fmt: skip


def test_every_code_of_every_task_has_its_rows() -> None:
    assert {sheet.task for sheet in codec_table.SHEETS} == set(tasks.TASKS)


GOOD = {  # at 8 bits: a figure's bound, and whether it is an upper one
    "abs_rel, %": (2.5, True), "delta1": (0.99, False), "mean angle, degrees": (0.6, True), "mIoU": (0.999, False),
    "accuracy": (0.999, False), "count error": (0.0, True), "matched IoU": (0.9, False), "IoU": (0.999, False),
    "within 1 %": (0.99, False), "MAE": (0.002, True), "PQ": (0.99, False), "error, % of the side": (1.0, True),
}  # fmt: skip
ROWS = [(sheet, code) for sheet in codec_table.SHEETS for code in tasks.TASKS[sheet.task].codes]


@pytest.mark.parametrize(("sheet", "code"), ROWS, ids=[f"{s.title} {c}" for s, c in ROWS])
def test_undamaged_paintings_lose_next_to_nothing(sheet: codec_table.Sheet, code: str) -> None:
    truth = made_up()[sheet.task]
    filled = codec_table.fill(sheet, code, [truth], {"8-bit": codec_table.DAMAGES["8-bit"]})
    for column in filled.values():
        for value, figure in zip(column, sheet.figures, strict=True):
            bound, upper = GOOD[figure]
            assert value <= bound if upper else value >= bound, (figure, value)


@pytest.mark.parametrize("name", [n for n in codec_table.DAMAGES if n != "8-bit"])
def test_every_damage_changes_a_painting_and_keeps_its_size(name: str) -> None:
    rgb = np.asarray(Image.open(SAMPLE).resize((WIDTH, HEIGHT)))
    worn = codec_table.DAMAGES[name](rgb)
    assert worn.shape == rgb.shape
    assert worn.dtype == np.uint8
    assert 0 < np.abs(worn.astype(int) - rgb).mean() < 40


def test_measures_by_hand() -> None:
    assert codec_table.matched(np.array([[0.9, 0.8], [0.7, 0.1]])) == pytest.approx(0.5)  # .9 and .1, best first
    assert codec_table.matched(np.zeros((3, 0))) == 0
    assert codec_table.box_iou(np.array([0, 0, 2, 2]), np.array([1, 0, 3, 2])) == pytest.approx(1 / 3)
    readings = np.array([[0, 5, 0, 0, 0, 7], [0] * 6])
    values, known = codec_table.nearest_in_row(readings, readings > 0)
    assert values[0].tolist() == [5, 5, 5, 5, 7, 7]
    assert known.any(1).tolist() == [True, False]


def test_half_of_the_pixels_without_an_answer_are_half_wrong() -> None:
    truth = made_up()["metric-depth"]
    left = np.indices((HEIGHT, WIDTH))[1] < WIDTH // 2
    half = Depth(values=truth.values, valid=left, confidence=SURE)
    assert codec_table.depth_error(truth, half) == pytest.approx((50.0, 0.5))


def test_enlarged_truths_keep_their_meaning() -> None:
    for name in ("instances", "keypoints", "panoptic"):
        truth = made_up()[name]
        large = codec_table.enlarged(truth, 3)
        assert large.confidence.shape == (3 * HEIGHT, 3 * WIDTH)
    large = codec_table.enlarged(made_up()["instances"], 3)
    assert isinstance(large, Instances)
    assert large.boxes[0].tolist() == [12, 15, 60, 75]
    assert codec_table.box(large.masks[0]) == (12, 15, 60, 75)


# ---- kills and throughput: a command that behaves, and some that do not


COMMAND = """
import hashlib, io, json, os, sys, time
from pathlib import Path
import numpy as np
from PIL import Image, PngImagePlugin
*photos, flag, out = sys.argv[1:]
out = Path(out); out.mkdir(exist_ok=True)
if MODE == "untidy": (out / ".own").touch()
log = open(os.environ.get("KILLS_LOG", os.devnull), "a", buffering=1)
log.write(f"loaded {time.monotonic()}\\n")
for photo in map(Path, photos):
    painted, arrays = out / f"{photo.stem}.depth.png", out / f"{photo.stem}.depth.npz"
    skipped = MODE != "forgetful" and arrays.exists()
    if not skipped:
        pixels = np.full((8, 8, 3), ord(photo.stem), np.uint8)
        log.write(f"painted {hashlib.sha256(b'depth' + pixels.tobytes()).hexdigest()[:16]}\\n")
        time.sleep(0.02)
        arrays.unlink(missing_ok=True)
        record = PngImagePlugin.PngInfo()
        record.add_itxt("plantain", json.dumps({"prompt": "depth"}))
        Image.fromarray(pixels).save(out / ".painting", format="PNG", pnginfo=record)
        (out / ".painting").rename(painted)
        stored = io.BytesIO(); np.savez(stored, metres=np.full((8, 8), os.getpid() if MODE == "unlike" else 1))
        half = MODE == "sloppy" and photo.stem == "b"
        (out / ".arrays").write_bytes(stored.getvalue()[: 40 if half else None])
        (out / ".arrays").rename(arrays)
    print(json.dumps({"image": str(photo), "arrays": str(arrays), "seconds": 0.02, "skipped": skipped}), flush=True)
log.write("operations 0\\n")
"""
LETTERS = "abcdefghijklmnop"


def command(mode: str, folder: Path) -> list[str]:
    """A command that answers sixteen photos."""
    script = folder / "command.py"
    script.write_text(f"MODE = {mode!r}\n{COMMAND}")
    return [sys.executable, str(script), *(str(folder / f"{letter}.jpg") for letter in LETTERS)]


def kill(mode: str, folder: Path, kills_wanted: int = 3) -> kills.Trial:
    work = kills.Work("made", [command(mode, folder)], pairs)
    unbroken = kills.Unbroken.of(work, folder / "unbroken")
    return kills.killed(work, folder / "broken", unbroken, "clock", kills_wanted, np.random.default_rng(0))


def pairs(out: Path) -> list[Path]:
    return [path.with_suffix(s) for path in kills.visible(out) if path.suffix == ".npz" for s in (".png", ".npz")]


def test_a_command_that_goes_on_where_it_was_killed_is_well(tmp_path: Path) -> None:
    trial = kill("careful", tmp_path)
    assert trial.wrong == []
    assert trial.counts["kills"] >= 2
    assert len(pairs(trial.out)) == 2 * len(LETTERS)


@pytest.mark.parametrize(("mode", "told"), [("forgetful", "painted twice: "), ("unlike", "unlike the unbroken run's: "),
                                            ("untidy", "left over: ")])  # fmt: skip
def test_what_a_killed_command_does_wrong_is_seen(mode: str, told: str, tmp_path: Path) -> None:
    assert any(line.startswith(told) for line in kill(mode, tmp_path).wrong)


def test_a_half_written_answer_is_seen(tmp_path: Path) -> None:
    trial = kills.Trial(kills.Work("made", [command("sloppy", tmp_path)], pairs), tmp_path / "out")
    trial.go()
    (line,) = trial.wrong
    assert line.startswith("not whole: b.depth.npz")


def test_photos_to_be_killed_over_are_all_unlike(tmp_path: Path) -> None:
    photos = [path.read_bytes() for path in kills.cut_photos(tmp_path / "photos", 12)]
    assert len(set(photos)) == 12
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"b"')
    assert kills.fault_of(tmp_path / "a.jsonl") == ""
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n{"b"\n')
    assert "a.jsonl is not whole" in kills.fault_of(tmp_path / "a.jsonl")


def test_throughput_counts_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = command("careful", tmp_path)
    assert throughput.measure(given, tmp_path / "out", len(LETTERS)) == []
    assert f"photos: {len(LETTERS)}" in capsys.readouterr().out
    assert throughput.measure(given, tmp_path / "out", 99) == [
        f"the command ended with exit code 0 after {len(LETTERS)} of 99 answers"
    ]


# ---- the others


def test_calls_take_turns() -> None:
    order: list[str] = []
    taken = startup.in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert order == ["a", "b"] * 3
    assert [len(v) for v in taken.values()] == [2, 2]
    assert startup.line("x", [0.003, 0.001, 0.002], "ms") == "x: 2 ms (1 to 3)"
    assert 0 < startup.import_seconds("json") < 10


def test_purity_counts_pixels_near_the_legend() -> None:
    rgb = np.full((4, 4, 3), (250, 5, 0), np.uint8)
    rgb[0] = (200, 0, 0)
    assert official_pairs.purity(rgb, [(255, 0, 0), (0, 0, 0)]) == 0.75


def test_parsed_colours_are_compared_with_the_page() -> None:
    task = tasks.ReferringSegmentation("the cat", "cyan")
    assert official_pairs.compared(task, {"the cat": "cyan", "background": "black"}) == "2 of 2"
    assert official_pairs.compared(task, {"the cat": [255, 0, 0]}) == "0 of 1, wrong: the cat"


def test_lines_of_code_are_counted_by_hand() -> None:
    source = '"""Two\nlines."""\n\nimport os  # used\n\n\ndef f(a):\n    """Doc."""\n    # why\n    return """x\ny"""\n'
    assert lines_of_code.code_lines(source) == 4
    assert lines_of_code.longest(source) == 5


def test_mutants_of_annotations_are_left_out_and_a_place_is_tried_once() -> None:
    source = "def f(a: int | None) -> 'x':\n    b: list[int] = a | 2\n"
    assert sorted(mutants.annotations(source)) == [((1, 9), (1, 19)), ((1, 24), (1, 27)), ((2, 7), (2, 16))]
    part = next(iter(mutants.PARTS))
    same = [mutants.Mutant(f"{part}/a.py", f"core/ReplaceBinaryOperator_Add_{to}", 0, 1, 0) for to in ("Sub", "Mul")]
    other = mutants.Mutant(f"{part}/a.py", "core/NumberReplacer", 0, 1, 4)
    drawn = mutants.drawn([*same, other], 300, seed=0)
    assert len(drawn) == 2
    assert mutants.drawn([*same, other], 300, seed=0) == drawn
    left_out = "core/ReplaceBinaryOperator_Add_BitOr", "core/ReplaceComparisonOperator_Eq_IsNot", "core/NoOp"
    assert all(mutants.LEFT_OUT.fullmatch(name) for name in left_out)
    assert not mutants.LEFT_OUT.fullmatch("core/ReplaceBinaryOperator_BitOr_BitAnd")


def test_the_score_counts_what_was_noticed() -> None:
    part = next(iter(mutants.PARTS))
    results = [{"path": f"{part}/a.py", "line": n, "outcome": o, "change": ["-a", "+b"]} for n, o in
               enumerate(["killed", "killed", "survived", "incompetent"])]  # fmt: skip
    told = mutants.report(results)
    assert f"{part}: 2 of 3 noticed, 67%" in told
    assert f"{part}/a.py:2 survived\n-a\n+b" in told


def test_missing_weights_are_named(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(taef2.Absent, match=r"taef2_encoder\.pth is missing"):
        taef2.taef2(tmp_path)


@pytest.mark.parametrize(
    "script",
    ["codec_table", "official_pairs", "throughput", "kills", "startup", "taef2", "results", "mutants", "lines_of_code",
     "pages"],
)  # fmt: skip
def test_scripts_explain_themselves(script: str) -> None:
    run = subprocess.run([sys.executable, BENCHMARKS / f"{script}.py", "--help"], capture_output=True, text=True)
    assert run.returncode == 0
    assert f"python benchmarks/{script}.py" in run.stdout


@needs_data
def test_the_autoencoder_gives_pictures_back() -> None:
    pytest.importorskip("torch")
    photo = np.asarray(Image.open(SAMPLE).resize((128, 120)))
    back = taef2.taef2(Path(DATA or "") / "weights")(photo)
    assert back.shape == photo.shape
    assert taef2.psnr(back, photo) > 24


@needs_data
def test_a_real_sheet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "table.md"
    monkeypatch.setattr(codec_table, "autoencoder", lambda root: {})
    given = ["--data", str(DATA), "--limit", "1", "--only", "normals", "-o", str(out)]
    monkeypatch.setattr(sys, "argv", ["codec_table.py", *given])
    codec_table.main()
    assert "| normals-vb/1 | mean angle, degrees |" in out.read_text()
    assert str(DATA) not in out.read_text()


@needs_data
def test_the_first_official_pair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = str(Path(DATA or "") / "vision-banana-page")
    monkeypatch.setattr(sys, "argv", ["official_pairs.py", "--data", folder, "--limit", "1", "-o", str(tmp_path)])
    official_pairs.main()
    assert "| 5 of 5 |" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "contact.png").stat().st_size > 10000

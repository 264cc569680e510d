"""Answers on disk: what is skipped, what is answered afresh, and names under which nothing overwrites anything else."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plantain.cli.photos import find
from plantain.files import sweep
from plantain.models.base import Painter, lazy
from plantain.models.identity import Identity, file_hash, weights_hash
from plantain.models.painters.cached import Cached
from plantain.models.painters.function import Function
from plantain.models.painting import Painting, Request
from plantain.models.specialists.base import Specialist
from plantain.models.specialists.outputs import EdgeOutput
from plantain.pipeline.jobs import Edit, Generate, Job, Outcome, PredictOptions
from plantain.pipeline.predictor import PainterPredictor, Predictor, SpecialistPredictor
from plantain.pipeline.store import LONGEST, Store, base_of, cut, is_answer, slug
from plantain.pipeline.stream import stream
from plantain.predictions.calibration import Fit
from plantain.tasks import MetricDepth, ReferringSegmentation
from plantain.tasks.language.parsing import interpret, parse


class Weighty(Painter):
    """Says the depth that its file of weights holds, one byte of metres, more by an adapter's byte if there is one."""

    def __init__(self, weights: Path, adapter: Path | None = None):
        self.weights, self.adapter, self.painted = weights, adapter, 0

    @lazy
    def identity(self):
        added = "" if self.adapter is None else weights_hash([self.adapter])
        return Identity("weighty", weights=weights_hash([self.weights]), adapter_weights=added)

    def canvas(self, width, height):
        return width, height

    def paint(self, requests):
        self.painted += len(requests)
        return [self.one(request) for request in requests]

    def one(self, request):
        if request.purpose != "perceive":
            return Painting(np.full((request.size[1], request.size[0], 3), request.seed, np.uint8))
        task = parse(request.prompt)
        added = 0 if self.adapter is None else self.adapter.read_bytes()[0]
        metres = np.full(request.photo.shape[:2], self.weights.read_bytes()[0] + added, np.float32)
        return Painting(task.encode(metres if isinstance(task, MetricDepth) else (metres > 2).astype(np.float32)))


class Ruler(Specialist):
    """As much of an edge everywhere as its file of weights says in hundredths, from a brightness on; counts photos."""

    name, supported_tasks = "ruler", {"edges": "all"}

    def __init__(self, weights=None, threshold=0):
        super().__init__()
        self.weights, self.threshold, self.seen = weights, threshold, 0

    def infer_for(self, photo, task):
        self.seen += 1
        level = 1.0 if self.weights is None else self.weights.read_bytes()[0] / 100
        return EdgeOutput(np.where(photo.mean(-1) >= self.threshold, level, 0).astype(np.float32))


class World:
    """A folder with a photo, weights and answers."""

    def __init__(self, root: Path):
        self.root, self.photo, self.weights = root, root / "in" / "a.png", root / "weights.bin"
        self.photo.parent.mkdir(parents=True)
        self.level(100)
        self.weights.write_bytes(bytes([3]))

    def level(self, value: int, path: Path | None = None) -> Path:
        target = path or self.photo
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 12, 3), value, np.uint8)).save(target)
        return target

    def model(self, **more) -> Predictor:
        return PainterPredictor(Weighty(self.weights, **more))

    def ask(self, question="metric depth", model=None, photo=None, options=None, **store) -> Outcome:
        model = model or self.model()
        job = Job("a", photo or self.photo, question, options or PredictOptions())
        (outcome,) = stream([job], model, store=Store(self.root / "out", model, **store))
        assert outcome.error is None, outcome.error
        return outcome

    @property
    def files(self) -> list[str]:
        return sorted(os.listdir(self.root / "out"))


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return World(tmp_path / "world")


# ---- skipped, or answered afresh


def test_the_same_is_skipped_and_its_line_is_the_same(world) -> None:
    first, second = world.ask(), world.ask()
    assert not first.skipped and second.skipped
    one, two = first.to_json(), second.to_json()
    assert {**one, "seconds": None, "skipped": True} == two
    assert two["arrays"] == str(world.root / "out/a.metric-depth.npz")


CHANGES = {
    "weights": lambda w: w.weights.write_bytes(bytes([5])),
    "photo": lambda w: w.level(101),
    "an older photo": lambda w: (w.level(101), os.utime(w.photo, (1e9, 1e9))),
}
OPTIONS = {
    "adapter": lambda w: {"model": w.model(adapter=w.level(1, w.root / "adapter.bin.png"))},
    "calibration": lambda w: {"model": PainterPredictor(Weighty(w.weights), {"metric-depth": Fit((0, 1), (0, 0.5))})},
    "fov": lambda w: {"camera": {"focal_px": None, "fov_deg": 50.0}},
    "focal": lambda w: {"camera": {"focal_px": 90.0, "fov_deg": None}},
    "formats": lambda w: {"formats": ["mm"]},
    "redo": lambda w: {"redo": True},
    "seed": lambda w: {"options": PredictOptions(seed=1)},
    "sampling": lambda w: {"options": PredictOptions(sampling={"steps": 2})},
    "style": lambda w: {"options": PredictOptions(style="terse")},
    "tile": lambda w: {"options": PredictOptions(tile=64)},
    "quality": lambda w: {"options": PredictOptions(quality="high")},
    "code": lambda w: {"question": MetricDepth(code="plasma")},
    "range": lambda w: {"question": MetricDepth(far_m=9.0)},
}


@pytest.mark.parametrize("change", [*CHANGES.values(), *OPTIONS.values()], ids=[*CHANGES, *OPTIONS])
def test_whatever_changes_is_answered_afresh_and_then_skipped(world, change) -> None:
    world.ask()
    asked = change(world)
    asked = asked if isinstance(asked, dict) else {}
    assert not world.ask(**asked).skipped
    if "redo" not in asked:
        assert world.ask(**asked).skipped


STEPS = {  # what is done -> the part of the state that it draws anew
    "weights": st.integers(1, 9), "photo": st.integers(90, 95), "adapter": st.sampled_from([None, 1, 2]),
    "camera": st.sampled_from([(None, None), (None, 40.0), (None, 60.0), (90.0, None), (120.0, None)]),
    "formats": st.sampled_from([(), ("mm",), ("kitti",), ("mm", "kitti")]), "code": st.sampled_from([None, "plasma"]),
}  # fmt: skip
NAMES = {None: "a.metric-depth", "plasma": "a.metric-depth.plasma"}


@settings(max_examples=30)
@given(steps=st.lists(st.sampled_from(["nothing", "older photo", *STEPS]), min_size=1, max_size=8), data=st.data())
def test_changed_is_afresh_and_unchanged_is_skipped(steps, data) -> None:
    """Whatever is done to weights, adapter, photo and options: the answer on disk is that of the last state, and one of
    an unchanged state is skipped."""
    with tempfile.TemporaryDirectory() as folder:
        world, last = World(Path(folder)), {}
        state = {"weights": 3, "photo": 100, "adapter": None, "camera": (None, None), "formats": (), "code": None}
        for step in steps:
            part = step.removeprefix("older ")
            if part in STEPS:
                state |= {part: data.draw(STEPS[part])}
            world.weights.write_bytes(bytes([state["weights"]]))
            world.level(state["photo"])
            if step == "older photo":
                os.utime(world.photo, (1e9, 1e9))
            adapter = None if state["adapter"] is None else world.root / "adapter.bin"
            if adapter is not None:
                adapter.write_bytes(bytes([state["adapter"]]))
            outcome = world.ask(
                MetricDepth(code=state["code"]), world.model(adapter=adapter), formats=list(state["formats"]),
                camera=dict(zip(("focal_px", "fov_deg"), state["camera"], strict=True)),
            )  # fmt: skip
            name = NAMES[state["code"]]
            assert outcome.skipped == (state == last.get(name)), (state, last)
            last[name] = dict(state)
            with np.load(world.root / f"out/{name}.npz") as arrays:
                wanted = state["weights"] + (state["adapter"] or 0)
                assert np.median(arrays["metres"]) == pytest.approx(wanted, rel=0.02)
            kept = [f"{one}{ending}" for one, was in last.items()
                    for ending in (".npz", ".overlay.png", ".png", *(f".{f}.png" for f in was["formats"]))]  # fmt: skip
            assert world.files == sorted(kept), "nothing of an earlier answer stays beside the new one"


@settings(max_examples=20)
@given(states=st.lists(st.tuples(st.integers(60, 63), st.sampled_from([0, 150]), st.sampled_from([100, 200])),
                       min_size=1, max_size=6))  # fmt: skip
def test_a_specialists_weights_threshold_and_photo(states) -> None:
    """The same of a specialist: its answer on disk is that of the last state, whose option is a threshold."""
    with tempfile.TemporaryDirectory() as folder:
        world, last = World(Path(folder)), None
        for weights, threshold, photo in states:
            world.weights.write_bytes(bytes([weights]))
            world.level(photo)
            outcome = world.ask("edges", SpecialistPredictor(Ruler(world.weights, threshold)))
            assert outcome.skipped == ((weights, threshold, photo) == last)
            last = weights, threshold, photo
            with np.load(world.root / "out/a.edges.npz") as arrays:
                wanted = weights / 100 if photo >= threshold else 0
                assert np.median(arrays["alpha"]) == pytest.approx(wanted, abs=0.005)


def test_a_specialists_answers_resume_too(world) -> None:
    model = SpecialistPredictor(Ruler())
    assert not world.ask("edges", model).skipped
    assert world.ask("edges", model).skipped
    assert model.specialist.seen == 1
    assert world.files == ["a.edges.npz", "a.edges.overlay.png"]


@pytest.mark.parametrize("ending", [".png", ".overlay.png", ".npz"])
@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_a_damaged_answer_is_answered_afresh(world, ending, harm) -> None:
    world.ask()
    path = world.root / f"out/a.metric-depth{ending}"
    path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-9])
    assert not world.ask().skipped
    assert world.ask().skipped


KILLED = """
import os, shutil, sys
sys.path[:0] = {places!r}
from pathlib import Path
from test_store import Job, PainterPredictor, Store, Weighty, stream
root, at, count = Path({root!r}), 0, 0
model = PainterPredictor(Weighty(root / "weights.bin"))
model.identity  # what is hashed is remembered before anybody is killed

def hook(event, given):
    global count
    writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
    count += bool(writes) or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir")
    if count == at:
        os._exit(9)

code = 9
while code:
    at += 1
    out = root / f"killed-{{at}}"
    shutil.copytree(root / "older", out)
    if not os.fork():
        sys.addaudithook(hook)
        store = Store(out, model, formats=["coco"])
        (outcome,) = stream([Job("a", root / "in/a.png", {question!r})], model, store=store)
        os._exit(outcome.error is not None)
    code = os.waitstatus_to_exitcode(os.wait()[1])
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_killed_before_any_operation_on_files(world) -> None:
    """An answer takes the place of an older one, and the process ends before each of all that it does to files. What is
    visible is whole, the .npz lies beside its own files alone, and the next run ends as if nothing had happened."""
    question, out = "segment the cup", world.root / "out"
    world.ask(question, formats=["coco"])
    older = contents(shutil.copytree(out, world.root / "older"))
    world.weights.write_bytes(bytes([1]))  # below 2 m, which is no cup
    world.ask(question, formats=["coco"])
    newer = contents(out)
    places = [str(Path(__file__).parent), *(path for path in sys.path if path)]
    script = KILLED.format(places=places, root=str(world.root), question=question)
    subprocess.run([sys.executable, "-c", script], check=True)
    moments = len(list(world.root.glob("killed-*")))
    assert moments > 15
    for at in range(1, moments + 1):
        shutil.rmtree(out)
        (world.root / f"killed-{at}").rename(out)
        left, afresh = contents(out), True
        assert all(left[name] in (older[name], newer[name]) for name in left if name != "a.refer.the-cup.npz"), at
        if "a.refer.the-cup.npz" in left:
            with np.load(out / "a.refer.the-cup.npz") as arrays:
                afresh = bool(arrays["alpha"].any())
            kept = older if afresh else newer
            assert all(left[name] == kept[name] for name in kept if name != "a.refer.the-cup.npz"), at
        sweep(out)
        assert world.ask(question, formats=["coco"]).skipped != afresh, at
        assert world.files == sorted(newer), at
    assert not afresh, "the last one came to its end"


# ---- names


def test_questions_seeds_codes_and_edits_lie_side_by_side(world) -> None:
    asked = [
        ("segment the person", {}), ("segment the flag", {}), ("segment the person", {"seed": 2}), ("edges", {}),
        (MetricDepth(), {}), (MetricDepth(code="plasma"), {}), (Edit("colorize"), {}), (Edit("remove the cup"), {}),
        (Edit("colorize"), {"seed": 1}), (Generate("a chair"), {}), (Generate("a chair", (16, 16)), {}),
    ]  # fmt: skip
    places = [world.ask(q, options=PredictOptions(**o)).files for q, o in asked]
    names = [path.name for files in places for path in files.values()]
    assert len(set(names)) == len(names)
    assert set(names) == set(world.files)
    assert all(name.startswith("a.") for name in names)
    assert all(world.ask(q, options=PredictOptions(**o)).skipped for q, o in asked)
    assert "a.refer.the-person.npz" in names and "a.refer.the-person.seed-2.npz" in names
    assert "a.metric-depth.plasma.npz" in names and "a.edit.colorize.png" in names


def test_two_photos_of_one_name_lie_side_by_side(world) -> None:
    other = world.level(7, world.root / "elsewhere" / "a.png")
    first, second = world.ask().files, world.ask(photo=other).files
    assert first["arrays"].name == "a.metric-depth.npz"
    assert second["arrays"].name.startswith("a.metric-depth.") and second != first
    assert world.ask().skipped and world.ask(photo=other).skipped


def test_the_same_photo_in_another_place_is_the_same(world) -> None:
    world.ask()
    assert world.ask(photo=world.level(100, world.root / "moved" / "a.png")).skipped


def test_questions_that_make_the_same_name_lie_side_by_side(world) -> None:
    one, two = (ReferringSegmentation(text) for text in ("red mug", "red-mug"))
    files = [world.ask(q).files["arrays"].name for q in (one, two)]
    assert files[0] == "a.refer.red-mug.npz"
    assert len(set(files)) == 2
    assert world.ask(one).skipped and world.ask(two).skipped


def test_a_word_that_is_an_ending_of_ours_makes_no_clash(world) -> None:
    plain = world.ask(ReferringSegmentation("overlay")).files
    assert "a.refer.overlay.png" not in {path.name for path in plain.values()}


def test_pictures_on_standard_input_lie_side_by_side(world) -> None:
    contents = [world.level(value, world.root / "x.png").read_bytes() for value in (1, 2)]
    places = [world.ask(photo=content).files["arrays"] for content in contents]
    assert len(set(places)) == 2


def test_an_older_export_never_stays_beside_a_new_answer(world) -> None:
    world.ask("segment the cup", formats=["coco"])
    assert "a.refer.the-cup.coco.json" in world.files
    world.weights.write_bytes(bytes([1]))
    world.ask("segment the cup")
    assert "a.refer.the-cup.coco.json" not in world.files


def test_annotations_never_stay_beside_a_new_answer(world) -> None:
    """Also where nobody asked for new ones, or the run that would have made them was killed."""
    question, model = "segment the cup", world.model()
    store = Store(world.root / "out", model, formats=["coco"])
    photos = {"a": world.photo, "b": world.level(7, world.root / "in" / "b.png")}
    assert all(o.error is None for o in stream([Job(n, p, question) for n, p in photos.items()], model, store=store))
    kept = store.annotations(Job("", None, question))
    assert world.ask(question, formats=["coco"]).skipped and kept.exists()
    world.ask("segment the plate")
    assert kept.exists(), "that is another question"
    world.weights.write_bytes(bytes([1]))
    world.ask(question)
    assert not kept.exists()


@settings(max_examples=200)
@given(stem=st.text(min_size=1, max_size=300).filter(lambda s: "/" not in s and "\0" not in s and s.strip(". ")),
       text=st.text(min_size=1, max_size=300))  # fmt: skip
def test_names_are_short_enough_for_any_file_system(stem, text) -> None:
    base = base_of(Job(stem, None, ""), Edit(text))
    assert len(base.encode("utf-8", "surrogateescape")) <= LONGEST
    assert "/" not in base and "\0" not in base


@given(st.text(max_size=100), st.integers(12, 60))
def test_what_is_cut_is_short_and_told_apart(text, most) -> None:
    assert len(cut(text, most).encode()) <= most
    assert cut(text, most) == text or cut(text + "x", most) != cut(text, most)
    assert len(slug(text).encode()) <= 40


def test_the_plain_name_is_for_the_plain_question() -> None:
    for question, base in {
        "metric depth": "a.metric-depth", "normals": "a.normals", "edges": "a.edges", "keypoints": "a.keypoints",
        "segment the red mug": "a.refer.the-red-mug", "segment wall, floor, bed": "a.semantic.wall-floor-bed",
    }.items():  # fmt: skip
        assert base_of(Job("a", None, ""), interpret(question)) == base


def test_files_of_answers_are_no_photos(world) -> None:
    world.ask(formats=["mm"])
    world.ask(Edit("colorize"))
    made = world.ask(Generate("a chair")).files["painting"]
    pictures = [path for path in (world.root / "out").glob("*.png") if path != made]
    assert len(pictures) == 4
    assert all(map(is_answer, pictures))
    assert not is_answer(world.photo) and not is_answer(made)
    plain = world.level(9, world.root / "kitchen.overlay.png")
    assert not is_answer(plain)
    np.savez(world.root / "kitchen.npz", x=np.zeros(3))  # somebody else's
    assert not is_answer(plain)


def test_files_that_python_saved_are_no_photos_either(world) -> None:
    files = world.ask().prediction.save(world.root / "in", photo=world.photo)
    assert is_answer(files["overlay"]) and is_answer(files["painting"])
    assert [one.photo for one in find([str(world.root / "in")])] == [world.photo]


def test_another_process_that_takes_the_name_meanwhile_is_not_overwritten(world) -> None:
    """Two stores of one folder, two photos of one name; the second is published between the first's check and its own
    publishing."""
    other = world.level(7, world.root / "elsewhere" / "a.png")
    model = world.model()
    store = Store(world.root / "out", model)
    write, calls = store._write, []

    def slowly(*given):
        done = write(*given)
        if not calls:
            calls.append(world.ask(photo=other))
        return done

    store._write = slowly
    (mine,) = stream([Job("a", world.photo, "metric depth")], model, store=store)
    theirs = calls[0]
    assert mine.files["arrays"] != theirs.files["arrays"]
    assert world.ask().skipped and world.ask(photo=other).skipped


# ---- hashes of weights, and the cache of paintings


def test_the_hash_of_a_file_follows_its_content(world) -> None:
    """The same size and the same time of change, twice: a young file's hash is not remembered."""
    state = world.weights.stat()
    first = file_hash(world.weights)
    world.weights.write_bytes(bytes([9]))
    os.utime(world.weights, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert file_hash(world.weights) != first
    assert file_hash(world.weights) == hashlib.sha256(bytes([9])).hexdigest()


def test_the_hash_of_an_old_file_is_remembered(world, monkeypatch) -> None:
    monkeypatch.setattr("plantain.models.identity.YOUNG_S", -1.0)  # every file is old
    first = file_hash(world.weights)
    monkeypatch.setattr("hashlib.file_digest", None)  # would fail if it were read again
    assert file_hash(world.weights) == first


def test_what_a_killed_process_left_beside_the_hashes_is_cleared(world, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("plantain.models.identity.YOUNG_S", -1.0)
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / "cache/plantain" / f".plantain-{dead.pid}-abc").mkdir(parents=True)
    file_hash(world.weights)
    assert os.listdir(tmp_path / "cache/plantain") == ["hashes.json"]


def test_a_file_of_the_same_size_and_time_is_another_file(world, monkeypatch) -> None:
    """As archives unpack them, whose files all have one time: what tells them apart is when they were put there."""
    monkeypatch.setattr("plantain.models.identity.YOUNG_S", -1.0)
    os.utime(world.weights, (1e9, 1e9))
    first = file_hash(world.weights)
    other = world.root / "other.bin"
    other.write_bytes(bytes([5]))
    os.utime(other, (1e9, 1e9))
    other.replace(world.weights)
    assert file_hash(world.weights) == hashlib.sha256(bytes([5])).hexdigest() != first


def test_other_weights_of_a_cached_painter_paint_anew(world) -> None:
    request = Request(MetricDepth(code="cube").prompt(), (np.zeros((4, 4, 3), np.uint8),), (4, 4))

    def painted() -> int:
        painter = Weighty(world.weights)
        Cached(painter, world.root / "kept").paint([request])
        return painter.painted

    assert (painted(), painted()) == (1, 0)
    world.weights.write_bytes(bytes([7]))
    assert (painted(), painted()) == (1, 0)


def test_a_cache_keeps_float_paintings_to_sixteen_bits(tmp_path) -> None:
    shades = np.random.default_rng(0).random((5, 7, 3), np.float32)
    painter = Cached(Function(lambda photo, prompt, seed: shades), tmp_path)
    request = Request("x", (), (7, 5), purpose="generate")
    (fresh,), (kept,) = painter.paint([request]), painter.paint([request])
    assert kept.pixels.dtype == np.float32
    assert np.abs(kept.pixels - fresh.pixels).max() <= 0.5 / 65535 + 1e-7
    assert kept.identity == painter.identity


# ---- files that are picked ----


def test_picked_files_are_added_to_what_is_there(world) -> None:
    """The same answer in other files keeps the older ones; what is there already is not painted again."""
    out = world.root / "out"

    def ask(*files, **camera):
        return world.ask(files={"metric-depth": files}, camera={"focal_px": None, "fov_deg": None, **camera})

    def names():
        return {path.name.removeprefix("a.metric-depth.") for path in out.iterdir()}

    assert not ask("overlay").skipped
    assert names() == {"overlay.png", "npz"}
    assert not ask("mm").skipped
    assert names() == {"overlay.png", "mm.png", "npz"}
    again = ask("mm", "overlay")
    assert again.skipped
    assert set(again.files) == {"overlay", "mm", "arrays"}
    assert not ask("ply", fov_deg=60.0).skipped
    assert ask("ply", fov_deg=60.0).skipped
    assert not ask("ply", fov_deg=50.0).skipped
    (out / "a.metric-depth.mm.png").unlink()
    assert not ask("overlay").skipped


def test_questions_without_picked_files_are_not_written(world) -> None:
    store = Store(world.root / "out", world.model(), files={"refer": ("mask",)})
    outcomes = list(stream([Job("a", world.photo, q) for q in ("metric depth", "sky")], world.model(), store=store))
    assert [sorted(one.files) for one in outcomes] == [[], ["arrays", "mask"]]
    assert sorted(path.name for path in store.folder.iterdir()) == ["a.refer.sky.mask.png", "a.refer.sky.npz"]

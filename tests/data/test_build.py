"""Shards: the same bytes whoever builds them, nothing written twice, nothing lost, and readable by plain tools."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes_folder import write_captioned, write_folder

from plantain.data import build as building
from plantain.data.build import build, plan_build
from plantain.data.export import export
from plantain.data.inspection import hashes_of, stats, validate
from plantain.data.instructions import Settings
from plantain.data.sources import REPLAY, Source, parse_sources
from plantain.data.stream import Buckets, Mixture, Shards, step_numbers, stream
from plantain.data.tars import Member, write_shard
from plantain.errors import OutputError, PhotoError, UnknownName, UsageError
from plantain.files import STAGE
from plantain.models.painters.generators.spec import GENERATORS

SETTINGS = Settings(((96, 64), (64, 96)), ("imperative", "json"), paired=0.3)
ROOT = Path(__file__).parents[2]


def hashes(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


COUNT, EACH = 24, 6  # samples, of a shard


def plan(home: Path, samples: int = COUNT, **more):
    own = Source("folder", home / "rooms")
    return plan_build([own], SETTINGS, samples, Source(REPLAY, home / "pictures"), 0.25, per_shard=EACH, **more)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    write_folder(home / "rooms")
    write_captioned(home / "pictures")
    return home


@pytest.fixture(scope="module")
def shards(home):
    told = build(plan(home), home / "shards")
    assert (told["samples"], told["shards"], told["made"], told["unreadable"]) == (COUNT, 4, COUNT, [])
    return home / "shards"


def test_any_number_of_workers_writes_the_same_bytes(home, shards, tmp_path) -> None:
    steps = []
    build(plan(home), tmp_path / "two", workers=2, done=lambda: steps.append(1))
    assert len(steps) == 4
    assert hashes(tmp_path / "two") == hashes(shards)
    build(plan(home, seed=1), tmp_path / "other")
    assert hashes(tmp_path / "other")["shard-00000.tar"] != hashes(shards)["shard-00000.tar"]


def test_a_killed_build_goes_on_where_it_was(home, shards, tmp_path) -> None:
    out = tmp_path / "killed"
    code = f"""if True:
        from pathlib import Path
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_build import plan
        from plantain.data.build import build
        build(plan(Path({str(home)!r})), Path({str(out)!r}))"""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path})
    while not (out / "shard-00001.jsonl").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (out / "shard-00000.tar").write_bytes((out / "shard-00000.tar").read_bytes()[:-1000])  # cut off, as on a full disk
    before = (out / "shard-00001.tar").stat().st_mtime_ns
    told = build(plan(home), out)
    assert told["made"] in (2 * EACH, 3 * EACH), "the first and the last ones"
    assert (out / "shard-00001.tar").stat().st_mtime_ns == before, "a finished shard is never written again"
    assert hashes(out) == hashes(shards)
    assert not list(out.glob(f"{STAGE}*"))


def test_a_shard_is_webdatasets_layout_and_says_all_about_a_sample(shards) -> None:
    members: dict[str, dict[str, bytes]] = {}
    with tarfile.open(shards / "shard-00002.tar") as archive:
        for entry in archive:
            key, _, ending = entry.name.partition(".")
            members.setdefault(key, {})[ending] = archive.extractfile(entry).read()
    assert list(members) == [f"{n:08d}" for n in range(2 * EACH, 3 * EACH)]
    for key, files in members.items():
        record = json.loads(files["json"])
        assert {"prompt", "task", "style", "source", "license", "split", "shown", "hashes", "view"} <= record.keys()
        assert record["license"] == ("CC0 1.0" if record["source"] == "rooms" else "unknown")
        assert record["key"] == key
        assert {e: hashlib.sha256(c).hexdigest() for e, c in files.items() if e != "json"} == record["hashes"]
        with Image.open(io.BytesIO(files["tgt.png"])) as painting:
            assert painting.format == "PNG" and list(painting.size) == record["size"]
    kinds = Counter(ending for files in members.values() for ending in files)
    assert kinds["src.webp"] >= 3
    every = {ending for row in Shards(shards).rows for ending in row["members"]}
    assert {"src2.webp", "src3.png"} <= every and "src3.webp" not in every, "paintings never with loss"


def test_photos_are_kept_without_loss_when_asked(home, tmp_path) -> None:
    build(plan(home, 4, lossless=True), tmp_path)
    assert {e for row in Shards(tmp_path).rows for e in row["members"] if e.startswith("src")} >= {"src.png"}
    assert not any(e.endswith("webp") for row in Shards(tmp_path).rows for e in row["members"])


def test_replayed_pictures_have_their_share(shards) -> None:
    sources = Counter(row["source"] for row in Shards(shards).rows)
    assert abs(sources["pictures"] - 6) <= 1


def test_bad_files_are_left_out_and_named(home, tmp_path) -> None:
    rooms = write_folder(tmp_path / "rooms", 3)
    (rooms / "images" / "1.png").write_bytes(b"not a picture")
    (rooms / "depth" / "1.png").unlink(), (rooms / "labels" / "1.png").unlink()
    Image.new("L", (5, 5)).save(rooms / "labels" / "1.png")
    one = plan_build([Source("folder", rooms)], SETTINGS, 12)
    told = build(one, tmp_path / "out")
    assert len(told["unreadable"]) == 1 and "1.png" in told["unreadable"][0]
    assert {row["key"] for row in Shards(tmp_path / "out").rows} == {f"{n:08d}" for n in range(12)}


def test_photos_without_questions_are_one_error(tmp_path, home) -> None:
    with pytest.raises(PhotoError, match="holds no excerpt set"):
        parse_sources([home], ["excerpts"], "train")
    with pytest.raises(UsageError, match="2 folders and 3 kinds"):
        parse_sources([home, home], ["a", "b", "c"], "train")
    with pytest.raises(UnknownName, match="reader"):
        plan_build([Source("reader", home)], SETTINGS)
    with pytest.raises(PhotoError, match="gives a sample"):
        build(plan_build([Source("coco-captions-like", home)], SETTINGS) if False else mute(tmp_path), tmp_path / "out")


def mute(tmp_path: Path):
    """A folder whose only answer is one that no question is known for."""
    rooms = write_folder(tmp_path / "mute", 2, depth=False)
    (rooms / "classes.txt").write_text("background\nunlabelled\n")
    return plan_build([Source("folder", rooms)], SETTINGS, 2)


def test_a_folder_of_another_build_is_not_mixed_with(home, shards) -> None:
    with pytest.raises(UsageError, match=r"built in another way \(unlike: seed\)"):
        build(plan(home, seed=5), shards)


def test_a_full_disk_is_one_error_and_leaves_no_half_shard(home, tmp_path, monkeypatch) -> None:
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "make", full)
    with pytest.raises(OutputError, match="No space left on device; free some space"):
        build(plan(home), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["plan.json"]


@pytest.mark.parametrize("row", GENERATORS.values(), ids=lambda row: row.name)
def test_canvases_are_sizes_that_the_generator_leaves_alone(row) -> None:
    side = 512 if row.size.rule is None else 1024
    canvases = row.size.buckets(side)
    assert len(canvases) >= 9 and (side, side) in canvases
    for width, height in canvases:
        assert row.size.fits(width, height) and (height, width) in canvases
        assert 0.85 < width * height / side**2 <= 1.03


# ---- the stream


def tiny(folder: Path, sizes: list[tuple[int, int]]) -> Shards:
    """A shard whose samples say their number by their color."""

    def sample(i: int, size: tuple[int, int]):
        buffer = io.BytesIO()
        Image.new("RGB", size, (i % 256, i // 256, 0)).save(buffer, "PNG")
        record = {"prompt": str(i), "task": "edit", "size": list(size), "source": folder.name, "license": ""}
        return f"{i:08d}", record, [Member("tgt.png", buffer.getvalue())]

    count = write_shard(folder, 0, (sample(i, size) for i, size in enumerate(sizes)))
    lines = (folder / "shard-00000.jsonl").read_text().splitlines()
    (folder / "index.jsonl").write_text("\n".join(lines[1:]) + "\n")
    head = json.loads(lines[0])
    assert head["samples"] == count
    (folder / "index.json").write_text(json.dumps({"format": "plantain-shards/1", "shards": [head]}))
    return Shards(folder)


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    home = tmp_path_factory.mktemp("tiny")
    one = tiny(home / "one", [(8, 4)] * 30 + [(4, 8)] * 10)
    two = tiny(home / "two", [(8, 4)] * 7)
    return Mixture([one, two], (0.8, 0.2), seed=11)


def test_mixtures_are_exact_and_every_sample_comes_once_a_round(mixture) -> None:
    places = [mixture.locate(n) for n in range(2000)]
    assert Counter(part for part, _ in places) == {0: 1600, 1: 400}
    first = [i for part, i in places if part == 0]
    assert all(sorted(first[k : k + 40]) == list(range(40)) for k in range(0, 1600, 40))
    assert first[:40] != first[40:80]


def test_the_order_is_the_same_for_any_number_of_processes_and_after_a_restart(mixture) -> None:
    whole = [mixture.locate(n) for n in range(24 * 8)]
    for world in (1, 2, 4):
        seen = {}
        for rank in range(world):
            for step in range(24):
                for n in step_numbers(step, 8, rank, world):
                    seen[n] = mixture.locate(n)
        assert [seen[n] for n in range(24 * 8)] == whole
    again = Mixture([Shards(part.folder) for part in mixture.parts], (0.8, 0.2), seed=11)
    resumed = stream(again, 8, step=20)
    for step in (20, 21):
        batch = next(resumed)
        wanted = [mixture[n] for n in range(8 * step, 8 * step + 8)]
        assert [(s.prompt, s.record["source"]) for s in batch] == [(s.prompt, s.record["source"]) for s in wanted]
    with pytest.raises(UsageError, match="multiple of 3"):
        step_numbers(0, 8, 0, 3)


def test_any_sample_can_be_read_by_its_number(mixture) -> None:
    sample = mixture.parts[0][35]
    assert (sample.prompt, sample.target.shape) == ("35", (8, 4, 3))
    assert sample.target[0, 0].tolist() == [35, 0, 0]
    assert sample.weight is None and sample.references == ()
    assert mixture.row(5)["key"] == f"{int(mixture[5].prompt):08d}"
    with pytest.raises(IndexError):
        mixture.parts[0][40]


def test_batches_of_one_canvas_keep_both_proportions(mixture) -> None:
    """A quarter of the first folder's samples stand upright: 0.2 of all."""
    buckets = Buckets(mixture, 4)
    steps = [buckets.numbers(step) for step in range(500)]
    upright = [numbers for one, numbers in steps if one is buckets.sizes[(4, 8)]]
    assert len(upright) == 100
    flat = buckets.sizes[(8, 4)]
    parts = Counter(flat.locate(n)[0] for one, numbers in steps if one is flat for n in numbers)
    assert parts == {0: 1200, 1: 400}
    batch = buckets.read(7)
    assert len({s.target.shape for s in batch}) == 1
    halves = [s.prompt for rank in (0, 1) for s in buckets.read(7, rank, 2)]
    assert sorted(halves) == sorted(s.prompt for s in batch)


def test_the_pages_python_runs(shards, tmp_path, monkeypatch) -> None:
    page = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for name in ("shards", "street"):
        (tmp_path / name).symlink_to(shards)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(code, "tuning.md", "exec"), names)
    assert names["sample"].prompt and len(names["batch"]) == 4


def test_folders_that_are_no_shards_are_refused(tmp_path, mixture) -> None:
    with pytest.raises(PhotoError, match=r"no finished shards: index.json is missing"):
        Shards(tmp_path)
    (tmp_path / "index.json").write_text("{}")
    with pytest.raises(PhotoError, match="cannot be read"):
        Shards(tmp_path)
    with pytest.raises(UsageError, match="2 shard folders and 1 shares"):
        Mixture(mixture.parts, (1,))


# ---- checks, counts, exports


def test_good_shards_have_no_faults(shards) -> None:
    assert [str(fault) for fault in validate(Shards(shards))] == []


def changed(shards: Path, home: Path, **files: bytes) -> Shards:
    """A copy of the first shard's first painted sample with other files, hashed anew, as a careless tool would."""
    source = Shards(shards)
    row = next(r for r in source.rows if r["task"] == "semantic")
    sample = source[source.rows.index(row)]
    record = dict(sample.record)
    record.pop("hashes")
    members = [
        Member(e, (shards / row["tar"]).read_bytes()[a : a + n]) for e, (a, n) in row["members"].items() if e != "json"
    ]
    members = [replace(m, content=files.get(m.ending.replace(".", "_"), m.content)) for m in members]
    record |= {k: v for k, v in files.items() if k in record}
    write_shard(home, 0, [(row["key"], record, members)])
    lines = (home / "shard-00000.jsonl").read_text().splitlines()
    (home / "index.jsonl").write_text(lines[1])
    (home / "index.json").write_text(json.dumps({"format": "plantain-shards/1", "shards": [json.loads(lines[0])]}))
    return Shards(home)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_kind_of_fault_is_found(shards, home, tmp_path) -> None:
    row = next(r for r in Shards(shards).rows if r["task"] == "semantic")
    width, height = row["size"]
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    found = {f.check for f in validate(changed(shards, tmp_path / "noise", tgt_png=png(noise)))}
    assert found == {"answer"}
    wide = png(np.zeros((height, width + 16, 3), np.uint8))
    found = [f for f in validate(changed(shards, tmp_path / "wide", src_webp=wide))]
    assert [f.check for f in found] == ["sides"] and "another aspect" in found[0].what
    found = [f for f in validate(changed(shards, tmp_path / "words", prompt="a nice picture"))]
    assert [f.check for f in found] == ["prompt"]
    part = changed(shards, tmp_path / "bytes")
    tar = part.folder / "shard-00000.tar"
    content = bytearray(tar.read_bytes())
    content[part.rows[0]["members"]["tgt.png"][0] + 60] ^= 1
    tar.write_bytes(content)
    found = [f for f in validate(part)]
    assert [f.check for f in found] == ["hash", "hash"] and "delete it with its .jsonl" in found[0].what
    with pytest.raises(PhotoError, match="not what was written"):
        Shards(part.folder, check=True)[0]
    tar.write_bytes(bytes(content)[:1000])
    assert "ends before" in [f.what for f in validate(part)][-1]


def test_a_held_out_picture_is_found_mirrored_and_compressed(shards, home, tmp_path) -> None:
    with Image.open(home / "rooms" / "images" / "3.png") as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((60, 45)).save(tmp_path / "x.jpg", quality=60)
    found = list(validate(Shards(shards), hashes_of(tmp_path)))
    assert found and {f.check for f in found} == {"held out"}
    shown = {about["id"] for s in Shards(shards) for about in s.record["shown"] if about.get("source") == "rooms"}
    assert "3" in shown and all("rooms/3 is a held-out picture" in f.what for f in found)
    (tmp_path / "x.jpg").unlink()
    with pytest.raises(PhotoError, match="no pictures under"):
        hashes_of(tmp_path)


def test_counts_add_up(shards) -> None:
    lines = list(stats([shards, shards]))
    assert lines[0]["samples"] == 2 * COUNT
    for field in ("task", "code", "style", "source", "license", "size"):
        own = [line for line in lines[1:] if line["by"] == field]
        assert sum(line["samples"] for line in own) == 2 * COUNT
    absent = sum(bool(row["absent"]) for row in Shards(shards).rows if "absent" in row)
    assert lines[0]["absent_share"] == round(absent / COUNT, 4) > 0


def stems(folder: Path, ending: str) -> list[str]:
    return sorted(p.stem for p in folder.glob(f"*{ending}"))


def test_ai_toolkits_layout(shards, tmp_path) -> None:
    """Source: its train_lora_flux_kontext_24gb.yaml: "datasets are a folder of images. captions need to be txt files
    with the same name as the image. [...] Only jpg, jpeg, and png are supported"; "Control images need to match the
    filenames on the folder path but in a different folder"; train_lora_qwen_image_edit_2509_32gb.yaml: "can do up to 3
    control image folders, file names must match target file names". Its toolkit/config_modules.py: `mask_path`, "white
    has higher loss than black"; toolkit/buckets.py shrinks what has more pixels than the square of `resolution`."""
    told = export([shards], tmp_path / "out", "ai-toolkit")
    assert told["samples"] + told["left_out"] == COUNT
    counts = Counter(len(s.references) for s in Shards(shards))
    assert told["left_out"] == counts[5], "five pictures are more than it takes"
    for count in (0, 1, 3):
        group = tmp_path / "out" / f"references-{count}"
        names = stems(group / "images", ".png")
        assert len(names) == counts[count] and stems(group / "images", ".txt") == names
        controls = {p.name: stems(p, ".png") for p in group.iterdir() if p.name != "images"}
        wanted = ["masks", *{0: [], 1: ["control"], 3: ["control_1", "control_2", "control_3"]}[count]]
        assert controls == dict.fromkeys(wanted, names)
    config = (tmp_path / "out" / "datasets.yaml").read_text()
    assert config.startswith("datasets:\n") and config.count("- folder_path: ") == 3
    assert f'control_path: "{tmp_path}/out/references-1/control"' in config
    largest = max(s.target.shape[0] * s.target.shape[1] for s in Shards(shards))
    side = int(re.findall(r"resolution: \[ (\d+) \]", config)[0])
    assert (side - 1) ** 2 < largest <= side**2
    holes = [(np.asarray(Image.open(p)) < 255).any() for p in (tmp_path / "out").glob("references-*/masks/*.png")]
    assert sum(holes) == sum(s.weight is not None for s in Shards(shards) if len(s.references) <= 3) > 0
    first = next(s for s in Shards(shards) if len(s.references) == 1)
    assert first.prompt + "\n" in [p.read_text() for p in (tmp_path / "out/references-1/images").glob("*.txt")]


def test_musubis_layout(shards, tmp_path) -> None:
    """Source: its docs/dataset_config.md: `image_directory` holds targets and captions of the same names; "control
    images are used from the control_directory with the same filename (or different extension)"; several are "numbered
    [...] image1_0.png, image1_1.png"; "the cache directory must be different for each dataset"."""
    import tomllib

    told = export([shards], tmp_path / "out", "musubi")
    assert told["samples"] == COUNT and told["left_out"] == 0
    config = tomllib.loads((tmp_path / "out" / "dataset.toml").read_text())
    assert config["general"]["caption_extension"] == ".txt" and len(config["general"]["resolution"]) == 2
    caches = [one["cache_directory"] for one in config["datasets"]]
    assert len(set(caches)) == len(caches) == 4
    for one in config["datasets"]:
        images = Path(one["image_directory"])
        names = stems(images, ".png")
        assert names == stems(images, ".txt")
        count = int(images.parent.name.removeprefix("references-"))
        there = stems(Path(one["control_directory"]), ".png") if count else []
        assert there == (names if count == 1 else sorted(f"{n}_{i}" for n in names for i in range(count)))


def test_exports_that_cannot_be(shards, tmp_path) -> None:
    with pytest.raises(UnknownName, match="format 'kohya'"):
        export([shards], tmp_path / "out", "kohya")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        export([shards], tmp_path / "used", "musubi")
    assert (tmp_path / "used" / "x").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["used"]

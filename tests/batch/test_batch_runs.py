"""A great many pictures in worker processes: every picture has one outcome, whatever ends on the way."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import asdict
from pathlib import Path

import fakes
import numpy as np
import pytest
from PIL import Image

from plantain.batch.book import Book
from plantain.batch.driver import Driver, Patience
from plantain.batch.sources import Source, clean, sources
from plantain.batch.worker import Order
from plantain.cli import main
from plantain.cli.batch import BatchArgs, found, run
from plantain.errors import PhotoError, UsageError
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import load
from plantain.pipeline.stream import stream
from plantain.predictions.types import Prediction
from plantain.tasks import MetricDepth

parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `batch` is not installed")


def picture(level: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(out, "PNG")
    return out.getvalue()


def metres(level: int) -> float:
    return 1 + 8 * level / 255


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for level in range(20, 50):
        path = folder / f"{level % 3}" / f"{level}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(level))
    return folder


def order(folder: Path, paint=fakes.paint, **more) -> Order:
    return Order(MetricDepth(), folder, "function", {"paint": paint}, **more)


def batch(folder: Path, places, *, workers=1, retries=1, again=False) -> int:
    chosen = list(found(map(str, places), None))
    return run(order(folder), chosen, BatchArgs(workers, retries=retries, retry_failed=again), quiet=True)


def rows(folder: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    return {line["id"]: line for line in lines}


def content(folder: Path) -> dict[str, str]:
    """Hashes of all answers; an archive's of what is in it, since its record says how long it took."""
    told = {}
    for path in sorted((folder / "answers").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                told |= {f"{name}/{one}": hashlib.sha256(archive.read(one)).hexdigest() for one in archive.namelist()}
        elif path.is_file():
            told[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return told


def test_every_picture_has_an_outcome_and_the_index_names_its_files(photos, tmp_path, capsys) -> None:
    (photos / "0" / "broken.jpg").write_bytes(b"junk")
    assert batch(tmp_path / "run", [photos]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["pictures"], told["done"], told["failed"]) == (31, 30, 1)
    table = {line["id"]: line for line in parquet.read_table(tmp_path / "run" / "index.parquet").to_pylist()}
    assert set(table) == set(rows(tmp_path / "run"))
    assert table["0/broken"]["error_type"] == "PhotoError"
    for level in (20, 49):
        row = table[f"{level % 3}/{level}"]
        answer = Prediction.from_npz(tmp_path / "run" / row["arrays"])
        assert float(answer.metres.mean()) == pytest.approx(metres(level), rel=0.01)
        assert row["image"] == str(photos / f"{level % 3}" / f"{level}.png")
    assert batch(tmp_path / "run", [photos]) == 1  # nothing is asked again
    assert json.loads(capsys.readouterr().out) == told | {"done": 0, "already there": 31, "failed": 0}
    with pytest.raises(UsageError, match="another run"):
        run(order(tmp_path / "run", formats=("mm",)), [], BatchArgs(), quiet=True)


def test_poison_is_passed_over_and_what_fails_is_tried_again(photos, tmp_path, monkeypatch) -> None:
    for name, level in (("kills", fakes.KILLS), ("fails", fakes.FAILS), ("once", fakes.ONCE)):
        (photos / f"{name}.png").write_bytes(picture(level))
    monkeypatch.setenv("FAKES_MARK", str(tmp_path / "mark"))
    assert batch(tmp_path / "run", [photos]) == 1
    told = rows(tmp_path / "run")
    assert len(told) == 33
    assert {name for name, row in told.items() if "error" in row} == {"kills", "fails"}
    assert told["kills"]["quarantined"] and "ended 2 workers" in told["kills"]["error"]
    (photos / "kills.png").write_bytes(picture(99))  # mended
    assert batch(tmp_path / "run", [photos], again=True) == 1
    assert {name for name, row in rows(tmp_path / "run").items() if "error" in row} == {"fails"}


DRIVER = """
import sys, fakes
from pathlib import Path
from test_batch_runs import BatchArgs, found, order, run
if __name__ == "__main__":
    made = order(Path(sys.argv[2]), fakes.slow)
    sys.exit(run(made, list(found([sys.argv[1]], None)), BatchArgs(2), quiet=True))
"""


def test_killed_drivers_and_workers_lose_and_double_nothing(photos, tmp_path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", DRIVER, str(photos), str(tmp_path / "run")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([here, *sys.path])}
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    for wanted in (4, 12):
        while count(tmp_path / "run") < wanted:
            assert child.poll() is None
            time.sleep(0.01)
        if wanted == 4:
            os.kill(children(child.pid)[0], signal.SIGKILL)
    child.kill()
    child.wait()
    assert 4 <= len(rows(tmp_path / "run")) < 30
    assert subprocess.run(command, env=env, stdout=subprocess.DEVNULL).returncode == 0
    assert len(rows(tmp_path / "run")) == 30
    calm = order(tmp_path / "calm", fakes.slow)
    with load(calm.model, **calm.given) as model:  # undisturbed, in this process
        jobs = [Job(one.id, Path(one.url), calm.task) for one in found([str(photos)], None)]
        assert all(one.error is None for one in stream(jobs, model, store=calm.store(model)))
    assert content(tmp_path / "run") == content(tmp_path / "calm")


def count(folder: Path) -> int:
    return sum(name.endswith(".npz") for _, _, names in os.walk(folder / "answers") for name in names)


def children(pid: int) -> list[int]:
    """The workers of a driver (not the tracker of its resources), the youngest last."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


# ---- where pictures lie


def test_members_of_tar_files_and_rows_of_tables(tmp_path, capsys) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, level in (("x/one.png", 50), ("x/two.png", 60), ("../../out.png", 70), ("note.txt", 0)):
            member = tarfile.TarInfo(name)
            data = picture(level)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    cells = [{"bytes": picture(level), "path": "p"} for level in (80, 90)] + [None]
    parquet.write_table(pyarrow.table({"n": [1, 2, 3], "image": cells}), tmp_path / "t.parquet", row_group_size=1)
    assert batch(tmp_path / "run", [tmp_path / "a.tar", tmp_path / "t.parquet"]) == 1
    told = rows(tmp_path / "run")
    levels = {"x/one": 50, "x/two": 60, "out": 70, "t/00000000": 80, "t/00000001": 90}
    assert set(told) == {*levels, "t/00000002"}
    for name, level in levels.items():
        answer = Prediction.from_npz(tmp_path / "run" / told[name]["arrays"])
        assert float(answer.metres.mean()) == pytest.approx(metres(level), rel=0.01)
    assert told["x/one"]["image"].endswith("a.tar#x/one.png")
    assert "holds no picture" in told["t/00000002"]["error"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "run", "t.parquet"]


def test_object_stores(photos, tmp_path) -> None:
    pytest.importorskip("fsspec")
    several = list(sources(f"file://{photos}/1/*.png"))
    assert [one.id for one in several] == [str(level) for level in range(22, 50, 3)]
    assert several[0].read() == picture(22)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("deep/x.png", picture(33))
    (one,) = sources(f"zip://**/*.png::{tmp_path / 'z.zip'}")
    assert one.read() == picture(33)
    with pytest.raises(UsageError, match="no picture at"):
        list(sources(f"file://{tmp_path}/none/*.png"))


def test_names_stay_below_the_folder_of_answers() -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a/../../b", "..", "", "C:\\x\\..\\y", "a/\0/b", "x" * 5000):
        path = Path("/answers") / clean(name)
        assert path.resolve().is_relative_to("/answers") and path != Path("/answers")
        assert all(len(part) <= 120 for part in path.parts)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photos"], "give pictures and a question"),
        (["x.tar.gz", "metric depth"], "cannot open x.tar.gz"),
        (["x.tar", "metric depth"], "no plain tar file"),
        (["x.parquet", "metric depth"], "cannot be read as Parquet"),
        (["none/", "metric depth"], "cannot open none"),
        (["x.tar", "metric depth", "--workers", "0"], "--workers must be at least 1"),
        (["x.tar", "metric depth", "--format", "coco"], "the format 'coco' holds"),
    ],
)
def test_wrong_input_is_one_line(words, said, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.tar").write_bytes(b"junk" * 300)
    (tmp_path / "x.parquet").write_bytes(b"junk" * 300)
    assert main(["batch", *words, "-o", "run"]) == 2
    out, err = capsys.readouterr()
    assert said in out + err


def test_a_worker_that_cannot_begin_says_why(tmp_path) -> None:
    made = Order(MetricDepth(), tmp_path, "function", {"nonsense": 1})
    with pytest.raises(UsageError, match="takes no option 'nonsense'"):
        Driver(made, 1, Patience())


def test_an_actor_of_ray_answers_a_chunk(photos, tmp_path) -> None:
    """What an actor runs, without Ray itself; benchmarks/batch_kills.py --ray has a cluster."""
    from plantain.batch.cluster import Asker

    asker = Asker(order(tmp_path / "run"), Patience(0, 60))
    chosen = [Source(name, str(photos / name)) for name in ("1/22.png", "none.png", "2/23.png")]
    told = asker({"source": [json.dumps(asdict(one)) for one in chosen]})
    asker.driver.close()
    lines = {line["id"]: line for line in map(json.loads, told["line"])}
    assert [name for name in lines if "error" in lines[name]] == ["none.png"]
    assert set(lines) == {"1/22.png", "none.png", "2/23.png"} and json.loads(told["model"][0])["name"] == "function"


def test_one_driver_at_a_time_and_torn_lines_never_were(tmp_path) -> None:
    with Book(order(tmp_path)) as book:
        book.add({"id": "a"})
        book.add({"id": "a"})
        with pytest.raises(UsageError, match="another process"):
            Book(order(tmp_path))
    with (tmp_path / "rows.jsonl").open("ab") as file:
        file.write(b'{"id": "b"')
    with Book(order(tmp_path)) as book:
        assert book.done == {"a"}
        book.add({"id": "b"})
    assert set(rows(tmp_path)) == {"a", "b"}


def test_a_file_that_is_not_there_is_its_own_error(tmp_path) -> None:
    with pytest.raises(PhotoError, match="cannot read"):
        Source("x", f"file://{tmp_path}/none.png").read()

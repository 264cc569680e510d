"""Files appear whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plantain.errors import OutputError, UsageError
from plantain.files import locked, publish, staging, sweep, writing


def names(folder):
    return sorted(os.listdir(folder))


def stage(folder, error=None, **texts):
    """Writes files into a stage, then fails or publishes `picture` and `numbers`."""
    with staging(folder) as beside:
        for name, text in texts.items():
            (beside / name).write_text(text)
        if error is not None:
            raise error
        publish(beside, folder, ["picture", "numbers"])


def write(path, text, error=None):
    with writing(path) as beside:
        beside.write_text(text)
        if error is not None:
            raise error


def write_nested(folder):
    with staging(folder) as beside:
        (beside / "taken").write_text("a file")
        write(beside / "taken" / "x.png", "x")


def test_staged_files_are_published_in_order(tmp_path):
    folder = tmp_path / "made" / "on the way"
    with staging(folder) as beside:
        assert beside.parent == folder
        assert beside.name.startswith(f".plantain-{os.getpid()}-")
        for name in "abc":
            (beside / name).write_text(name)
        assert names(folder) == [beside.name], "nothing is seen before it is whole"
        publish(beside, folder, ["a", "b"])
    assert names(folder) == ["a", "b"], "what was not published is gone with the stage"


def test_the_last_file_goes_first_so_that_old_and_new_are_never_mixed(tmp_path):
    for name in ("picture", "numbers"):
        (tmp_path / name).write_text("old")
    with pytest.raises(OutputError):
        stage(tmp_path, picture="new")  # the numbers were never written
    assert (tmp_path / "picture").read_text() == "new"
    assert names(tmp_path) == ["picture"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError, UsageError, SystemExit])
def test_other_errors_pass_and_leave_nothing(stop, tmp_path):
    with pytest.raises(stop):
        stage(tmp_path, stop(), picture="half")
    with pytest.raises(stop):
        write(tmp_path / "file", "half", stop())
    assert names(tmp_path) == []


def test_what_the_file_system_refuses_is_one_clear_line(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OutputError, match=r"cannot write .*out: No space left on device; free") as refusal:
        write(tmp_path / "out", "half", full)
    assert "\n" not in str(refusal.value)
    assert isinstance(refusal.value.__cause__, OSError)
    assert names(tmp_path) == []


def test_a_writer_inside_a_stage_does_not_say_the_hidden_name(tmp_path):
    (tmp_path / "answers").mkdir()
    with pytest.raises(OutputError) as refusal:
        write_nested(tmp_path / "answers")
    assert ".plantain-" not in str(refusal.value)
    assert str(tmp_path / "answers") in str(refusal.value)
    own = OutputError("said by somebody")
    with pytest.raises(OutputError, match="said by somebody"), staging(tmp_path):
        raise own


def test_one_file_is_written_or_the_old_one_kept(tmp_path):
    target = tmp_path / "deep" / "numbers.json"
    write(target, "1")
    assert target.read_text() == "1"
    with pytest.raises(OutputError, match="cable pulled"):
        write(target, "2", OSError("cable pulled"))
    assert target.read_text() == "1"
    with writing(target) as beside:
        beside.write_text("3")
        assert target.read_text() == "1"
    assert target.read_text() == "3"
    assert names(target.parent) == ["numbers.json"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*x\.png: No such file"), writing(tmp_path / "x.png"):
        pass


@pytest.mark.parametrize("place", ["taken/x.png", "taken/deeper/x.png", "folder"])
def test_a_place_that_is_taken(place, tmp_path):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("kept")
    with pytest.raises(OutputError, match=f"cannot write {tmp_path / place}: "):
        write(tmp_path / place, "x")
    assert names(tmp_path) == ["folder", "taken"]
    assert names(tmp_path / "folder") == ["kept"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        write(tmp_path / "x.png", "x")


def test_sweep_takes_the_stages_of_dead_processes_only(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f".plantain-{dead.pid}-abc"
    stale.mkdir()
    (stale / "half.png").write_text("ha")
    kept = [f".plantain-{os.getpid()}-mine", ".plantain-notes-1", f".plantain-{10**30}-huge", ".plantain--1-x"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / f"plantain-{dead.pid}-visible").mkdir()
    assert sweep(tmp_path) == 1
    assert names(tmp_path) == sorted([*kept, f"plantain-{dead.pid}-visible"])
    assert sweep(tmp_path) == 0
    assert sweep(tmp_path / "missing") == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="says of ended processes in /proc")
def test_a_process_that_has_ended_counts_as_dead_though_nobody_waited_for_it(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left = tmp_path / f".plantain-{child.pid}-x"
    left.mkdir()
    assert sweep(tmp_path) == 0
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays in the table of processes
    assert sweep(tmp_path) == 1 and not left.exists()
    child.wait()


def test_a_killed_process_leaves_only_what_sweep_takes(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from plantain.files import writing\n"
        "with writing(Path(sys.argv[1]) / 'x.png') as beside:\n"
        "    beside.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode != 0
    assert not (tmp_path / "x.png").exists()
    assert sweep(Path(tmp_path)) == 1
    assert names(tmp_path) == []


@pytest.mark.parametrize("forks", [False, True])
def test_one_process_at_a_time_is_at_work_in_a_folder(forks: bool, tmp_path: Path) -> None:
    words = f"import sys, pathlib, plantain.files as files; files.locked(pathlib.Path(sys.argv[1]), forks={forks})"
    other = [sys.executable, "-c", words, str(tmp_path)]
    handle = locked(tmp_path, forks=forks)
    told = subprocess.run(other, capture_output=True, text=True)
    assert told.returncode == 1 and "another process is at work in" in told.stderr
    os.close(handle)
    assert subprocess.run(other).returncode == 0

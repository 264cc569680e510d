"""Files that appear whole or not at all, and texts in the encodings that people's editors write."""

from __future__ import annotations

import os
import shutil
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from plantain.errors import OutputError, UsageError

STAGE = ".plantain-"  # + process id + a random tail: a hidden folder in which answers are written


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without the byte-order mark that Windows writes, or in UTF-16 with one.

    Raises OSError, and ValueError where it is in another encoding."""
    raw = path.read_bytes()
    return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")


def _refusal(target: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {target}: {error.strerror or error}; free some space or choose another place")


@contextmanager
def staging(folder: Path, target: Path | None = None) -> Iterator[Path]:
    """A hidden folder inside `folder`, gone at the end whatever happens; `publish` takes files out of it.

    Raises OutputError, about `target` or else the folder, for whatever the file system refuses inside the block.
    """
    stage = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(mkdtemp(prefix=f"{STAGE}{os.getpid()}-", dir=folder))
        yield stage
    except OSError as error:
        raise _refusal(target or folder, error) from error
    except OutputError as error:  # from a writer inside the stage: people should not read its hidden name
        cause = error.__cause__
        raise (_refusal(target or folder, cause) if isinstance(cause, OSError) else error) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def publish(stage: Path, folder: Path, names: Iterable[str]) -> None:
    """Moves files from the stage into the folder, in this order: the last one says that all are there.

    An older last file goes first, so that old and new never pass for one answer.
    """
    ordered = list(names)
    (folder / ordered[-1]).unlink(missing_ok=True)
    for name in ordered:
        (stage / name).replace(folder / name)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A place to write one file, which becomes `path` when the block ends well. Raises OutputError."""
    with staging(path.parent, path) as stage:
        yield stage / path.name
        (stage / path.name).replace(path)


def sweep(folder: Path, begins: str = STAGE) -> int:
    """Removes the stages that killed processes of this machine left in `folder`; returns how many.

    `begins`: what their names begin with; the number of the process follows."""
    stale = [stage for stage in folder.glob(f"{begins}*-*") if not _alive(stage, begins)]
    for stage in stale:
        shutil.rmtree(stage, ignore_errors=True)
    return len(stale)


def _alive(stage: Path, begins: str) -> bool:
    owner = stage.name.removeprefix(begins).split("-")[0]
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, OSError):
        return True
    return not _ended(int(owner))


def _ended(pid: int) -> bool:
    """Whether a process has ended and nobody has asked for its exit code yet, where the system tells (Linux)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[:1] == ["Z"]


def locked(folder: Path, *, forks: bool = False) -> int:
    """A handle that keeps others from work in a folder until it is closed or this process ends. `forks`: processes that
    this one forks do not hold it longer, and only other processes are kept out. UsageError where one is at work."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    try:
        import fcntl
    except ImportError:  # a system without such locks
        return handle
    try:
        (fcntl.lockf if forks else fcntl.flock)(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise UsageError(f"another process is at work in {folder}; wait for it, or choose another folder") from None
    return handle

"""The folder in which the page keeps photos and files for an hour: one a process, gone at its end."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import time
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from plantain.errors import UsageError
from plantain.files import sweep

BEGINS = "plantain-page-"
KEPT_S = 3600.0
VARIABLE = "GRADIO_TEMP_DIR"  # where Gradio puts uploads


@cache
def folder() -> Path:
    """The folder, made when it is first asked for. What killed servers left is removed then."""
    sweep(Path(gettempdir()), BEGINS)
    made = Path(mkdtemp(prefix=f"{BEGINS}{os.getpid()}-")).resolve()
    os.environ[VARIABLE] = str(made)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def new_folder() -> Path:
    """A folder for the files of one answer, whose name nobody can guess."""
    made = folder() / secrets.token_urlsafe(16)
    made.mkdir(parents=True)
    return made


def owned(path: Any) -> Path:
    """A file of the folder. UsageError for any other: nobody gets to read what was not uploaded."""
    try:
        found = Path(path).resolve()
        inside = found.is_relative_to(folder()) and found.is_file()
    except (TypeError, ValueError, OSError):
        inside = False
    if not inside:
        raise UsageError("this file is not kept any more; drop it again")
    return found


def clean(older_than_s: float = KEPT_S) -> None:
    """Removes files that are older, and folders that are empty then."""
    until = time.time() - older_than_s
    for path in sorted(folder().rglob("*"), key=lambda one: -len(one.parts)):
        try:
            if path.is_dir():
                if path.stat().st_mtime < until:
                    path.rmdir()
            elif path.stat().st_mtime < until:
                path.unlink()
        except OSError:  # not empty, or gone
            continue

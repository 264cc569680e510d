"""Whatever a test reads from a whole path is read by a relative one too, and must be the same."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import pytest


def relative_too(reader):
    def read(*args, **options):
        found = reader(*args, **options)
        root = next((arg for arg in args if isinstance(arg, Path) and arg.is_dir()), None)
        if root is not None:
            with chdir(root.parent):
                again = reader(*(Path(arg.name) if arg is root else arg for arg in args), **options)
                assert [example.id for example in again] == [example.id for example in found]
                assert all(example.photo.exists() for example in again)
        return found

    return read


@pytest.fixture(autouse=True)
def by_relative_paths_too(request, monkeypatch):
    for name, value in list(vars(request.module).items()):
        if name == "read" or (name.startswith("read_") and getattr(value, "__module__", "").startswith("plantain")):
            monkeypatch.setattr(request.module, name, relative_too(value))

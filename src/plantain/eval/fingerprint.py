"""Hashes of what a figure hangs on, so that no figure outlives its photo, its label or its rules."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """A hash of arrays (dtype, shape and bytes) and of anything that `repr` tells apart, nested in lists, tuples and
    mappings as they come.

    >>> digest((1, [2.0])) == digest((1, [2.0])), digest(np.zeros(2)) == digest(np.zeros((1, 2)))
    (True, False)
    """
    found = hashlib.blake2b(digest_size=16)
    _add(found, value)
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).data)
    elif isinstance(value, Mapping):
        _add(found, list(value.items()))
    elif isinstance(value, list | tuple):
        found.update(f"{len(value)}(".encode())
        for part in value:
            _add(found, part)
    else:
        found.update(f"{value!r};".encode())


def file_digest(path: Path) -> str:
    """A hash of a file's content; "" where there is no such file."""
    return digest(np.frombuffer(path.read_bytes(), np.uint8)) if path.is_file() else ""

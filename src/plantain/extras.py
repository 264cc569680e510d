"""The optional parts of Plantain: which packages each needs, which of them are absent, and how to install them."""

from __future__ import annotations

import re
from importlib import metadata

DISTRIBUTION = "plantain-vision"


def version(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def extras() -> list[str]:
    """The extras that the installed distribution declares for users."""
    try:
        declared = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return []
    return [name for name in declared if name not in ("all", "dev", "mutants")]


def lacking(extra: str | None) -> list[str]:
    """Requirements of an extra ("torch>=2.6") whose packages are not installed; none for no extra."""
    try:
        required = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    ours = [line for line in required if re.search(rf"extra\s*==\s*['\"]{re.escape(extra or '-')}['\"]", line)]
    wanted = [line.split(";")[0].strip() for line in ours]
    return [one for one in wanted if version(package(one)) is None]


def package(requirement: str) -> str:
    """The name in a requirement.

    >>> package("torch>=2.6")
    'torch'
    """
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


def pip_command(*requirements: str) -> str:
    """What to type so that these packages are there. Plantain itself is on no package index, so it is not named.

    >>> pip_command("torch>=2.6", "onnx>=1.17")
    "pip install 'torch>=2.6' 'onnx>=1.17'"
    """
    return "pip install " + " ".join(f"'{one}'" for one in requirements)

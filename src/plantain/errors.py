"""Everything that Plantain refuses, as one small tree.

PlantainError            one clear line: what was got, what was wanted, what to do
├── UsageError           the question or an argument is wrong (exit code 2)
│   ├── UnknownName      no such task, model, code or class; says the nearest names
│   ├── MissingExtra     a feature needs a package that is not installed; says the pip command
│   └── CodeMismatch     a painting made with another color code than the one asked for
├── PhotoError           a photo that cannot be read (missing, empty, truncated, not an image, a bomb)
├── TruthError           numbers that cannot be painted (NaN, negative depth, wrong shape)
├── PainterError         a painter failed on one request; the others go on
│   └── PainterGone      it cannot paint any more (a process that died, an account that is empty)
└── OutputError          an answer that cannot be written (no permission, full disk)
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PlantainError(Exception):
    """Base of every error that Plantain raises on purpose; its text is one line for people."""


class UsageError(PlantainError):
    """The question or an argument is wrong."""


class UnknownName(UsageError):
    """A name that is in no table.

    >>> str(UnknownName("task", "metric dept", ["metric-depth", "normals"]))
    "unknown task 'metric dept'; did you mean 'metric-depth'? (known: metric-depth, normals)"
    """

    def __init__(self, what: str, got: str, known: Iterable[str]) -> None:
        names = list(known)
        lowered = {n.lower().replace("-", " "): n for n in names}
        near = [lowered[m] for m in get_close_matches(got.lower().replace("-", " "), lowered, n=3, cutoff=0.5)]
        hint = f"did you mean {', '.join(map(repr, near))}? " if near else ""
        super().__init__(f"unknown {what} {got!r}; {hint}(known: {', '.join(names)})")


class MissingExtra(UsageError):
    """A feature needs a package that is not installed; says how to install it with all that the extra lacks.

    >>> str(MissingExtra("some-package", ""))
    "this needs the package 'some-package', which is not installed; run: pip install 'some-package'"
    """

    def __init__(self, package: str, extra: str, install: str = "") -> None:
        """`install`: what pip shall install, where no extra has it."""
        from plantain.extras import lacking, pip_command  # reads the metadata of installed packages, which is slow

        wanted = [install] if install else lacking(extra) or [package]
        said = f"this needs the package {package!r}, which is not installed; run: {pip_command(*wanted)}"
        super().__init__(said)


class CodeMismatch(UsageError):
    """A painting carries one color code and was asked to be read with another."""

    def __init__(self, painted: str, asked: str) -> None:
        super().__init__(
            f"the painting was made with code {painted!r} but code {asked!r} was asked for; decode it with {painted!r}"
        )


class PhotoError(PlantainError):
    """A photo that cannot be read."""


class TruthError(PlantainError):
    """Numbers that cannot be painted."""


class PainterError(PlantainError):
    """A painter failed on one request."""


class PainterGone(PainterError):
    """A painter that cannot paint any more: what was not painted yet fails at once."""


class OutputError(PlantainError):
    """An answer that cannot be written."""

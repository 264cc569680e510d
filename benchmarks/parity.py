"""Our figures beside the official scorers', for every golden file: what the tests compare, printed.

    python benchmarks/parity.py [-o docs/generated/parity.md]

The tests under tests/eval compare with `pytest.approx`; here they run with an approx that notes down both numbers. The
tolerance is the test's own; a figure outside it fails there.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

SHARED = "depth_marigold"
KEPT = {"test_edges": "edges_bsds"}  # opened once for all tests of a module
OTHERS = "not excerpts and not corruptions and not run and not by_hand and not between"
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))


@dataclass(frozen=True)
class Pair:
    """One figure: ours and the official one, and the tolerance that the test names."""

    ours: float
    official: float
    tolerance: str

    @property
    def relative(self) -> float:
        gap = abs(self.ours - self.official)
        return gap / max(abs(self.official), 1e-12) if gap else 0.0


class Noted:
    """pytest.approx(official), which notes what it is compared with."""

    __array_ufunc__ = None

    def __init__(self, notes: Notes, official: Any, given: dict[str, Any]) -> None:
        self.notes, self.official, self.inner = notes, official, notes.approx(official, **given)
        self.tolerance = ", ".join(f"{name} {value:g}" for name, value in given.items()) or "rel 1e-06"

    def __eq__(self, ours: object) -> bool:
        if self.notes.file:
            mine, theirs = (np.atleast_1d(np.asarray(flat(v), float)).ravel() for v in (ours, self.official))
            if mine.shape == theirs.shape:
                key = self.notes.file, self.notes.test
                self.notes.pairs[key] += [
                    Pair(float(a), float(b), self.tolerance) for a, b in zip(mine, theirs, strict=True)
                ]
        return bool(self.inner == ours)

    def __repr__(self) -> str:
        return repr(self.inner)


class Notes:
    """A plugin of pytest: which test runs, which golden file it opened last, and what it compared."""

    def __init__(self) -> None:
        self.approx, self.file, self.test = pytest.approx, "", ""
        self.pairs: defaultdict[tuple[str, str], list[Pair]] = defaultdict(list)

    def pytest_runtest_setup(self, item: Any) -> None:
        self.file, self.test = KEPT.get(item.module.__name__, ""), item.name

    def opened(self, original: Any) -> Any:
        def golden(name: str) -> Any:
            if self.file in ("", SHARED):  # the inputs of this one serve all scorers of depth
                self.file = name
            return original(name)

        return golden


def flat(value: Any) -> Any:
    """The numbers of a dictionary or a list."""
    return list(value.values()) if isinstance(value, dict) else value


def collect() -> Notes:
    """Runs the tests of the metrics and gives what they compared."""
    import golden

    notes = Notes()
    golden.golden = notes.opened(golden.golden)
    told = io.StringIO()
    noting = mock.patch.object(pytest, "approx", lambda official, **given: Noted(notes, official, given))
    with noting, redirect_stdout(told):
        code = pytest.main(["-q", "-p", "no:cacheprovider", str(ROOT / "tests/eval"), "-k",
                            OTHERS], plugins=[notes])  # fmt: skip
    if code:
        sys.exit(f"the tests of the metrics fail:\n{told.getvalue()}")
    return notes


def markdown(notes: Notes) -> str:
    """A row a golden file and test: the first of its figures, how many there are, and the largest difference."""
    lines = ["| golden file | test | figures | the first: ours | official | difference | largest relative difference | "
             "tolerance |", "|-|-|-:|-:|-:|-:|-:|-|"]  # fmt: skip
    for (file, test), pairs in sorted(notes.pairs.items()):
        first, worst = pairs[0], max(pairs, key=lambda pair: pair.relative)
        lines.append(f"| {file} | `{test}` | {len(pairs)} | {first.ours:.9g} | {first.official:.9g} | "
                     f"{first.ours - first.official:.1e} | {worst.relative:.1e} | {worst.tolerance} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("-o", "--out", type=Path, help="a file for the table")
    given = args.parse_args()
    notes = collect()
    table = markdown(notes)
    files = {file for file, _ in notes.pairs}
    missing = {path.stem for path in (ROOT / "tests/golden").glob("*.json")} - files
    print(table)
    print(f"{sum(map(len, notes.pairs.values()))} figures of {len(files)} golden files; without a comparison: "
          f"{', '.join(sorted(missing)) or 'none'}", file=sys.stderr)  # fmt: skip
    if given.out:
        head = (
            "# Agreement with official scorers\n\nMade by `python benchmarks/parity.py -o docs/generated/parity.md`. "
        )
        given.out.write_text(f"{head}Inputs and official numbers: `tests/golden`.\n\n{table}")


if __name__ == "__main__":
    main()

"""Two versions of Plantain in one run: many photos, 12 megapixels, saving, start, each in turns on the same machine.

    git worktree add ../old COMMIT
    python benchmarks/beside.py ../old --data DATA [--folder nyu/test_dev/images] [--limit 327] [--turns 3]

Both run in this environment (the checkout's `src` is put before it). Every figure is a median of fresh processes that
take turns, old and new; the last column is old / new, so more than 1 is an improvement.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
SAVING = """
import sys, time, tempfile, numpy, plantain
from pathlib import Path
from PIL import Image
photo = numpy.asarray(Image.open(sys.argv[1]).convert("RGB"))
answer = plantain.load("embedded").predict(photo, sys.argv[2])
taken = []
for _ in range(3):
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        files = answer.save(folder, photo=photo)
        taken.append(time.process_time() - start)
        size = sum(Path(path).stat().st_size for path in files.values()) / 1e6
print(min(taken), size)
"""
IMPORT = "import time; a = time.perf_counter(); import plantain; print(time.perf_counter() - a)"


@dataclass(frozen=True)
class Version:
    """A checkout that is run in this environment."""

    root: Path

    def run(self, *arguments: str) -> tuple[float, float, str]:
        """Seconds, peak resident MiB and standard output of a Python process; SystemExit where it fails."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as complaints:
            start = time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, *arguments], stdout=out, stderr=complaints, cwd=tempfile.gettempdir(),
                env=os.environ | {"PYTHONPATH": str((self.root / "src").resolve())},
            )  # fmt: skip
            _, status, used = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), complaints.seek(0)
            if child.returncode:
                raise SystemExit(f"{self.root}: {' '.join(arguments)[:200]}: {complaints.read()[-1000:]}")
            peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 2**20
            return seconds, peak, out.read()

    def answers(self, photos: Sequence[str], question: str) -> tuple[float, float]:
        """Seconds of the command line for all photos, every file written, and its peak memory in MiB."""
        with tempfile.TemporaryDirectory() as folder:
            return self.run("-m", "plantain", *photos, question, "-o", folder)[:2]

    def saving(self, photo: str, question: str) -> tuple[float, float]:
        """Processor seconds of the fastest of three savings, and megabytes of all files."""
        seconds, size = self.run("-c", SAVING, photo, question)[2].split()
        return float(seconds), float(size)


def in_turns(
    versions: Sequence[Version], turns: int, measure: Callable[[Version], Sequence[float]]
) -> list[list[float]]:
    """Medians of what `measure` gives, for every version."""
    taken: list[list[Sequence[float]]] = [[] for _ in versions]
    for _ in range(turns):
        for version, list_ in zip(versions, taken, strict=True):
            list_.append(measure(version))
    return [[statistics.median(column) for column in zip(*rows, strict=True)] for rows in taken]


def row(name: str, units: Sequence[str], figures: Sequence[Sequence[float]]) -> None:
    """A line a unit: old, new, and how many times better new is."""
    old, new = figures
    for unit, before, now in zip(units, old, new, strict=True):
        print(f"| {name}, {unit} | {before:.3g} | {now:.3g} | {before / now:.2f} |", flush=True)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("old", type=Path, help="a checkout of the version before")
    args.add_argument("--data", type=Path, required=True)
    args.add_argument("--folder", default="nyu/test_dev/images")
    args.add_argument("--limit", type=int)
    args.add_argument("--turns", type=int, default=3)
    args.add_argument("--questions", nargs="*", default=["metric depth", "segment table, cup, spoon, wall"])
    given = args.parse_args()
    versions = [Version(given.old), Version(ROOT)]
    photos = [str(path.resolve()) for path in sorted((given.data / given.folder).glob("*.jpg"))[: given.limit]]
    print("| | before | now | times as good |\n|-|-:|-:|-:|")
    row("import", ["ms"], in_turns(versions, 3 * given.turns, lambda v: [1000 * float(v.run("-c", IMPORT)[2])]))
    row("--help", ["ms"], in_turns(versions, 3 * given.turns, lambda v: [1000 * v.run("-m", "plantain", "--help")[0]]))
    row("one photo, cold", ["s", "MiB"], in_turns(versions, given.turns, lambda v: v.answers(photos[:1], "edges")))
    for question in given.questions:
        figures = in_turns(versions, given.turns, partial(Version.answers, photos=photos, question=question))
        row(f"{len(photos)} photos, {question!r}", ["s a photo", "MiB"],
            [[seconds / len(photos), peak] for seconds, peak in figures])  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        large = str(Path(folder) / "large.jpg")
        Image.open(photos[0]).convert("RGB").resize((4000, 3000), Image.Resampling.LANCZOS).save(large, quality=92)
        for question in given.questions:
            answers = in_turns(versions, given.turns, partial(Version.answers, photos=[large], question=question))
            row(f"12 megapixels, {question!r}", ["s", "MiB"], answers)
            savings = in_turns(versions, 1, partial(Version.saving, photo=large, question=question))
            row(f"12 megapixels, saving {question!r}", ["CPU s", "MB"], savings)


if __name__ == "__main__":
    main()

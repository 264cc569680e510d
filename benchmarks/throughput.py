"""Many photos, one question: seconds a photo, peak memory.

    python benchmarks/throughput.py --data DATA [--limit 30] [--folder nyu/test_dev/images] [--question "metric depth"]

Runs the command line as people do, in one process. Exit code 1 where it fails, or a photo has no answer. kills.py looks
at what becomes of a command that is killed on its way.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finished:
    """One command that has ended: its JSON lines, wall seconds, peak resident bytes, and exit code."""

    records: list[dict[str, Any]]
    seconds: float
    peak_bytes: int
    code: int


def run(command: Sequence[str]) -> Finished:
    """Runs a command to its end."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        assert child.stdout is not None
        records = [json.loads(line) for line in child.stdout]
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = code = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        if code:
            complaints.seek(0)
            sys.stderr.write(complaints.read())
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Finished(records, time.perf_counter() - start, peak, code)


def measure(command: Sequence[str], out: Path, photos: int) -> list[str]:
    """Says how long it took; returns what went wrong."""
    done = run([*command, "-o", str(out)])
    seconds = [record["seconds"] for record in done.records if record.get("seconds")]
    if done.code or len(seconds) < photos:
        return [f"the command ended with exit code {done.code} after {len(seconds)} of {photos} answers"]
    print(f"photos: {photos}")
    print(f"seconds a photo, all in all: {done.seconds / photos:.3f} ({done.seconds:.1f} s in one process)")
    print(f"seconds a photo, median of what the command says: {statistics.median(seconds):.3f}")
    print(f"peak resident memory: {done.peak_bytes / 2**20:.0f} MiB")
    return []


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="the excerpt folder")
    args.add_argument("--folder", default="nyu/test_dev/images", help="photos, inside DATA")
    args.add_argument("--question", default="metric depth")
    args.add_argument("--model", default="embedded")
    args.add_argument("--limit", type=int, help="the first so many photos only")
    given = args.parse_args()
    photos = sorted((given.data / given.folder).glob("*.jpg"))[: given.limit]
    if not photos:
        args.error(f"no photos under {given.data / given.folder}")
    asked = map(str, photos) if given.limit else [str(given.data / given.folder)]
    command = [sys.executable, "-m", "plantain", *asked, given.question, "--model", given.model]
    with tempfile.TemporaryDirectory() as folder:
        wrong = measure(command, Path(folder) / "out", len(photos))
    for line in wrong:
        print("WRONG:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Many photos, one question: seconds a photo, peak memory; then killed in the middle, and asked to go on.

    python benchmarks/throughput.py --data DATA [--limit 30] [--folder nyu/test_dev/images] [--question "metric depth"]

Runs the command line as people do. The second half starts the same command again in an empty folder, kills it
(SIGKILL) several times on its way, looks at what lies in the folder, and lets the last run end.
Exit code 1 where an answer is half-written, missing, painted twice, or unlike that of the unbroken run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROLES = {"npz": "arrays", "overlay.png": "overlay", "png": "painting"}


@dataclass(frozen=True)
class Finished:
    """One command that has ended: its JSON lines, wall seconds, peak resident bytes, and exit code (-9 = killed)."""

    records: list[dict[str, Any]]
    seconds: float
    peak_bytes: int
    code: int


def run(command: Sequence[str], kill_after: int | None = None, share: float = 0.0) -> Finished:
    """Runs a command to its end, or kills it after so many new answers and a share of the next one's time."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as complaints:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        records = []
        assert child.stdout is not None
        for line in child.stdout:
            records.append(json.loads(line))
            if kill_after is not None and sum(not record.get("skipped") for record in records) >= kill_after:
                time.sleep(share * records[-1]["seconds"])
                os.kill(child.pid, signal.SIGKILL)
                break
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = code = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        complaints.seek(0)
        if code not in (0, -signal.SIGKILL):
            sys.stderr.write(complaints.read())
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Finished(records, time.perf_counter() - start, peak, code)


def answers(folder: Path) -> dict[str, dict[str, Path]]:
    """The visible files of a folder: stem -> role -> path. Hidden files are the writer's own business."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(p for p in folder.glob("*") if not p.name.startswith(".")):
        stem, rest = path.name.split(".", 1)
        role = ROLES[rest.split(".", 1)[1]]
        found.setdefault(stem, {})[role] = path
    return found


def whole(path: Path) -> bool:
    """Whether a file can be read to its last byte."""
    try:
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return all(arrays[name].size for name in arrays.files)
        with Image.open(path) as image:
            image.load()
        return True
    except Exception as error:  # each way of failing means the same
        print(f"not whole: {path.name}: {error}", file=sys.stderr)
        return False


def same(first: Path, second: Path) -> bool:
    """Whether two .npz files hold the same numbers."""
    with np.load(first) as a, np.load(second) as b:
        return sorted(a.files) == sorted(b.files) and all(
            np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f") for name in a.files
        )


def stamps(files: dict[str, Path]) -> dict[str, int]:
    return {role: path.stat().st_mtime_ns for role, path in files.items()}


def measure(command: Sequence[str], out: Path, photos: Sequence[Path]) -> list[str]:
    """The unbroken run; returns what went wrong."""
    done = run([*command, "-o", str(out)])
    seconds = [record["seconds"] for record in done.records if record.get("seconds")]
    if done.code or not seconds:
        return [f"the command ended with exit code {done.code} after {len(done.records)} answers"]
    print(f"photos: {len(done.records)}")
    print(f"seconds a photo, all in all: {done.seconds / len(done.records):.3f} ({done.seconds:.1f} s in one process)")
    print(f"seconds a photo, median of what the command says: {statistics.median(seconds):.3f}")
    print(f"peak resident memory: {done.peak_bytes / 2**20:.0f} MiB")
    return complete(out, photos)


def complete(out: Path, photos: Sequence[Path]) -> list[str]:
    """What is missing or broken in a folder where every photo should have its answer."""
    found = answers(out)
    wrong = [f"{p.stem}: has {sorted(found.get(p.stem, {}))}" for p in photos if len(found.get(p.stem, {})) < 3]
    return wrong + [
        f"{path.name} is not whole" for files in found.values() for path in files.values() if not whole(path)
    ]


def interrupt(command: Sequence[str], out: Path, unbroken: Path, photos: Sequence[Path], kills: int) -> list[str]:
    """Kills the command several times somewhere on its way, looks, and lets it end; returns what went wrong."""
    wrong: list[str] = []
    kept: dict[str, dict[str, int]] = {}
    rng = np.random.default_rng(0)
    for number in range(1, kills + 1):
        killed = run([*command, "-o", str(out)], max(1, len(photos) // (kills + 1)), rng.random())
        left = answers(out)
        wrong += [
            f"after kill -9, {p.name} is not whole" for files in left.values() for p in files.values() if not whole(p)
        ]
        wrong += [f"painted twice: {stem}" for stem, old in kept.items() if stamps(left.get(stem, {})) != old]
        kept = {stem: stamps(files) for stem, files in left.items() if len(files) == len(ROLES)}
        part = len(left) - len(kept)
        print(
            f"kill {number} (exit {killed.code}): {len(kept)} complete, {part} in part, {len(wrong)} wrong", flush=True
        )
    again = run([*command, "-o", str(out)])
    if again.code:
        return [*wrong, f"going on ended with exit code {again.code}"]
    return wrong + resumed(again, kept, out, unbroken, photos)


def resumed(
    again: Finished, kept: dict[str, dict[str, int]], out: Path, unbroken: Path, photos: Sequence[Path]
) -> list[str]:
    """What is wrong after the last run: answers lost, changed or painted twice, and leftovers."""
    skipped = {Path(record["image"]).stem for record in again.records if record.get("skipped")}
    now, first = answers(out), answers(unbroken)
    wrong = complete(out, photos)
    twice = [stem for stem, old in kept.items() if stem not in skipped or stamps(now[stem]) != old]
    stages = [path.name for path in out.glob(".*")]
    other = [] if wrong else [p.stem for p in photos if not same(now[p.stem]["arrays"], first[p.stem]["arrays"])]
    print(f"went on: {len(again.records) - len(skipped)} painted, {len(skipped)} skipped, {len(twice)} painted twice")
    print(f"         {len(other)} unlike the unbroken run's, {len(stages)} hidden leftovers")
    wrong += [f"painted twice: {stem}" for stem in twice] + [f"left over: {name}" for name in stages]
    return wrong + [f"unlike the unbroken run's: {stem}" for stem in other]


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="the excerpt folder")
    args.add_argument("--folder", default="nyu/test_dev/images", help="photos, inside DATA")
    args.add_argument("--question", default="metric depth")
    args.add_argument("--model", default="embedded")
    args.add_argument("--limit", type=int, help="the first so many photos only")
    args.add_argument("--kills", type=int, default=3, help="how often the second run is killed")
    given = args.parse_args()
    photos = sorted((given.data / given.folder).glob("*.jpg"))[: given.limit]
    if not photos:
        args.error(f"no photos under {given.data / given.folder}")
    asked = map(str, photos) if given.limit else [str(given.data / given.folder)]
    command = [sys.executable, "-m", "plantain", *asked, given.question, "--model", given.model]
    with tempfile.TemporaryDirectory() as folder:
        unbroken, broken = Path(folder) / "unbroken", Path(folder) / "broken"
        wrong = measure(command, unbroken, photos) or interrupt(command, broken, unbroken, photos, given.kills)
    for line in wrong:
        print("WRONG:", line)
    print("all is well" if not wrong else f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

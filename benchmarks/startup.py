"""How long until something happens: imports, help, the first answer, every further answer; beside two small networks.

    python benchmarks/startup.py --data DATA [--photo photo.jpg] [--repeats 5]

Medians (and the range) of fresh processes, and of calls in one process that take turns, on at most two cores. METER-xxs
and DeepLab are specialists of their trade; they are there so that machines can be compared by the ratio.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.errors import PlantainError

PLANTAIN = [sys.executable, "-m", "plantain"]
IMPORT = "import time; a = time.perf_counter(); import {}; print(time.perf_counter() - a)"
PERCEPTION, QUESTION = "plantain, metric depth", "metric depth"


def process_seconds(command: Sequence[str]) -> float:
    """A fresh process, from start to end."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def import_seconds(module: str) -> float:
    """`import module` in a fresh interpreter, without the interpreter's own start."""
    run = [sys.executable, "-c", IMPORT.format(module)]
    return float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def first_answer_seconds(photo: Path) -> float:
    """A fresh process, until its first line is on stdout: the answer is then on disk."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [*PLANTAIN, str(photo), QUESTION, "-o", folder]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert child.stdout is not None
        line = child.stdout.readline()
        seconds = time.perf_counter() - start
        _, complaint = child.communicate()
        if child.returncode or not line:
            raise SystemExit(f"no first answer: {complaint.strip()}")
        return seconds


def in_turn(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every call, once round before counting, then taking turns so that a busy machine is fair to all."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return taken


def perceivers(data: Path, photo: Path) -> dict[str, Callable[[], object]]:
    """Photo in memory -> numbers in memory, for Plantain and for the specialists that can be run here."""
    import plantain

    pixels = np.asarray(Image.open(photo).convert("RGB"))
    ours = plantain.load("embedded")
    calls: dict[str, Callable[[], object]] = {PERCEPTION: lambda: ours.predict(pixels, QUESTION)}
    for said, name, question in (
        ("METER-xxs, depth", "meter", QUESTION),
        ("DeepLab-MobileNetV2, 21 classes", "deeplab-voc", "segment the person"),
    ):
        try:
            model = plantain.load(name, weights=data / "weights")
            model.predict(pixels, question)
        except PlantainError as error:
            print(f"{said}: skipped ({error})")
            continue
        # without the memory of the last photo, which a specialist keeps for further questions
        calls[said] = lambda model=model, question=question: (model.specialist.infer(pixels), question)
    return calls


def line(name: str, seconds: Sequence[float], unit: str) -> str:
    factor = {"ms": 1000, "s": 1}[unit]
    form = {"ms": ".0f", "s": ".3f"}[unit]
    low, middle, high = (format(factor * f(seconds), form) for f in (min, statistics.median, max))
    return f"{name}: {middle} {unit} ({low} to {high})"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="the excerpt folder")
    args.add_argument("--photo", type=Path, help="default: the first NYU test photo")
    args.add_argument("--repeats", type=int, default=5)
    given = args.parse_args()
    photo = given.photo or min((given.data / "nyu/test_dev/images").glob("*.jpg"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "onnxruntime"))
    print(f"Python {platform.python_version()}, {versions}, {photo.name} {Image.open(photo).size}{load}")
    times = range(given.repeats)
    print(line("python -c pass", [process_seconds([sys.executable, "-c", "pass"]) for _ in times], "ms"))
    print(line("import numpy", [import_seconds("numpy") for _ in times], "ms"))
    print(line("import plantain", [import_seconds("plantain") for _ in times], "ms"))
    print(line("plantain --help", [process_seconds([*PLANTAIN, "--help"]) for _ in times], "ms"))
    print(line("cold start to first answer", [first_answer_seconds(photo) for _ in times], "s"), flush=True)
    taken = in_turn(perceivers(given.data, photo), given.repeats)
    ours = statistics.median(taken[PERCEPTION])
    for name, seconds in taken.items():
        ratio = "" if name == PERCEPTION else f"; plantain takes {ours / statistics.median(seconds):.1f} times as long"
        print(line(name, seconds, "s") + ratio)


if __name__ == "__main__":
    main()

"""What a batch costs beside the painting, with 1 and 2 workers, and where it would end on a cluster.

    python benchmarks/batch_scaling.py [--pictures 300]

The painter costs nothing, so that what is measured is all else: reading, decoding, writing three files, the driver.
Processor seconds say more than the clock on a machine that others use too. The calculation takes the embedded
generator's seconds a photo from the option --painting.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import pickle
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.batch.sources import Source
from plantain.batch.worker import Order
from plantain.cli.batch import BatchArgs, run
from plantain.tasks import MetricDepth

SHAPE = (480, 640, 3)
WORKERS, BILLION = 1000, 1e9


def free(photo: np.ndarray, _prompt: str, _seed: int) -> np.ndarray:
    """A painting that costs nothing."""
    return photo


def seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def measure(folder: Path, sources: list[Source], workers: int) -> tuple[float, float, float, int]:
    """Seconds a picture by the clock, of the driver's and the workers' processors, and bytes of a line."""
    order = Order(MetricDepth(), folder / f"run-{workers}", "function", {"paint": free, "side": 320})
    start = time.perf_counter()
    before = seconds(resource.RUSAGE_SELF), seconds(resource.RUSAGE_CHILDREN)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = run(order, sources, BatchArgs(workers), quiet=True)
    if code or json.loads(told.getvalue())["done"] != len(sources):
        raise SystemExit(f"the batch failed: {told.getvalue()}")
    wall = time.perf_counter() - start
    after = seconds(resource.RUSAGE_SELF), seconds(resource.RUSAGE_CHILDREN)
    line = (order.folder / "rows.jsonl").stat().st_size
    count = len(sources)
    return wall / count, (after[0] - before[0]) / count, (after[1] - before[1]) / count, line // count


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pictures", type=int, default=300)
    args.add_argument("--painting", type=float, default=0.6, help="processor seconds of a painting")
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, chance, sources = Path(place), np.random.default_rng(0), []
        small = chance.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(small).resize(SHAPE[1::-1], Image.Resampling.BICUBIC).save(folder / "photo.jpg")
        content = (folder / "photo.jpg").read_bytes()
        for i in range(given.pictures):
            (folder / f"{i:05}.jpg").write_bytes(content)
            sources.append(Source(f"{i % 100:02}/{i:05}", str(folder / f"{i:05}.jpg")))
        for workers in (1, 2):
            wall, driver, work, line = measure(folder, sources, workers)
            print(f"{workers} workers: {wall * 1e3:.0f} ms a picture by the clock")
            print(
                f"processor: driver {driver * 1e3:.2f} ms, workers {work * 1e3:.0f} ms a picture (their start included)"
            )
    source, each = len(pickle.dumps(sources)) / len(sources), given.painting + work
    rate, most = WORKERS / each, 1 / driver
    days = BILLION / min(rate, most) / 86400
    print(f"{WORKERS} workers of {each:.2f} s a picture could do {rate:.0f} pictures a second, one driver {most:.0f}")
    print(
        f"a billion pictures: {days:.1f} days, {line:.0f} GB of lines, {source:.0f} GB of names in the driver's memory"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

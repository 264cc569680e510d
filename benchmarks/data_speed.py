"""How fast instruction data is made and read: samples a second, and processor time a sample, by number of workers.

    python benchmarks/data_speed.py [--data DATA] [--samples 64] [--size 512]

With --data the excerpt sets, else a made folder of photos with depth and labels at 640 x 480. Reading is that of one
process, every member of a sample decoded; "wall" hangs on what else the machine does, "CPU" hardly.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.build import build, plan_build
from plantain.data.instructions import Settings
from plantain.data.schedule import Schedule
from plantain.data.sources import parse_sources
from plantain.data.stream import Mixture, Shards
from plantain.models.painters.generators.sizes import Size
from plantain.tasks.base import STYLES

PHOTOS = 24  # of the made folder


def made_folder(home: Path) -> Path:
    """Smooth photos with depth and labels, of about the detail of real ones."""
    rng = np.random.default_rng(0)
    for name in ("images", "depth", "labels"):
        (home / name).mkdir(parents=True)
    for i in range(PHOTOS):
        small = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
        photo = np.asarray(small.resize((640, 480), Image.Resampling.BICUBIC)) + rng.normal(0, 4, (480, 640, 3))
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(home / "images" / f"{i}.jpg", quality=90)
        steps = np.asarray(
            Image.fromarray(rng.integers(0, 4, (6, 8), np.uint8)).resize((640, 480), Image.Resampling.NEAREST)
        )
        Image.fromarray(steps).save(home / "labels" / f"{i}.png")
        Image.fromarray((1000 + 900 * steps).astype(np.uint16)).save(home / "depth" / f"{i}.png")
    (home / "classes.txt").write_text("wall\nfloor\nbed\nlamp\n")
    return home


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock, and of the processors, those of workers too."""
    start, before = time.perf_counter(), os.times()
    work()
    after = os.times()
    cpu = sum(after[i] - before[i] for i in range(4))
    return time.perf_counter() - start, cpu


def line(what: str, count: int, wall: float, cpu: float) -> None:
    print(f"{what:<28} {count / wall:8.1f} a second (wall) {1000 * cpu / count:9.3f} ms of CPU each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--size", type=int, default=512)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        kinds = ["excerpts"] if given.data else ["folder"]
        sources = parse_sources([given.data or made_folder(home / "made")], kinds, "train")
        settings = Settings(Size(multiple=32).buckets(given.size), STYLES)
        for workers in (1, 2):
            plan = plan_build(sources, settings, given.samples)
            wall, cpu = measured(partial(build, plan, home / f"{workers}", workers))
            line(f"build, {workers} worker{'s' if workers > 1 else ''}", given.samples, wall, cpu)
        size = sum(f.stat().st_size for f in (home / "1").glob("*.tar")) / given.samples
        shards = Shards(home / "1", check=True)
        wall, cpu = measured(lambda: [shards[i] for i in range(len(shards))])
        line("read, hashes checked", given.samples, wall, cpu)
        mixture = Mixture([shards, Shards(home / "2")], (0.7, 0.3))
        wall, cpu = measured(lambda: [mixture.locate(n) for n in range(100_000)])
        line("order of a mixture", 100_000, wall, cpu)
        counts = np.bincount([Schedule((0.5, 0.3, 0.2)).locate(n)[0] for n in range(10_000)])
        print(f"a sample takes {size / 1000:.0f} kB; counts of shares .5 .3 .2 over 10,000: {counts.tolist()}")


if __name__ == "__main__":
    main()

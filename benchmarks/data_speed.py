"""How fast instruction data is made and read, and in which order: samples a second, processor time, proportions.

    python benchmarks/data_speed.py [--data DATA] [--samples 64] [--size 512]

With --data the excerpt sets, else a made folder of photos with depth and labels at 640 x 480. Reading decodes every
member of a sample; "wall" hangs on what else the machine does, "CPU" hardly. Exit code 1 where over 10,000 samples a
folder is not exactly its share, or the samples of a step are others with 2 or 4 processes, or after a restart in a new
process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.build import build, plan_build
from plantain.data.instructions import Settings
from plantain.data.sources import parse_sources
from plantain.data.stream import Mixture, Shards, step_numbers
from plantain.models.painters.generators.sizes import Size
from plantain.tasks.base import STYLES

PHOTOS = 24  # of the made folder
SHARES, DRAWN = (0.5, 0.3, 0.2), 10_000


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


def parts_of(mixture: Mixture, batch: int, rank: int = 0, world: int = 1, start: int = 0) -> list[list[str]]:
    """What one of several processes sees from a step on, step by step."""
    steps = range(start, DRAWN // batch)
    located = [[mixture.locate(n) for n in step_numbers(step, batch, rank, world)] for step in steps]
    return [[f"{part}/{mixture.parts[part].rows[i]['key']}" for part, i in step] for step in located]


def order_of(folders: list[Path], batch: int, world: int = 1, start: int = 0) -> list[list[str]]:
    """What all of several processes see together; each is a process of its own, as after a restart."""
    with ProcessPoolExecutor(world, multiprocessing.get_context("spawn")) as pool:
        each = [pool.submit(_seen, folders, batch, rank, world, start) for rank in range(world)]
        found = [one.result() for one in each]
    return [[row[i] for i in range(batch // world) for row in step] for step in zip(*found, strict=True)]


def _seen(folders: list[Path], batch: int, rank: int, world: int, start: int) -> list[list[str]]:
    return parts_of(Mixture([Shards(one) for one in folders], SHARES), batch, rank, world, start)


def _read(folder: Path, numbers: Iterable[int]) -> int:
    shards = Shards(folder, check=True)
    return sum(1 for n in numbers if shards[n].prompt)


def check_order(folders: list[Path]) -> bool:
    """Prints what was drawn; whether all is as it should be."""
    mixture, batch = Mixture([Shards(one) for one in folders], SHARES), 8
    counts = np.bincount([mixture.locate(n)[0] for n in range(DRAWN)]).tolist()
    whole = parts_of(mixture, batch)
    alike = {f"{world} processes": order_of(folders, batch, world) == whole for world in (1, 2, 4)}
    alike |= {f"from step {start}": order_of(folders, batch, 2, start) == whole[start:] for start in (1, 637)}
    print(f"counts of shares {SHARES} over {DRAWN:,}: {counts}; the same order: {alike}")
    return all(alike.values()) and counts == [round(share * DRAWN) for share in SHARES]


def main() -> int:
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
        halves = [range(half, given.samples, 2) for half in (0, 1)]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(_read, [home / "1"] * 2, [range(1)] * 2))  # started
            wall, _ = measured(lambda: list(pool.map(_read, [home / "1"] * 2, halves)))
        print(f"{'read, 2 processes':<28} {given.samples / wall:8.1f} a second (wall)")
        mixture = Mixture([shards, Shards(home / "2")], (0.7, 0.3))
        wall, cpu = measured(lambda: [mixture.locate(n) for n in range(100_000)])
        line("order of a mixture", 100_000, wall, cpu)
        print(f"a sample takes {size / 1000:.0f} kB")
        for number in (3, 4):
            build(plan_build(sources, settings, 16, seed=number), home / f"{number}", 1)
        return 0 if check_order([home / "1", home / "3", home / "4"]) else 1


if __name__ == "__main__":
    sys.exit(main())

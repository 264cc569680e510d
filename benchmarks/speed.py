# ruff: noqa: E402 (the thread counts must be set before NumPy is imported)
"""How long decoding takes: ours beside the public decoder, plain NumPy and the paper's, in one run on one core.

    python benchmarks/speed.py [--data DATA/vision-banana-page] [--repeats 7] [--size 1216 864] [-o FILE.md]

The pictures are made up (seeded): a depth painting with silhouettes and noise, a legend of 20 colors, things in flat
colors, normals. With --data the published paintings take their place, enlarged to the same size by nearest neighbor.
Milliseconds are medians of repeats that take turns, so that a busy machine is busy for all.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from plantain import tasks
from plantain.codecs import blobs, palette, sphere
from plantain.codecs.curve import CURVES, decode_depth

Picture = np.ndarray
LEGEND = palette.pick(20, seed=3)
OFFICIAL = {  # a published painting for each made-up one
    "depth": "depth__depth_eth3d_205_1", "legend": "semseg__img2-prompt1", "things": "insseg__insseg2_2",
    "normals": "normal__sn_4_out",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One decoder on one picture, and what it is compared with: its name and the same work done that way."""

    name: str
    picture: str
    ours: Callable[[Picture], object]
    beside: str = ""
    other: Callable[[Picture], object] | None = None
    slow: bool = False  # the other takes seconds: fewer repeats


# ---- the others


def hilbertmap_depth(rgb: Picture) -> Picture:
    """The public decoder of the cube walk (same order of corners): metres only."""
    from hilbertmap import rgb_to_depth

    with np.errstate(divide="ignore"):
        return np.asarray(rgb_to_depth(rgb / 255.0))


def plain_nearest(rgb: Picture, colors: Picture = LEGEND) -> tuple[Picture, Picture]:
    """argmin over a height x width x colors x 3 broadcast, float32, and the distance."""
    away = np.square(rgb[:, :, None].astype(np.float32) - colors.astype(np.float32)).sum(-1)
    ids = away.argmin(-1)
    return ids, np.sqrt(np.take_along_axis(away, ids[..., None], -1)[..., 0])


def plain_map(rgb: Picture) -> Picture:
    """The nearest of a colormap's 256 colors (not the nearest point between two), 16 rows at once."""
    points = CURVES["viridis"].points
    return np.concatenate([plain_nearest(rgb[k : k + 16], points)[0] for k in range(0, len(rgb), 16)])


def plain_normals(rgb: Picture) -> Picture:
    """The formula as one writes it, float64."""
    xyz = (rgb / 255.0 * 2 - 1) * [-1, 1, 1]
    return np.asarray(xyz / np.linalg.norm(xyz, axis=-1, keepdims=True))


ROWS = (
    Row("cube walk: metres, validity, confidence, repair", "depth", lambda p: decode_depth(p, CURVES["cube"]),
        "`hilbertmap` 0.1.3 (metres only)", hilbertmap_depth, slow=True),
    Row("logarithmic gray: the same", "gray", lambda p: decode_depth(p, CURVES["log-gray"])),
    Row("viridis: the same", "viridis", lambda p: decode_depth(p, CURVES["viridis"]),
        "NumPy argmin over 256 colors", plain_map, slow=True),
    Row("legend of 20: class, distance, margin", "legend", lambda p: palette.nearest(p, LEGEND),
        "NumPy argmin over a broadcast (class, distance)", plain_nearest, slow=True),
    Row("legend of 20: the painting's own colors", "legend", lambda p: palette.refine(p, LEGEND)),
    Row("things by flat colors", "things", blobs.decode, "the paper's decoder", blobs.decode_paper, slow=True),
    Row("things by location colors", "centers", blobs.decode_centers),
    Row("normals: unit vectors, length", "normals", sphere.decode, "NumPy float64 (unit vectors only)", plain_normals),
)  # fmt: skip
_NAMES = tuple(f"class {i}" for i in range(len(LEGEND)))
_TASKS: dict[str, tuple[tasks.Task, str]] = {
    "metric depth": (tasks.MetricDepth(), "depth"),
    "normals": (tasks.SurfaceNormals(), "normals"),
    "semantic, 20 classes": (
        tasks.SemanticSegmentation(tuple(zip(_NAMES, map(tuple, LEGEND.tolist()), strict=True)), (0, 0, 0)), "legend"
    ),
    "instances": (tasks.InstanceSegmentation("thing"), "things"),
    "instances by location colors": (tasks.InstanceSegmentation("thing", code="centers"), "centers"),
    "boxes": (tasks.ObjectDetection("thing"), "centers"),
    "segment, one thing": (tasks.ReferringSegmentation("the thing"), "things"),
}  # fmt: skip
WHOLE = tuple(Row(f"`decode` of {name}", picture, task.decode) for name, (task, picture) in _TASKS.items())


# ---- pictures


def made(width: int, height: int) -> dict[str, Picture]:
    """A painting of each kind, as a good generator paints: near the exact colors, with a little noise."""
    rng = np.random.default_rng(5)
    discs = made_discs(rng, width, height)
    metres = made_depth(discs, width, height)
    flat = np.vstack([np.zeros((1, 3), np.uint8), palette.pick(len(LEGEND), seed=9)])[discs]
    stripes = (np.arange(width) // 90 + 3 * (np.arange(height)[:, None] // 120) + discs) % len(LEGEND)
    masks = np.stack([discs == k for k in range(1, discs.max() + 1)])
    exact = {
        "depth": CURVES["cube"].encode(metres),
        "gray": CURVES["log-gray"].encode(metres),
        "viridis": CURVES["viridis"].encode(metres),
        "legend": LEGEND[stripes],
        "things": flat,
        "centers": blobs.encode_centers(masks),
        "normals": sphere.encode(made_normals(metres)),
    }
    return {name: np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8) for name, rgb in exact.items()}


def made_discs(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """0 for background, 1, 2, ... for discs, later ones in front."""
    ys, xs = np.mgrid[:height, :width]
    out = np.zeros((height, width), np.int64)
    for k in range(1, len(LEGEND) + 1):
        x, y, radius = rng.random() * width, rng.random() * height, rng.uniform(0.03, 0.12) * width
        out[(xs - x) ** 2 + (ys - y) ** 2 < radius**2] = k
    return out


def made_depth(discs: np.ndarray, width: int, height: int) -> np.ndarray:
    """A floor that runs to a wall at 9 m, and discs that stand before it."""
    down = np.linspace(-0.5, 1, height)[:, None]
    floor = np.minimum(1.4 / np.maximum(down, 1e-3), 9) + 0 * np.arange(width)
    return np.where(discs > 0, 0.8 + 0.3 * discs + 0.2 * down, floor)


def made_normals(metres: np.ndarray) -> np.ndarray:
    slope = np.stack([*np.gradient(metres)[::-1], np.full(metres.shape, 0.02)], -1) * [-1, 1, 1]
    return np.asarray(slope / np.linalg.norm(slope, axis=-1, keepdims=True))


def published(root: Path, width: int, height: int) -> dict[str, Picture]:
    """The paper's own paintings, enlarged without new colors."""
    names = {Path(p["output"]).stem: p["output"] for p in json.loads((root / "pairs.json").read_text())["pairs"]}
    pictures = {kind: Image.open(root / names[stem]).convert("RGB") for kind, stem in OFFICIAL.items()}
    return {kind: np.array(p.resize((width, height), Image.Resampling.NEAREST)) for kind, p in pictures.items()}


# ---- the table


def measure(row: Row, picture: Picture, repeats: int) -> tuple[float, float | None]:
    """Median milliseconds of ours and of the other, taking turns after one run each that does not count."""
    times: dict[Callable[[Picture], object], list[float]] = {row.ours: []}
    if row.other is not None:
        times[row.other] = []
    for turn in range(repeats + 1):
        for function, spent in times.items():
            if function is row.other and row.slow and turn > 3:
                continue
            start = time.perf_counter()
            function(picture)
            if turn:
                spent.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[row.ours]), statistics.median(times[row.other]) if row.other is not None else None


def table(pictures: dict[str, Picture], repeats: int) -> list[str]:
    lines = ["| decoder | ours, ms | beside | ms | times faster |", "|-|-:|-|-:|-:|"]
    for row in (*ROWS, *WHOLE):
        ours, other = measure(row, pictures[row.picture], repeats)
        compared = f"{row.beside} | {other:.0f} | {other / ours:.1f}" if other is not None else " | | "
        lines.append(f"| {row.name} | {ours:.1f} | {compared} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, help="the folder with pairs.json and pictures/ of the project page")
    args.add_argument("--repeats", type=int, default=7)
    args.add_argument("--size", type=int, nargs=2, default=(1216, 864), metavar=("WIDTH", "HEIGHT"))
    args.add_argument("-o", "--out", type=Path, help="a file for the table")
    given = args.parse_args()
    pictures = made(*given.size) | (published(given.data, *given.size) if given.data else {})
    width, height = given.size
    text = "\n".join(
        [
            "# Decoding speed\n",
            f"    python benchmarks/speed.py {' '.join(sys.argv[1:])}\n",
            f"{width} x {height} pixels, 8 bits, one core, NumPy {np.__version__}, Python {sys.version.split()[0]}; "
            f"medians of {given.repeats} (of 3 for what takes seconds).\n",
            *table(pictures, given.repeats),
        ]
    )
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

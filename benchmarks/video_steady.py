"""Photographs under camera motion, with known depth: does steadying take flicker and jitter out, and stay true?

    python benchmarks/video_steady.py DATA [--frames 300] [--scenes 5] [--model embedded] [-o FOLDER]

DATA/nyu holds photographs with depth. A virtual camera, hand-held, walks through each of them (`moving.py`): a clip
with a cut between any two, in H.264. `plantain video` asks for metric depth in a process of its own; what was painted
and what was steadied is held against the true depth of every frame:

    abs_rel, delta1   against true metres, as for single photographs (the mean over frames)
    jitter            by how much the scale of a frame (median ratio to the truth) steps, beyond the scale of its
                      neighbors: the standard deviation of the second difference over sqrt(6), in percent
    flicker           mean change of depth along the flow in percent, as `plantain video` reports it; and beyond the
                      true change, which is that of the camera

With --frames 60 it is a trial of a minute or two. With -o the clip, the films and the answers are kept.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

import moving
from plantain.predictions.types import Depth
from plantain.video.clip import Clip
from plantain.video.film import filming
from plantain.video.motion import Motion, Tracker

SIZE = (320, 240)
FPS = 25


@dataclass
class Score:
    """What is added up over the frames of one kind of answer."""

    abs_rel: list[float] = field(default_factory=list)
    delta1: list[float] = field(default_factory=list)
    flicker: list[float] = field(default_factory=list)
    beyond: list[float] = field(default_factory=list)
    scales: list[list[float]] = field(default_factory=list)
    before: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, metres: np.ndarray, view: moving.View, motion: Motion | None) -> None:
        known = view.known & (view.depth > 0)
        ratio = metres[known] / view.depth[known]
        self.abs_rel.append(float(np.abs(ratio - 1).mean()))
        self.delta1.append(float((np.maximum(ratio, 1 / ratio) < 1.25).mean()))
        if motion is None:
            self.scales.append([])
        self.scales[-1].append(float(np.log(np.median(ratio))))
        mine = np.log(metres), np.log(np.where(known, view.depth, np.nan))
        if motion is not None and self.before is not None:
            change, true = (now - motion.carry(old) for now, old in zip(mine, self.before, strict=True))
            both = motion.seen & np.isfinite(true)
            self.flicker.append(100 * float(np.abs(change[both]).mean()))
            self.beyond.append(100 * float(np.abs(change - true)[both].mean()))
        self.before = mine

    def row(self) -> dict[str, float]:
        steps = np.concatenate([np.diff(one, 2) for one in self.scales if len(one) > 2])
        means = {name: float(np.mean(getattr(self, name))) for name in ("abs_rel", "delta1", "flicker", "beyond")}
        return means | {"jitter": 100 * float(steps.std()) / 6**0.5}


def make_clip(data: Path, scenes: int, frames: int, folder: Path) -> float:
    """Writes the clip and the truth of every frame; seconds a frame."""
    start, each = time.monotonic(), frames // scenes
    with filming(folder / "walk.mp4", SIZE, Fraction(FPS), {}) as film:
        for number, view in enumerate(moving.views(moving.nyu(data, scenes), each, SIZE)):
            film.add(view.pixels, number / FPS)
            np.savez(folder / f"truth.{number:06}.npz", depth=view.depth, known=view.known)
    return (time.monotonic() - start) / (each * scenes)


def ask(folder: Path, model: str) -> dict:
    """`plantain video`, with what it says, and the seconds of processors that it took."""
    before = processors()
    words = ["video", str(folder / "walk.mp4"), "metric depth", "-o", str(folder / "out"), "--model", model]
    done = subprocess.run([sys.executable, "-m", "plantain", *words], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) | {"processor_s": processors() - before}


def processors() -> float:
    """Seconds of processors that ended children took: they tell less of what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def truths(folder: Path) -> Iterator[moving.View]:
    for path in sorted(folder.glob("truth.*.npz")):
        with np.load(path) as stored:
            yield moving.View(np.zeros((0, 0, 3)), stored["depth"], stored["known"])


def score(folder: Path, line: dict) -> dict[str, dict[str, float]]:
    """Painted, steadied and true depth against the truth."""
    scores, tracker = {name: Score() for name in ("painted", "steadied", "truth")}, Tracker()
    frames = Path(line["files"]["frames"])
    rows = [json.loads(text) for text in Path(line["files"]["lines"]).read_text().splitlines()]
    for frame, row, view in zip(Clip(folder / "walk.mp4").frames(), rows, truths(folder), strict=True):
        motion, name = tracker.step(frame.pixels), Path(row["arrays"]).name
        scores["painted"].add(Depth.from_npz(frames / "raw" / name).metres, view, motion)
        scores["steadied"].add(Depth.from_npz(frames / name).metres, view, motion)
        scores["truth"].add(np.where(view.known, view.depth, 1), view, motion)
    return {name: one.row() for name, one in scores.items()}


def table(rows: dict[str, dict[str, float]]) -> str:
    head = ("abs_rel", "delta1", "jitter", "flicker", "beyond")
    lines = [f"| answer | {' | '.join(head)} |", f"|-|{'-:|' * len(head)}"]
    lines += [f"| {name} | {' | '.join(f'{row[key]:.3f}' for key in head)} |" for name, row in rows.items()]
    return "\n".join(lines)


def run(folder: Path, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    making = make_clip(given.data, given.scenes, given.frames, folder)
    line = ask(folder, given.model)
    rows = score(folder, line)
    frames = line["frames"]
    print(f"{frames} frames of {SIZE[0]} x {SIZE[1]}, {given.scenes} scenes (made in {making:.2f} s a frame)")
    print(table(rows))
    print(f"as the summary says: before {line['before']}, after {line['after']}")
    each = f"{line['seconds'] / frames:.2f} s a frame in all, {line['processor_s'] / frames:.2f} s of processors"
    print(f"{each}, {line['peak_mib']} MiB at most")
    return rows


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("--frames", type=int, default=300)
    args.add_argument("--scenes", type=int, default=5)
    args.add_argument("--model", default="embedded")
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        rows = run(given.out, given)
    else:
        with tempfile.TemporaryDirectory() as place:
            rows = run(Path(place), given)
    worse = [name for name in ("abs_rel", "jitter", "beyond") if rows["steadied"][name] > rows["painted"][name]]
    worse += ["delta1"] if rows["steadied"]["delta1"] < rows["painted"]["delta1"] else []
    for name in worse:
        print(f"WORSE: {name}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())

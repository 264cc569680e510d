"""Kills a tuning run (SIGKILL) at random moments, lets it go on with --resume, and holds it against one undisturbed.

    python benchmarks/tuning_kills.py [--kills 10] [--steps 150] [--generator flux2-klein-base-4b] [--seed 0]

`torchrun --nproc-per-node 2 -m plantain train tuning_debug` on the CPU (gloo), of a tiny pipeline of the generator's
own class (tests/models/generators) with random weights, on shards made here; batches come from a worker process each,
and a checkpoint is written after every half second, so that many kills fall into one. Victims in turn: either of the
two processes, torchrun itself, or all at once. What every step saw and lost is written down in both runs. Exit code 1
where a loss, the order of the data, the last weights, the log or the adapter differ in a bit, a checkpoint is not whole
or older than the one before, or anything is left over.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[1]
VICTIMS = ("process 0", "process 1", "torchrun", "all")
SIDE, PHOTOS = 128, 8
PAUSE = 0.5  # seconds between checkpoints
Notes = dict[tuple[str, int, int], list[Any]]  # what, process, number -> what was written down each time


# ---- in the processes that are killed


def child(log: Path, words: Sequence[str]) -> int:
    """`plantain train ...`, which writes down what it sees."""
    from plantain.cli import main as plantain
    from plantain.train import loop
    from plantain.train.tuning import editor, presets

    loop.PAUSE = PAUSE
    presets.TUNINGS["tuning_debug"] = replace(presets.TUNINGS["tuning_debug"], workers=1)
    rank, update, read = int(os.environ["RANK"]), loop.TrainingRun.update, editor.Drawn.__call__

    def note(what: str, number: int, value: Any) -> None:
        with log.open("a") as file:
            file.write(json.dumps([what, rank, number, value]) + "\n")

    def updated(run: Any, batches: Iterator[Any]) -> Any:
        step, found = run.step, update(run, batches)
        note("losses", step, [value for losses in found for value in losses.values.tolist()])
        return found

    def drawn(self: Any, number: int) -> Any:
        items = read(self, number)
        note("samples", number, [[item.sample.record["id"], item.sample.prompt, str(item.seed)] for item in items])
        return items

    loop.TrainingRun.update, editor.Drawn.__call__ = updated, drawn
    return plantain(list(words))


# ---- what it needs


def shards(home: Path, generator: str) -> Path:
    """Shards of noise with the mask of a half, and of captioned noise."""
    from plantain.cli import main as plantain

    rng = np.random.default_rng(0)
    for name in ("own/images", "own/masks", "captioned"):
        (home / name).mkdir(parents=True)
    for i in range(PHOTOS):
        photo = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[:, : SIDE // 2] = 255
        photo.save(home / "own/images" / f"{i}.png")
        Image.fromarray(mask).save(home / "own/masks" / f"{i}.png")
        photo.save(home / "captioned" / f"{i}.png")
        (home / "captioned" / f"{i}.txt").write_text("noise")
    words = ["data", "build", str(home / "own"), "-o", str(home / "shards"), "--replay", str(home / "captioned")]
    words += ["--size", str(SIDE), "--samples", "32", "--paired", "0", "--workers", "1", "--generator", generator]
    if plantain([*words, "--quiet"]):
        sys.exit("the shards were not made")
    return home / "shards"


def weights(home: Path, generator: str) -> Path:
    sys.path.insert(0, str(ROOT / "tests/models/generators"))
    import tiny_editors

    made: Path = tiny_editors.build(generator, home)
    return made


# ---- killing


@dataclass
class Trial:
    """A run's folder, begun again as often as it is killed."""

    home: Path
    words: Sequence[str]

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.out, self.log = self.home / "out", self.home / "log.jsonl"
        self.log.touch()

    def start(self) -> subprocess.Popen[bytes]:
        launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone", __file__]
        command = [*launch, "child", str(self.log), *self.words, "-o", str(self.out), "--resume"]
        known = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(self.home / "cache")}
        known["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        with (self.home / "errors.txt").open("ab") as errors:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=os.environ | known,
                                    start_new_session=True)  # fmt: skip

    def notes(self) -> Notes:
        """All that was written down; a line that was cut off is none."""
        found: Notes = defaultdict(list)
        for line in self.log.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                what, rank, number, value = json.loads(line)
                found[what, rank, number].append(value)
        return found

    def steps(self) -> int:
        """How far process 0 ever came."""
        return max((number + 1 for what, rank, number in self.notes() if (what, rank) == ("losses", 0)), default=0)

    def checkpoint(self) -> dict[str, Any]:
        """The last one; empty where there is none. Raises where it is not whole."""
        place = self.out / "checkpoint.pt"
        return dict(torch.load(place, weights_only=True)) if place.exists() else {}

    def hidden(self) -> list[Path]:
        return [path for path in self.out.rglob(".plantain-*")]


def processes(pid: int) -> dict[str, int]:
    """The two processes of a run that has started them, and torchrun."""
    found = {"torchrun": pid}
    try:
        for one in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            known = dict(part.split(b"=", 1) for part in Path(f"/proc/{one}/environ").read_bytes().split(b"\0") if part)
            if b"RANK" in known:
                found[f"process {int(known[b'RANK'])}"] = one
    except OSError:
        pass
    return found


def kill(running: subprocess.Popen[bytes], victim: str) -> None:
    """Kills, and waits until every process of the run has ended by itself."""
    if victim == "all":
        os.killpg(running.pid, signal.SIGKILL)
        workers = list(processes(running.pid).values())
    else:
        there = processes(running.pid)
        workers = list(there.values())
        os.kill(there.get(victim, running.pid), signal.SIGKILL)
    running.wait()
    limit = time.monotonic() + 120
    while any(alive(pid) for pid in workers) and time.monotonic() < limit:
        time.sleep(0.1)
    if any(alive(pid) for pid in workers):
        os.killpg(running.pid, signal.SIGKILL)
        sys.exit(f"WRONG: a process went on for two minutes after {victim} was killed")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(trial: Trial, running: subprocess.Popen[bytes], step: int, seconds: float) -> bool:
    """Whether a run, which is that far after so many seconds more, still runs then."""
    while running.poll() is None and trial.steps() < step:
        time.sleep(0.05)
    try:
        running.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def disturbed(trial: Trial, kills: int, steps: int, start_s: float, step_s: float, seed: int) -> list[str]:
    """Kills it so many times, at moments spread over what is left, one in five while it starts; then to the end. What
    is wrong."""
    rng, wrong, before = np.random.default_rng(seed), list[str](), 0
    print(f"{'kill':>4} {'victim':<10} {'at step':>7} {'checkpoint':>10} {'while writing':>13}")
    for number in range(kills):
        running = trial.start()
        left = (steps - before) * min(1.0, 2 / (kills - number))
        target, seconds = before + int(rng.uniform(0, left)) + 1, float(rng.uniform(0, 2 * step_s))
        if number % 5 == 4:
            target, seconds = 0, float(rng.uniform(0, start_s))
        if not wait_for(trial, running, target, seconds):
            print(f"{number + 1:>4} too late: it had come to its end with exit code {running.returncode}", flush=True)
            continue
        hidden, victim = bool(trial.hidden()), VICTIMS[number % len(VICTIMS)]
        kill(running, victim)
        try:
            step = int(trial.checkpoint().get("step", 0))
        except Exception as error:
            wrong.append(f"after kill {number + 1} the checkpoint is not whole: {error}")
            break
        wrong += [f"after kill {number + 1} the checkpoint is of step {step}, before {before}"] * (step < before)
        print(f"{number + 1:>4} {victim:<10} {trial.steps():>7} {step:>10} {hidden!s:>13}", flush=True)
        before = step
    if code := trial.start().wait():
        wrong.append(f"it does not come to its end: exit code {code}")
    return wrong


# ---- comparing


def unlike(trial: Trial, calm: Trial, steps: int) -> list[str]:
    """In what the two differ."""
    mine, theirs = trial.notes(), calm.notes()
    wrong = [f"{key}: {value} for {theirs[key][0]}" for key, values in sorted(mine.items()) if key in theirs
             for value in values if value != theirs[key][0]]  # fmt: skip
    missing = [("losses", rank, step) for rank in (0, 1) for step in range(steps)]
    wrong += [f"{key} is missing" for key in missing if key not in mine or key not in theirs]
    one, other = (each.checkpoint() for each in (trial, calm))
    parts = ("state", "ema", "optimizer")
    wrong += [f"the checkpoint's {part} differs" for part in parts if not same(one[part], other[part])]
    logs = [[line.split(",")[:1] + line.split(",")[2:] for line in (each.out / "log.csv").read_text().splitlines()]
            for each in (trial, calm)]  # fmt: skip
    wrong += ["log.csv differs"] * (logs[0] != logs[1])
    made = [{path.name: content(path) for path in (each.out / "tuned").iterdir()} for each in (trial, calm)]
    wrong += [f"tuned/{name} differs" for name in made[0].keys() | made[1].keys()
              if not same(*(each.get(name) for each in made))]  # fmt: skip
    return wrong + [f"{path} is left over" for path in trial.hidden()]


def content(path: Path) -> Any:
    """What a file says: tensors, whose file has its header in no order, or bytes."""
    return load_file(path) if path.suffix == ".safetensors" else path.read_bytes()


def same(one: Any, other: Any) -> bool:
    """Equal to the last bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def main() -> int:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--kills", type=int, default=10)
    args.add_argument("--steps", type=int, default=150)
    args.add_argument("--generator", default="flux2-klein-base-4b")
    args.add_argument("--seed", type=int, default=0)
    given = args.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        words = ["train", "tuning_debug", "--data", str(shards(home, given.generator)), "--minutes", "600",
                 "--generator", given.generator, "--weights", str(weights(home, given.generator)),
                 "--steps", str(given.steps)]  # fmt: skip
        calm, trial = Trial(home / "calm", words), Trial(home / "disturbed", words)
        began, running = time.monotonic(), calm.start()
        while running.poll() is None and not calm.steps():
            time.sleep(0.2)
        start_s = time.monotonic() - began
        if running.wait():
            print((calm.home / "errors.txt").read_text()[-3000:])
            return 1
        step_s = (time.monotonic() - began - start_s) / given.steps
        print(f"undisturbed: {start_s:.0f} s until the first step, then {step_s:.2f} s each", flush=True)
        wrong = disturbed(trial, given.kills, given.steps, start_s, step_s, given.seed)
        wrong = wrong or unlike(trial, calm, given.steps)
        again = sum(len(values) - 1 for (what, _, _), values in trial.notes().items() if what == "losses")
        losses = sum(len(values) for (what, _, _), values in trial.notes().items() if what == "losses")
        print(f"{losses} losses of two processes held against the undisturbed run's, {again} of them done again")
    print(*(f"WRONG: {line}" for line in wrong[:20]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(child(Path(sys.argv[2]), sys.argv[3:]) if sys.argv[1:2] == ["child"] else main())

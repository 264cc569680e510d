"""Does generative pretraining help vision, and what does tuning cost generation? A small generator, all of it here.

    python recipes/pretraining.py data DATA OUT                 # shards of DATA's photographs, an hour on two cores
    python recipes/pretraining.py run DATA OUT --size gpu       # trains and scores every arm; goes on where it stopped
    python recipes/pretraining.py table OUT                     # OUT/table.md, with intervals
    python recipes/pretraining.py overfit DATA OUT              # is anything wrong? eight samples learned by heart

The generator is of the FLUX.2 kind: its transformer class of diffusers on the latents of TAEF2 (DATA/weights), words as
fixed random vectors and colors as their values. It is pretrained as a generator on captioned photographs and edits,
then tuned on metric depth, normals, classes and masks by `plantain.train.tuning`, as a large one is. Arms: from
pretrained or random weights, with 1, 10 and 100 % of the vision samples; with 0, 20, 50 and 80 % of generation samples;
the whole network or an adapter; with the deterministic last fifth or without; three seeds each. All arms take the same
number of steps.

Scores are of held-out photographs: delta1 of metric depth, share of normals within 30 degrees, accuracy of classes, IoU
of masks; and the flow-matching loss on held-out generation samples, at the same noise for all.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from plantain.cli import main as plantain
from plantain.data.stream import Mixture, Shards, Stored
from plantain.models.painters.generators import latents
from plantain.models.painters.generators.spec import KLEIN_BASE
from plantain.train.loop import TrainingRun, to
from plantain.train.tuning import editor, objective
from plantain.train.tuning.conditions import Condition, condition
from plantain.train.tuning.presets import TuningPreset
from small_generator import Size, SmallPainter

SIDE = 64  # pixels
VISION = ("metric-depth", "normals", "semantic", "refer")
GENERATION = ("text-to-image", "edit")
SETS = {"nyu": "test_dev", "camvid": "test_dev", "people": "dev_test", "persons": "dev_test", "salient": "dev_test",
        "animals": "dev_test", "ade20k": "dev_test"}  # fmt: skip
RANGE = math.log(200 / 0.1)  # of code log-gray: brightness is the logarithm of depth between 0.1 and 200 m
WORKERS = 2  # processes that make shards
TIMES = 8  # steps of a painting, where it takes several
SEEDS = (0, 1, 2)


SIZES = {
    "debug": Size(2, 1, 1, 6, 4, 4, "cpu", 4),
    "cpu": Size(4, 1, 3, 6_000, 800, 16, "cpu", 64),
    "gpu": Size(12, 3, 9, 9_000, 1_500, 256, "cuda", 200),
}


@dataclass(frozen=True)
class Arm:
    """One way to tune. `vision`: the share of the vision samples; `replay`: of generation samples in a batch."""

    start: str = "pretrained"
    vision: float = 1.0
    replay: float = 0.2
    method: str = "full"
    once: float = 0.2
    seed: int = 0

    @property
    def name(self) -> str:
        return (f"{self.start}, {self.vision:.0%} of vision, {self.replay:.0%} generation, {self.method}, "
                f"{'one step' if self.once else f'{TIMES} steps'}")  # fmt: skip


def arms() -> Iterator[Arm]:
    """Every arm once for each seed, the main question first."""
    for seed in SEEDS:
        for vision in (1.0, 0.1, 0.01):
            for start in ("pretrained", "random"):
                yield Arm(start, vision, seed=seed)
    for seed in SEEDS:
        for replay in (0.0, 0.5, 0.8):
            yield Arm(replay=replay, seed=seed)
        yield Arm(method="lora", seed=seed)
        yield Arm(once=0.0, seed=seed)


# ---- data


def make_shards(data: Path, out: Path, samples: int) -> None:
    """Vision and generation samples of the training photographs, and fewer of held-out ones."""
    drawn = ["--size", str(SIDE), "--generator", KLEIN_BASE.name, "--style", "terse", "--paired", "0"]
    replay = ["--replay", str(data), "--replay-share", "0.5"]
    parts = {"train": (dict.fromkeys(SETS, "train"), samples)}
    for split in sorted(set(SETS.values())):
        parts[split] = {name: own for name, own in SETS.items() if own == split}, max(48, samples // 20)
    for name, (sets, number) in parts.items():
        words = ["data", "build", *[str(data)] * len(sets), "-o", str(out / name), "--split", next(iter(sets.values()))]
        kinds = [word for each in sets for word in ("--kind", f"excerpts:{each}")]
        captioned = [] if name == "test_dev" else replay  # the captions' held-out part has another name
        if plantain([*words, *kinds, "--samples", str(number), *drawn, *captioned, "--workers", str(WORKERS)]):
            raise SystemExit(f"the shards of {name} were not made")


def asked(row: Mapping[str, Any]) -> bool:
    """Whether a sample belongs to the study."""
    depth = row["task"] != "metric-depth" or row.get("code") == "log-gray/1"
    return depth and row["task"] in (*VISION, *GENERATION)


def parted(folder: Path) -> tuple[Shards, Shards]:
    """The vision and the generation samples of a folder."""
    rows = [row for row in Shards(folder).rows if asked(row)]
    vision, generation = ([row for row in rows if row["task"] in tasks] for tasks in (VISION, GENERATION))
    return Shards(folder, rows=vision), Shards(folder, rows=generation)


class Told:
    """Samples with what the generator is told of them, made at first sight and kept in memory."""

    def __init__(self, painter: SmallPainter) -> None:
        self.painter, self.kept = painter, dict[tuple[str, str, str], tuple[Stored, Condition]]()

    def __call__(self, mixture: Mixture, n: int) -> tuple[Stored, Condition]:
        part, i = mixture.locate(n)
        shards = mixture.parts[part]
        row = shards.rows[i]
        key = str(shards.folder), row["tar"], row["key"]
        if key not in self.kept:
            sample = shards[i]
            self.kept[key] = sample, condition(self.painter, sample)
        return self.kept[key]


# ---- arms


@dataclass
class Bench:
    """What all arms share: the painter, the samples that it was told of, the pretrained weights."""

    data: Path
    out: Path
    size: Size

    @cached_property
    def painter(self) -> SmallPainter:
        photos = [sample.target for sample in list(parted(self.out / "train")[1])[:256]]
        return SmallPainter(self.data, self.size, photos)

    @cached_property
    def told(self) -> Told:
        return Told(self.painter)

    @cached_property
    def held_out(self) -> dict[str, list[editor.Item]]:
        """Samples of held-out photographs by task, each with its own noise."""
        found = defaultdict(list)
        parts = [part for split in sorted(set(SETS.values())) for part in parted(self.out / split)]
        for shards in filter(len, parts):
            mixture = Mixture([shards])
            for n, row in enumerate(shards.rows):
                task = "generation" if row["task"] in GENERATION else row["task"]
                if self.size.samples is None or len(found[task]) < self.size.samples:
                    found[task].append(editor.Item(*self.told(mixture, n), seed=n, once=False))
        return dict(found)

    def preset(self, arm: Arm, steps: int) -> TuningPreset:
        lr = {"full": 5e-4, "lora": 2e-3}[arm.method]
        method: Any = arm.method
        return TuningPreset(
            method=method, rank=16, alpha=16, once=arm.once, checkpointing=False, batch=self.size.batch, accumulate=1,
            steps=steps, minutes=1e6, lr=lr, warmup=max(2, steps // 50), seed=arm.seed, device=self.size.device,
            workers=0,
        )  # fmt: skip

    def train(self, preset: TuningPreset, mixture: Mixture, folder: Path) -> editor.EditorTrainee:
        """Trains the painter's denoiser, from the weights that it has; resumes."""
        trainee = editor.EditorTrainee(preset, self.painter)
        run: TrainingRun[Any, Any] = TrainingRun(trainee, preset, folder, resume=True)

        def draw(once: bool) -> Any:
            def items(number: int) -> list[editor.Item]:
                places = range(number * preset.batch, (number + 1) * preset.batch)
                return [
                    editor.Item(*self.told(mixture, n), seed=objective.seed_of(preset.seed, n), once=once)
                    for n in places
                ]

            return items

        if preset.once < 1:
            run.train(draw(False), 1 - preset.once)
        if preset.once:
            run.train(draw(True))
        run.take(run.ema)
        return trainee

    def start(self, start: str) -> None:
        """Gives the denoiser its weights."""
        denoiser = self.painter.pipe.transformer
        if getattr(denoiser, "peft_config", None):
            denoiser.unload_lora() if hasattr(denoiser, "unload_lora") else denoiser.delete_adapters(["default"])
        where = self.out / f"{start}.pt"
        denoiser.load_state_dict(torch.load(where, weights_only=True))

    def pretrain(self, random_alone: bool = False) -> dict[str, float]:
        """Random and pretrained weights, kept in files; gives the held-out loss of generation of both."""
        denoiser = self.painter.pipe.transformer
        if not (self.out / "random.pt").exists():
            torch.save(denoiser.state_dict(), self.out / "random.pt")
        if random_alone:
            return {}
        if not (self.out / "pretrained.pt").exists():
            self.start("random")
            preset = self.preset(Arm(once=0.0), self.size.pretraining)
            self.train(preset, Mixture([parted(self.out / "train")[1]]), self.out / "pretraining")
            torch.save(denoiser.state_dict(), self.out / "pretrained.pt")
        losses = {}
        for name in ("random", "pretrained"):
            self.start(name)
            trainee = editor.EditorTrainee(self.preset(Arm(), 1), self.painter)
            losses[name] = float(np.mean(self.generation(trainee)))
        return losses

    def measured(self, arm: Arm) -> dict[str, Any]:
        """Tunes and scores one arm."""
        began = time.monotonic()
        self.start(arm.start)
        vision, generation = parted(self.out / "train")
        kept = np.random.default_rng(arm.seed).permutation(len(vision))[: max(1, round(arm.vision * len(vision)))]
        few = Shards(vision.folder, rows=[vision.rows[i] for i in sorted(kept)])
        parts, shares = ([few], [1.0]) if not arm.replay else ([few, generation], [1 - arm.replay, arm.replay])
        name = hashlib.sha256(json.dumps(asdict(arm)).encode()).hexdigest()[:12]
        trainee = self.train(
            self.preset(arm, self.size.tuning), Mixture(parts, shares, arm.seed), self.out / "runs" / name
        )
        scores = {
            task: self.scores(trainee, task, 1 if arm.once else TIMES) for task in VISION if task in self.held_out
        }
        scores["generation"] = self.generation(trainee)
        samples = {"samples": len(few), "seconds": round(time.monotonic() - began)}
        return {"arm": asdict(arm), "name": arm.name, "scores": scores} | samples

    # ---- scores

    def groups(self, trainee: editor.EditorTrainee, task: str) -> Iterator[editor.Group]:
        items = self.held_out.get(task, [])
        for i in range(0, len(items), self.size.batch):
            yield from (
                to(group, torch.device(self.size.device))
                for group in trainee.collate(items[i : i + self.size.batch]).groups
            )

    @torch.no_grad()
    def generation(self, trainee: editor.EditorTrainee) -> list[float]:
        """The flow-matching loss of each held-out generation sample, at its own noise."""
        return [
            float(v)
            for group in self.groups(trainee, "generation")
            for v in trainee.losses(editor.Batch((group,))).values
        ]

    @torch.no_grad()
    def scores(self, trainee: editor.EditorTrainee, task: str, steps: int) -> list[float]:
        """Of each held-out sample of a task."""
        found = []
        for group in self.groups(trainee, task):
            z = torch.zeros_like(group.target) if steps == 1 else group.noise
            times = torch.linspace(1, 0, steps + 1).tolist()
            for now, then in itertools.pairwise(times):
                z = z + (then - now) * trainee.velocity(z, group, torch.full_like(group.time, now))
            painted = latents.decode(trainee.pipe, trainee.spec, z)
            rows = zip(painted, group.pictures, group.weight, group.records, strict=True)
            found += [SCORES[task](*row) for row in rows]
        return found


def depth_score(painted: Tensor, true: Tensor, weight: Tensor, record: Mapping[str, Any]) -> float:
    """Delta1: the share within 1.25 times the true depth."""
    off = (painted.mean(0) - true.mean(0)).abs() * RANGE
    return float(((off < math.log(1.25)) * weight).sum() / weight.sum().clamp(min=1))


def normals_score(painted: Tensor, true: Tensor, weight: Tensor, record: Mapping[str, Any]) -> float:
    """The share within 30 degrees."""
    cosine = nn.functional.cosine_similarity(painted * 2 - 1, true * 2 - 1, dim=0)
    return float(((cosine > math.cos(math.pi / 6)) * weight).sum() / weight.sum().clamp(min=1))


def classes_score(painted: Tensor, true: Tensor, weight: Tensor, record: Mapping[str, Any]) -> float:
    """Accuracy of pixels, each read as the nearest color of the legend."""
    said, right = (objective.away(p, objective.legend_of(record).to(p)).argmin(0) for p in (painted, true))
    return float(((said == right) * weight).sum() / weight.sum().clamp(min=1))


def mask_score(painted: Tensor, true: Tensor, weight: Tensor, record: Mapping[str, Any]) -> float:
    """IoU of the mask; of one that is not there 1 if nothing is painted."""
    colors = objective.legend_of(record).to(painted)
    said, right = (objective.away(p, colors).argmin(0) < len(colors) - 1 for p in (painted, true))
    both, either = ((said & right) * weight).sum(), ((said | right) * weight).sum()
    return float(both / either) if either > 0 else 1.0


SCORES = {"metric-depth": depth_score, "normals": normals_score, "semantic": classes_score, "refer": mask_score}


# ---- the table


def interval(per_seed: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The mean, and its 95 % interval by drawing seeds and samples anew."""
    rng, rows = np.random.default_rng(0), [np.array(each) for each in per_seed]
    means = []
    for _ in range(1_000):
        drawn = [rows[i] for i in rng.integers(len(rows), size=len(rows))]
        means.append(np.mean([one[rng.integers(len(one), size=len(one))].mean() for one in drawn]))
    low, high = np.percentile(means, (2.5, 97.5))
    return float(np.mean([row.mean() for row in rows])), float(low), float(high)


def table(out: Path) -> str:
    """Markdown: a row an arm."""
    by_arm: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (out / "arms.jsonl").read_text().splitlines():
        record = json.loads(line)
        by_arm[record["name"]].append(record)
    heads = [*VISION, "generation"]
    lines = [f"| arm | seeds | {' | '.join(heads)} |", f"|-|-:|{'-:|' * len(heads)}"]
    for name, records in by_arm.items():
        cells = []
        for task in heads:
            seeds = [record["scores"][task] for record in records if record["scores"].get(task)]
            cells.append("{:.3f} ({:.3f} - {:.3f})".format(*interval(seeds)) if seeds else "")
        lines.append(f"| {name} | {len(records)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(bench: Bench, only: int | None) -> None:
    """Pretraining, then every arm that is not there yet."""
    print(json.dumps({"generation loss": bench.pretrain()}), flush=True)
    kept = bench.out / "arms.jsonl"
    done = [json.loads(line)["arm"] for line in kept.read_text().splitlines()] if kept.exists() else []
    for arm in list(arms())[:only]:
        if asdict(arm) in done:
            continue
        made = bench.measured(arm)
        with kept.open("a") as file:
            file.write(json.dumps(made) + "\n")
        means = {task: round(float(np.mean(values)), 3) for task, values in made["scores"].items()}
        print(f"{arm.name}, seed {arm.seed}: {means} ({made['seconds']} s)", flush=True)


# ---- eight samples


HOLE = 0.3  # of a truth's pixels that are missing


def overfit(bench: Bench, steps: int) -> Iterator[dict[str, Any]]:
    """Scores on eight training samples that alone were learned, with a hole in each, where a false truth stands: the
    painting must be right elsewhere and need not be what the false truth says."""
    shards = parted(bench.out / "train")[0]
    for task in ("metric-depth", "semantic"):
        rows = [i for i, row in enumerate(shards.rows) if row["task"] == task][:8]
        whole = [shards[i] for i in rows]
        holed = [with_hole(sample) for sample in whole]
        told = [condition(bench.painter, sample) for sample in holed]
        for once in (1.0, 0.0):
            bench.start("random")
            trainee = editor.EditorTrainee(bench.preset(Arm(once=once), steps), bench.painter)
            run: TrainingRun[Any, Any] = TrainingRun(trainee, trainee.preset, bench.out / "overfit")

            def draw(number: int, held: Any = (holed, told), stage: bool = bool(once)) -> list[editor.Item]:
                pairs = zip(*held, strict=True)
                return [editor.Item(s, c, (number << 8) + i, stage) for i, (s, c) in enumerate(pairs)]

            run.train(draw)
            bench.held_out = {task: [editor.Item(s, c, 0, False) for s, c in zip(holed, told, strict=True)]}
            known = float(np.mean(bench.scores(trainee, task, 1 if once else TIMES)))
            away = [replace(sample, weight=1 - (sample.weight if sample.weight is not None else 1)) for sample in holed]
            bench.held_out = {task: [editor.Item(s, c, 0, False) for s, c in zip(away, told, strict=True)]}
            hole = float(np.mean(bench.scores(trainee, task, 1 if once else TIMES)))
            yield {"task": task, "stage": "one step" if once else "flow", "steps": steps, "known": round(known, 3),
                   "said as the false truth in the hole": round(hole, 3)}  # fmt: skip


def with_hole(sample: Stored) -> Stored:
    """The sample without its right part, in which its painting is turned upside down in color."""
    edge = round(sample.target.shape[1] * (1 - HOLE) / 16) * 16
    target, weight = sample.target.copy(), np.ones(sample.target.shape[:2], np.float32)
    target[:, edge:], weight[:, edge:] = 255 - target[:, edge:], 0
    own = weight if sample.weight is None else weight * sample.weight
    return replace(sample, target=target, weight=own)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = args.add_subparsers(dest="verb", required=True)
    for verb in ("data", "run", "overfit"):
        one = verbs.add_parser(verb)
        one.add_argument("data", type=Path)
        one.add_argument("out", type=Path)
    verbs.choices["data"].add_argument("--samples", type=int, default=24_000)
    for verb in ("run", "overfit"):
        verbs.choices[verb].add_argument("--size", choices=SIZES, default="cpu")
    verbs.choices["overfit"].add_argument("--steps", type=int, default=600)
    verbs.choices["run"].add_argument("--arms", type=int, help="only the first ones")
    verbs.add_parser("table").add_argument("out", type=Path)
    given = args.parse_args()
    if given.verb == "data":
        make_shards(given.data, given.out, given.samples)
    elif given.verb == "overfit":
        bench = Bench(given.data, given.out, replace(SIZES[given.size], batch=8))
        bench.pretrain(random_alone=True)
        for line in overfit(bench, given.steps):
            print(json.dumps(line), flush=True)
    elif given.verb == "run":
        run(Bench(given.data, given.out, SIZES[given.size]), given.arms)
    else:
        (given.out / "table.md").write_text(made := table(given.out) + "\n")
        print(made)


if __name__ == "__main__":
    main()

"""`plantain train`: the embedded generator, the control, and the tuning of open generators."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import Whole
from plantain.cli.reporting import emit
from plantain.errors import MissingExtra, UnknownName, UsageError

if TYPE_CHECKING:
    from plantain.train.tuning.presets import TuningPreset

Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True)
class TuneArgs:
    """Of open generators alone."""

    generator: str | None = None
    "Another generator than the preset's (`plantain models`)."
    weights: Path | None = None
    "A folder of its weights instead of the hub's."
    shares: Annotated[tuple[float, ...], Parameter(negative_iterable="", show_default=False)] = ()
    "How often each folder of --data is drawn; by its number of samples when not said."
    once: float | None = None
    "The share of the run, at its end, that is one deterministic step on decoded values; 0 keeps many steps."
    sharded: Flag = False
    "Under torchrun: the denoiser is cut over all processes (FSDP2), where it is too large for one card."
    validation: Path | None = None
    "Shards of held-out photos, measured while the run goes on (OUT/validation.jsonl)."
    plan: Flag = False
    "Only say what the run would take: memory, time, money. Nothing is loaded."
    memory: float | None = None
    "GB of the card to plan for; the preset's own when not said."
    processes: Whole = 1
    "Cards to plan for; what one of them takes is said."

    def preset(self, name: str, given: dict[str, Any]) -> TuningPreset:
        """UsageError for a share or memory that makes no sense."""
        from plantain.train.tuning.presets import TUNINGS

        if self.once is not None and not 0 <= self.once <= 1:
            raise UsageError(f"--once lies between 0 and 1, not {self.once:g}")
        if self.memory is not None and not 0 < self.memory < float("inf"):
            raise UsageError(f"--memory is a number of GB above 0, not {self.memory:g}")
        shards = {"sharded": True, "optimizer": "adamw"} if self.sharded else {}  # of 8 bits there are no shards
        own = {"generator": self.generator, "once": self.once} | shards
        return replace(TUNINGS[name], **{key: value for key, value in (given | own).items() if value is not None})


def train(
    preset: str,
    /,
    *,
    data: Annotated[tuple[Path, ...], Parameter(negative_iterable="", show_default=False)] = (),
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    minutes: float | None = None,
    steps: Whole | None = None,
    resume: Flag = False,
    start: Path | None = None,
    cache: Path | None = None,
    lr: float | None = None,
    teachers: Path | None = None,
    seed: Whole | None = None,
    tuning: TuneArgs = TuneArgs(),
) -> int:
    """Trains the embedded generator, or tunes an open one on instruction samples (needs the extra `train` or `tune`).

    Parameters
    ----------
    preset
        How large and how long. The embedded generator: seedling_debug, seedling_cpu, seedling_gpu; the control:
        unet_cpu, unet_reader_cpu, unet_gpu, unet_reader_gpu; open generators: flux2_klein_lora, flux2_klein_lora_16gb,
        flux2_klein_qlora_8gb, flux2_klein_lora_80gb, flux2_klein_full_80gb and more (docs/tuning.md).
    data
        The folder of labeled photographs; of open generators shards (`plantain data build`), one folder or several.
    out
        The run's folder: checkpoints, log, and what comes out; runs/PRESET when not said.
    minutes
        Time to train; the preset's own when not said.
    steps
        Steps of the optimizer, whatever the time.
    resume
        Go on from the run's last checkpoint.
    start
        Another run's folder, whose weights this one begins with, or a folder of exported files.
    cache
        Where features, or what a generator is told, are kept between runs; in OUT when not said.
    lr
        The largest learning rate; the preset's own when not said.
    teachers
        The folder of what specialists said of the photographs.
    seed
        The same seed draws the same samples.
    """
    given = {"minutes": minutes, "steps": steps, "lr": lr, "seed": seed}
    _check(minutes, lr)
    presets, tunings = _known()
    out = out or Path("runs") / preset
    if preset in tunings:
        if start or teachers:
            raise UsageError(f"{preset} tunes an open generator, which takes no --start and no --teachers")
        return tune(tuning.preset(preset, given), data, out, cache, resume, tuning)
    if preset not in presets:
        raise UnknownName("preset", preset, [*presets, *tunings])
    if tuning != TuneArgs():
        raise UsageError(f"{preset} trains no open generator; leave out options such as --plan, --generator and --once")
    return from_photographs(preset, given, data, out, resume, start, cache, teachers)


def _check(minutes: float | None, lr: float | None) -> None:
    """UsageError for a time or a learning rate that makes no sense."""
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes must be above 0, not {minutes:g}")
    if lr is not None and not 0 < lr < 1:
        raise UsageError(f"--lr must lie between 0 and 1, not {lr:g}")


def _known() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The presets from photographs, and those of open generators."""
    try:
        from plantain.train.presets import PRESETS
        from plantain.train.tuning.presets import TUNINGS
    except ImportError as error:
        raise MissingExtra("torch", "train") from error
    return PRESETS, TUNINGS


def tune(
    preset: TuningPreset, data: tuple[Path, ...], out: Path, cache: Path | None, resume: bool, tuning: TuneArgs
) -> int:
    """A JSON line: the plan, or what came out."""
    from plantain.train.tuning import plan, run

    if tuning.plan:
        made = plan.planned(preset, max(1, tuning.processes))
        print("\n".join(made.lines()), file=sys.stderr)
        emit(made.to_json())
        plan.require(made, tuning.memory or preset.card)
        return 0
    if not data:
        raise UsageError("say where the shards are: plantain train PRESET --data shards/ (see plantain data build)")
    tell = partial(print, file=sys.stderr, flush=True)
    made_folder = run.tune(
        preset, data, out, shares=tuning.shares or None, weights=tuning.weights, cache=cache,
        validation=tuning.validation, resume=resume, say=tell,
    )  # fmt: skip
    emit({"generator": preset.generator, "out": str(out), "tuned": str(made_folder)})
    return 0


def from_photographs(
    preset: str, given: dict[str, Any], data: tuple[Path, ...], out: Path, resume: bool, start: Path | None,
    cache: Path | None, teachers: Path | None,
) -> int:  # fmt: skip
    """The embedded generator or the control: a JSON line."""
    from plantain.train import train as run

    if len(data) != 1:
        raise UsageError("say where the labeled photographs are: plantain train PRESET --data FOLDER")
    if not data[0].is_dir():
        raise UsageError(f"no such folder: {data[0]}; give the folder of labeled photographs with --data")
    if start is not None and not start.is_dir():
        raise UsageError(f"no such run: {start}; give the folder of an earlier run with --start")
    tell = partial(print, file=sys.stderr, flush=True)
    made = run(preset, data[0], out, **given, resume=resume, start=start, cache=cache, teachers=teachers, say=tell)
    emit({"preset": preset, "out": str(out), "generator": str(made)})
    return 0

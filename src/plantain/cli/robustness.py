"""`plantain bench robustness`: how answers hold under corruptions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from plantain.cli.options import Data, ModelArgs, Quiet, data_folder
from plantain.cli.reporting import emit, progress

if TYPE_CHECKING:
    from plantain.eval.robustness import OODResult, Sweep, Variants
    from plantain.eval.run import RunConfig
    from plantain.pipeline.predictor import Predictor


def robustness(
    *names: str,
    who: ModelArgs = ModelArgs(),
    data: Data = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs/robustness"),
    limit: int = 40,
    corruptions: Annotated[tuple[str, ...], Parameter(negative_iterable="", consume_multiple=True)] = (),
    severities: Annotated[tuple[int, ...], Parameter(negative_iterable="", consume_multiple=True)] = (1, 2, 3, 4, 5),
    seed: int = 0,
    quiet: Quiet = False,
) -> int:
    """How answers hold under corruptions: figure, confidence, ECE and AUSE against severity, as one HTML page.

    Parameters
    ----------
    names
        Benchmarks (see `plantain bench list`).
    out
        Folder of the runs and of robustness.html; a .md file for a page of markdown with plots beside it, the runs then
        lie in runs/robustness.
    limit
        So many pictures of each benchmark, always the same.
    corruptions
        These alone, as in --corruptions fog rain; without it all.
    severities
        These alone, as in --severities 1 3 5.
    seed
        Draws legends and corruptions.
    """
    folder = data_folder(names, data, "plantain bench robustness nyu-excerpt/metric-depth --data FOLDER")
    from plantain.eval.robustness import select_corruptions
    from plantain.eval.robustness_report import robustness_report
    from plantain.eval.run import RunConfig
    from plantain.pipeline.jobs import PredictOptions
    from plantain.pipeline.predictor import load

    config = RunConfig(who.model, who.given, PredictOptions(seed=seed), limit=limit)
    home = Path("runs/robustness") if out.suffix == ".md" else out
    with load(who.model, **who.given) as model:
        wanted = select_corruptions(corruptions, model)
        found = [measured(name, model, config, folder, home, wanted, severities, quiet) for name in names]
    command = (
        f"plantain bench robustness {' '.join(names)} --model {who.model} --data DATA --limit {limit} --severities "
        + " ".join(map(str, severities))
    )
    sweeps = [one for one, _, _ in found]
    others = [one for _, some, _ in found for one in some]
    ood = [one for *_, some in found for one in some]
    target = robustness_report(sweeps, others, ood, out if out.suffix == ".md" else out / "robustness.html", command)
    kept = [{"benchmark": s.benchmark, "clean": s.clean.figure, "kept": s.retained, "follows": s.follows()}
            for s in sweeps]  # fmt: skip
    emit({"report": str(target), "sweeps": kept})
    return 0


def measured(
    name: str,
    model: Predictor,
    config: RunConfig,
    data: Path,
    home: Path,
    corruptions: Sequence[str],
    severities: Sequence[int],
    quiet: bool,
) -> tuple[Sweep, list[Variants], list[OODResult]]:
    """One benchmark under corruptions, in other words (of painters: a specialist reads none), and on pictures that show
    nothing."""
    from plantain.eval.robustness import ood_results, sweep, variants
    from plantain.eval.run import find_benchmark

    pictures = min(config.limit or 0, len(find_benchmark(name).read(data)))
    with progress(pictures * (1 + len(corruptions) * len(severities)), name, quiet=quiet) as bar:
        found = sweep(name, model, config, data, home, corruptions, severities, bar.step)
    print(found.told(), file=sys.stderr)
    others = [variants(name, model, config, data, home)] if model.paints else []
    return found, others, list(ood_results(name, model, config, data))

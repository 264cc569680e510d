"""`plantain bench robustness`: how answers hold under corruptions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.bench import Data, Quiet, data_folder
from plantain.cli.options import Who
from plantain.cli.reporting import emit, progress


def robustness(
    *names: str,
    who: Who = Who(),
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
    from plantain.eval import robustness_report
    from plantain.eval.robustness import Variants, ood_results, select_corruptions, sweep, variants
    from plantain.eval.run import RunConfig, find_benchmark
    from plantain.pipeline.jobs import PredictOptions
    from plantain.pipeline.predictor import load

    config = RunConfig(who.model, who.given, PredictOptions(seed=seed), limit)
    model = load(who.model, **who.given)
    wanted = select_corruptions(corruptions, model)
    home = Path("runs/robustness") if out.suffix == ".md" else out
    sweeps, doubted = [], []
    others: list[Variants] = []
    for name in names:
        pictures = min(limit, len(find_benchmark(name).read(folder)))
        with progress(pictures * (1 + len(wanted) * len(severities)), name, quiet=quiet) as bar:
            sweeps.append(sweep(name, model, config, folder, home, wanted, severities, bar.step))
        if model.paints:  # a specialist reads no words
            others.append(variants(name, model, config, folder, home))
        doubted += list(ood_results(name, model, config, folder))
        print(sweeps[-1].told(), file=sys.stderr)
    command = (
        f"plantain bench robustness {' '.join(names)} --model {who.model} --data DATA --limit {limit} --severities "
        + " ".join(map(str, severities))
    )
    if out.suffix == ".md":
        target = robustness_report.markdown(sweeps, others, doubted, out, command)
    else:
        target = robustness_report.robustness_report(sweeps, others, doubted, out / "robustness.html", command)
    emit({"report": str(target), "sweeps": [{"benchmark": s.benchmark, "clean": s.clean.figure, "kept": s.retained,
                                             "follows": s.follows()} for s in sweeps]})  # fmt: skip
    return 0

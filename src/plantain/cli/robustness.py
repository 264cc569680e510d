"""`plantain bench robustness`: how answers hold in bad weather."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from plantain.cli.options import ModelArgs
from plantain.cli.reporting import emit, progress
from plantain.errors import UsageError


def robustness(
    *names: str,
    who: ModelArgs = ModelArgs(),
    data: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs/robustness"),
    limit: int = 40,
    corruptions: Annotated[tuple[str, ...], Parameter(negative_iterable="", consume_multiple=True)] = (),
    severities: Annotated[tuple[int, ...], Parameter(negative_iterable="", consume_multiple=True)] = (1, 2, 3, 4, 5),
    seed: int = 0,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
) -> int:
    """How answers hold in bad weather: figure, confidence, ECE and AUSE against severity, as one HTML page.

    Parameters
    ----------
    names
        Benchmarks (see `plantain bench list`).
    data
        The folder of labelled photographs.
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
    quiet
        No progress.
    """
    if not names:
        raise UsageError("name a benchmark, as in: plantain bench robustness nyu-excerpt/metric-depth --data FOLDER")
    if data is None or not data.is_dir():
        raise UsageError(f"no such folder: {data}; give the folder of labelled photographs with --data")
    from plantain.eval import robustness_report
    from plantain.eval.robustness import Variants, chosen, ood_results, sweep, variants
    from plantain.eval.run import RunConfig, named
    from plantain.pipeline.predictor import load

    setting = RunConfig(who.model, who.given, limit=limit, seed=seed)
    answerer = load(who.model, **who.given)
    wanted = chosen(corruptions, answerer)
    home = Path("runs/robustness") if out.suffix == ".md" else out
    sweeps, doubted = [], []
    others: list[Variants] = []
    for name in names:
        pictures = min(limit, len(named(name).read(data)))
        with progress(pictures * (1 + len(wanted) * len(severities)), name, quiet=quiet) as bar:
            sweeps.append(sweep(name, answerer, setting, data, home, wanted, severities, bar.step))
        if answerer.paints:  # a specialist reads no words
            others.append(variants(name, answerer, setting, data, home))
        doubted += list(ood_results(name, answerer, setting, data))
        print(sweeps[-1].told(), file=sys.stderr)
    command = (
        f"plantain bench robustness {' '.join(names)} --model {who.model} --data DATA --limit {limit} --severities "
        + " ".join(map(str, severities))
    )
    if out.suffix == ".md":
        target = robustness_report.markdown(sweeps, others, doubted, out, command)
    else:
        target = robustness_report.write(sweeps, others, doubted, out / "robustness.html", command)
    emit({"report": str(target), "sweeps": [{"benchmark": s.benchmark, "clean": s.clean.figure, "kept": s.retained,
                                             "follows": s.follows()} for s in sweeps]})  # fmt: skip
    return 0

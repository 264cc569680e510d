"""`plantain bench robustness`: how answers hold under corruptions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import ModelArgs
from plantain.cli.reporting import emit, progress
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.eval.run import RunConfig
    from plantain.pipeline.predictor import Predictor


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
    """How answers hold under corruptions: figure, confidence, ECE and AUSE against severity, as one HTML page.

    Parameters
    ----------
    names
        Benchmarks (see `plantain bench list`).
    data
        The folder of labeled photographs.
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
        raise UsageError(f"no such folder: {data}; give the folder of labeled photographs with --data")
    from plantain.eval.run import RunConfig
    from plantain.pipeline.predictor import load

    command = (
        f"plantain bench robustness {' '.join(names)} --model {who.model} --data DATA --limit {limit} --severities "
        + " ".join(map(str, severities))
    )
    config = RunConfig(who.model, who.given, limit=limit, seed=seed)
    with load(who.model, **who.given) as model:
        found = _swept(names, model, config, data, out, corruptions, severities, quiet)
    sweeps = found[0]
    target = _written(*found, out, command)
    emit({"report": str(target), "sweeps": [{"benchmark": s.benchmark, "clean": s.clean.figure, "kept": s.retained,
                                             "follows": s.follows()} for s in sweeps]})  # fmt: skip
    return 0


def _swept(
    names: Sequence[str], model: Predictor, config: RunConfig, data: Path, out: Path, corruptions: Sequence[str],
    severities: Sequence[int], quiet: bool,
) -> tuple[list[Any], list[Any], list[Any]]:  # fmt: skip
    """Sweeps over corruptions, other wordings and seeds, and pictures not to be believed, of every benchmark."""
    from plantain.eval.robustness import chosen, ood_results, sweep, variants
    from plantain.eval.run import named

    wanted = chosen(corruptions, model)
    home = Path("runs/robustness") if out.suffix == ".md" else out
    sweeps, others, doubted = list[Any](), list[Any](), list[Any]()
    for name in names:
        pictures = min(config.limit or 0, len(named(name).read(data)))
        with progress(pictures * (1 + len(wanted) * len(severities)), name, quiet=quiet) as bar:
            sweeps.append(sweep(name, model, config, data, home, wanted, severities, bar.step))
        if model.paints:  # a specialist reads no words
            others.append(variants(name, model, config, data, home))
        doubted += list(ood_results(name, model, config, data))
        print(sweeps[-1].told(), file=sys.stderr)
    return sweeps, others, doubted


def _written(sweeps: list[Any], others: list[Any], doubted: list[Any], out: Path, command: str) -> Path:
    """The report: a page of HTML, or of markdown with plots beside it."""
    from plantain.eval import robustness_report

    if out.suffix == ".md":
        return robustness_report.markdown(sweeps, others, doubted, out, command)
    return robustness_report.write(sweeps, others, doubted, out / "robustness.html", command)

"""`plantain bench`: how well a model sees, by the official rules. `bench robustness` is in its own file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.options import ModelArgs, Whole
from plantain.cli.reporting import emit, progress
from plantain.cli.tables import Json, show
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.eval.run import Run


Out = Annotated[Path, Parameter(name=["--out", "-o"])]
Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="No progress.")]
GENERATION = "generation/kept"


def run(
    *names: str,
    who: ModelArgs = ModelArgs(),
    data: Path | None = None,
    out: Out = Path("runs"),
    limit: Whole | None = None,
    samples: Whole = 1,
    passes: Whole = 1,
    seed: Whole = 0,
    style: str = "imperative",
    corrupt: str | None = None,
    base: str | None = None,
    quiet: Quiet = False,
) -> int:
    """Asks a model about every picture of benchmarks, but for what it has answered already. A JSON line each.

    Parameters
    ----------
    names
        Benchmarks (see `plantain bench list`).
    data
        The folder of labeled photographs.
    out
        Folders OUT/MODEL/BENCHMARK are made (BENCHMARK+fog-3 with --corrupt).
    limit
        So many pictures of each benchmark, always the same.
    samples
        Seeds that are asked and merged.
    passes
        Legends that are asked and unmixed.
    seed
        The first seed; it also draws the legends.
    style
        Wording of the prompts: imperative, caption, json or terse.
    corrupt
        What befalls the photos or the paintings, as NAME:SEVERITY (1 to 5): noise, blur, motion, jpeg, dark, contrast,
        fog, rain, snow, dirt, cast, painting-jpeg, aspect.
    base
        Of generation/kept: the painter that the model was tuned from, or a folder of its weights; it is asked too, and
        the differences are given.
    """
    _named(names)
    if data is None or not data.is_dir():
        raise UsageError(f"no such folder: {data}; give the folder of labeled photographs with --data")
    if GENERATION in names:
        if len(names) > 1:
            raise UsageError(f"{GENERATION} runs alone: plantain bench run {GENERATION} --model A --data FOLDER")
        return generation(who, base, data, out, limit, seed, quiet)
    from plantain.eval.run import Run, RunConfig, named

    config = RunConfig(who.model, who.given, samples, passes, seed, style, limit, corrupt)
    for one in [Run(config.home(out, name), named(name), config, data) for name in names]:
        _scored(one, "run", quiet)
    return 0


def score(*runs: str, quiet: Quiet = False) -> int:
    """Decodes and measures the kept answers of runs anew, without asking the model. A JSON line each.

    Parameters
    ----------
    runs
        Runs, or folders that hold them.
    """
    for one in _opened(runs):
        _scored(one, "rescore", quiet)
    return 0


def _scored(one: Run, way: str, quiet: bool) -> None:
    """Runs or scores one benchmark and says its figures."""
    from plantain.pipeline.predictor import load

    bars = progress(len(one.examples), one.benchmark.id, quiet=quiet)
    with load(one.config.model, **one.config.options) as model, bars as bar:
        scores = getattr(one, way)(model, bar.step)
    with_run(one, scores)


def _named(names: Sequence[str]) -> None:
    if not names:
        raise UsageError("name what to run or score, as in: plantain bench run nyu-excerpt/metric-depth --data FOLDER")


def _opened(names: Sequence[str]) -> list[Run]:
    """The runs that folders hold."""
    from plantain.eval.run import Run

    _named(names)
    return [Run.open(folder) for name in names for folder in folders(Path(name))]


def report(*runs: str, out: Out = Path("runs")) -> int:
    """One HTML page of several runs, or the table alone.

    Parameters
    ----------
    runs
        Runs, or folders that hold them.
    out
        The page (.html, or .md for the table alone), or a folder for report.html.
    """
    found = _opened(runs)
    from plantain.eval.html_report import markdown, write
    from plantain.pipeline.predictor import load

    target = out if out.suffix in (".html", ".md") else out / "report.html"
    if target.suffix == ".md":
        markdown(found, target)
    else:
        write(found, target, [load(one.config.model, **one.config.options) for one in found])
    emit({"report": str(target), "runs": list(runs)})
    return 0


def calibrate(*runs: str, out: Out = Path("runs"), quiet: Quiet = False) -> int:
    """Fits the confidence of the runs' model on half of their pictures, a map a task. A JSON line a benchmark: ECE
    before and after on the other half.

    Parameters
    ----------
    runs
        Runs of one model, or folders that hold them.
    out
        The file (.json), or a folder for calibration.json; lay it beside the weights.
    """
    from dataclasses import asdict

    from plantain.eval.calibrate import fit, write
    from plantain.pipeline.predictor import load

    found = _opened(runs)
    models = {run.config.model: run.config.options for run in found}
    if len(models) > 1:
        raise UsageError(f"calibrate takes the runs of one model, not of {', '.join(models)}")
    ((model, options),) = models.items()
    answerer = load(model, calibrated=False, **options)
    with progress(sum(len(run.examples) for run in found), "calibrate", quiet=quiet) as bar:
        fits, told = fit(found, answerer, step=bar.step)
    target = out if out.suffix == ".json" else out / "calibration.json"
    write(fits, told, target)
    for one in told:
        emit(asdict(one))
    return 0


def folders(place: Path) -> list[Path]:
    """A run's folder itself, or all runs below a folder; where there is none the folder, so that it is refused."""
    if (place / "run.json").exists():
        return [place]
    found = sorted(path.parent for path in place.rglob("run.json") if path.parent.name != "generation-kept")
    return found or [place]


def compare(*runs: str) -> int:
    """The second run minus the first, picture by picture. A JSON line a benchmark; of several, p is also given adjusted
    for their number (Holm).

    Parameters
    ----------
    runs
        Two runs, or two folders of runs, of which all that both hold are compared.
    """
    from dataclasses import asdict

    from plantain.eval.compare import compare as paired
    from plantain.eval.compare import holm, pair_runs
    from plantain.eval.run import Run

    if len(runs) != 2:
        raise UsageError(f"compare takes two runs, or two folders of runs, not {len(runs)}: plantain bench compare A B")
    found = [paired(Run.open(a), Run.open(b)) for a, b in pair_runs(Path(runs[0]), Path(runs[1]))]
    for one, adjusted in zip(found, holm([one.p for one in found]), strict=True):
        emit(asdict(one) | ({"p_holm": adjusted} if len(found) > 1 else {}))
    return 0


def generation(
    who: ModelArgs, base: str | None, data: Path, out: Path, limit: int | None, seed: int, quiet: bool
) -> int:  # fmt: skip
    """A JSON line: the figures, and with a base the differences."""
    from plantain.eval.generation import GenerationRun, Kept, against
    from plantain.pipeline.predictor import load

    asked = [(who.model, who.given)]
    if base is not None:
        asked.append((who.model, who.given | {"weights": base}) if Path(base).is_dir() else (base, {}))
    runs = []
    for i, (name, given_options) in enumerate(asked):
        home = out / (name if not i else f"{name}-base") / "generation-kept"
        run = GenerationRun(home, Kept(name, given_options, limit, seed=seed), data)
        with progress(len(run.examples), f"generation/kept {name}", quiet=quiet) as bar:
            scores = run.run(load(name, **given_options), bar.step)
        emit({"run": str(home), **scores})
        runs.append(run)
    if base is not None:
        emit({"model": who.model, "base": base, "difference": against(runs[0], runs[1])})
    return 0


def with_run(run: Run, scores: dict[str, Any]) -> None:
    """One JSON line on stdout, one for people on stderr."""
    emit({"run": str(run.folder), **{k: v for k, v in scores.items() if k not in ("parts", "failures")}})
    value, low, high = scores["scores"][scores["primary"]]
    print(f"{run.benchmark.id}: {scores['primary']} {value:.3f} ({low:.3f} - {high:.3f}), {scores['n']} pictures, "
          f"{scores['failed']} failed", file=sys.stderr)  # fmt: skip


def benchmarks(*, json: Json = False) -> int:
    """Lists the benchmarks: name, version, primary figure, what an answer that looks at nothing gets, and the rules."""
    from plantain.eval.benchmarks import BENCHMARKS

    rows = [
        {"benchmark": row.id, "version": row.version, "primary": row.primary, "better": row.better,
         "trivial": row.baseline, "protocol": row.protocol}
        for row in BENCHMARKS.values()
    ]  # fmt: skip
    show(rows, json)
    return 0

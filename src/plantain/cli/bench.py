"""`plantain bench run | score | report | compare | calibrate | list | robustness`: how well a model sees."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from plantain.cli.hosted import bill
from plantain.cli.options import Data, PredictArgs, Quiet, Whole, data_folder
from plantain.cli.reporting import emit, progress
from plantain.cli.tables import Json, show
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.eval.run import Run
    from plantain.pipeline.predictor import Predictor

GENERATION = "generation/kept"


def run(
    *names: str,
    ask: PredictArgs = PredictArgs(),
    data: Data = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs"),
    limit: Whole | None = None,
    corrupt: str | None = None,
    shots: Whole = 0,
    base: str | None = None,
    quiet: Quiet = False,
) -> int:
    """Asks a model about every picture of benchmarks. A JSON line a benchmark on stdout.

    What is answered already is not asked again; where a photo or a label has changed since, it is answered or scored
    afresh.

    Parameters
    ----------
    names
        Benchmarks; `plantain bench list` lists them. `folder`: whatever the answers in a folder of your own allow.
    out
        Folders OUT/MODEL/BENCHMARK are made (BENCHMARK+fog-3 with --corrupt, BENCHMARK+shots-5 with --shots).
    limit
        So many pictures of each benchmark, always the same.
    corrupt
        What happens to the photos or the paintings, as NAME:SEVERITY (1 to 5): noise, blur, motion, jpeg, dark,
        contrast, fog, rain, snow, dirt, cast, painting-jpeg, aspect.
    shots
        So many photos of the training half are shown with their true answers before the questions, drawn by --seed.
    base
        Of generation/kept: the painter that the model was tuned from, or a folder of its weights; it is asked too, and
        the differences are given.
    """
    from plantain.eval.own import OWN, names_in
    from plantain.eval.run import Run, RunConfig, find_benchmark

    folder = data_folder(names, data, "plantain bench run nyu-excerpt/metric-depth --data FOLDER")
    if ask.examples is not None:
        raise UsageError("benchmarks draw examples from their own training half: say how many with --shots")
    if GENERATION in names:
        if len(names) > 1:
            raise UsageError(f"{GENERATION} runs alone: plantain bench run {GENERATION} --model A --data FOLDER")
        return generation(ask, base, folder, out, limit, quiet)
    config = RunConfig(ask.model, ask.given, ask.options(), ask.code, limit, corrupt, shots)
    rows = [row for name in names for row in (names_in(folder) if name == OWN else [name])]
    runs = [Run(config.folder(out, name), find_benchmark(name, folder), config, folder) for name in rows]
    return max([scored(one, Run.run, quiet) for one in runs])


def score(*runs: Path, quiet: Quiet = False) -> int:
    """Decodes and measures the kept answers of runs anew, without asking the model. A JSON line a run.

    Parameters
    ----------
    runs
        Runs, or folders that hold them.
    """
    from plantain.eval.run import Run

    return max([scored(one, Run.rescore, quiet) for one in opened(runs, "plantain bench score runs/embedded")])


def report(*runs: Path, out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs")) -> int:
    """Writes one page of several runs: figures, reliability, the worst and the best pictures.

    Parameters
    ----------
    runs
        Runs, or folders that hold them.
    out
        The page (.html, or .md for the table alone), or a folder for report.html.
    """
    from plantain.eval.html_report import html_report, markdown

    found = opened(runs, "plantain bench report runs/embedded -o report.html")
    target = out if out.suffix in (".html", ".md") else out / "report.html"
    if target.suffix == ".md":
        markdown(found, target)
    else:
        html_report(found, target, [loaded(one) for one in found])
    emit({"report": str(target), "runs": [str(place) for place in runs]})
    return 0


def compare(*runs: Path) -> int:
    """The second run minus the first, picture by picture; of two folders of runs, all that both hold.

    A JSON line a benchmark; of several, p is also given adjusted for their number (Holm).

    Parameters
    ----------
    runs
        Two runs, or two folders of runs.
    """
    from plantain.eval.compare import compare as compared
    from plantain.eval.compare import holm, pair_runs
    from plantain.eval.run import Run

    if len(runs) != 2:
        raise UsageError(f"compare takes two runs, or two folders of runs, not {len(runs)}: plantain bench compare A B")
    found = [compared(Run.open(first), Run.open(second)) for first, second in pair_runs(*runs)]
    for one, adjusted in zip(found, holm([one.p for one in found]), strict=True):
        emit(asdict(one) | ({"p_holm": adjusted} if len(found) > 1 else {}))
    return 0


def calibrate(
    *runs: Path, out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs"), quiet: Quiet = False
) -> int:
    """Fits the confidence of one model on half of the pictures of its runs, a map a task.

    A JSON line a benchmark: ECE before and after on the half that was not fitted.

    Parameters
    ----------
    runs
        Runs of one model, or folders that hold them.
    out
        The file (.json), or a folder for calibration.json; lay it beside the weights.
    """
    from plantain.eval.calibrate import fit, write
    from plantain.pipeline.predictor import load

    found = opened(runs, "plantain bench calibrate runs/embedded -o calibration.json")
    models = {one.config.model: one.config.options for one in found}
    if len(models) > 1:
        raise UsageError(f"calibrate takes the runs of one model, not of {', '.join(models)}")
    ((name, options),) = models.items()
    bars = progress(sum(len(one.examples) for one in found), "calibrate", quiet=quiet)
    with load(name, calibrated=False, **options) as model, bars as bar:
        fits, reports = fit(found, model, step=bar.step)
    write(fits, reports, out if out.suffix == ".json" else out / "calibration.json")
    for one in reports:
        emit(asdict(one))
    return 0


def benchmarks(*, json: Json = False) -> int:
    """Lists the benchmarks: name, version, primary figure, the baseline that looks at no photo, and the rules."""
    from plantain.eval.benchmarks import BENCHMARKS

    keys = ("version", "primary", "better", "baseline", "protocol")
    show([{"benchmark": row.id} | {key: getattr(row, key) for key in keys} for row in BENCHMARKS.values()], json)
    return 0


# ---- what the verbs share


def loaded(run: Run) -> Predictor:
    """The model that a run asks."""
    from plantain.pipeline.predictor import load

    return load(run.config.model, **run.config.options)


def opened(places: Sequence[Path], example: str) -> list[Run]:
    """The runs that lie in folders. UsageError where none is named."""
    from plantain.eval.run import Run

    if not places:
        raise UsageError(f"name a run, as in: {example}")
    return [Run.open(folder) for place in places for folder in run_folders(place)]


def run_folders(place: Path) -> list[Path]:
    """A run's folder itself, or all runs below a folder; where there is none the folder, so that it is refused."""
    if (place / "run.json").exists():
        return [place]
    found = sorted(path.parent for path in place.rglob("run.json") if path.parent.name != "generation-kept")
    return found or [place]


def generation(ask: PredictArgs, base: str | None, data: Path, out: Path, limit: int | None, quiet: bool) -> int:
    """A JSON line: the figures, and with a base the differences."""
    from plantain.eval.generation import GenerationConfig, GenerationRun, against
    from plantain.pipeline.predictor import load

    asked = [(ask.model, ask.given)]
    if base is not None:
        asked.append((ask.model, ask.given | {"weights": base}) if Path(base).is_dir() else (base, {}))
    runs = []
    for i, (name, options) in enumerate(asked):
        home = out / (name if not i else f"{name}-base") / "generation-kept"
        one = GenerationRun(home, GenerationConfig(name, options, limit, seed=ask.seed), data)
        bars = progress(len(one.examples), f"{GENERATION} {name}", quiet=quiet)
        with load(name, **options) as model, bars as bar:
            scores = one.run(model, bar.step)
            bill(model, quiet=quiet)
        emit({"run": str(home), **scores})
        runs.append(one)
    if base is not None:
        emit({"model": ask.model, "base": base, "difference": against(runs[0], runs[1])})
    return 0


def scored(run: Run, how: Callable[[Run, Predictor, Callable[[], None]], dict[str, Any]], quiet: bool) -> int:
    """One JSON line on stdout, one for people on stderr; the exit code: 1 where a truth could not be scored."""
    with loaded(run) as model, progress(len(run.examples), run.benchmark.id, quiet=quiet) as bar:
        scores = how(run, model, bar.step)
        bill(model, quiet=quiet)
    told = {key: value for key, value in scores.items() if key not in ("parts", "failures", "lines")}
    emit({"run": str(run.folder), **told, "cost": run.costs()})
    value, low, high = scores["scores"][scores["primary"]]
    lost = f", {scores['no_truth']} without a truth that can be scored" if scores["no_truth"] else ""
    print(f"{run.benchmark.id}: {scores['primary']} {value:.3f} ({low:.3f} - {high:.3f}), {scores['n']} pictures, "
          f"{scores['failed']} failed{lost}", file=sys.stderr)  # fmt: skip
    return 1 if scores["no_truth"] else 0

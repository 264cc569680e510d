"""`plantain bench` and `plantain benchmarks`: how well a model sees, by the official rules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from plantain.cli.options import ModelArgs
from plantain.cli.reporting import emit, progress
from plantain.cli.tables import Json, show
from plantain.errors import UsageError

if TYPE_CHECKING:
    from plantain.eval.run import Run


def bench(
    action: Literal["run", "score", "report", "compare", "calibrate"],
    /,
    *names: str,
    who: ModelArgs = ModelArgs(),
    data: Path | None = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("runs"),
    limit: int | None = None,
    samples: int = 1,
    passes: int = 1,
    seed: int = 0,
    style: str = "imperative",
    corrupt: str | None = None,
    base: str | None = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
) -> int:
    """Runs benchmarks, scores runs again without asking the model, and reports. A JSON line a benchmark on stdout.

    Parameters
    ----------
    action
        run: asks the model about every picture; what is answered already is not asked again. score: decodes and
        measures the kept answers anew. report: one HTML page of several runs.
        compare: the second run minus the first, picture by picture; of two folders of runs, all that both hold.
        calibrate: fits the confidence of the runs' model on half of their pictures, a map a task, into OUT (.json);
        lay it beside the weights as calibration.json.
    names
        run: benchmarks (see `plantain benchmarks`). The others: runs, or folders that hold them.
    data
        The folder of labelled photographs.
    out
        run: folders OUT/MODEL/BENCHMARK are made (BENCHMARK+fog-3 with --corrupt). report: the page is OUT (.html, or
        .md for the table alone), or OUT/report.html.
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
    quiet
        No progress.
    """
    if not names:
        raise UsageError("name what to run or score, as in: plantain bench run nyu-excerpt/metric-depth --data FOLDER")
    from plantain.eval.run import Run, RunConfig, named
    from plantain.pipeline.predictor import load

    if action == "run" and "generation/kept" in names:
        if data is None or len(names) > 1:
            raise UsageError("generation/kept runs alone: plantain bench run generation/kept --model A --data FOLDER")
        return generation(who, base, data, out, limit, seed, quiet)
    runs: list[Run] = []
    if action == "compare":
        return comparison(names)
    if action != "run":
        runs = [Run.open(folder) for name in names for folder in folders(Path(name))]
    else:
        if data is None or not data.is_dir():
            raise UsageError(f"no such folder: {data}; give the folder of labelled photographs with --data")
        setting = RunConfig(who.model, who.given, samples, passes, seed, style, limit, corrupt)
        runs = [Run(setting.home(out, name), named(name), setting, data) for name in names]
    if action == "calibrate":
        return calibrate(runs, out, quiet)
    if action == "report":
        return report(runs, out, names)
    for run in runs:
        answerer = load(run.config.model, **run.config.options)
        with progress(len(run.examples), run.benchmark.id, quiet=quiet) as bar:
            scores = (run.rescore if action == "score" else run.run)(answerer, bar.step)
        with_run(run, scores)
    return 0


def report(runs: list[Run], out: Path, names: tuple[str, ...]) -> int:
    """The page with pictures, or the table alone."""
    from plantain.eval.html_report import markdown, write
    from plantain.pipeline.predictor import load

    target = out if out.suffix in (".html", ".md") else out / "report.html"
    if target.suffix == ".md":
        markdown(runs, target)
    else:
        write(runs, target, [load(run.config.model, **run.config.options) for run in runs])
    emit({"report": str(target), "runs": list(names)})
    return 0


def calibrate(runs: list[Run], out: Path, quiet: bool) -> int:
    """Fits and writes; a JSON line a benchmark: ECE before and after on the half that was not fitted."""
    from dataclasses import asdict

    from plantain.eval.calibrate import fit, write
    from plantain.pipeline.predictor import load

    models = {run.config.model: run.config.options for run in runs}
    if len(models) > 1:
        raise UsageError(f"calibrate takes the runs of one model, not of {', '.join(models)}")
    ((model, options),) = models.items()
    answerer = load(model, calibrated=False, **options)
    with progress(sum(len(run.examples) for run in runs), "calibrate", quiet=quiet) as bar:
        fits, told = fit(runs, answerer, step=bar.step)
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


def comparison(names: tuple[str, ...]) -> int:
    """A JSON line a benchmark; of several, p is also given adjusted for their number (Holm)."""
    from dataclasses import asdict

    from plantain.eval.compare import compare, holm, pair_runs
    from plantain.eval.run import Run

    if len(names) != 2:
        raise UsageError(
            f"compare takes two runs, or two folders of runs, not {len(names)}: plantain bench compare A B"
        )
    found = [compare(Run.open(a), Run.open(b)) for a, b in pair_runs(Path(names[0]), Path(names[1]))]
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

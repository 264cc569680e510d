"""Untuned generators on metric depth, normals, classes and masks, under one protocol: the table in one command.

From an empty checkout, on a machine with a card of 24 GB and a key (each model needs only its own part of this):

    make setup
    .venv/bin/pip install '.[diffusers,hosted]'
    export HF_TOKEN=... GEMINI_API_KEY=...
    .venv/bin/python recipes/zero_shot.py DATA --limit 40 --budget 20 --models embedded flux2-klein-4b \\
        "flux2-klein-9b offload=true" "flux2-klein-4b adapter=runs/lora" gemini -o runs/zero-shot

DATA is the folder of labeled photographs. A model is a name of `plantain models`, with options of its own after it, so
that a tuned generator stands beside the untuned one. Each is first asked for a chart back, which says whether it keeps
its place (what `plantain doctor -m NAME` does, once), and then about every row in every wording, with every number of
examples shown before the question.

Every setting is a run of `plantain bench run`: a stopped table goes on, and nothing is asked or paid twice. A model or
setting that cannot be run here is a line with the reason. OUT/table.md and OUT/table.jsonl have the figures with 95 %
intervals beside what an answer gets that looks at no photo, and what the truth gets when it is painted in the colors
that this model is asked for; seconds and USD a picture; and pictures that failed, which count as worst.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from plantain.cli.hosted import opened
from plantain.cli.options import ModelArgs
from plantain.cli.reporting import progress
from plantain.doctor import registered
from plantain.errors import PainterGone, PlantainError
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.ceiling import ceiling
from plantain.eval.run import Run, RunConfig, find_benchmark, select_examples
from plantain.files import writing
from plantain.models.painters.hosted.base import Hosted
from plantain.models.registry import factory_of, rows
from plantain.pipeline.jobs import PredictOptions
from plantain.pipeline.predictor import PainterPredictor, Predictor
from plantain.tasks import STYLES

ROWS = (
    "nyu-excerpt/metric-depth", "nyu-excerpt/relative-depth", "nyu-excerpt/normals", "camvid-excerpt/classes",
    "people-excerpt/person", "salient-excerpt/main-object", "animals-excerpt/classes-voc",
)  # fmt: skip
CEILING = 8  # pictures of which the ceiling is taken
HEAD = ("row, figure", "model", "registration", "examples", "wording", "figure (95 %)", "looks at no photo", "ceiling",
        "s a picture", "USD a picture", "pictures, failed")  # fmt: skip
Line = dict[str, Any]  # of table.jsonl


def measured(model: str, given: argparse.Namespace) -> Iterator[Line]:
    """A line for every setting of a model; where it cannot be run at all, one with the reason."""
    name, *words = shlex.split(model)
    try:
        asking = ModelArgs(name, budget=given.budget if paid(name) else None, option=tuple(words))
        with opened(asking, quiet=False) as predictor:
            place, styles = registration(predictor), given.styles if predictor.paints else given.styles[:1]
            for row, shots, style in itertools.product(given.rows, sorted(given.shots), styles):
                head = {"model": model, "registration": place, "benchmark": row, "shots": shots, "style": style}
                config = RunConfig(name, asking.given, PredictOptions(style=style), limit=given.limit, shots=shots)
                yield head | figures(row, config, predictor, given.data, given.out / slug(model))
    except PlantainError as error:
        yield {"model": model, "reason": str(error)}
    except Exception as error:  # a generator is other people's code, and the next one may run
        yield {"model": model, "reason": f"{type(error).__name__}: {error}".splitlines()[0]}


def paid(name: str) -> bool:
    """Whether a model is a painter behind a service."""
    factory = factory_of(rows()[name]) if name in rows() else None
    return isinstance(factory, type) and issubclass(factory, Hosted)


def slug(model: str) -> str:
    """A model with its options as the name of a folder.

    >>> slug("flux2-klein-4b adapter=runs/lora")
    'flux2-klein-4b-adapter=runs-lora'
    """
    return re.sub(r"[^\w.=+-]+", "-", model)


def registration(model: Predictor) -> str:
    """Whether a painter keeps its place, in a few words. UsageError where it cannot run here."""
    if not isinstance(model, PainterPredictor):
        return "no painter"
    check = registered(model.painter)
    if check.state == "note":
        return "unregistered"
    if "shift_px" not in check.facts:
        return check.found
    told = "measured" if check.state == "ok" else "shift {:+.1f}, {:+.1f} px".format(*check.facts["shift_px"])
    return f"{told}, undone" if check.facts.get("undone") else told


def figures(row: str, config: RunConfig, model: Predictor, data: Path, home: Path) -> Line:
    """What a setting's run says, gone on with where it was stopped. PainterGone, which ends a model; any other error
    is the reason why there is no figure."""
    benchmark = find_benchmark(row)
    try:
        run = Run(home / config.folder(home, row).name, benchmark, config, data)
        with progress(len(run.examples), run.folder.name, quiet=False) as bar:
            scores = run.run(model, bar.step)
    except PainterGone:
        raise
    except PlantainError as error:
        return {"reason": str(error)}
    value, low, high = scores["scores"][benchmark.primary]
    return {
        "figure": benchmark.primary, "better": benchmark.better, "value": value, "low": low, "high": high,
        "no_photo": benchmark.baseline, "ceiling": best(row, data, codes_of(model)), **run.costs(),
        "n": scores["n"], "failed": scores["failed"], "run": str(run.folder),
    }  # fmt: skip


def codes_of(model: Predictor) -> tuple[tuple[str, str], ...] | None:
    """The color codes that a painter is asked for, where they are not the usual ones; None for what paints none."""
    return tuple(sorted(model.painter.codes.items())) if isinstance(model, PainterPredictor) else None


@cache
def best(row: str, data: Path, codes: tuple[tuple[str, str], ...] | None) -> float | None:
    """What no painting in these codes can pass: the truth painted and read, of a few pictures."""
    if codes is None:
        return None
    benchmark = find_benchmark(row)
    scores = ceiling(benchmark, select_examples(benchmark, data, CEILING), codes=dict(codes), draws=2)
    return float(scores["scores"][benchmark.primary][0])


# ---- the table


def page(lines: Sequence[Line]) -> str:
    """All lines in Markdown, row by row; then what was not run, each reason once."""
    known = [line for line in lines if "value" in line]
    answered = {line["model"] for line in known}
    table = [cells(line) for row in dict.fromkeys(line["benchmark"] for line in known)
             for line in known if line["benchmark"] == row]  # fmt: skip
    reasons: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        if "reason" in line:
            reasons.setdefault((line["model"], line["reason"]), []).append(line)
    for (model, reason), those in reasons.items():
        table.append(lacking(model, reason, those, "the rest" if model in answered else "all"))
    text = "".join(f"| {' | '.join(row)} |\n" for row in (HEAD, ["-"] * len(HEAD), *table))
    return (
        "# Untuned generators under one protocol\n\n95 % bootstrap intervals over pictures; one that failed counts as "
        "the worst answer. Made by `python recipes/zero_shot.py`.\nThe ceiling: the truth painted in the colors that "
        f"the model is asked for, and read, {CEILING} pictures.\n\n{text}"
    )


def cells(line: Line) -> list[str]:
    """A line under HEAD."""
    figure = f"{line['value']:.3f} ({line['low']:.3f} - {line['high']:.3f})"
    numbers = ["" if line[key] is None else f"{line[key]:.{digits}f}" for key, digits in
               (("ceiling", 3), ("seconds", 1), ("usd", 3))]  # fmt: skip
    low = ", low is good" if line["better"] == "lower" else ""
    return [f"{line['benchmark']}, {line['figure']}{low}", line["model"], line["registration"], str(line["shots"]),
            line["style"], figure, line["no_photo"], *numbers, f"{line['n']}, {line['failed']}"]  # fmt: skip


def lacking(model: str, reason: str, lines: Sequence[Line], everything: str) -> list[str]:
    """What could not be run of a model for one reason: everything, or which settings."""
    own = [", ".join(dict.fromkeys(str(line.get(key, "")) for line in lines)) for key in
           ("benchmark", "registration", "shots", "style")]  # fmt: skip
    own[0] = own[0] or everything
    told = reason.replace("|", "\\|")
    return [own[0], model, *own[1:], f"not run: {told}", *[""] * (len(HEAD) - 6)]


def write(lines: Sequence[Line], out: Path) -> None:
    """table.md and table.jsonl."""
    for name, text in (("table.md", page(lines)), ("table.jsonl", "".join(json.dumps(one) + "\n" for one in lines))):
        with writing(out / name) as beside:
            beside.write_text(text, encoding="utf-8")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path, help="the folder of labeled photographs")
    args.add_argument("--models", nargs="+", required=True, metavar="'NAME KEY=VALUE ...'", help="whom to ask")
    args.add_argument("--rows", nargs="+", default=ROWS, choices=BENCHMARKS, metavar="ROW", help="of `bench list`")
    args.add_argument("--styles", nargs="+", default=STYLES, choices=STYLES, help="wordings of the prompt")
    args.add_argument("--shots", nargs="+", type=int, default=[0, 1, 4], help="examples before the question")
    args.add_argument("--limit", type=int, default=40, help="pictures a row")
    args.add_argument("--budget", type=float, help="USD that all calls of services may cost together")
    args.add_argument("-o", "--out", type=Path, default=Path("runs/zero-shot"))
    return args.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    given, lines = arguments(words), list[Line]()
    for model in given.models:
        for line in measured(model, given):
            print(json.dumps(line), flush=True)
            lines.append(line)
    write(lines, given.out)


if __name__ == "__main__":
    main()

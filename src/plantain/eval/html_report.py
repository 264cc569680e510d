"""A report of runs as one HTML page that needs nothing beside it.

It has the figures with intervals and rules, the reliability of the confidence, the worst and the best pictures with
what was painted, and the command that makes each run again.
"""

from __future__ import annotations

import html
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plantain.data.base import Example
from plantain.eval.ceiling import ceiling
from plantain.eval.charts import reliability, sparsification
from plantain.eval.error_maps import error_map
from plantain.eval.page import STYLE, table, thumb
from plantain.eval.run import Run, RunConfig
from plantain.eval.scores import rows_of
from plantain.files import writing
from plantain.output.show import overlay
from plantain.pipeline.jobs import Job
from plantain.pipeline.predictor import PainterPredictor, Predictor
from plantain.predictions.types import Prediction

CEILING = 24  # pictures of which the ceiling is taken
HEAD = ("benchmark", "model", "figure", "value", "95 %", "pictures", "failed", "ECE", "AUSE", "baseline", "rules")


@dataclass(frozen=True)
class Case:
    """One picture of a run: its figure, its answer and its truth."""

    example: Example
    photo: np.ndarray
    figure: float
    answer: Prediction
    truth: Any


def html_report(runs: Sequence[Run], target: Path, models: Sequence[Predictor], cases: int = 3) -> Path:
    """Writes the page of runs that are scored; `models` are whom they asked, and are not asked again."""
    for run, model in zip(runs, models, strict=True):
        run.require_fresh(model)
    parts = [part(run, model, cases) for run, model in zip(runs, models, strict=True)]
    title = "Plantain: how well it sees"
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>
<h1>{title}</h1><p>Figures with 95 % intervals by bootstrap over pictures. A picture that failed counts as the worst
answer. The baseline is an answer that looks at no photo. The test pictures are excerpts: no figure here is that of the
published benchmark.</p>{overview(runs)}{"".join(parts)}</html>"""
    with writing(target) as path:
        path.write_text(page)
    return target


def overview(runs: Sequence[Run]) -> str:
    """The table of all runs."""
    body = []
    for run in runs:
        first, *others = map(html.escape, cells(run))
        body.append([f"<a href='#{html.escape(anchor(run))}'>{first}</a>", *others])
    return f"<div class='wide'>{table(HEAD, body, numeric=range(3, 9))}</div>"


def cells(run: Run) -> list[str]:
    """A run's row under HEAD."""
    scores, row = run.scores(), run.benchmark
    value, low, high = scores["scores"][row.primary]
    confidence = [f"{scores['confidence'].get(name, float('nan')):.3f}" for name in ("ece", "ause")]
    numbers = [f"{value:.3f}", f"{low:.3f} - {high:.3f}", str(scores["n"]), str(scores["failed"]), *confidence]
    asked = ", ".join([run.model_name, *run.config.variant])
    return [row.id, asked, f"{row.primary}, {row.better} is better", *numbers, row.baseline, row.protocol]


def markdown(runs: Sequence[Run], target: Path) -> Path:
    """The table of all runs as a page of markdown."""
    for run in runs:
        run.require_fresh()
    made = "Made by `plantain bench run ... --data DATA` and `plantain bench report ... -o FILE.md`."
    told = (
        f"95 % bootstrap intervals over pictures; a picture that failed counts as the worst answer.\n{made}\n"
        "ECE and AUSE count all pictures; a calibrated model's maps may have been fitted on some of them.\n"
    )
    lines = ["# Runs\n", told, f"| {' | '.join(HEAD)} |", "|-|-|-|-:|-|-:|-:|-:|-:|-|-|"]
    lines += [f"| {' | '.join(cells(run))} |" for run in runs]
    with writing(target) as path:
        path.write_text("\n".join(lines) + "\n")
    return target


def anchor(run: Run) -> str:
    return "-".join([run.model_name, run.benchmark.id.replace("/", "-"), *run.config.variant])


def part(run: Run, model: Predictor, cases: int) -> str:
    """One run's section."""
    scores = run.scores()
    every = [(name, f"{v[0]:.4f}", f"{v[1]:.4f} - {v[2]:.4f}") for name, v in scores["scores"].items()]
    every += [(html.escape(name), f"{value:.4f}", "") for name, value in scores["parts"].items()]
    every += [(f"confidence: {name}", f"{value:.4f}", "") for name, value in scores["confidence"].items()]
    failures = "".join(
        f"<li><code>{html.escape(f['id'])}</code> {html.escape(f['error'])}</li>" for f in scores["failures"]
    )
    picked = ranked(run, run.with_kept_answers(model, replay=True), cases)
    rows = [
        f"<p class='note'>{html.escape(label)}</p>" + "".join(map(shown, group)) for label, group in picked if group
    ]
    name = html.escape(" · ".join([run.benchmark.id, run.model_name, *run.config.variant]))
    figures = table(("figure", "value", "95 %"), every, (1, 2))
    return f"""<h2 id="{html.escape(anchor(run))}">{name}</h2>
<p>{html.escape(run.benchmark.protocol)}. Again: <code>{html.escape(command(run))}</code></p>
<p class='note'>{html.escape(limits(run, model))}</p>
<div class="two"><div class="wide">{figures}</div>{reliability(run.lines())}{sparsification(run.lines())}</div>
{"".join(rows)}{f"<p>Failed:</p><ul>{failures}</ul>" if failures else ""}"""


def limits(run: Run, model: Predictor) -> str:
    """What no painting could pass, of a painter; and what others have published."""
    row, said = run.benchmark, []
    if isinstance(model, PainterPredictor):
        examples = run.examples[:: max(1, len(run.examples) // CEILING)][:CEILING]
        codes = model.painter.codes
        value = ceiling(row, examples, codes=codes, draws=2)["scores"][row.primary][0]
        said.append(f"Ceiling of the color code (the truth painted and read, {len(examples)} pictures): {value:.3f}.")
    said += [f"Published, not run here: {r.model} {r.value:g} ({r.source})." for r in row.reference]
    return " ".join(said)


def command(run: Run) -> str:
    """What makes the run again."""
    config, usual = run.config, RunConfig().to_json()
    extra = [f"--{name} {name.upper()}" for name in ("weights", "spec") if name in config.options]
    said = {name: value for name, value in config.to_json().items() if name not in ("model", "options", "sampling")}
    extra += [f"--{name} {value}" for name, value in said.items() if value != usual[name]]
    name = shlex.quote(run.benchmark.id)
    return " ".join(["plantain bench run", name, f"--model {config.model} --data DATA", *extra])


def ranked(run: Run, kept: Predictor, count: int) -> list[tuple[str, list[Case]]]:
    """The worst and the best pictures of those that were answered, by the primary figure."""
    primary, sign = run.benchmark.primary, 1 if run.benchmark.better == "higher" else -1
    lines = [line for line in run.lines() if line["state"] == "ok"]
    figures = [run.benchmark.metric.reduce([row])[primary] for row in rows_of(lines, "score")]
    order = sorted((i for i, f in enumerate(figures) if np.isfinite(f)), key=lambda i: sign * figures[i])
    count = min(count, len(order) // 2)
    book = {example.id: example for example in run.examples}
    groups = {"the worst": order[:count], "the best": order[::-1][:count]}
    return [
        (name, [case(run, book[lines[i]["id"]], figures[i], kept) for i in places]) for name, places in groups.items()
    ]


def case(run: Run, example: Example, figure: float, kept: Predictor) -> Case:
    """The kept answer to the first question about a picture, beside its truth."""
    asked = run.sample(example).asked
    photo = run.photo(example)
    answer = kept.answer(Job(example.id, photo, asked[0], run.config.predict))
    return Case(example, photo, figure, answer, run.benchmark.adapter.oracle_target(example, asked))


def shown(one: Case) -> str:
    """Photo, painting, answer and truth in a row."""
    pictures = [("photo " + one.example.id, Image.fromarray(one.photo))]
    if one.answer.painting is not None:
        pictures.append((f"painted, {one.figure:.3f}", Image.fromarray(one.answer.painting.rgb)))
    pictures.append(("answer", overlay(one.answer, one.photo)))
    pictures.append(("truth", overlay(one.truth, one.photo, like=one.answer)))
    wrong = error_map(one.answer, one.truth)
    if wrong is not None:
        pictures.append(("error, bright is far off", Image.fromarray(wrong)))
    return "<div class='case'>" + "".join(f"<figure>{thumb(p)}<figcaption>{html.escape(t)}</figcaption></figure>"
                                          for t, p in pictures) + "</div>"  # fmt: skip

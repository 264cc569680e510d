"""The page of a sweep: figures and confidence against severity, as plots, and in words."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from plantain.eval.charts import lines
from plantain.eval.page import STYLE, table
from plantain.eval.robustness import SEEDS, STYLES, OODResult, Sweep, Variants
from plantain.files import writing

NOTE = (
    "Mean confidence on photos, and on pictures that show no scene; the area under the ROC curve says how well it "
    "tells them apart (.5: not at all)."
)
WORDS = (
    "Other wordings of the prompt, and other seeds, which draw other legends; sd is the standard deviation over them."
)
VARIED = ("benchmark", *STYLES, "sd", *(f"seed {seed}" for seed in SEEDS), "sd")
OOD_HEAD = ("benchmark", "picture", "photos", "these", "area")
PLOTS = {"figure": None, "confidence": None, "ece": 0.0, "ause": 0.0}  # of a cell, and where the axis begins


def charts(sweep: Sweep) -> dict[str, str]:
    """An SVG a quantity."""
    out = {}
    for name, floor in PLOTS.items():
        series = {c: ([x.severity for x in sweep.of(c)], [getattr(x, name) for x in sweep.of(c)])
                  for c in sweep.corruptions}  # fmt: skip
        titles = {"figure": f"{sweep.primary} ({sweep.better} is better)", "confidence": "mean confidence",
                  "ece": "ECE", "ause": "AUSE"}  # fmt: skip
        out[name] = lines(titles[name], series, "severity", floor)
    return out


def standing(svg: str) -> str:
    """A chart as a file of its own: dark on white."""
    own = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" style="background: #fff" ', 1)
    return own.replace('fill="currentColor"', 'fill="#444"') + "\n"


def rows(sweep: Sweep) -> list[list[str]]:
    """A row a corruption: the figure at each severity, and ECE and confidence at the last."""
    out = []
    for name in sweep.corruptions:
        cells = sweep.of(name)
        figures = [f"{cell.figure:.3f}" for cell in cells]
        last = cells[-1]
        out.append(
            [name, *figures, f"{last.right:.3f}", f"{last.confidence:.3f}", f"{last.ece:.3f}", f"{last.ause:.3f}"]
        )
    return out


def head(sweep: Sweep) -> list[str]:
    levels = [f"{sweep.primary} at {cell.severity}" for cell in sweep.of(sweep.corruptions[0])]
    return ["corruption", *levels, "right at the last", "confidence", "ECE", "AUSE"]


def cells(one: OODResult) -> list[str]:
    return [one.benchmark, one.sort, *(f"{value:.3f}" for value in (one.real, one.fake, one.auc))]


def varied(one: Variants) -> list[str]:
    told = (*one.styles, one.sd_styles, *one.seeds, one.sd_seeds)
    return [one.benchmark, *(f"{value:.3f}" for value in told)]


def robustness_report(
    sweeps: Sequence[Sweep], variants: Sequence[Variants], ood: Sequence[OODResult], target: Path, command: str
) -> Path:
    """One HTML page that needs nothing beside it; for a `target` .md, a page of markdown with plots beside it."""
    if target.suffix == ".md":
        return markdown(sweeps, variants, ood, target, command)
    title = "Plantain: robustness"
    parts = []
    for sweep in sweeps:
        drawn = "".join(charts(sweep).values())
        figures = table(head(sweep), [[html.escape(c) for c in row] for row in rows(sweep)], range(1, 20))
        name = html.escape(f"{sweep.benchmark} · {sweep.model} · {sweep.n} pictures")
        parts.append(
            f"<h2>{name}</h2><p>{html.escape(sweep.told())}</p><div class='two'>{drawn}</div>"
            f"<div class='wide'>{figures}</div>"
        )
    if variants:
        figures = table(VARIED, [varied(one) for one in variants], range(1, 10))
        parts.append(f"<h2>Other words, other colors</h2><p>{WORDS}</p><div class='wide'>{figures}</div>")
    if ood:
        figures = table(OOD_HEAD, [cells(one) for one in ood], range(2, 5))
        parts.append(f"<h2>Pictures that show no scene</h2><p>{NOTE}</p><div class='wide'>{figures}</div>")
    page = (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><meta name="viewport" '
            f'content="width=device-width, initial-scale=1"><style>{STYLE}</style><h1>{title}</h1>'
            f"<p>Again: <code>{html.escape(command)}</code></p>{''.join(parts)}</html>")  # fmt: skip
    with writing(target) as path:
        path.write_text(page)
    return target


def markdown(
    sweeps: Sequence[Sweep], variants: Sequence[Variants], ood: Sequence[OODResult], target: Path, command: str
) -> Path:
    """The same as a page of markdown with the plots as SVG files in `pictures/` beside it."""
    text = [f"# Robustness\n\nMade by `{command}`.\n"]
    for sweep in sweeps:
        stem = sweep.benchmark.replace("/", "-")
        text.append(f"\n## {sweep.benchmark}, {sweep.model}, {sweep.n} pictures\n\n{sweep.told()}\n")
        for name, svg in charts(sweep).items():
            if svg:
                file = f"pictures/robustness-{stem}-{name}.svg"
                with writing(target.parent / file) as path:
                    path.write_text(standing(svg))
                text.append(f"![{name} against severity]({file})\n")
        text.append("\n| " + " | ".join(head(sweep)) + " |\n|-" + "|-:" * (len(head(sweep)) - 1) + "|\n")
        text += ["| " + " | ".join(row) + " |\n" for row in rows(sweep)]
    if variants:
        text.append(f"\n## Other words, other colors\n\n{WORDS}\n\n| {' | '.join(VARIED)} |\n|-{'|-:' * 9}|\n")
        text += [f"| {' | '.join(varied(one))} |\n" for one in variants]
    if ood:
        text.append(f"\n## Pictures that show no scene\n\n{NOTE}\n\n| {' | '.join(OOD_HEAD)} |\n|-|-|-:|-:|-:|\n")
        text += [f"| {' | '.join(cells(one))} |\n" for one in ood]
    with writing(target) as path:
        path.write_text("".join(text))
    return target

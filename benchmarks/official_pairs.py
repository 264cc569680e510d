"""The paper's published paintings, read: are the prompts understood, and what do the colors say?

    python benchmarks/official_pairs.py --data DATA/vision-banana-page [-o out/]

Prompts go through `tasks.language.parse`; paintings through the task's own decoder, with the photo as a guide. Writes
table.md and contact.png (photo, painting, answer over the photo, figures). The pictures carry no licence: look at them,
do not publish them.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from plantain import tasks
from plantain.codecs import palette, sphere
from plantain.codecs.curve import CURVES, fits
from plantain.errors import PlantainError
from plantain.models.painting import Painting
from plantain.predictions.types import Prediction
from plantain.tasks.language.parsing import parse

NEAR = 14  # levels; the paper's own tolerance for flat colors
BLACK = (0, 0, 0)
COUNTED = {  # things in the painting, counted by eye (and, where the photo can be counted, the same number in it)
    "insseg__insseg3_1": 8,  # basketballs
    "insseg__insseg1_1": 5,  # price tags
    "insseg__insseg1_2": 12,  # croissants
    "insseg__insseg3_2": 41,  # balls, two pairs of which have like colors
    "insseg__insseg2_2": 20,  # pieces of beef
    "insseg__insseg_wine_bottle_1": 13,  # brands, the last a sliver of some 60 pixels
}


@dataclass(frozen=True)
class Reading:
    """One pair, read."""

    name: str
    photo: Image.Image
    painting: Painting
    task: tasks.Task | None
    answer: Prediction | None
    legend: str  # how the parsed colors compare with those that the page's list gives
    figures: str


def read_pair(root: Path, pair: Mapping[str, Any]) -> Reading:
    painting = Painting.load(root / pair["output"])
    photo = Image.open(root / pair["input"]).convert("RGB")
    name = Path(pair["output"]).stem
    try:
        task = parse(pair["prompt"]) if pair["prompt"] else tasks.MetricDepth()
    except PlantainError as error:
        return Reading(name, photo, painting, None, None, "", f"not parsed: {error}")
    size = painting.rgb.shape[1], painting.rgb.shape[0]
    guide = np.asarray(photo.resize(size, Image.Resampling.BICUBIC))
    answer = task.decode(painting.rgb, guide)
    say = next(way for cls, way in FIGURES.items() if isinstance(task, cls))
    text = say(task, answer, painting.rgb, name) + f"; confidence {answer.confidence.mean():.2f}"
    return Reading(name, photo, painting, task, answer, compared(task, pair["colours"]), text)


# ---- what was asked


def asked(task: tasks.Task) -> dict[str, tuple[int, int, int]]:
    """The colors that a parsed prompt names."""
    if isinstance(task, tasks.SemanticSegmentation):
        named = dict(task.entries)
        return named if task.background is None else named | {"background": task.background}
    if isinstance(task, tasks.ReferringSegmentation):
        return dict(task.entries) | {"background": task.background}
    return {"background": task.background} if isinstance(task, tasks.InstanceSegmentation) else {}


def compared(task: tasks.Task, listed: Mapping[str, Any] | None) -> str:
    """Colors by the page's list (triples, or names as written) that were parsed to the same."""
    if not listed:
        return "none asked"
    wanted = {n: palette.read_color(c) if isinstance(c, str) else tuple(c) for n, c in listed.items()}
    parsed = asked(task)
    wrong = [n for n, color in wanted.items() if color not in parsed.values()]
    return f"{len(wanted) - len(wrong)} of {len(wanted)}" + (f", wrong: {', '.join(wrong)}" if wrong else "")


# ---- what was painted


def purity(rgb: np.ndarray, colors: Sequence[Any]) -> float:
    """Share of pixels within 14 levels of one of the colors."""
    return float((palette.nearest(rgb, np.array(colors, np.uint8))[1] <= NEAR).mean())


def legend_figures(task: tasks.Task, answer: Any, rgb: np.ndarray, name: str) -> str:
    """Purity by the asked colors and by the painting's own near them; what is not listed is black."""
    colors = [*asked(task).values(), *([] if "background" in asked(task) else [BLACK])]
    own = palette.refine(rgb, np.array(colors, np.uint8))
    shift = int(np.abs(own.astype(int) - np.array(colors)).max())
    planes = answer.masks if isinstance(task, tasks.ReferringSegmentation) else [answer.mask(c) for c in answer.classes]
    names = answer.names if isinstance(task, tasks.ReferringSegmentation) else answer.classes
    shares = ", ".join(f"{n} {plane.mean():.1%}" for n, plane in zip(names, planes, strict=True))
    pure = f"purity {purity(rgb, colors):.2%} as asked, {purity(rgb, own):.2%} by own colors (off by up to {shift})"
    return f"{pure}; {shares}"


def instance_figures(task: Any, answer: Any, rgb: np.ndarray, name: str) -> str:
    """Counts by our decoder and by the paper's, and purity by background and found colors."""
    paper = replace(task, code="blobs-vb").decode(rgb)
    means = [np.median(rgb[mask], axis=0) for mask in answer.masks]
    pure = purity(rgb, [task.background, *means])
    truth = f" of {COUNTED[name]}" if name in COUNTED else ""
    scores = f", scores {answer.scores.min():.2f} to {answer.scores.max():.2f}" if len(answer) else ""
    return f"{len(answer)}{truth} found (paper's decoder {len(paper)}){scores}; purity {pure:.2%}"


def depth_figures(task: Any, answer: Any, rgb: np.ndarray, name: str) -> str:
    """Meters by percentiles, what has no answer (sky), and the distance from the color curve."""
    _, off = CURVES[task.code or task.default_code].decode(rgb)
    metres = np.percentile(answer.values[answer.valid], (1, 50, 99))
    best = max(scores := fits(rgb), key=scores.__getitem__)
    return (
        f"{metres[0]:.2f} / {metres[1]:.2f} / {metres[2]:.1f} m (1, 50, 99 %); sky {1 - answer.valid.mean():.1%}; "
        f"off the walk {np.median(off):.1f} levels (median), {(off > NEAR).mean():.1%} over {NEAR}; best fit {best}"
    )


def normal_figures(task: Any, answer: Any, rgb: np.ndarray, name: str) -> str:
    """The painted lengths, what is no surface, and what faces away from the camera."""
    _, length = sphere.decode(rgb, task.code or task.default_code)
    low, middle, high = np.percentile(length[answer.valid], (5, 50, 95))
    away = (answer.xyz[..., 2] < 0)[answer.valid].mean()
    return (
        f"|n| {low:.2f} / {middle:.2f} / {high:.2f} (5, 50, 95 %); no surface {1 - answer.valid.mean():.1%}; "
        f"facing away {away:.2%}"
    )


FIGURES: dict[type[tasks.Task], Any] = {
    tasks.SemanticSegmentation: legend_figures,
    tasks.ReferringSegmentation: legend_figures,
    tasks.InstanceSegmentation: instance_figures,
    tasks.MetricDepth: depth_figures,
    tasks.SurfaceNormals: normal_figures,
}


# ---- the table and the sheet


def table(readings: Sequence[Reading]) -> str:
    lines = ["| painting | task | colors parsed | figures |", "|-|-|-|-|"]
    for r in readings:
        title = "-" if r.task is None else f"{r.task.name} {r.task.code_id}"
        lines.append(f"| {r.name} | {title} | {r.legend} | {r.figures} |")
    return "\n".join(lines) + "\n"


HEIGHT, WIDTH, CAPTION = 230, 310, 62  # of one picture, and of the words below


def strip(reading: Reading) -> Image.Image:
    """Photo, painting, answer over the photo, and the figures below."""
    out = Image.new("RGB", (3 * WIDTH, HEIGHT + CAPTION), "white")
    shown = [reading.photo, reading.painting.image()]
    shown += [reading.answer.show(reading.photo)] if reading.answer is not None else []
    for i, picture in enumerate(shown):
        small = picture.convert("RGB")
        small.thumbnail((WIDTH - 6, HEIGHT - 6))
        out.paste(small, (i * WIDTH + (WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
    words = textwrap.wrap(f"{reading.name}: {reading.figures}", 150)[:4]
    ImageDraw.Draw(out).multiline_text((6, HEIGHT), "\n".join(words), "black", ImageFont.load_default(12), spacing=2)
    return out


def sheet(readings: Sequence[Reading], columns: int = 2) -> Image.Image:
    """All strips, column by column."""
    strips = [strip(r) for r in readings]
    rows = -(-len(strips) // columns)
    out = Image.new("RGB", (columns * 3 * WIDTH, rows * (HEIGHT + CAPTION)), "white")
    for i, picture in enumerate(strips):
        out.paste(picture, (i // rows * 3 * WIDTH, i % rows * (HEIGHT + CAPTION)))
    return out


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="the folder with pairs.json and pictures/")
    args.add_argument("--limit", type=int, help="the first so many pairs only")
    args.add_argument("-o", "--out", type=Path, help="a folder for table.md and contact.png")
    given = args.parse_args()
    pairs = json.loads((given.data / "pairs.json").read_text())["pairs"][: given.limit]
    readings = [read_pair(given.data, pair) for pair in pairs]
    print(table(readings))
    prompted = sum(pair["prompt"] is not None for pair in pairs)
    print(f"{len(pairs)} pairs, {prompted} with a prompt, {sum(r.task is None for r in readings)} not parsed")
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "table.md").write_text(table(readings))
        sheet(readings).save(given.out / "contact.png")


if __name__ == "__main__":
    main()

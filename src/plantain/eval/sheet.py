"""A page of samples to look at: what is shown, the painting to be learned, what it reads as, and the words."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from plantain.data.inspection import GENERATED, read_back, task_of
from plantain.data.stream import Shards, Stored
from plantain.data.summary import differences
from plantain.errors import PlantainError
from plantain.eval.page import STYLE, table, thumb
from plantain.files import writing
from plantain.output.show import overlay

LAYOUT = """
.case { grid-template-columns: repeat(6, 1fr); align-items: start }
@media (max-width: 640px) { .case { grid-template-columns: repeat(2, 1fr) } }
.sample { border-top: 1px solid var(--line); padding-top: .8rem; margin-top: 1.2rem }
.sample p { margin: .2rem 0 } .sample td:first-child { width: 13rem } .wrong { color: #d33; font-weight: 600 }
"""
CHECKER = 16  # pixels of the squares where nothing is known


def sheet(folders: Sequence[Path], target: Path, count: int = 24, seed: int = 0) -> Path:
    """Writes a page of `count` random samples of shard folders. Raises PhotoError, OutputError."""
    shards = [Shards(folder) for folder in folders]
    every = [(part, i) for part in shards for i in range(len(part))]
    picked = np.random.default_rng(seed).permutation(len(every))[:count]
    shown = "".join(_sample(every[i][0][every[i][1]]) for i in picked)
    names = ", ".join(str(folder) for folder in folders)
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(names)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{LAYOUT}</style>
<h1>{len(picked)} of {len(every)} samples of {html.escape(names)}</h1>
<p>In a row: what is shown with the prompt, the painting to be learned, where it is known (checkered: it is not, and
teaches nothing there), and the painting read back.</p>{shown}</html>"""
    with writing(target) as path:
        path.write_text(page, encoding="utf-8")
    return target


def _sample(sample: Stored) -> str:
    record = sample.record
    code = f", {record['code']}" if record.get("code") else ""
    title = f"{record['key']} · {record['task']}{code} · {record['style']} · {record['source']}/{record['id']}"
    figures = "".join(
        f"<figure>{thumb(p)}<figcaption>{html.escape(t)}</figcaption></figure>" for t, p in _pictures(sample)
    )
    terms = html.escape(record["license"])
    return f"""<div class="sample"><p><b>{html.escape(title)}</b> <span class="note">{terms}</span></p>
<p><code>{html.escape(sample.prompt)}</code></p><div class="case">{figures}</div>{_answer(sample)}</div>"""


def _pictures(sample: Stored) -> Iterator[tuple[str, Image.Image]]:
    kinds = [about["kind"] for about in sample.record.get("shown", ())]
    for kind, pixels in zip(kinds, sample.references, strict=True):
        yield kind, Image.fromarray(pixels)
    yield "to be painted", Image.fromarray(sample.target)
    if sample.weight is not None:
        yield f"known: {sample.weight.mean():.0%}", Image.fromarray(_checkered(sample.target, sample.weight))
    if sample.record["task"] not in GENERATED:
        try:
            answer = task_of(sample).decode(sample.target)
            yield "read back", overlay(answer, sample.references[0])
        except PlantainError as error:
            yield f"cannot be read: {error}", Image.new("RGB", (8, 8), (200, 40, 40))


def _checkered(target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The painting where it is known, on a checkerboard."""
    y, x = np.indices(weight.shape) // CHECKER
    board = np.where((x + y) % 2, 170, 90)[..., None]
    share = weight[..., None]
    return np.asarray(np.round(target * share + board * (1 - share)), np.uint8)


def _answer(sample: Stored) -> str:
    """What the truth says beside what the painting says, where it says anything in numbers."""
    if sample.record["task"] in GENERATED:
        return ""
    try:
        read, sure = read_back(sample, task_of(sample))
    except PlantainError as error:
        return f"<p class='wrong'>{html.escape(str(error))}</p>"
    told = sample.record["answer"]
    rows = [["truth", _short(told)], [f"read back, confidence {sure:.2f}", _short(read)]]
    wrong = "".join(f"<p class='wrong'>{html.escape(line)}</p>" for line in differences(told, read))
    gone = sample.record.get("absent")
    note = f"<p class='note'>absent: {html.escape(', '.join(gone))}</p>" if gone else ""
    return table(("", ""), rows) + note + wrong


def _short(told: dict[str, object]) -> str:
    return f"<code>{html.escape(json.dumps(told, ensure_ascii=False))}</code>"

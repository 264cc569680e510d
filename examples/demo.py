"""Three photographs, six questions, one sheet: the photo, what the generator painted, and the numbers read from it.

    python examples/demo.py --out out/demo
    python examples/demo.py --picture picture.jpg     four of the rows as the picture of the README, and what they say

The answers (painting, overlay, NPZ) lie beside the sheet.
"""

from __future__ import annotations

import argparse
import json
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

import plantain
from plantain.output import drawing, panels

SAMPLES = Path(plantain.__file__).parent / "samples"
QUESTIONS = (
    ("coffee.jpg", "metric depth"),
    ("coffee.jpg", "find the cups"),
    ("astronaut.jpg", "segment the person"),
    ("astronaut.jpg", "segment person, flag, wall"),
    ("chelsea.jpg", "segment the cat"),
    ("chelsea.jpg", "edges"),
)
PICTURE = (QUESTIONS[0], QUESTIONS[1], QUESTIONS[3], QUESTIONS[4])
WIDE, GAP, TEXT = 480, 12, 20  # pixels: of a picture, between pictures, of a letter
HEADS = ("photo and question", "what the generator is asked for, and paints", "what is read from the painting")


class LargeText(drawing.Sheet):
    """An overlay whose legend stays legible when the sheet is shown at half its size."""

    @property
    def text(self) -> int:
        return TEXT


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, default=Path("out/demo"))
    args.add_argument("--picture", type=Path, help="write this picture alone, and a .json of what it says beside it")
    given = args.parse_args()
    if given.picture:
        picture(given.picture)
    else:
        demo(given.out)


def demo(out: Path) -> None:
    """All questions, their answers in `out`, and the sheet."""
    rows = []
    for name, question in QUESTIONS:
        start = time.perf_counter()
        answer = plantain.predict(SAMPLES / name, question)
        seconds = time.perf_counter() - start
        files = answer.save(out, photo=SAMPLES / name)
        print(f"{name:15} {question:28} {in_words(answer):44} {seconds:.2f} s  {files['overlay']}", flush=True)
        rows.append(row(SAMPLES / name, question, answer))
    sheet(rows).save(out / "sheet.png")
    print(f"all of it on one sheet: {out / 'sheet.png'}")


def picture(path: Path) -> None:
    """The rows of PICTURE; a picture that no longer says what today's answers say is found by the file beside it."""
    rows, said = [], []
    for name, question in PICTURE:
        answer = plantain.predict(SAMPLES / name, question)
        rows.append(row(SAMPLES / name, question, answer))
        said.append({"photo": name, "question": question} | facts(answer))
    sheet(rows).save(path, quality=88, optimize=True)
    path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n")


def facts(answer: Any) -> dict[str, Any]:
    """What stands in a row beside the pictures."""
    return {"prompt": answer.painting.prompt, "confidence": round(float(answer.confidence.mean()), 3)}


def in_words(answer: Any) -> str:
    """The answer in a few words."""
    confidence = f"confidence {answer.confidence.mean():.2f}"
    match answer:
        case plantain.Depth():
            near, far = (float(v) for v in (answer.values[answer.valid].min(), answer.values[answer.valid].max()))
            return f"{near:.2f} to {far:.2f} m, {confidence}"
        case plantain.Labels():
            shares = {c: (answer.ids == i).mean() for i, c in enumerate(answer.classes)}
            return ", ".join(f"{c} {s:.0%}" for c, s in shares.items()) + f", {confidence}"
        case plantain.Alpha():
            return f"{answer.names[0]}: {answer.masks[0].mean():.0%} of the picture, {confidence}"
        case plantain.Instances():
            scores = ", ".join(f"{score:.2f}" for score in answer.scores)
            return f"{answer.classes[0]}: {len(answer.scores)} found ({scores})"
    return confidence


# ---- the sheet ----


def sheet(rows: Sequence[Image.Image]) -> Image.Image:
    """Rows under their headings."""
    head = Image.new("RGB", (3 * WIDE + 2 * GAP, 2 * TEXT), panels.PAPER)
    for i, text in enumerate(HEADS):
        panels.write(ImageDraw.Draw(head), (i * (WIDE + GAP) + GAP, TEXT), text, TEXT, fill=panels.SOFT)
    return panels.stack([head, *rows])


def row(photo: Path, question: str, answer: Any) -> Image.Image:
    """Photo, painting and overlay at one width, and under each the question, the prompt and the legend."""
    with Image.open(photo) as opened:
        shown = opened.convert("RGB")
    shown = shown.resize((WIDE, round(shown.height * WIDE / shown.width)), Image.Resampling.LANCZOS)
    painted = Image.fromarray(answer.painting.rgb).resize(shown.size, Image.Resampling.BICUBIC)
    draw = next(way for kind, way in drawing.DRAWINGS.items() if isinstance(answer, kind))
    over, strips = draw(answer, LargeText(shown, True, answer.size))
    cells = (
        [shown, lines(f'{photo.name}: "{question}"')],
        [painted, lines(answer.painting.prompt)],
        [over, *strips, lines(f"confidence {answer.confidence.mean():.2f}")],
    )
    columns = [panels.stack(cell) for cell in cells]
    out = Image.new("RGB", (3 * WIDE + 2 * GAP, max(c.height for c in columns) + GAP), panels.PAPER)
    for i, column in enumerate(columns):
        out.paste(column, (i * (WIDE + GAP), 0))
    return out


def lines(text: str) -> Image.Image:
    """Text on paper, broken into lines that fit the width of a picture."""
    wrapped = textwrap.wrap(text, int(WIDE / panels.length(text, TEXT) * len(text) * 0.94))
    strip = Image.new("RGB", (WIDE, round((len(wrapped) * 1.3 + 0.6) * TEXT)), panels.PAPER)
    for i, line in enumerate(wrapped):
        panels.write(ImageDraw.Draw(strip), (GAP, (i + 0.7) * 1.3 * TEXT), line, TEXT)
    return strip


if __name__ == "__main__":
    main()

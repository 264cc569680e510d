"""Three real photographs, six questions, one sheet: photo, what was painted, what it says.

    python examples/demo.py --out out/demo

The answers (PNG, overlay, NPZ) lie beside the sheet. This picture is also the one in the README.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

import plantain
from plantain.output import panels

SAMPLES = Path(plantain.__file__).parent / "samples"
QUESTIONS = (
    ("coffee.jpg", "metric depth"),
    ("coffee.jpg", "normals please"),
    ("astronaut.jpg", "segment the person"),
    ("astronaut.jpg", "segment person, flag, wall"),
    ("chelsea.jpg", "segment the cat"),
    ("chelsea.jpg", "edges"),
)
TALL = 220  # pixels of a row


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--out", type=Path, default=Path("out/demo"))
    given = args.parse_args()
    rows = []
    for name, question in QUESTIONS:
        start = time.perf_counter()
        answer = plantain.predict(SAMPLES / name, question)
        seconds = time.perf_counter() - start
        files = answer.save(given.out, photo=SAMPLES / name)
        print(f"{name:15} {question:28} {said(answer):44} {seconds:.2f} s  {files['overlay']}", flush=True)
        rows.append(row(SAMPLES / name, question, answer))
    sheet = panels.stack(rows)
    sheet.save(given.out / "sheet.png")
    print(f"all of it on one sheet: {given.out / 'sheet.png'}")


def said(answer: Any) -> str:
    """The answer in a few words."""
    sure = f"confidence {answer.confidence.mean():.2f}"
    match answer:
        case plantain.Depth():
            near, far = (float(v) for v in (answer.values[answer.valid].min(), answer.values[answer.valid].max()))
            return f"{near:.2f} to {far:.2f} m, {sure}"
        case plantain.Labels():
            shares = {c: (answer.ids == i).mean() for i, c in enumerate(answer.classes)}
            return ", ".join(f"{c} {s:.0%}" for c, s in shares.items()) + f", {sure}"
        case plantain.Alpha():
            return f"{answer.names[0]}: {answer.masks[0].mean():.0%} of the picture, {sure}"
    return sure


def row(photo: Path, question: str, answer: Any) -> Image.Image:
    """Photo, painting and overlay side by side, under the question."""
    pictures = [Image.open(photo), Image.fromarray(answer.painting.rgb), answer.show(photo=photo)]
    shown = [
        p.convert("RGB").resize((round(p.width * TALL / p.height), TALL), Image.Resampling.LANCZOS) for p in pictures
    ]
    wide = 3 * 350
    out = Image.new("RGB", (wide, TALL + 26), "white")
    ImageDraw.Draw(out).text(
        (4, 5), f'{photo.name}   "{question}"', fill="black", font=panels.lettering(question, 14)[1]
    )
    left = 0
    for picture in shown:
        out.paste(picture, (left, 26))
        left += 350
    return out


if __name__ == "__main__":
    main()

"""Every task on a folder of photographs, to be looked at: the photo, what was painted, and what is read from it.

    python benchmarks/photo_sheet.py PHOTOS -o sheet/ [--things coffee=cup bus=bus] [--quality high] [--rows 4]

Writes sheet/0.png, 1.png, ... of so many photographs each: per photo a row of answers and below it their paintings,
with the headline confidence of each; and a line on stdout: what is said of how far the thing is. `--things` says what
is looked for in a photo, by its name without ending; "person" in the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageOps

import plantain
from plantain.errors import PlantainError
from plantain.output.show import drawn
from plantain.predictions.headline import headline

QUESTIONS = (
    "metric depth", "relative depth", "surface normals",
    "segment person, animal, vehicle, building, plant, sky, ground", "main object", "segment the {thing}",
    "matte of the main object", "edges", "find the {thing}s", "detect the {thing}s", "keypoints",
    "panoptic: sky, ground, wall; {thing}",
)  # fmt: skip
CELL, LINE = (200, 150), 14
ENDINGS = (".jpg", ".jpeg", ".png")


def cell(picture: Image.Image, words: str) -> Image.Image:
    """A picture in its frame with a line of words below."""
    frame = Image.new("RGB", (CELL[0], CELL[1] + LINE), "white")
    frame.paste(ImageOps.pad(picture.convert("RGB"), CELL, color="white"))
    ImageDraw.Draw(frame).text((2, CELL[1] + 1), words, fill="black")
    return frame


def row_of(model: Any, path: Path, thing: str, options: Mapping[str, Any]) -> list[Image.Image]:
    """One photo: pairs of an answer and its painting, side by side."""
    photo = Image.open(path).convert("RGB")
    cells = [cell(photo, path.stem), cell(Image.new("RGB", CELL, "white"), thing)]
    for question in QUESTIONS:
        asked = question.format(thing=thing)
        try:
            answer = model.predict(photo, asked, **options)
        except PlantainError as error:
            print(f"{path.name}: {asked}: {error}")
            cells += [cell(Image.new("RGB", CELL, "gray"), asked)] * 2
            continue
        told = ", ".join(f"{value:.2f}" for value in list((answer.presence or {}).values())[:3])
        cells += [
            cell(drawn(answer, photo, 400)[0], f"{asked[:22]}: {headline(answer):.2f}"),
            cell(answer.painting.image(), f"there: {told}" if told else ""),
        ]
    return cells


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Answers and paintings in two lines a photo."""
    width, height = CELL[0] + 4, CELL[1] + LINE + 4
    page = Image.new("RGB", (width * len(rows[0]) // 2, 2 * height * len(rows)), "lightgray")
    for y, cells in enumerate(rows):
        for i, one in enumerate(cells):
            page.paste(one, (width * (i // 2) + 2, height * (2 * y + i % 2) + 2))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--out", type=Path, default=Path("sheet"))
    parser.add_argument("-m", "--model", default="embedded")
    parser.add_argument("--quality", default="usual")
    parser.add_argument("--rows", type=int, default=4, help="photographs a page")
    parser.add_argument("--things", nargs="*", default=(), metavar="NAME=THING")
    given = parser.parse_args()
    things = dict(one.split("=", 1) for one in given.things)
    paths = [path for path in sorted(given.photos.iterdir()) if path.suffix.lower() in ENDINGS]
    given.out.mkdir(parents=True, exist_ok=True)
    model, options = plantain.load(given.model), {"quality": given.quality}
    for page in range(0, len(paths), given.rows):
        rows = []
        for path in paths[page : page + given.rows]:
            thing = things.get(path.stem, "person")
            rows.append(row_of(model, path, thing, options))
            print(f"{path.name}: {plantain.ask(path, f'how far is the {thing}?', model, **options)}", flush=True)
        sheet(rows).save(given.out / f"{page // given.rows}.png")


if __name__ == "__main__":
    main()

"""Are pictures that are no photographs doubted, and photographs not?

    python benchmarks/no_photographs.py DATA [--limit 20]

For each sort of picture (blank, noise, patterns, text, a chart, lines; made here from four seeds) the trust of the
embedded generator in it, and the headline confidence of its answers without and with that trust; then the same trust of
held-out photographs of each set, and how many of them lose confidence.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from plantain.data.excerpts import SETS, read
from plantain.errors import PhotoError
from plantain.imaging.geometry import place, placement
from plantain.imaging.photo import read_photo
from plantain.models.painters.embedded import Embedded
from plantain.models.painting import Request
from plantain.pipeline.predictor import wrap
from plantain.predictions.headline import headline

WIDTH, HEIGHT = 320, 240
QUESTIONS = ("metric depth", "surface normals", "segment everything", "segment wall, person, car", "detect people")
SEEDS = 4
HELD_OUT = ("dev_test", "test_dev", "val")
WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "runs", "away")
Rng = np.random.Generator


def flat(rng: Rng) -> np.ndarray:
    return np.broadcast_to(rng.integers(0, 256, 3), (HEIGHT, WIDTH, 3))


def gradient(rng: Rng) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, 255, WIDTH)[None, :, None], (HEIGHT, WIDTH, 3))


def noise(rng: Rng) -> np.ndarray:
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3))


def dark_noise(rng: Rng) -> np.ndarray:
    return (6 + 5 * rng.standard_normal((HEIGHT, WIDTH, 3))).clip(0, 255)


def blobs(rng: Rng) -> np.ndarray:
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def checkers(rng: Rng) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH] // int(rng.integers(6, 30))
    return np.repeat(((x + y) % 2 * 255)[..., None], 3, -1)


def text(rng: Rng) -> np.ndarray:
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for y in range(8, HEIGHT - 10, 12):
        ImageDraw.Draw(page).text((8, y), " ".join(rng.choice(WORDS, 9)), fill="black")
    return np.asarray(page)


def chart(rng: Rng) -> np.ndarray:
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(page)
    draw.line([(20, 20), (20, 220), (300, 220)], fill="black", width=2)
    for x, height in enumerate(rng.integers(20, 190, 6)):
        draw.rectangle(
            (40 + 40 * x, 220 - int(height), 60 + 40 * x, 220), fill=tuple(map(int, rng.integers(0, 256, 3)))
        )
    return np.asarray(page)


def lines(rng: Rng) -> np.ndarray:
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for ends in rng.integers(0, (WIDTH, HEIGHT), (12, 2, 2)):
        color = tuple(map(int, rng.integers(0, 256, 3)))
        ImageDraw.Draw(page).line([tuple(map(int, end)) for end in ends], fill=color, width=3)
    return np.asarray(page)


SORTS: dict[str, Callable[[Rng], np.ndarray]] = {
    "black": lambda rng: np.zeros((HEIGHT, WIDTH, 3)),
    "white": lambda rng: np.full((HEIGHT, WIDTH, 3), 255),
    "one color": flat,
    "gradient": gradient,
    "noise": noise,
    "dark noise": dark_noise,
    "blurred blobs": blobs,
    "checkers": checkers,
    "lines of text": text,
    "a chart": chart,
    "lines": lines,
}


class Believing(Embedded):
    """Trusts every picture."""

    def _trust(self, request: Request) -> float:
        return 1.0


def no_photographs(questions: tuple[str, ...]) -> Iterator[str]:
    """Rows of a table."""
    doubting = Embedded()
    models = wrap(Believing()), wrap(doubting)
    for name, sort in SORTS.items():
        pictures = [sort(np.random.default_rng(seed)).astype(np.uint8) for seed in range(SEEDS)]
        trust = [trusted(doubting, picture) for picture in pictures]
        cells = [f"{np.mean(trust):.2f} ({min(trust):.2f} - {max(trust):.2f})"]
        for question in questions:
            before, after = (np.mean([headline(model.predict(p, question)) for p in pictures]) for model in models)
            cells.append(f"{before:.2f}, {after:.2f}")
        yield f"| {name} | {' | '.join(cells)} |"


def trusted(painter: Embedded, picture: np.ndarray) -> float:
    size = picture.shape[1], picture.shape[0]
    shown = place(picture, placement(size, painter.canvas(*size)))
    return painter.familiarity.trust(painter.encoder.features(shown[None])[0])


def photographs(data: Path, limit: int) -> Iterator[str]:
    """Rows of a table: held-out photographs of each set."""
    painter, every = Embedded(), list[float]()
    for name in SETS:
        for split in HELD_OUT:
            try:
                examples = read(data, name, split)
            except PhotoError:  # a set without this split
                continue
            chosen = sorted({round(i) for i in np.linspace(0, len(examples) - 1, limit)})
            trust = [trusted(painter, read_photo(examples[i].photo)) for i in chosen]
            every += trust
            yield row(f"{name}, {split}", trust)
    yield row("all", every)


def row(name: str, trust: list[float]) -> str:
    values = np.array(trust)
    return f"| {name} | {len(values)} | {values.mean():.3f} | {(values < 1).mean():.1%} | {(values < 0.5).mean():.1%} |"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("--limit", type=int, default=20, help="photographs a set")
    given = args.parse_args()
    print(f"| no photograph | trust | {' | '.join(QUESTIONS)} |\n|-|-|{'-|' * len(QUESTIONS)}")
    print("\n".join(no_photographs(QUESTIONS)), flush=True)
    print("\n| photographs | number | mean trust | below 1 | below .5 |\n|-|-:|-:|-:|-:|")
    for line in photographs(given.data, given.limit):
        print(line, flush=True)


if __name__ == "__main__":
    main()

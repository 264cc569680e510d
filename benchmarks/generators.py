"""The table of open generators in docs/generators.md, and how each runs on a card of 24 GB: computed from their rows.

python benchmarks/generators.py      writes both into the page
"""

from __future__ import annotations

import re
from pathlib import Path

from plantain.models.painters.generators import plan
from plantain.models.painters.generators.spec import GENERATORS, GeneratorSpec

PAGE = Path(__file__).parents[1] / "docs" / "generators.md"
CARDS = (8, 12, 24, 80)  # GB of memory


def fitting(spec: GeneratorSpec, gigabytes: float) -> str | None:
    """What to switch on so that the largest canvas fits a card; "" for nothing, None where it does not fit."""
    ways = plan.ways(plan.parameters(spec), spec.size.most)
    return next((switch for switch, needed in ways if needed <= gigabytes), None)


def table() -> str:
    """The rows in Markdown."""
    told = ["model", "billions of parameters", "license of the weights", "what its class does to a picture, if let"]
    rows = [[*told, *(f"{card} GB" for card in CARDS)], ["-"] * (len(told) + len(CARDS))]
    for spec in GENERATORS.values():
        fits = [fitting(spec, card) for card in CARDS]
        how = ["too large" if fit is None else f"`{fit}`" if fit else "as it is" for fit in fits]
        parts = ", ".join(f"{name} {billions:.3g}" for name, billions in spec.params.items())
        gated = " (gated)" if spec.gated else ""
        rows.append([f"`{spec.name}`", parts, spec.license + gated, spec.does, *how])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def commands(gigabytes: float = 24) -> str:
    """One for each row."""
    words = ((name, fitting(spec, gigabytes)) for name, spec in GENERATORS.items())
    return "".join(f'plantain photo.jpg "metric depth" -m {n}{f" {how}" if how else ""} -o out/\n' for n, how in words)


def page(text: str) -> str:
    """The page with today's rows."""
    text = re.sub(r"(?m)(^\|.*\n)+", lambda _: table(), text, count=1)
    return re.sub(r"(## On a card of 24 GB\n\n```\n)[^`]*", lambda found: found[1] + commands(), text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""The table of benchmarks as a page.

    python benchmarks/rows.py [-o docs/generated/benchmarks.md]

`tests/test_docs.py` holds that the page says what the table says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from plantain.eval.benchmarks import BENCHMARKS, EXCERPTS
from plantain.eval.row import Benchmark

HEAD = ("benchmark", "version", "pictures", "split", "primary", "rules", "baseline", "published, not run here",
        "source")  # fmt: skip


def cells(row: Benchmark) -> list[str]:
    told = "; ".join(f"{one.model} {one.value:g} ({one.source})" for one in row.reference)
    better = "high" if row.better == "higher" else "low"
    return [row.id, str(row.version), str(row.n or ""), row.split, f"{row.primary}, {better} is good", row.protocol,
            row.baseline, told, row.source]  # fmt: skip


def page() -> str:
    """The whole page."""
    made = "Made by `python benchmarks/rows.py -o docs/generated/benchmarks.md` from the table in `plantain.eval`."
    parts = [f"# Benchmarks\n\n{made}\n"]
    published = {name: row for name, row in BENCHMARKS.items() if name not in EXCERPTS}
    for title, rows in (("Excerpts", EXCERPTS), ("Published sets", published)):
        parts.append(f"\n## {title}\n\n| {' | '.join(HEAD)} |\n|{'-|' * len(HEAD)}\n")
        parts += [f"| {' | '.join(cells(row))} |\n" for row in rows.values()]
    return "".join(parts)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("-o", "--out", type=Path)
    given = args.parse_args()
    if given.out:
        given.out.write_text(page())
    else:
        print(page())


if __name__ == "__main__":
    main()

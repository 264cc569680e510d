"""The codec ceiling of every benchmark, and how it falls as the painted truth gets noise.

    python benchmarks/oracle.py DATA [--limit 8] [--only nyu-excerpt] [-o docs/generated/oracle.md]

The truth is painted in the embedded generator's favourite codes, worn by noise of 0, 4, 8, 16 and 32 levels, decoded
and scored by the rules of each benchmark. The first column must be near perfect, and no column better than the one
before (masks in black and white bear noise of 32).
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from plantain.eval.benchmarks import EXCERPTS
from plantain.eval.ceiling import ceiling
from plantain.eval.run import select_examples
from plantain.models.painters.embedded import SMOOTH

NOISE = (0, 4, 8, 16, 32)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("data", type=Path)
    args.add_argument("--limit", type=int, default=8, help="pictures a benchmark")
    args.add_argument("--only", nargs="*", default=[], help="benchmarks whose name starts so")
    args.add_argument("-o", "--out", type=Path, help="a file for the table")
    given = args.parse_args()
    lines = ["| benchmark | figure | " + " | ".join(f"noise {n}" for n in NOISE) + " | never better |",
             "|-|-|" + "-:|" * len(NOISE) + "-|"]  # fmt: skip
    for name, row in EXCERPTS.items():
        if given.only and not any(name.startswith(start) for start in given.only):
            continue
        examples = select_examples(row, given.data, given.limit)
        values = [ceiling(row, examples, n, SMOOTH, draws=2)["scores"][row.primary][0] for n in NOISE]
        signed = values if row.better == "higher" else [-v for v in values]
        ordered = all(a >= b for a, b in itertools.pairwise(signed))
        lines.append(f"| {name} | {row.primary} | " + " | ".join(f"{v:.3f}" for v in values)
                     + f" | {'yes' if ordered else 'no'} |")  # fmt: skip
        print(lines[-1], flush=True)
    if given.out:
        head = (
            "# The codec ceiling\n\nThe truth painted in the embedded generator's codes, with noise of so many 8-bit "
        )
        head += f"levels, decoded and scored. Made by `python benchmarks/oracle.py DATA --limit {given.limit}`.\n\n"
        given.out.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

"""The generated pages and pictures: what makes each, and what it hangs on.

    python benchmarks/pages.py                        makes what needs no data and no long run (`make docs`)
    python benchmarks/pages.py --data DATA            makes the others, hours of it (`make results DATA=...`)
    python benchmarks/pages.py --only oracle speed    these alone

What a page hangs on is kept as hashes in docs/generated/manifest.json; `tests/test_pages.py` compares them with the
tree, so a page that was not made again after a change of weights, samples, truths or codes fails `make test`. A long
one may wait for its hours, but then it says on top what has changed since; `make docs` writes that too.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = Path("docs/generated")
MANIFEST = ROOT / PLACE / "manifest.json"
SEEDLING = "src/plantain/models/painters/seedling"


@dataclass(frozen=True)
class Page:
    """`command` makes `file` (below docs/generated) from the root of the repository; DATA stands for a folder."""

    file: str
    command: str
    hangs_on: tuple[str, ...]
    slow: bool = False

    @property
    def long(self) -> bool:
        """Needs data, or more time than one waits for."""
        return self.slow or "DATA" in self.command


def pages() -> dict[str, Page]:
    results = ("weights", "benchmarks")
    rainy = "nyu-excerpt/metric-depth nyu-excerpt/normals camvid-excerpt/classes people-excerpt/person"
    made = (
        Page("demo.jpg", "python examples/demo.py --picture docs/generated/demo.jpg", ("weights", "samples")),
        Page("benchmarks.md", "python benchmarks/rows.py -o docs/generated/benchmarks.md", ("benchmarks",)),
        Page("parity.md", "python benchmarks/parity.py -o docs/generated/parity.md", ("golden",)),
        Page("results.md", "python benchmarks/results.py DATA --write", results),
        Page("evaluation-results.md", "python benchmarks/results.py DATA --write", results),
        Page("calibration.md", "python benchmarks/calibration.py -o docs/generated/calibration.md", results),
        Page(
            "robustness.md",
            f"python -m plantain bench robustness {rainy} bsds-excerpt/edges --model embedded --data DATA --limit 16 "
            "--severities 1 3 5 -o docs/generated/robustness.md",
            results,
        ),
        Page(
            "oracle.md",
            "python benchmarks/oracle.py DATA --limit 8 -o docs/generated/oracle.md",
            ("benchmarks", "codes"),
        ),
        Page(
            "codec-table.md",
            "python benchmarks/codec_table.py --data DATA --limit 8 -o docs/generated/codec-table.md",
            ("codes",),
        ),
        Page(
            "unmixing.md",
            "python benchmarks/unmixing.py --data DATA --limit 40 -o docs/generated/unmixing.md",
            ("weights",),
        ),
        Page(
            "export.md",
            "python benchmarks/export_cost.py --data DATA --run runs/seedling --limit 8 -o docs/generated/export.md",
            ("weights",),
        ),
        Page("speed.md", "python benchmarks/speed.py -o docs/generated/speed.md", ("codes",), slow=True),
        Page(
            "scoring-speed.md", "python benchmarks/scoring_speed.py -o docs/generated/scoring-speed.md", (), slow=True
        ),
        Page(
            "hosted-faults.md",
            "python benchmarks/hosted_faults.py -o docs/generated/hosted-faults.md",
            ("hosted",),
            slow=True,
        ),
    )
    return {page.file: page for page in made}


# ---- what they hang on ----


def files_hash(*patterns: str) -> str:
    """Of the bytes of all files that fit, and their names; of a Python file its meaning alone (comments are free)."""
    total = sha256()
    for path in sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}):
        content = meaning(path.read_text(encoding="utf-8")).encode() if path.suffix == ".py" else path.read_bytes()
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + sha256(content).digest())
    return total.hexdigest()[:16]


def meaning(source: str) -> str:
    """The syntax tree of a Python file without docstrings, so that rewording one makes no page stale."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def benchmark_rows() -> str:
    """Of every row's name, version, pictures and rules: a row whose truths or rules change gets another version."""
    from plantain.eval.benchmarks import EXCERPTS

    rows = [(row.id, row.version, row.split, row.primary, row.protocol) for row in EXCERPTS.values()]
    return sha256(json.dumps(rows).encode()).hexdigest()[:16]


def codes() -> str:
    """Of every task's codes with their versions: a code is a contract, a changed code has another version."""
    from plantain.tasks import TASKS

    rows = {name: sorted(task.codes.values()) for name, task in TASKS.items()}
    return sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:16]


HASHES: dict[str, Callable[[], str]] = {
    "weights": lambda: files_hash(f"{SEEDLING}/*.onnx", f"{SEEDLING}/*.npz", f"{SEEDLING}/calibration.json"),
    "samples": lambda: files_hash("src/plantain/samples/*.jpg"),
    "golden": lambda: files_hash("tests/golden/*.json"),
    "benchmarks": benchmark_rows,
    "codes": codes,
    "hosted": lambda: files_hash("src/plantain/models/painters/hosted/*.py"),
}


def hashes(page: Page) -> dict[str, str]:
    """What a page hangs on today."""
    return {name: HASHES[name]() for name in page.hangs_on} | {"command": page.command}


def recorded() -> dict[str, dict[str, str]]:
    """What each page hung on when it was made."""
    made: dict[str, dict[str, str]] = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    return made


def changed(page: Page) -> list[str]:
    """What a page hangs on and is not as it was when the page was made."""
    made = recorded().get(page.file, {})
    return [name for name, value in hashes(page).items() if made.get(name) != value]


# ---- making them ----


def note(page: Page) -> str:
    """What stands on top of a page that is of an older state."""
    return f"> **Of an older state**: {', '.join(changed(page))} changed since. Again: `{page.command}`.\n\n"


def marked(page: Page) -> None:
    """A page with the note that fits it today, or with none."""
    path = ROOT / PLACE / page.file
    text = re.sub(r"\A> \*\*Of an older state\*\*.*\n\n", "", path.read_text(encoding="utf-8"))
    path.write_text((note(page) if changed(page) else "") + text, encoding="utf-8")


def make(wanted: Iterable[Page], data: Path | None) -> None:
    """Runs each command once, and notes down what its pages hang on."""
    done: set[str] = set()
    for page in wanted:
        if page.command not in done:
            print(page.command, flush=True)
            words = [str(data) if word == "DATA" else word for word in shlex.split(page.command)]
            subprocess.run([sys.executable, *words[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            done.add(page.command)
        MANIFEST.write_text(json.dumps(dict(sorted((recorded() | {page.file: hashes(page)}).items())), indent=1) + "\n")


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, help="the folder of labelled photographs: make the long ones")
    args.add_argument("--only", nargs="*", default=[], help="pages by name, without ending")
    given = args.parse_args()
    table = pages()
    chosen = [p for p in table.values() if Path(p.file).stem in given.only] if given.only else [
        p for p in table.values() if p.long == (given.data is not None)
    ]  # fmt: skip
    if given.data is None and (lacking := [p.file for p in chosen if "DATA" in p.command]):
        args.error(f"{', '.join(lacking)} need --data, the folder of labelled photographs")
    make(chosen, given.data)
    for page in table.values():
        if page.long:
            marked(page)


if __name__ == "__main__":
    main()

"""Mutation testing: is a small wrong change of the code noticed by the tests of its part?

    python benchmarks/mutants.py [--sample 300] [--seed 0] [--jobs 2] [--only codecs/curve.py] [-o out/mutants]

Cosmic Ray lists every change (another operator, number, comparison, condition) of codecs, predictions and eval/metrics;
a sample with a fixed seed is tried, each in a copy of the tree, against those tests of its part that run the changed
statement (pytest-cov says which), and where none does against those of the whole that do. A run that was stopped goes
on (results.jsonl); the score and the changes that no test noticed are printed at the end. Exit code 1 where the tests
fail before any change.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
METRICS = ("detection", "labels", "concepts", "mattes", "normals", "calibration", "edges", "depth", "generation_kept")
PARTS = {  # what is changed, and the tests that should notice
    "src/plantain/codecs": ("tests/codecs",),
    "src/plantain/predictions": ("tests/predictions",),
    "src/plantain/eval/metrics": tuple(f"tests/eval/test_{name}.py" for name in METRICS),
}
BESIDE = ("tests/answers", "tests/tasks", "tests/pipeline", "tests/output", "tests/eval")  # where none of them runs it
LEFT_OUT = re.compile(  # no change, or one that fails whatever the tests: bits of floats, identity of arrays
    r"core/(NoOp|RemoveDecorator|ReplaceComparisonOperator_\w+_Is(Not)?"
    r"|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod|Pow)_(Bit\w+|[LR]Shift))"
)
PATIENCE = 240  # seconds, after which a change counts as noticed


@dataclass(frozen=True)
class Mutant:
    """The `occurrence`-th place in `path` where `operator` applies."""

    path: str
    operator: str
    occurrence: int
    line: int
    column: int

    @property
    def place(self) -> tuple[object, ...]:
        """Where, and what sort of change: of several replacements of one operator one is enough."""
        return self.path, self.line, self.column, self.operator.split("_")[0]

    @property
    def part(self) -> str:
        return next(part for part in PARTS if self.path.startswith(f"{part}/"))

    @property
    def key(self) -> str:
        return f"{self.path}:{self.line}:{self.column} {self.operator}#{self.occurrence}"


def mutants(root: Path, only: str = "") -> list[Mutant]:
    """Every change of the parts that Cosmic Ray knows, but of annotations (which shape checks may or may not read)."""
    from cosmic_ray.commands.init import init
    from cosmic_ray.work_db import WorkDB, use_db

    files = sorted(path for part in PARTS for path in (root / part).glob("*.py") if only in path.as_posix())
    annotated = {str(path.relative_to(root)): list(annotations(path.read_text(encoding="utf-8"))) for path in files}
    with use_db(":memory:", WorkDB.Mode.create) as session:
        init(files, session, {})
        specs = [spec for item in session.work_items for spec in item.mutations]
    found = []
    for spec in specs:
        path = str(Path(spec.module_path).relative_to(root))
        inside = any(first <= tuple(spec.start_pos) < last for first, last in annotated[path])
        if not LEFT_OUT.fullmatch(spec.operator_name) and not inside:
            found.append(Mutant(path, spec.operator_name, spec.occurrence, *spec.start_pos))
    return sorted(found, key=lambda m: (m.path, m.operator, m.occurrence))


def drawn(everything: Sequence[Mutant], number: int, seed: int) -> list[Mutant]:
    """So many places by chance, and one change at each."""
    dice, places = random.Random(seed), dict[tuple[object, ...], list[Mutant]]()
    for mutant in everything:
        places.setdefault(mutant.place, []).append(mutant)
    return [dice.choice(places[place]) for place in dice.sample(list(places), min(number, len(places)))]


def annotations(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end: (line, column) pairs."""
    for node in ast.walk(ast.parse(source)):
        for one in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(one, ast.expr):
                yield (one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0)


# ---- trying them ----


Reach = dict[str, dict[int, set[str]]]  # file -> line -> the tests that run it, "" for the import


def command(tests: Sequence[str], *options: str) -> list[str]:
    """Runs tests until the first failure."""
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options, *tests]


def reached(database: Path, root: Path) -> Reach:
    """Which tests run which lines, as pytest-cov wrote it down."""
    from coverage import CoverageData

    data = CoverageData(str(database))
    data.read()
    found: Reach = {}
    for path in data.measured_files():
        lines = data.contexts_by_lineno(path).items()
        own = {line: {re.split(r"[\[|]", test)[0] for test in tests} for line, tests in lines}
        found[Path(path).relative_to(root).as_posix()] = own
    return found


def noticing(mutant: Mutant, reach: Reach, source: str) -> list[str]:
    """The tests that run the statement that is changed, those of its part if there are any. All that run its file where
    it is run by the import alone, as constants are, and none where nothing runs it."""
    lines = reach.get(mutant.path, {})
    first, last = statement(source, mutant.line)
    found = set[str]().union(*(lines.get(line, set()) for line in range(first, last + 1)))
    if found == {""}:
        found = set[str]().union(*lines.values())
    own = {test for test in found if test.startswith(PARTS[mutant.part])}
    return sorted((own or found) - {""})


def statement(source: str, line: int) -> tuple[int, int]:
    """The first and last line of the smallest statement around a line, of a block its head alone."""
    found = (line, line)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            if node.lineno <= line <= last:  # inner statements come later
                found = (node.lineno, last)
    return found


def copy_of(root: Path, target: Path) -> Path:
    """The tracked files of the tree, in a folder of their own."""
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    return target


def enter(home: str) -> None:
    """Makes a copy of the tree for one worker process, and works in it."""
    tree = copy_of(ROOT, Path(home) / f"tree-{os.getpid()}")
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree / "src")


def unchanged(home: Path, jobs: int) -> Reach:
    """What each test runs. SystemExit where one fails."""
    tree = copy_of(ROOT, home / "tree-unchanged")
    tests = [test for test in dict.fromkeys((*itertools.chain(*PARTS.values()), *BESIDE)) if (tree / test).exists()]
    options = ("-n", str(jobs), *(f"--cov={part}" for part in PARTS), "--cov-context=test", "--cov-report=")
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    run = subprocess.run(command(tests, *options), cwd=tree, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"the tests fail before any change:\n{run.stdout[-2000:]}")
    return reached(tree / ".coverage", tree)


def tried(mutant: Mutant, reach: Reach) -> dict[str, Any]:
    """What became of a mutant: noticed or not, with the change itself."""
    from cosmic_ray.mutating import mutate_and_test
    from cosmic_ray.work_item import MutationSpec

    start = time.perf_counter()
    tests = noticing(mutant, reach, Path(mutant.path).read_text(encoding="utf-8"))
    listed = Path.cwd() / "tests.txt"
    listed.write_text("\n".join(tests), encoding="utf-8")
    place = ((mutant.line, 0), (mutant.line, 1))
    spec = MutationSpec(Path(mutant.path), mutant.operator, mutant.occurrence, *place)
    run = shlex.join(command([f"@{listed}"])) if tests else "true"  # what nothing runs, nothing notices
    result = mutate_and_test([spec], run, PATIENCE)
    change = [line for line in (result.diff or "").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    outcome = result.test_outcome.value if result.test_outcome else result.worker_outcome.value
    seconds = round(time.perf_counter() - start, 1)
    found = {"key": mutant.key, "outcome": outcome, "change": change, "tests": len(tests), "seconds": seconds}
    return asdict(mutant) | found


def report(results: Sequence[Mapping[str, Any]]) -> str:
    """The score of each part and of all, and what was not noticed."""
    lines = []
    for part in (*PARTS, "src/plantain"):
        outcomes = [r["outcome"] for r in results if r["path"].startswith(f"{part}/")]
        noticed, missed = outcomes.count("killed"), outcomes.count("survived")
        if noticed + missed:
            lines.append(f"{part}: {noticed} of {noticed + missed} noticed, {noticed / (noticed + missed):.0%}")
    for result in results:
        if result["outcome"] != "killed":
            lines += ["", f"{result['path']}:{result['line']} {result['outcome']}", *result["change"]]
    return "\n".join(lines)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--sample", type=int, default=300)
    args.add_argument("--seed", type=int, default=0)
    args.add_argument("--jobs", type=int, default=2)
    args.add_argument("--only", default="", help="files whose path has this in it")
    args.add_argument("-o", "--out", type=Path, default=Path("out/mutants"))
    given = args.parse_args()
    home = given.out.resolve()
    home.mkdir(parents=True, exist_ok=True)
    everything = mutants(ROOT, given.only)
    sample = drawn(everything, given.sample, given.seed)
    log = home / "results.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    done = {result["key"]: result for result in map(json.loads, lines)}
    left = [mutant for mutant in sample if mutant.key not in done]
    print(f"{len(sample)} of {len(everything)} possible changes, {len(left)} to try", flush=True)
    reach = unchanged(home, given.jobs) if left else {}
    with ProcessPoolExecutor(given.jobs, initializer=enter, initargs=(str(home),)) as workers:
        for result in workers.map(partial(tried, reach=reach), left):
            done[result["key"]] = result
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(f"{result['outcome']:9} {result['seconds']:6.1f} s  {result['key']}", flush=True)
    for tree in home.glob("tree-*"):
        shutil.rmtree(tree)
    print(report([done[mutant.key] for mutant in sample]))


if __name__ == "__main__":
    main()

"""Lines of code of the package, folder by folder: as it is, and at earlier commits.

    python benchmarks/lines_of_code.py [COMMIT ...]      (`make lines`: beside commit f27c452)

A line counts if it has code on it: not blank, not a comment alone, not a docstring. Longest functions are listed too.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
EMPTY = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines that have code on them.

    >>> code_lines('"Doc."\\n\\n# why\\nx = (  # one\\n    1\\n)\\n')
    3
    """
    docs: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            docs |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in EMPTY:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docs)


def longest(source: str) -> int:
    """Lines of the longest function, its docstring with it."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return max(((f.end_lineno or 0) - f.lineno + 1 for f in functions), default=0)


def sources(commit: str = "") -> dict[str, str]:
    """Path below src/plantain -> text, of the tree as it is or of a commit."""
    base = "src/plantain/"
    if not commit:
        folder = ROOT / base
        return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*.py")}
    names = git("ls-tree", "-r", "--name-only", commit, base).split()
    return {name.removeprefix(base): git("show", f"{commit}:{name}") for name in names if name.endswith(".py")}


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def counted(texts: Mapping[str, str]) -> Counter[str]:
    """Code lines a folder."""
    lines: Counter[str] = Counter()
    for name, text in texts.items():
        lines[name.split("/")[0] if "/" in name else "(files)"] += code_lines(text)
    return lines


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("commits", nargs="*")
    given = args.parse_args()
    for commit in (*given.commits, ""):
        texts = sources(commit)
        lines, total = counted(texts), sum(len(text.splitlines()) for text in texts.values())
        print(f"{commit or 'now'}: {lines.total()} lines of code, {total} in all, {len(texts)} files, "
              f"longest function {max(map(longest, texts.values()))}")  # fmt: skip
        print("  " + ", ".join(f"{name} {number}" for name, number in sorted(lines.items())))


if __name__ == "__main__":
    main()

"""Who needs whom in the package, read from the source: imports anywhere in a file, and modules named by strings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = "plantain"
Graph = dict[str, set[str]]


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of every module below `root`, the folder of the package."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def graph(root: Path) -> Graph:
    """Module -> the modules of the package that it needs."""
    files = modules(root)
    inner = {name: path for name, path in files.items() if name != PACKAGE}  # the front is always there
    return {name: needed(path, inner) - {name} for name, path in inner.items()}


def needed(path: Path, known: Mapping[str, Path]) -> set[str]:
    """Modules that a file imports (at the top or inside a function), or names in a string such as "plantain.x:Y"."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []  # only for type checkers
    return {name for name in (*imported(tree, known), *named(tree)) if name in known}


def imported(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inner)


def named(tree: ast.AST) -> Iterator[str]:
    """Modules in strings: "plantain.x:Y", and `f"plantain.x.{...}"` completed by every other string of the file."""
    nodes = list(ast.walk(tree))
    strings = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    yield from (text.split(":")[0] for text in strings if re.fullmatch(r"[\w.]+:\w+", text))
    for node in nodes:
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
            head = str(node.values[0].value)
            if head.startswith(f"{PACKAGE}."):
                yield from ((head + text).split(":")[0] for text in strings)


def circle(edges: Graph) -> list[str]:
    """The modules of one circle, in order; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []

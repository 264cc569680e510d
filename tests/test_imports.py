"""The arrows of the architecture: who may import whom, read from the source. The picture is in docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import plantain

ROOT = Path(plantain.__file__).parent
GROUND = {"_shapes", "errors", "files", "__version__", "vocabularies"}
MAY: dict[str, set[str]] = {
    "errors": set(),
    "_shapes": set(),
    "files": set(),
    "vocabularies": set(),
    "codecs": set(),
    "imaging": set(),
    "predictions": {"imaging", "output"},  # output: inside `.save()` and `.show()` alone, which hand over
    "output": {"predictions", "imaging"},
    "tasks": {"codecs", "predictions"},
    "models": {"predictions", "imaging"},
    "pipeline": {"tasks", "models", "predictions", "imaging"},
    "data": {"predictions", "tasks", "codecs"},
    "train": {"data", "models"},
    "eval": {"output", "codecs", "data", "pipeline", "models", "tasks", "imaging", "predictions"},
    "doctor": {"pipeline", "models"},
    "cli": {"pipeline", "tasks", "models", "imaging", "predictions", "output", "codecs", "doctor", "train", "eval"},
    "__main__": {"cli"},
}
EXCEPTIONS = {
    ("models/painters/oracle.py", "tasks"),  # the test double encodes a truth, and so must read the question
    ("models/painting.py", "output"),  # how a notebook shows a painting
    ("models/wrappers.py", "pipeline"),  # answerers made of answerers ask them through the pipeline
    ("models/wrappers.py", "tasks"),
}


def unit(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def place(path: Path) -> str:
    """The folder of the table of specialists, else the unit."""
    inner = path.relative_to(ROOT).parts
    return "/".join(inner[:2]) if inner[:2] == ("models", "specialists") else unit(path)


def imported(path: Path) -> set[str]:
    """Units of Plantain that a file imports anywhere but for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]:
        node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "plantain":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("plantain.")}
    return found - {unit(path)}


FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_run_only_as_drawn(path: Path) -> None:
    allowed = MAY[unit(path)] | GROUND
    name = path.relative_to(ROOT).as_posix()
    wrong = {other for other in imported(path) - allowed if (name, other) not in EXCEPTIONS}
    assert not wrong, f"{name} imports {sorted(wrong)}; {unit(path)} may import {sorted(allowed)}"


def test_tasks_and_models_do_not_know_each_other() -> None:
    assert "models" not in MAY["tasks"]
    assert "tasks" not in MAY["models"]
    assert {unit for unit, others in MAY.items() if {"tasks", "models"} <= others} == {"pipeline", "cli", "eval"}


def test_torch_is_imported_by_training_and_specialists_alone() -> None:
    users = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                users |= {place(path)} if any(name.split(".")[0] == "torch" for name in names) else set()
    assert users <= {
        "train",
        "doctor",
        "models/specialists",
    }  # the doctor asks torch what it sees, where it is installed


@pytest.mark.parametrize("statement", ["import plantain", "import plantain; plantain.TASKS, plantain.Depth"])
def test_importing_is_light(statement: str) -> None:
    """Nothing heavy is loaded before it is needed."""
    ask = f"{statement}; import sys; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "onnxruntime", "rich", "cyclopts", "scipy", "matplotlib", "onnx"}
    if statement == "import plantain":
        assert "numpy" not in loaded

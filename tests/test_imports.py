"""The arrows of the architecture: who may import whom, read from the source. The picture is in docs/architecture.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import plantain
from import_graph import PACKAGE, circle, graph, modules, needed

ROOT = Path(plantain.__file__).parent
GROUND = {"_shapes", "errors", "extras", "files", "vocabularies"}
MAY: dict[str, set[str]] = {
    "codecs": set(),
    "imaging": set(),
    "predictions": {"imaging"},
    "output": {"predictions", "imaging"},
    "tasks": {"codecs", "predictions"},
    "models": {"predictions", "codecs", "imaging"},
    "pipeline": {"tasks", "models", "predictions", "imaging", "output"},
    "answers": {"pipeline", "tasks", "models", "predictions", "imaging", "output", "codecs"},
    "data": {"predictions", "tasks", "codecs", "imaging"},
    "train": {"data", "models", "predictions", "imaging"},
    "eval": {"output", "codecs", "data", "pipeline", "models", "tasks", "imaging", "predictions"},
    "doctor": {"pipeline", "models"},
    "batch": {"pipeline", "tasks", "models"},
    "video": {"pipeline", "tasks", "models", "predictions", "imaging", "output"},
    "label": {"data", "tasks", "predictions", "codecs", "imaging", "output"},
    "serve": {"answers", "pipeline", "tasks", "models", "predictions", "imaging", "output", "data"},
    "cli": {"pipeline", "tasks", "models", "imaging", "predictions", "output", "codecs", "doctor", "train", "eval"}
    | {"data", "answers", "serve", "batch", "label", "video"},
    "__main__": {"cli"},
}
FRONT = {  # `Prediction.save / show / to_npz / ...` hand over inside the method: the one edge against the arrows
    ("predictions.types", "predictions.npz"),
    ("predictions.types", "predictions.resample"),
    ("predictions.types", "output.formats"),
    ("predictions.types", "output.save"),
    ("predictions.types", "output.show"),
}
ASIDE = {  # arrows that are not drawn, but close no circle
    ("models.painters.oracle", "tasks"),  # the test double encodes a truth, and so must read the question
    ("models.painters.learned", "tasks"),  # it answers parts of what it learned, so it too must read the question
    ("models.painters.things", "tasks"),  # how things are painted hangs on the code that the question wants
    ("models.wrappers", "tasks"),
}
LONGEST = 60  # lines of a function
FILES = sorted(ROOT.rglob("*.py"))
EDGES = {
    name.removeprefix(f"{PACKAGE}."): {other.removeprefix(f"{PACKAGE}.") for other in others}
    for name, others in graph(ROOT).items()
}


def unit(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", EDGES)
def test_arrows_run_only_as_drawn(module: str) -> None:
    allowed = MAY.get(unit(module), set()) | GROUND | {unit(module)}
    wrong = {
        other for other in EDGES[module] if unit(other) not in allowed
        and (module, other) not in FRONT and (module, unit(other)) not in ASIDE
    }  # fmt: skip
    assert not wrong, f"{module} needs {sorted(wrong)}; {unit(module)} may need {sorted(allowed)}"


def test_there_is_no_circle_of_files() -> None:
    """Imports inside functions and modules named by strings (rows of tables, verbs) counted."""
    left = {m: {o for o in others if (m, o) not in FRONT} for m, others in EDGES.items()}
    assert circle(left) == []


@pytest.mark.parametrize("edge", sorted(FRONT))
def test_every_exception_is_needed(edge: tuple[str, str]) -> None:
    assert edge[1] in EDGES.get(edge[0], set()), f"{edge} is no edge any more: take the exception out"


def test_the_front_is_taken_from_inside_for_its_version_alone() -> None:
    """The front loads everything lazily, so that an import of it would be an import of anything."""
    allowed = {"__version__", *(m.split(".")[1] for m in modules(ROOT) if "." in m)}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
                assert {alias.name for alias in node.names} <= allowed, path
            if isinstance(node, ast.Import):
                assert PACKAGE not in {alias.name for alias in node.names}, path


def test_strings_and_late_imports_are_edges(tmp_path: Path) -> None:
    known = {f"plantain.{name}": tmp_path for name in ("a", "b", "c.d", "c.e", "f", "g", "h")}
    (tmp_path / "x.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import plantain.g\n"
        "def late():\n    from plantain import a\n    from plantain.b import thing\n"
        "ROW = 'plantain.f:Thing'\nPROSE = 'plantain.g'\nWHERE = ['d:Thing', 'e']\nload(f'plantain.c.{WHERE[0]}')\n"
        "load(f'plantain.h:{NAME}')\n"
    )
    assert needed(tmp_path / "x.py", known) == {f"plantain.{name}" for name in ("a", "b", "c.d", "c.e", "f", "h")}
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) in (["b", "c", "b"], ["c", "b", "c"])


def test_tasks_and_models_do_not_know_each_other() -> None:
    assert "models" not in MAY["tasks"]
    assert "tasks" not in MAY["models"]


def test_torch_is_imported_by_training_specialists_and_open_generators_alone() -> None:
    users = set()
    for name, path in modules(ROOT).items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                users |= {name.split(".", 1)[1]} if any(n.split(".")[0] == "torch" for n in names) else set()
    allowed = (
        "train",
        "doctor",
        "models.specialists",
        "models.painters.generators",
    )  # the doctor asks torch what it sees
    assert [user for user in sorted(users) if not user.startswith(allowed)] == []


@pytest.mark.parametrize("statement", ["import plantain", "import plantain; plantain.TASKS, plantain.Depth"])
def test_importing_is_light(statement: str) -> None:
    """Nothing heavy is loaded before it is needed."""
    ask = f"{statement}; import sys; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"torch", "onnxruntime", "rich", "cyclopts", "scipy", "matplotlib", "onnx"}
    if statement == "import plantain":
        assert "numpy" not in loaded


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{path.name}:{node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= LONGEST
    }
    assert not long, f"longer than {LONGEST} lines: give a part of it a name"

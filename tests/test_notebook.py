"""The example notebook runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantain.models.painters.embedded import FOLDER

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra `dev`)")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra `dev`)")
pytest.importorskip("ipykernel", reason="ipykernel is not installed (extra `dev`)")
PAGE = Path(__file__).parents[1] / "examples/tour.ipynb"


@pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")
def test_the_tour_runs(tmp_path) -> None:
    book = nbformat.read(PAGE, as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in book.cells if cell.cell_type == "code")
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(out.get("text", "") for cell in book.cells for out in cell.get("outputs", ()))
    pictures = [out for cell in book.cells for out in cell.get("outputs", ()) if "image/png" in out.get("data", {})]
    assert " m " in said and "not sure enough" in said and len(pictures) == 3
    right = next(line for line in said.splitlines() if line.endswith("of the pixels are right"))
    assert int(right.split("%")[0]) >= 95

"""Generated pages and pictures are of this tree: made again after every change of what they hang on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import demo
import numpy as np
import pytest
from PIL import Image

import pages
import plantain
from plantain.models.painters.embedded import FOLDER

ROOT = Path(__file__).parents[1]
HERE = ROOT / pages.PLACE
trained = pytest.mark.skipif(not (FOLDER / "trunk.onnx").exists(), reason="the embedded generator has no weights here")


@pytest.mark.parametrize("page", pages.pages().values(), ids=lambda page: page.file)
def test_no_page_is_stale(page: pages.Page) -> None:
    """One that takes data and hours may be, if it says so on top."""
    if page.long:
        begins = pages.note(page) if pages.changed(page) else "# "
        assert (HERE / page.file).read_text(encoding="utf-8").startswith(begins), "run: make docs"
    else:
        assert pages.changed(page) == [], f"{page.file} is of an older state; run: make docs"
        assert (HERE / page.file).stat().st_size > 100


def test_every_generated_page_has_a_row() -> None:
    assert {path.name for path in HERE.glob("*.md")} == {name for name in pages.pages() if name.endswith(".md")}


@trained
def test_the_picture_is_what_the_demo_draws_today() -> None:
    """Same words, same numbers, same drawing, but for what JPEG changes."""
    rows = []
    for row in json.loads((HERE / "demo.json").read_text()):
        answer = plantain.predict(demo.SAMPLES / row["photo"], row["question"])
        assert answer.painting.prompt == row["prompt"], "run: make docs"
        assert answer.confidence.mean() == pytest.approx(row["confidence"], abs=0.02), "run: make docs"
        rows.append(demo.row(demo.SAMPLES / row["photo"], row["question"], answer))
    drawn = demo.sheet(rows)
    with Image.open(HERE / "demo.jpg") as kept:
        assert kept.size == drawn.size, "run: make docs"
        assert np.abs(np.asarray(kept, np.float32) - np.asarray(drawn, np.float32)).mean() < 4, "run: make docs"


def test_the_picture_has_three_columns_of_one_width() -> None:
    with Image.open(HERE / "demo.jpg") as picture:
        assert picture.width == 3 * 480 + 2 * 12


def test_a_hash_follows_bytes_and_code_but_not_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "weights.onnx").write_bytes(b"one")
    (tmp_path / "code.py").write_text('"""Words."""\ndef f():\n    """More words."""\n    return 1\n')
    first = pages.files_hash("*.onnx", "*.py")
    (tmp_path / "code.py").write_text('"""Other words."""\n\n\ndef f():\n    return 1  # a comment\n')
    assert pages.files_hash("*.onnx", "*.py") == first
    (tmp_path / "code.py").write_text("def f():\n    return 2\n")
    changed = pages.files_hash("*.onnx", "*.py")
    (tmp_path / "weights.onnx").write_bytes(b"two")
    assert len({first, changed, pages.files_hash("*.onnx", "*.py")}) == 3


def test_a_page_that_needs_data_says_so() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "benchmarks/pages.py", "--only", "oracle"], capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "oracle.md need --data" in run.stderr

"""benchmarks/equal_results.py names what moved: on a run whose figures are known, then changed by hand."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from test_stale import KINDS, draw, painter, photograph, read

import equal_results
from plantain.eval import run as running
from plantain.eval.row import Benchmark
from plantain.eval.run import Run, RunConfig
from plantain.eval.scores import score


def test_a_figure_that_moved_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    benchmark = Benchmark("made/mask", partial(read, "mask"), *KINDS["mask"][:3], "made")
    monkeypatch.setattr(running, "score", partial(score, draws=2))
    monkeypatch.setitem(running.BENCHMARKS, benchmark.id, benchmark)
    monkeypatch.setattr(equal_results, "load", lambda name, **options: painter(0, {}))
    for i, name in enumerate(("a", "b")):
        photograph(tmp_path / f"{name}.png", i)
        draw(tmp_path / f"{name}.label.png", i)
    folder = tmp_path / "run"
    run = Run(folder, benchmark, RunConfig("function"), tmp_path)
    scores = run.run(painter(0, {}))
    table = f"| made/mask, iou | 2 | {equal_results.figure(run)} |"
    kept = (folder / "rows.jsonl").read_bytes()
    assert list(equal_results.problems(folder, table, 1e-6)) == []
    (line,) = equal_results.problems(folder, "| made/mask, iou | 2 | .999 |", 1e-6)
    assert line.startswith("the table does not say")
    scores["scores"]["iou"][0] += 2e-6
    (folder / "scores.json").write_text(json.dumps(scores))
    (line,) = equal_results.problems(folder, table, 1e-6)
    assert line.startswith("iou[0]: ") and list(equal_results.problems(folder, table, 1e-5)) == []
    assert (folder / "rows.jsonl").read_bytes() == kept
    draw(tmp_path / "b.label.png", 11)
    assert any(line.startswith("iou[0]") for line in equal_results.problems(folder, None, 1e-3))

"""The table of recipes/zero_shot.py for an open generator: a tiny one, with and without examples, registered once."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import zero_shot
from made_classes import MADE, scenes
from plantain.eval import run as running
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.scores import score
from plantain.models.painters.generators.painter import DiffusersPainter

torch.set_num_threads(1)


def test_a_tiny_generator_is_measured_once_and_asked_with_and_without_examples(
    folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BENCHMARKS, MADE.id, MADE)
    monkeypatch.setattr(running, "score", partial(score, draws=20))
    asked: list[tuple[str, int]] = []
    paint = DiffusersPainter.paint

    def heard(self: DiffusersPainter, requests: Any) -> Any:
        asked.extend((request.purpose, len(request.images)) for request in requests)
        return paint(self, requests)

    monkeypatch.setattr(DiffusersPainter, "paint", heard)
    data, out = scenes(tmp_path / "data"), tmp_path / "out"
    model = f"flux2-klein-4b weights={folder('flux2-klein-4b')} device=cpu megapixels=0.06"
    words = [str(data), "--models", model, "--rows", MADE.id, "--styles", "terse", "--shots", "0", "2", "--limit", "2"]
    for _ in range(2):  # the second time nobody is asked
        zero_shot.main([*words, "-o", str(out)])
    assert asked == [("edit", 1), *[("perceive", 1)] * 2, *[("perceive", 5)] * 2]
    lines = [json.loads(line) for line in (out / "table.jsonl").read_text().splitlines()]
    assert [(line["shots"], line["n"], line["failed"]) for line in lines] == [(0, 2, 0), (2, 2, 0)]
    assert {line["registration"] for line in lines} == {"unregistered"}
    assert all(0 <= line["value"] <= line["ceiling"] == 1 for line in lines)
    zero_shot.main([*words, "--shots", "5", "-o", str(tmp_path / "more")])
    (line,) = [json.loads(line) for line in (tmp_path / "more" / "table.jsonl").read_text().splitlines()]
    assert "5 example pairs and the photo are 11 pictures, but flux2-klein-4b takes 9 at most" in line["reason"]

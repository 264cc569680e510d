"""The table of recipes/zero_shot.py for a painter behind a service: what a picture costs, and the end of the budget."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from server import Service

import zero_shot
from made_classes import MADE, scenes
from plantain.eval import run as running
from plantain.eval.benchmarks import BENCHMARKS
from plantain.eval.scores import score

pytest.importorskip("openai")


def test_the_budget_ends_a_model_and_a_higher_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BENCHMARKS, MADE.id, MADE)
    monkeypatch.setattr(running, "score", partial(score, draws=20))
    data = scenes(tmp_path / "data")
    with Service() as service:
        model = f"openai base_url={service.url}/v1 price=0.02 size=96x64 kept={tmp_path / 'kept'} concurrency=1"

        def lines(budget: float) -> list[dict[str, object]]:
            words = ["--rows", MADE.id, "--styles", "terse", "--shots", "0", "2", "--budget", str(budget)]
            zero_shot.main([str(data), "--models", model, *words, "-o", str(tmp_path / "out")])
            return [json.loads(line) for line in (tmp_path / "out" / "table.jsonl").read_text().splitlines()]

        first, rest = lines(0.10)  # the chart, three pictures, and one after two examples
        assert first["usd"] == pytest.approx(0.02) and (first["n"], first["failed"]) == (3, 0)
        assert "the budget of $0.10 is reached" in str(rest["reason"])
        assert sum(service.tries.values()) == 5
        zero, two = lines(1.0)
        assert zero == first and two["usd"] == pytest.approx(0.02) and two["n"] == 3
        assert sum(service.tries.values()) == 1 + 3 + 3

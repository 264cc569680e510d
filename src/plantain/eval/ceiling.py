"""The codec's ceiling: the truth itself painted, degraded by noise, decoded and scored like any answer.

Without noise it says what no painter could pass; with noise the score must fall, step by step: a wrong crop, prompt,
metric or resize shows here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from plantain.data.base import Example
from plantain.errors import PlantainError
from plantain.eval.row import Benchmark
from plantain.eval.scores import SampleResult, score
from plantain.imaging.photo import read_photo
from plantain.models.painters.oracle import Oracle
from plantain.pipeline.predictor import PainterPredictor


def ceiling(
    benchmark: Benchmark, examples: Sequence[Example], noise: float = 0, codes: Mapping[str, str] | None = None,
    draws: int = 200,
) -> dict[str, Any]:  # fmt: skip
    """The scores of an oracle that paints the truth with `noise` (standard deviation, 8-bit levels) in these codes."""
    return score(benchmark, [_line(benchmark, example, noise, codes or {}) for example in examples], draws)


def _line(benchmark: Benchmark, example: Example, noise: float, codes: Mapping[str, str]) -> SampleResult:
    number = crc32(example.id.encode())
    asked = benchmark.adapter.ask(example, np.random.default_rng(number))
    if not asked:
        return {"id": example.id, "state": "nothing to ask"}
    truth = benchmark.adapter.truth(example, asked)
    try:
        painter: Any = Oracle(benchmark.adapter.oracle_target(example, asked), noise=noise, codes=codes)
        pixels = read_photo(example.photo)
        answers = [PainterPredictor(painter).predict(pixels, task, seed=number) for task in asked]
        return {"id": example.id, "state": "ok", "rows": benchmark.measure(answers, truth, asked)}
    except PlantainError as error:
        return {"id": example.id, "state": "failed", "error": str(error), "rows": benchmark.worst(truth)}

"""Examples that a run shows its model before it asks: photos of the training half, with their true answers.

The embedded generator learns from them once; any other painter gets them with every question, painted in that
question's own colors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plantain.data.base import Example
from plantain.errors import UsageError
from plantain.eval.row import Benchmark
from plantain.models.identity import content_hash, digest
from plantain.pipeline.examples import Pair, paired
from plantain.pipeline.jobs import Context, Job
from plantain.pipeline.predictor import PainterPredictor, Predictor
from plantain.pipeline.prepare import Prepared
from plantain.tasks import Task


@dataclass(frozen=True, eq=False)
class Shots:
    """Examples of a row's question. `question`: that question in colors of its own, which stands for any others;
    `pairs`: photos with their truths as it wants them."""

    question: Task
    pairs: tuple[Pair, ...]

    @property
    def hash(self) -> str:
        """Another where any example has another photo or another truth."""
        return digest(self.pairs)

    def shown_to(self, model: Predictor, folder: Path) -> tuple[PainterPredictor, Context]:
        """Whom to ask, and in what context; what is learned is kept in the folder. UsageError for a specialist, and for
        a painter that takes fewer pictures."""
        taught, context = model.shown(self.question, self.pairs, folder)
        assert isinstance(taught, PainterPredictor)
        return taught, context


class Shown(PainterPredictor):
    """A painter that is shown the same examples with every question."""

    def __init__(self, predictor: PainterPredictor, context: Context) -> None:
        super().__init__(predictor.painter, predictor.calibration)
        self.context = context

    def prepare(self, job: Job) -> Prepared:
        return super().prepare(replace(job, context=self.context))


def draw(benchmark: Benchmark, data: Path, count: int, seed: int) -> list[Example]:
    """So many pictures of the training half that the question can be asked about, in an order drawn by the seed: fewer
    are always the first of more. None of them is a test picture, not even under another name.

    UsageError for a row without a training half, a row that asks about each photo something else, and for more
    examples than there are."""
    if count == 0:
        return []
    if not benchmark.adapter.same_question:
        raise UsageError(f"{benchmark.id} asks about each photo something else, of which other photos are no examples; "
                         "run it without --shots")  # fmt: skip
    if benchmark.train is None:
        raise UsageError(f"{benchmark.id} has no training half to draw examples from; run it without --shots")
    pool = benchmark.train(data)
    tested = {content_hash(example.photo) for example in benchmark.read(data)}
    drawn: list[Example] = []
    for place in np.random.default_rng((seed, 13)).permutation(len(pool)):
        example = pool[place]
        if content_hash(example.photo) not in tested and asked_about(benchmark, example):
            drawn.append(example)
            if len(drawn) == count:
                return drawn
    raise UsageError(f"{benchmark.id} has {len(drawn)} pictures to draw examples from, not {count}")


def asked_about(benchmark: Benchmark, example: Example) -> Sequence[Task]:
    """What the row asks about an example, in the same colors always."""
    return benchmark.adapter.ask(example, np.random.default_rng(0))


def read_shots(benchmark: Benchmark, examples: Sequence[Example], code: str | None) -> Shots:
    """The examples with their truths, for a question in the color code of the run. PhotoError, TruthError."""
    (question,) = asked_about(benchmark, examples[0])
    question = replace(question, code=code or question.code)
    truths: list[tuple[Any, Any]] = [
        (one.photo, benchmark.adapter.oracle_target(one, asked_about(benchmark, one))) for one in examples
    ]
    return Shots(question, paired(question, truths))

"""A model that many clients ask at a time.

Their jobs go through the stages of `pipeline.stream`, which stay open: while the model is busy, jobs wait in its
buckets, and once it is free it takes as many of one bucket as it can. Nobody waits for company. A bad job is an error
of its own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from plantain.errors import PainterGone, PlantainError
from plantain.pipeline.jobs import Job, Outcome
from plantain.pipeline.predictor import Predictor
from plantain.pipeline.stream import Item, Output, Stages
from plantain.serve.watch import Metrics


class Engine:
    """One model behind its stages."""

    def __init__(self, model: Predictor, metrics: Metrics) -> None:
        self.model = model
        self._seconds = metrics.call_seconds.labels(model.name)
        self._batch = metrics.batch.labels(model.name)
        self.stages = Stages(model, heard=self._hear)

    @property
    def gone(self) -> PlantainError | None:
        """Why it answers no more."""
        return self.stages.gone

    def begin(self, job: Job, output: Output | None = None) -> Future[Outcome]:
        """The outcome to come. Cancelling it takes the job out of the queue."""
        future: Future[Outcome] = Future()
        item = self.stages.put(job, output, lambda item: _settle(future, item))
        future.add_done_callback(lambda done: self._drop(item) if done.cancelled() else None)
        return future

    async def outcome(self, job: Job) -> Outcome:
        """What becomes of a job; taken back where nobody waits for it any more."""
        return await asyncio.wrap_future(self.begin(job))

    async def answer(self, job: Job) -> Any:
        """The answer to a job. Raises its error."""
        return (await self.outcome(job)).unwrap()

    def close(self) -> None:
        self.stages.close()
        self.model.close()

    def _drop(self, item: Item) -> None:
        self.stages.drop(item, PlantainError("nobody waits for this any more"))

    def _hear(self, count: int, seconds: float) -> None:
        self._seconds.observe(seconds)
        self._batch.observe(count)


def _settle(future: Future[Outcome], item: Item) -> None:
    with suppress(InvalidStateError):  # nobody waits any more
        try:
            future.set_result(item.wait())
        except BaseException as error:  # SystemExit of a painter must not end the server
            gone = PainterGone(f"the model ended: {type(error).__name__}")
            future.set_result(Outcome(item.job, None, gone))

"""Who answers on the page: the models of the server, and what they became after they were shown examples."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import State

from plantain.errors import UsageError
from plantain.imaging.photo import photo_size
from plantain.models.painters import learned
from plantain.pipeline.examples import report
from plantain.pipeline.jobs import Context
from plantain.pipeline.predictor import Predictor
from plantain.serve.errors import ApiError
from plantain.serve.guard import Gate, Visit
from plantain.serve.page.cache import new_folder
from plantain.serve.page.examples import Dropped, read_dropped
from plantain.serve.questions import NOTHING
from plantain.serve.queue import Engine
from plantain.serve.routes.common import engine_in
from plantain.tasks.language.parsing import interpret

MOST = 8  # models that have learned; the oldest goes first
MOST_EXAMPLES = 50  # photos
MARK = "learned/"  # what their names begin with


@dataclass(frozen=True, eq=False)
class Answerer:
    """A queue, what is shown with every question, and how people call it. Of one that has learned: whose it is, its
    question, how well it does on what it has not seen, and the file that keeps it, where there is one."""

    engine: Engine
    label: str
    context: Context = NOTHING
    name: str = ""
    owner: str = ""
    question: str = ""
    report: tuple[str, ...] = ()
    file: Path | None = None

    def close(self) -> None:
        """Ends its own queue; the model behind it is the server's."""
        if isinstance(self.engine.model.model, learned.Learned):
            self.engine.stages.close()


class PageModels:
    """The models of the server by name, and the newest that have learned."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.learned: OrderedDict[str, Answerer] = OrderedDict()
        self.busy = asyncio.Lock()  # one learns at a time

    def engine(self, name: str) -> Engine:
        """The queue of a model of the server. ApiError."""
        return engine_in(self.state.engines, "" if name.startswith(MARK) else name)

    def answerer(self, name: str, owner: str) -> Answerer:
        """ApiError, UsageError for one that is not there."""
        if not name.startswith(MARK):
            return Answerer(self.engine(name), name or next(iter(self.state.engines)))
        found = self.learned.get(name)
        if found is None or found.owner != owner:
            raise UsageError("what was learned is not kept any more; learn again, or load the file that you saved")
        self.learned.move_to_end(name)
        return found

    def names(self, owner: str) -> list[tuple[str, str]]:
        """(label, name) of all whom an owner may ask."""
        own = [(one.label, one.name) for one in self.learned.values() if one.owner == owner]
        return [*((name, name) for name in self.state.engines), *own]

    async def learn(
        self, visit: Visit, gate: Gate, files: Sequence[tuple[str, Path]], question: str, model: str
    ) -> Answerer:
        """Shows examples of a question to a model of the server. UsageError, TruthError, PhotoError, ApiError."""
        task, engine = interpret(question), self.engine(model)
        dropped = [Dropped(name, path) for name, path in files]
        pairs = await asyncio.to_thread(read_dropped, dropped, task, new_folder(), gate.limits)
        if len(pairs) > MOST_EXAMPLES:
            raise ApiError(413, "too_large", f"{len(pairs)} photos are more than {MOST_EXAMPLES}; use plantain learn")
        sizes = [photo_size(photo) for photo, _ in pairs]
        gate.weigh(visit, sum(width * height for width, height in sizes))
        async with self.busy:
            shown, context = await asyncio.to_thread(engine.model.shown, task, pairs)
        one = await asyncio.to_thread(self._learned, engine, shown, context, visit.key, question, len(pairs))
        self._keep(one)
        return one

    def _learned(
        self, engine: Engine, shown: Predictor, context: Context, owner: str, question: str, count: int
    ) -> Answerer:
        name, label = MARK + secrets.token_urlsafe(8), f"{question[:40]} (from {count} examples)"
        painter = shown.model
        if not isinstance(painter, learned.Learned):
            lines = (f"{engine.model.name} is shown these {count} examples with every question",)
            return Answerer(engine, label, context, name, owner, question, lines)
        file = new_folder() / "learned.npz"
        learned.save(painter.lesson, file)
        own = Engine(shown, self.state.metrics)
        return Answerer(own, label, context, name, owner, question, tuple(report(painter.lesson.left_out, count)), file)

    def _keep(self, one: Answerer) -> None:
        self.learned[one.name] = one
        while len(self.learned) > MOST:
            self.learned.popitem(last=False)[1].close()

    def close(self) -> None:
        for one in self.learned.values():
            one.close()
        self.learned.clear()

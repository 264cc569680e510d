"""Examples that come with a question: photos with their true answers, and the models that have learned from them.

What is learned is kept by the hash of everything that it hangs on, so that who sends the same examples again does not
wait again, and nobody is answered by what others have shown."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from plantain.data.readers.examples import read_examples
from plantain.errors import PlantainError, TruthError, UsageError
from plantain.files import staging
from plantain.models.identity import digest
from plantain.models.painters.learned import Learned
from plantain.pipeline.examples import Pair, paired
from plantain.pipeline.jobs import Context
from plantain.serve.errors import ApiError
from plantain.serve.queue import Engine
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_unpacked
from plantain.serve.watch import Metrics
from plantain.tasks import Task
from plantain.tasks.asked import REST

MOST = 8  # models that have learned; of those that nobody waits for, the oldest goes first
MOST_EXAMPLES = 50
ZIP, NPY = b"PK\x03\x04", b"\x93NUMPY"  # how .npz and .npy begin
PLACE = {"semantic": "labels", "panoptic": "labels", "metric-depth": "depth", "relative-depth": "depth"}  # of a PNG
Taught = Mapping[Task, tuple[Engine, Context]]  # whom to ask a question, and what is shown with it


@dataclass(frozen=True, eq=False)
class Examples:
    """Photos and their answers, as they were uploaded: .npz of Plantain, .npy of depth, or PNG. `classes`: the names of
    the numbers in label maps; those of the question, in its order, and then the background, where there are none."""

    photos: tuple[bytes, ...]
    truths: tuple[bytes, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.photos) != len(self.truths):
            message = f"{len(self.photos)} photos in example, {len(self.truths)} answers in truth; give each its own"
            raise ApiError(400, "invalid_field", message, param="truth")
        if len(self.photos) > MOST_EXAMPLES:
            message = f"{len(self.photos)} examples are more than {MOST_EXAMPLES}; use plantain learn"
            raise ApiError(413, "too_large", message, param="example")

    def key(self, task: Task, model: Engine) -> str:
        hashes = [hashlib.sha256(content).hexdigest() for content in (*self.photos, *self.truths)]
        asked = [type(task).__qualname__, vars(task)]
        return digest([hashes, list(self.classes), asked, model.model.identity.to_json()])

    def pairs(self, task: Task, limits: Limits) -> tuple[Pair, ...]:
        """Photos and answers as the question wants them. TruthError, PhotoError, UsageError, ApiError."""
        with staging(Path(gettempdir())) as folder:
            for number, (photo, truth) in enumerate(zip(self.photos, self.truths, strict=True), 1):
                _write(folder / "images" / f"example-{number}.png", photo)  # read by what it is, not by its name
                _write(folder / _place(f"example-{number}", truth, task, limits), truth)
            names = self.classes or (*task.queries, REST)
            _write(folder / "classes.txt", "\n".join(names).encode())
            try:
                return paired(task, read_examples(folder, task))
            except PlantainError as error:  # nobody knows the folder by its name
                error.args = (str(error).replace(f"{folder}/", ""),)
                raise
            except (MemoryError, ValueError, EOFError) as error:  # of arrays whose head says what is not there
                raise TruthError(f"an answer among the examples cannot be read ({error}); save it again") from error


def _place(stem: str, truth: bytes, task: Task, limits: Limits) -> str:
    """Where in a folder of examples an answer lies, by what it is."""
    if truth.startswith(ZIP):
        check_unpacked(truth, limits)
        return f"answers/{stem}.{task.name}.npz"
    return f"{PLACE.get(task.name, 'masks')}/{stem}.{'npy' if truth.startswith(NPY) else 'png'}"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


@dataclass(eq=False)
class _Kept:
    engine: Engine
    users: int = 0


class Learners:
    """The newest models that have learned from examples."""

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self.metrics, self.limits = metrics, limits
        self.kept: OrderedDict[str, _Kept] = OrderedDict()
        self.busy = asyncio.Lock()  # one learns at a time

    @asynccontextmanager
    async def taught(self, engine: Engine, tasks: Sequence[Task], examples: Examples | None) -> AsyncIterator[Taught]:
        """Whom to ask the first of the tasks, which the examples are about, for as long as somebody asks.

        UsageError, TruthError, PhotoError, ApiError."""
        if examples is None:
            yield {}
            return
        task, *others = tasks
        if any(type(other) is type(task) for other in others):
            raise UsageError("examples are about one thing; ask for one thing at a time")
        async with self.busy:
            own, context = await self._own(engine, task, examples)
            own.users += 1
        try:
            yield {task: (own.engine, context)}
        finally:
            own.users -= 1
            await asyncio.shield(self._tidy())

    async def _own(self, engine: Engine, task: Task, examples: Examples) -> tuple[_Kept, Context]:
        """What has learned from these examples, now or before; a painter that learns nothing is shown them again."""
        key = examples.key(task, engine)
        if key not in self.kept:
            learned, context = await asyncio.to_thread(self._learn, engine, task, examples)
            if learned is None:
                return _Kept(engine), context
            self.kept[key] = _Kept(learned)
        self.kept.move_to_end(key)
        return self.kept[key], Context()

    def _learn(self, engine: Engine, task: Task, examples: Examples) -> tuple[Engine | None, Context]:
        model, context = engine.model.shown(task, examples.pairs(task, self.limits))
        return (Engine(model, self.metrics) if isinstance(model.model, Learned) else None), context

    async def _tidy(self) -> None:
        """Lets go of the oldest that nobody waits for."""
        idle = [key for key, one in self.kept.items() if not one.users]
        for key in idle[: max(0, len(self.kept) - MOST)]:
            await asyncio.to_thread(self.kept.pop(key).engine.stages.close)

    async def close(self) -> None:
        """Ends their queues; the model behind them is the server's."""
        while self.kept:
            await asyncio.to_thread(self.kept.popitem()[1].engine.stages.close)

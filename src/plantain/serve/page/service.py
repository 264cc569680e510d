"""Where the page puts what people ask: through the queues of the server, within its limits, under its keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.datastructures import State
from starlette.types import Scope

from plantain.answers.ask import Terms
from plantain.errors import UsageError
from plantain.imaging.camera import focal_of_exif
from plantain.imaging.photo import read_photo
from plantain.models.painting import Painting
from plantain.output.formats import focal_of
from plantain.pipeline.jobs import Edit, Generate, Job, PredictOptions
from plantain.serve import questions
from plantain.serve.errors import OURS, ApiError
from plantain.serve.guard import ANYBODY, Gate, Visit, asker
from plantain.serve.page.cache import owned
from plantain.serve.page.kept import KeptAnswer, KeptAnswers
from plantain.serve.page.models import Answerer, PageModels
from plantain.serve.page.views import title
from plantain.serve.settings import Limits
from plantain.serve.uploads import check_size, options_of, size_of, text_of
from plantain.tasks.language.plan import Plan
from plantain.tasks.language.reader import read_plan


@dataclass(frozen=True)
class Asked:
    """What is said with a question. `model`: who answers, the server's first where it is ""; `fov_deg` 0: not known."""

    model: str = ""
    samples: int = 1
    seed: int = 0
    fov_deg: float = 0.0
    min_confidence: float = 0.0

    def options(self, limits: Limits) -> PredictOptions:
        return options_of({"samples": int(self.samples), "passes": 1, "seed": int(self.seed), "steps": None}, limits)

    def terms(self) -> Terms:
        return Terms(fov_deg=self.fov_deg or None, min_confidence=self.min_confidence)


class PageService:
    """The one place that works for the page."""

    def __init__(self, state: State) -> None:
        self.state, self.answers = state, KeptAnswers()
        self.models = PageModels(state)
        self.gate: Gate = state.gate

    @property
    def limits(self) -> Limits:
        return self.gate.limits

    def close(self) -> None:
        self.models.close()

    # ---- who comes, and with what

    @asynccontextmanager
    async def visit(self, scope: Scope) -> AsyncIterator[Visit]:
        """Work for one who asks. ApiError: too often, too many at a time, too late."""
        if self.state.draining:
            raise ApiError(503, "draining", "the server is about to end", kind=OURS)
        self.gate.rates.take(asker(scope))
        self.gate.enter()
        visit = Visit(owner_of(scope))
        try:
            async with asyncio.timeout(self.limits.seconds):
                yield visit
        except TimeoutError:
            message = f"no answer within {self.limits.seconds:g} s; take a smaller photo, or ask for less"
            raise ApiError(504, "timeout", message, kind=OURS) from None
        finally:
            self.gate.leave(visit)

    async def photo(self, path: Any, visit: Visit) -> bytes:
        """The bytes of a photo that was dropped. UsageError, PhotoError, ApiError."""
        content = await asyncio.to_thread(photo_bytes, path, self.limits)
        width, height = size_of(content)
        self.gate.weigh(visit, width * height)
        return content

    def get(self, name: Any, scope: Scope) -> KeptAnswer:
        """An answer that was given. UsageError where it is kept no more."""
        return self.answers.get(name, owner_of(scope))

    # ---- what is asked

    async def ask(self, scope: Scope, path: Any, text: str, asked: Asked) -> tuple[str, KeptAnswer]:
        """An answer to a text, and the name under which it is kept."""
        plan = await asyncio.to_thread(read_plan, text_of(text, self.limits, "question"))
        return await self.answer(scope, path, plan, asked)

    async def answer(self, scope: Scope, path: Any, plan: Plan, asked: Asked) -> tuple[str, KeptAnswer]:
        """An answer to a plan."""
        who = self.models.answerer(asked.model, owner_of(scope))
        async with self.visit(scope) as visit:
            content = await self.photo(path, visit)
            kept = await self._kept(visit.key, path, content, plan, asked, who)
        return self.answers.put(kept), kept

    async def compare(
        self, scope: Scope, path: Any, text: str, both: tuple[Asked, Asked]
    ) -> tuple[str, KeptAnswer, KeptAnswer]:
        """Two answers to one text, each kept for itself, and both as one to be pointed at."""
        plan = await asyncio.to_thread(read_plan, text_of(text, self.limits, "question"))
        who = [self.models.answerer(one.model, owner_of(scope)) for one in both]
        async with self.visit(scope) as visit:
            content = await self.photo(path, visit)
            made = (self._kept(visit.key, path, content, plan, a, w) for a, w in zip(both, who, strict=True))
            first, second = await asyncio.gather(*made)
        labels = [one.label for one in who]
        if labels[0] == labels[1]:
            labels = [f"{label}, seed {one.seed}" for label, one in zip(labels, both, strict=True)]
        first, second = (replace(one, model=label) for one, label in zip((first, second), labels, strict=True))
        return self.answers.put(together(first, second, labels)), first, second

    async def _kept(self, owner: str, path: Any, content: bytes, plan: Plan, asked: Asked, who: Answerer) -> KeptAnswer:
        options = asked.options(self.limits)
        found = await questions.answer(who.engine, self.limits, content, plan, options, asked.terms(), who.context)
        assert found.answer is not None
        pixels = await asyncio.to_thread(read_photo, content)
        focal = focal_of(pixels.shape[1], None, asked.fov_deg) if asked.fov_deg else focal_of_exif(content)
        stem = Path(str(path)).stem[:60] or "photo"
        return KeptAnswer(owner, stem, pixels, found.answer, who.label, found.seconds, focal_px=focal)

    # ---- other pictures

    async def edit(self, scope: Scope, path: Any, text: str, asked: Asked) -> Painting:
        """The photo changed as told."""
        order = text_of(text, self.limits, "edit")
        async with self.visit(scope) as visit:
            content = await self.photo(path, visit)
            return await self._painted(Job("photo", content, Edit(order), asked.options(self.limits)), asked)

    async def generate(self, scope: Scope, text: str, asked: Asked) -> Painting:
        """A picture from words."""
        order = text_of(text, self.limits, "words")
        async with self.visit(scope):
            return await self._painted(Job("picture", None, Generate(order), asked.options(self.limits)), asked)

    async def _painted(self, job: Job, asked: Asked) -> Painting:
        engine = self.models.engine(asked.model)
        (made,) = await questions.paintings(engine, [job])
        return made

    # ---- learning

    async def learn(self, scope: Scope, files: Sequence[tuple[str, Path]], text: str, model: str) -> Answerer:
        """A model that has learned from examples. UsageError, TruthError, PhotoError, ApiError."""
        question = text_of(text, self.limits, "question")
        async with self.visit(scope) as visit:
            return await self.models.learn(visit, self.gate, files, question, model)


def owner_of(scope: Scope) -> str:
    """Who may see an answer again: whose key asked."""
    return str(scope.get("plantain.key", ANYBODY))


def photo_bytes(path: Any, limits: Limits) -> bytes:
    """What was dropped, if it is a photo within the limits. UsageError, PhotoError, ApiError."""
    if not path:
        raise UsageError("drop a photo first")
    content = owned(path).read_bytes()
    check_size(*size_of(content), limits)
    return content


def together(first: KeptAnswer, second: KeptAnswer, labels: Sequence[str]) -> KeptAnswer:
    """Two answers as one, whose predictions bear the names of who gave them."""
    pairs = list(zip(first.predictions, second.predictions, strict=True))
    one, other = labels if labels[0] != labels[1] else (f"{labels[0]} (first)", f"{labels[1]} (second)")
    several = len(pairs) > 1
    names = [f"{label}: {title(pair[0])}" if several else label for pair in pairs for label in (one, other)]
    answer = replace(first.answer, predictions=tuple(each for pair in pairs for each in pair))
    return replace(first, answer=answer, names=tuple(names), model=f"{one} and {other}")

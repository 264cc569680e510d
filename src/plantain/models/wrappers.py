"""Models made of models: gated by a question of presence, with queries rewritten, routed by confidence.

    plantain.load("gated", spec={"model": "embedded"})                          # by the painting's own presence
    plantain.load("gated", spec={"model": "sam3", "judge": {"url": ..., "model": ...}})     # by a model with words
    plantain.load("rewriting", spec={"model": "embedded", "writer": {"url": ..., "model": ...}})
    plantain.load("routed", spec={"ask": ["selfie", "embedded"], "options": {"selfie": {"weights": ...}}})

Each is asked like a specialist. `spec` may be a TOML file, so that command line and benchmarks can name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, UsageError
from plantain.models.base import lazy
from plantain.models.endpoints import Chat
from plantain.models.identity import Identity, digest
from plantain.models.specialists.base import Specialist, read_spec
from plantain.predictions.types import Alpha, Instances, Prediction
from plantain.tasks import TASKS, Task

# the question of presence and its options as arXiv 2604.20329, section 3.1, gives them
PRESENT = (
    "Is there an instance of {name} visible in this image? Choose your answer from the following options: "
    "(A): Yes, (B): No."
)
REWRITE = (
    "A question about this image asks for a part of it: {text!r}. Work out which thing is meant. Answer with one short "
    "descriptive noun phrase that names this thing by what can be seen of it (kind, color, place), and nothing else."
)


@runtime_checkable
class Predictor(Protocol):
    """What a wrapper needs of the models it asks, which it gets from the pipeline's `load`."""

    identity: Identity
    calibration: Mapping[str, Any]

    def supports(self, task: str) -> bool: ...

    def predict(self, photo: Any, task: Any) -> Any: ...

    def close(self) -> None: ...


class Wrapper(Specialist):
    """What the three share: a spec, the models that it names under `wants`, and the protocol of a specialist. `load`
    makes a model by its name in the table; the pipeline hands it in. `answers`: what is answered, in words."""

    wants: str = "model"
    answers: str

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__()
        if spec is None:
            raise UsageError(f"{self.name} wants a spec that says whom to ask; see the guide on evaluation")
        self.spec = dict(spec) if isinstance(spec, Mapping) else read_spec(spec)
        names, options = self.needed(self.wants), self.spec.get("options", {})
        every = [names] if isinstance(names, str) else names
        self.asked: list[Predictor] = [load(name, **options.get(name, {})) for name in every]
        able = (name for name in self.tasks() if any(one.supports(name) for one in self.asked))
        self.supported_tasks = dict.fromkeys(able, self.answers)

    def tasks(self) -> Iterable[str]:
        """The tasks that this makes sense for: those that name what they look for, and answer with masks or things."""
        return (n for n, cls in TASKS.items() if cls.kind in (Alpha, Instances) and cls.queries is not Task.queries)

    @lazy
    def identity(self) -> Identity:
        """Its spec, and all whom it asks, with what sets their confidence right."""
        asked = digest([(one.identity.key, dict(one.calibration)) for one in self.asked])
        return Identity(self.name, weights=asked, settings=digest(self.spec))

    def close(self) -> None:
        for one in self.asked:
            one.close()

    def needed(self, key: str) -> Any:
        """What the spec says of a key; UsageError where it says nothing."""
        if key not in self.spec:
            raise UsageError(f"the spec of {self.name} must say {key!r}; it says: {', '.join(self.spec) or 'nothing'}")
        return self.spec[key]


class Gated(Wrapper):
    """Asks first whether a thing is there at all; what is not there gets an empty answer. The judge is a model that
    answers in words, asked as the paper asks, or the painting's own presence against `min_score`."""

    name, answers = "gated", "what is there"

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__(spec, load=load)
        self.judge = Chat(**self.spec["judge"]) if "judge" in self.spec else None
        self.min_score = float(self.spec.get("min_score", 0.5))

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        if self.judge is None:
            found = self.asked[0].predict(photo, task)
            return without(found, [n for n, p in (found.presence or {}).items() if p < self.min_score])
        names = task.queries
        there = {name: yes(self.judge.ask(photo, PRESENT.format(name=name))) for name in names}
        if not any(there.values()):
            return nothing(task, names, photo.shape[:2])
        found = without(self.asked[0].predict(photo, task), [name for name, so in there.items() if not so])
        return replace(found, presence={name: float(so) for name, so in there.items()})


class Rewriting(Wrapper):
    """A query that wants reasoning becomes a phrase that names what can be seen, once, and is painted once."""

    name, answers = "rewriting", "queries that want reasoning"

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__(spec, load=load)
        self.writer = Chat(**self.needed("writer"))

    def tasks(self) -> Iterable[str]:
        return (name for name in super().tasks() if "text" in TASKS[name].__dataclass_fields__)

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        asked = task.queries
        said = tuple(phrase(self.writer.ask(photo, REWRITE.format(text=text))) for text in asked)
        put = replace(task, text=said if len(said) > 1 else said[0])
        found = self.asked[0].predict(photo, put)
        presence = dict(zip(asked, (found.presence or {}).values(), strict=False)) or None
        return replace(found, names=asked, presence=presence)


class Routed(Wrapper):
    """Asks those of `ask` that support the task, and gives the answer whose calibrated confidence is largest in the
    mean: of the picture, or of the things found. With `min_confidence`, the first that reaches it; then the others are
    not asked."""

    name, wants, answers = "routed", "ask", "the most confident"

    def tasks(self) -> Iterable[str]:
        return TASKS

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        best, highest, refused = None, -1.0, []
        enough = float(self.spec.get("min_confidence", 2.0))
        for one in self.asked:
            if not one.supports(task.name):
                continue
            try:
                answer = one.predict(photo, task)
            except (UsageError, PainterError) as error:  # it does not know these words: the next may
                refused.append(f"{one.identity.name}: {error}")
                continue
            confidence = mean_confidence(answer)
            if confidence > highest:
                best, highest = answer, confidence
            if confidence >= enough:
                break
        if best is None:
            raise PainterError(f"nobody could answer this ({'; '.join(refused) or 'nobody supports it'})")
        return best


def mean_confidence(answer: Prediction) -> float:
    """Of all pixels, or of instances the mean of their scores."""
    values = answer.scores if isinstance(answer, Instances) else answer.confidence
    return float(values.mean()) if values.size else 0.0


def yes(said: str) -> bool:
    """Whether an answer to PRESENT is yes.

    >>> yes("(A): Yes"), yes("B"), yes("**No**"), yes("A")
    (True, False, False, True)
    """
    word = re.search(r"\b(yes|no|a|b)\b", said.lower())
    return bool(word) and word[1] in ("yes", "a")  # type: ignore[index]


def phrase(said: str) -> str:
    """The first line of an answer, bare of quotes and a full stop. PainterError for an empty one."""
    lines = [line.strip(" \t\"'`*.") for line in said.splitlines()]
    named = next((line for line in lines if line), "")
    if not named:
        raise PainterError("the query came back without words; ask again, or take another model")
    return named


def without(answer: Prediction, absent: Sequence[str]) -> Prediction:
    """The answer with nothing where a thing is not there."""
    if isinstance(answer, Alpha):
        there = np.array([name not in absent for name in answer.names], np.float32)
        return replace(answer, alpha=answer.alpha * there[:, None, None])
    if isinstance(answer, Instances):
        gone = [i for i, name in enumerate(answer.classes) if name in absent]
        return answer[~np.isin(answer.labels, gone)]
    return answer


def nothing(task: Task, names: tuple[str, ...], size: tuple[int, int]) -> Prediction:
    """The answer to a question about things none of which is there."""
    confidence, presence = np.ones(size, np.float32), dict.fromkeys(names, 0.0)
    if task.kind is Alpha:
        alpha = np.zeros((len(names), *size), np.float32)
        return Alpha(alpha=alpha, names=names, presence=presence, confidence=confidence)
    masks = np.zeros((0, *size), bool) if task.with_masks else None
    none = np.zeros((0, 4), np.float32)
    return Instances(boxes=none, labels=np.zeros(0, np.int64), classes=names, scores=none[:, 0], masks=masks,
                     presence=presence, confidence=confidence)  # fmt: skip

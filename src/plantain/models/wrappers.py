"""Models made of models: gated by a question of presence, with queries rewritten, routed by confidence.

    plantain.load("gated", spec={"model": "embedded"})                          # by the painting's own presence
    plantain.load("gated", spec={"model": "sam3", "judge": {"url": ..., "model": ...}})     # by a model with words
    plantain.load("rewriting", spec={"model": "embedded", "writer": {"url": ..., "model": ...}})
    plantain.load("routed", spec={"ask": ["selfie", "embedded"], "options": {"selfie": {"weights": ...}}})

Each is asked like a specialist. `spec` may be a TOML file, so that command line and benchmarks can name it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from plantain._shapes import UInt8
from plantain.errors import PainterError, UsageError
from plantain.files import read_text
from plantain.models.base import lazy
from plantain.models.endpoints import Chat
from plantain.models.identity import Identity, digest
from plantain.models.specialists.base import Specialist
from plantain.predictions.types import Alpha, Instances, Prediction
from plantain.tasks import TASKS, Task

# the question of presence and its options as arXiv 2604.20329, section 3.1, gives them
PRESENT = (
    "Is there an instance of {name} visible in this image? Choose your answer from the following options: "
    "(A): Yes, (B): No."
)
REWRITE = (
    "A question about this image asks for a part of it: {text!r}. Work out which thing is meant. Answer with one short "
    "descriptive noun phrase that names this thing by what can be seen of it (kind, colour, place), and nothing else."
)
NAMED = ("refer", "instances", "detect", "matte")


@runtime_checkable
class Predictor(Protocol):
    """What a wrapper needs of the models it asks, which it gets from the pipeline's `load`."""

    identity: Identity
    calibration: Mapping[str, Any]

    def supports(self, task: str) -> bool: ...

    def predict(self, photo: Any, task: Any) -> Any: ...

    def close(self) -> None: ...


class Wrapper(Specialist):
    """What the three share: a spec, the models it names, and the protocol of a specialist. `load` makes a model by its
    name in the table; the pipeline hands it in."""

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__()
        if spec is None:
            raise UsageError(f"{self.name} wants a spec that says whom to ask; see the guide on evaluation")
        self.spec = dict(spec) if isinstance(spec, Mapping) else read_spec(Path(spec))

        self.load, self.asked = load, list[Predictor]()

    @lazy
    def identity(self) -> Identity:
        """Its spec, and all whom it asks, with what sets their confidence right."""
        asked = digest([(one.identity.key, dict(one.calibration)) for one in self.asked])
        return Identity(self.name, weights=asked, settings=digest(self.spec))

    def close(self) -> None:
        for one in self.asked:
            one.close()

    def loaded(self, name: str) -> Predictor:
        """A model by its name in the table, with the options that the spec has for it."""
        one = self.load(name, **self.spec.get("options", {}).get(name, {}))
        self.asked.append(one)
        return one

    def needed(self, key: str) -> Any:
        """What the spec says of a key; UsageError where it says nothing."""
        if key not in self.spec:
            raise UsageError(f"the spec of {self.name} must say {key!r}; it says: {', '.join(self.spec) or 'nothing'}")
        return self.spec[key]


def read_spec(path: Path) -> dict[str, Any]:
    """A TOML file. UsageError for none."""
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        raise UsageError(f"no spec at {path}; give a .toml file") from error
    except ValueError as error:
        raise UsageError(f"{path} is no TOML ({error})") from error


class Gated(Wrapper):
    """Asks first whether a thing is there at all; what is not there gets an empty answer. The judge is a model that
    answers in words, asked as the paper asks, or the painting's own presence against `min_score`."""

    name = "gated"

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__(spec, load=load)
        self.inner = self.loaded(self.needed("model"))
        self.judge = Chat(**self.spec["judge"]) if "judge" in self.spec else None
        self.min_score = float(self.spec.get("min_score", 0.5))
        self.supported_tasks = {name: "what is there" for name in NAMED if self.inner.supports(name)}

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        if self.judge is None:
            seen = self.inner.predict(photo, task)
            return without(seen, [n for n, p in (seen.presence or {}).items() if p < self.min_score])
        names = task.queries
        there = {name: yes(self.judge.ask(photo, PRESENT.format(name=name))) for name in names}
        if not any(there.values()):
            return nothing(task, names, photo.shape[:2])
        seen = without(self.inner.predict(photo, task), [name for name, so in there.items() if not so])
        return replace(seen, presence={name: float(so) for name, so in there.items()})


class Rewriting(Wrapper):
    """A query that wants reasoning becomes a phrase that names what can be seen, once, and is painted once."""

    name = "rewriting"

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__(spec, load=load)
        self.inner = self.loaded(self.needed("model"))
        self.writer = Chat(**self.needed("writer"))
        self.supported_tasks = {
            name: "queries that want reasoning" for name in ("refer", "matte") if self.inner.supports(name)
        }

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        asked = task.queries
        said = tuple(phrase(self.writer.ask(photo, REWRITE.format(text=text))) for text in asked)
        put = replace(task, text=said if len(said) > 1 else said[0])
        seen: Any = self.inner.predict(photo, put)
        presence = dict(zip(asked, (seen.presence or {}).values(), strict=False)) or None
        return replace(seen, names=asked, presence=presence)


class Routed(Wrapper):
    """Asks those of `ask` that support the task, and gives the answer whose calibrated confidence is largest in the
    mean: of the picture, or of the things found. With `min_confidence`, the first that reaches it; then the others are
    not asked."""

    name = "routed"

    def __init__(self, spec: str | Path | Mapping[str, Any] | None = None, *, load: Any) -> None:
        super().__init__(spec, load=load)
        self.inner = [self.loaded(name) for name in self.needed("ask")]
        self.min_confidence = float(self.spec.get("min_confidence", 2.0))
        self.supported_tasks = {name: "the surest" for name in TASKS if any(one.supports(name) for one in self.inner)}

    def answer(self, photo: UInt8[np.ndarray, "h w 3"], task: Any) -> Prediction:
        best, surest, refused = None, -1.0, []
        for one in self.inner:
            if not one.supports(task.name):
                continue
            try:
                seen = one.predict(photo, task)
            except (UsageError, PainterError) as error:  # it does not know these words: the next may
                refused.append(f"{one.identity.name}: {error}")
                continue
            sure = stated(seen)
            if sure > surest:
                best, surest = seen, sure
            if sure >= self.min_confidence:
                break
        if best is None:
            raise PainterError(f"nobody could answer this ({'; '.join(refused) or 'nobody supports it'})")
        return best


def stated(seen: Prediction) -> float:
    """How sure an answer is of itself: its mean confidence, or the mean score of what it found."""
    if isinstance(seen, Instances):
        return float(seen.scores.mean()) if len(seen.scores) else 0.0
    return float(seen.confidence.mean())


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


def without(seen: Prediction, absent: Sequence[str]) -> Prediction:
    """The answer with nothing where a thing is not there."""
    if isinstance(seen, Alpha):
        there = np.array([name not in absent for name in seen.names], np.float32)
        return replace(seen, alpha=seen.alpha * there[:, None, None])
    if isinstance(seen, Instances):
        gone = [i for i, name in enumerate(seen.classes) if name in absent]
        return seen[~np.isin(seen.labels, gone)]
    return seen


def nothing(task: Task, names: tuple[str, ...], size: tuple[int, int]) -> Prediction:
    """The answer to a question about things none of which is there."""
    sure, presence = np.ones(size, np.float32), dict.fromkeys(names, 0.0)
    if task.kind is Alpha:
        return Alpha(alpha=np.zeros((len(names), *size), np.float32), names=names, presence=presence, confidence=sure)
    masks = np.zeros((0, *size), bool) if task.name == "instances" else None
    none = np.zeros((0, 4), np.float32)
    return Instances(boxes=none, labels=np.zeros(0, np.int64), classes=names, scores=none[:, 0], masks=masks,
                     presence=presence, confidence=sure)  # fmt: skip

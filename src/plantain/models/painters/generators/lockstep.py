"""Stock calls of one pipeline side by side, so that photos go through the denoiser together.

In most classes a list of pictures means references of one painting, not several photos, and one refuses any batch. So
each request is a stock call of its own, and these calls take turns: one runs until it needs the denoiser, then the
next, and when all wait there their inputs are joined, run once, and given back in parts. What a class does before,
after and between is its own code, and a batch is equal to the stock calls one by one. One call runs at any moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")
_here = threading.local()  # the lockstep that the current thread runs in


def joinable(forward: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """A denoiser's forward that joins the calls of a lockstep. It takes latents of any precision and answers in
    float32, so that what is added up from step to step is not rounded to the denoiser's `dtype`."""
    import torch

    def cast(value: Any, to: Any) -> Any:
        return value.to(to) if isinstance(value, torch.Tensor) and value.is_floating_point() else value

    def run(*args: Any, **kwargs: Any) -> Any:
        latents = {name: cast(kwargs[name], dtype) for name in ("hidden_states", "sample") if name in kwargs}
        made = forward(*[cast(one, dtype) for one in args[:1]], *args[1:], **(kwargs | latents))
        return tuple(cast(one, torch.float32) for one in made) if isinstance(made, tuple) else made

    @wraps(forward)  # some classes read its signature
    def joined(*args: Any, **kwargs: Any) -> Any:
        lockstep: Lockstep | None = getattr(_here, "lockstep", None)
        return run(*args, **kwargs) if lockstep is None else lockstep.ask(run, args, kwargs)

    return joined


class Lockstep:
    """Runs calls side by side: `Lockstep().run([call, ...])` gives what each returned, or the exception it raised."""

    def __init__(self) -> None:
        self.turn = threading.Condition()  # held by the one that runs
        self.alive = 0
        self.waiting: dict[int, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {}
        self.answers: dict[int, Any] = {}

    def run(self, calls: Sequence[Callable[[], T]]) -> list[T | BaseException]:
        made: list[Any] = [None] * len(calls)
        if len(calls) == 1:  # nothing to take turns with
            return [_caught(calls[0])]
        self.alive = len(calls)

        def lane(place: int) -> None:
            _here.lockstep = self
            with self.turn:
                made[place] = _caught(calls[place])
                self.alive -= 1
                self.turn.notify_all()

        threads = [threading.Thread(target=lane, args=(i,), daemon=True) for i in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return made

    def ask(self, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The denoiser's answer to one call; the last to come asks it for all."""
        me = threading.get_ident()
        self.waiting[me] = forward, args, kwargs
        while me not in self.answers:
            if len(self.waiting) == self.alive:
                self._answer()
                self.turn.notify_all()
            else:
                self.turn.wait()
        answer = self.answers.pop(me)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _answer(self) -> None:
        groups: dict[Any, list[int]] = {}
        for lane, (_, args, kwargs) in self.waiting.items():
            groups.setdefault(signature((args, kwargs), _batch(args, kwargs)), []).append(lane)
        for lanes in groups.values():
            calls = [self.waiting[lane] for lane in lanes]
            batch = _batch(*calls[0][1:])
            try:
                args, kwargs = join([call[1:] for call in calls], batch)
                parts = _split(calls[0][0](*args, **kwargs), len(lanes))
            except Exception as error:  # each of them gets it
                parts = [error] * len(lanes)
            self.answers |= dict(zip(lanes, parts, strict=True))
        self.waiting.clear()


def _caught(call: Callable[[], T]) -> T | BaseException:
    try:
        return call()
    except BaseException as error:
        return error


def _batch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many rows a call has by itself: more than one where guidance asks for several answers at once."""
    return int((args[0] if args else kwargs.get("hidden_states", kwargs.get("sample"))).shape[0])


def signature(value: Any, batch: int) -> Any:
    """Equal for calls that may be joined: shapes of what is joined, and the value of everything else."""
    import torch

    if isinstance(value, torch.Tensor):
        shape = (str(value.dtype), str(value.device), tuple(value.shape))
        rows = value.ndim and value.shape[0] == batch and value.is_floating_point()
        return shape if rows else (shape, value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    if isinstance(value, Mapping):
        return tuple((key, signature(value[key], batch)) for key in sorted(value))
    if isinstance(value, list | tuple):
        return tuple(signature(one, batch) for one in value)
    return value if value is None or isinstance(value, bool | int | float | str) else id(value)


def join(values: Sequence[Any], batch: int) -> Any:
    """Arguments of calls as those of one call: tensors and lists with a row for each painting one after another;
    anything else is the same for all."""
    import torch

    first = values[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(values)) if first.ndim and first.shape[0] == batch else first
    if isinstance(first, Mapping):
        return {key: join([value[key] for value in values], batch) for key in first}
    if isinstance(first, tuple):
        return tuple(join([value[i] for value in values], batch) for i in range(len(first)))
    if isinstance(first, list) and len(first) == batch:
        return [one for value in values for one in value]
    return first


def _split(made: Any, count: int) -> list[Any]:
    """An answer, in as many parts as there were calls."""
    if isinstance(made, tuple):
        return list(zip(*(_split(one, count) for one in made), strict=True))
    return list(made.chunk(count)) if hasattr(made, "chunk") else [made] * count

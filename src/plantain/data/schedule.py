"""Which part of a mixture sample n comes from: exact proportions over any stretch, and any n without those before it.

Up to the end of each window of samples, every part has had its share to within one sample, for any real shares; inside
a window samples of a part are spread out, at places drawn by seed, so that no period can fall together with a batch or
a number of processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np

from plantain._shapes import Int
from plantain.errors import UsageError

WINDOWS = (100, 200, 500, 1000, 2000, 5000, 10_000)  # samples; those that divide 10,000


@dataclass(frozen=True)
class Schedule:
    """The order of parts with these shares (positive, of any sum)."""

    shares: tuple[float, ...]
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) <= 0:
            raise UsageError(f"shares must be positive, not {', '.join(map(str, self.shares)) or 'none'}")

    @cached_property
    def bounds(self) -> tuple[Fraction, ...]:
        """0, and the shares added up, exactly, to 1."""
        exact = [Fraction(str(share)) for share in self.shares]
        sums = [sum(exact[:i], Fraction(0)) for i in range(len(exact) + 1)]
        return tuple(each / sums[-1] for each in sums)

    @cached_property
    def window(self) -> int:
        """The shortest window that holds two samples of the rarest part."""
        rarest = min(high - low for low, high in zip(self.bounds, self.bounds[1:], strict=False))
        return next((w for w in WINDOWS if w * rarest >= 2), int(2 / rarest) + 1)

    def counts(self, n: int) -> Int[np.ndarray, "k"]:
        """How many of the samples before n come from each part, where n ends a window."""
        return np.diff([int(bound * n) for bound in self.bounds])

    def locate(self, n: int) -> tuple[int, int]:
        """The part that sample n comes from, and how many of that part came before it."""
        window, place = divmod(n, self.window)
        return _drawn(self, window)[place]


@lru_cache(maxsize=64)
def _drawn(schedule: Schedule, window: int) -> tuple[tuple[int, int], ...]:
    """The samples of a window: the part of each, and its number there."""
    start = window * schedule.window
    before = schedule.counts(start)
    each = schedule.counts(start + schedule.window) - before
    rng = np.random.default_rng((schedule.seed, window))
    places = [
        (np.arange(count) + rng.random(count)) / count for count in each
    ]  # spread out, each in a stretch of its own
    order = np.argsort(np.concatenate(places), kind="stable")
    parts = np.repeat(np.arange(len(each)), each)
    numbers = np.concatenate([first + np.arange(count) for first, count in zip(before, each, strict=True)])
    return tuple(zip(parts[order].tolist(), numbers[order].tolist(), strict=True))


@lru_cache(maxsize=64)
def shuffled(count: int, seed: int, epoch: int) -> Int[np.ndarray, "n"]:
    """The order of a part's samples in one round through them."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def in_rounds(j: int, count: int, seed: int) -> int:
    """Which of a part's `count` samples is its j-th: each once a round, in an order of the round's own."""
    epoch, place = divmod(j, count)
    return int(shuffled(count, seed, epoch)[place])


def seeds(seed: int, names: Sequence[str]) -> tuple[int, ...]:
    """A seed for each name, apart from one another."""
    return tuple(int(np.random.default_rng([seed, *name.encode()]).integers(1 << 62)) for name in names)
